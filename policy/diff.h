/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What changes for programs when one profile takes the place of another: by architecture and call, whatever
 * the two files look like.
 */

#include "base/diag.h"
#include "policy/verdict_parts.h"
#include "policy/verdicts.h"

enum difference_kind {
        DIFFERENCE_ARCH_ADDED,   /* listed in B only: its programs were killed before */
        DIFFERENCE_ARCH_REMOVED, /* listed in A only: its programs are killed now */
        DIFFERENCE_ALLOWED,      /* never ran under A, runs under B, perhaps on conditions */
        DIFFERENCE_REFUSED,      /* the reverse */
        DIFFERENCE_CONDITIONS,   /* runs under both, but not with the same arguments */
        DIFFERENCE_ACTION,       /* the same arguments get through; another action or errno */
};
#define DIFFERENCE_N_KINDS 6

struct difference {
        enum difference_kind kind;
        const struct arch *arch;
        bool others; /* all calls that neither profile has a rule for */
        uint32_t nr;
        char name[32]; /* of the call; "" for others and architectures */
        region_id before, after;
        region_id gained, lost; /* arguments that get through in B, in A only */
        size_t n_calls;         /* of an architecture: that run, perhaps on conditions, where it is listed */
};

struct diff {
        struct regions *regions; /* owned */
        struct verdicts a, b;
        struct difference *items; /* by architecture, then by kind and name */
        size_t n, size;
};

/* Both resolved. 0, PROFILE_E_INVALID (diags), or -errno. */
int diff_init(struct diff *diff, const struct profile *a, const struct profile *b, struct diags *diags);
void diff_deinit(struct diff *diff);
const char *difference_kind_name(enum difference_kind kind); /* "newly-allowed" */
