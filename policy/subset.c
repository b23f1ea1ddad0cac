/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proof is over regions, for all arguments at once; the counter-example is one point of them, and is
 * believed only after both compiled filters were run over it.
 *
 * The candidates are tried in an order that makes examples readable: calls with a rule, then real calls
 * without one, then a number that no kernel has.
 */

#include "policy/subset.h"

#include "base/error.h"
#include "policy/compile.h"
#include "policy/match.h"
#include "policy/simulate.h"
#include "policy/verdicts.h"
#include "syscalls/names.h"

#include <linux/audit.h>
#include <stdio.h>
#include <string.h>

#define NOBODYS_NUMBER 0x3ffu

struct search {
        struct regions *regions;
        struct verdicts a, b;
        struct counterexample *example;
        bool found;
};

/* Bit 30 belongs to every number of x32. */
static uint32_t nobodys_number(const struct arch *arch) {
        return NOBODYS_NUMBER | (arch->audit == ARCH_X32 ? X32_NR_BIT : 0);
}

static void try_call(struct search *search, const struct arch *arch, uint32_t nr) {
        char label[32];
        region_id set;

        /* Pseudo numbers of libseccomp: no program can use them. */
        if (search->found || (int32_t)nr < 0)
                return;
        set = region_combine(search->regions, REGION_LOOSER, verdicts_find(&search->a, arch, nr),
                             verdicts_find(&search->b, arch, nr));
        if (set == REGION_NOTHING || regions_error(search->regions))
                return;
        search->found = region_pick(search->regions, set, search->example->args);
        search->example->arch = arch;
        search->example->audit = arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64 : arch->audit;
        search->example->nr = nr;
        snprintf(search->example->name, sizeof(search->example->name), "%s",
                 syscall_label(arch->audit, nr, label, sizeof(label)));
}

static void try_arch(struct search *search, const struct arch *arch) {
        const struct verdict_arch *sides[2] = { verdicts_arch(&search->a, arch),
                                                verdicts_arch(&search->b, arch) };
        uint32_t cursor = 0, nr;

        for (size_t side = 0; side < 2; side++)
                for (size_t i = 0; sides[side] && i < sides[side]->n; i++)
                        try_call(search, arch, sides[side]->calls[i].nr);
        while (!search->found && syscall_next(arch, &cursor, &nr))
                try_call(search, arch, nr);
        try_call(search, arch, nobodys_number(arch));
}

static int confirm(const struct profile *a, const struct profile *b, struct diags *diags,
                   struct counterexample *example) {
        struct filter filter_a = FILTER_INIT, filter_b = FILTER_INIT;
        struct seccomp_data data = { .nr = (int)example->nr, .arch = example->audit };
        struct match by_a, by_b;
        int r;

        memcpy(data.args, example->args, sizeof(data.args));
        r = filter_compile(a, diags, &filter_a);
        if (!r)
                r = filter_compile(b, diags, &filter_b);
        if (!r) {
                example->by_a = filter_simulate(&filter_a, &data, NULL);
                example->by_b = filter_simulate(&filter_b, &data, NULL);
                match_call(a, example->audit, example->nr, example->args, &by_a);
                match_call(b, example->audit, example->nr, example->args, &by_b);
                example->place_a = by_a.place;
                example->place_b = by_b.place;
                if (by_a.action != example->by_a || by_b.action != example->by_b ||
                    action_looseness(example->by_a) <= action_looseness(example->by_b))
                        r = SUBSET_E_UNCONFIRMED;
        }
        filter_deinit(&filter_a);
        filter_deinit(&filter_b);
        return error_trace(r);
}

static int search_all(struct search *search, const struct profile *a, const struct profile *b) {
        int r;

        r = verdicts_init(&search->a, search->regions, a);
        if (!r)
                r = verdicts_init(&search->b, search->regions, b);
        /* What A does not list it kills, so only its own architectures can hold an example. */
        for (size_t i = 0; !r && i < search->a.n_archs; i++)
                try_arch(search, search->a.archs[i].arch);
        return error_trace(r ? r : regions_error(search->regions));
}

int subset_check(const struct profile *a, const struct profile *b, struct diags *diags, bool *ret_subset,
                 struct counterexample *ret_example) {
        cleanup_regions struct regions *regions = NULL;
        struct search search = { .example = ret_example };
        int r;

        *ret_example = (struct counterexample){ 0 };
        r = regions_new(&regions);
        if (r)
                return error_trace(r);
        search.regions = regions;
        r = search_all(&search, a, b);
        verdicts_deinit(&search.a);
        verdicts_deinit(&search.b);
        if (r == REGION_E_COMPLEX) {
                r = diag_add(diags, DIAG_ERROR, "too-complex", NULL,
                             "the conditions of these profiles are too many and too different to compare");
                return r ? error_trace(r) : PROFILE_E_INVALID;
        }
        if (!r && search.found)
                r = confirm(a, b, diags, ret_example);
        if (r)
                return error_trace(r);
        *ret_subset = !search.found;
        return 0;
}
