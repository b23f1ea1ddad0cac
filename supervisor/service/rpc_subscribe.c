/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Subscriptions: outlets on the publisher's thread that fill the feed of their connection. What must stay
 * true: the publisher never waits for a peer, and never touches a connection: the two threads share nothing
 * but feeds, behind a lock that is held for a copy. What does not fit is counted and told as soon as
 * something fits again, at the place where it is missing.
 */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "proto/event_codec.h"
#include "proto/event_map.h"
#include "proto/event_source.h"
#include "supervisor/service/outlet.h"
#include "supervisor/service/publisher.h"
#include "supervisor/service/rpc_peer.h"

/* ---- waking the loop ---- */

struct rpc_wake {
        pthread_mutex_t lock;
        uv_async_t *async; /* NULL: closed */
        unsigned refs;     /* the loop's thread counts for one, feeds for one each */
};

struct rpc_wake *rpc_wake_new(uv_async_t *async) {
        struct rpc_wake *wake = calloc(1, sizeof(*wake));

        if (!wake)
                return NULL;
        pthread_mutex_init(&wake->lock, NULL);
        wake->async = async;
        wake->refs = 1;
        return wake;
}

struct rpc_wake *rpc_wake_unref(struct rpc_wake *wake) {
        unsigned refs;

        if (!wake)
                return NULL;
        pthread_mutex_lock(&wake->lock);
        refs = --wake->refs;
        pthread_mutex_unlock(&wake->lock);
        if (refs == 0) {
                pthread_mutex_destroy(&wake->lock);
                free(wake);
        }
        return NULL;
}

void rpc_wake_close(struct rpc_wake *wake) {
        pthread_mutex_lock(&wake->lock);
        wake->async = NULL;
        pthread_mutex_unlock(&wake->lock);
}

static void wake_send(struct rpc_wake *wake) {
        pthread_mutex_lock(&wake->lock);
        if (wake->async)
                uv_async_send(wake->async);
        pthread_mutex_unlock(&wake->lock);
}

/* ---- feeds ---- */

struct rpc_feed {
        pthread_mutex_t lock;
        struct buf bytes;
        bool closed; /* the peer is gone */
        unsigned refs;
        struct rpc_wake *wake;
};

static struct rpc_feed *feed_new(struct rpc_wake *wake) {
        struct rpc_feed *feed = calloc(1, sizeof(*feed));

        if (!feed)
                return NULL;
        pthread_mutex_init(&feed->lock, NULL);
        feed->bytes = BUF_INIT(RPC_FEED_MAX);
        feed->refs = 1;
        feed->wake = wake;
        pthread_mutex_lock(&wake->lock);
        wake->refs++;
        pthread_mutex_unlock(&wake->lock);
        return feed;
}

static void feed_ref(struct rpc_feed *feed) {
        pthread_mutex_lock(&feed->lock);
        feed->refs++;
        pthread_mutex_unlock(&feed->lock);
}

static void feed_unref(struct rpc_feed *feed) {
        unsigned refs;

        pthread_mutex_lock(&feed->lock);
        refs = --feed->refs;
        pthread_mutex_unlock(&feed->lock);
        if (refs > 0)
                return;
        rpc_wake_unref(feed->wake);
        pthread_mutex_destroy(&feed->lock);
        buf_deinit(&feed->bytes);
        free(feed);
}

/* Did it fit? To a peer that is gone everything fits. */
static bool feed_put(struct rpc_feed *feed, const struct buf *bytes) {
        bool fits;

        pthread_mutex_lock(&feed->lock);
        fits = feed->closed || bytes->n <= RPC_FEED_MAX - feed->bytes.n;
        if (fits && !feed->closed) {
                buf_put(&feed->bytes, bytes->data, bytes->n);
                fits = buf_error(&feed->bytes) == 0;
                feed->bytes.error = 0;
        }
        pthread_mutex_unlock(&feed->lock);
        return fits;
}

static bool feed_waits(struct rpc_feed *feed) {
        bool waits;

        pthread_mutex_lock(&feed->lock);
        waits = !feed->closed && feed->bytes.n > 0;
        pthread_mutex_unlock(&feed->lock);
        return waits;
}

void rpc_feed_take(struct rpc_feed *feed, struct buf *to) {
        struct buf empty = *to;

        pthread_mutex_lock(&feed->lock);
        if (feed->bytes.n > 0) {
                *to = feed->bytes;
                to->limit = empty.limit;
                feed->bytes = empty;
                feed->bytes.limit = RPC_FEED_MAX;
        }
        pthread_mutex_unlock(&feed->lock);
}

/* ---- one subscription ---- */

/* A session as the subscription knows it. */
struct known {
        uint64_t number;
        bool matches;
        bool told; /* the peer has its BEGIN */
};

struct rpc_subscription {
        struct outlet outlet;
        uint64_t number;
        struct rpc_feed *feed;
        struct rpc_subscription *next; /* of the peer; the loop's */

        /* What is wanted. */
        struct labels labels;
        uint64_t session; /* 0: all */
        bool refused, all, raw;

        /* The publisher's thread's own. */
        struct known *known; /* owned, by number */
        size_t n_known, size_known;
        struct buf scratch;
        uint64_t lost; /* since it was last told */
        struct outlet_counts counts;
};

static struct rpc_subscription *subscription_of(struct outlet *outlet) {
        return (struct rpc_subscription *)(uintptr_t)outlet; /* its first member */
}

static size_t position_of(const struct rpc_subscription *subscription, uint64_t number) {
        size_t low = 0, high = subscription->n_known;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (subscription->known[middle].number < number)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static struct known *find(struct rpc_subscription *subscription, uint64_t number) {
        size_t at = position_of(subscription, number);

        return at < subscription->n_known && subscription->known[at].number == number
                       ? &subscription->known[at]
                       : NULL;
}

static struct known *know(struct rpc_subscription *subscription, const struct publication_source *source) {
        struct known *known = find(subscription, source->number);
        size_t at;

        if (known)
                return known;
        if (subscription->n_known == subscription->size_known) {
                size_t size = subscription->size_known ? subscription->size_known * 2 : 16;
                struct known *grown = reallocarray(subscription->known, size, sizeof(*grown));

                if (!grown)
                        return NULL;
                subscription->known = grown;
                subscription->size_known = size;
        }
        at = position_of(subscription, source->number);
        memmove(subscription->known + at + 1, subscription->known + at,
                (subscription->n_known - at) * sizeof(*subscription->known));
        subscription->n_known++;
        subscription->known[at] = (struct known){
                .number = source->number,
                .matches = (subscription->session == 0 || subscription->session == source->number) &&
                           labels_match(source->labels, &subscription->labels),
        };
        return &subscription->known[at];
}

static void forget(struct rpc_subscription *subscription, uint64_t number) {
        size_t at = position_of(subscription, number);

        if (!find(subscription, number))
                return;
        subscription->n_known--;
        memmove(subscription->known + at, subscription->known + at + 1,
                (subscription->n_known - at) * sizeof(*subscription->known));
}

static struct codec_writer begin(struct rpc_subscription *subscription, const char *method,
                                 uint64_t session) {
        struct codec_writer writer;

        buf_reset(&subscription->scratch);
        codec_writer_init(&writer, &subscription->scratch);
        rpc_put_notification(&writer, method, 3);
        codec_put_uint(&writer, subscription->number);
        if (session > 0)
                codec_put_uint(&writer, session);
        else
                codec_put_nil(&writer);
        return writer;
}

static bool hand_on(struct rpc_subscription *subscription, struct codec_writer *writer) {
        return codec_writer_finish(writer) == 0 && feed_put(subscription->feed, &subscription->scratch);
}

static bool tell_lost(struct rpc_subscription *subscription) {
        struct codec_writer writer;

        if (subscription->lost == 0)
                return true;
        writer = begin(subscription, "lost", 0);
        codec_put_uint(&writer, subscription->lost);
        if (!hand_on(subscription, &writer))
                return false;
        subscription->lost = 0;
        return true;
}

static void put_source(struct codec_writer *writer, const struct publication_source *source, bool raw) {
        const struct event_source as_array = {
                .number = source->number,
                .uid = source->uid,
                .mode = source->mode,
                .profile = (char *)(uintptr_t)source->profile,
                .labels = *source->labels,
        };

        if (raw) {
                event_source_put(writer, &as_array);
                return;
        }
        codec_put_map(writer, 4);
        codec_put_string(writer, "uid");
        codec_put_uint(writer, source->uid);
        codec_put_string(writer, "mode");
        codec_put_string(writer, rpc_mode_name(source->mode));
        codec_put_string(writer, "profile");
        if (source->profile)
                codec_put_stranger(writer, source->profile, strlen(source->profile));
        else
                codec_put_nil(writer);
        codec_put_string(writer, "labels");
        rpc_put_labels(writer, source->labels, false);
}

static bool tell_begin(struct rpc_subscription *subscription, struct known *known,
                       const struct publication_source *source) {
        struct codec_writer writer;

        if (!tell_lost(subscription))
                return false;
        writer = begin(subscription, "begin", source->number);
        put_source(&writer, source, subscription->raw);
        known->told = hand_on(subscription, &writer);
        return known->told;
}

static bool tell_event(struct rpc_subscription *subscription, struct known *known,
                       const struct publication *publication) {
        struct codec_writer writer;

        if (!tell_lost(subscription) ||
            (!known->told && !tell_begin(subscription, known, publication->source)))
                return false;
        writer = begin(subscription, "event", known->number);
        if (subscription->raw)
                event_put(&writer, publication->event);
        else
                event_put_map(&writer, publication->event);
        return hand_on(subscription, &writer);
}

static void tell_end(struct rpc_subscription *subscription, const struct publication *publication) {
        struct codec_writer writer;

        tell_lost(subscription);
        writer = begin(subscription, "end", publication->source->number);
        if (subscription->raw)
                ledger_put(&writer, publication->ledger);
        else
                ledger_put_map(&writer, publication->ledger);
        if (!hand_on(subscription, &writer))
                subscription->lost++;
}

static void take(struct outlet *outlet, const struct publication *publication) {
        struct rpc_subscription *subscription = subscription_of(outlet);
        struct known *known = know(subscription, publication->source);

        if (!known || !known->matches) {
                if (known && publication->kind == PUBLICATION_END)
                        forget(subscription, known->number);
                return;
        }
        switch (publication->kind) {
        case PUBLICATION_BEGIN:
                /* One that does not fit comes with the first event that does. */
                known->told = false;
                tell_begin(subscription, known, publication->source);
                break;
        case PUBLICATION_ROW:
        case PUBLICATION_EVENT:
                if ((publication->kind == PUBLICATION_EVENT) != subscription->all ||
                    (subscription->refused && !publication_refused(publication)))
                        break;
                subscription->counts.taken++;
                if (!tell_event(subscription, known, publication)) {
                        subscription->lost++;
                        subscription->counts.dropped++;
                }
                break;
        case PUBLICATION_LOST:
                if (subscription->all)
                        subscription->lost += publication->lost;
                break;
        case PUBLICATION_END:
                tell_end(subscription, publication);
                forget(subscription, known->number);
                break;
        }
}

static void flush(struct outlet *outlet) {
        struct rpc_subscription *subscription = subscription_of(outlet);

        tell_lost(subscription);
        if (feed_waits(subscription->feed))
                wake_send(subscription->feed->wake);
}

static void counts(const struct outlet *outlet, struct outlet_counts *ret) {
        const struct rpc_subscription *subscription = subscription_of((struct outlet *)(uintptr_t)outlet);

        *ret = subscription->counts;
        ret->delivered = ret->taken - ret->dropped;
        ret->healthy = true;
}

static void close_outlet(struct outlet *outlet) {
        struct rpc_subscription *subscription = subscription_of(outlet);

        feed_unref(subscription->feed);
        labels_deinit(&subscription->labels);
        free(subscription->known);
        buf_deinit(&subscription->scratch);
        free(subscription);
}

/* ---- methods ---- */

static int read_options(struct rpc_request *request, struct rpc_subscription *subscription) {
        struct rpc_value labels = { 0 };
        bool has_labels = false;
        const struct rpc_field fields[] = {
                { "labels", RPC_VALUE, &labels, &has_labels },
                { "session", RPC_UINT, &subscription->session, NULL },
                { "refused", RPC_BOOL, &subscription->refused, NULL },
                { "all", RPC_BOOL, &subscription->all, NULL },
                { "raw", RPC_BOOL, &subscription->raw, NULL },
        };
        int r = 0;

        if (request->n_params > 0)
                r = rpc_get_options(request, fields, sizeof(fields) / sizeof(fields[0]));
        if (!r && has_labels)
                r = rpc_get_labels(request, &labels, &subscription->labels);
        return r;
}

/* The response stands before the first notification: the feed is looked at when nothing else waits. */
int rpc_method_subscribe(struct rpc_request *request) {
        static char name[] = "subscriber";
        struct rpc_peer *peer = request->peer;
        struct publisher *publisher = request->rpc->options.publisher;
        struct rpc_subscription *subscription;
        int r;

        if (peer->n_subscriptions == RPC_SUBSCRIPTIONS_MAX)
                return rpc_refuse(request, RPC_ERROR_LIMIT, "a connection has at most %d subscriptions",
                                  RPC_SUBSCRIPTIONS_MAX);
        subscription = calloc(1, sizeof(*subscription));
        if (!subscription)
                return error_origin(-ENOMEM);
        r = read_options(request, subscription);
        if (!r && !publisher)
                r = rpc_refuse(request, RPC_ERROR_REFUSED, "events are not published here");
        if (!r && !peer->feed) {
                peer->feed = feed_new(request->rpc->wake);
                r = peer->feed ? 0 : error_origin(-ENOMEM);
        }
        if (r) {
                labels_deinit(&subscription->labels);
                free(subscription);
                return r;
        }
        feed_ref(peer->feed);
        subscription->feed = peer->feed;
        subscription->outlet = (struct outlet){
                .name = name, .take = take, .flush = flush, .counts = counts, .close = close_outlet
        };
        subscription->scratch = BUF_INIT(RPC_FEED_MAX);
        subscription->number = ++peer->last_subscription;
        subscription->next = peer->subscriptions;
        peer->subscriptions = subscription;
        peer->n_subscriptions++;
        codec_put_uint(request->result, subscription->number);
        if (subscription->all)
                publisher_want_all(publisher, 1);
        publisher_attach(publisher, &subscription->outlet);
        return 0;
}

/* Does not touch it afterwards: it belongs to the publisher's thread. */
static void end_one(struct rpc_peer *peer, struct rpc_subscription *subscription) {
        struct publisher *publisher = peer->rpc->options.publisher;

        peer->n_subscriptions--;
        if (subscription->all)
                publisher_want_all(publisher, -1);
        publisher_detach(publisher, &subscription->outlet);
}

int rpc_method_unsubscribe(struct rpc_request *request) {
        uint64_t number = codec_get_uint(&request->params, UINT64_MAX);
        struct rpc_subscription **at = &request->peer->subscriptions;

        while (*at && (*at)->number != number)
                at = &(*at)->next;
        if (request->params.error || !*at)
                return rpc_refuse(request, RPC_ERROR_PARAMS, "there is no such subscription");
        struct rpc_subscription *subscription = *at;
        *at = subscription->next;
        end_one(request->peer, subscription);
        codec_put_nil(request->result);
        return 0;
}

void rpc_unsubscribe_all(struct rpc_peer *peer) {
        while (peer->subscriptions) {
                struct rpc_subscription *subscription = peer->subscriptions;

                peer->subscriptions = subscription->next;
                end_one(peer, subscription);
        }
        if (!peer->feed)
                return;
        pthread_mutex_lock(&peer->feed->lock);
        peer->feed->closed = true;
        buf_deinit(&peer->feed->bytes);
        peer->feed->bytes = BUF_INIT(RPC_FEED_MAX);
        pthread_mutex_unlock(&peer->feed->lock);
        feed_unref(peer->feed);
        peer->feed = NULL;
}
