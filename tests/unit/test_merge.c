/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Union and intersection: against brute force over the compiled filters, on rows, on random profiles and on
 * a corpus of other people's profiles where there is one; and the laws, down to the bytes.
 */

#include "policy_fixture.h"

#include "base/buf.h"
#include "policy/merge.h"
#include "policy/region.h"
#include "policy/write_oci.h"

#include <dirent.h>

static uint64_t seed = 11;

static uint32_t draw(void) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (uint32_t)(seed >> 33);
}

static uint64_t draw_value(void) {
        static const uint64_t edges[] = {
                0,          1,          2,           3,           255,       256,
                0x80000000, 0xffffffff, 0x100000000, 0x500000005, INT64_MAX, UINT64_MAX,
        };

        return draw() % 4 ? draw() % 4 : edges[draw() % (sizeof(edges) / sizeof(edges[0]))];
}

static int merge_two(enum merge_kind kind, const struct profile *a, const struct profile *b,
                     const struct merge_options *options, struct fixture *ret) {
        struct merge *merge;
        int r;

        *ret = (struct fixture){ .context = fixture_context("SCMP_ARCH_X86_64") };
        cr_assert_eq(merge_new(kind, &ret->context, &merge), 0);
        r = merge_add(merge, a, &ret->diags);
        if (!r && b)
                r = merge_add(merge, b, &ret->diags);
        if (!r)
                r = merge_result(merge, options, &ret->diags, &ret->profile);
        merge_free(merge);
        return fixture_compile(ret, r);
}

static const struct merge_options exact = { .max_alternatives = 4096 };

static char *bytes(const struct profile *profile) {
        struct buf text = BUF_INIT(0);

        cr_assert_eq(profile_write_oci(profile, &text), 0);
        buf_string(&text);
        return text.data;
}

struct tally {
        size_t n_merges, n_checks, n_refused;
};

static void check_call(enum merge_kind kind, const struct fixture *a, const struct fixture *b,
                       const struct fixture *merged, const struct seccomp_data *data, const char *what,
                       struct tally *tally) {
        uint32_t x = filter_simulate(&a->filter, data, NULL), y = filter_simulate(&b->filter, data, NULL);
        uint32_t got = filter_simulate(&merged->filter, data, NULL);
        uint32_t want = kind == MERGE_UNION ? action_milder(x, y) : action_stricter(x, y);
        char texts[4][64];

        tally->n_checks++;
        if (got != want)
                fprintf(stderr, "%s", bytes(merged->profile));
        cr_assert_eq(got, want, "%s: %s of %s and %s is %s: arch %x nr %d(%llx, %llx, %llx)", what,
                     kind == MERGE_UNION ? "union" : "intersection",
                     filter_action_text(x, texts[0], sizeof(texts[0])),
                     filter_action_text(y, texts[1], sizeof(texts[1])),
                     filter_action_text(got, texts[2], sizeof(texts[2])), data->arch, data->nr,
                     data->args[0], data->args[1], data->args[2]);
}

/* Approximation may err in one direction only. */
static void check_bound(enum merge_kind kind, const struct fixture *a, const struct fixture *b,
                        const struct fixture *merged, const struct seccomp_data *data, const char *what,
                        struct tally *tally) {
        unsigned x = action_looseness(filter_simulate(&a->filter, data, NULL));
        unsigned y = action_looseness(filter_simulate(&b->filter, data, NULL));
        unsigned got = action_looseness(filter_simulate(&merged->filter, data, NULL));

        tally->n_checks++;
        if (kind == MERGE_UNION)
                cr_assert_geq(got, x > y ? x : y, "%s: arch %x nr %d(%llx)", what, data->arch, data->nr,
                              data->args[0]);
        else
                cr_assert_leq(got, x < y ? x : y, "%s: arch %x nr %d(%llx)", what, data->arch, data->nr,
                              data->args[0]);
}

/* Profiles with unlike architectures: exactly the same gets through, whatever happens to the rest. */
static void check_looseness(enum merge_kind kind, const struct fixture *a, const struct fixture *b,
                            const struct fixture *merged, const struct seccomp_data *data, const char *what,
                            struct tally *tally) {
        unsigned x = action_looseness(filter_simulate(&a->filter, data, NULL));
        unsigned y = action_looseness(filter_simulate(&b->filter, data, NULL));
        unsigned got = action_looseness(filter_simulate(&merged->filter, data, NULL));

        tally->n_checks++;
        cr_assert_eq(got, (kind == MERGE_UNION) == (x > y) ? x : y, "%s: arch %x nr %d(%llx)", what,
                     data->arch, data->nr, data->args[0]);
}

typedef void check_function(enum merge_kind kind, const struct fixture *a, const struct fixture *b,
                            const struct fixture *merged, const struct seccomp_data *data, const char *what,
                            struct tally *tally);

/* Values at and around those of the conditions of both profiles, for the calls that have some; zeros and
 * random values for every number. */
static void check_by(check_function *check, enum merge_kind kind, const struct fixture *a,
                     const struct fixture *b, const struct fixture *merged, const char *what,
                     struct tally *tally) {
        static const uint32_t archs[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_I386 };
        const struct profile *const both[2] = { a->flat, b->flat };

        for (size_t i = 0; i < 2; i++)
                for (uint32_t nr = 0; nr < 470; nr++) {
                        struct seccomp_data data = { .nr = (int)nr, .arch = archs[i] };

                        for (int round = 0; round < 2; round++) {
                                check(kind, a, b, merged, &data, what, tally);
                                for (size_t j = 0; j < 6; j++)
                                        data.args[j] = draw_value();
                        }
                        data.nr |= X32_NR_BIT;
                        check(kind, a, b, merged, &data, what, tally);
                }
        for (size_t p = 0; p < 2; p++)
                for (size_t i = 0; i < both[p]->n_rules; i++) {
                        const struct rule *rule = &both[p]->rules[i];

                        for (size_t j = 0; rule->n_conditions && j < rule->n_names; j++)
                                for (size_t k = 0; k < both[p]->n_archs; k++) {
                                        const struct arch *arch = both[p]->archs[k].arch;
                                        int nr = syscall_number(arch, rule->names[j]);

                                        for (int round = 0; nr >= 0 && round < 16; round++) {
                                                struct seccomp_data data = {
                                                        .nr = nr,
                                                        .arch = arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64
                                                                                        : arch->audit,
                                                };

                                                for (size_t m = 0; m < 6; m++)
                                                        data.args[m] = draw_value();
                                                for (size_t m = 0; m < rule->n_conditions; m++) {
                                                        const struct condition *c = &rule->conditions[m];
                                                        uint64_t value = c->op == CONDITION_MASKED_EQ
                                                                                 ? c->value_two
                                                                                 : c->value;

                                                        if (draw() % 4)
                                                                data.args[c->index] = value + draw() % 3 - 1;
                                                }
                                                check(kind, a, b, merged, &data, what, tally);
                                        }
                                }
                }
        tally->n_merges++;
}

static void check_all(enum merge_kind kind, const struct fixture *a, const struct fixture *b,
                      const struct fixture *merged, const char *what, struct tally *tally) {
        check_by(check_call, kind, a, b, merged, what, tally);
}

/* ---- rows ---- */

#define HEAD             "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86_64\"],\"syscalls\":["
#define TAIL             "]}"
#define CALL(name, args) "{\"names\":[\"" name "\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[" args "]}"
#define EQ(index, value) "{\"index\":" #index ",\"value\":" #value ",\"op\":\"SCMP_CMP_EQ\"}"

static void rows_merge(enum merge_kind kind, const char *a, const char *b, struct fixture *ret) {
        cleanup_fixture struct fixture x, y;
        struct tally tally = { 0 };
        int r;

        cr_assert_eq(fixture_text(&x, a), 0);
        cr_assert_eq(fixture_text(&y, b), 0);
        r = merge_two(kind, x.flat, y.flat, &exact, ret);
        if (r)
                fixture_show(ret);
        cr_assert_eq(r, 0);
        check_all(kind, &x, &y, ret, "row", &tally);
}

/* The trap of section "repeated index": concatenated lists would be stricter than either. */
Test(merge, alternatives_stay_alternatives) {
        cleanup_fixture struct fixture merged;

        rows_merge(MERGE_UNION, HEAD CALL("socket", EQ(0, 1)) TAIL, HEAD CALL("socket", EQ(0, 2)) TAIL,
                   &merged);
        cr_assert_eq(merged.profile->n_rules, 2);
        for (size_t i = 0; i < 2; i++)
                cr_assert_eq(merged.profile->rules[i].n_conditions, 1);
        cr_assert_eq(fixture_run(&merged, AUDIT_ARCH_X86_64, 41, 1, 0, 0), SECCOMP_RET_ALLOW);
        cr_assert_eq(fixture_run(&merged, AUDIT_ARCH_X86_64, 41, 2, 0, 0), SECCOMP_RET_ALLOW);
        cr_assert_eq(fixture_run(&merged, AUDIT_ARCH_X86_64, 41, 3, 0, 0), SECCOMP_RET_ERRNO | 1);
}

/* The same trap, where they would be laxer: {0: 1, 1: 5} and {0: 2, 1: 6} do not allow {0: 1, 1: 6}. */
Test(merge, conjunctions_stay_conjunctions) {
        cleanup_fixture struct fixture merged;

        rows_merge(MERGE_UNION, HEAD CALL("socket", EQ(0, 1) "," EQ(1, 5)) TAIL,
                   HEAD CALL("socket", EQ(0, 2) "," EQ(1, 6)) TAIL, &merged);
        cr_assert_eq(merged.profile->n_rules, 2);
        cr_assert_not(rule_is_split(&merged.profile->rules[0]));
        cr_assert_eq(fixture_run(&merged, AUDIT_ARCH_X86_64, 41, 1, 5, 0), SECCOMP_RET_ALLOW);
        cr_assert_eq(fixture_run(&merged, AUDIT_ARCH_X86_64, 41, 2, 6, 0), SECCOMP_RET_ALLOW);
        cr_assert_eq(fixture_run(&merged, AUDIT_ARCH_X86_64, 41, 1, 6, 0), SECCOMP_RET_ERRNO | 1);
        cr_assert_eq(fixture_run(&merged, AUDIT_ARCH_X86_64, 41, 2, 5, 0), SECCOMP_RET_ERRNO | 1);
}

/* A repeated index in the input means any of the conditions, and is read so. */
Test(merge, repeated_index_is_read_as_alternatives) {
        cleanup_fixture struct fixture merged;

        rows_merge(MERGE_UNION, HEAD CALL("socket", EQ(0, 1) "," EQ(0, 2)) TAIL,
                   HEAD CALL("socket", EQ(0, 3)) TAIL, &merged);
        for (size_t i = 0; i < merged.profile->n_rules; i++)
                cr_assert_not(rule_is_split(&merged.profile->rules[i]));
        for (uint64_t i = 1; i <= 3; i++)
                cr_assert_eq(fixture_run(&merged, AUDIT_ARCH_X86_64, 41, i, 0, 0), SECCOMP_RET_ALLOW);
        cr_assert_eq(fixture_run(&merged, AUDIT_ARCH_X86_64, 41, 0, 0, 0), SECCOMP_RET_ERRNO | 1);
}

/* Two bounds of one argument cannot stand in one rule, where they would mean "or". */
Test(merge, intersection_of_bounds_is_no_repeated_index) {
        cleanup_fixture struct fixture merged;

        rows_merge(MERGE_INTERSECTION,
                   HEAD CALL("socket", "{\"index\":0,\"value\":5,\"op\":\"SCMP_CMP_GE\"}") TAIL,
                   HEAD CALL("socket", "{\"index\":0,\"value\":9,\"op\":\"SCMP_CMP_LE\"}") TAIL, &merged);
        for (size_t i = 0; i < merged.profile->n_rules; i++)
                cr_assert_not(rule_is_split(&merged.profile->rules[i]));
        for (uint64_t i = 0; i < 20; i++)
                cr_assert_eq(fixture_run(&merged, AUDIT_ARCH_X86_64, 41, i, 0, 0),
                             i >= 5 && i <= 9 ? SECCOMP_RET_ALLOW : (SECCOMP_RET_ERRNO | 1));
}

Test(merge, the_more_severe_action_wins_an_intersection) {
        cleanup_fixture struct fixture merged;

        rows_merge(MERGE_INTERSECTION,
                   HEAD "{\"names\":[\"getpid\",\"read\"],\"action\":\"SCMP_ACT_ALLOW\"},"
                        "{\"names\":[\"ptrace\"],\"action\":\"SCMP_ACT_KILL_PROCESS\"}" TAIL,
                   HEAD "{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_LOG\"},"
                        "{\"names\":[\"ptrace\",\"read\"],\"action\":\"SCMP_ACT_TRAP\"}" TAIL,
                   &merged);
        cr_assert_eq(fixture_run(&merged, AUDIT_ARCH_X86_64, 39, 0, 0, 0), SECCOMP_RET_LOG);
        cr_assert_eq(fixture_run(&merged, AUDIT_ARCH_X86_64, 0, 0, 0, 0), SECCOMP_RET_TRAP);
        cr_assert_eq(fixture_run(&merged, AUDIT_ARCH_X86_64, 101, 0, 0, 0), SECCOMP_RET_KILL_PROCESS);
}

/* ---- what cannot be written ---- */

#define BOTH                                                                                                \
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\"]," \
        "\"syscalls\":["
#define PLAIN(name) "{\"names\":[\"" name "\"],\"action\":\"SCMP_ACT_ALLOW\"}"

/* ptrace for x86_64 only, beside read for both: a rule cannot say that. */
Test(merge, refuses_what_rules_cannot_say) {
        cleanup_fixture struct fixture x, y, merged, wider;
        const struct merge_options approximate = { .approximate = true };

        cr_assert_eq(fixture_text(&x, HEAD PLAIN("ptrace") "," PLAIN("read") TAIL), 0);
        cr_assert_eq(fixture_text(&y, BOTH PLAIN("read") TAIL), 0);
        cr_assert_eq(merge_two(MERGE_UNION, x.flat, y.flat, &exact, &merged), PROFILE_E_INVALID);
        cr_assert_not_null(diags_find(&merged.diags, "not-expressible", "ptrace", "on i386"));

        cr_assert_eq(merge_two(MERGE_UNION, x.flat, y.flat, &approximate, &wider), 0);
        cr_assert_not_null(diags_find(&wider.diags, "approximated", "ptrace", NULL));
        cr_assert_eq(fixture_run(&wider, AUDIT_ARCH_X86_64, 101, 0, 0, 0), SECCOMP_RET_ALLOW);
        cr_assert_eq(fixture_run(&wider, AUDIT_ARCH_I386, 3, 0, 0, 0), SECCOMP_RET_ALLOW);
}

/* What is the same on both architectures can be said, although one of the profiles lists one only. */
Test(merge, takes_unlike_architectures_where_it_can) {
        cleanup_fixture struct fixture x, y, merged;

        cr_assert_eq(fixture_text(&x, HEAD PLAIN("read") TAIL), 0);
        cr_assert_eq(fixture_text(&y, BOTH PLAIN("read") "," PLAIN("write") TAIL), 0);
        cr_assert_eq(merge_two(MERGE_UNION, x.flat, y.flat, &exact, &merged), 0);
        cr_assert_eq(fixture_run(&merged, AUDIT_ARCH_I386, 4, 0, 0, 0), SECCOMP_RET_ALLOW);
        fixture_deinit(&merged);
        cr_assert_eq(merge_two(MERGE_INTERSECTION, x.flat, y.flat, &exact, &merged), 0);
        cr_assert_eq(fixture_run(&merged, AUDIT_ARCH_I386, 3, 0, 0, 0), SECCOMP_RET_KILL_THREAD);
        cr_assert_eq(fixture_run(&merged, AUDIT_ARCH_X86_64, 0, 0, 0, 0), SECCOMP_RET_ALLOW);
}

static void ioctls(struct buf *to, unsigned first, unsigned n) {
        buf_puts(to, HEAD);
        for (unsigned i = 0; i < n; i++)
                buf_printf(to,
                           "%s{\"names\":[\"ioctl\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":1,"
                           "\"value\":%u,\"op\":\"SCMP_CMP_EQ\"}]}",
                           i ? "," : "", (first + i) * 10007);
        buf_puts(to, TAIL);
}

Test(merge, more_alternatives_than_the_limit) {
        cleanup_fixture struct fixture x, y, merged, wider, raised;
        const struct merge_options limited = { 0 }, approximate = { .approximate = true },
                                   higher = { .max_alternatives = 200 };
        struct buf text = BUF_INIT(0);
        struct tally tally = { 0 };

        ioctls(&text, 1, 100);
        cr_assert_eq(fixture_text(&x, buf_string(&text)), 0);
        buf_reset(&text);
        ioctls(&text, 60, 100);
        cr_assert_eq(fixture_text(&y, buf_string(&text)), 0);
        buf_deinit(&text);
        cr_assert_eq(merge_two(MERGE_UNION, x.flat, y.flat, &limited, &merged), PROFILE_E_INVALID);
        cr_assert_not_null(diags_find(&merged.diags, "not-expressible", "ioctl", "159 alternatives"));
        /* none but all of them would be an over-approximation, and it is said */
        cr_assert_eq(merge_two(MERGE_UNION, x.flat, y.flat, &approximate, &wider), 0);
        cr_assert_not_null(diags_find(&wider.diags, "approximated", "ioctl", "wider"));
        cr_assert_eq(fixture_run(&wider, AUDIT_ARCH_X86_64, 16, 0, 5, 0), SECCOMP_RET_ALLOW);
        cr_assert_eq(merge_two(MERGE_UNION, x.flat, y.flat, &higher, &raised), 0);
        cr_assert_eq(raised.profile->n_rules, 159);
        check_all(MERGE_UNION, &x, &y, &raised, "ioctl", &tally);
}

Test(merge, different_listeners_are_refused) {
        cleanup_fixture struct fixture x, y, merged;

        cr_assert_eq(fixture_text(&x, "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"listenerPath\":\"/run/a\"}"),
                     0);
        cr_assert_eq(fixture_text(&y, "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"listenerPath\":\"/run/b\"}"),
                     0);
        cr_assert_eq(merge_two(MERGE_UNION, x.flat, y.flat, &exact, &merged), PROFILE_E_INVALID);
        cr_assert_not_null(diags_find(&merged.diags, "listener-differs", "listenerPath", "/run/b"));
}

/* ---- laws ---- */

static struct profile *random_profile(struct profile_context *context, struct diags *diags) {
        static const char *const names[] = { "getpid", "read",   "socket",  "clone",  "ioctl",
                                             "open",   "shmget", "connect", "accept", "made_up_call" };
        static const uint32_t actions[] = {
                SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW,      SECCOMP_RET_ALLOW,      SECCOMP_RET_ALLOW,
                SECCOMP_RET_LOG,   SECCOMP_RET_ERRNO | 38, SECCOMP_RET_ERRNO | 13, SECCOMP_RET_TRAP,
        };
        struct profile *profile, *resolved = NULL;

        cr_assert_eq(profile_new(&profile), 0);
        profile->default_set = true;
        profile->default_action = draw() % 3 ? SECCOMP_RET_ERRNO | 1 : SECCOMP_RET_KILL_PROCESS;
        cr_assert_eq(profile_add_arch(profile, arch_by_scmp("SCMP_ARCH_X86_64")), 0);
        cr_assert_eq(profile_add_arch(profile, arch_by_scmp("SCMP_ARCH_X86")), 0);
        for (unsigned i = 0, n = 1 + draw() % 8; i < n; i++) {
                struct rule *rule;

                cr_assert_eq(profile_add_rule(profile, &rule), 0);
                for (unsigned j = 0, m = 1 + draw() % 2; j < m; j++)
                        cr_assert_eq(rule_add_name(rule, names[draw() % 10]), 0);
                rule->action = actions[draw() % 8];
                for (unsigned j = 0, m = draw() % 3; j < m; j++) {
                        enum condition_op op =
                                draw() % 3 ? CONDITION_EQ : (enum condition_op)(draw() % CONDITION_N_OPS);

                        cr_assert_eq(rule_add_condition(rule, draw() % 3, op, draw_value(), draw_value()),
                                     0);
                }
        }
        cr_assert_eq(profile_resolve(profile, context, diags, &resolved), 0);
        profile_free(profile);
        return resolved;
}

static char *merged_bytes(enum merge_kind kind, struct profile *const *profiles, const unsigned *order,
                          size_t n, const struct profile_context *context, struct profile **ret) {
        struct diags diags = DIAGS_INIT;
        struct profile *profile = NULL;
        struct merge *merge;
        char *text = NULL;
        int r;

        cr_assert_eq(merge_new(kind, context, &merge), 0);
        for (size_t i = 0; i < n; i++)
                cr_assert_eq(merge_add(merge, profiles[order[i]], &diags), 0);
        r = merge_result(merge, &exact, &diags, &profile);
        cr_assert(r == 0 || r == PROFILE_E_INVALID, "%d", r);
        if (!r) {
                text = bytes(profile);
                if (ret)
                        cr_assert_eq(profile_resolve(profile, context, &diags, ret), 0);
        }
        profile_free(profile);
        merge_free(merge);
        diags_deinit(&diags);
        return text;
}

static void assert_same(const char *law, char *a, char *b) {
        if (a && b)
                cr_assert_str_eq(a, b, "%s:\n%s\n%s", law, a, b);
        cr_assert_eq(!a, !b, "%s: %s", law, a ? a : b);
        free(a);
        free(b);
}

static void laws(enum merge_kind kind, struct profile *const three[3], const struct profile_context *context,
                 struct tally *tally) {
        struct profile *pair = NULL, *other_pair = NULL, *first = NULL;
        char *text, *all;

        assert_same("commutative", merged_bytes(kind, three, (unsigned[]){ 0, 1 }, 2, context, NULL),
                    merged_bytes(kind, three, (unsigned[]){ 1, 0 }, 2, context, NULL));
        assert_same("in any order", merged_bytes(kind, three, (unsigned[]){ 0, 1, 2 }, 3, context, NULL),
                    merged_bytes(kind, three, (unsigned[]){ 2, 0, 1 }, 3, context, NULL));
        assert_same("idempotent", merged_bytes(kind, three, (unsigned[]){ 0 }, 1, context, NULL),
                    merged_bytes(kind, three, (unsigned[]){ 0, 0 }, 2, context, NULL));
        assert_same("twice", merged_bytes(kind, three, (unsigned[]){ 0, 1, 0, 1 }, 4, context, NULL),
                    merged_bytes(kind, three, (unsigned[]){ 1, 0 }, 2, context, NULL));

        /* through files: (A+B)+C and A+(B+C), and what was written once is written the same again */
        all = merged_bytes(kind, three, (unsigned[]){ 0, 1, 2 }, 3, context, NULL);
        text = merged_bytes(kind, three, (unsigned[]){ 0, 1 }, 2, context, &pair);
        free(text);
        text = merged_bytes(kind, three, (unsigned[]){ 1, 2 }, 2, context, &other_pair);
        free(text);
        text = merged_bytes(kind, three, (unsigned[]){ 0 }, 1, context, &first);
        if (first)
                assert_same("canonical", strdup(text),
                            merged_bytes(kind, (struct profile *[]){ first }, (unsigned[]){ 0 }, 1, context,
                                         NULL));
        free(text);
        if (all && pair && other_pair) {
                assert_same("associative", strdup(all),
                            merged_bytes(kind, (struct profile *[]){ pair, three[2] }, (unsigned[]){ 0, 1 },
                                         2, context, NULL));
                assert_same("associative", strdup(all),
                            merged_bytes(kind, (struct profile *[]){ three[0], other_pair },
                                         (unsigned[]){ 0, 1 }, 2, context, NULL));
                tally->n_merges++;
        } else {
                tally->n_refused++;
        }
        free(all);
        profile_free(pair);
        profile_free(other_pair);
        profile_free(first);
}

static void random_laws(enum merge_kind kind) {
        struct profile_context context = fixture_context("SCMP_ARCH_X86_64");
        struct tally tally = { 0 };

        for (unsigned i = 0; i < 20; i++) {
                struct diags diags = DIAGS_INIT;
                struct profile *three[3];

                for (size_t j = 0; j < 3; j++)
                        three[j] = random_profile(&context, &diags);
                laws(kind, three, &context, &tally);
                for (size_t j = 0; j < 3; j++)
                        profile_free(three[j]);
                diags_deinit(&diags);
        }
        fprintf(stderr, "%zu triples obey, %zu cannot be written\n", tally.n_merges, tally.n_refused);
        cr_assert_gt(tally.n_merges, 8);
}

Test(merge, union_laws) {
        random_laws(MERGE_UNION);
}

Test(merge, intersection_laws) {
        random_laws(MERGE_INTERSECTION);
}

static void random_brute_force(enum merge_kind kind) {
        struct profile_context context = fixture_context("SCMP_ARCH_X86_64");
        struct tally tally = { 0 };

        for (unsigned i = 0; i < 80; i++) {
                cleanup_fixture struct fixture a = { .context = context }, b = { .context = context },
                                               merged = { 0 };

                a.flat = random_profile(&context, &a.diags);
                b.flat = random_profile(&context, &b.diags);
                if (filter_compile(a.flat, &a.diags, &a.filter) ||
                    filter_compile(b.flat, &b.diags, &b.filter) ||
                    merge_two(kind, a.flat, b.flat, &exact, &merged)) {
                        tally.n_refused++;
                        continue;
                }
                check_all(kind, &a, &b, &merged, "random", &tally);
        }
        fprintf(stderr, "%zu merges agree in %zu checks, %zu were refused\n", tally.n_merges, tally.n_checks,
                tally.n_refused);
        cr_assert_gt(tally.n_merges, 50);
}

Test(merge, union_is_the_union_of_the_filters) {
        random_brute_force(MERGE_UNION);
}

Test(merge, intersection_is_the_intersection_of_the_filters) {
        random_brute_force(MERGE_INTERSECTION);
}

/* What is approximated errs on the side that was asked for, and says so. */
static void random_approximation(enum merge_kind kind) {
        struct profile_context context = fixture_context("SCMP_ARCH_X86_64");
        const struct merge_options approximate = { .approximate = true, .max_alternatives = 3 };
        struct tally tally = { 0 };

        for (unsigned i = 0; i < 80; i++) {
                cleanup_fixture struct fixture a = { .context = context }, b = { .context = context },
                                               merged = { 0 };

                a.flat = random_profile(&context, &a.diags);
                b.flat = random_profile(&context, &b.diags);
                if (filter_compile(a.flat, &a.diags, &a.filter) ||
                    filter_compile(b.flat, &b.diags, &b.filter))
                        continue;
                if (merge_two(kind, a.flat, b.flat, &approximate, &merged)) {
                        tally.n_refused++;
                        continue;
                }
                if (diags_find(&merged.diags, "approximated", NULL, NULL))
                        check_by(check_bound, kind, &a, &b, &merged, "approximation", &tally);
        }
        fprintf(stderr, "%zu approximations keep to their side in %zu checks, %zu cannot be written\n",
                tally.n_merges, tally.n_checks, tally.n_refused);
        cr_assert_gt(tally.n_merges, 5);
        cr_assert_lt(tally.n_refused, 10);
}

Test(merge, approximated_union_is_wider) {
        random_approximation(MERGE_UNION);
}

Test(merge, approximated_intersection_is_narrower) {
        random_approximation(MERGE_INTERSECTION);
}

/* ---- real profiles ---- */

static int profile_name(const struct dirent *entry) {
        const char *dot = strrchr(entry->d_name, '.');

        return dot && !strcmp(dot, ".json");
}

static bool same_archs(const struct profile *a, const struct profile *b) {
        for (size_t i = 0; i < a->n_archs; i++)
                if (!profile_has_arch(b, a->archs[i].arch))
                        return false;
        return a->n_archs == b->n_archs;
}

static void corpus(enum merge_kind kind) {
        const char *folder = getenv("CALLGATE_CORPUS");
        static struct fixture fixtures[512];
        struct dirent **entries;
        const struct merge_options approximate = { .approximate = true, .max_alternatives = 4096 };
        struct tally tally = { 0 }, unlike = { 0 }, bounded = { 0 }, triples = { 0 };
        char path[4096];
        size_t n_profiles = 0, n_hopeless = 0;
        int n;

        if (!folder)
                cr_skip("CALLGATE_CORPUS is not set");
        snprintf(path, sizeof(path), "%s/profiles", folder);
        n = scandir(path, &entries, profile_name, alphasort);
        cr_assert_gt(n, 10);
        for (int i = 0; i < n && n_profiles < 512; i++) {
                snprintf(path, sizeof(path), "%s/profiles/%s", folder, entries[i]->d_name);
                if (!fixture_file(&fixtures[n_profiles], path, "SCMP_ARCH_X86_64"))
                        n_profiles++;
                else
                        fixture_deinit(&fixtures[n_profiles]);
                free(entries[i]);
        }
        free(entries);
        for (size_t i = 0; i < n_profiles; i++)
                for (unsigned k = 0; k < 2; k++) {
                        const struct fixture *a = &fixtures[i], *b = k ? &fixtures[draw() % n_profiles] : a;
                        cleanup_fixture struct fixture merged;
                        int r = merge_two(kind, a->flat, b->flat, &exact, &merged);

                        cr_assert_geq(r, 0);
                        if (r) {
                                cleanup_fixture struct fixture nearest;

                                tally.n_refused++;
                                cr_assert_not_null(diags_find(&merged.diags, "not-expressible", NULL, NULL));
                                if (!merge_two(kind, a->flat, b->flat, &approximate, &nearest))
                                        check_by(check_bound, kind, a, b, &nearest, a->profile->file,
                                                 &bounded);
                                else
                                        n_hopeless++;
                                continue;
                        }
                        if (same_archs(a->flat, b->flat))
                                check_all(kind, a, b, &merged, a->profile->file, &tally);
                        else
                                check_by(check_looseness, kind, a, b, &merged, a->profile->file, &unlike);
                }
        fprintf(stderr,
                "%zu profiles: %zu merges agree in %zu checks, %zu with unlike architectures let through "
                "the "
                "same; of %zu that cannot be written %zu can nearly, %zu not\n",
                n_profiles, tally.n_merges, tally.n_checks, unlike.n_merges, tally.n_refused,
                bounded.n_merges, n_hopeless);
        for (unsigned i = 0; i < 600 && triples.n_merges < 30; i++) {
                struct profile_context context = fixture_context("SCMP_ARCH_X86_64");
                struct profile *three[3];

                for (size_t j = 0; j < 3; j++)
                        three[j] = fixtures[draw() % n_profiles].flat;
                if (same_archs(three[0], three[1]) && same_archs(three[1], three[2]))
                        laws(kind, three, &context, &triples);
        }
        fprintf(stderr, "%zu triples obey the laws, %zu cannot be written\n", triples.n_merges,
                triples.n_refused);
        cr_assert_gt(tally.n_merges, n_profiles / 2);
        cr_assert_gt(triples.n_merges, 10);
        for (size_t i = 0; i < n_profiles; i++)
                fixture_deinit(&fixtures[i]);
}

Test(merge, union_of_real_profiles) {
        corpus(MERGE_UNION);
}

Test(merge, intersection_of_real_profiles) {
        corpus(MERGE_INTERSECTION);
}
