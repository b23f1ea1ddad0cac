/* SPDX-License-Identifier: Apache-2.0 */
/* Is one profile no looser than another? Rows by hand, and against unions and intersections. */

#include "policy_fixture.h"

#include "policy/merge.h"
#include "policy/region.h"
#include "policy/subset.h"

#include <dirent.h>

#define HEAD                   "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86_64\"],\"syscalls\":["
#define COND(index, op, value) "{\"index\":" #index ",\"value\":" #value ",\"op\":\"SCMP_CMP_" #op "\"}"
#define SOCKET(args)           "{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[" args "]}"

static const struct {
        const char *what, *a, *b;
        const char *example; /* NULL: A is a subset of B */
        uint64_t arg0, arg1;
} rows[] = {
        { "equal", HEAD SOCKET(COND(0, EQ, 1)) "]}", HEAD SOCKET(COND(0, EQ, 1)) "]}", NULL, 0, 0 },
        { "one value of two", HEAD SOCKET(COND(0, EQ, 1)) "]}",
          HEAD SOCKET(COND(0, EQ, 1)) "," SOCKET(COND(0, EQ, 2)) "]}", NULL, 0, 0 },
        { "two values of one", HEAD SOCKET(COND(0, EQ, 1)) "," SOCKET(COND(0, EQ, 2)) "]}",
          HEAD SOCKET(COND(0, EQ, 1)) "]}", "socket", 2, 0 },
        { "a range in a range", HEAD SOCKET(COND(0, GT, 9)) "]}", HEAD SOCKET(COND(0, GE, 5)) "]}", NULL, 0,
          0 },
        { "a range out of a range", HEAD SOCKET(COND(0, GE, 5)) "]}", HEAD SOCKET(COND(0, GT, 9)) "]}",
          "socket", 5, 0 },
        { "a conjunction in one of its parts", HEAD SOCKET(COND(0, EQ, 1) "," COND(1, EQ, 5)) "]}",
          HEAD SOCKET(COND(1, EQ, 5)) "]}", NULL, 0, 0 },
        { "a part not in the conjunction", HEAD SOCKET(COND(0, EQ, 1)) "]}",
          HEAD SOCKET(COND(0, EQ, 1) "," COND(1, EQ, 5)) "]}", "socket", 1, 0 },
        { "together they cover it", HEAD SOCKET(COND(0, EQ, 1)) "]}",
          HEAD SOCKET(COND(0, EQ, 1) "," COND(1, LT, 5)) "," SOCKET(COND(0, EQ, 1) "," COND(1, GE, 5)) "]}",
          NULL, 0, 0 },
        { "LOG runs the call", HEAD "{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_LOG\"}]}", HEAD "]}",
          "socket", 0, 0 },
        { "NOTIFY may run the call", HEAD "{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}",
          HEAD "]}", "socket", 0, 0 },
        { "NOTIFY asks at least", HEAD "{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}",
          HEAD "{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\"}]}", NULL, 0, 0 },
        { "how it is refused does not matter", HEAD "]}",
          "{\"defaultAction\":\"SCMP_ACT_KILL_PROCESS\",\"architectures\":[\"SCMP_ARCH_X86_64\"]}", NULL, 0,
          0 },
        { "everything", "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_X86_64\"]}",
          HEAD SOCKET("") "]}", "read", 0, 0 },
};

static void assert_confirmed(const struct fixture *a, const struct fixture *b,
                             const struct counterexample *example, const char *what) {
        struct seccomp_data data = { .nr = (int)example->nr, .arch = example->audit };

        memcpy(data.args, example->args, sizeof(data.args));
        cr_assert_eq(filter_simulate(&a->filter, &data, NULL), example->by_a, "%s", what);
        cr_assert_eq(filter_simulate(&b->filter, &data, NULL), example->by_b, "%s", what);
        cr_assert_gt(action_looseness(example->by_a), action_looseness(example->by_b), "%s", what);
}

Test(subset, rows) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                cleanup_fixture struct fixture a, b;
                struct counterexample example;
                bool subset;

                cr_assert_eq(fixture_text(&a, rows[i].a), 0);
                cr_assert_eq(fixture_text(&b, rows[i].b), 0);
                cr_assert_eq(subset_check(a.flat, b.flat, &a.diags, &subset, &example), 0);
                cr_assert_eq(subset, !rows[i].example, "%s", rows[i].what);
                if (subset)
                        continue;
                cr_assert_str_eq(example.name, rows[i].example, "%s: %s", rows[i].what, example.name);
                cr_assert_eq(example.args[0], rows[i].arg0, "%s", rows[i].what);
                cr_assert_eq(example.args[1], rows[i].arg1, "%s", rows[i].what);
                assert_confirmed(&a, &b, &example, rows[i].what);
                cr_assert_not_null(example.place_a);
        }
}

Test(subset, an_architecture_too_many) {
        cleanup_fixture struct fixture a, b;
        struct counterexample example;
        bool subset;

        cr_assert_eq(fixture_text(&a, "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":["
                                      "\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X32\"],\"syscalls\":[{\"names\":["
                                      "\"getpid\"],\"action\":\"SCMP_ACT_ALLOW\"}]}"),
                     0);
        cr_assert_eq(fixture_text(&b, HEAD "{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_ALLOW\"}]}"), 0);
        cr_assert_eq(subset_check(a.flat, b.flat, &a.diags, &subset, &example), 0);
        cr_assert_not(subset);
        cr_assert_eq(example.audit, AUDIT_ARCH_X86_64);
        cr_assert_eq(example.nr, X32_NR_BIT | 39);
        cr_assert_eq(subset_check(b.flat, a.flat, &a.diags, &subset, &example), 0);
        cr_assert(subset);
}

/* High halves are not compared for 32-bit programs. */
Test(subset, knows_the_word_of_the_architecture) {
        cleanup_fixture struct fixture a, b;
        struct counterexample example;
        bool subset;

        cr_assert_eq(fixture_text(&a, "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":["
                                      "\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\"],\"syscalls\":[" SOCKET(
                                              COND(0, EQ, 4294967297)) "]}"),
                     0);
        cr_assert_eq(fixture_text(&b, "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":["
                                      "\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\"],\"syscalls\":[" SOCKET(
                                              COND(0, GT, 2)) "]}"),
                     0);
        cr_assert_eq(subset_check(a.flat, b.flat, &a.diags, &subset, &example), 0);
        cr_assert_not(subset);
        cr_assert_eq(example.audit, AUDIT_ARCH_I386);
        cr_assert_eq(example.args[0], 1);
        assert_confirmed(&a, &b, &example, "word");
}

static int profile_name(const struct dirent *entry) {
        const char *dot = strrchr(entry->d_name, '.');

        return dot && !strcmp(dot, ".json");
}

/* All pairs of real profiles: an answer "no" is confirmed, an answer "yes" survives brute force, and the
 * intersection of a pair is always a subset of both. */
Test(subset, pairs_of_real_profiles, .timeout = 200) {
        const char *folder = getenv("CALLGATE_CORPUS");
        static struct fixture fixtures[512];
        struct dirent **entries;
        size_t n_profiles = 0, n_yes = 0, n_no = 0;
        char path[4096];
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
                for (size_t j = 0; j < n_profiles; j += 3) {
                        const struct fixture *a = &fixtures[i], *b = &fixtures[j];
                        struct counterexample example;
                        bool subset;

                        cr_assert_eq(subset_check(a->flat, b->flat, &fixtures[i].diags, &subset, &example),
                                     0);
                        n_yes += subset;
                        n_no += !subset;
                        if (!subset) {
                                assert_confirmed(a, b, &example, a->profile->file);
                                continue;
                        }
                        for (uint32_t nr = 0; nr < 462; nr++)
                                for (uint64_t value = 0; value < 18; value++) {
                                        struct seccomp_data data = {
                                                .nr = (int)nr,
                                                .arch = nr & 1 ? AUDIT_ARCH_X86_64 : AUDIT_ARCH_I386,
                                                .args = { value, value, value },
                                        };

                                        cr_assert_leq(
                                                action_looseness(filter_simulate(&a->filter, &data, NULL)),
                                                action_looseness(filter_simulate(&b->filter, &data, NULL)));
                                }
                }
        fprintf(stderr, "%zu profiles: %zu subsets, %zu counter-examples confirmed\n", n_profiles, n_yes,
                n_no);
        cr_assert(n_yes > n_profiles / 3 && n_no > n_profiles);
        for (size_t i = 0; i + 1 < n_profiles; i += 4) {
                struct profile_context context = fixture_context("SCMP_ARCH_X86_64");
                cleanup_profile struct profile *both = NULL, *flat = NULL;
                const struct merge_options options = { .max_alternatives = 4096 };
                struct diags diags = DIAGS_INIT;
                struct counterexample example;
                struct merge *merge;
                bool subset;

                cr_assert_eq(merge_new(MERGE_INTERSECTION, &context, &merge), 0);
                cr_assert_eq(merge_add(merge, fixtures[i].flat, &diags), 0);
                cr_assert_eq(merge_add(merge, fixtures[i + 1].flat, &diags), 0);
                cr_assert_eq(merge_result(merge, &options, &diags, &both), 0);
                cr_assert_eq(profile_resolve(both, &context, &diags, &flat), 0);
                for (size_t side = 0; side < 2; side++) {
                        cr_assert_eq(subset_check(flat, fixtures[i + side].flat, &diags, &subset, &example),
                                     0);
                        cr_assert(subset, "%s: %s", fixtures[i + side].profile->file, example.name);
                }
                merge_free(merge);
                diags_deinit(&diags);
        }
        for (size_t i = 0; i < n_profiles; i++)
                fixture_deinit(&fixtures[i]);
}
