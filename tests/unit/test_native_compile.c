/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter decides as policy_match() does, or hands over: random policies at the boundaries of their
 * conditions and at random points, on four architectures. Then rows for what is special, and the kernel.
 */

#include "native_fixture.h"
#include "policy/native/calls.h"
#include "policy/native/compile.h"
#include "policy/simulate.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STOP 77

static uint64_t seed = 4711;

static uint32_t draw(uint32_t below) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (uint32_t)(seed >> 33) % below;
}

static uint64_t draw_value(void) {
        static const uint64_t edges[] = {
                0,           1,           2,          9,          0x40,           0x41,
                0x42,        0x80000,     0x7fffffff, 0x80000000, 0xffffff9c,     0xffffffff,
                0x100000000, 0x100000009, INT64_MAX,  UINT64_MAX, UINT64_MAX - 99
        };
        uint64_t value = edges[draw(sizeof(edges) / sizeof(edges[0]))];

        switch (draw(4)) {
        case 0:
                return draw(20);
        case 1:
                return value + draw(3) - 1;
        case 2:
                return value ^ UINT64_C(1) << draw(64);
        default:
                return value;
        }
}

static uint32_t audit_of(const struct arch *arch) {
        return arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64 : arch->audit;
}

static int stop(struct policy_facts *facts, enum policy_fact fact, void *data) {
        return STOP;
}

/* What the kernel could do about a verdict; USER_NOTIF: nothing. */
static uint32_t in_kernel(const struct policy_verdict *verdict) {
        if (verdict->delay_ns || (verdict->rule && verdict->rule->log))
                return SECCOMP_RET_USER_NOTIF;
        switch (verdict->action) {
        case POLICY_ALLOW:
                return SECCOMP_RET_ALLOW;
        case POLICY_ERRNO:
                return SECCOMP_RET_ERRNO | (uint32_t)verdict->value;
        case POLICY_RETURN:
                return verdict->value > 0 || verdict->value < -4095
                               ? SECCOMP_RET_USER_NOTIF
                               : SECCOMP_RET_ERRNO | (uint32_t)-verdict->value;
        case POLICY_KILL:
                return SECCOMP_RET_KILL_PROCESS;
        default:
                return SECCOMP_RET_USER_NOTIF;
        }
}

struct tally {
        size_t n, n_notified, n_by_rule;
};

static void agree(const struct policy *policy, const struct filter *filter, const struct arch *arch,
                  uint32_t nr, const uint64_t args[6], struct tally *tally) {
        struct seccomp_data data = { .nr = (int)nr, .arch = audit_of(arch) };
        struct policy_facts facts = { .arch = arch, .call = syscall_name(arch, nr), .fetch = stop };
        struct policy_verdict verdict;
        char text[64], wanted_text[64];
        uint32_t got, wanted;
        int r;

        /* callgated asks about the call inside of these */
        if (strcmp(facts.call, "socketcall") == 0 || strcmp(facts.call, "ipc") == 0)
                return;
        for (size_t i = 0; i < 6; i++)
                data.args[i] = facts.args[i] = arch->bits == 64 ? args[i] : (uint32_t)args[i];
        got = filter_simulate(filter, &data, NULL);
        r = policy_match(policy, &facts, &verdict);
        cr_assert(r == 0 || r == STOP);
        wanted = r ? SECCOMP_RET_USER_NOTIF : in_kernel(&verdict);
        tally->n++;
        tally->n_notified += wanted == SECCOMP_RET_USER_NOTIF;
        tally->n_by_rule += !r && verdict.rule;
        cr_assert_eq(got, wanted,
                     "%s %s(%u)(%llx, %llx, %llx, %llx): the filter says %s, the rules %s by %s\n%s",
                     arch->name, facts.call, nr, (unsigned long long)data.args[0],
                     (unsigned long long)data.args[1], (unsigned long long)data.args[2],
                     (unsigned long long)data.args[3], filter_action_text(got, text, sizeof(text)),
                     filter_action_text(wanted, wanted_text, sizeof(wanted_text)),
                     !r && verdict.rule ? verdict.rule->name : "none", policy->source);
        if (!r && verdict.rule) {
                const char *reason;
                enum policy_layer layer = policy_layer(policy, (size_t)(verdict.rule - policy->rules), arch,
                                                       facts.call, &reason);

                cr_assert(layer == POLICY_IN_KERNEL || layer == POLICY_NOTIFIED, "%s %s: %s", facts.call,
                          verdict.rule->name, policy->source);
                if (layer == POLICY_IN_KERNEL)
                        cr_assert(got != SECCOMP_RET_USER_NOTIF && !reason);
                else
                        cr_assert_not_null(reason);
        } else if (r) {
                cr_assert_eq(got, SECCOMP_RET_USER_NOTIF);
        }
}

/* ---- random policies ---- */

static const char *const calls[] = { "openat", "open",  "kill",   "socket", "mmap",       "munmap",  "write",
                                     "clone",  "fcntl", "lseek",  "getpid", "prctl",      "openat2", "close",
                                     "uname",  "stat",  "unlink", "time",   "personality" };
#define N_CALLS (sizeof(calls) / sizeof(calls[0]))

static void draw_arg(char *text, size_t size) {
        static const char *const values[] = { "0",          "1",          "9",          "-1",
                                              "-100",       "2147483647", "2147483648", "4294967295",
                                              "4294967296", "4294967305", "66" };
        static const char *const ops[] = { "not", "below", "above", "at-least", "at-most", "has", "lacks" };
        const char *value = values[draw(sizeof(values) / sizeof(values[0]))];
        const char *other = values[draw(sizeof(values) / sizeof(values[0]))];

        switch (draw(6)) {
        case 0:
                snprintf(text, size, "%s", value);
                break;
        case 1:
                snprintf(text, size, "[%s, %s]", value, other);
                break;
        case 2:
                snprintf(text, size, "{ not: [%s, %s] }", value, other);
                break;
        case 3:
                snprintf(text, size, "{ mask: %u, is: %u }", 1u << draw(8), draw(2) << draw(8));
                break;
        default: {
                const char *op = ops[draw(7)];

                snprintf(text, size, "{ %s: %s }", op,
                         *op == 'h' || *op == 'l' ? draw(2) ? "66" : "2147483649" : value);
        }
        }
}

static void draw_rule(char *text, size_t size) {
        static const char *const answers[] = { "allow",           "{ errno: EACCES }",
                                               "{ errno: 0 }",    "kill",
                                               "{ errno: EIO }",  "{ return: 0 }",
                                               "{ return: 7 }",   "log",
                                               "{ delay: 10ms }", "{ return: -5000 }" };
        char *at = text, *end = text + size;
        unsigned n_calls = 1 + draw(3), n_args = draw(3), which = draw(6);

        at += snprintf(at, (size_t)(end - at), "{ syscalls: [");
        for (unsigned i = 0, call = draw(N_CALLS); i < n_calls; i++, call++)
                at += snprintf(at, (size_t)(end - at), "%s%s", i ? ", " : "", calls[call % N_CALLS]);
        at += snprintf(at, (size_t)(end - at), "], do: %s",
                       answers[draw(sizeof(answers) / sizeof(answers[0]))]);
        if (draw(8) == 0)
                at += snprintf(at, (size_t)(end - at), ", log: true");
        at += snprintf(at, (size_t)(end - at), ", where: {");
        for (unsigned i = 0; i < n_args; i++) {
                char arg[128];

                draw_arg(arg, sizeof(arg));
                at += snprintf(at, (size_t)(end - at), "%s arg%u: %s", i ? "," : " args: {", i * 2 + draw(2),
                               arg);
        }
        at += snprintf(at, (size_t)(end - at), "%s", n_args ? " }" : "");
        if (which == 0)
                at += snprintf(at, (size_t)(end - at), "%s uid: 7", n_args ? "," : "");
        if (which == 1)
                at += snprintf(at, (size_t)(end - at), "%s program: /bin/x", n_args ? "," : "");
        if (which == 2)
                at += snprintf(at, (size_t)(end - at), "%s bits: %s", n_args ? "," : "",
                               draw(2) ? "32" : "64");
        snprintf(at, (size_t)(end - at), " } }");
}

static void agree_on_arch(const struct policy *policy, const struct filter *filter, const struct arch *arch,
                          struct tally *tally) {
        uint64_t args[6];

        for (size_t i = 0; i < N_CALLS; i++) {
                int nr = syscall_number(arch, calls[i]);

                for (size_t round = 0; nr >= 0 && round < 40; round++) {
                        for (size_t j = 0; j < 6; j++)
                                args[j] = draw_value();
                        agree(policy, filter, arch, (uint32_t)nr, args, tally);
                }
        }
        for (uint32_t nr = 0; nr < 480; nr++)
                if (syscall_name(arch, nr | (arch->audit == ARCH_X32 ? X32_NR_BIT : 0)))
                        agree(policy, filter, arch, nr | (arch->audit == ARCH_X32 ? X32_NR_BIT : 0), args,
                              tally);
}

static void agree_on(const struct policy *policy, const struct arch *const *archs, size_t n_archs,
                     struct tally *tally) {
        struct filter filter = FILTER_INIT;

        cr_assert_eq(policy_compile_for(policy, archs, n_archs, &filter), 0);
        cr_assert_eq(filter_check(&filter), 0);
        for (size_t i = 0; i < n_archs; i++)
                agree_on_arch(policy, &filter, archs[i], tally);
        filter_deinit(&filter);
}

Test(native_compile, agrees_with_match) {
        const struct arch *x86[] = { arch_by_audit(AUDIT_ARCH_X86_64), arch_by_audit(AUDIT_ARCH_I386),
                                     arch_by_audit(ARCH_X32) };
        const struct arch *arm[] = { arch_by_audit(AUDIT_ARCH_AARCH64) };
        struct tally tally = { 0 };

        for (size_t i = 0; i < 150; i++) {
                static const char *const heads[] = { "", "default: kill\n", "default: { errno: ENOSYS }\n" };
                cleanup_policy struct policy *policy = NULL;
                char rules[12][1024];
                const char *lines[12];
                size_t n = 1 + draw(12);

                for (size_t j = 0; j < n; j++) {
                        draw_rule(rules[j], sizeof(rules[j]));
                        lines[j] = rules[j];
                }
                policy = fixture_rules(heads[draw(3)], lines, n);
                agree_on(policy, x86, 3, &tally);
                agree_on(policy, arm, 1, &tally);
        }
        printf("%zu comparisons, %zu notified, %zu by a rule\n", tally.n, tally.n_notified, tally.n_by_rule);
        cr_assert_gt(tally.n_notified, tally.n / 50);
        cr_assert_gt(tally.n_by_rule, tally.n / 20);
}

/* ---- rows ---- */

static uint32_t filtered(const char *text, uint32_t audit, const char *call, uint64_t arg0, uint64_t arg1) {
        const struct arch *arch = arch_by_audit(audit);
        const struct arch *archs[] = { arch_by_audit(AUDIT_ARCH_X86_64), arch_by_audit(AUDIT_ARCH_I386),
                                       arch_by_audit(ARCH_X32) };
        cleanup_policy struct policy *policy = fixture_policy(text);
        struct seccomp_data data = { .arch = audit_of(arch),
                                     .nr = call ? syscall_number(arch, call) : 9999,
                                     .args = { arg0, arg1 } };
        struct filter filter = FILTER_INIT;
        uint32_t action;

        cr_assert_eq(policy_compile_for(policy, archs, 3, &filter), 0);
        cr_assert_eq(filter_check(&filter), 0);
        action = filter_simulate(&filter, &data, NULL);
        filter_deinit(&filter);
        return action;
}

#define RULES "version: 1\nrules:\n"

Test(native_compile, first_match_in_the_kernel) {
        static const char text[] = RULES "  - { syscalls: [openat], where: { path: /a, args: { flags: 0 } "
                                         "}, do: { errno: EACCES } }\n"
                                         "  - { syscalls: [openat], do: { errno: EPERM } }\n";
        cleanup_policy struct policy *policy = fixture_policy(text);
        const struct arch *arch = arch_by_audit(AUDIT_ARCH_X86_64);
        struct filter filter = FILTER_INIT;
        struct seccomp_data data = { .arch = AUDIT_ARCH_X86_64, .nr = syscall_number(arch, "openat") };
        const char *reason;

        cr_assert_eq(policy_compile(policy, &filter), 0);
        cr_assert_eq(filter_simulate(&filter, &data, NULL), SECCOMP_RET_USER_NOTIF);
        data.args[2] = 1;
        cr_assert_eq(filter_simulate(&filter, &data, NULL), SECCOMP_RET_ERRNO | EPERM);
        filter_deinit(&filter);
        cr_assert_eq(policy_layer(policy, 0, arch, "openat", &reason), POLICY_NOTIFIED);
        cr_assert_str_eq(reason, "its path lies in memory");
        cr_assert_eq(policy_layer(policy, 1, arch, "openat", &reason), POLICY_NOTIFIED);
        cr_assert_str_eq(reason, "a rule above it has to look first");
        cr_assert_eq(policy_layer(policy, 1, arch, "close", &reason), POLICY_NEVER);
}

Test(native_compile, layers) {
        cleanup_policy struct policy *policy = fixture_policy(
                RULES "  - { syscalls: [kill], where: { args: { signal: 9 } }, do: { errno: EPERM } }\n"
                      "  - { syscalls: [kill], where: { args: { signal: 9 } }, do: kill }\n"
                      "  - { syscalls: [kill], where: { args: { signal: 10 }, uid: 0 }, do: kill }\n"
                      "  - { syscalls: [kill], where: { args: { signal: 11 } }, do: allow }\n"
                      "  - { syscalls: [kill], do: allow }\n"
                      "  - { syscalls: [kill], do: log }\n"
                      "  - { syscalls: [open], do: { return: 5 } }\n"
                      "  - { syscalls: [socket], do: { errno: EACCES } }\n");
        const struct arch *arch = arch_by_audit(AUDIT_ARCH_X86_64), *i386 = arch_by_audit(AUDIT_ARCH_I386);
        const char *reason;

        cr_assert_eq(policy_layer(policy, 0, arch, "kill", &reason), POLICY_IN_KERNEL);
        cr_assert_null(reason);
        cr_assert_eq(policy_layer(policy, 1, arch, "kill", &reason), POLICY_UNREACHED);
        cr_assert_eq(policy_layer(policy, 2, arch, "kill", &reason), POLICY_NOTIFIED);
        cr_assert_eq(policy_layer(policy, 3, arch, "kill", &reason), POLICY_IN_KERNEL,
                     "no call meets 2 and 3");
        cr_assert_eq(policy_layer(policy, 4, arch, "kill", &reason), POLICY_NOTIFIED, "rule 2 looks first");
        cr_assert_eq(policy_layer(policy, 5, arch, "kill", &reason), POLICY_UNREACHED);
        cr_assert_eq(policy_layer(policy, 6, arch, "open", &reason), POLICY_NOTIFIED);
        cr_assert_eq(policy_layer(policy, 7, arch, "socket", &reason), POLICY_IN_KERNEL);
        cr_assert_eq(policy_layer(policy, 7, i386, "socket", &reason), POLICY_NOTIFIED);
        cr_assert_eq(policy_layer(policy, 6, arch_by_audit(AUDIT_ARCH_AARCH64), "open", &reason),
                     POLICY_NEVER);
}

Test(native_compile, multiplexed) {
        static const char text[] = RULES "  - { syscalls: [connect], do: { errno: EACCES } }\n"
                                         "  - { syscalls: [semget], do: { errno: EACCES } }\n"
                                         "  - { syscalls: [sendto], do: { errno: EACCES } }\n";

        cr_assert_eq(filtered(text, AUDIT_ARCH_I386, "socketcall", 3, 0), SECCOMP_RET_USER_NOTIF);
        cr_assert_eq(filtered(text, AUDIT_ARCH_I386, "socketcall", 1, 0), SECCOMP_RET_ALLOW);
        cr_assert_eq(filtered(text, AUDIT_ARCH_I386, "socketcall", 9, 0), SECCOMP_RET_USER_NOTIF, "send");
        cr_assert_eq(filtered(text, AUDIT_ARCH_I386, "socketcall", 11, 0), SECCOMP_RET_USER_NOTIF);
        cr_assert_eq(filtered(text, AUDIT_ARCH_I386, "ipc", 2, 0), SECCOMP_RET_USER_NOTIF);
        cr_assert_eq(filtered(text, AUDIT_ARCH_I386, "ipc", 0x10002, 0), SECCOMP_RET_USER_NOTIF,
                     "versioned");
        cr_assert_eq(filtered(text, AUDIT_ARCH_I386, "ipc", 3, 0), SECCOMP_RET_ALLOW);
        cr_assert_eq(filtered(text, AUDIT_ARCH_I386, "connect", 3, 0), SECCOMP_RET_ERRNO | EACCES);
        cr_assert_eq(filtered(text, AUDIT_ARCH_X86_64, "connect", 3, 0), SECCOMP_RET_ERRNO | EACCES);
}

Test(native_compile, ways_around) {
        static const char files[] = RULES "  - { syscalls: [openat], do: { errno: EACCES } }\n";
        static const char allows[] = RULES "  - { syscalls: [openat], do: allow }\n";
        static const char other[] = RULES "  - { syscalls: [kill], do: { errno: EACCES } }\n";
        static const char spoken[] = RULES "  - { syscalls: [openat], do: { errno: EACCES } }\n"
                                           "  - { syscalls: [io_uring_setup], do: allow }\n";
        cleanup_policy struct policy *policy = fixture_policy(files);
        struct policy_facts facts = { .arch = arch_native(), .call = "io_uring_setup" };
        struct policy_verdict verdict;

        cr_assert_eq(filtered(files, AUDIT_ARCH_X86_64, "io_uring_setup", 0, 0), SECCOMP_RET_ERRNO | ENOSYS);
        cr_assert_eq(filtered(files, AUDIT_ARCH_I386, "io_uring_setup", 0, 0), SECCOMP_RET_ERRNO | ENOSYS);
        cr_assert_eq(filtered(files, AUDIT_ARCH_X86_64, "open_by_handle_at", 0, 0),
                     SECCOMP_RET_ERRNO | EPERM);
        cr_assert_eq(filtered(allows, AUDIT_ARCH_X86_64, "io_uring_setup", 0, 0), SECCOMP_RET_ALLOW);
        cr_assert_eq(filtered(other, AUDIT_ARCH_X86_64, "io_uring_setup", 0, 0), SECCOMP_RET_ALLOW);
        cr_assert_eq(filtered(spoken, AUDIT_ARCH_X86_64, "io_uring_setup", 0, 0), SECCOMP_RET_ALLOW);
        cr_assert_eq(policy_match(policy, &facts, &verdict), 0);
        cr_assert_eq(verdict.action, POLICY_ERRNO);
        cr_assert_eq(verdict.value, ENOSYS);
}

Test(native_compile, architectures) {
        static const char text[] = RULES "  - { syscalls: [getpid], do: { errno: EACCES } }\n";
        cleanup_policy struct policy *policy = fixture_policy(text);
        struct filter filter = FILTER_INIT;
        struct seccomp_data data = { .arch = AUDIT_ARCH_S390X, .nr = 20 };

        cr_assert_eq(policy_compile(policy, &filter), 0);
        cr_assert_eq(filter_simulate(&filter, &data, NULL), SECCOMP_RET_KILL_PROCESS);
        filter_deinit(&filter);
        cr_assert_eq(filtered(text, ARCH_X32, "getpid", 0, 0), SECCOMP_RET_ERRNO | EACCES);
        cr_assert_eq(filtered(text, AUDIT_ARCH_X86_64, NULL, 0, 0), SECCOMP_RET_ALLOW);
}

Test(native_compile, falls_into_the_base) {
        static const char base[] =
                "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 38, "
                "\"architectures\": [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X32\"], \"syscalls\": ["
                "{\"names\": [\"read\", \"openat\", \"io_uring_setup\"], \"action\": \"SCMP_ACT_ALLOW\"},"
                "{\"names\": [\"personality\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, "
                "\"value\": 8, \"op\": \"SCMP_CMP_EQ\"}]},"
                "{\"names\": [\"sync\"], \"action\": \"SCMP_ACT_KILL_PROCESS\"}]}";
        char path[] = "/tmp/native-base-XXXXXX", text[512];
        int fd = mkstemp(path);

        cr_assert_eq(write(fd, base, strlen(base)), (ssize_t)strlen(base));
        close(fd);
        snprintf(text, sizeof(text),
                 "version: 1\nbase: %s\nrules:\n  - { syscalls: [uname], do: allow }\n"
                 "  - { syscalls: [openat], where: { args: { flags: 1 } }, do: { redirect: /x } }\n"
                 "  - { syscalls: [personality], where: { args: { arg0: 9 } }, do: { errno: EACCES } }\n",
                 path);
        cr_assert_eq(filtered(text, AUDIT_ARCH_X86_64, "read", 0, 0), SECCOMP_RET_ALLOW);
        cr_assert_eq(filtered(text, AUDIT_ARCH_X86_64, "sync", 0, 0), SECCOMP_RET_KILL_PROCESS);
        cr_assert_eq(filtered(text, AUDIT_ARCH_X86_64, "write", 0, 0), SECCOMP_RET_USER_NOTIF);
        cr_assert_eq(filtered(text, AUDIT_ARCH_X86_64, "uname", 0, 0), SECCOMP_RET_ALLOW);
        cr_assert_eq(filtered(text, AUDIT_ARCH_X86_64, "openat", 0, 0), SECCOMP_RET_ALLOW);
        cr_assert_eq(filtered(text, AUDIT_ARCH_X86_64, "personality", 8, 0), SECCOMP_RET_ALLOW);
        cr_assert_eq(filtered(text, AUDIT_ARCH_X86_64, "personality", 9, 0), SECCOMP_RET_ERRNO | EACCES);
        cr_assert_eq(filtered(text, AUDIT_ARCH_X86_64, "personality", 10, 0), SECCOMP_RET_USER_NOTIF);
        cr_assert_eq(filtered(text, AUDIT_ARCH_X86_64, "io_uring_setup", 0, 0), SECCOMP_RET_ERRNO | ENOSYS);
        cr_assert_eq(filtered(text, ARCH_X32, "read", 0, 0), SECCOMP_RET_ALLOW);
        /* not listed by the base, but for what a rule says */
        cr_assert_eq(filtered(text, AUDIT_ARCH_I386, "read", 0, 0), SECCOMP_RET_KILL_THREAD);
        cr_assert_eq(filtered(text, AUDIT_ARCH_I386, "uname", 0, 0), SECCOMP_RET_ALLOW);
        unlink(path);
}

/* 200 different rules over 400 calls of three architectures fit. */
Test(native_compile, many_rules_are_small) {
        const struct arch *arch = arch_by_audit(AUDIT_ARCH_I386);
        char *text = calloc(1, 1 << 20);
        cleanup_policy struct policy *policy = NULL;
        struct filter filter = FILTER_INIT;
        uint32_t cursor = 0, nr;
        const char *name, *other;

        strcpy(text, RULES);
        for (size_t n = 0; n < 200; n++) {
                do
                        name = syscall_next(arch, &cursor, &nr);
                while (strstr(name, "sigreturn"));
                do
                        other = syscall_next(arch, &cursor, &nr);
                while (strstr(other, "sigreturn"));
                if (n % 2)
                        sprintf(text + strlen(text),
                                "  - { syscalls: [%s, %s], where: { args: { arg%zu: %zu } }, do: { errno: "
                                "%zu } }\n",
                                name, other, n % 6, n % 40, 1 + n % 100);
                else
                        sprintf(text + strlen(text), "  - { syscalls: [%s, %s], do: { errno: %zu } }\n",
                                name, other, 1 + n % 100);
        }
        policy = fixture_policy(text);
        cr_assert_eq(policy_compile(policy, &filter), 0);
        printf("%zu rules: %zu instructions\n", policy->n_rules, filter.n);
        cr_assert_leq(filter.n, 4096);
        cr_assert_eq(filter_check(&filter), 0);
        filter_deinit(&filter);
        free(text);
}

/* ---- the kernel ---- */

static int in_child(const char *text, int (*body)(void)) {
        cleanup_policy struct policy *policy = fixture_policy(text);
        struct filter filter = FILTER_INIT;
        struct sock_fprog program;
        int status;
        pid_t pid;

        cr_assert_eq(policy_compile(policy, &filter), 0);
        program = (struct sock_fprog){ .len = (unsigned short)filter.n, .filter = filter.insns };
        pid = fork();
        if (!pid) {
                prctl(PR_SET_DUMPABLE, 0); /* its death leaves no core */
                if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, 2, &program))
                        _exit(99);
                _exit(body());
        }
        filter_deinit(&filter);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        return status;
}

static int tries(void) {
        if (syscall(SYS_getppid) != -1 || errno != EACCES)
                return 1;
        if (syscall(SYS_sync) != 0)
                return 2;
        if (syscall(SYS_personality, 8) != -1 || errno != EIO)
                return 3;
        if (syscall(SYS_personality, 0xffffffff) < 0)
                return 4;
        if (syscall(SYS_personality, UINT64_C(0x100000008)) != -1 || errno != EIO)
                return 5;
        if (syscall(SYS_munmap, 0, UINT64_C(0x100000000)) != -1 || errno != ENOMEM)
                return 6;
        if (syscall(SYS_munmap, 1, 1) != -1 || errno != EINVAL)
                return 7;
        if (syscall(SYS_lseek, 0, 0, 77) != -1 || errno == ENOSYS)
                return 8;
        /* without a listener that is what notified calls get */
        if (syscall(SYS_umask, 0) != -1 || errno != ENOSYS)
                return 9;
        return 0;
}

static int dies(void) {
        syscall(SYS_getuid);
        return 0;
}

Test(native_compile, in_the_kernel) {
        static const char text[] =
                RULES "  - { syscalls: [getppid], do: { errno: EACCES } }\n"
                      "  - { syscalls: [sync], do: { errno: 0 } }\n"
                      "  - { syscalls: [personality], where: { args: { arg0: 8 } }, do: { errno: EIO } }\n"
                      "  - { syscalls: [munmap], where: { args: { length: { above: 4294967295 } } }, do: { "
                      "errno: ENOMEM } }\n"
                      "  - { syscalls: [lseek], where: { args: { fd: { below: 0 } } }, do: kill }\n"
                      "  - { syscalls: [umask], do: log }\n"
                      "  - { syscalls: [getuid], do: kill }\n";
        int status = in_child(text, tries);

        cr_assert(WIFEXITED(status));
        cr_assert_eq(WEXITSTATUS(status), 0, "%d", WEXITSTATUS(status));
        status = in_child(text, dies);
        cr_assert(WIFSIGNALED(status));
        cr_assert_eq(WTERMSIG(status), SIGSYS);
}
