/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What metrics tell of a session's calls. Counters only rise. They are written by whoever holds the
 * session's lock, one at a time, and read without any: a task can make a receiver wait for its memory while
 * it holds the lock, and metrics must not wait with it.
 */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "callgate/event.h"
#include "callgate/wire.h"

#define METER_MODES   (WIRE_MODE_POLICY + 1)
#define METER_ANSWERS (EVENT_ANSWER_KILL + 1)
#define METER_BUCKETS 18 /* the last one has no upper bound */

enum meter_verdict {
        METER_ALLOW,
        METER_LOG,
        METER_TRACE,
        METER_NOTIFY,
        METER_ERRNO,
        METER_TRAP,
        METER_KILL_THREAD,
        METER_KILL_PROCESS,
        METER_UNKNOWN,
        METER_VERDICTS,
};

/* Names as labels, by number. */
extern const char *const meter_verdicts[METER_VERDICTS];
extern const char *const meter_answers[METER_ANSWERS];
/* Upper bounds in nanoseconds; of all but the last bucket. */
extern const uint64_t meter_bounds[METER_BUCKETS - 1];

enum meter_count {
        METER_RECEIVED,
        METER_REFUSED,     /* decide_refused() */
        METER_DROPPED,     /* without a row for want of room */
        METER_UNSTREAMED,  /* occurrences that were asked for and found no room */
        METER_INTERRUPTED, /* taken back by a signal before anybody received them */
        METER_SUM_NS,      /* from receive to answer */
        METER_COUNTS,
};

struct meter {
        _Atomic uint64_t counts[METER_COUNTS];
        _Atomic uint64_t buckets[METER_BUCKETS];
        _Atomic uint64_t calls[METER_MODES][METER_VERDICTS][METER_ANSWERS];
};

/* The same of one or many sessions. */
struct meter_sums {
        uint64_t counts[METER_COUNTS];
        uint64_t buckets[METER_BUCKETS];
        uint64_t calls[METER_MODES][METER_VERDICTS][METER_ANSWERS];
};

/* One writer at a time: no need to lock the bus. */
static inline void meter_raise(_Atomic uint64_t *count, uint64_t by) {
        atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + by,
                              memory_order_relaxed);
}

static inline void meter_count(struct meter *meter, enum meter_count count, uint64_t by) {
        meter_raise(&meter->counts[count], by);
}

/* A call that has been answered, or is gone; ns: since it was received. */
void meter_note(struct meter *meter, enum wire_mode mode, const struct event *event, uint64_t ns);

/* Adds what was counted so far to sums; any thread. */
void meter_add(const struct meter *meter, struct meter_sums *sums);
/* Calls received and neither answered nor gone. */
uint64_t meter_in_flight(const struct meter_sums *sums);
