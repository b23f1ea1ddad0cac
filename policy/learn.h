/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * From events to a profile that allows every call seen. Names are the key: a call seen on several
 * architectures becomes one rule. What learning may say of arguments comes from syscalls/table.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "callgate/event.h"
#include "policy/completeness.h"
#include "policy/model.h"

#define LEARN_ALTERNATIVES_MAX 128 /* more argument alternatives than this make a call unconditional */

/* Namespace flags of clone(2): all CLONE_NEW* that fit into its flag word. */
#define LEARN_CLONE_NAMESPACES 0x7e020000u

/*
 * Calls that a recording leaves in the kernel: a signal that arrives before their notification is received
 * would make them fail with EINTR, which programs do not expect of them. The recording filter allows exactly
 * these rows, and every learnt profile allows them too.
 */
struct learn_assumed {
        const char *name;
        const char *reason;
        bool conditional; /* only where args[index] & mask == 0 */
        unsigned index;
        uint64_t mask;
};
extern const struct learn_assumed learn_assumed[];
extern const size_t learn_assumed_n;
/* The argument that `mask` is about: s390 swaps the first two of clone. */
unsigned learn_assumed_index(const struct learn_assumed *row, const struct arch *arch);

/* Calls that programs and C libraries try first and replace by older ones when the kernel says ENOSYS. A
 * profile that answers EPERM instead breaks them. */
struct learn_probe {
        const char *name;
        bool time64; /* wanted on 32-bit architectures only */
};
extern const struct learn_probe learn_probes[];
extern const size_t learn_probes_n;

/* What a container runtime calls itself between loading the filter and execve of the program. */
enum learn_runtime {
        LEARN_FOR_NOTHING = 0,
        LEARN_FOR_RUNC = 1,
        LEARN_FOR_CRUN = 2,
        LEARN_FOR_DOCKER = 3, /* runc, without no_new_privs */
};
struct learn_runtime_call {
        const char *name;
        unsigned runc : 1, crun : 1;
        unsigned early : 1; /* only without no_new_privs: the filter is then loaded before credentials change
                             */
        unsigned any_time : 1; /* by runc's Go runtime, whenever it likes: also before the listener is handed
                                * over, when nobody answers and runc would hang */
};
extern const struct learn_runtime_call learn_runtime_calls[];
extern const size_t learn_runtime_calls_n;
/* "runc", "crun", "docker": 0 or -ENOENT. */
int learn_runtime_by_name(const char *name, enum learn_runtime *ret);
bool learn_runtime_needs(enum learn_runtime runtime, bool no_new_privs,
                         const struct learn_runtime_call *call);

struct learn_options {
        bool args;                  /* learn conditions on arguments */
        bool for_no_new_privs;      /* the runtime sets no_new_privs: fewer calls of its own to allow */
        enum learn_runtime runtime; /* add the calls of this runtime, and what was seen of it */
        bool with_runtime;          /* add what was seen of any runtime (EVENT_RUNTIME) */
        /* Both borrowed, both may be NULL. The learnt profile starts as a copy of base, or else of merge;
         * what either allows stays allowed, and what was seen is allowed as well. Includes, excludes and
         * comments stay as they are in a profile that was not resolved. */
        const struct profile *base, *merge;
        /* The same two, resolved for this machine, for learn_new_names(); NULL allows nothing. */
        const struct profile *base_resolved, *merge_resolved;
};

struct learn;

int learn_new(const struct learn_options *options, struct learn **ret);
struct learn *learn_free(struct learn *learn);

/* Where the calls that are added next were seen; a text that is NULL or "" is unknown, place NULL: all are.
 * At most 65536 places are told apart. 0 or -ENOMEM. */
struct learn_place {
        const char *node, *namespace, *pod, *container;
};
int learn_at(struct learn *learn, const struct learn_place *place);
/* How many nodes, and places of any kind, calls were seen at. */
void learn_places(const struct learn *learn, size_t *ret_nodes, size_t *ret_places);

/* An occurrence or a row of a tally; count >= 1. Order does not matter for the profile. */
int learn_add(struct learn *learn, const struct event *event);

/* Calls of a runtime's own that were left out, because nobody asked for them. */
uint64_t learn_left_out(const struct learn *learn);

/* The profile so far. Equal sets of events give equal profiles. */
int learn_profile(const struct learn *learn, struct profile **ret);

/* Calls that have no name on their architecture; no profile can name them. Sorted. */
struct learn_unnamed {
        uint32_t arch, nr;
        uint64_t count, first_ns, last_ns;
        char comm[EVENT_COMM_MAX]; /* one of those who made it */
};
size_t learn_unnamed(const struct learn *learn, const struct learn_unnamed **ret);

/* Names seen in at least one call that neither base_resolved nor merge_resolved allows, conditions included;
 * sorted. The array is the learner's and holds until the next learn_add(). -ENOMEM or 0. */
int learn_new_names(struct learn *learn, const char *const **ret, size_t *ret_n);

struct completeness learn_completeness(const struct learn *learn);

/* Why each rule is there, as one JSON document (docs: proto/PROTOCOL.md, section evidence). 0 or -errno. */
int learn_evidence(const struct learn *learn, const struct ledger *ledger, FILE *to);
