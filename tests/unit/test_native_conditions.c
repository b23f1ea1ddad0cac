/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions on arguments, by rows: what is written, and which registers meet it. */

#include "native_fixture.h"

#include <linux/audit.h>

#define HIGH UINT64_C(0xdeadbeef00000000)
#define M(n) ((uint64_t)(int64_t)(-(n)))

static const struct {
        const char *call, *args;
        uint32_t audit;
        unsigned index;
        uint64_t value;
        bool holds;
} rows[] = {
        /* numbers, lists, not */
        { "kill", "signal: 9", AUDIT_ARCH_X86_64, 1, 9, true },
        { "kill", "signal: 9", AUDIT_ARCH_X86_64, 1, 10, false },
        { "kill", "signal: SIGKILL", AUDIT_ARCH_X86_64, 1, HIGH | 9, true },
        { "kill", "signal: [SIGKILL, SIGTERM]", AUDIT_ARCH_X86_64, 1, 15, true },
        { "kill", "signal: [SIGKILL, SIGTERM]", AUDIT_ARCH_X86_64, 1, 16, false },
        { "kill", "signal: { not: SIGKILL }", AUDIT_ARCH_X86_64, 1, HIGH | 9, false },
        { "kill", "signal: { not: [SIGKILL, SIGTERM] }", AUDIT_ARCH_X86_64, 1, 15, false },
        { "kill", "signal: { not: [SIGKILL, SIGTERM] }", AUDIT_ARCH_X86_64, 1, 1, true },
        { "kill", "arg1: 9", AUDIT_ARCH_X86_64, 1, HIGH | 9, true },
        /* negative numbers, signed arguments */
        { "kill", "pid: -1", AUDIT_ARCH_X86_64, 0, 0xffffffff, true },
        { "kill", "pid: -1", AUDIT_ARCH_X86_64, 0, UINT64_MAX, true },
        { "kill", "pid: -1", AUDIT_ARCH_I386, 0, 0xffffffff, true },
        { "kill", "pid: -1", AUDIT_ARCH_X86_64, 0, 1, false },
        { "kill", "pid: { below: 0 }", AUDIT_ARCH_X86_64, 0, M(5), true },
        { "kill", "pid: { below: 0 }", AUDIT_ARCH_X86_64, 0, 0xfffffffb, true },
        { "kill", "pid: { below: 0 }", AUDIT_ARCH_X86_64, 0, 0, false },
        { "kill", "pid: { below: 0 }", AUDIT_ARCH_X86_64, 0, 7, false },
        { "kill", "pid: { below: -5 }", AUDIT_ARCH_X86_64, 0, M(5), false },
        { "kill", "pid: { below: -5 }", AUDIT_ARCH_X86_64, 0, M(6), true },
        { "kill", "pid: { below: -5 }", AUDIT_ARCH_X86_64, 0, 1, false },
        { "kill", "pid: { at-most: -5 }", AUDIT_ARCH_X86_64, 0, M(5), true },
        { "kill", "pid: { below: 10 }", AUDIT_ARCH_X86_64, 0, M(1), true },
        { "kill", "pid: { below: 10 }", AUDIT_ARCH_X86_64, 0, 9, true },
        { "kill", "pid: { below: 10 }", AUDIT_ARCH_X86_64, 0, 10, false },
        { "kill", "pid: { at-least: 10 }", AUDIT_ARCH_X86_64, 0, M(1), false },
        { "kill", "pid: { at-least: 10 }", AUDIT_ARCH_X86_64, 0, 10, true },
        { "kill", "pid: { at-least: -1 }", AUDIT_ARCH_X86_64, 0, M(1), true },
        { "kill", "pid: { at-least: -1 }", AUDIT_ARCH_X86_64, 0, M(2), false },
        { "kill", "pid: { above: -1 }", AUDIT_ARCH_X86_64, 0, M(1), false },
        { "kill", "pid: { above: -1 }", AUDIT_ARCH_X86_64, 0, 0, true },
        { "kill", "pid: { above: 2147483647 }", AUDIT_ARCH_X86_64, 0, INT32_MAX, false },
        { "kill", "pid: { at-most: 2147483647 }", AUDIT_ARCH_X86_64, 0, INT32_MAX, true },
        { "kill", "pid: { below: 5000000000 }", AUDIT_ARCH_X86_64, 0, 1, true },
        { "kill", "pid: { above: 5000000000 }", AUDIT_ARCH_X86_64, 0, 1, false },
        /* unsigned ones, 64 bits */
        { "munmap", "length: { above: 4294967296 }", AUDIT_ARCH_X86_64, 1, UINT64_C(1) << 32, false },
        { "munmap", "length: { above: 4294967296 }", AUDIT_ARCH_X86_64, 1, (UINT64_C(1) << 32) + 1, true },
        { "munmap", "length: { above: 4294967295 }", AUDIT_ARCH_I386, 1, UINT32_MAX, false },
        { "munmap", "length: { at-most: 4294967295 }", AUDIT_ARCH_I386, 1, UINT32_MAX, true },
        { "munmap", "length: { at-least: 0 }", AUDIT_ARCH_X86_64, 1, 0, true },
        { "munmap", "length: { below: 0 }", AUDIT_ARCH_X86_64, 1, 0, false },
        { "munmap", "length: { below: 10 }", AUDIT_ARCH_X86_64, 1, HIGH, false },
        { "munmap", "length: 10", AUDIT_ARCH_X86_64, 1, HIGH | 10, false },
        /* a value that the argument cannot have */
        { "kill", "signal: 4294967305", AUDIT_ARCH_X86_64, 1, 9, false },
        { "kill", "signal: { not: 4294967305 }", AUDIT_ARCH_X86_64, 1, 9, true },
        /* flags */
        { "openat", "flags: { has: O_CREAT|O_EXCL }", AUDIT_ARCH_X86_64, 2, 0xc1, true },
        { "openat", "flags: { has: O_CREAT|O_EXCL }", AUDIT_ARCH_X86_64, 2, 0x41, false },
        { "openat", "flags: { lacks: O_CREAT|O_EXCL }", AUDIT_ARCH_X86_64, 2, 0x41, false },
        { "openat", "flags: { lacks: O_CREAT|O_EXCL }", AUDIT_ARCH_X86_64, 2, HIGH | 1, true },
        { "openat", "flags: { has: O_RDONLY }", AUDIT_ARCH_X86_64, 2, 0x80000, true },
        { "openat", "flags: { has: O_RDONLY }", AUDIT_ARCH_X86_64, 2, 0x80001, false },
        { "openat", "flags: { has: O_WRONLY }", AUDIT_ARCH_X86_64, 2, 3, false },
        { "openat", "flags: { has: O_WRONLY|O_CREAT }", AUDIT_ARCH_X86_64, 2, 0x241, true },
        { "openat", "flags: { has: O_WRONLY|O_CREAT }", AUDIT_ARCH_X86_64, 2, 0x42, false },
        { "openat", "flags: { lacks: O_RDONLY }", AUDIT_ARCH_X86_64, 2, 0, false },
        { "openat", "flags: { lacks: O_RDONLY }", AUDIT_ARCH_X86_64, 2, 2, true },
        { "openat", "flags: { lacks: O_RDONLY|O_CREAT }", AUDIT_ARCH_X86_64, 2, 0x42, false },
        { "openat", "flags: { lacks: O_RDONLY|O_CREAT }", AUDIT_ARCH_X86_64, 2, 2, true },
        { "openat", "flags: { mask: O_ACCMODE, is: O_RDWR }", AUDIT_ARCH_X86_64, 2, 0x80002, true },
        { "openat", "flags: { mask: O_ACCMODE, is: O_RDWR }", AUDIT_ARCH_X86_64, 2, 1, false },
        { "openat", "flags: { mask: 0xff, is: 0x100 }", AUDIT_ARCH_X86_64, 2, 0x100, false },
        { "mmap", "prot: { has: PROT_WRITE|PROT_EXEC }", AUDIT_ARCH_X86_64, 2, 7, true },
        { "mmap", "prot: { has: PROT_WRITE|PROT_EXEC }", AUDIT_ARCH_X86_64, 2, 5, false },
        { "socket", "type: { has: SOCK_STREAM }", AUDIT_ARCH_X86_64, 1, 0x80001, true },
        { "socket", "type: { has: SOCK_STREAM }", AUDIT_ARCH_X86_64, 1, 3, false },
        /* descriptors */
        { "openat", "dirfd: AT_FDCWD", AUDIT_ARCH_X86_64, 0, M(100), true },
        { "openat", "dirfd: AT_FDCWD", AUDIT_ARCH_X86_64, 0, 0xffffff9c, true },
        { "openat", "dirfd: AT_FDCWD", AUDIT_ARCH_X86_64, 0, HIGH | 0xffffff9c, true },
        { "openat", "dirfd: AT_FDCWD", AUDIT_ARCH_I386, 0, 0xffffff9c, true },
        { "openat", "dirfd: { not: AT_FDCWD }", AUDIT_ARCH_X86_64, 0, 0xffffff9c, false },
        { "openat", "dirfd: { not: AT_FDCWD }", AUDIT_ARCH_X86_64, 0, 3, true },
        { "write", "fd: { at-most: 2 }", AUDIT_ARCH_X86_64, 0, HIGH | 1, true },
        { "write", "fd: { at-most: 2 }", AUDIT_ARCH_X86_64, 0, HIGH | 3, false },
        /* constants are the architecture's */
        { "openat", "flags: { has: O_DIRECT }", AUDIT_ARCH_X86_64, 2, 0x4000, true },
        { "openat", "flags: { has: O_DIRECT }", AUDIT_ARCH_AARCH64, 2, 0x4000, false },
        { "openat", "flags: { has: O_DIRECT }", AUDIT_ARCH_AARCH64, 2, 0x10000, true },
        /* and so are the places of arguments */
        { "clone", "flags: { has: CLONE_NEWUSER }", AUDIT_ARCH_X86_64, 0, 0x10000000, true },
        { "clone", "flags: { has: CLONE_NEWUSER }", AUDIT_ARCH_S390X, 0, 0x10000000, false },
        { "clone", "flags: { has: CLONE_NEWUSER }", AUDIT_ARCH_S390X, 1, 0x10000000, true },
        /* no such call there */
        { "open", "flags: { has: O_CREAT }", AUDIT_ARCH_AARCH64, 1, 0x40, false },
        { "open", "flags: { has: O_CREAT }", ARCH_X32, 1, 0x40, true },
};

static bool holds(const struct policy *policy, const char *call, uint32_t audit, const uint64_t args[6]) {
        struct policy_facts facts = { .arch = arch_by_audit(audit), .call = call };
        struct policy_verdict verdict;

        memcpy(facts.args, args, sizeof(facts.args));
        cr_assert_eq(policy_match(policy, &facts, &verdict), 0);
        cr_assert_not(verdict.judged);
        return verdict.rule;
}

Test(native_conditions, rows) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                cleanup_policy struct policy *policy = NULL;
                uint64_t args[6] = { 0 };
                char rule[256];

                snprintf(rule, sizeof(rule),
                         "{ syscalls: [%s], where: { args: { %s } }, do: { errno: EPERM } }", rows[i].call,
                         rows[i].args);
                policy = fixture_rules("", (const char *const[]){ rule }, 1);
                args[rows[i].index] = rows[i].value;
                cr_expect_eq(holds(policy, rows[i].call, rows[i].audit, args), rows[i].holds,
                             "%s: %s, argument %u is %llx", rows[i].call, rows[i].args, rows[i].index,
                             (unsigned long long)rows[i].value);
        }
}

Test(native_conditions, of_fcntl) {
        cleanup_policy struct policy *policy = fixture_policy(
                "version: 1\nrules:\n"
                "  - { syscalls: [fcntl], where: { args: { cmd: F_SETFL, flags: { has: O_NONBLOCK } } },"
                " do: { errno: EPERM } }\n");

        cr_assert(holds(policy, "fcntl", AUDIT_ARCH_X86_64, (uint64_t[6]){ 3, 4, 0x800 }));
        cr_assert_not(holds(policy, "fcntl", AUDIT_ARCH_X86_64, (uint64_t[6]){ 3, 4, 0 }));
        cr_assert_not(holds(policy, "fcntl", AUDIT_ARCH_X86_64, (uint64_t[6]){ 3, 2, 0x800 }));
}

Test(native_conditions, many) {
        struct diags diags = DIAGS_INIT;
        struct policy *policy = NULL;
        char text[8192] = "version: 1\nrules:\n  - { syscalls: [mmap], do: kill, where: { args: { ";

        for (int i = 0; i < 4; i++) {
                sprintf(text + strlen(text), "arg%d: [", i);
                for (int j = 0; j < 20; j++)
                        sprintf(text + strlen(text), "%d, ", j + 1);
                strcat(text, "99], ");
        }
        strcat(text, "arg5: 0 } } }\n");
        cr_assert_eq(policy_read(text, strlen(text), NULL, &diags, &policy), POLICY_E_INVALID);
        cr_assert_not_null(strstr(diags.items[0].text, "combinations"));
        diags_deinit(&diags);
}

Test(native_conditions, bits) {
        cleanup_policy struct policy *policy =
                fixture_policy("version: 1\nrules:\n"
                               "  - { syscalls: [getpid], where: { bits: 32 }, do: { errno: EPERM } }\n");
        const uint64_t args[6] = { 0 };

        cr_assert(holds(policy, "getpid", AUDIT_ARCH_I386, args));
        cr_assert(holds(policy, "getpid", ARCH_X32, args));
        cr_assert_not(holds(policy, "getpid", AUDIT_ARCH_X86_64, args));
        cr_assert_not(holds(policy, "getpid", AUDIT_ARCH_AARCH64, args));
}

Test(native_conditions, of_an_emulation) {
        static const struct {
                const char *call;
                uint64_t args[6];
                bool holds;
        } wanted[] = {
                { "clock_gettime", { 0 }, true },
                { "clock_gettime", { HIGH | 5 }, true },
                { "clock_gettime", { 1 }, false },
                { "clock_nanosleep", { 0, 1 }, true },
                { "clock_nanosleep", { 0, 0 }, false },
                { "clock_nanosleep", { 1, 1 }, false },
                { "futex", { 0, 0x189, 0, 64 }, true },
                { "futex", { 0, 0x80, 0, 64 }, false },
                { "futex", { 0, 0x86, 0, 64 }, true },
                { "futex", { 0, 0x86, 0, 0 }, false },
                { "brk", { 0 }, true },
                { "brk", { HIGH }, false },
                { "gettimeofday", { 1, 2, 3 }, true },
                { "getpid", { 0 }, false },
        };
        cleanup_policy struct policy *policy =
                fixture_policy("version: 1\nrules:\n  - do: { emulate: time }\n");

        for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
                cr_expect_eq(holds(policy, wanted[i].call, AUDIT_ARCH_X86_64, wanted[i].args),
                             wanted[i].holds, "%s, row %zu", wanted[i].call, i);
        cr_assert(holds(policy, "clock_gettime", AUDIT_ARCH_I386, (uint64_t[6]){ 11 }));
        cr_assert_not(holds(policy, "clock_gettime", AUDIT_ARCH_I386, (uint64_t[6]){ 4 }));
}
