/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a learner has seen, for the files that make a profile (learn_profile.c) and its evidence
 * (write_evidence.c) of it. */

#include "policy/learn.h"
#include "policy/learn_places.h"

#define SEEN_PROGRAMS_MAX 16
#define SEEN_SAMPLES_MAX  4
#define SEEN_UNNAMED_MAX  4096
#define SEEN_PLACES_MAX   8 /* shown of those where a call was seen */

struct seen_program {
        char comm[EVENT_COMM_MAX];
        uint64_t count;
};

/* All occurrences of one name, on all architectures. */
struct seen {
        const char *name; /* static storage */
        uint64_t count, first_ns, last_ns;
        uint32_t archs; /* bit i: arch_table[i] */

        /* Arguments. blurred: rows were merged, or architectures disagree on what the arguments mean, so
         * nothing may be asked of them. */
        bool blurred, too_many;
        bool is_new;                      /* a call of it was refused by what there was */
        uint8_t learn[EVENT_N_ARGS];      /* enum syscall_learn; meaningful once count > 0 */
        uint64_t mask[EVENT_N_ARGS];      /* bits that matter on every architecture seen */
        uint64_t bits[EVENT_N_ARGS];      /* of LEARN_BITS arguments: all bits ever set */
        uint64_t (*values)[EVENT_N_ARGS]; /* owned; distinct tuples of LEARN_VALUES arguments, others 0 */
        size_t n_values;

        struct seen_program programs[SEEN_PROGRAMS_MAX];
        size_t n_programs;
        uint64_t other_programs; /* occurrences by programs beyond those */
        struct event *samples;   /* owned; SEEN_SAMPLES_MAX at most, distinct details */
        size_t n_samples;
        struct place_set places;
};

struct seen_key {
        uint32_t arch, nr;
        struct seen *seen; /* NULL: the number has no name */
};

struct learn {
        struct learn_options options;
        struct seen **names; /* owned; sorted by name */
        size_t n_names, size_names;
        struct seen_key *keys; /* sorted by (arch, nr) */
        size_t n_keys, size_keys;
        struct learn_unnamed *unnamed; /* sorted by (arch, nr) */
        size_t n_unnamed;
        uint64_t unnamed_more;  /* occurrences that found the list full */
        uint64_t left_out;      /* calls of a runtime */
        uint32_t archs;         /* bit i: arch_table[i] was seen */
        const char **new_names; /* of learn_new_names() */
        struct places places;
};

/* NULL when never seen. */
const struct seen *learn_seen(const struct learn *learn, const char *name);

/* The ways in which a call seen is allowed: n_ways rules of n_conditions each, one after the other in
 * conditions (owned). None at all means: unconditionally. */
struct learn_ways {
        struct condition *conditions;
        size_t n_ways, n_conditions;
};
void learn_ways_deinit(struct learn_ways *ways);
int learn_ways(const struct learn *learn, const struct seen *seen, struct learn_ways *ret);
/* clone: always asked for the namespaces it may create, as docker's default profile does, for its other
 * flags were not recorded. seen may be NULL. */
int learn_clone_ways(const struct learn_assumed *row, const struct seen *seen, uint32_t archs,
                     struct learn_ways *ret);

/* An empty *ret becomes a copy of the profile, without the places in its file. */
int learn_start_from(const struct profile *from, struct profile *ret);
/* Lists the architectures seen; in a fresh profile also those whose programs the same kernel runs. */
int learn_add_archs(const struct learn *learn, struct profile *profile, bool fresh);
/* Has any architecture of the profile a call of this name? */
bool learn_name_exists(const struct profile *profile, const char *name);

/* Does the profile allow the name whatever the arguments, capabilities and kernel? */
bool learn_allows_plainly(const struct profile *profile, const char *name);
