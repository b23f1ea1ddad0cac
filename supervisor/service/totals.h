/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the sessions of a service did together, for metrics. Nothing here goes back when a session ends, is
 * forgotten, or gets another profile: what it did so far is kept under what it was then. The owner (the
 * registry) locks; no session's lock is taken, since a task can make its session hold it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/meter.h"
#include "supervisor/service/profile_sums.h"

enum totals_refusal {
        TOTALS_REFUSED_LIMIT,   /* too many sessions, or the service is ending */
        TOTALS_REFUSED_RULE,    /* a rule of the configuration */
        TOTALS_REFUSED_FOREIGN, /* not a listener */
        TOTALS_REFUSED_TROUBLE, /* ours */
        TOTALS_REFUSALS,
};

extern const char *const totals_refusals[TOTALS_REFUSALS]; /* names as labels */

struct totals {
        uint64_t sessions;
        uint64_t refused[TOTALS_REFUSALS];
        uint64_t alive[METER_MODES];
        struct meter_sums meter;
        struct profile_sums profiles; /* refusals */
};

/* One session's part. */
struct metered {
        const struct meter *meter; /* borrowed */
        char profile[PROFILE_NAME_MAX];
        enum wire_mode mode;
        bool alive;
        uint64_t attributed; /* refusals that are in the sums already */
};

/* profile NULL: none. */
void totals_begin(struct totals *totals, struct metered *metered, const struct meter *meter,
                  enum wire_mode mode, const char *profile);
void totals_change(struct totals *totals, struct metered *metered, enum wire_mode mode, const char *profile);
void totals_end(struct metered *metered);
/* The meter goes: all of it is added. */
void totals_forget(struct totals *totals, struct metered *metered);
/* Adds what a session that is still there did, to a copy of the totals. */
void totals_add(struct totals *copy, const struct metered *metered);
