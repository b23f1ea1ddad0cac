/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Calls that a profile should not let through without a thought, with the reason; and calls that do the same
 * as others, so that a rule about one means little without the rest. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum risk_level {
        RISK_CARE, /* has a use in many programs; know why it is allowed */
        RISK_HIGH, /* a way to other processes, out of a container or deep into the kernel */
};

struct risk {
        const char *name;
        enum risk_level level;
        const char *why; /* a sentence without its full stop, whose subject is the call */
        uint64_t flags;  /* only with one of these bits in its flag word; 0: always */
};

/* NULL: nothing is said against it. Rows are sorted by name. */
const struct risk *risk_find(const char *name);
extern const struct risk risks[];
extern const size_t risks_n;

#define SIBLINGS_MAX 10

/* Calls with which the same can be done, those that a person thinks of first in front: to refuse the later
 * ones alone makes sense, to refuse the earlier ones alone does not. */
struct sibling_family {
        const char *what;  /* "open files" */
        bool by_arguments; /* also a condition on one of them is void when another has none */
        const char *names[SIBLINGS_MAX];
};
extern const struct sibling_family sibling_families[];
extern const size_t sibling_families_n;

/* Does io_uring carry out this call as an operation of its own, past any filter? */
bool risk_in_io_uring(const char *name);

/* An older call and the one that newer C libraries and newer architectures use in its place. */
struct successor {
        const char *older, *newer;
};
extern const struct successor successors[];
extern const size_t successors_n;
