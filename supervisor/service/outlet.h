/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where published events go: files, the journal, a Forward endpoint, subscribers. All outlets live on the
 * publisher's thread and its loop. They may wait for a disk, never for a peer: what a peer does not take is
 * kept up to a bound and then dropped and counted.
 */

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "callgate/event.h"
#include "callgate/wire.h"
#include "supervisor/service/config.h"
#include "proto/labels.h"

/* Where an event comes from; valid during take(). */
struct publication_source {
        uint64_t number; /* of the session */
        uint32_t uid;
        enum wire_mode mode;
        const char *profile; /* NULL: none */
        bool all;            /* every occurrence was asked for */
        const struct labels *labels;
};

/*
 * Outlets of the configuration get of a session either ROWs or, where its rule says `all`, EVENTs and LOSTs,
 * so that nothing is counted twice; and refusals only where `what` says so. Attached outlets get everything
 * and choose.
 */
enum publication_kind {
        PUBLICATION_BEGIN, /* a session begins, or its mode, profile or all are others from here on */
        PUBLICATION_ROW,   /* calls of one kind: event->count of them since the last time */
        PUBLICATION_EVENT, /* one occurrence, where everything was asked for */
        PUBLICATION_LOST,  /* lost occurrences were not published: they came too fast */
        PUBLICATION_END,   /* a session ended: its final ledger */
};

struct publication {
        enum publication_kind kind;
        uint64_t now_ns;
        const struct publication_source *source;
        const struct event *event;   /* ROW, EVENT; its source is the session's number */
        const struct ledger *ledger; /* END */
        uint64_t lost;               /* LOST */
};

struct outlet_counts { /* in publications */
        uint64_t taken, delivered, dropped, waiting;
        uint64_t bytes_waiting;
        bool healthy;
        char problem[256]; /* the last one; empty: none */
};

struct outlet {
        char *name;
        void (*take)(struct outlet *outlet, const struct publication *publication);
        /* Once per tick (publisher.h), after all take(): hand on what is whole. */
        void (*flush)(struct outlet *outlet);
        void (*counts)(const struct outlet *outlet, struct outlet_counts *ret);
        /* Hands on what it can at once, keeps on disk what it may, closes its handles and frees itself in
         * the last close callback. */
        void (*close)(struct outlet *outlet);
};

/* Whether an outlet works; said on standard error when it changes. */
struct outlet_health {
        bool ill;
        char problem[256];
};
void outlet_ill(struct outlet_health *health, const char *name, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
void outlet_well(struct outlet_health *health, const char *name);

/* Of a ROW or EVENT: see supervisor/decide.h. */
bool publication_refused(const struct publication *publication);

/* outlet_file.c, outlet_journal.c, outlet_forward.c. 0 or -errno; trouble of the peer is not an error here.
 */
int outlet_file_new(uv_loop_t *loop, const struct config_outlet *config, struct outlet **ret);
int outlet_journal_new(uv_loop_t *loop, const struct config_outlet *config, struct outlet **ret);
int outlet_forward_new(uv_loop_t *loop, const struct config_outlet *config, struct outlet **ret);
