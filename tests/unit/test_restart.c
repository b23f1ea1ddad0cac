/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <linux/audit.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "supervisor/restart.h"
#include "tests/fakes/fake_kernel.h"

#ifdef __x86_64__

#define FRAME (FAKE_MEMORY_BASE + 0x1000)
#define CODE  (FAKE_MEMORY_BASE + 0x100)

struct row {
        unsigned char code[9];
        int64_t rax;
        int nr_on_top; /* the call that /proc says the task is in */
        enum fake_fate fate;
        bool restarted;
        uint64_t nr; /* that will run again */
};

ParameterizedTestParameters(restart, rows) {
        static struct row rows[] = {
                /* mov $0x3, %eax; syscall: close */
                { { 0x90, 0x90, 0xb8, 3, 0, 0, 0, 0x0f, 0x05 },
                  -EINTR,
                  SYS_rt_sigreturn,
                  FAKE_LIVES,
                  true,
                  SYS_close },
                /* mov $0xf, %rax; syscall: rt_sigreturn itself */
                { { 0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05 },
                  -EINTR,
                  SYS_rt_sigreturn,
                  FAKE_LIVES,
                  true,
                  15 },
                /* a call that may give EINTR by itself: wait4 */
                { { 0x90, 0x90, 0xb8, 61, 0, 0, 0, 0x0f, 0x05 },
                  -EINTR,
                  SYS_rt_sigreturn,
                  FAKE_LIVES,
                  false,
                  0 },
                /* the call succeeded before the signal */
                { { 0x90, 0x90, 0xb8, 3, 0, 0, 0, 0x0f, 0x05 }, 0, SYS_rt_sigreturn, FAKE_LIVES, false, 0 },
                /* no syscall instruction there: rax is -4 by chance */
                { { 0x90, 0x90, 0xb8, 3, 0, 0, 0, 0x90, 0x90 },
                  -EINTR,
                  SYS_rt_sigreturn,
                  FAKE_LIVES,
                  false,
                  0 },
                /* the number came from a register */
                { { 0x4c, 0x8b, 0x4c, 0x24, 8, 0, 0, 0x0f, 0x05 },
                  -EINTR,
                  SYS_rt_sigreturn,
                  FAKE_LIVES,
                  false,
                  0 },
                /* the task is no longer where we think */
                { { 0x90, 0x90, 0xb8, 3, 0, 0, 0, 0x0f, 0x05 }, -EINTR, SYS_read, FAKE_LIVES, false, 0 },
                { { 0x90, 0x90, 0xb8, 3, 0, 0, 0, 0x0f, 0x05 },
                  -EINTR,
                  SYS_rt_sigreturn,
                  FAKE_GONE_AT_CONFIRM,
                  false,
                  0 },
        };

        return cr_make_param_array(struct row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct row *row, restart, rows) {
        static struct fake_kernel fake;
        struct seccomp_notif notif;
        char syscall_text[200], before[sizeof(fake.memory)];
        ucontext_t *frame;

        fake_kernel_init(&fake);
        frame = (ucontext_t *)(fake.memory + (FRAME - FAKE_MEMORY_BASE));
        frame->uc_mcontext.gregs[REG_RAX] = row->rax;
        frame->uc_mcontext.gregs[REG_RIP] = CODE + sizeof(row->code);
        memcpy(fake.memory + (CODE - FAKE_MEMORY_BASE), row->code, sizeof(row->code));
        snprintf(syscall_text, sizeof(syscall_text), "%d 0x0 0x0 0x0 0x0 0x0 0x0 0x%x 0x400010\n",
                 row->nr_on_top, FRAME);
        fake.syscall = syscall_text;
        memcpy(before, fake.memory, sizeof(before));
        fake_kernel_call(&fake, 7, AUDIT_ARCH_X86_64, SYS_rt_sigreturn, NULL, row->fate);
        fake_kernel_receive(&fake, &notif);

        cr_assert_eq(restart_interrupted(&fake.kernel, 0, notif.id, 7), row->restarted);
        if (row->restarted) {
                cr_assert_eq((uint64_t)frame->uc_mcontext.gregs[REG_RAX], row->nr);
                cr_assert_eq(frame->uc_mcontext.gregs[REG_RIP], CODE + 7);
        } else
                cr_assert_eq(memcmp(before, fake.memory, sizeof(before)), 0,
                             "nothing of the task's may change");
        fake_kernel_deinit(&fake);
}

#endif

Test(restart, calls_known_to_wait_keep_their_eintr) {
        cr_assert(restart_may_interrupt(SYS_read));
        cr_assert(restart_may_interrupt(SYS_futex));
        cr_assert_not(restart_may_interrupt(SYS_close));
        cr_assert_not(restart_may_interrupt(SYS_pipe2));
        cr_assert_not(restart_may_interrupt(SYS_clone));
        cr_assert_not(restart_may_interrupt(SYS_newfstatat));
}
