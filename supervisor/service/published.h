/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One session as its publisher sees it: where it comes from, and how far it has been published. */

#include "base/buf.h"
#include "supervisor/service/outlet.h"
#include "supervisor/session.h"

#define PUBLISHED_STREAM (UINT64_C(1) << 20) /* bytes of occurrences that wait, until a share is known */

struct registered;
struct command;

/* What of a session may change. */
struct published_state {
        enum wire_mode mode;
        char *profile; /* owned; NULL: none */
        bool all;
};

struct published_limits {
        uint64_t interval_ns;
        uint64_t event_bytes, event_bytes_per_uid;
};

struct published {
        struct published *next, *next_active;
        struct registered *registered; /* never looked into, only given back */
        struct session *session;       /* borrowed until it is given back */
        struct publication_source source;
        struct published_state state;
        struct labels labels;
        struct command *end; /* made at the beginning: an end cannot fail for want of memory */
        bool ended, over;    /* nothing will be received any more; everything was handed on */

        /* Rows. Calls are counted as in the ledger: recorded and dropped. */
        uint64_t n_looked, n_swept;  /* calls when it was looked at last, and when the last sweep began */
        uint64_t sweep_ns;           /* when counts are due again */
        uint64_t since_ns, until_ns; /* CLOCK_REALTIME when the sweep before this one, and this one, began */
        size_t fresh;                /* rows from here on were never taken */
        size_t sweep;                /* rows before this one have been looked at */
        bool sweeping;
        bool unserved; /* there was something to hand on, and its turn has not come to the end of it */

        /* Occurrences. */
        size_t stream_bytes; /* as the session was told; 0: they are not kept */
        bool streaming;      /* there may be some to take */
        struct buf stream;
        size_t stream_at; /* bytes of it that were handed on */
        uint64_t lost;
};

int published_state_copy(const struct registered *registered, struct published_state *ret);
void published_state_deinit(struct published_state *state);

/* On the service's thread, before anybody else knows it. */
int published_new(struct registered *registered, bool want_all, struct published **ret);
struct published *published_free(struct published *published);

uint64_t published_now(void); /* CLOCK_REALTIME */

/* Takes what state owns. */
void published_become(struct published *published, struct published_state *state);
/* Has it something to say now? everything: all counts are due, whatever the clock says. */
bool published_look(struct published *published, uint64_t now_ns, uint64_t interval_ns, bool everything);
/* The next row with as much as is new; false: there is none for now. */
bool published_row(struct published *published, struct event *ret);
/* Was everything of an ended session handed on? */
bool published_done(struct published *published);
/* The next occurrence, or *ret_lost of them; false: there is none for now. */
bool published_occurrence(struct published *published, struct event *ret, uint64_t *ret_lost);

/* Shares what may wait among those of which occurrences are wanted. */
void published_streams(struct published *first, const struct published_limits *limits, bool want_all);
