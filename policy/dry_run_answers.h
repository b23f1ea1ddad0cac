/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* From what a profile answers to what its dry run answers. Only policy/dry_run_*.c include this. */

#include "policy/dry_run_profile.h"
#include "policy/verdicts.h"

struct dry_run {
        const struct profile *profile;
        const struct profile_context *context;
        const struct dry_run_options *options;
        struct diags *diags;
        struct regions *regions;
        struct verdicts verdicts; /* becomes those of the result */
        uint32_t ask;             /* NOTIFY or LOG */
        bool allow_by_default;    /* the profile would ask by default, but the runtime cannot */
        uint64_t left;            /* bits by place in learn_runtime_calls[]: would have been notified */
        char **always;            /* names that are asked whatever their arguments; owned */
        size_t n_always;
        struct profile *stricter; /* the profile with those refused; NULL while there are none */
};

bool dry_run_runs(uint32_t action); /* ALLOW, LOG */
/* Turns run->verdicts, which are the profile's, into those of the result, and notes what is left allowed:
 * 0, REGION_E_COMPLEX, or -errno. */
int dry_run_ask(struct dry_run *run);
