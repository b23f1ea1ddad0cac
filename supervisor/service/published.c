/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How far a session has been published. Rows that are new are at the end of its tally, so looking for them
 * costs nothing; what was added to older rows is found by sweeping over all of them, once per interval.
 */

#include "supervisor/service/published.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "proto/event_file.h"
#include "supervisor/service/registry.h"

#define STREAM_LEAST 8192 /* bytes; less than this would hold no occurrence */

uint64_t published_now(void) {
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int published_state_copy(const struct registered *registered, struct published_state *ret) {
        *ret = (struct published_state){ .mode = registered->mode, .all = registered->all };
        if (!registered->profile)
                return 0;
        ret->profile = strdup(registered->profile);
        return ret->profile ? 0 : error_origin(-ENOMEM);
}

void published_state_deinit(struct published_state *state) {
        free(state->profile);
        *state = (struct published_state){ 0 };
}

static void describe(struct published *published) {
        published->source.mode = published->state.mode;
        published->source.profile = published->state.profile;
        published->source.all = published->state.all;
}

static uint64_t calls(struct published *published) {
        struct ledger ledger;

        session_ledger(published->session, &ledger);
        return ledger.recorded + ledger.dropped;
}

static void stream(struct published *published, size_t bytes) {
        if (bytes == published->stream_bytes)
                return;
        session_stream(published->session, bytes);
        published->stream_bytes = bytes;
        published->streaming = true;
}

int published_new(struct registered *registered, bool want_all, struct published **ret) {
        struct published *published = calloc(1, sizeof(*published));
        int r;

        if (!published)
                return error_origin(-ENOMEM);
        *published = (struct published){
                .registered = registered,
                .session = registered->session,
                .source = { .number = registered->number, .uid = registered->uid },
                .stream = BUF_INIT(0),
        };
        published->source.labels = &published->labels;
        r = published_state_copy(registered, &published->state);
        if (!r)
                r = labels_copy(&registered->labels, &published->labels);
        if (r) {
                published_free(published);
                return error_trace(r);
        }
        describe(published);
        if (published->source.all || want_all)
                stream(published, PUBLISHED_STREAM); /* at once, and not when the thread comes to it */
        *ret = published;
        return 0;
}

struct published *published_free(struct published *published) {
        if (!published)
                return NULL;
        published_state_deinit(&published->state);
        labels_deinit(&published->labels);
        buf_deinit(&published->stream);
        free(published->end);
        free(published);
        return NULL;
}

void published_become(struct published *published, struct published_state *state) {
        published_state_deinit(&published->state);
        published->state = *state;
        *state = (struct published_state){ 0 };
        describe(published);
}

static void begin_sweep(struct published *published, uint64_t n) {
        published->sweeping = true;
        published->sweep = 0;
        published->n_swept = n;
        published->since_ns = published->until_ns;
        published->until_ns = published_now();
}

bool published_look(struct published *published, uint64_t now_ns, uint64_t interval_ns, bool everything) {
        uint64_t n = calls(published);
        bool last = everything || published->ended;

        published->unserved |= n != published->n_looked;
        published->n_looked = n;
        if (published->sweep_ns == 0)
                published->sweep_ns = now_ns + interval_ns;
        if (n != published->n_swept && (last || (!published->sweeping && now_ns >= published->sweep_ns))) {
                begin_sweep(published, n);
                published->sweep_ns = now_ns + interval_ns;
        }
        return published->unserved || published->sweeping || last || published->streaming ||
               published->stream_at < published->stream.n;
}

bool published_done(struct published *published) {
        if (published->sweeping || calls(published) == published->n_swept)
                return !published->sweeping;
        begin_sweep(published, calls(published));
        return false;
}

/* A row seen before tells of calls since it was taken last: not earlier than the sweep before this one. */
static void date(const struct published *published, struct event *event) {
        uint64_t since_ns = published->sweeping ? published->since_ns : published->until_ns;

        if (event->count == 1 || since_ns > event->last_ns)
                event->first_ns = event->last_ns;
        else if (since_ns > event->first_ns)
                event->first_ns = since_ns;
}

bool published_row(struct published *published, struct event *ret) {
        bool is_new;

        if (published->sweeping) {
                if (session_take_row(published->session, &published->sweep, ret, &is_new) == 0) {
                        if (!is_new)
                                date(published, ret);
                        return true;
                }
                published->sweeping = false;
                if (published->fresh < published->sweep)
                        published->fresh = published->sweep;
        }
        return session_take_row(published->session, &published->fresh, ret, &is_new) == 0;
}

bool published_occurrence(struct published *published, struct event *ret, uint64_t *ret_lost) {
        *ret_lost = 0;
        for (;;) {
                size_t *at = &published->stream_at;

                if (event_file_take(published->stream.data, published->stream.n, at, ret) == 0)
                        return true;
                buf_reset(&published->stream);
                *at = 0;
                if (published->lost > 0) {
                        *ret_lost = published->lost;
                        published->lost = 0;
                        return true;
                }
                if (!published->streaming)
                        return false;
                if (session_take_stream(published->session, &published->stream, &published->lost) != 0) {
                        /* Once no more are kept there will be none. */
                        published->streaming = published->stream_bytes > 0;
                        return false;
                }
        }
}

void published_streams(struct published *first, const struct published_limits *limits, bool want_all) {
        for (struct published *one = first; one; one = one->next) {
                uint64_t bytes = limits->event_bytes;
                uint64_t n = 0;

                if (!want_all && !one->source.all) {
                        stream(one, 0);
                        continue;
                }
                for (struct published *other = first; other; other = other->next)
                        n += (want_all || other->source.all) && other->source.uid == one->source.uid;
                if (limits->event_bytes_per_uid / n < bytes)
                        bytes = limits->event_bytes_per_uid / n;
                bytes /= 2; /* as much again is being handed on */
                stream(one, bytes > STREAM_LEAST ? bytes : STREAM_LEAST);
        }
}
