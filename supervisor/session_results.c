/* SPDX-License-Identifier: Apache-2.0 */

/* What a session has to tell, for snapshots and for the publisher: copies made under its lock, which is
 * never held for longer than a few rows take. */

#include "supervisor/session.h"

#include "base/error.h"
#include "proto/event_file.h"
#include "supervisor/decide.h"
#include "supervisor/session_parts.h"

#define LOOK_ROWS 256 /* looked at before calls get their turn */

/* Ids of a filter are consecutive: those that we never saw were taken back by signals. */
static uint64_t interrupted(const struct journal_header *header, uint64_t received) {
        uint64_t n = header->last_id - header->first_id + 1 - received;

        return header->any_id && n < UINT32_MAX ? n : 0;
}

void session_ledger(struct session *session, struct ledger *ret) {
        const struct journal_header *header = session->journal->header;

        pthread_mutex_lock(&session->lock);
        *ret = header->ledger;
        ret->pending = session->n_in_flight;
        ret->received = ret->answered + ret->gone + ret->pending;
        ret->interrupted = interrupted(header, ret->received);
        if (session->eventlog)
                eventlog_counts(session->eventlog, ret);
        pthread_mutex_unlock(&session->lock);
}

int session_row(struct session *session, size_t index, struct event *ret) {
        int r = SESSION_E_IDLE;

        pthread_mutex_lock(&session->lock);
        if (index < session->tally.n) {
                *ret = session->tally.rows[index].event;
                r = 0;
        }
        pthread_mutex_unlock(&session->lock);
        return r;
}

size_t session_rows(struct session *session) {
        size_t n;

        pthread_mutex_lock(&session->lock);
        n = session->tally.n;
        pthread_mutex_unlock(&session->lock);
        return n;
}

uint64_t session_refused(struct session *session) {
        uint64_t refused = 0;
        size_t n, at = 0;

        do {
                pthread_mutex_lock(&session->lock);
                n = session->tally.n;
                for (size_t looked = 0; at < n && looked < LOOK_ROWS; looked++, at++)
                        if (decide_refused(session->options.mode, &session->tally.rows[at].event))
                                refused += session->tally.rows[at].event.count;
                pthread_mutex_unlock(&session->lock);
        } while (at < n);
        return refused;
}

size_t session_alive(struct session *session) {
        size_t n;

        pthread_mutex_lock(&session->lock);
        n = tasks_alive(&session->tasks);
        pthread_mutex_unlock(&session->lock);
        return n;
}

/* ---- for the publisher ---- */

int session_take_row(struct session *session, size_t *cursor, struct event *ret, bool *ret_new) {
        int r = SESSION_E_IDLE;
        size_t n;

        do {
                pthread_mutex_lock(&session->lock);
                n = session->tally.n;
                /* The newest may not have been described yet: it is for the next time. */
                while (n > *cursor && session->tally.rows[n - 1].event.count == 0)
                        n--;
                for (size_t looked = 0; r && *cursor < n && looked < LOOK_ROWS; looked++)
                        if (tally_take(&session->tally, (*cursor)++, ret, ret_new))
                                r = 0;
                pthread_mutex_unlock(&session->lock);
        } while (r && *cursor < n);
        return r;
}

int session_stream(struct session *session, size_t bytes) {
        pthread_mutex_lock(&session->lock);
        session->stream_bytes = bytes;
        pthread_mutex_unlock(&session->lock);
        return 0;
}

void session_keep(struct session *session, const struct event *event) {
        size_t mark = session->stream.n;

        session->journal->header->stream_kept++;

        session->stream.limit = session->stream_bytes;
        /* A record is kept whole or not at all. */
        if (event_file_put_event(&session->stream, event) == 0)
                return;
        session->stream.n = mark;
        session->stream.error = 0;
        session->stream_lost++;
        meter_count(&session->meter, METER_UNSTREAMED, 1);
}

int session_take_stream(struct session *session, struct buf *to, uint64_t *ret_lost) {
        struct buf taken;
        int r;

        pthread_mutex_lock(&session->lock);
        session->journal->header->stream_taken = session->journal->header->stream_kept;
        *ret_lost = session->stream_lost;
        session->stream_lost = 0;
        taken = session->stream;
        r = taken.n == 0 && *ret_lost == 0 ? SESSION_E_IDLE : 0;
        if (taken.n > 0) {
                session->stream = *to;
                buf_reset(&session->stream);
                *to = taken;
        }
        pthread_mutex_unlock(&session->lock);
        return r;
}
