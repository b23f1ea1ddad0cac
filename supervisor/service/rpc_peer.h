/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Behind rpc.h: connections (rpc.c), methods (rpc_methods.c, rpc_sessions.c), subscriptions
 * (rpc_subscribe.c).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "proto/rpc.h"
#include "supervisor/service/rpc.h"

#define RPC_PEERS_MAX         64
#define RPC_SUBSCRIPTIONS_MAX 16 /* of one connection */
#define RPC_FEED_MAX          (4u * 1024 * 1024)
#define RPC_ROWS_MAX          1000          /* rows, or sessions, in one answer */
#define RPC_PART_MAX          (1024 * 1024) /* bytes of them after which an answer ends */

struct rpc_feed;
struct rpc_later;
struct rpc_subscription;
struct rpc_wake;

struct rpc_peer {
        struct rpc *rpc;
        int fd;
        uv_poll_t poll;
        struct rpc_stream stream;
        struct buf outgoing; /* responses, and what was taken from the feed */
        size_t sent;         /* bytes of it */
        bool more;           /* the stream may hold another request */
        bool ending;         /* nothing more is read; closed once everything was sent */
        bool closed;
        struct rpc_feed *feed; /* shared with the subscriptions; NULL: there was none yet */
        struct rpc_subscription *subscriptions;
        size_t n_subscriptions;
        uint64_t last_subscription;
        struct rpc_later *later; /* requests that are not answered yet */
        struct rpc_peer *next;
};

struct rpc {
        struct rpc_options options;
        int fd;
        uv_poll_t listening;
        uv_timer_t pause; /* no descriptor was left for a connection: when to try again */
        uv_async_t
                again; /* from subscriptions, and from ourselves where a peer sent more than one request */
        struct rpc_wake *wake;
        struct rpc_peer *peers;
        size_t n_peers, n_handles;
        uint64_t began_ns;
};

struct rpc_request {
        struct rpc *rpc;
        struct rpc_peer *peer;
        uint32_t id;
        struct codec_reader params; /* behind the head of the array */
        size_t n_params;
        struct codec_writer *result; /* one value is put here … */
        struct buf sentence;         /* … or what is wrong is said here */
};

enum { RPC_LATER = 1000 }; /* a method has taken rpc_later_new() */

/* Its name and parameters are in PROTOCOL.md, and a test compares. */
struct rpc_method {
        const char *name;
        const char
                *params; /* "session, options": names as in the text; those behind n_least may be left out */
        size_t n_least, n_most;
        int (*run)(struct rpc_request *request); /* 0, enum rpc_error, RPC_LATER, or -errno */
};

const struct rpc_method *rpc_methods(size_t *ret_n);

/* rpc_sessions.c */
int rpc_method_sessions(struct rpc_request *request);
int rpc_method_session(struct rpc_request *request);
int rpc_method_change(struct rpc_request *request);
int rpc_method_close(struct rpc_request *request);
int rpc_method_snapshot(struct rpc_request *request);
/* Of the session that the next parameter names: its policy. 0, or an error that was said. */
int rpc_reload_session(struct rpc_request *request, struct buf *lines, bool *ret_ok);
/* rpc_subscribe.c */
int rpc_method_subscribe(struct rpc_request *request);
int rpc_method_unsubscribe(struct rpc_request *request);

/* Says what is wrong and returns code. */
int rpc_refuse(struct rpc_request *request, enum rpc_error code, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
/* The session that the next parameter names. 0, or an error that was said. */
int rpc_get_session(struct rpc_request *request, struct registered **ret);
/* The next parameter, a map of options; all may be missing, unknown ones are refused. 0, or an error. */
int rpc_get_options(struct rpc_request *request, const struct rpc_field *fields, size_t n_fields);
/* A map of texts. */
int rpc_get_labels(struct rpc_request *request, const struct rpc_value *value, struct labels *ret);
void rpc_put_labels(struct codec_writer *writer, const struct labels *labels, bool all);
const char *rpc_mode_name(enum wire_mode mode);

/* A request that is answered later: result NULL, or one value. The peer may be gone by then. */
struct rpc_later *rpc_later_new(struct rpc_request *request);
void rpc_later_answer(struct rpc_later *later, enum rpc_error code, const char *sentence);

/* ---- rpc_subscribe.c: what is between the publisher's thread and the loop's ---- */

struct rpc_wake *rpc_wake_new(uv_async_t *async);
struct rpc_wake *rpc_wake_unref(struct rpc_wake *wake);
void rpc_wake_close(struct rpc_wake *wake); /* the async is not touched any more */

/* Swaps what waits into *to, which is empty. */
void rpc_feed_take(struct rpc_feed *feed, struct buf *to);
/* Ends all subscriptions of a connection. */
void rpc_unsubscribe_all(struct rpc_peer *peer);
