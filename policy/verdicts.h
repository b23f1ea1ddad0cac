/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A resolved profile as functions: for each (architecture, number) what it answers depending on the
 * arguments. Two profiles that do the same have equal verdicts, however they are written; union and
 * intersection are taken here, call by call.
 */

#include "policy/model.h"
#include "policy/region.h"

struct verdict_call {
        uint32_t nr;
        region_id region;
};

struct verdict_arch {
        const struct arch *arch;
        region_id fallback;         /* of numbers that are not listed */
        struct verdict_call *calls; /* by rising number; pseudo numbers of alternatives.h included */
        size_t n, size;
};

/* A name that some rule has, and what it would get on an architecture with 64-bit arguments: all that is
 * known about names without a number here. */
struct verdict_name {
        char *name; /* owned */
        region_id region;
};

struct verdicts {
        struct regions *regions;    /* borrowed */
        region_id fallback;         /* the default action */
        struct verdict_arch *archs; /* in the order of verdict_arch_order() */
        size_t n_archs;
        struct verdict_name *names; /* by name */
        size_t n_names;
        bool archs_differed; /* they come from profiles with different architectures */
};

/* All of them: 0, -ENOMEM or REGION_E_COMPLEX. */
int verdicts_init(struct verdicts *verdicts, struct regions *regions, const struct profile *resolved);
void verdicts_deinit(struct verdicts *verdicts);

/*
 * REGION_MILDER: union. An architecture that one of them does not list is taken from the other.
 * REGION_STRICTER: intersection. An architecture that one of them does not list is not listed.
 */
int verdicts_combine(struct verdicts *to, const struct verdicts *other, enum region_op op);

/* The widest first, then by name; negative: a before b. */
int verdict_arch_order(const struct arch *a, const struct arch *b);
const struct verdict_arch *verdicts_arch(const struct verdicts *verdicts, const struct arch *arch);
/* Of an architecture that is not listed: KILL_THREAD, as libseccomp's filters have it. */
region_id verdicts_find(const struct verdicts *verdicts, const struct arch *arch, uint32_t nr);
region_id verdict_arch_find(const struct verdict_arch *arch, uint32_t nr);

/* Forgets what the verdicts and n further ids do not need, and renames those in place. */
int verdicts_compact(struct verdicts *verdicts, region_id **further, size_t n);
