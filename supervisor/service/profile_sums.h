/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Sums by name of profile. Names come from strangers as well (a launcher names its profile as it likes), and
 * every name is a time series that somebody stores: the first PROFILE_SUMS_MAX have one of their own, later
 * ones share "other". A sum never goes back, and a name that has its own keeps it.
 */

#include <stddef.h>
#include <stdint.h>

#define PROFILE_SUMS_MAX 100
#define PROFILE_NAME_MAX 128 /* NUL included; longer names are cut */

struct profile_sums {
        struct profile_sum {
                char name[PROFILE_NAME_MAX]; /* "": no profile */
                uint64_t n;
        } items[PROFILE_SUMS_MAX];
        size_t n;
        uint64_t other;
};

/* name NULL: no profile. Adding 0 reserves nothing. */
void profile_sums_add(struct profile_sums *sums, const char *name, uint64_t n);
