/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator against rows, against the kernel itself, and the checker against the kernel's. */

#include "policy/simulate.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/audit.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX 8

struct row {
        const char *what;
        struct sock_filter insns[MAX];
        size_t n;
        int nr;
        uint64_t args[6];
        uint32_t result;
        bool valid, on_arguments;
};

#define LD(k)          BPF_STMT(BPF_LD | BPF_W | BPF_ABS, k)
#define RET(k)         BPF_STMT(BPF_RET | BPF_K, k)
#define JEQ(k, jt, jf) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, jt, jf)
#define ALU(op, k)     BPF_STMT(BPF_ALU | BPF_K | (op), k)
#define LDI(k)         BPF_STMT(BPF_LD | BPF_IMM, k)
#define LDXI(k)        BPF_STMT(BPF_LDX | BPF_IMM, k)
#define RETA           BPF_STMT(BPF_RET | BPF_A, 0)

static const struct row rows[] = {
        { "constant", { RET(7) }, 1, 0, { 0 }, 7, true, false },
        { "number", { LD(0), JEQ(39, 0, 1), RET(1), RET(2) }, 4, 39, { 0 }, 1, true, false },
        { "other number", { LD(0), JEQ(39, 0, 1), RET(1), RET(2) }, 4, 40, { 0 }, 2, true, false },
        { "argument", { LD(16), RETA }, 2, 0, { 0x100000005 }, 5, true, true },
        { "upper half", { LD(20), RETA }, 2, 0, { 0x100000005 }, 1, true, true },
        { "last argument", { LD(60), RETA }, 2, 0, { 0, 0, 0, 0, 0, 0x700000000 }, 7, true, true },
        { "instruction pointer", { LD(8), RETA }, 2, 0, { 0 }, 0, true, true },
        { "untaken look at an argument",
          { LD(0), JEQ(0, 1, 0), LD(16), RET(3) },
          4,
          0,
          { 0 },
          3,
          true,
          false },
        { "add", { LDI(5), ALU(BPF_ADD, 0xffffffff), RETA }, 3, 0, { 0 }, 4, true, false },
        { "subtract", { LDI(5), ALU(BPF_SUB, 6), RETA }, 3, 0, { 0 }, 0xffffffff, true, false },
        { "multiply", { LDI(0x10000), ALU(BPF_MUL, 0x10001), RETA }, 3, 0, { 0 }, 0x10000, true, false },
        { "divide", { LDI(7), ALU(BPF_DIV, 2), RETA }, 3, 0, { 0 }, 3, true, false },
        { "mask", { LDI(0xff), ALU(BPF_AND, 0xf0f), RETA }, 3, 0, { 0 }, 0xf, true, false },
        { "or", { LDI(0xf0), ALU(BPF_OR, 0xf), RETA }, 3, 0, { 0 }, 0xff, true, false },
        { "xor", { LDI(0xff), ALU(BPF_XOR, 0xf), RETA }, 3, 0, { 0 }, 0xf0, true, false },
        { "shift left", { LDI(1), ALU(BPF_LSH, 31), RETA }, 3, 0, { 0 }, 0x80000000, true, false },
        { "shift right", { LDI(0x80000000), ALU(BPF_RSH, 31), RETA }, 3, 0, { 0 }, 1, true, false },
        { "negate", { LDI(1), BPF_STMT(BPF_ALU | BPF_NEG, 0), RETA }, 3, 0, { 0 }, 0xffffffff, true, false },
        { "divide by X = 0",
          { LDI(7), LDXI(0), BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0), RET(9) },
          4,
          0,
          { 0 },
          SECCOMP_RET_KILL_THREAD,
          true,
          false },
        { "X to A", { LDXI(6), BPF_STMT(BPF_MISC | BPF_TXA, 0), RETA }, 3, 0, { 0 }, 6, true, false },
        { "A to X",
          { LDI(6), BPF_STMT(BPF_MISC | BPF_TAX, 0), LDI(4), BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0), RETA },
          5,
          0,
          { 0 },
          10,
          true,
          false },
        { "length", { BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), RETA }, 2, 0, { 0 }, 64, true, false },
        { "scratch",
          { LDI(5), BPF_STMT(BPF_ST, 15), LDI(0), BPF_STMT(BPF_LD | BPF_MEM, 15), RETA },
          5,
          0,
          { 0 },
          5,
          true,
          false },
        { "long jump", { BPF_STMT(BPF_JMP | BPF_JA, 1), RET(1), RET(2) }, 3, 0, { 0 }, 2, true, false },
        { "greater",
          { LD(0), BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 5, 0, 1), RET(1), RET(2) },
          4,
          5,
          { 0 },
          2,
          true,
          false },
        { "at least",
          { LD(0), BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 5, 0, 1), RET(1), RET(2) },
          4,
          5,
          { 0 },
          1,
          true,
          false },
        { "unsigned",
          { LD(0), BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 5, 0, 1), RET(1), RET(2) },
          4,
          -1,
          { 0 },
          1,
          true,
          false },
        { "bits",
          { LD(0), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 4, 0, 1), RET(1), RET(2) },
          4,
          12,
          { 0 },
          1,
          true,
          false },
        /* what no kernel takes */
        { "empty", { { 0 } }, 0, 0, { 0 }, SECCOMP_RET_KILL_PROCESS, false, false },
        { "no return", { LD(0) }, 1, 0, { 0 }, SECCOMP_RET_KILL_PROCESS, false, false },
        { "jump past the end",
          { JEQ(0, 1, 0), RET(1) },
          2,
          0,
          { 0 },
          SECCOMP_RET_KILL_PROCESS,
          false,
          false },
        { "untaken jump past the end", { LD(0), JEQ(9, 5, 0), RET(1) }, 3, 0, { 0 }, 1, false, false },
        { "long jump past the end",
          { BPF_STMT(BPF_JMP | BPF_JA, 1), RET(1) },
          2,
          0,
          { 0 },
          SECCOMP_RET_KILL_PROCESS,
          false,
          false },
        { "jump around the world",
          { BPF_STMT(BPF_JMP | BPF_JA, UINT32_MAX), RET(1) },
          2,
          0,
          { 0 },
          SECCOMP_RET_KILL_PROCESS,
          false,
          false },
        { "unaligned", { LD(2), RETA }, 2, 0, { 0 }, SECCOMP_RET_KILL_PROCESS, false, false },
        { "past the data", { LD(64), RETA }, 2, 0, { 0 }, SECCOMP_RET_KILL_PROCESS, false, false },
        { "far past the data",
          { LD(0xfffffffc), RETA },
          2,
          0,
          { 0 },
          SECCOMP_RET_KILL_PROCESS,
          false,
          false },
        { "byte",
          { BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), RETA },
          2,
          0,
          { 0 },
          SECCOMP_RET_KILL_PROCESS,
          false,
          false },
        { "scratch word 16",
          { BPF_STMT(BPF_ST, 16), RET(1) },
          2,
          0,
          { 0 },
          SECCOMP_RET_KILL_PROCESS,
          false,
          false },
        { "unwritten scratch word", { BPF_STMT(BPF_LD | BPF_MEM, 3), RETA }, 2, 0, { 0 }, 0, false, false },
        { "scratch word written on one path",
          { LD(0), JEQ(1, 0, 1), BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LD | BPF_MEM, 3), RETA },
          5,
          1,
          { 0 },
          1,
          false,
          false },
        { "divide by 0", { ALU(BPF_DIV, 0), RET(1) }, 2, 0, { 0 }, SECCOMP_RET_KILL_PROCESS, false, false },
        { "shift by 32", { LDI(3), ALU(BPF_LSH, 32), RETA }, 3, 0, { 0 }, 3, false, false },
        { "modulo", { LDI(3), ALU(BPF_MOD, 2), RETA }, 3, 0, { 0 }, SECCOMP_RET_KILL_PROCESS, false, false },
};

Test(simulate, rows) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const struct row *row = &rows[i];
                struct filter filter = { .insns = (struct sock_filter *)row->insns, .n = row->n };
                struct seccomp_data data = { .nr = row->nr, .arch = AUDIT_ARCH_X86_64 };
                bool on_arguments;
                uint32_t result;

                memcpy(data.args, row->args, sizeof(data.args));
                result = filter_simulate(&filter, &data, &on_arguments);
                cr_expect_eq(result, row->result, "%s: %x", row->what, result);
                cr_expect_eq(on_arguments, row->on_arguments, "%s", row->what);
                cr_expect_eq(filter_check(&filter), row->valid ? 0 : -EINVAL, "%s", row->what);
        }
}

/* Offers the program to the kernel in a child: 0 taken, 1 EINVAL, 2 something else. */
static int kernel_takes(const struct filter *filter) {
        pid_t pid = fork();
        int status;

        if (!pid) {
                struct sock_fprog prog = { .len = (unsigned short)filter->n, .filter = filter->insns };

                prctl(PR_SET_DUMPABLE, 0); /* its death leaves no core */
                prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
                /* no flag: an extra filter of this kind would only harm this child, which exits at once by a
                 * call that KILL stops as well */
                if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
                        _exit(errno == EINVAL ? 1 : 2);
                _exit(0);
        }
        cr_assert_gt(pid, 0);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        if (WIFSIGNALED(status))
                return 0; /* taken, and then it killed _exit() */
        return WEXITSTATUS(status);
}

Test(simulate, checker_agrees_with_kernel) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct filter filter = { .insns = (struct sock_filter *)rows[i].insns, .n = rows[i].n };
                int taken = kernel_takes(&filter);

                if (taken == 2)
                        cr_skip("this kernel lets no filter be installed here");
                cr_expect_eq(taken, rows[i].valid ? 0 : 1, "%s: %d", rows[i].what, taken);
        }
}

Test(simulate, random_programs_stay_inside) {
        uint64_t seed = 7;

        for (unsigned i = 0; i < 20000; i++) {
                struct sock_filter insns[16];
                struct filter filter = { .insns = insns, .n = 16 };
                struct seccomp_data data = { .nr = (int)i, .arch = AUDIT_ARCH_X86_64 };

                for (size_t j = 0; j < sizeof(insns); j++) {
                        seed = seed * UINT64_C(6364136223846793005) + 1;
                        ((unsigned char *)insns)[j] =
                                (unsigned char)(seed >> 40) & (j % 8 < 2 ? 0x77 : 0x1f);
                }
                filter_simulate(&filter, &data, NULL);
                filter_check(&filter);
        }
}

/* The errno that the kernel gives to getppid(args) under the filter, in a child; 255: killed. */
static int kernel_errno(const struct filter *filter, const uint64_t args[6]) {
        pid_t pid = fork();
        int status;

        if (!pid) {
                struct sock_fprog prog = { .len = (unsigned short)filter->n, .filter = filter->insns };
                long r;

                prctl(PR_SET_DUMPABLE, 0);
                prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
                if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
                        _exit(254);
                r = syscall(SYS_getppid, args[0], args[1], args[2], args[3], args[4], args[5]);
                _exit(r < 0 ? errno : 0);
        }
        cr_assert_gt(pid, 0);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        return WIFSIGNALED(status) ? 255 : WEXITSTATUS(status);
}

/* getppid with an argument: the answer is an errno that tells the path through the program. */
Test(simulate, agrees_with_kernel) {
        struct sock_filter insns[] = {
                LD(0),
                JEQ(SYS_getppid, 1, 0),
                RET(SECCOMP_RET_ALLOW),
                LD(20),
                BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 3, 0, 1),
                RET(SECCOMP_RET_ERRNO | 11),
                LD(16),
                ALU(BPF_AND, 0xf0),
                JEQ(0x30, 0, 1),
                RET(SECCOMP_RET_ERRNO | 12),
                LD(24),
                BPF_STMT(BPF_ST, 2),
                BPF_STMT(BPF_MISC | BPF_TAX, 0),
                LD(32),
                BPF_JUMP(BPF_JMP | BPF_JGE | BPF_X, 0, 0, 1),
                RET(SECCOMP_RET_ERRNO | 13),
                BPF_STMT(BPF_LD | BPF_MEM, 2),
                ALU(BPF_RSH, 4),
                BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 1, 0, 1),
                RET(SECCOMP_RET_ERRNO | 14),
                RET(SECCOMP_RET_ALLOW),
        };
        struct filter filter = { .insns = insns, .n = sizeof(insns) / sizeof(insns[0]) };
        static const uint64_t values[] = { 0, 0x30, 0x31, 0x10, 0x20, 0x300000030, 0x400000000, UINT64_MAX };
        static const size_t n = sizeof(values) / sizeof(values[0]);

        cr_assert_eq(filter_check(&filter), 0);
        for (size_t i = 0; i < n * n * n; i += 3) {
                struct seccomp_data data = {
                        .nr = SYS_getppid,
                        .arch = AUDIT_ARCH_X86_64,
                        .args = { values[i % n], values[i / n % n], values[i / n / n] },
                };
                uint32_t result = filter_simulate(&filter, &data, NULL);
                int error = kernel_errno(&filter, (const uint64_t *)data.args);

                if (error == 254)
                        cr_skip("this kernel lets no filter be installed here");
                cr_expect_eq(result, error ? SECCOMP_RET_ERRNO | (uint32_t)error : SECCOMP_RET_ALLOW,
                             "(%llx, %llx, %llx): %x, the kernel says %d", data.args[0], data.args[1],
                             data.args[2], result, error);
        }
}
