/* SPDX-License-Identifier: Apache-2.0 */
/* The program as a whole; that it agrees with the rules everywhere is the business of test_match.c. */

#include "policy_fixture.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RULES(rules) "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [" rules "]}"

Test(compile, what_the_kernel_takes) {
        static const char *const names[] = { "strict",    "audit-only",  "violation",  "fine-grained",
                                             "repeated",  "ranges",      "arm",        "newer",
                                             "deny-list", "overlapping", "docker-form" };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                cleanup_fixture struct fixture fixture;
                char path[512];

                snprintf(path, sizeof(path), ROWS "%s.json", names[i]);
                cr_assert_eq(fixture_file(&fixture, path, "SCMP_ARCH_X86_64"), 0, "%s", names[i]);
                cr_expect_eq(filter_check(&fixture.filter), 0, "%s", names[i]);
        }
}

Test(compile, unlisted_architectures_die) {
        cleanup_fixture struct fixture fixture;

        cr_assert_eq(fixture_text(&fixture, "{\"defaultAction\": \"SCMP_ACT_ALLOW\"}"), 0);
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_X86_64, 0, 0, 0, 0), SECCOMP_RET_ALLOW);
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_X86_64, X32_NR_BIT, 0, 0, 0), SECCOMP_RET_KILL_THREAD);
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_X86_64, UINT32_MAX, 0, 0, 0), SECCOMP_RET_ALLOW);
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_I386, 0, 0, 0, 0), SECCOMP_RET_KILL_THREAD);
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_AARCH64, 0, 0, 0, 0), SECCOMP_RET_KILL_THREAD);
        cr_expect_eq(fixture_run(&fixture, 0, 0, 0, 0, 0), SECCOMP_RET_KILL_THREAD);
}

Test(compile, x32_where_listed) {
        cleanup_fixture struct fixture fixture;

        cr_assert_eq(fixture_file(&fixture, ROWS "strict.json", "SCMP_ARCH_X86_64"), 0);
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_X86_64, X32_NR_BIT | 0, 0, 0, 0), SECCOMP_RET_ALLOW);
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_X86_64, X32_NR_BIT | 41, 0, 0, 0),
                     SECCOMP_RET_ERRNO | 1);
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_I386, 3, 0, 0, 0), SECCOMP_RET_ALLOW);
}

/* Calls younger than libseccomp are not lost. */
Test(compile, newer_calls) {
        cleanup_fixture struct fixture fixture;

        cr_assert_eq(fixture_file(&fixture, ROWS "newer.json", "SCMP_ARCH_X86_64"), 0);
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_X86_64, 452, 0, 0, 0), SECCOMP_RET_ALLOW);
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_I386, 452, 0, 0, 0), SECCOMP_RET_ALLOW);
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_X86_64, X32_NR_BIT | 452, 0, 0, 0), SECCOMP_RET_ALLOW);
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_X86_64, 453, 0, 0, 0), SECCOMP_RET_KILL_THREAD);
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_X86_64, 451, 0x100000002, 0, 0), SECCOMP_RET_ALLOW);
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_X86_64, 451, 0x100000001, 0, 0),
                     SECCOMP_RET_ERRNO | 1);
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_X86_64, 451, 0, 0x1f, 0), SECCOMP_RET_LOG);
}

Test(compile, multiplexed_calls_of_i386) {
        cleanup_fixture struct fixture fixture;

        cr_assert_eq(fixture_file(&fixture, ROWS "fine-grained.json", "SCMP_ARCH_X86_64"), 0);
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_I386, 359, 1, 0, 0), SECCOMP_RET_ALLOW);
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_I386, 359, 3, 0, 0), SECCOMP_RET_ERRNO | 13);
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_I386, 102, 1, 0, 0), SECCOMP_RET_ALLOW,
                     "socketcall(SYS_SOCKET)");
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_I386, 102, 4, 0, 0), SECCOMP_RET_ERRNO | 13);
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_I386, 102, 5, 0, 0), SECCOMP_RET_ALLOW, "accept");
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_I386, 117, 21, 0, 0), SECCOMP_RET_ALLOW, "ipc(SHMAT)");
}

Test(compile, refuses_what_the_runtime_refuses) {
        cleanup_fixture struct fixture fixture;

        cr_assert_eq(fixture_file(&fixture, ROWS "conflicting.json", "SCMP_ARCH_X86_64"), PROFILE_E_INVALID);
        cr_expect_not_null(diags_find(&fixture.diags, "conflicting-rules", "syscalls[1]", "kill"));
        cr_expect_null(fixture.filter.insns);
}

/* Sets of conditions with which libseccomp 2.5.4 never comes back, or answers what no rule says. */
Test(compile, what_libseccomp_gets_wrong) {
        cleanup_fixture struct fixture fixture;

        cr_assert_eq(fixture_file(&fixture, ROWS "ranges.json", "SCMP_ARCH_X86_64"), 0);
        /* dup2: below 0x100, or from 0x100000001 */
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_X86_64, 33, 3, 0, 0), SECCOMP_RET_ALLOW);
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_X86_64, 33, 0x100, 0, 0), SECCOMP_RET_KILL_PROCESS);
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_X86_64, 33, 0x100000000, 0, 0),
                     SECCOMP_RET_KILL_PROCESS);
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_X86_64, 33, 0x100000001, 0, 0), SECCOMP_RET_ALLOW);
        /* fchown: no rule speaks of (3, 2, 0) */
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_X86_64, 93, 3, 2, 0), SECCOMP_RET_KILL_PROCESS);
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_X86_64, 93, 3, 2, 3), SECCOMP_RET_ALLOW);
        cr_expect_eq(fixture_run(&fixture, AUDIT_ARCH_X86_64, 93, 101, 9, 50), SECCOMP_RET_LOG);
}

Test(compile, too_long) {
        struct diags diags = DIAGS_INIT;
        struct profile_context context = fixture_context("SCMP_ARCH_X86_64");
        cleanup_profile struct profile *profile = NULL, *flat = NULL;
        struct filter filter = FILTER_INIT;

        cr_assert_eq(profile_new(&profile), 0);
        profile->default_set = true;
        profile->default_action = SECCOMP_RET_ERRNO | 1;
        for (uint64_t i = 0; i < 5000; i++) {
                struct rule *rule;

                cr_assert_eq(profile_add_rule(profile, &rule), 0);
                cr_assert_eq(rule_add_name(rule, "ioctl"), 0);
                cr_assert_eq(rule_add_condition(rule, 1, CONDITION_EQ, i, 0), 0);
        }
        cr_assert_eq(profile_resolve(profile, &context, &diags, &flat), 0);
        cr_expect_eq(filter_compile(flat, &diags, &filter), PROFILE_E_INVALID);
        cr_expect_not_null(diags_find(&diags, "filter-too-long", NULL, "4096"));
        diags_deinit(&diags);
}

/* Rules of the same shape as above that just fit: many conditions on one call, and all of them kept. */
Test(compile, long_but_fits) {
        struct diags diags = DIAGS_INIT;
        struct profile_context context = fixture_context("SCMP_ARCH_X86_64");
        cleanup_profile struct profile *profile = NULL, *flat = NULL;
        struct filter filter = FILTER_INIT;

        cr_assert_eq(profile_new(&profile), 0);
        profile->default_set = true;
        profile->default_action = SECCOMP_RET_ERRNO | 1;
        for (uint64_t i = 0; i < 400; i++) {
                struct rule *rule;

                cr_assert_eq(profile_add_rule(profile, &rule), 0);
                cr_assert_eq(rule_add_name(rule, "ioctl"), 0);
                cr_assert_eq(rule_add_condition(rule, 1, CONDITION_NE, 1000 + i, 0), 0);
                cr_assert_eq(rule_add_condition(rule, 0, CONDITION_EQ, i, 0), 0);
        }
        cr_assert_eq(profile_resolve(profile, &context, &diags, &flat), 0);
        cr_assert_eq(filter_compile(flat, &diags, &filter), 0);
        for (uint64_t i = 0; i < 401; i++) {
                struct seccomp_data data = { .nr = 16, .arch = AUDIT_ARCH_X86_64, .args = { i, 1000 + i } };

                cr_expect_eq(filter_simulate(&filter, &data, NULL), SECCOMP_RET_ERRNO | 1);
                data.args[1]++;
                cr_expect_eq(filter_simulate(&filter, &data, NULL),
                             i < 400 ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | 1);
        }
        filter_deinit(&filter);
        diags_deinit(&diags);
}

Test(compile, wants_a_resolved_profile) {
        struct diags diags = DIAGS_INIT;
        cleanup_profile struct profile *profile = NULL;
        struct filter filter;

        cr_assert_eq(profile_new(&profile), 0);
        cr_expect_eq(filter_compile(profile, &diags, &filter), -EINVAL);
}

/* Install the filter in a child and make a call there: the kernel's verdict. */
static int under(const struct fixture *fixture, long nr, unsigned long a0, unsigned long a1) {
        pid_t pid = fork();
        int status;

        if (!pid) {
                struct sock_fprog prog = { .len = (unsigned short)fixture->filter.n,
                                           .filter = fixture->filter.insns };
                long r;

                prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
                if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
                        _exit(254);
                r = syscall(nr, a0, a1, 0, 0, 0, 0);
                syscall(SYS_exit_group, r < 0 ? errno : 0);
        }
        cr_assert_gt(pid, 0);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

Test(compile, the_kernel_does_as_it_says) {
        static const char text[] =
                RULES("{\"names\": [\"exit_group\", \"getppid\"], \"action\": \"SCMP_ACT_ALLOW\"},"
                      "{\"names\": [\"dup2\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 11, \"args\": "
                      "[{\"index\": 0, \"value\": 4294967296, \"op\": \"SCMP_CMP_GE\"}]},"
                      "{\"names\": [\"dup2\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 12, \"args\": "
                      "[{\"index\": 0, \"value\": 7, \"op\": \"SCMP_CMP_LT\"},"
                      " {\"index\": 1, \"value\": 15, \"valueTwo\": 5, \"op\": \"SCMP_CMP_MASKED_EQ\"}]},"
                      "{\"names\": [\"sync\"], \"action\": \"SCMP_ACT_KILL_PROCESS\"},"
                      "{\"names\": [\"getuid\"], \"action\": \"SCMP_ACT_TRAP\"},"
                      "{\"names\": [\"getgid\"], \"action\": \"SCMP_ACT_TRACE\"},"
                      "{\"names\": [\"umask\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 0},"
                      "{\"names\": [\"fchmodat2\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 77}");
        cleanup_fixture struct fixture fixture;

        cr_assert_eq(fixture_text(&fixture, text), 0);
        if (under(&fixture, SYS_getppid, 0, 0) == 254)
                cr_skip("this kernel lets no filter be installed here");
        cr_expect_eq(under(&fixture, SYS_getppid, 0, 0), 0);
        cr_expect_eq(under(&fixture, SYS_getpid, 0, 0), EPERM);
        cr_expect_eq(under(&fixture, SYS_dup2, 1UL << 32, 0), 11);
        cr_expect_eq(under(&fixture, SYS_dup2, 6, 0x15), 12);
        cr_expect_eq(under(&fixture, SYS_dup2, 6, 0x16), EPERM);
        cr_expect_eq(under(&fixture, SYS_dup2, 7, 0x15), EPERM);
        cr_expect_eq(under(&fixture, SYS_sync, 0, 0), -31 /* SIGSYS */);
        cr_expect_eq(under(&fixture, SYS_getuid, 0, 0), -31);
        cr_expect_eq(under(&fixture, SYS_getgid, 0, 0), ENOSYS, "no tracer");
        cr_expect_eq(under(&fixture, SYS_umask, 0, 0), 0);
        cr_expect_eq(under(&fixture, 452, 0, 0), 77);
}

/* The budget of a start; generous, since tests run with sanitizers on busy machines. */
Test(compile, is_fast) {
        struct timespec start, end;
        double ms;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
        for (int i = 0; i < 10; i++) {
                cleanup_fixture struct fixture fixture;

                cr_assert_eq(fixture_file(&fixture, ROWS "strict.json", "SCMP_ARCH_X86_64"), 0);
        }
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
        ms = (double)(end.tv_sec - start.tv_sec) * 1e3 + (double)(end.tv_nsec - start.tv_nsec) / 1e6;
        cr_expect_lt(ms / 10, 50.0, "%.1f ms each", ms / 10);
}
