/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A thread that collects what sessions have to tell and hands it to the outlets. It comes by the clock
 * (PUBLISHER_TICK_MS) instead of being woken, because a wake-up per event costs as much as a notification:
 * rows that are new go out at the next tick, counts of rows seen before once per interval.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "supervisor/service/outlet.h"

#define PUBLISHER_TICK_MS 100

struct publisher;
struct registered;

struct publisher_options {
        const struct config *config; /* read during publisher_new() and publisher_configure() only */
        uv_loop_t *loop;             /* the service's: what is told back is told there */
        /* On the service's loop: everything of an ended session has been handed to the outlets. */
        void (*on_final)(void *data, struct registered *registered);
        void *data;
};

int publisher_new(const struct publisher_options *options, struct publisher **ret);
/* Stops the thread once everything that sessions have now was handed on, and closes the outlets; waits at
 * most wait_ms for peers, as long as it takes for a disk. Before the sessions are freed; on_final() may be
 * called once more. The loop has to run afterwards, until its handles are closed. */
struct publisher *publisher_free(struct publisher *publisher, unsigned wait_ms);

/* Before the first call of a session is received: where every occurrence was asked for, none is missed. */
void publisher_expect(struct publisher *publisher, struct registered *registered);
/* From the service's thread. Copies what it needs of registered (labels, mode, profile, all); only its
 * session is shared, borrowed until on_final(). publisher_change(): mode or profile are others now. */
void publisher_begin(struct publisher *publisher, struct registered *registered);
void publisher_change(struct publisher *publisher, struct registered *registered);
void publisher_end(struct publisher *publisher, struct registered *registered);
/* Other outlets and limits; sessions go on, and outlets whose configuration is the same stay. What is wrong
 * with a new one is said by its counts. 0 or -errno. */
int publisher_configure(struct publisher *publisher, const struct config *config);

/* More outlets, of the control socket's subscribers: everything of theirs runs on the publisher's thread. An
 * attached one gets a BEGIN of every session that there is. Between detach and close() it may still take. */
void publisher_attach(struct publisher *publisher, struct outlet *outlet);
void publisher_detach(struct publisher *publisher, struct outlet *outlet); /* close() follows */
/* How many subscribers want every occurrence of every session (counted; any thread). */
void publisher_want_all(struct publisher *publisher, int change);

/* Copies what outlet number index of the configuration said of itself at the last tick, with its name;
 * false: there is none. Any thread. */
bool publisher_counts(struct publisher *publisher, size_t index, char *name, size_t n_name,
                      struct outlet_counts *ret);
