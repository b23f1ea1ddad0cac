/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The event stream of a session on its way to a file or pipe: bytes are appended under the session's lock to
 * a bounded buffer, a thread of its own writes them out every EVENTLOG_PERIOD_MS. Appending never waits and
 * never wakes anybody; what does not fit is counted.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "callgate/event.h"

#define EVENTLOG_PERIOD_MS 5
#define EVENTLOG_BUFFER    (8u << 20) /* bytes waiting; a second such buffer is being written */

struct eventlog {
        int fd; /* owned */
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t wake; /* only signalled at the end */
        struct buf waiting, writing;
        uint64_t n_written, n_lost;
        bool stopping, broken;
};

/* Starts the writer; eats fd, also on failure. label goes into the header. 0 or -errno. */
int eventlog_new(int fd, const char *label, uint64_t now_ns, struct eventlog **ret);

/* Appends one event, or counts it as lost. */
void eventlog_append(struct eventlog *log, const struct event *event);

/* Writes what waits and the closing ledger, whose written and unwritten fields it fills in; ends the thread
 * and frees. Returns NULL. */
struct eventlog *eventlog_finish(struct eventlog *log, struct ledger *ledger);

/* What has been written and lost so far. */
void eventlog_counts(struct eventlog *log, struct ledger *ledger);
