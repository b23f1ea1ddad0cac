/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One listener and everything supervised through it. session_step() takes one call through all its stages;
 * it is the only function that knows their order:
 *
 *   receive, name the task, repair (rt_sigreturn only), verdict, decide, classify,
 *   describe (the first of its kind), answer, record
 *
 * A session is driven by one thread at a time (supervisor/receiver.c). The lock guards what snapshots read.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "callgate/event.h"
#include "callgate/wire.h"
#include "policy/filter.h"
#include "supervisor/eventlog.h"
#include "supervisor/journal.h"
#include "supervisor/kernel.h"
#include "supervisor/meter.h"
#include "supervisor/stage.h"
#include "supervisor/tally.h"
#include "supervisor/tasks.h"

enum {
        SESSION_E_IDLE = 1,  /* nothing was received; come back */
        SESSION_E_ENDED = 2, /* the last task is gone; there will never be anything again */
};

struct members;
struct policing;
struct policy_rule;
struct verdicts;
struct workers;

#define SESSION_TROUBLE_MAX 512

struct session_options {
        enum wire_mode mode;
        bool decode_all; /* decode arguments of every call, not only of the first of its kind */
        const char *label;
        /* A policy at work instead of a mode; eaten when session_new() succeeds. filter is the base's then.
         */
        struct policing *policing;
        unsigned calls_in_flight; /* under a policy: more that wait get EAGAIN; 0: as many as a worker can
                                     have */
        uint32_t launcher;        /* process that starts the program (supervisor/members.h); 0: unknown */
        bool runtime; /* a container runtime installed the filter: its own calls before the program's execve
                       * are marked EVENT_RUNTIME (supervisor/stage.h) */
        uint32_t runtime_pid; /* process that loaded it, as the runtime says; 0: unknown */
        const struct filter
                *filter;         /* what the profile says; empty: everything notified is wanted. Copied. */
        struct journal *journal; /* eaten on success; NULL: private memory */
};

struct session {
        const struct kernel *kernel; /* outlives the session */
        int listener_fd;             /* owned */
        struct session_options options;
        struct filter filter;
        char *label;
        struct meter meter; /* written under the lock, read without */

        pthread_mutex_t lock;    /* guards all below */
        struct journal *journal; /* owned; ledger, rows, calls in flight */
        struct tally tally;
        struct journal_slot *slot; /* of the call that is received next */
        size_t n_in_flight;
        size_t recover_at;    /* slots from here on may hold calls of a predecessor; JOURNAL_SLOTS: none */
        bool orphans;         /* a call may wait that a predecessor received and did not write down */
        _Atomic bool leaving; /* session_leave() */
        struct tasks tasks;
        struct stage stage;
        struct eventlog *eventlog;         /* owned; NULL: no stream */
        uint64_t last_gap_ns;              /* when ids were last found missing; 0 = never */
        uint64_t last_error_ns;            /* own trouble is logged at most once a second */
        char trouble[SESSION_TROUBLE_MAX]; /* what could not be kept beyond the session; empty: nothing */

        size_t stream_bytes; /* 0: occurrences are not kept */
        struct buf stream;   /* records not yet taken */
        uint64_t stream_lost;

        atomic_bool policed;       /* a policy decides; read once per call, without the lock */
        struct policing *policing; /* owned; NULL: there never was a policy. Once there, it stays */
        struct members *members;   /* owned; with policing */
        struct workers *workers;   /* owned; with policing */
        bool finished;             /* nobody steps any more */
        struct verdicts *verdicts; /* owned; made at the first call, idle sessions stay small */
};

/* Eats listener_fd and sink_fd (-1: no event stream), also on failure. */
int session_new(const struct kernel *kernel, int listener_fd, int sink_fd,
                const struct session_options *options, struct session **ret);
/*
 * Goes on with the session of a predecessor that is no longer at work: options->journal is what
 * journal_adopt() gave. The first steps are about calls that were in flight. Eats listener_fd, also on
 * failure.
 */
int session_adopt(const struct kernel *kernel, int listener_fd, const struct session_options *options,
                  struct session **ret);
struct session *session_free(struct session *session);

/* One call from receive to record. 0, SESSION_E_*, -EINTR, or another -errno after which nothing can go on.
 */
int session_step(struct session *session);

/* Writes out the event stream, however long its sink takes, and what emulations keep; afterwards the ledger
 * and trouble are final. Called once, when nobody steps any more, and not on the loop's thread. */
void session_finish(struct session *session);

/* A successor goes on: calls that wait for something are left to it, not ended. Before the receiver is
 * kicked; any thread. */
void session_leave(struct session *session);

/* Copies the ledger as it is now. */
void session_ledger(struct session *session, struct ledger *ret);

/* Copies row number index, in order of first appearance: 0, or SESSION_E_IDLE when there are no more. One
 * with count 0 is still being described, and to be left out. */
int session_row(struct session *session, size_t index, struct event *ret);
size_t session_rows(struct session *session);
/* Calls that were refused, or would have been in a dry run (supervisor/decide.h), as far as rows have them.
 */
uint64_t session_refused(struct session *session);

/* What an emulation remembers in this session; rule NULL: whichever of that name. NULL: nothing. */
void *session_emulation_state(struct session *session, const char *name, const struct policy_rule *rule);

/* Live processes, estimated. */
size_t session_alive(struct session *session);

/* ---- for the service's publisher; any thread ---- */

/*
 * The next row whose count rose since it was last taken, from *cursor (0 to begin) on: *ret is the row with
 * count as much as is new; *ret_new: it was never taken before. 0, or SESSION_E_IDLE when there are no more.
 * What was taken is remembered with the row.
 */
int session_take_row(struct session *session, size_t *cursor, struct event *ret, bool *ret_new);

/* From now on every occurrence is kept to be taken, with its arguments, at most bytes (encoded) at a time;
 * 0: no longer, what waits can still be taken. */
int session_stream(struct session *session, size_t bytes);
/* Swaps *to (empty, from the last time) for what waits: event records as in event files; *ret_lost:
 * occurrences that did not fit since the last time. 0, or SESSION_E_IDLE when nothing waits and nothing was
 * lost. */
int session_take_stream(struct session *session, struct buf *to, uint64_t *ret_lost);

/* Another mode, filter or policy from the next call on; options as for session_new(), policing eaten on
 * success. A policy that was at work stays in memory until the end. 0 or -errno. Any thread. */
int session_change(struct session *session, const struct session_options *options);
