/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Between the files of express.c: a plan is how the rules for one name will look. */

#include "policy/express.h"
#include "policy/verdict_parts.h"

struct target {
        const struct verdict_arch *arch;
        uint32_t nr;
        unsigned bits;
        region_id region;
};

struct plan {
        const char *name;
        struct target *targets; /* owned; what each architecture wants */
        size_t n_targets;
        region_id region; /* to be written; of arguments of this many bits */
        unsigned bits;
        struct verdict_parts parts;
        bool suits;    /* libseccomp compiles them as they are meant */
        bool exact;    /* on every architecture */
        bool held;     /* not written */
        bool plain;    /* written without conditions, since the right ones cannot be */
        bool reported; /* a diag says what is wrong with it */
};

struct plans {
        struct verdicts *verdicts;
        const struct profile_context *context;
        size_t max_alternatives;
        struct plan *items; /* owned */
        size_t n;
        bool comparing; /* ids are in use that only the caller knows: keep them all */
};

/* One for each name, with its parts. 0, REGION_E_COMPLEX, or -ENOMEM. */
int plans_init(struct plans *plans, struct verdicts *verdicts, const struct profile_context *context,
               size_t max_alternatives);
void plans_deinit(struct plans *plans);
/* Writes plan->region anew. Without any bearable form, parts.n_alternatives is SIZE_MAX. */
int plan_parts(struct plans *plans, struct plan *plan);
/* The plan that is held, or that is written, and says what happens to this call; or NULL. */
struct plan *plans_find(const struct plans *plans, const struct verdict_arch *arch, uint32_t nr, bool held);
/* Calls of older ABIs that others go through. */
bool plan_is_shared(const struct plan *plan);
/* The same, or as good where profiles listed different architectures: then the way in which a call is
 * refused may change. */
bool plans_good_enough(const struct plans *plans, region_id want, region_id got);

/* The rules of all plans that are not held: a function of the plans alone. express_rules.c */
int plans_write(const struct plans *plans, struct profile **ret);
