/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Many profiles to one, taken one by one: memory is bounded by the result, not by how many there are. Both
 * kinds are associative, commutative and idempotent, down to the bytes of what is written: the order of the
 * profiles does not matter, and neither does merging in groups first.
 *
 * Union: a call runs where any of the profiles lets it run. Intersection: of the actions that the profiles
 * ask for, the most severe. Between two errnos ENOSYS wins, then the smaller one. Comments are not kept.
 */

#include "base/diag.h"
#include "policy/resolve.h"

enum merge_kind {
        MERGE_UNION,
        MERGE_INTERSECTION,
};

struct merge_options {
        bool approximate; /* what cannot be written exactly: wider in a union, narrower in an intersection */
        size_t max_alternatives; /* 0: EXPRESS_ALTERNATIVES of express.h */
};

struct merge;

/* The profiles must have been resolved for this context. */
int merge_new(enum merge_kind kind, const struct profile_context *context, struct merge **ret);
struct merge *merge_free(struct merge *merge);
/* Borrowed for the call. 0, PROFILE_E_INVALID (diags), or -errno. */
int merge_add(struct merge *merge, const struct profile *resolved, struct diags *diags);
/* What is the result so far: 0, PROFILE_E_EMPTY (nothing was added), PROFILE_E_INVALID, or -errno. */
int merge_result(struct merge *merge, const struct merge_options *options, struct diags *diags,
                 struct profile **ret);
