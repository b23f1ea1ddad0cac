/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Publications to a Fluent Forward endpoint (Fluent Bit, Fluentd, Vector …), protocol version 1.5, at least
 * once: entries are gathered into a chunk, the chunk goes to the buffer, and leaves it when the receiver has
 * acknowledged it. One chunk is on its way at a time: they arrive in order, and after a break at most one of
 * them arrives twice, with the same id.
 *
 * What must stay true: taken = delivered + dropped + waiting, in records; and nobody waits for the receiver.
 * What finds no room is counted and told to the receiver itself, as an entry in the place where the hole is.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/error.h"
#include "supervisor/service/forward_buffer.h"
#include "supervisor/service/forward_peer.h"
#include "supervisor/service/forward_record.h"
#include "supervisor/service/outlet.h"

#define BACKOFF_MIN_MS 100u
#define BACKOFF_MAX_MS 30000u
#define STEADY_MS      5000u /* a connection that held so long is a good one */
#define REOPEN_MS      1000u /* between attempts to get the buffer's folder */
#define LINGER_MS      1000u /* for receipts, at the end */
#define LINGER_LOOK_MS 10u
#define NS_PER_MS      1000000u

#define CHUNK_BYTES  (1u << 20) /* unless the configuration says otherwise */
#define BUFFER_BYTES (64u << 20)
#define FLUSH_MS     1000u
#define ACK_MS       60000u

struct forward {
        struct outlet outlet;
        uv_loop_t *loop;
        char *tag; /* owned */
        bool acknowledge;
        size_t chunk_bytes;
        uint64_t flush_ms, ack_ms;

        struct forward_buffer buffer;
        uint64_t reopen_ms; /* when the folder is tried again */
        struct forward_peer *peer;

        /* The chunk that is being filled. */
        struct buf entries;
        uint32_t n_entries;
        uint64_t since_ms;
        struct forward_scratch scratch;
        struct forward_hole hole;
        char node[256];

        struct forward_chunk *under_way; /* borrowed from the buffer; NULL: none */
        uint64_t moved_ms;               /* when it last got on */
        size_t unsent;
        unsigned n_failures; /* in a row */
        uint64_t retry_ms, ready_ms;

        uint64_t taken, delivered, dropped;
        char trouble[192]; /* with the receiver; empty: none */
        struct outlet_health health;

        uv_timer_t linger;
        uint64_t linger_until_ms;
};

static struct forward *forward_of(struct outlet *outlet) {
        return (struct forward *)outlet;
}

/* ---- gathering ---- */

static void drop_entries(struct forward *forward) {
        forward->dropped += forward->n_entries;
        buf_reset(&forward->entries);
        forward->n_entries = 0;
}

/* Ends the chunk that is being filled. */
static void seal(struct forward *forward) {
        struct forward_chunk *chunk;

        if (forward->n_entries == 0)
                return;
        if (forward_chunk_new(&forward->entries, forward->n_entries, &chunk) != 0) {
                drop_entries(forward);
                return;
        }
        forward->n_entries = 0;
        forward_buffer_add(&forward->buffer, chunk);
}

/* An entry was appended behind mark: is there room for it? */
static bool accept_entry(struct forward *forward, size_t mark) {
        if (!forward_buffer_has_room(&forward->buffer, forward->entries.n)) {
                forward->entries.n = mark;
                return false;
        }
        if (forward->n_entries++ == 0)
                forward->since_ms = uv_now(forward->loop);
        if (forward->entries.n >= forward->chunk_bytes)
                seal(forward);
        return true;
}

/* True when there is no hole any more. It ends when an eighth of the buffer is free: one hole of which all
 * is known says more than many small ones. */
static bool tell_hole(struct forward *forward, uint64_t now_ns) {
        size_t mark = forward->entries.n;

        if (forward->hole.records == 0)
                return true;
        if (!forward_buffer_has_room(&forward->buffer, mark + forward->buffer.limit / 8) ||
            forward_record_put_hole(&forward->entries, &forward->scratch, forward->node, now_ns,
                                    &forward->hole) != 0 ||
            !accept_entry(forward, mark))
                return false;
        forward->taken++;
        forward->hole = (struct forward_hole){ 0 };
        return true;
}

static void widen_hole(struct forward *forward, const struct publication *publication) {
        struct forward_hole *hole = &forward->hole;

        if (hole->records++ == 0)
                hole->since_ns = publication->now_ns;
        if (publication->kind == PUBLICATION_ROW || publication->kind == PUBLICATION_EVENT)
                hole->calls += publication->event->count;
        forward->dropped++;
}

static void note_node(struct forward *forward, const struct publication *publication) {
        const char *node =
                publication->source->labels ? labels_get(publication->source->labels, "node") : NULL;

        if (node && forward->node[0] == 0)
                snprintf(forward->node, sizeof(forward->node), "%s", node);
}

static void forward_take(struct outlet *outlet, const struct publication *publication) {
        struct forward *forward = forward_of(outlet);
        size_t mark;

        note_node(forward, publication);
        forward->taken++;
        if (!tell_hole(forward, publication->now_ns)) {
                widen_hole(forward, publication);
                return;
        }
        mark = forward->entries.n;
        if (forward_record_put(&forward->entries, &forward->scratch, publication) != 0 ||
            !accept_entry(forward, mark))
                widen_hole(forward, publication);
}

/* ---- sending ---- */

static void pump(struct forward *forward) {
        struct forward_chunk *chunk;
        uint32_t n_records;
        int r;

        if (forward->under_way || !forward_peer_is_ready(forward->peer))
                return;
        do {
                chunk = forward_buffer_next(&forward->buffer);
                if (!chunk)
                        return;
                n_records = chunk->n_records;
                r = forward_buffer_load(&forward->buffer, chunk);
                if (r == FORWARD_BUFFER_E_BROKEN)
                        forward->dropped += n_records;
        } while (r == FORWARD_BUFFER_E_BROKEN);
        if (r)
                return; /* the next tick tries again */
        forward->under_way = chunk;
        forward->moved_ms = uv_now(forward->loop);
        forward->unsent = SIZE_MAX;
        forward_peer_send(forward->peer, forward->tag, chunk, forward->acknowledge ? chunk->id : NULL);
        forward_buffer_unload(&forward->buffer, chunk);
}

static void arrived(struct forward *forward) {
        forward->delivered += forward->under_way->n_records;
        forward_buffer_done(&forward->buffer, forward->under_way);
        forward->under_way = NULL;
        forward->n_failures = 0;
        forward->trouble[0] = 0;
        pump(forward);
}

static void on_ready(void *data) {
        struct forward *forward = data;

        forward->ready_ms = uv_now(forward->loop);
        if (!forward->buffer.first)
                forward->trouble[0] = 0;
        pump(forward);
}

static void on_sent(void *data) {
        struct forward *forward = data;

        forward->moved_ms = uv_now(forward->loop);
        if (!forward->acknowledge && forward->under_way)
                arrived(forward);
}

static bool on_ack(void *data, const char *id) {
        struct forward *forward = data;

        if (!forward->acknowledge || !forward->under_way || strcmp(forward->under_way->id, id) != 0)
                return false;
        arrived(forward);
        return true;
}

/* Between half and all of it, so that the senders of a fleet do not come back in step. */
static uint64_t backoff_ms(unsigned n_failures) {
        uint64_t ms = n_failures < 10 ? (uint64_t)BACKOFF_MIN_MS << n_failures : BACKOFF_MAX_MS;
        uint16_t chance = 0;

        if (ms > BACKOFF_MAX_MS)
                ms = BACKOFF_MAX_MS;
        if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) != sizeof(chance))
                chance = UINT16_MAX;
        return ms / 2 + ms / 2 * chance / UINT16_MAX;
}

static void on_down(void *data, const char *why) {
        struct forward *forward = data;

        if (forward->under_way) {
                forward->under_way->attempts++;
                forward->under_way = NULL;
        }
        forward->retry_ms = uv_now(forward->loop) + backoff_ms(forward->n_failures);
        forward->n_failures++;
        snprintf(forward->trouble, sizeof(forward->trouble), "%s", why);
}

/* A receiver that takes nothing, or does not say that it did. */
static void check_progress(struct forward *forward) {
        uint64_t now_ms = uv_now(forward->loop);
        size_t unsent;

        if (!forward->under_way)
                return;
        unsent = forward_peer_unsent(forward->peer);
        if (unsent < forward->unsent) {
                forward->unsent = unsent;
                forward->moved_ms = now_ms;
        }
        if (now_ms - forward->moved_ms >= forward->ack_ms)
                forward_peer_disconnect(forward->peer, unsent > 0 ? "the receiver takes nothing"
                                                                  : "the receiver sends no receipt");
}

static void look_after_peer(struct forward *forward) {
        uint64_t now_ms = uv_now(forward->loop);

        if (forward_peer_is_down(forward->peer)) {
                if (now_ms >= forward->retry_ms)
                        forward_peer_connect(forward->peer);
                return;
        }
        forward_peer_check(forward->peer);
        check_progress(forward);
        if (forward_peer_is_ready(forward->peer) && now_ms - forward->ready_ms >= STEADY_MS &&
            !forward->buffer.first)
                forward->n_failures = 0;
}

static void look_after_folder(struct forward *forward) {
        uint64_t now_ms = uv_now(forward->loop);

        if (forward_buffer_is_open(&forward->buffer) || now_ms < forward->reopen_ms)
                return;
        forward->reopen_ms = now_ms + REOPEN_MS;
        forward_buffer_open(&forward->buffer); /* why not is in buffer.problem */
}

static uint64_t realtime_ns(void) {
        uv_timeval64_t now = { 0 };

        uv_gettimeofday(&now);
        return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_usec * 1000u;
}

/* ---- what it says of itself ---- */

static void forward_counts(const struct outlet *outlet, struct outlet_counts *ret) {
        const struct forward *forward = (const struct forward *)outlet;
        const struct forward_buffer *buffer = &forward->buffer;

        *ret = (struct outlet_counts){
                .taken = forward->taken + buffer->n_adopted,
                .delivered = forward->delivered,
                .dropped = forward->dropped,
                .waiting = buffer->n_records + forward->n_entries,
                .bytes_waiting = buffer->bytes + forward->entries.n,
                .healthy = !forward->trouble[0] && !buffer->problem[0] && forward->hole.records == 0,
        };
        if (forward->trouble[0])
                snprintf(ret->problem, sizeof(ret->problem), "%s", forward->trouble);
        else if (buffer->problem[0])
                snprintf(ret->problem, sizeof(ret->problem), "%s", buffer->problem);
        else if (forward->hole.records > 0)
                snprintf(ret->problem, sizeof(ret->problem), "the buffer is full");
        else if (buffer->n_broken > 0)
                snprintf(ret->problem, sizeof(ret->problem), "%llu broken chunk files, the last: %s",
                         (unsigned long long)buffer->n_broken, buffer->broken);
}

/* On standard error, when it changes. */
static void tell_health(struct forward *forward) {
        struct outlet_counts counts;

        forward_counts(&forward->outlet, &counts);
        if (counts.healthy)
                outlet_well(&forward->health, forward->outlet.name);
        else
                outlet_ill(&forward->health, forward->outlet.name, "%s", counts.problem);
}

static void forward_flush(struct outlet *outlet) {
        struct forward *forward = forward_of(outlet);

        look_after_folder(forward);
        tell_hole(forward, realtime_ns());
        if (forward->n_entries > 0 && uv_now(forward->loop) - forward->since_ms >= forward->flush_ms)
                seal(forward);
        look_after_peer(forward);
        pump(forward);
        tell_health(forward);
}

/* ---- life ---- */

static void forward_free(struct forward *forward) {
        forward_peer_free(forward->peer);
        forward_buffer_deinit(&forward->buffer);
        forward_scratch_deinit(&forward->scratch);
        buf_deinit(&forward->entries);
        free(forward->outlet.name);
        free(forward->tag);
        free(forward);
}

static void on_linger_closed(uv_handle_t *handle) {
        forward_free(handle->data);
}

static void on_linger(uv_timer_t *timer) {
        struct forward *forward = timer->data;

        check_progress(forward);
        if (forward->buffer.first && !forward_peer_is_down(forward->peer) &&
            uv_now(forward->loop) < forward->linger_until_ms)
                return;
        forward->peer = forward_peer_free(forward->peer);
        uv_close((uv_handle_t *)timer, on_linger_closed);
}

static void forward_close(struct outlet *outlet) {
        struct forward *forward = forward_of(outlet);

        uv_update_time(forward->loop);
        forward->reopen_ms = 0;
        look_after_folder(forward);
        seal(forward);
        forward_buffer_keep(&forward->buffer);
        pump(forward);
        forward->linger_until_ms = uv_now(forward->loop) + LINGER_MS;
        uv_timer_start(&forward->linger, on_linger, 0, LINGER_LOOK_MS);
}

static uint64_t or_default(uint64_t value, uint64_t otherwise) {
        return value > 0 ? value : otherwise;
}

static int forward_init(struct forward *forward, const struct config_outlet *config) {
        const struct forward_peer_options options = {
                .loop = forward->loop,
                .address = config->address,
                .shared_key = config->shared_key,
                .on_ready = on_ready,
                .on_sent = on_sent,
                .on_ack = on_ack,
                .on_down = on_down,
                .data = forward,
        };
        int r;

        forward->outlet.name = strdup(config->name);
        forward->tag = strdup(config->tag ? config->tag : "callgate");
        if (!forward->outlet.name || !forward->tag)
                return error_origin(-ENOMEM);
        r = forward_buffer_init(&forward->buffer, config->buffer_path,
                                or_default(config->buffer_bytes, BUFFER_BYTES));
        if (!r)
                r = forward_peer_new(&options, &forward->peer);
        return r == FORWARD_PEER_E_ADDRESS ? error_origin(-EINVAL) : error_trace(r);
}

int outlet_forward_new(uv_loop_t *loop, const struct config_outlet *config, struct outlet **ret) {
        struct forward *forward = calloc(1, sizeof(*forward));
        int r;

        if (!forward)
                return error_origin(-ENOMEM);
        forward->loop = loop;
        forward->acknowledge = config->acknowledge;
        forward->chunk_bytes = or_default(config->chunk_bytes, CHUNK_BYTES);
        if (forward->chunk_bytes > FORWARD_CHUNK_MAX / 2)
                forward->chunk_bytes = FORWARD_CHUNK_MAX / 2;
        forward->flush_ms = or_default(config->flush_ns / NS_PER_MS, FLUSH_MS);
        forward->ack_ms = or_default(config->ack_ns / NS_PER_MS, ACK_MS);
        forward->entries = BUF_INIT(FORWARD_CHUNK_MAX);
        forward->scratch = FORWARD_SCRATCH_INIT;
        forward->outlet.take = forward_take;
        forward->outlet.flush = forward_flush;
        forward->outlet.counts = forward_counts;
        forward->outlet.close = forward_close;
        r = forward_init(forward, config);
        if (!r)
                r = uv_timer_init(loop, &forward->linger);
        if (r) {
                forward_free(forward);
                return error_trace(r);
        }
        forward->linger.data = forward;
        look_after_folder(forward);
        *ret = &forward->outlet;
        return 0;
}
