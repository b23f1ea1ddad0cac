/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a profile would have said about calls that were recorded. The compiled filter is asked, not the
 * model. A recording may lack arguments (audit records have none, rows of a tally hold one example of many);
 * where the answer depends on what is lacking, that is said, and nothing is made up.
 */

#include "callgate/event.h"
#include "policy/filter.h"
#include "policy/model.h"

#define REPLAY_ACTIONS_MAX 8

enum replay_result {
        REPLAY_ALLOWED,   /* ALLOW or LOG, whatever is lacking */
        REPLAY_REFUSED,   /* anything else, whatever is lacking */
        REPLAY_UNDECIDED, /* depends on what is lacking */
};

struct replay_verdict {
        enum replay_result result;
        /* Every answer that is possible, most severe first. One, when nothing is lacking. n_actions = 0:
         * more than fit, or too many ways to follow; the result is UNDECIDED then. */
        uint32_t actions[REPLAY_ACTIONS_MAX];
        size_t n_actions;
        const char *place; /* the rule: "syscalls[3]", "defaultAction" or "architectures"; the profile's */
};

/* filter: compiled from resolved. */
void replay_event(const struct profile *resolved, const struct filter *filter, const struct event *event,
                  struct replay_verdict *ret);
bool replay_verdict_equal(const struct replay_verdict *a, const struct replay_verdict *b);

/* Which bits of the arguments of an event are those of every call it stands for. */
void replay_known_bits(const struct event *event, uint64_t ret[EVENT_N_ARGS]);
