/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Connections of the control socket. What must stay true: one request per peer and turn of the loop, so
 * that a peer with many requests waits for the others and not they for it; a peer that does not read its
 * answers is not served until it does; whatever a peer sends, only its own connection ends.
 */

#include "supervisor/service/rpc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "supervisor/service/rpc_peer.h"

#define UNREAD_MAX   (256u * 1024) /* bytes of answers with which a peer is still served */
#define READ_AT_ONCE 65536
#define PAUSE_MS     200
#define SENTENCE_MAX 65536

/* ---- answers ---- */

int rpc_refuse(struct rpc_request *request, enum rpc_error code, const char *format, ...) {
        va_list args;

        va_start(args, format);
        buf_reset(&request->sentence);
        buf_vprintf(&request->sentence, format, args);
        va_end(args);
        return code;
}

static size_t unsent(const struct rpc_peer *peer) {
        return peer->outgoing.n - peer->sent;
}

/* Of trouble with memory or with the limit nothing is left but to end the connection. */
static void put_error(struct rpc_peer *peer, uint32_t id, enum rpc_error code, const char *sentence) {
        struct codec_writer writer;

        codec_writer_init(&writer, &peer->outgoing);
        rpc_put_error(&writer, id, code, sentence);
        if (codec_writer_finish(&writer))
                peer->ending = true;
}

/* Why the connection ends; to whom no response is due. */
static void put_closing(struct rpc_peer *peer, enum rpc_error code, const char *sentence) {
        struct codec_writer writer;

        codec_writer_init(&writer, &peer->outgoing);
        rpc_put_notification(&writer, "closing", 2);
        codec_put_uint(&writer, code);
        codec_put_string(&writer, sentence);
        codec_writer_finish(&writer);
        peer->ending = true;
}

struct rpc_later {
        struct rpc_peer *peer; /* NULL: gone */
        uint32_t id;
        struct rpc_later *next;
};

struct rpc_later *rpc_later_new(struct rpc_request *request) {
        struct rpc_later *later = calloc(1, sizeof(*later));

        if (!later)
                return NULL;
        *later = (struct rpc_later){ request->peer, request->id, request->peer->later };
        request->peer->later = later;
        return later;
}

static void peer_update(struct rpc_peer *peer);

void rpc_later_answer(struct rpc_later *later, enum rpc_error code, const char *sentence) {
        struct rpc_peer *peer = later->peer;
        struct codec_writer writer;

        if (peer) {
                struct rpc_later **at = &peer->later;

                while (*at != later)
                        at = &(*at)->next;
                *at = later->next;
                if (code) {
                        put_error(peer, later->id, code, sentence);
                } else {
                        codec_writer_init(&writer, &peer->outgoing);
                        rpc_put_response(&writer, later->id);
                        codec_put_nil(&writer);
                        codec_writer_finish(&writer);
                }
                peer_update(peer);
        }
        free(later);
}

/* ---- requests ---- */

static const struct rpc_method *find(struct rpc_value name) {
        size_t n;
        const struct rpc_method *methods = rpc_methods(&n);

        for (size_t i = 0; i < n; i++)
                if (strlen(methods[i].name) == name.n && memcmp(methods[i].name, name.bytes, name.n) == 0)
                        return &methods[i];
        return NULL;
}

static int run(struct rpc_request *request, const struct rpc_method *method) {
        int r;

        if (request->n_params < method->n_least || request->n_params > method->n_most)
                return rpc_refuse(request, RPC_ERROR_PARAMS, "%s takes (%s), %zu to %zu of them, not %zu",
                                  method->name, method->params, method->n_least, method->n_most,
                                  request->n_params);
        r = method->run(request);
        if (!r && request->params.error)
                r = rpc_refuse(request, RPC_ERROR_PARAMS, "a parameter of %s(%s) is of another type",
                               method->name, method->params);
        return r;
}

static void answer(struct rpc_peer *peer, const struct rpc_message *message) {
        const struct rpc_method *method = find(message->method);
        struct codec_writer writer;
        struct rpc_request request = { .rpc = peer->rpc,
                                       .peer = peer,
                                       .id = message->id,
                                       .result = &writer,
                                       .sentence = BUF_INIT(SENTENCE_MAX) };
        size_t mark = peer->outgoing.n;
        int r;

        if (!method) {
                put_error(peer, message->id, RPC_ERROR_METHOD, "there is no such method");
                peer->ending = true;
                return;
        }
        codec_reader_init(&request.params, message->params.bytes, message->params.n);
        request.n_params = codec_get_array(&request.params);
        codec_writer_init(&writer, &peer->outgoing);
        rpc_put_response(&writer, message->id);
        r = run(&request, method);
        if (!r)
                r = codec_writer_finish(&writer);
        if (r) {
                if (peer->outgoing.n > mark)
                        peer->outgoing.n = mark;
                peer->outgoing.error = 0;
                if (r < 0)
                        put_error(peer, message->id, RPC_ERROR_TROUBLE, strerror(-r));
                else if (r != RPC_LATER)
                        put_error(peer, message->id, (enum rpc_error)r, buf_string(&request.sentence));
        }
        buf_deinit(&request.sentence);
}

static void serve_one(struct rpc_peer *peer) {
        struct rpc_message message;
        int r;

        peer->more = false;
        if (peer->ending || unsent(peer) > UNREAD_MAX)
                return;
        r = rpc_stream_next(&peer->stream, &message);
        switch (r) {
        case RPC_OK:
                if (message.kind == RPC_REQUEST)
                        answer(peer, &message);
                else
                        put_closing(peer, RPC_ERROR_PARAMS, "only requests are understood here");
                peer->more = true;
                break;
        case RPC_E_AGAIN:
                break;
        case RPC_E_LONG:
                put_closing(peer, RPC_ERROR_LIMIT, "a message has at most 1 MiB");
                break;
        default:
                put_closing(peer, RPC_ERROR_PARAMS, "that is not msgpack-rpc, or nested too deep");
        }
}

/* ---- connections ---- */

static void on_closed(uv_handle_t *handle) {
        struct rpc_peer *peer = handle->data;

        rpc_stream_deinit(&peer->stream);
        buf_deinit(&peer->outgoing);
        free(peer);
}

static void peer_close(struct rpc_peer *peer) {
        struct rpc *rpc = peer->rpc;
        struct rpc_peer **at = &rpc->peers;

        if (peer->closed)
                return;
        peer->closed = true;
        while (*at != peer)
                at = &(*at)->next;
        *at = peer->next;
        rpc->n_peers--;
        for (struct rpc_later *later = peer->later; later; later = later->next)
                later->peer = NULL;
        rpc_unsubscribe_all(peer);
        uv_close((uv_handle_t *)&peer->poll, on_closed);
        peer->fd = fd_close(peer->fd);
}

/* 0 also when not all could be sent. */
static int peer_send(struct rpc_peer *peer) {
        for (;;) {
                ssize_t n;

                if (unsent(peer) == 0) {
                        buf_reset(&peer->outgoing);
                        peer->sent = 0;
                        if (peer->feed && !peer->ending)
                                rpc_feed_take(peer->feed, &peer->outgoing);
                        if (peer->outgoing.n == 0)
                                return 0;
                }
                n = send(peer->fd, peer->outgoing.data + peer->sent, unsent(peer), MSG_NOSIGNAL);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == EAGAIN ? 0 : -errno;
                peer->sent += (size_t)n;
        }
}

static void on_peer(uv_poll_t *poll, int status, int events);

/* Sends what there is, and waits for what comes next. */
static void peer_update(struct rpc_peer *peer) {
        int events = 0;

        if (peer->closed)
                return;
        if (peer_send(peer) < 0 || (peer->ending && unsent(peer) == 0)) {
                peer_close(peer);
                return;
        }
        if (unsent(peer) > 0)
                events |= UV_WRITABLE;
        /* What it sent is served before more is read; while nothing is awaited, its end is. */
        if (peer->more && unsent(peer) <= UNREAD_MAX)
                uv_async_send(&peer->rpc->again);
        if (!peer->more && !peer->ending && unsent(peer) <= UNREAD_MAX)
                events |= UV_READABLE;
        uv_poll_start(&peer->poll, events ?: UV_DISCONNECT, on_peer);
}

static int peer_read(struct rpc_peer *peer) {
        char bytes[READ_AT_ONCE];
        ssize_t n = recv(peer->fd, bytes, sizeof(bytes), 0);

        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (n == 0)
                return -ECONNRESET;
        peer->more = true;
        return rpc_stream_put(&peer->stream, bytes, (size_t)n);
}

static void on_peer(uv_poll_t *poll, int status, int events) {
        struct rpc_peer *peer = poll->data;
        int r = status;

        if (!r && (events & UV_DISCONNECT))
                r = -ECONNRESET;
        if (!r && (events & UV_READABLE))
                r = peer_read(peer);
        if (r) {
                peer_close(peer);
                return;
        }
        if (peer->more)
                serve_one(peer);
        peer_update(peer);
}

static void on_again(uv_async_t *async) {
        struct rpc *rpc = async->data;
        struct rpc_peer *next;

        for (struct rpc_peer *peer = rpc->peers; peer; peer = next) {
                if (peer->more)
                        serve_one(peer);
                next = peer->next;
                peer_update(peer);
        }
}

static void peer_new(struct rpc *rpc, int fd) {
        struct rpc_peer *peer = calloc(1, sizeof(*peer));

        if (!peer || uv_poll_init(rpc->options.loop, &peer->poll, fd) != 0) {
                free(peer);
                fd_close(fd);
                return;
        }
        peer->rpc = rpc;
        peer->fd = fd;
        peer->poll.data = peer;
        peer->outgoing = BUF_INIT(RPC_ANSWER_MAX + UNREAD_MAX);
        rpc_stream_init(&peer->stream, RPC_REQUEST_MAX);
        peer->next = rpc->peers;
        rpc->peers = peer;
        rpc->n_peers++;
        peer_update(peer);
}

/* A last word for those who are not served; whether they get it is their own affair. */
static void turn_away(int fd, enum rpc_error code, const char *sentence) {
        struct buf bytes = BUF_INIT(0);
        struct codec_writer writer;

        codec_writer_init(&writer, &bytes);
        rpc_put_notification(&writer, "closing", 2);
        codec_put_uint(&writer, code);
        codec_put_string(&writer, sentence);
        if (codec_writer_finish(&writer) == 0)
                send(fd, bytes.data, bytes.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        buf_deinit(&bytes);
}

static bool may_control(const struct rpc *rpc, int fd) {
        struct ucred peer = { 0 };
        socklen_t n = sizeof(peer);

        return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
               rpc->options.may(rpc->options.data, peer.uid, peer.gid, fd);
}

static void on_connection(uv_poll_t *poll, int status, int events);

static void on_pause(uv_timer_t *timer) {
        struct rpc *rpc = timer->data;

        uv_poll_start(&rpc->listening, UV_READABLE, on_connection);
}

static void on_connection(uv_poll_t *poll, int status, int events) {
        struct rpc *rpc = poll->data;
        cleanup_fd int fd = status < 0 ? -1 : accept4(rpc->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        (void)events;
        if (fd < 0) {
                /* The connection stays in the queue and would wake us again at once. */
                if (status < 0 || errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
                    errno == ENOBUFS) {
                        uv_poll_stop(&rpc->listening);
                        uv_timer_start(&rpc->pause, on_pause, PAUSE_MS, 0);
                }
                return;
        }
        if (!may_control(rpc, fd))
                turn_away(fd, RPC_ERROR_REFUSED,
                          "this user may not control the service: root, its own user and the group of the "
                          "configuration may");
        else if (rpc->n_peers == RPC_PEERS_MAX)
                turn_away(fd, RPC_ERROR_LIMIT, "too many connections; try again");
        else
                peer_new(rpc, fd_take(&fd));
}

static void on_rpc_closed(uv_handle_t *handle) {
        struct rpc *rpc = handle->data;

        if (--rpc->n_handles == 0) {
                rpc_wake_unref(rpc->wake);
                free(rpc);
        }
}

int rpc_new(const struct rpc_options *options, int listening_fd, struct rpc **ret) {
        struct rpc *rpc = calloc(1, sizeof(*rpc));
        struct timespec now;
        int r;

        if (!rpc) {
                fd_close(listening_fd);
                return error_origin(-ENOMEM);
        }
        clock_gettime(CLOCK_REALTIME, &now);
        rpc->began_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
        rpc->options = *options;
        rpc->fd = listening_fd;
        rpc->listening.data = rpc->pause.data = rpc->again.data = rpc;
        rpc->wake = rpc_wake_new(&rpc->again);
        r = rpc->wake ? uv_poll_init(options->loop, &rpc->listening, listening_fd) : -ENOMEM;
        if (r) {
                fd_close(listening_fd);
                rpc_wake_unref(rpc->wake);
                free(rpc);
                return error_origin(r);
        }
        uv_timer_init(options->loop, &rpc->pause);
        rpc->n_handles = 2;
        r = uv_async_init(options->loop, &rpc->again, on_again);
        if (!r) {
                rpc->n_handles = 3;
                r = uv_poll_start(&rpc->listening, UV_READABLE, on_connection);
        }
        if (r) {
                rpc_free(rpc);
                return error_origin(r);
        }
        *ret = rpc;
        return 0;
}

struct rpc *rpc_free(struct rpc *rpc) {
        if (!rpc)
                return NULL;
        while (rpc->peers)
                peer_close(rpc->peers);
        rpc_wake_close(rpc->wake);
        uv_close((uv_handle_t *)&rpc->listening, on_rpc_closed);
        uv_close((uv_handle_t *)&rpc->pause, on_rpc_closed);
        if (rpc->n_handles == 3)
                uv_close((uv_handle_t *)&rpc->again, on_rpc_closed);
        rpc->fd = fd_close(rpc->fd);
        return NULL;
}
