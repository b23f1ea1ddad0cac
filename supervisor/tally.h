/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Distinct calls of a session with their counts. One row per (comm, architecture, number, verdict, class of
 * arguments), so that a million equal calls cost one row, and only the first of them is looked at closely.
 *
 * Bounded: past TALLY_ROWS rows new argument classes are folded into one row per (comm, architecture,
 * number, verdict), then names of programs are folded too. Only when even that is full is a call dropped,
 * and said so: what a recording needs, the set of calls, is the last thing lost.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "callgate/event.h"

#define TALLY_ROWS     16384
#define TALLY_ROWS_MAX (2 * TALLY_ROWS) /* folded rows may use the second half */

enum {
        TALLY_E_NEW = 1,  /* a row was made: the caller fills in its description */
        TALLY_E_FULL = 2, /* not even a folded row: the call is lost */
};

struct tally_key {
        char comm[EVENT_COMM_MAX];
        uint32_t arch, nr, verdict;
        uint32_t flags;              /* those that tell rows apart: EVENT_OBSERVED, EVENT_RUNTIME */
        uint64_t args[EVENT_N_ARGS]; /* already masked to the class */
        char rule[EVENT_RULE_MAX];   /* of a policy; padded with NULs */
};

struct tally_row {
        struct tally_key key;
        uint64_t taken;     /* the count that tally_take() has given out */
        struct event event; /* with the count */
};

struct tally {
        struct tally_row *rows; /* borrowed; room for TALLY_ROWS_MAX; in order of first appearance */
        size_t n;
        size_t size;     /* of hashes */
        uint32_t *slots; /* owned; open addressing over hashes: index into rows + 1 */
        uint64_t *hashes;
        size_t n_slots;
        uint64_t merged; /* calls whose class was folded */
};

void tally_init(struct tally *tally, struct tally_row *rows);
void tally_deinit(struct tally *tally);
/* The first n rows are there already. 0 or -ENOMEM. */
int tally_adopt(struct tally *tally, size_t n);

/*
 * Finds or makes the row of key. 0: *ret_row is a row seen before. TALLY_E_NEW: *ret_row is new and zeroed
 * but for key and count 0. TALLY_E_FULL, or -ENOMEM: nothing. The caller counts.
 */
int tally_find(struct tally *tally, const struct tally_key *key, struct tally_row **ret_row);
/* What tally_find() would give; makes nothing: *ret_row is NULL unless it is 0. */
int tally_look(struct tally *tally, const struct tally_key *key, struct tally_row **ret_row);

/* Row number index, with as much of its count as was not yet taken; that is taken now. False: nothing is
 * new. *ret_new: it was never taken before. */
bool tally_take(struct tally *tally, size_t index, struct event *ret, bool *ret_new);
