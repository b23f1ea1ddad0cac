/* SPDX-License-Identifier: Apache-2.0 */
/* The program as a whole; that it agrees with the rules everywhere is the business of test_match.c. */

#include "policy/alternatives.h"
#include "policy_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
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

/* The same profile as runc gives it to libseccomp: all architectures in one context, names by this machine.
 */
static void plain_libseccomp(const struct profile *flat, struct filter *ret) {
        static const enum scmp_compare ops[] = { SCMP_CMP_NE, SCMP_CMP_LT, SCMP_CMP_LE,       SCMP_CMP_EQ,
                                                 SCMP_CMP_GE, SCMP_CMP_GT, SCMP_CMP_MASKED_EQ };
        scmp_filter_ctx context = seccomp_init(flat->default_action);
        int fd = memfd_create("plain", MFD_CLOEXEC);
        struct stat st;

        cr_assert(context && fd >= 0);
        cr_assert_eq(seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2), 0);
        for (size_t i = 1; i < flat->n_archs; i++)
                cr_assert_eq(seccomp_arch_add(context, flat->archs[i].arch->scmp_token), 0);
        for (size_t i = 0; i < flat->n_rules; i++) {
                const struct rule *rule = &flat->rules[i];

                for (size_t j = 0; rule->action != flat->default_action && j < rule->n_names; j++) {
                        int nr = seccomp_syscall_resolve_name(rule->names[j]);
                        struct scmp_arg_cmp args[16];

                        for (size_t k = 0; k < rule->n_conditions; k++) {
                                const struct condition *condition = &rule->conditions[k];

                                args[k] = (struct scmp_arg_cmp){ condition->index, ops[condition->op],
                                                                 condition->value, condition->value_two };
                        }
                        if (nr == __NR_SCMP_ERROR)
                                continue;
                        if (!rule_is_split(rule))
                                cr_assert_eq(seccomp_rule_add_array(context, rule->action, nr,
                                                                    (unsigned)rule->n_conditions, args),
                                             0);
                        else
                                for (size_t k = 0; k < rule->n_conditions; k++)
                                        cr_assert_eq(seccomp_rule_add_array(context, rule->action, nr, 1,
                                                                            &args[k]),
                                                     0);
                }
        }
        cr_assert_eq(seccomp_export_bpf(context, fd), 0);
        cr_assert_eq(fstat(fd, &st), 0);
        ret->n = (size_t)st.st_size / sizeof(*ret->insns);
        ret->insns = malloc((size_t)st.st_size);
        cr_assert_eq(pread(fd, ret->insns, (size_t)st.st_size, 0), st.st_size);
        close(fd);
        seccomp_release(context);
}

static bool libseccomp_knows(const struct arch *arch, uint32_t nr) {
        char *name = seccomp_syscall_resolve_num_arch(arch->scmp_token, (int)nr);

        free(name);
        return name;
}

/* Each number with arguments at the edges of the conditions that speak of it. */
static size_t equal_to(const struct fixture *fixture, const char *what, const struct filter *plain,
                       const struct arch *arch) {
        const struct arch_rules *rules = match_table_arch(fixture->flat->match, arch->audit);
        uint32_t base = arch->audit == ARCH_X32 ? X32_NR_BIT : 0;
        size_t n = 0;

        for (uint32_t nr = base; nr < base + 520; nr++) {
                const struct call_rules *call = arch_rules_find(rules, nr);
                size_t n_rounds = call && rules->alternatives[call->first].n_conditions ? call->n * 9 : 1;

                if (!libseccomp_knows(arch, nr))
                        continue;
                for (size_t i = 0; i < n_rounds; i++) {
                        struct seccomp_data data = { .nr = (int)nr,
                                                     .arch = base ? AUDIT_ARCH_X86_64 : arch->audit };
                        uint32_t ours, theirs;

                        for (size_t j = 0; j < 6; j++)
                                data.args[j] = i * 0x4000000080000001 + j;
                        for (size_t j = 0; call && j < rules->alternatives[call->first + i / 9].n_conditions;
                             j++) {
                                const struct condition *condition =
                                        &rules->alternatives[call->first + i / 9].conditions[j];

                                data.args[condition->index] =
                                        (condition->op == CONDITION_MASKED_EQ ? condition->value_two
                                                                              : condition->value) +
                                        (uint64_t)(i % 3) - 1 + (i % 9 > 5 ? UINT64_C(1) << 32 : 0);
                        }
                        ours = filter_simulate(&fixture->filter, &data, NULL);
                        theirs = filter_simulate(plain, &data, NULL);
                        cr_assert_eq(ours, theirs, "%s: %s %u: %x here, %x by libseccomp", what, arch->name,
                                     nr, ours, theirs);
                        n++;
                }
        }
        return n;
}

static bool has_own_code(const struct profile *flat) {
        for (size_t i = 0; i < flat->n_archs; i++) {
                const struct arch_rules *rules = match_table_arch(flat->match, flat->archs[i].arch->audit);

                for (size_t j = 0; j < rules->n_calls; j++)
                        if (rules->calls[j].own_code)
                                return true;
        }
        return false;
}

/* Programs joined from one per architecture do what one joint context would. */
static void equal_in(const char *folder) {
        struct dirent **entries;
        int n = scandir(folder, &entries, NULL, alphasort);
        size_t n_profiles = 0, n_checks = 0;

        cr_assert_gt(n, 0);
        for (int i = 0; i < n; i++) {
                cleanup_fixture struct fixture fixture = { 0 };
                struct filter plain = FILTER_INIT;
                char path[4096];

                snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
                if (strstr(path, ".json") && !fixture_file(&fixture, path, "SCMP_ARCH_X86_64") &&
                    !has_own_code(fixture.flat)) {
                        plain_libseccomp(fixture.flat, &plain);
                        for (size_t j = 0; j < fixture.flat->n_archs; j++)
                                n_checks += equal_to(&fixture, entries[i]->d_name, &plain,
                                                     fixture.flat->archs[j].arch);
                        n_profiles++;
                }
                filter_deinit(&plain);
                free(entries[i]);
        }
        free(entries);
        cr_assert_gt(n_profiles, 4);
        fprintf(stderr, "%zu profiles equal libseccomp's filter in %zu checks\n", n_profiles, n_checks);
}

Test(compile, equals_libseccomp_on_own_profiles) {
        equal_in(ROWS);
}

Test(compile, equals_libseccomp_on_corpus) {
        const char *corpus = getenv("CALLGATE_CORPUS");
        char path[4096];

        if (!corpus)
                cr_skip("CALLGATE_CORPUS is not set");
        snprintf(path, sizeof(path), "%s/profiles", corpus);
        equal_in(path);
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

static double cpu_ms(void) {
        struct timespec now;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* The budget of a start; generous, since tests run with sanitizers. The best of several, since what a
 * neighbour of a virtual machine takes of a processor is counted as ours. */
Test(compile, is_fast) {
        double best_ms = 1e9;

        for (int i = 0; i < 30 && best_ms >= 50.0; i++) {
                cleanup_fixture struct fixture fixture;
                double start_ms = cpu_ms(), ms;

                cr_assert_eq(fixture_file(&fixture, ROWS "strict.json", "SCMP_ARCH_X86_64"), 0);
                ms = cpu_ms() - start_ms;
                if (ms < best_ms)
                        best_ms = ms;
        }
        cr_expect_lt(best_ms, 50.0, "%.1f ms", best_ms);
}
