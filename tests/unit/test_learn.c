/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Learning. The main test is a property: whatever was seen, the profile made of it, written, read again,
 * resolved and compiled as runc would, allows every call of it when the filter is run.
 */

#include <criterion/criterion.h>
#include <errno.h>
#include <jansson.h>
#include <linux/audit.h>
#include <string.h>

#include "policy/compile.h"
#include "policy/learn.h"
#include "policy/learn_seen.h"
#include "policy/match.h"
#include "policy/read.h"
#include "policy/resolve.h"
#include "policy/simulate.h"
#include "policy/write_oci.h"
#include "syscalls/names.h"
#include "syscalls/table.h"

static const struct profile_context context = { .caps = 0, .kernel_major = 6, .kernel_minor = 1 };

static struct learn *new_learn(struct learn_options options) {
        struct learn *learn;

        cr_assert_eq(learn_new(&options, &learn), 0);
        return learn;
}

static struct event call_on(const char *arch_name, const char *name) {
        const struct arch *arch = arch_by_any(arch_name);
        int nr = syscall_number(arch, name);
        struct event event = { .count = 1, .first_ns = 1, .last_ns = 1 };

        cr_assert_geq(nr, 0, "%s", name);
        event.arch = arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64 : arch->audit;
        event.nr = (uint32_t)nr;
        strcpy(event.comm, "test");
        return event;
}

static void see(struct learn *learn, const char *name, uint64_t a, uint64_t b, uint64_t c) {
        struct event event = call_on("x86_64", name);

        event.args[0] = a;
        event.args[1] = b;
        event.args[2] = c;
        cr_assert_eq(learn_add(learn, &event), 0);
}

static struct profile *profile_of(const struct learn *learn) {
        struct profile *profile;

        cr_assert_eq(learn_profile(learn, &profile), 0);
        return profile;
}

static char *text_of(const struct profile *profile) {
        struct buf buf = BUF_INIT(0);

        cr_assert_eq(profile_write_oci(profile, &buf), 0);
        return buf.data;
}

static struct profile *read_text(const char *text) {
        struct diags diags = DIAGS_INIT;
        struct profile *profile = NULL;
        int r = profile_read(text, strlen(text), &diags, &profile);

        if (r)
                diags_print(&diags, stderr, DIAG_WARNING, false);
        cr_assert_eq(r, 0, "%s", text);
        diags_deinit(&diags);
        return profile;
}

/* As a runtime takes it: text, resolved for x86_64, compiled. */
struct loaded {
        struct profile *profile;
        struct filter filter;
};

static struct loaded load(const struct profile *profile) {
        struct profile_context here = context;
        struct loaded loaded = { .filter = FILTER_INIT };
        struct diags diags = DIAGS_INIT;
        char *text = text_of(profile);
        struct profile *again = read_text(text);
        int r;

        here.arch = arch_by_any("x86_64");
        cr_assert_eq(profile_resolve(again, &here, &diags, &loaded.profile), 0);
        r = filter_compile(loaded.profile, &diags, &loaded.filter);
        if (r) {
                diags_print(&diags, stderr, DIAG_WARNING, false);
                fputs(text, stderr);
        }
        cr_assert_eq(r, 0);
        profile_free(again);
        diags_deinit(&diags);
        free(text);
        return loaded;
}

static void unload(struct loaded *loaded) {
        profile_free(loaded->profile);
        filter_deinit(&loaded->filter);
}

static uint32_t verdict(const struct loaded *loaded, const struct event *event) {
        struct seccomp_data data = { .nr = (int)event->nr, .arch = event->arch };
        uint32_t action;

        memcpy(data.args, event->args, sizeof(data.args));
        action = filter_simulate(&loaded->filter, &data, NULL);
        cr_expect_eq(match_call(loaded->profile, event->arch, event->nr, event->args, NULL), action);
        return action;
}

static uint32_t verdict_of(const struct loaded *loaded, const char *name, uint64_t a, uint64_t b,
                           uint64_t c) {
        struct event event = call_on("x86_64", name);

        event.args[0] = a;
        event.args[1] = b;
        event.args[2] = c;
        return verdict(loaded, &event);
}

static bool allows_plainly(const struct profile *profile, const char *name) {
        for (size_t i = 0; i < profile->n_rules; i++)
                if (profile->rules[i].action == SECCOMP_RET_ALLOW && profile->rules[i].n_conditions == 0 &&
                    rule_has_name(profile->rules + i, name))
                        return true;
        return false;
}

/* ---- the property ---- */

static uint64_t state = 1;

static uint64_t next_random(void) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return state;
}

/* Small numbers, flags, pointers, minus one: what registers hold. */
static uint64_t random_arg(void) {
        switch (next_random() % 6) {
        case 0:
                return next_random() % 8;
        case 1:
                return next_random() % 512;
        case 2:
                return UINT64_C(1) << (next_random() % 64);
        case 3:
                return next_random() & 0xffffffff;
        case 4:
                return UINT64_MAX - next_random() % 4;
        default:
                return next_random();
        }
}

static struct event random_event(const char *const *archs, size_t n_archs) {
        const struct arch *arch = arch_by_any(archs[next_random() % n_archs]);
        struct event event = { .count = 1 + next_random() % 3, .first_ns = next_random() % 1000 };
        uint32_t cursor = 0, nr = 0;
        size_t skip = next_random() % 330;

        while (skip-- > 0 && syscall_next(arch, &cursor, &nr))
                ;
        event.last_ns = event.first_ns;
        event.arch = arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64 : arch->audit;
        event.nr = nr;
        for (size_t i = 0; i < EVENT_N_ARGS; i++) {
                event.args[i] = random_arg();
                if (arch->bits == 32)
                        event.args[i] &= UINT32_MAX;
        }
        if (next_random() % 64 == 0)
                event.flags |= EVENT_MERGED_ARGS;
        return event;
}

static void check_property(struct learn_options options, size_t n, const char *const *archs, size_t n_archs,
                           unsigned rounds) {
        for (unsigned round = 0; round < rounds; round++) {
                struct event *events = calloc(n, sizeof(*events));
                struct learn *learn = new_learn(options), *backwards = new_learn(options);
                struct profile *profile, *other;
                struct loaded loaded;
                char *text, *other_text;

                for (size_t i = 0; i < n; i++) {
                        events[i] = random_event(archs, n_archs);
                        cr_assert_eq(learn_add(learn, events + i), 0);
                }
                for (size_t i = n; i-- > 0;)
                        cr_assert_eq(learn_add(backwards, events + i), 0);
                profile = profile_of(learn);
                other = profile_of(backwards);
                text = text_of(profile);
                other_text = text_of(other);
                cr_expect_str_eq(text, other_text, "the order of events shows");
                for (size_t i = 0; i < profile->n_rules; i++)
                        cr_expect_not(rule_is_split(profile->rules + i) && !options.base,
                                      "rule %zu is split", i);
                loaded = load(profile);
                for (size_t i = 0; i < n; i++)
                        cr_assert_eq(verdict(&loaded, events + i), SECCOMP_RET_ALLOW,
                                     "round %u, event %zu: arch %x nr %u args %lx %lx %lx %lx %lx %lx",
                                     round, i, events[i].arch, events[i].nr, (long)events[i].args[0],
                                     (long)events[i].args[1], (long)events[i].args[2],
                                     (long)events[i].args[3], (long)events[i].args[4],
                                     (long)events[i].args[5]);
                unload(&loaded);
                free(text);
                free(other_text);
                profile_free(profile);
                profile_free(other);
                learn_free(learn);
                learn_free(backwards);
                free(events);
        }
}

static const char *const one_arch[] = { "x86_64" }, *const all_archs[] = { "x86_64", "x86_64", "i386",
                                                                           "x32" };

Test(learn, all_that_was_seen_is_allowed, .timeout = 120) {
        check_property((struct learn_options){ 0 }, 300, one_arch, 1, 3);
        check_property((struct learn_options){ 0 }, 600, all_archs, 4, 3);
}

Test(learn, all_that_was_seen_is_allowed_with_args, .timeout = 120) {
        check_property((struct learn_options){ .args = true }, 1, one_arch, 1, 20);
        check_property((struct learn_options){ .args = true }, 40, one_arch, 1, 10);
        check_property((struct learn_options){ .args = true }, 600, one_arch, 1, 2);
        check_property((struct learn_options){ .args = true }, 400, all_archs, 4, 3);
        check_property((struct learn_options){ .args = true, .runtime = LEARN_FOR_DOCKER }, 100, one_arch, 1,
                       3);
}

static const char docker_like[] =
        "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 1,"
        " \"archMap\": [{\"architecture\": \"SCMP_ARCH_X86_64\", \"subArchitectures\": "
        "[\"SCMP_ARCH_X86\"]}],"
        " \"syscalls\": ["
        "  {\"names\": [\"read\", \"write\", \"futex\", \"mmap\"], \"action\": \"SCMP_ACT_ALLOW\"},"
        "  {\"names\": [\"socket\"], \"action\": \"SCMP_ACT_ALLOW\","
        "   \"args\": [{\"index\": 0, \"value\": 40, \"op\": \"SCMP_CMP_NE\"}]},"
        "  {\"names\": [\"personality\"], \"action\": \"SCMP_ACT_ALLOW\","
        "   \"args\": [{\"index\": 0, \"value\": 0, \"op\": \"SCMP_CMP_EQ\"}]},"
        "  {\"names\": [\"mount\", \"clone\"], \"action\": \"SCMP_ACT_ALLOW\", \"includes\": {\"caps\": "
        "[\"CAP_SYS_ADMIN\"]}},"
        "  {\"names\": [\"clone\"], \"action\": \"SCMP_ACT_ALLOW\", \"excludes\": {\"caps\": "
        "[\"CAP_SYS_ADMIN\"]},"
        "   \"args\": [{\"index\": 0, \"value\": 2114060288, \"valueTwo\": 0, \"op\": "
        "\"SCMP_CMP_MASKED_EQ\"}]},"
        "  {\"names\": [\"clone3\", \"bpf\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 38,"
        "   \"excludes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}}]}";

static const char deny_list[] =
        "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"SCMP_ARCH_X86_64\","
        "\"SCMP_ARCH_X86\", \"SCMP_ARCH_X32\"], \"syscalls\": ["
        "{\"names\": [\"ptrace\", \"mount\", \"open\"], \"action\": \"SCMP_ACT_KILL\"},"
        "{\"names\": [\"socket\"], \"action\": \"SCMP_ACT_ERRNO\","
        " \"args\": [{\"index\": 0, \"value\": 2, \"op\": \"SCMP_CMP_EQ\"}]}]}";

Test(learn, all_that_was_seen_is_allowed_on_a_base, .timeout = 120) {
        static const char *const texts[] = { docker_like, deny_list };

        for (size_t i = 0; i < 2; i++) {
                struct profile *base = read_text(texts[i]), *other = read_text(texts[1 - i]);

                check_property((struct learn_options){ .base = base }, 200, one_arch, 1, 2);
                check_property((struct learn_options){ .base = base, .args = true }, 200, one_arch, 1, 4);
                check_property((struct learn_options){ .merge = base, .args = true }, 200, all_archs, 4, 2);
                check_property((struct learn_options){ .base = base, .merge = other, .args = true }, 100,
                               one_arch, 1, 2);
                profile_free(base);
                profile_free(other);
        }
}

/* Nothing that the profile to start from allows may be refused afterwards. */
Test(learn, a_base_never_becomes_stricter, .timeout = 120) {
        static const char *const texts[] = { docker_like, deny_list };

        for (unsigned round = 0; round < 8; round++) {
                struct profile *base = read_text(texts[round % 2]), *profile;
                struct learn *learn = new_learn((struct learn_options){ .base = round & 2 ? base : NULL,
                                                                        .merge = round & 2 ? NULL : base,
                                                                        .args = round & 4 });
                struct loaded before = load(base), after;

                for (int i = 0; i < 100; i++) {
                        struct event event = random_event(one_arch, 1);

                        cr_assert_eq(learn_add(learn, &event), 0);
                }
                profile = profile_of(learn);
                after = load(profile);
                for (int i = 0; i < 20000; i++) {
                        struct event event = random_event(all_archs, 3);

                        if (verdict(&before, &event) == SECCOMP_RET_ALLOW)
                                cr_assert_eq(verdict(&after, &event), SECCOMP_RET_ALLOW,
                                             "round %u: nr %u args %lx", round, event.nr,
                                             (long)event.args[0]);
                }
                unload(&before);
                unload(&after);
                profile_free(profile);
                profile_free(base);
                learn_free(learn);
        }
}

/* ---- single rules ---- */

Test(learn, a_small_profile_reads_well) {
        struct learn *learn = new_learn((struct learn_options){ 0 });
        struct profile *profile;
        const struct rule *rule;

        see(learn, "write", 1, 0, 0);
        see(learn, "execve", 0, 0, 0);
        see(learn, "write", 2, 0, 0);
        profile = profile_of(learn);
        cr_expect_eq(profile->default_action, SECCOMP_RET_ERRNO | EPERM);
        cr_expect(profile->default_errno_set);
        cr_assert_eq(profile->n_archs, 3);
        cr_expect_str_eq(profile->archs[0].name, "SCMP_ARCH_X86_64");
        rule = profile->rules;
        cr_expect_eq(rule->n_conditions, 0);
        cr_expect(rule_has_name(rule, "write") && rule_has_name(rule, "execve") &&
                  rule_has_name(rule, "exit_group"));
        for (size_t i = 1; i < rule->n_names; i++)
                cr_expect_lt(strcmp(rule->names[i - 1], rule->names[i]), 0, "%s", rule->names[i]);
        profile_free(profile);
        learn_free(learn);
}

Test(learn, a_runtimes_own_calls_are_added_only_when_asked_for) {
        static const struct {
                struct learn_options options;
                bool added, known;
        } rows[] = {
                { { 0 }, false, false },
                { { .with_runtime = true }, true, false },
                { { .runtime = LEARN_FOR_RUNC }, true, true },
                { { .runtime = LEARN_FOR_CRUN }, true, true },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct learn *learn = new_learn(rows[i].options);
                struct event event = call_on("x86_64", "personality");
                struct profile *profile;

                event.flags = EVENT_RUNTIME;
                event.count = 3;
                cr_assert_eq(learn_add(learn, &event), 0);
                see(learn, "mkdir", 0, 0, 0);
                cr_expect_eq(learn_left_out(learn), rows[i].added ? 0 : 3, "row %zu", i);
                profile = profile_of(learn);
                cr_expect(learn_allows_plainly(profile, "mkdir"), "row %zu", i);
                cr_expect_eq(learn_allows_plainly(profile, "personality"), rows[i].added, "row %zu", i);
                cr_expect_eq(learn_allows_plainly(profile, "capset"), rows[i].known, "row %zu", i);
                profile_free(profile);
                learn_free(learn);
        }
}

Test(learn, probes_that_were_not_seen_say_enosys) {
        struct learn *learn = new_learn((struct learn_options){ 0 });
        struct loaded loaded;
        struct profile *profile;

        see(learn, "write", 1, 0, 0);
        see(learn, "statx", 0, 0, 0);
        profile = profile_of(learn);
        loaded = load(profile);
        cr_expect_eq(verdict_of(&loaded, "clone3", 0, 0, 0), SECCOMP_RET_ERRNO | ENOSYS);
        cr_expect_eq(verdict_of(&loaded, "openat2", 0, 0, 0), SECCOMP_RET_ERRNO | ENOSYS);
        cr_expect_eq(verdict_of(&loaded, "io_uring_setup", 0, 0, 0), SECCOMP_RET_ERRNO | ENOSYS);
        cr_expect_eq(verdict_of(&loaded, "statx", 0, 0, 0), SECCOMP_RET_ALLOW);
        cr_expect_eq(verdict_of(&loaded, "mount", 0, 0, 0), SECCOMP_RET_ERRNO | EPERM);
        unload(&loaded);
        profile_free(profile);
        learn_free(learn);
}

Test(learn, time64_probes_need_a_32_bit_program) {
        struct learn *learn = new_learn((struct learn_options){ 0 });
        struct event event = call_on("i386", "write");
        struct profile *profile;

        see(learn, "write", 1, 0, 0);
        profile = profile_of(learn);
        for (size_t i = 0; i < profile->n_rules; i++)
                cr_expect_not(rule_has_name(profile->rules + i, "clock_gettime64"));
        profile_free(profile);
        cr_assert_eq(learn_add(learn, &event), 0);
        profile = profile_of(learn);
        cr_expect(rule_has_name(profile->rules + profile->n_rules - 1, "clock_gettime64"));
        profile_free(profile);
        learn_free(learn);
}

Test(learn, values_become_alternatives) {
        struct learn *learn = new_learn((struct learn_options){ .args = true });
        struct profile *profile;
        struct loaded loaded;

        see(learn, "socket", 1, 1, 0);
        see(learn, "socket", 2, 2, 17);
        profile = profile_of(learn);
        loaded = load(profile);
        cr_expect_not(allows_plainly(profile, "socket"));
        cr_expect_eq(verdict_of(&loaded, "socket", 1, 1, 0), SECCOMP_RET_ALLOW);
        cr_expect_eq(verdict_of(&loaded, "socket", 2, 2, 17), SECCOMP_RET_ALLOW);
        cr_expect_neq(verdict_of(&loaded, "socket", 1, 2, 0), SECCOMP_RET_ALLOW, "a mixture was not seen");
        cr_expect_neq(verdict_of(&loaded, "socket", 16, 3, 0), SECCOMP_RET_ALLOW);
        /* What the kernel cuts off does not decide. */
        cr_expect_eq(verdict_of(&loaded, "socket", UINT64_C(0x500000001), 1, 0), SECCOMP_RET_ALLOW);
        unload(&loaded);
        profile_free(profile);
        learn_free(learn);
}

Test(learn, flags_never_seen_are_refused) {
        struct learn *learn = new_learn((struct learn_options){ .args = true });
        struct profile *profile;
        struct loaded loaded;

        see(learn, "mprotect", 0x1000, 4096, 1);
        see(learn, "mprotect", 0x2000, 4096, 3);
        profile = profile_of(learn);
        loaded = load(profile);
        cr_expect_eq(verdict_of(&loaded, "mprotect", 0, 0, 0), SECCOMP_RET_ALLOW);
        cr_expect_eq(verdict_of(&loaded, "mprotect", 0, 0, 2), SECCOMP_RET_ALLOW);
        cr_expect_neq(verdict_of(&loaded, "mprotect", 0, 0, 4), SECCOMP_RET_ALLOW,
                      "PROT_EXEC was never seen");
        unload(&loaded);
        profile_free(profile);
        learn_free(learn);
}

/* Exactly as many alternatives as allowed, then one more. */
Test(learn, too_many_alternatives_become_none) {
        struct learn *learn = new_learn((struct learn_options){ .args = true });
        struct profile *profile;
        size_t n = 0;

        for (uint64_t i = 0; i < LEARN_ALTERNATIVES_MAX; i++)
                see(learn, "ioctl", 3, 0x5400 + i, 0);
        profile = profile_of(learn);
        for (size_t i = 0; i < profile->n_rules; i++)
                n += rule_has_name(profile->rules + i, "ioctl");
        cr_expect_eq(n, LEARN_ALTERNATIVES_MAX);
        profile_free(profile);
        see(learn, "ioctl", 3, 0x9999, 0);
        profile = profile_of(learn);
        cr_expect(allows_plainly(profile, "ioctl"));
        profile_free(profile);
        learn_free(learn);
}

Test(learn, merged_rows_ask_nothing_of_arguments) {
        struct learn *learn = new_learn((struct learn_options){ .args = true });
        struct event event = call_on("x86_64", "socket");
        struct profile *profile;

        event.flags = EVENT_MERGED_ARGS;
        see(learn, "socket", 1, 1, 0);
        cr_assert_eq(learn_add(learn, &event), 0);
        profile = profile_of(learn);
        cr_expect(allows_plainly(profile, "socket"));
        profile_free(profile);
        learn_free(learn);
}

/* mmap on i386 takes a pointer to its arguments: conditions of x86_64 would test rubbish there. */
Test(learn, architectures_that_disagree_ask_nothing) {
        struct learn *learn = new_learn((struct learn_options){ .args = true });
        struct event event = call_on("x86_64", "mmap"), other = call_on("i386", "mmap");
        struct profile *profile;

        event.args[2] = 1;
        event.args[3] = 2;
        cr_assert_eq(learn_add(learn, &event), 0);
        profile = profile_of(learn);
        cr_expect_not(allows_plainly(profile, "mmap"));
        profile_free(profile);
        cr_assert_eq(learn_add(learn, &other), 0);
        profile = profile_of(learn);
        cr_expect(allows_plainly(profile, "mmap"));
        profile_free(profile);
        learn_free(learn);
}

Test(learn, clone_may_create_only_the_namespaces_seen) {
        struct learn *learn = new_learn((struct learn_options){ 0 });
        struct profile *profile;
        struct loaded loaded;

        see(learn, "write", 0, 0, 0);
        profile = profile_of(learn);
        loaded = load(profile);
        cr_expect_eq(verdict_of(&loaded, "clone", 0x3d0f00, 0, 0), SECCOMP_RET_ALLOW, "threads");
        cr_expect_eq(verdict_of(&loaded, "clone", 17, 0, 0), SECCOMP_RET_ALLOW, "fork");
        cr_expect_neq(verdict_of(&loaded, "clone", 0x10000000 | 17, 0, 0), SECCOMP_RET_ALLOW,
                      "CLONE_NEWUSER");
        unload(&loaded);
        profile_free(profile);

        see(learn, "clone", 0x10000000 | 17, 0, 0);
        profile = profile_of(learn);
        loaded = load(profile);
        cr_expect_eq(verdict_of(&loaded, "clone", 0x10000000 | 17, 0, 0), SECCOMP_RET_ALLOW);
        cr_expect_eq(verdict_of(&loaded, "clone", 17, 0, 0), SECCOMP_RET_ALLOW);
        cr_expect_neq(verdict_of(&loaded, "clone", 0x40000000 | 17, 0, 0), SECCOMP_RET_ALLOW,
                      "CLONE_NEWNET");
        unload(&loaded);
        profile_free(profile);
        learn_free(learn);
}

Test(learn, assumed_calls_are_allowed) {
        struct learn *learn = new_learn((struct learn_options){ .args = true });
        struct profile *profile;
        struct loaded loaded;

        see(learn, "write", 0, 0, 0);
        profile = profile_of(learn);
        loaded = load(profile);
        for (size_t i = 0; i < learn_assumed_n; i++)
                if (syscall_number(arch_by_any("x86_64"), learn_assumed[i].name) >= 0)
                        cr_expect_eq(verdict_of(&loaded, learn_assumed[i].name, 17, 0, 0), SECCOMP_RET_ALLOW,
                                     "%s", learn_assumed[i].name);
        unload(&loaded);
        profile_free(profile);
        learn_free(learn);
}

Test(learn, tables_name_calls_that_exist) {
        for (size_t i = 0; i < learn_assumed_n; i++)
                cr_expect(syscall_known(learn_assumed[i].name), "%s", learn_assumed[i].name);
        for (size_t i = 0; i < learn_probes_n; i++)
                cr_expect(syscall_known(learn_probes[i].name), "%s", learn_probes[i].name);
        for (size_t i = 0; i < learn_runtime_calls_n; i++) {
                cr_expect(syscall_known(learn_runtime_calls[i].name), "%s", learn_runtime_calls[i].name);
                cr_expect(learn_runtime_calls[i].runc || learn_runtime_calls[i].crun);
        }
}

Test(learn, runtimes_get_their_calls) {
        static const struct {
                enum learn_runtime runtime;
                bool no_new_privs;
                const char *needed, *spared;
        } rows[] = {
                { LEARN_FOR_RUNC, true, "fstatfs", "setgid" },
                { LEARN_FOR_RUNC, false, "setgid", "setresuid" },
                { LEARN_FOR_DOCKER, true, "setgid", "setresuid" },
                { LEARN_FOR_CRUN, true, "wait4", "setresuid" },
                { LEARN_FOR_CRUN, false, "setresuid", "epoll_ctl" },
                { LEARN_FOR_NOTHING, false, "write", "execve" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct learn *learn = new_learn((struct learn_options){
                        .runtime = rows[i].runtime, .for_no_new_privs = rows[i].no_new_privs });
                struct profile *profile;

                see(learn, "write", 0, 0, 0);
                profile = profile_of(learn);
                cr_expect(allows_plainly(profile, rows[i].needed), "row %zu", i);
                cr_expect_not(allows_plainly(profile, rows[i].spared), "row %zu", i);
                profile_free(profile);
                learn_free(learn);
        }
}

Test(learn, runtimes_by_name) {
        enum learn_runtime runtime;

        cr_expect(learn_runtime_by_name("crun", &runtime) == 0 && runtime == LEARN_FOR_CRUN);
        cr_expect(learn_runtime_by_name("docker", &runtime) == 0 && runtime == LEARN_FOR_DOCKER);
        cr_expect_eq(learn_runtime_by_name("rkt", &runtime), -ENOENT);
}

Test(learn, numbers_without_a_name_are_listed) {
        struct learn *learn = new_learn((struct learn_options){ 0 });
        struct event event = { .count = 2, .arch = AUDIT_ARCH_X86_64, .nr = 4000 };
        const struct learn_unnamed *unnamed;

        cr_assert_eq(learn_add(learn, &event), 0);
        event.nr = 3999;
        cr_assert_eq(learn_add(learn, &event), 0);
        cr_assert_eq(learn_add(learn, &event), 0);
        event.arch = 0x77;
        cr_assert_eq(learn_add(learn, &event), 0);
        cr_assert_eq(learn_unnamed(learn, &unnamed), 3);
        cr_expect(unnamed[0].arch == 0x77);
        cr_expect(unnamed[1].nr == 3999 && unnamed[1].count == 4);
        cr_expect(unnamed[2].nr == 4000 && unnamed[2].count == 2);
        cr_expect_eq(learn_completeness(learn).n_calls, 8);
        learn_free(learn);
}

/* A file of strangers may hold any number of numbers. */
Test(learn, a_flood_of_numbers_is_bounded) {
        struct learn *learn = new_learn((struct learn_options){ 0 });
        struct event event = { .count = 1, .arch = 0x77 };
        const struct learn_unnamed *unnamed;

        for (uint32_t i = 0; i < 20000; i++) {
                event.nr = i;
                cr_assert_eq(learn_add(learn, &event), 0);
        }
        cr_expect_leq(learn_unnamed(learn, &unnamed), 4096);
        learn_free(learn);
}

Test(learn, new_names_are_those_the_base_refuses) {
        struct profile *base = read_text(docker_like), *resolved;
        struct learn *learn;
        struct diags diags = DIAGS_INIT;
        const char *const *names;
        size_t n;

        /* without any capability */
        cr_assert_eq(profile_resolve(
                             base,
                             &(struct profile_context){ .arch = arch_by_any("x86_64"), .kernel_major = 6 },
                             &diags, &resolved),
                     0);
        learn = new_learn((struct learn_options){ .base = base, .base_resolved = resolved });

        see(learn, "write", 0, 0, 0);
        see(learn, "socket", 40, 0, 0);
        see(learn, "bpf", 0, 0, 0);
        see(learn, "mount", 0, 0, 0);
        cr_assert_eq(learn_new_names(learn, &names, &n), 0);
        cr_assert_eq(n, 3);
        cr_expect_str_eq(names[0], "bpf");
        cr_expect_str_eq(names[1], "mount");
        cr_expect_str_eq(names[2], "socket");
        profile_free(resolved);
        diags_deinit(&diags);
        profile_free(base);
        learn_free(learn);
}

/* docker refuses a profile that has both a list of architectures and a map. */
Test(learn, a_map_of_architectures_is_extended_in_place) {
        struct profile *base = read_text(docker_like), *profile;
        struct learn *learn = new_learn((struct learn_options){ .merge = base });
        struct event event = call_on("x32", "write");

        cr_assert_eq(learn_add(learn, &event), 0);
        profile = profile_of(learn);
        cr_expect_eq(profile->n_archs, 0);
        cr_assert_eq(profile->n_arch_maps, 1);
        cr_assert_eq(profile->arch_maps[0].n_subs, 2);
        cr_expect_str_eq(profile->arch_maps[0].subs[1].name, "SCMP_ARCH_X32");
        profile_free(profile);
        profile_free(base);
        learn_free(learn);
}

/* Merging what was merged already changes nothing. */
Test(learn, merging_twice_is_merging_once) {
        struct profile *base = read_text(docker_like), *once, *twice;
        struct learn *first = new_learn((struct learn_options){ .merge = base, .args = true }), *second;
        char *text, *again;

        see(first, "socket", 40, 1, 0);
        see(first, "bpf", 0, 0, 0);
        see(first, "mprotect", 0, 0, 1);
        once = profile_of(first);
        second = new_learn((struct learn_options){ .merge = once, .args = true });
        see(second, "socket", 40, 1, 0);
        see(second, "bpf", 0, 0, 0);
        see(second, "mprotect", 0, 0, 1);
        twice = profile_of(second);
        text = text_of(once);
        again = text_of(twice);
        cr_expect_str_eq(text, again);
        free(text);
        free(again);
        profile_free(once);
        profile_free(twice);
        profile_free(base);
        learn_free(first);
        learn_free(second);
}

Test(learn, evidence_explains_every_name) {
        struct learn *learn = new_learn((struct learn_options){ .args = true, .runtime = LEARN_FOR_CRUN });
        struct ledger ledger = { .received = 2, .answered = 2, .recorded = 2 };
        struct event event = call_on("x86_64", "socket");
        struct profile *profile;
        json_t *root, *calls, *call;
        bool found = false;
        char *text = NULL;
        size_t n = 0, i;
        FILE *to = open_memstream(&text, &n);

        event.args[0] = 1;
        event.args[1] = 1;
        strcpy(event.comm, "\xff\x1b");
        strcpy(event.detail, "AF_UNIX, SOCK_STREAM, 0");
        strcpy(event.object, "/usr/lib/libc.so.6");
        cr_assert_eq(learn_add(learn, &event), 0);
        cr_assert_eq(learn_evidence(learn, &ledger, to), 0);
        fclose(to);
        root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        cr_assert_not_null(root);
        calls = json_object_get(root, "calls");
        profile = profile_of(learn);
        for (i = 0; i < profile->rules[0].n_names; i++) {
                size_t k;

                found = false;
                json_array_foreach(calls, k, call) {
                        if (strcmp(json_string_value(json_object_get(call, "name")),
                                   profile->rules[0].names[i]) != 0)
                                continue;
                        found = true;
                        cr_expect_gt(json_array_size(json_object_get(call, "reasons")), 0);
                }
                cr_expect(found, "%s", profile->rules[0].names[i]);
        }
        json_array_foreach(calls, i, call) {
                if (strcmp(json_string_value(json_object_get(call, "name")), "socket") != 0)
                        continue;
                cr_expect_eq(json_integer_value(json_object_get(call, "count")), 1);
                cr_expect_eq(json_array_size(json_object_get(call, "conditions")), 1);
                cr_expect_eq(json_array_size(json_object_get(call, "samples")), 1);
        }
        cr_expect_eq(json_integer_value(json_object_get(json_object_get(root, "ledger"), "received")), 2);
        profile_free(profile);
        json_decref(root);
        free(text);
        learn_free(learn);
}
