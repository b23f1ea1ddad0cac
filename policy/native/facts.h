/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is known of one call when a policy is asked, and what the policy says. The supervisor fills the facts
 * from the task, `callgate policy test` from a case file; policy_match() asks for the dear ones only when a
 * rule wants them, and never twice.
 */

#include "policy/native/policy.h"

enum policy_fact {
        POLICY_FACT_PATHS,   /* paths[], n_paths */
        POLICY_FACT_ADDRESS, /* address, n_address */
        POLICY_FACT_PROGRAM,
        POLICY_FACT_CREDENTIALS, /* uid, gid, caps */
        POLICY_FACT_MEMORY_ARGS, /* open_how and the like: memory_args by name */
        POLICY_FACT_PROCESS,     /* process: number that stands for the process in counts */
};
#define POLICY_N_FACTS 6

/* Arguments that a call takes from memory: "flags" of openat2. */
struct policy_memory_arg {
        const char *name;
        uint64_t value;
};

struct policy_facts {
        const struct arch *arch;
        const char *call; /* what is meant: of i386's socketcall the inner one */
        uint64_t args[6];

        unsigned known; /* bit per enum policy_fact: filled, perhaps with "there is none" */
        /* Absolute, as the task sees them, without symbolic links where the call follows them. A path that
         * leads nowhere is given as far as it goes. Of a Unix address with a path: where that leads. */
        const char *paths[2];
        size_t n_paths;
        const struct sockaddr *address; /* NULL: none */
        size_t n_address;
        const char *program;
        uint64_t uid, gid, caps, process;
        struct policy_memory_arg memory_args[4];
        size_t n_memory_args;
        const char *const *label_names, *const *label_values;
        size_t n_labels;
        uint64_t now_ns; /* CLOCK_MONOTONIC, for rates */

        /* Fills one fact and sets its bit. 0, or anything else to make policy_match() return just that.
         * NULL: what is not known is absent. */
        int (*fetch)(struct policy_facts *facts, enum policy_fact fact, void *data);
        void *data;
        /* Counts of rate and count rules; one for each session. NULL: such rules never match. */
        struct policy_counts *counts;

        /* Of a match that fetch() stopped: asked again with the same facts, it goes on where it was, so that
         * nothing is counted twice. All 0 in the beginning. */
        struct {
                size_t rule;
                uint64_t delay_ns;
                bool judged;
                const struct policy_rule *recorded_by;
        } stopped;
};

struct policy_capture {
        const char *text; /* into the path of the facts */
        size_t n;
};

struct policy_verdict {
        const struct policy_rule *rule; /* NULL: none matched; the base or the fallback decided */
        enum policy_action action;
        int64_t value;     /* errno, return value, nanoseconds */
        uint64_t delay_ns; /* to wait before, from DELAY rules passed on the way */
        bool judged;       /* facts from memory had a say, also by not matching: CONTINUE would be a race */
        struct policy_capture captures[POLICY_CAPTURES_MAX];
        size_t n_captures;
};

/* 0 and *ret, a negative errno, or what fetch() returned. */
int policy_match(const struct policy *policy, struct policy_facts *facts, struct policy_verdict *ret);

/* text with $1 … $9 and $$ replaced; owned by the caller. -ENOMEM. */
int policy_expand(const char *text, const struct policy_verdict *verdict, char **ret);

/* Counts of calls, per rule and scope. They have a lock of their own. Bounded: beyond 65536 programs and
 * processes those not seen for longest are forgotten. */
struct policy_counts;
int policy_counts_new(const struct policy *policy, struct policy_counts **ret);
struct policy_counts *policy_counts_free(struct policy_counts *counts);
/* After a reload: what was counted before goes on for rules of equal name and scope. */
void policy_counts_take_over(struct policy_counts *counts, struct policy_counts *before);
/* One call more for this rule; is it above what the rule allows? The facts that its scope needs are known.
 */
int policy_counts_add(struct policy_counts *counts, size_t rule, const struct policy_facts *facts,
                      bool *ret_above);
