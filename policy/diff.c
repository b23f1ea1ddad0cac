/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two profiles in one set of regions, walked side by side. A call is reported when its functions differ, so
 * nothing is reported that no program could notice, and nothing that one could is left out.
 */

#include "policy/diff.h"

#include "base/error.h"
#include "syscalls/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *difference_kind_name(enum difference_kind kind) {
        static const char *const names[DIFFERENCE_N_KINDS] = {
                [DIFFERENCE_ARCH_ADDED] = "architecture-added",
                [DIFFERENCE_ARCH_REMOVED] = "architecture-removed",
                [DIFFERENCE_ALLOWED] = "newly-allowed",
                [DIFFERENCE_REFUSED] = "newly-refused",
                [DIFFERENCE_CONDITIONS] = "conditions-changed",
                [DIFFERENCE_ACTION] = "action-changed",
        };

        return names[kind];
}

static int add(struct diff *diff, const struct difference *item) {
        if (diff->n == diff->size) {
                size_t size = diff->size ? diff->size * 2 : 64;
                struct difference *grown = reallocarray(diff->items, size, sizeof(*grown));

                if (!grown)
                        return error_origin(-ENOMEM);
                diff->items = grown;
                diff->size = size;
        }
        diff->items[diff->n++] = *item;
        return 0;
}

/* Gets some call with these verdicts through? */
static bool runs(struct regions *regions, region_id region) {
        return region_combine(regions, REGION_LOOSER, region, region_value(regions, SECCOMP_RET_ERRNO)) !=
               REGION_NOTHING;
}

static int compare_call(struct diff *diff, const struct arch *arch, bool others, uint32_t nr,
                        region_id before, region_id after) {
        struct regions *regions = diff->regions;
        struct difference item = {
                .arch = arch, .others = others, .nr = nr, .before = before, .after = after
        };
        char label[32];

        if (before == after)
                return 0;
        item.gained = region_combine(regions, REGION_LOOSER, after, before);
        item.lost = region_combine(regions, REGION_LOOSER, before, after);
        if (item.gained == REGION_NOTHING && item.lost == REGION_NOTHING)
                item.kind = DIFFERENCE_ACTION;
        else if (!runs(regions, before))
                item.kind = DIFFERENCE_ALLOWED;
        else if (!runs(regions, after))
                item.kind = DIFFERENCE_REFUSED;
        else
                item.kind = DIFFERENCE_CONDITIONS;
        if (!others)
                snprintf(item.name, sizeof(item.name), "%s",
                         syscall_label(arch->audit, nr, label, sizeof(label)));
        return error_trace(add(diff, &item));
}

static int compare_arch(struct diff *diff, const struct verdict_arch *a, const struct verdict_arch *b) {
        size_t i = 0, j = 0;
        int r = compare_call(diff, a->arch, true, 0, a->fallback, b->fallback);

        while (!r && (i < a->n || j < b->n)) {
                region_id before = a->fallback, after = b->fallback;
                uint32_t nr;

                if (j == b->n || (i < a->n && a->calls[i].nr <= b->calls[j].nr))
                        nr = a->calls[i].nr;
                else
                        nr = b->calls[j].nr;
                if (i < a->n && a->calls[i].nr == nr)
                        before = a->calls[i++].region;
                if (j < b->n && b->calls[j].nr == nr)
                        after = b->calls[j++].region;
                /* Pseudo numbers of libseccomp: no program can use them. */
                if ((int32_t)nr >= 0)
                        r = compare_call(diff, a->arch, false, nr, before, after);
        }
        return error_trace(r);
}

static int lone_arch(struct diff *diff, const struct verdict_arch *arch, enum difference_kind kind) {
        struct difference item = { .kind = kind, .arch = arch->arch, .others = true };
        region_id killed = region_value(diff->regions, SECCOMP_RET_KILL_THREAD);

        item.before = kind == DIFFERENCE_ARCH_ADDED ? killed : arch->fallback;
        item.after = kind == DIFFERENCE_ARCH_ADDED ? arch->fallback : killed;
        for (size_t i = 0; i < arch->n; i++)
                item.n_calls +=
                        (int32_t)arch->calls[i].nr >= 0 && runs(diff->regions, arch->calls[i].region);
        return error_trace(add(diff, &item));
}

static int compare_items(const void *left, const void *right) {
        const struct difference *a = left, *b = right;
        int r = verdict_arch_order(a->arch, b->arch);

        if (r)
                return r;
        if (a->kind != b->kind)
                return a->kind < b->kind ? -1 : 1;
        if (a->others != b->others)
                return a->others ? -1 : 1;
        return strcmp(a->name, b->name);
}

static int compare_all(struct diff *diff) {
        int r = 0;

        for (size_t i = 0; !r && i < diff->a.n_archs; i++) {
                const struct verdict_arch *b = verdicts_arch(&diff->b, diff->a.archs[i].arch);

                if (b)
                        r = compare_arch(diff, &diff->a.archs[i], b);
                else
                        r = lone_arch(diff, &diff->a.archs[i], DIFFERENCE_ARCH_REMOVED);
        }
        for (size_t i = 0; !r && i < diff->b.n_archs; i++)
                if (!verdicts_arch(&diff->a, diff->b.archs[i].arch))
                        r = lone_arch(diff, &diff->b.archs[i], DIFFERENCE_ARCH_ADDED);
        if (!r)
                r = regions_error(diff->regions);
        if (!r && diff->n)
                qsort(diff->items, diff->n, sizeof(*diff->items), compare_items);
        return error_trace(r);
}

int diff_init(struct diff *diff, const struct profile *a, const struct profile *b, struct diags *diags) {
        int r;

        *diff = (struct diff){ 0 };
        r = regions_new(&diff->regions);
        if (!r)
                r = verdicts_init(&diff->a, diff->regions, a);
        if (!r)
                r = verdicts_init(&diff->b, diff->regions, b);
        if (!r)
                r = compare_all(diff);
        if (r)
                diff_deinit(diff);
        if (r == REGION_E_COMPLEX) {
                r = diag_add(diags, DIAG_ERROR, "too-complex", NULL,
                             "the conditions of these profiles are too many and too different to compare");
                return r ? error_trace(r) : PROFILE_E_INVALID;
        }
        return error_trace(r);
}

void diff_deinit(struct diff *diff) {
        verdicts_deinit(&diff->a);
        verdicts_deinit(&diff->b);
        free(diff->items);
        regions_free(diff->regions);
        *diff = (struct diff){ 0 };
}
