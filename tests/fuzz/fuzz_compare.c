/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two profiles of strangers, with a NUL between them: united, cut, compared, repaired, explained. What
 * must hold whatever they are: the union lets through what either does, the intersection what both do, a
 * repair changes nothing that gets through, and nothing differs from itself.
 */

#include "base/diag.h"
#include "policy/check.h"
#include "policy/diff.h"
#include "policy/dry_run_profile.h"
#include "policy/explain.h"
#include "policy/fix.h"
#include "policy/merge.h"
#include "policy/read.h"
#include "policy/resolve.h"
#include "policy/subset.h"
#include "syscalls/names.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libseccomp 2.5 loses nodes of its own when it prunes a tree of conditions. */
const char *__lsan_default_suppressions(void) {
        return "leak:libseccomp.so\n";
}

static struct profile_context context = { .caps = UINT64_C(0xa80425fb), .kernel_major = 6 };

struct side {
        struct profile *written, *flat;
};

static bool side_init(struct side *side, const uint8_t *data, size_t size) {
        struct diags diags = DIAGS_INIT;
        bool well = !profile_read((const char *)data, size, &diags, &side->written) &&
                    !profile_resolve(side->written, &context, &diags, &side->flat);

        diags_deinit(&diags);
        return well;
}

static void side_deinit(struct side *side) {
        profile_free(side->written);
        profile_free(side->flat);
}

/* Too complex to be compared, and filters that are too long, prove nothing. */
static void check_subset(const struct profile *a, const struct profile *b) {
        struct counterexample example;
        struct diags diags = DIAGS_INIT;
        bool subset = true;
        int r = subset_check(a, b, &diags, &subset, &example);

        if (r < 0 || r == SUBSET_E_UNCONFIRMED || (r == 0 && !subset))
                abort();
        diags_deinit(&diags);
}

static void merge(const struct side *a, const struct side *b, enum merge_kind kind) {
        static const struct merge_options approximate = { .approximate = true }, exact = { 0 };
        struct profile *merged = NULL, *flat = NULL;
        struct merge *merge;
        struct diags diags = DIAGS_INIT;
        int r;

        if (merge_new(kind, &context, &merge))
                abort();
        r = merge_add(merge, a->flat, &diags);
        if (!r)
                r = merge_add(merge, b->flat, &diags);
        if (!r)
                r = merge_result(merge, &exact, &diags, &merged);
        if (r == PROFILE_E_INVALID)
                r = merge_result(merge, &approximate, &diags, &merged);
        if (r < 0)
                abort();
        if (!r && !profile_resolve(merged, &context, &diags, &flat)) {
                check_subset(kind == MERGE_UNION ? a->flat : flat, kind == MERGE_UNION ? flat : a->flat);
                check_subset(kind == MERGE_UNION ? b->flat : flat, kind == MERGE_UNION ? flat : b->flat);
        }
        profile_free(merged);
        profile_free(flat);
        merge_free(merge);
        diags_deinit(&diags);
}

static void differ(const struct profile *a, const struct profile *b) {
        struct diags diags = DIAGS_INIT;
        struct diff diff;
        int r = diff_init(&diff, a, b, &diags);

        if (r < 0 || (r == 0 && a == b && diff.n > 0))
                abort();
        if (!r)
                diff_deinit(&diff);
        diags_deinit(&diags);
}

static void repair(const struct side *side) {
        struct side fixed = { 0 };
        struct diags diags = DIAGS_INIT;

        if (profile_fix(side->written, &diags, &fixed.written))
                abort();
        if (!profile_resolve(fixed.written, &context, &diags, &fixed.flat)) {
                check_subset(side->flat, fixed.flat);
                check_subset(fixed.flat, side->flat);
        }
        side_deinit(&fixed);
        diags_deinit(&diags);
}

static void describe(const struct side *side) {
        static const struct arch *fleet[] = { NULL, NULL };
        struct check_options options = { .fleet = fleet, .n_fleet = 2 };
        struct dry_run_options dry = { .runtime = DRY_RUN_CRUN, .listener = "/x" };
        struct profile *made = NULL;
        struct diags diags = DIAGS_INIT;
        char *text = NULL;
        size_t n;
        FILE *to = open_memstream(&text, &n);

        fleet[0] = context.arch;
        fleet[1] = arch_by_any("arm64");
        if (!to || profile_explain(side->flat, to) ||
            profile_check_for(side->written, &context, &options, &diags) ||
            dry_run_profile(side->flat, &context, &dry, &diags, &made) < 0)
                abort();
        profile_free(made);
        fclose(to);
        free(text);
        diags_deinit(&diags);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const uint8_t *end = memchr(data, 0, size);
        size_t n = end ? (size_t)(end - data) : size;
        struct side a = { 0 }, b = { 0 };

        context.arch = arch_by_any("x86_64");
        if (side_init(&a, data, n)) {
                differ(a.flat, a.flat);
                repair(&a);
                describe(&a);
                if (end && side_init(&b, end + 1, size - n - 1)) {
                        differ(a.flat, b.flat);
                        merge(&a, &b, MERGE_UNION);
                        merge(&a, &b, MERGE_INTERSECTION);
                }
        }
        side_deinit(&a);
        side_deinit(&b);
        return 0;
}
