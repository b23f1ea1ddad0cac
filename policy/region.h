/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a profile answers to one call, as a function of the call's six arguments; and sets of arguments,
 * which are such functions with the values 1 and 0.
 *
 * A function is a decision diagram over the bits of the arguments, argument 0 first and high bits first,
 * reduced and shared: equal functions have equal ids, whatever way they were made, so comparing is free and
 * nothing that is computed from them depends on the order of the input.
 *
 * Ids belong to one struct regions and hold until regions_compact(). When memory or the limit of nodes runs
 * out, the regions fail for good: every function then returns some id, and regions_error() says why.
 */

#include "policy/model.h"

enum region_outcome {
        REGION_E_COMPLEX = 16, /* more nodes than REGION_NODES_MAX */
};

#define REGION_NODES_MAX (1u << 20)
#define REGION_BITS      64
#define REGION_END       (PROFILE_ARGS_MAX * REGION_BITS) /* "bit" of a node that is a value */

typedef uint32_t region_id;

struct region_node {
        uint16_t bit;        /* argument * 64 + 63 - position; REGION_END: a value */
        region_id low, high; /* where it is 0, where it is 1; of a value: low is the value */
};

struct regions;

int regions_new(struct regions **ret);
struct regions *regions_free(struct regions *regions);
static inline void regions_cleanup(struct regions **regions) {
        regions_free(*regions);
}
#define cleanup_regions __attribute__((cleanup(regions_cleanup)))

int regions_error(const struct regions *regions); /* 0, -ENOMEM or REGION_E_COMPLEX */
size_t regions_count(const struct regions *regions);
/* Forgets everything that the n roots do not need, and renames the roots in place. */
void regions_compact(struct regions *regions, region_id **roots, size_t n);

/* The two sets that depend on nothing. Values keep their ids 0 and 1 always. */
#define REGION_NOTHING    ((region_id)0)
#define REGION_EVERYTHING ((region_id)1)

region_id region_value(struct regions *regions, uint32_t value); /* the constant function */
bool region_is_value(const struct regions *regions, region_id id, uint32_t *ret);
/* Arguments that meet a condition, of which the low bits (32 or 64) are compared. The condition's values are
 * cut to them, as libseccomp does. */
region_id region_condition(struct regions *regions, const struct condition *condition, unsigned bits);

enum region_op {
        REGION_AND,
        REGION_OR,
        REGION_MINUS,
        REGION_IS,         /* where a has the value of b */
        REGION_MILDER,     /* of two actions the less severe one: union of profiles */
        REGION_STRICTER,   /* of two actions the more severe one: intersection of profiles */
        REGION_LOOSER,     /* where the action of a may run calls that the action of b may not */
        REGION_OTHER_WORD, /* where both are as loose but not the same action */
};

region_id region_combine(struct regions *regions, enum region_op op, region_id a, region_id b);
/* The values of the kept arguments (bit by argument) with which the set holds whatever the others are. */
region_id region_whatever(struct regions *regions, region_id set, unsigned keep);
/* The values of the arguments before first that leave, for those from first on, all of rest. */
region_id region_leaving(struct regions *regions, region_id set, unsigned first, region_id rest);
region_id region_choose(struct regions *regions, region_id set, region_id inside, region_id outside);

struct region_node region_look(const struct regions *regions, region_id id);
/* Arguments in a set; with zeros and small numbers where there is a choice. False when it is empty. */
bool region_pick(const struct regions *regions, region_id set, uint64_t ret_args[6]);
/* The values that occur, rising; at most max of them. Returns how many there are. */
size_t region_values(struct regions *regions, region_id id, uint32_t *ret, size_t max);

/* 0 … 7: ALLOW, LOG, TRACE, NOTIFY, ERRNO, TRAP, KILL_THREAD, KILL_PROCESS. */
unsigned action_severity(uint32_t action);
/* What an action lets through: 2 the call runs (ALLOW, LOG); 1 somebody else decides (NOTIFY, TRACE); 0 it
 * is refused. */
unsigned action_looseness(uint32_t action);
uint32_t action_milder(uint32_t a, uint32_t b);
uint32_t action_stricter(uint32_t a, uint32_t b);
