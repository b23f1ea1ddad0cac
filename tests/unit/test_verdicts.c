/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "supervisor/verdicts.h"
#include "syscalls/names.h"

/* getpid: an errno; personality: an errno for 8 alone; the rest is allowed. */
static struct sock_filter insns[] = {
        { BPF_LD | BPF_W | BPF_ABS, 0, 0, 0 },
        { BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_getpid },
        { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EACCES },
        { BPF_JMP | BPF_JEQ | BPF_K, 0, 3, SYS_personality },
        { BPF_LD | BPF_W | BPF_ABS, 0, 0, 16 },
        { BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 8 },
        { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM },
        { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW },
};
static const struct filter filter = { insns, sizeof(insns) / sizeof(insns[0]) };

Test(verdicts, what_is_kept_is_what_would_be_said_again) {
        static const struct {
                int nr;
                uint64_t arg;
                uint32_t verdict;
        } rows[] = {
                { SYS_getpid, 0, SECCOMP_RET_ERRNO | EACCES },
                { SYS_getpid, 8, SECCOMP_RET_ERRNO | EACCES },
                { SYS_personality, 9, SECCOMP_RET_ALLOW },
                { SYS_personality, 8, SECCOMP_RET_ERRNO | EPERM },
                { SYS_personality, 9, SECCOMP_RET_ALLOW },
                { SYS_getppid, 0, SECCOMP_RET_ALLOW },
                { 511, 0, SECCOMP_RET_ALLOW },
                { 512, 0, SECCOMP_RET_ALLOW },
                { -1, 0, SECCOMP_RET_ALLOW },
        };
        struct verdicts *verdicts = NULL;

        for (int round = 0; round < 2; round++)
                for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                        struct seccomp_data data = { .nr = rows[i].nr,
                                                     .arch = arch_native()->audit,
                                                     .args = { rows[i].arg } };

                        cr_expect_eq(verdicts_ask(&verdicts, &filter, &data), rows[i].verdict, "row %zu", i);
                }
        free(verdicts);
}

Test(verdicts, another_filter_is_asked_anew) {
        struct sock_filter other_insn = { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_LOG };
        const struct filter other = { &other_insn, 1 }, none = { NULL, 0 };
        struct seccomp_data data = { .nr = SYS_getpid, .arch = arch_native()->audit };
        struct verdicts *verdicts = NULL;

        verdicts_forget(verdicts);
        cr_expect_eq(verdicts_ask(&verdicts, &none, &data), SECCOMP_RET_USER_NOTIF);
        cr_expect_null(verdicts, "nothing is kept of no filter");
        cr_expect_eq(verdicts_ask(&verdicts, &filter, &data), SECCOMP_RET_ERRNO | EACCES);
        verdicts_forget(verdicts);
        cr_expect_eq(verdicts_ask(&verdicts, &other, &data), SECCOMP_RET_LOG);
        free(verdicts);
}
