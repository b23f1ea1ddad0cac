/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heart of a dry run: the verdict by the rules equals the verdict of the compiled filter, for every
 * profile of ours, every one of a corpus of other people's profiles where there is one, and thousands of
 * random ones, at the boundaries of all their conditions and at random points.
 */

#include "policy_fixture.h"

#include <dirent.h>

static uint64_t seed = 42;

static uint32_t draw(void) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (uint32_t)(seed >> 33);
}

static uint64_t draw_value(void) {
        static const uint64_t edges[] = {
                0,          1,          2,           3,           255,         256,       0x7fffffff,
                0x80000000, 0xffffffff, 0x100000000, 0x100000001, 0x500000005, INT64_MAX, UINT64_C(1) << 63,
                UINT64_MAX,
        };

        switch (draw() % 4) {
        case 0:
                return draw() % 4;
        case 1:
                return edges[draw() % (sizeof(edges) / sizeof(edges[0]))];
        case 2:
                return edges[draw() % (sizeof(edges) / sizeof(edges[0]))] + draw() % 3 - 1;
        default:
                return (uint64_t)draw() << 32 ^ draw();
        }
}

struct tally {
        size_t n_profiles, n_checks, n_refused;
};

static void agree(const struct fixture *fixture, const char *what, uint32_t arch, uint32_t nr,
                  const uint64_t args[6], struct tally *tally) {
        struct seccomp_data data = { .nr = (int)nr, .arch = arch };
        struct match match;
        bool on_arguments;
        uint32_t by_filter, by_rules;
        char a[64], b[64];

        memcpy(data.args, args, sizeof(data.args));
        by_filter = filter_simulate(&fixture->filter, &data, &on_arguments);
        by_rules = match_call(fixture->flat, arch, nr, args, &match);
        tally->n_checks++;
        cr_assert_eq(
                by_filter, by_rules,
                "%s: arch %x nr %u(%lx, %lx, %lx, %lx, %lx, %lx): the filter says %s, the rules %s by %s",
                what, arch, nr, args[0], args[1], args[2], args[3], args[4], args[5],
                filter_action_text(by_filter, a, sizeof(a)), filter_action_text(by_rules, b, sizeof(b)),
                match.place);
        cr_assert_eq(match.action, by_rules);
        cr_assert_not_null(match.place);
        /* A verdict that is said to hold for all arguments must come without a look at them. */
        cr_assert(match.on_arguments || !on_arguments, "%s: arch %x nr %u", what, arch, nr);
}

/* Around the values of one condition, alone and with the upper half of the register set. */
static void agree_around(const struct fixture *fixture, const char *what, uint32_t arch, uint32_t nr,
                         const struct condition *condition, struct tally *tally) {
        const uint64_t values[] = { condition->value, condition->value_two, ~condition->value,
                                    condition->value | condition->value_two };

        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
                for (int delta = -1; delta <= 1; delta++)
                        for (int high = 0; high < 3; high++) {
                                uint64_t args[6];

                                for (size_t j = 0; j < 6; j++)
                                        args[j] = draw_value();
                                args[condition->index] = values[i] + (uint64_t)(int64_t)delta;
                                if (high == 1)
                                        args[condition->index] ^= UINT64_C(0xffffffff00000000);
                                if (high == 2)
                                        args[condition->index] |= UINT64_C(1) << 32;
                                agree(fixture, what, arch, nr, args, tally);
                        }
}

/* All conditions of a rule at once, each met or missed by one: conjunctions are rarely met by chance. */
static void agree_rule(const struct fixture *fixture, const char *what, uint32_t arch, uint32_t nr,
                       const struct rule *rule, struct tally *tally) {
        for (int round = 0; round < 8; round++) {
                uint64_t args[6];

                for (size_t j = 0; j < 6; j++)
                        args[j] = draw_value();
                for (size_t j = 0; j < rule->n_conditions; j++) {
                        const struct condition *condition = &rule->conditions[j];
                        uint64_t value = condition->op == CONDITION_MASKED_EQ ? condition->value_two
                                                                              : condition->value;

                        args[condition->index] = value + draw() % 3 - 1;
                }
                agree(fixture, what, arch, nr, args, tally);
        }
        for (size_t j = 0; j < rule->n_conditions; j++)
                agree_around(fixture, what, arch, nr, &rule->conditions[j], tally);
}

static void agree_numbers(const struct fixture *fixture, const char *what, uint32_t arch,
                          struct tally *tally) {
        static const uint32_t odd[] = { 0x3fffffff, 0x40000000, 0x7fffffff, 0x80000000, 0x80000001,
                                        0xbfffffff, 0xc0000000, 0xfffffffe, 0xffffffff };
        uint64_t args[6] = { 0 };

        for (uint32_t nr = 0; nr <= 520; nr++) {
                for (size_t i = 0; i < 6; i++)
                        args[i] = draw_value();
                agree(fixture, what, arch, nr, args, tally);
                agree(fixture, what, arch, nr | X32_NR_BIT, args, tally);
        }
        for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
                agree(fixture, what, arch, odd[i], args, tally);
        for (size_t i = 0; i < 64; i++)
                agree(fixture, what, arch, draw() << 16 ^ draw(), args, tally);
}

static void agree_on_all(const struct fixture *fixture, const char *what, struct tally *tally) {
        static const uint32_t archs[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64,
                                          AUDIT_ARCH_ARM, AUDIT_ARCH_S390X };

        for (size_t i = 0; i < sizeof(archs) / sizeof(archs[0]); i++)
                agree_numbers(fixture, what, archs[i], tally);
        for (size_t i = 0; i < fixture->flat->n_rules; i++) {
                const struct rule *rule = &fixture->flat->rules[i];

                for (size_t j = 0; rule->n_conditions && j < rule->n_names; j++)
                        for (size_t k = 0; k < fixture->flat->n_archs; k++) {
                                const struct arch *arch = fixture->flat->archs[k].arch;
                                uint32_t audit = arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64 : arch->audit;
                                int nr = syscall_number(arch, rule->names[j]);

                                if (nr >= 0)
                                        agree_rule(fixture, what, audit, (uint32_t)nr, rule, tally);
                        }
        }
        /* socketcall and ipc, whose first argument takes part */
        for (uint64_t call = 0; call < 30; call++)
                for (int round = 0; round < 8; round++) {
                        uint64_t args[6] = { call | (uint64_t)(round & 1) << 40 };

                        for (size_t i = 1; i < 6; i++)
                                args[i] = draw_value();
                        agree(fixture, what, AUDIT_ARCH_I386, 102, args, tally);
                        agree(fixture, what, AUDIT_ARCH_I386, 117, args, tally);
                }
        tally->n_profiles++;
}

static int profile_name(const struct dirent *entry) {
        const char *dot = strrchr(entry->d_name, '.');

        return dot && !strcmp(dot, ".json");
}

static void agree_in(const char *folder, const char *scmp, struct tally *tally) {
        struct dirent **entries;
        int n = scandir(folder, &entries, profile_name, alphasort);

        cr_assert(n > 0, "no profiles in %s", folder);
        for (int i = 0; i < n; i++) {
                cleanup_fixture struct fixture fixture;
                char path[4096];
                int r;

                snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
                r = fixture_file(&fixture, path, scmp);
                cr_assert_geq(r, 0, "%s: %d", path, r);
                if (!r)
                        agree_on_all(&fixture, entries[i]->d_name, tally);
                else
                        tally->n_refused++;
                free(entries[i]);
        }
        free(entries);
}

Test(match, agrees_with_filter_on_own_profiles) {
        struct tally tally = { 0 };

        agree_in(ROWS, "SCMP_ARCH_X86_64", &tally);
        cr_assert_eq(tally.n_refused, 1, "conflicting.json alone is refused, not %zu", tally.n_refused);
        cr_assert_gt(tally.n_profiles, 10);
        fprintf(stderr, "own profiles: %zu agree in %zu checks\n", tally.n_profiles, tally.n_checks);
}

/* The same profiles as an ARM machine would resolve them. */
Test(match, agrees_with_filter_for_aarch64) {
        struct tally tally = { 0 };

        agree_in(ROWS, "SCMP_ARCH_AARCH64", &tally);
        cr_assert_gt(tally.n_profiles, 10);
        fprintf(stderr, "own profiles on aarch64: %zu agree in %zu checks\n", tally.n_profiles,
                tally.n_checks);
}

Test(match, agrees_with_filter_on_corpus) {
        const char *corpus = getenv("CALLGATE_CORPUS");
        struct tally tally = { 0 };
        char path[4096];

        if (!corpus)
                cr_skip("CALLGATE_CORPUS is not set");
        snprintf(path, sizeof(path), "%s/profiles", corpus);
        agree_in(path, "SCMP_ARCH_X86_64", &tally);
        snprintf(path, sizeof(path), "%s/odd", corpus);
        agree_in(path, "SCMP_ARCH_X86_64", &tally);
        cr_assert_gt(tally.n_profiles, 30);
        fprintf(stderr, "corpus: %zu agree in %zu checks, %zu were refused\n", tally.n_profiles,
                tally.n_checks, tally.n_refused);
}

static void random_rule(struct profile *profile, const uint32_t *actions, size_t n_actions, unsigned ops) {
        static const char *const names[] = { "getpid", "socket", "shmget", "cachestat", "connect" };
        struct rule *rule;

        cr_assert_eq(profile_add_rule(profile, &rule), 0);
        cr_assert_eq(rule_add_name(rule, names[draw() % 8 ? 0 : draw() % 5]), 0);
        rule->action = actions[draw() % n_actions];
        for (unsigned i = 0, n = draw() % 4; i < n; i++) {
                unsigned op;

                do
                        op = draw() % CONDITION_N_OPS;
                while (!(ops & 1u << op));
                cr_assert_eq(rule_add_condition(rule, draw() % 3, (enum condition_op)op, draw_value(),
                                                draw_value()),
                             0);
        }
}

/* One profile out of random rules for few calls, so that they meet in one tree. */
static void random_profile(const uint32_t *actions, size_t n_actions, unsigned ops, struct tally *tally) {
        cleanup_fixture struct fixture fixture = { .context = fixture_context("SCMP_ARCH_X86_64") };
        int r;

        cr_assert_eq(profile_new(&fixture.profile), 0);
        fixture.profile->default_set = true;
        fixture.profile->default_action = SECCOMP_RET_ERRNO | 1;
        cr_assert_eq(profile_add_arch(fixture.profile, arch_by_scmp("SCMP_ARCH_X86")), 0);
        for (unsigned i = 0, n = 1 + draw() % 6; i < n; i++)
                random_rule(fixture.profile, actions, n_actions, ops);
        r = fixture_compile(&fixture, 0);
        cr_assert_geq(r, 0);
        if (r) {
                cr_assert_not_null(diags_find(&fixture.diags, "conflicting-rules", NULL, NULL));
                tally->n_refused++;
                return;
        }
        for (size_t i = 0; i < fixture.flat->n_rules; i++) {
                const struct rule *rule = &fixture.flat->rules[i];

                for (size_t k = 0; k < fixture.flat->n_archs; k++) {
                        const struct arch *arch = fixture.flat->archs[k].arch;
                        int nr = syscall_number(arch, rule->names[0]);

                        if (nr >= 0)
                                agree_rule(&fixture, "random", arch->audit, (uint32_t)nr, rule, tally);
                }
                for (uint64_t call = 0; call < 24; call++)
                        agree(&fixture, "random", AUDIT_ARCH_I386, call & 1 ? 102 : 117,
                              (uint64_t[6]){ call / 2, draw_value(), draw_value() }, tally);
        }
        tally->n_profiles++;
}

static void random_profiles(const char *what, const uint32_t *actions, size_t n_actions, unsigned ops) {
        struct tally tally = { 0 };

        for (unsigned i = 0; i < 1000; i++)
                random_profile(actions, n_actions, ops, &tally);
        cr_assert_gt(tally.n_profiles, 500);
        fprintf(stderr, "%s: %zu random profiles agree in %zu checks, %zu were refused\n", what,
                tally.n_profiles, tally.n_checks, tally.n_refused);
}

static const uint32_t some_actions[] = { SECCOMP_RET_ALLOW, SECCOMP_RET_LOG, SECCOMP_RET_ERRNO | 2,
                                         SECCOMP_RET_TRAP };
#define EQUALITIES (1u << CONDITION_EQ | 1u << CONDITION_MASKED_EQ)
#define ALL_OPS    ((1u << CONDITION_N_OPS) - 1)

Test(match, agrees_on_random_rules_of_one_action) {
        random_profiles("one action", some_actions, 1, ALL_OPS);
}

Test(match, agrees_on_random_rules_of_many_actions) {
        random_profiles("many actions", some_actions, 4, ALL_OPS);
}

Test(match, agrees_on_random_equalities) {
        random_profiles("equalities", some_actions, 4, EQUALITIES);
}

Test(match, says_which_rule_decided) {
        cleanup_fixture struct fixture fixture;
        struct match match;

        cr_assert_eq(fixture_file(&fixture, ROWS "fine-grained.json", "SCMP_ARCH_X86_64"), 0);
        /* kill(pid, 9): the second of two rules */
        match_call(fixture.flat, AUDIT_ARCH_X86_64, 62, (uint64_t[6]){ 1, 9 }, &match);
        cr_assert_eq(match.action, SECCOMP_RET_TRAP);
        cr_assert_str_eq(match.place, "syscalls[14]");
        cr_assert_eq(match.rule, 14);
        cr_assert_eq(match.condition, 0);
        cr_assert(match.on_arguments);
        cr_assert_not(match.ambiguous);
        /* kill(pid, 1): neither */
        match_call(fixture.flat, AUDIT_ARCH_X86_64, 62, (uint64_t[6]){ 1, 1 }, &match);
        cr_assert_eq(match.action, SECCOMP_RET_ERRNO | 13);
        cr_assert_str_eq(match.place, "defaultAction");
        cr_assert_eq(match.rule, MATCH_NONE);
        cr_assert(match.on_arguments);
        /* shmat: no conditions */
        match_call(fixture.flat, AUDIT_ARCH_X86_64, 30, (uint64_t[6]){ 0 }, &match);
        cr_assert_eq(match.action, SECCOMP_RET_ALLOW);
        cr_assert_eq(match.condition, MATCH_NONE);
        cr_assert_not(match.on_arguments);
        /* an architecture that is not listed */
        match_call(fixture.flat, AUDIT_ARCH_AARCH64, 30, (uint64_t[6]){ 0 }, &match);
        cr_assert_eq(match.action, SECCOMP_RET_KILL_THREAD);
        cr_assert_str_eq(match.place, "architectures");
        /* no struct match wanted */
        cr_assert_eq(match_call(fixture.flat, AUDIT_ARCH_X86_64, 30, (uint64_t[6]){ 0 }, NULL),
                     SECCOMP_RET_ALLOW);
}

Test(match, keeps_places_of_rules_left_out) {
        cleanup_fixture struct fixture fixture;
        struct match match;

        cr_assert_eq(fixture_file(&fixture, ROWS "docker-form.json", "SCMP_ARCH_X86_64"), 0);
        match_call(fixture.flat, AUDIT_ARCH_X86_64, (uint32_t)syscall_number(fixture.context.arch, "clone3"),
                   (uint64_t[6]){ 0 }, &match);
        cr_assert_eq(match.action, SECCOMP_RET_ERRNO | 38);
        cr_assert_str_eq(match.place, "syscalls[7]");
}

Test(match, names_the_condition_of_a_split_rule) {
        cleanup_fixture struct fixture fixture;
        struct match match;

        cr_assert_eq(fixture_file(&fixture, ROWS "repeated.json", "SCMP_ARCH_X86_64"), 0);
        match_call(fixture.flat, AUDIT_ARCH_X86_64, 135, (uint64_t[6]){ 8 }, &match);
        cr_assert_eq(match.action, SECCOMP_RET_ALLOW);
        cr_assert_eq(match.condition, 1);
        /* any one condition suffices */
        cr_assert_eq(match_call(fixture.flat, AUDIT_ARCH_X86_64, 41, (uint64_t[6]){ 3, 0, 0 }, NULL),
                     SECCOMP_RET_ALLOW);
        cr_assert_eq(match_call(fixture.flat, AUDIT_ARCH_X86_64, 41, (uint64_t[6]){ 3, 0, 1 }, NULL),
                     SECCOMP_RET_ERRNO | 1);
}

Test(match, admits_when_rules_overlap) {
        cleanup_fixture struct fixture fixture;
        struct match match;

        cr_assert_eq(fixture_file(&fixture, ROWS "overlapping.json", "SCMP_ARCH_X86_64"), 0);
        match_call(fixture.flat, AUDIT_ARCH_X86_64, 16, (uint64_t[6]){ 2, 21523 }, &match);
        cr_assert(match.ambiguous);
        match_call(fixture.flat, AUDIT_ARCH_X86_64, 16, (uint64_t[6]){ 3, 21523 }, &match);
        cr_assert_not(match.ambiguous);
        cr_assert_str_eq(match.place, "syscalls[0]");
        /* the first unconditional rule replaces an earlier conditional one and is not replaced itself */
        match_call(fixture.flat, AUDIT_ARCH_X86_64, 39, (uint64_t[6]){ 1 }, &match);
        cr_assert_eq(match.action, SECCOMP_RET_ERRNO | 3);
        cr_assert_str_eq(match.place, "syscalls[7]");
}

Test(match, narrows_registers_of_32_bit_calls) {
        cleanup_fixture struct fixture fixture;

        cr_assert_eq(fixture_file(&fixture, ROWS "fine-grained.json", "SCMP_ARCH_X86_64"), 0);
        /* dup(0) from int 0x80 with rubbish above the low word */
        cr_assert_eq(match_call(fixture.flat, AUDIT_ARCH_I386, 41, (uint64_t[6]){ UINT64_C(1) << 32 }, NULL),
                     SECCOMP_RET_ALLOW);
        cr_assert_eq(
                match_call(fixture.flat, AUDIT_ARCH_X86_64, 32, (uint64_t[6]){ UINT64_C(1) << 32 }, NULL),
                SECCOMP_RET_ERRNO | 13);
}
