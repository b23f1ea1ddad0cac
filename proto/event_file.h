/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A file of events: a plain sequence of msgpack values, each an array [kind, body]. First the header, then
 * events, at the end the ledger; a file without the ledger was cut short. Any msgpack reader can read it.
 *
 * A file of a service holds events of several sessions: a record of each (event_source.h) before its first
 * event, and one more with its own ledger when it ended.
 */

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "callgate/event.h"
#include "proto/event_source.h"

#define EVENT_FILE_MAGIC      "callgate-events"
#define EVENT_FILE_VERSION    1
#define EVENT_FILE_LABEL_MAX  4096
#define EVENT_FILE_RECORD_MAX 65536 /* bytes of one record */
/* Sessions alive at once whose labels a reader remembers, and the bytes of these. */
#define EVENT_FILE_SOURCES_MAX   16384
#define EVENT_FILE_SOURCES_BYTES (64u << 20)

enum event_file_kind {
        EVENT_FILE_HEADER = 0,
        EVENT_FILE_EVENT = 1,
        EVENT_FILE_LEDGER = 2,
        EVENT_FILE_SOURCE = 3, /* a session, before its first event; again when it has changed */
        EVENT_FILE_ENDED = 4,  /* a session ended: its number and its ledger */
};

enum event_file_outcome {
        EVENT_FILE_OK,
        EVENT_FILE_E_END,       /* after the ledger: the file is whole */
        EVENT_FILE_E_TRUNCATED, /* the bytes end inside a record or before the ledger: its writer was killed
                                 */
        EVENT_FILE_E_INVALID,   /* not such a file, or broken at event_file_offset() */
        EVENT_FILE_E_VERSION,   /* made by a later version */
};

struct event_file;

/* Reads the header. Takes over fd (also on failure). 0, one of the above, or -errno. */
int event_file_open(int fd, struct event_file **ret);
struct event_file *event_file_close(struct event_file *file);

/* The next event: 0, or one of the above (again and again), or -errno. Memory is bounded, whatever the file.
 */
int event_file_next(struct event_file *file, struct event *ret);

uint64_t event_file_offset(const struct event_file *file); /* of the first byte not yet understood */
const char *event_file_label(const struct event_file *file);
uint64_t event_file_start_ns(const struct event_file *file);
/* Valid after EVENT_FILE_E_END; NULL before. */
const struct ledger *event_file_ledger(const struct event_file *file);

/* Who made this event (event->source); NULL: the file does not say, or had too many at once. Until the next
 * event_file_next(). */
const struct event_source *event_file_source(const struct event_file *file, uint64_t number);
/* Sources that were forgotten because there were too many at once. */
uint64_t event_file_sources_forgotten(const struct event_file *file);
/* Called out of event_file_next() when a source appears (ledger NULL) and when it ended. */
typedef void (*event_file_on_source)(void *data, const struct event_source *source,
                                     const struct ledger *ledger);
void event_file_watch(struct event_file *file, event_file_on_source on_source, void *data);

/* The writer's side: bytes of one record, appended. 0 or the buf's error. */
int event_file_put_header(struct buf *to, const char *label, uint64_t start_ns);
int event_file_put_event(struct buf *to, const struct event *event);
int event_file_put_ledger(struct buf *to, const struct ledger *ledger);
int event_file_put_source(struct buf *to, const struct event_source *source);
int event_file_put_ended(struct buf *to, uint64_t number, const struct ledger *ledger);

/* The next event out of records in memory, from *at on: 0, EVENT_FILE_E_END or EVENT_FILE_E_INVALID. */
int event_file_take(const void *bytes, size_t n, size_t *at, struct event *ret);

/* Whoever goes on writing to a file claims it before the first byte, until the descriptor and its copies are
 * closed or its process ends; so a file that grows is told from one that was cut. Borrow fd. 0 or -errno. */
int event_file_claim(int fd);
/* By anybody but this open file. False also where the file system cannot tell. */
bool event_file_is_claimed(int fd);
