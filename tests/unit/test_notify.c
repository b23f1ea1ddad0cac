/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/audit.h>
#include <sys/syscall.h>

#include "agent/notify.h"
#include "policy/simulate.h"
#include "syscalls/names.h"

#define CLONE_NEWUSER_FLAG 0x10000000u
#define NEW_LISTENER       8u

/* mkdir ERRNO, reboot KILL, ptrace TRAP, sync LOG, mount NOTIFY, unknown architectures KILL, the rest ALLOW.
 */
static struct filter enforcing(void) {
        static struct sock_filter insns[] = {
                { BPF_LD | BPF_W | BPF_ABS, 0, 0, 4 },
                { BPF_JMP | BPF_JEQ | BPF_K, 1, 0, AUDIT_ARCH_X86_64 },
                { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_THREAD },
                { BPF_LD | BPF_W | BPF_ABS, 0, 0, 0 },
                { BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_mkdir },
                { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EACCES },
                { BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_reboot },
                { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS },
                { BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_ptrace },
                { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_TRAP },
                { BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_sync },
                { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_LOG },
                { BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_mount },
                { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_USER_NOTIF },
                { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW },
        };

        return (struct filter){ insns, sizeof(insns) / sizeof(insns[0]) };
}

struct row {
        uint32_t arch;
        int nr;
        uint64_t arg0, arg1;
        uint32_t dry_run, enforce;
};

#define NOTIF SECCOMP_RET_USER_NOTIF
#define ALLOW SECCOMP_RET_ALLOW

Test(notify, dry_run_sees_all_refusals_and_enforcing_only_what_it_may_answer) {
        static const struct row rows[] = {
                { AUDIT_ARCH_X86_64, SYS_mkdir, 0, 0, NOTIF, NOTIF },
                { AUDIT_ARCH_X86_64, SYS_reboot, 0, 0, NOTIF, SECCOMP_RET_KILL_PROCESS },
                { AUDIT_ARCH_X86_64, SYS_ptrace, 0, 0, NOTIF, SECCOMP_RET_TRAP },
                { AUDIT_ARCH_X86_64, SYS_sync, 0, 0, NOTIF, SECCOMP_RET_LOG },
                { AUDIT_ARCH_X86_64, SYS_mount, 0, 0, NOTIF, NOTIF },
                { AUDIT_ARCH_X86_64, SYS_read, 0, 0, ALLOW, ALLOW },
                { AUDIT_ARCH_X86_64, 9999, 0, 0, ALLOW, ALLOW },
                { AUDIT_ARCH_I386, 39, 0, 0, NOTIF, SECCOMP_RET_KILL_THREAD },
                { AUDIT_ARCH_AARCH64, 1, 0, 0, NOTIF, SECCOMP_RET_KILL_THREAD },
                /* a second listener is watched although it is allowed */
                { AUDIT_ARCH_X86_64, SYS_seccomp, 1, NEW_LISTENER, NOTIF, NOTIF },
                { AUDIT_ARCH_X86_64, SYS_seccomp, 1, 0, ALLOW, ALLOW },
        };
        struct filter from = enforcing(), dry = FILTER_INIT, live = FILTER_INIT;

        cr_assert_eq(notify_dry_run(&from, &dry), 0);
        cr_assert_eq(notify_enforce(&from, &live), 0);
        cr_assert_eq(filter_check(&dry), 0);
        cr_assert_eq(filter_check(&live), 0);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct seccomp_data data = { .arch = rows[i].arch,
                                             .nr = rows[i].nr,
                                             .args = { rows[i].arg0, rows[i].arg1 } };

                cr_assert_eq(filter_simulate(&dry, &data, NULL), rows[i].dry_run, "row %zu", i);
                cr_assert_eq(filter_simulate(&live, &data, NULL), rows[i].enforce, "row %zu", i);
        }
        filter_deinit(&dry);
        filter_deinit(&live);
}

Test(notify, recording_notifies_all_but_the_assumed) {
        static const struct {
                uint32_t arch;
                int nr;
                uint64_t arg0;
                uint32_t expected;
        } rows[] = {
                { AUDIT_ARCH_X86_64, SYS_close, 3, ALLOW },
                { AUDIT_ARCH_X86_64, SYS_exit_group, 0, ALLOW },
                { AUDIT_ARCH_X86_64, SYS_vfork, 0, ALLOW },
                { AUDIT_ARCH_X86_64, SYS_clone, 17, ALLOW },
                { AUDIT_ARCH_X86_64, SYS_clone, 17 | CLONE_NEWUSER_FLAG, NOTIF },
                { AUDIT_ARCH_X86_64, SYS_rt_sigreturn, 0, NOTIF },
                { AUDIT_ARCH_X86_64, SYS_read, 0, NOTIF },
                { AUDIT_ARCH_X86_64, 100000, 0, NOTIF },
                { AUDIT_ARCH_X86_64, (int)(X32_NR_BIT | 1), 0, NOTIF },
                { AUDIT_ARCH_I386, 6, 3, ALLOW },  /* close */
                { AUDIT_ARCH_I386, 39, 0, NOTIF }, /* mkdir */
                { AUDIT_ARCH_AARCH64, 57, 0, NOTIF },
        };
        struct filter filter = FILTER_INIT, with_base = FILTER_INIT, base = enforcing();

        cr_assert_eq(notify_record(NULL, &filter), 0);
        cr_assert_eq(filter_check(&filter), 0);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct seccomp_data data = { .arch = rows[i].arch,
                                             .nr = rows[i].nr,
                                             .args = { rows[i].arg0 } };

                cr_assert_eq(filter_simulate(&filter, &data, NULL), rows[i].expected, "row %zu", i);
        }
        cr_assert_eq(notify_record(&base, &with_base), 0);
        cr_assert_eq(filter_simulate(&with_base,
                                     &(struct seccomp_data){ .arch = AUDIT_ARCH_X86_64, .nr = SYS_read },
                                     NULL),
                     ALLOW, "what the base allows is not notified again");
        cr_assert_eq(filter_simulate(&with_base,
                                     &(struct seccomp_data){ .arch = AUDIT_ARCH_X86_64, .nr = SYS_mkdir },
                                     NULL),
                     NOTIF);
        filter_deinit(&filter);
        filter_deinit(&with_base);
}

/* What signals take back of notified calls can be repaired only if handlers are seen to return. */
Test(notify, returns_of_handlers_are_watched_where_anything_is_notified) {
        static const struct {
                uint32_t action, dry_run, enforce;
        } rows[] = {
                { SECCOMP_RET_ERRNO | EPERM, NOTIF, NOTIF },
                { SECCOMP_RET_KILL_PROCESS, NOTIF, ALLOW }, /* killing stays in the kernel */
                { ALLOW, ALLOW, ALLOW },
        };
        struct seccomp_data data = { .arch = AUDIT_ARCH_X86_64, .nr = SYS_rt_sigreturn };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct sock_filter insns[] = {
                        { BPF_LD | BPF_W | BPF_ABS, 0, 0, 0 },
                        { BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_chown },
                        { BPF_RET | BPF_K, 0, 0, rows[i].action },
                        { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW },
                };
                struct filter enforcing = { insns, 4 }, filter = FILTER_INIT;

                cr_assert_eq(notify_dry_run(&enforcing, &filter), 0);
                cr_assert_eq(filter_simulate(&filter, &data, NULL), rows[i].dry_run, "row %zu", i);
                filter_deinit(&filter);
                cr_assert_eq(notify_enforce(&enforcing, &filter), 0);
                cr_assert_eq(filter_simulate(&filter, &data, NULL), rows[i].enforce, "row %zu", i);
                filter_deinit(&filter);
        }
}
