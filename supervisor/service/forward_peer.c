/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What must stay true: the peer can go at any time, in the middle of everything. Whatever libuv still holds
 * (a connection, a lookup, a write) is therefore an object of its own that frees itself in its last callback
 * and knows its peer only as long as the peer wants to hear of it.
 */

#include "supervisor/service/forward_peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/un.h>

#include "base/error.h"
#include "proto/codec.h"
#include "supervisor/service/forward_key.h"
#include "supervisor/service/forward_reply.h"

#define KEEPALIVE_S 60
#define WHY_MAX     192

enum state {
        STATE_DOWN,
        STATE_RESOLVING,
        STATE_CONNECTING,
        STATE_HELO, /* a key is to be proved: the receiver's word is awaited … */
        STATE_PONG, /* … and its consent */
        STATE_READY,
};

struct connection {
        union {
                uv_handle_t handle;
                uv_stream_t stream;
                uv_tcp_t tcp;
                uv_pipe_t pipe;
        };
        uv_connect_t connect;
        struct forward_peer *peer; /* NULL: nobody wants to hear of it */
        struct forward_replies replies;
        unsigned n_strays;
        char area[FORWARD_REPLY_MAX];
};

struct lookup {
        uv_getaddrinfo_t request;
        struct forward_peer *peer;
};

/* A write under way: owns or shares all its bytes. */
struct sending {
        uv_write_t request;
        struct connection *connection;
        struct buf head, tail;
        struct forward_payload *payload; /* NULL: part of a greeting */
};

struct forward_peer {
        struct forward_peer_options options;
        char *path;        /* owned; of a unix socket */
        char *host, *port; /* owned; of TCP */
        char *shared_key;  /* owned */
        char hostname[256];

        enum state state;
        uint64_t since_ms; /* of the state */
        struct lookup *lookup;
        struct connection *connection;
        struct addrinfo *addresses; /* owned; of the lookup */
        const struct addrinfo *address;
        char why[WHY_MAX]; /* of the last address that failed */

        struct forward_greeting greeting;
        char nonce[FORWARD_TEXT_MAX];
};

static void enter(struct forward_peer *peer, enum state state) {
        peer->state = state;
        peer->since_ms = uv_now(peer->options.loop);
}

/* ---- letting go ---- */

static void on_connection_closed(uv_handle_t *handle) {
        struct connection *connection = handle->data;

        forward_replies_deinit(&connection->replies);
        free(connection);
}

static void let_connection_go(struct forward_peer *peer) {
        struct connection *connection = peer->connection;

        if (!connection)
                return;
        peer->connection = NULL;
        connection->peer = NULL;
        uv_close(&connection->handle, on_connection_closed);
}

static void let_go(struct forward_peer *peer) {
        let_connection_go(peer);
        if (peer->lookup) {
                peer->lookup->peer = NULL;
                uv_cancel((uv_req_t *)&peer->lookup->request);
                peer->lookup = NULL;
        }
        uv_freeaddrinfo(peer->addresses);
        peer->addresses = NULL;
        peer->address = NULL;
}

static void fail(struct forward_peer *peer, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void fail(struct forward_peer *peer, const char *format, ...) {
        char why[WHY_MAX];
        va_list args;

        va_start(args, format);
        vsnprintf(why, sizeof(why), format, args);
        va_end(args);
        let_go(peer);
        enter(peer, STATE_DOWN);
        peer->options.on_down(peer->options.data, why);
}

/* ---- writing ---- */

static void on_written(uv_write_t *request, int status) {
        struct sending *sending = request->data;
        struct forward_peer *peer = sending->connection->peer;
        bool is_chunk = sending->payload != NULL;

        buf_deinit(&sending->head);
        buf_deinit(&sending->tail);
        forward_payload_free(sending->payload);
        free(sending);
        if (!peer)
                return;
        if (status < 0)
                fail(peer, "sending: %s", uv_strerror(status));
        else if (is_chunk)
                peer->options.on_sent(peer->options.data);
}

/* Eats the buffers of sending. */
static void write_out(struct forward_peer *peer, const struct sending *parts) {
        const struct forward_payload *payload = parts->payload;
        struct sending *sending = malloc(sizeof(*sending));
        uv_buf_t bufs[3];
        unsigned n = 0;
        int r = sending ? buf_error((struct buf *)&parts->head) : -ENOMEM;

        if (!r)
                r = buf_error((struct buf *)&parts->tail);
        if (!r) {
                *sending = *parts;
                sending->request.data = sending;
                sending->connection = peer->connection;
                bufs[n++] = uv_buf_init(sending->head.data, (unsigned)sending->head.n);
                if (payload)
                        bufs[n++] = uv_buf_init(payload->buf.data + payload->from, (unsigned)payload->n);
                if (sending->tail.n > 0)
                        bufs[n++] = uv_buf_init(sending->tail.data, (unsigned)sending->tail.n);
                r = uv_write(&sending->request, &peer->connection->stream, bufs, n, on_written);
        }
        if (r) {
                struct sending failed = *parts;

                buf_deinit(&failed.head);
                buf_deinit(&failed.tail);
                forward_payload_free(failed.payload);
                free(sending);
                fail(peer, "sending: %s", uv_strerror(r));
        }
}

void forward_peer_send(struct forward_peer *peer, const char *tag, const struct forward_chunk *chunk,
                       const char *id) {
        struct sending sending = { .head = BUF_INIT(65536), .tail = BUF_INIT(4096) };

        forward_chunk_head(&sending.head, tag, chunk->payload->n);
        forward_chunk_tail(&sending.tail, chunk->n_records, id);
        sending.payload = forward_payload_share(chunk->payload);
        write_out(peer, &sending);
}

size_t forward_peer_unsent(const struct forward_peer *peer) {
        return peer->connection ? uv_stream_get_write_queue_size(&peer->connection->stream) : 0;
}

/* ---- greeting ---- */

static void become_ready(struct forward_peer *peer) {
        enter(peer, STATE_READY);
        peer->options.on_ready(peer->options.data);
}

static void on_helo(struct forward_peer *peer, const struct forward_reply *reply) {
        struct sending sending = { .head = BUF_INIT(8192), .tail = BUF_INIT(1) };
        char digest[FORWARD_DIGEST_SIZE];
        struct codec_writer writer;

        if (reply->wants_user) {
                fail(peer, "the receiver asks for a user's name and password, which are not supported");
                return;
        }
        if (getrandom(peer->greeting.salt, sizeof(peer->greeting.salt), 0) != sizeof(peer->greeting.salt)) {
                fail(peer, "no random numbers: %s", strerror(errno));
                return;
        }
        memcpy(peer->nonce, reply->nonce.bytes ? reply->nonce.bytes : "", reply->nonce.n);
        peer->greeting.nonce = peer->nonce;
        peer->greeting.n_nonce = reply->nonce.n;
        peer->greeting.key = peer->shared_key;
        forward_key_digest(&peer->greeting, peer->hostname, strlen(peer->hostname), digest);

        codec_writer_init(&writer, &sending.head);
        codec_put_array(&writer, 6);
        codec_put_string(&writer, "PING");
        codec_put_string(&writer, peer->hostname);
        codec_put_bytes(&writer, peer->greeting.salt, sizeof(peer->greeting.salt));
        codec_put_string(&writer, digest);
        codec_put_string(&writer, ""); /* user */
        codec_put_string(&writer, ""); /* password */
        codec_writer_finish(&writer);
        enter(peer, STATE_PONG);
        write_out(peer, &sending);
}

static void on_pong(struct forward_peer *peer, const struct forward_reply *reply) {
        struct buf reason = BUF_INIT(4 * FORWARD_TEXT_MAX);
        char digest[FORWARD_DIGEST_SIZE];

        if (!reply->accepted) {
                buf_escape(&reason, reply->reason.bytes, reply->reason.n);
                fail(peer, "the receiver refuses us: %s", buf_string(&reason));
                buf_deinit(&reason);
                return;
        }
        forward_key_digest(&peer->greeting, reply->hostname.bytes, reply->hostname.n, digest);
        if (reply->digest.n != strlen(digest) || memcmp(reply->digest.bytes, digest, strlen(digest)) != 0)
                fail(peer, "the receiver does not know the shared key");
        else
                become_ready(peer);
}

/* ---- reading ---- */

static void on_ack(struct forward_peer *peer, const struct forward_reply *reply) {
        char id[FORWARD_ID_SIZE] = "";

        if (reply->id.n == FORWARD_ID_SIZE - 1)
                memcpy(id, reply->id.bytes, reply->id.n);
        if (!peer->options.on_ack(peer->options.data, id) && peer->connection &&
            ++peer->connection->n_strays > FORWARD_STRAY_MAX)
                fail(peer, "the receiver sends receipts of what it was not sent");
}

static void on_reply(struct forward_peer *peer, const struct forward_reply *reply) {
        if (reply->kind == FORWARD_REPLY_HELO && peer->state == STATE_HELO)
                on_helo(peer, reply);
        else if (reply->kind == FORWARD_REPLY_PONG && peer->state == STATE_PONG)
                on_pong(peer, reply);
        else if (reply->kind == FORWARD_REPLY_ACK && peer->state == STATE_READY)
                on_ack(peer, reply);
        else if (reply->kind == FORWARD_REPLY_HELO && !peer->shared_key)
                fail(peer, "the receiver asks for a shared key");
        else
                fail(peer, "the receiver sends a message out of turn");
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret) {
        struct connection *connection = handle->data;

        (void)suggested;
        *ret = uv_buf_init(connection->area, sizeof(connection->area));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
        struct connection *connection = stream->data;
        struct forward_reply reply;
        int r;

        if (!connection->peer || n == 0)
                return;
        if (n < 0) {
                fail(connection->peer, "%s",
                     n == UV_EOF ? "the receiver closed the connection" : uv_strerror((int)n));
                return;
        }
        r = forward_replies_feed(&connection->replies, buf->base, (size_t)n);
        while (!r && connection->peer) {
                r = forward_replies_next(&connection->replies, &reply);
                if (!r)
                        on_reply(connection->peer, &reply);
        }
        if (connection->peer && r != FORWARD_REPLY_E_MORE)
                fail(connection->peer, "the receiver sends what is not the Forward protocol");
}

/* ---- connecting ---- */

static void try_address(struct forward_peer *peer);

static void on_connected(uv_connect_t *request, int status) {
        struct connection *connection = request->data;
        struct forward_peer *peer = connection->peer;

        if (!peer)
                return;
        if (!status)
                status = uv_read_start(&connection->stream, on_alloc, on_read);
        if (status) {
                snprintf(peer->why, sizeof(peer->why), "connecting: %s", uv_strerror(status));
                let_connection_go(peer);
                try_address(peer);
                return;
        }
        if (!peer->path) {
                uv_tcp_nodelay(&connection->tcp, 1);
                uv_tcp_keepalive(&connection->tcp, 1, KEEPALIVE_S);
        }
        if (peer->shared_key)
                enter(peer, STATE_HELO);
        else
                become_ready(peer);
}

static struct connection *connection_new(struct forward_peer *peer) {
        struct connection *connection = calloc(1, sizeof(*connection));
        int r;

        if (!connection)
                return NULL;
        r = peer->path ? uv_pipe_init(peer->options.loop, &connection->pipe, 0)
                       : uv_tcp_init(peer->options.loop, &connection->tcp);
        if (r) {
                free(connection);
                return NULL;
        }
        connection->handle.data = connection->connect.data = connection;
        connection->peer = peer;
        forward_replies_init(&connection->replies);
        return connection;
}

/* The next address of the name, until one answers. */
static void try_address(struct forward_peer *peer) {
        while (peer->address) {
                const struct addrinfo *address = peer->address;
                int r;

                peer->address = address->ai_next;
                peer->connection = connection_new(peer);
                if (!peer->connection)
                        break;
                r = uv_tcp_connect(&peer->connection->connect, &peer->connection->tcp, address->ai_addr,
                                   on_connected);
                if (!r) {
                        enter(peer, STATE_CONNECTING);
                        return;
                }
                snprintf(peer->why, sizeof(peer->why), "connecting: %s", uv_strerror(r));
                let_connection_go(peer);
        }
        fail(peer, "%s", peer->why);
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *addresses) {
        struct lookup *lookup = request->data;
        struct forward_peer *peer = lookup->peer;

        free(lookup);
        if (!peer) {
                uv_freeaddrinfo(addresses);
                return;
        }
        peer->lookup = NULL;
        if (status) {
                fail(peer, "looking up %s: %s", peer->host, uv_strerror(status));
                return;
        }
        peer->addresses = addresses;
        peer->address = addresses;
        try_address(peer);
}

static void resolve(struct forward_peer *peer) {
        const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
        struct lookup *lookup = calloc(1, sizeof(*lookup));
        int r = lookup ? 0 : UV_ENOMEM;

        enter(peer, STATE_RESOLVING);
        if (!r) {
                lookup->request.data = lookup;
                lookup->peer = peer;
                r = uv_getaddrinfo(peer->options.loop, &lookup->request, on_resolved, peer->host, peer->port,
                                   &hints);
        }
        if (r) {
                free(lookup);
                fail(peer, "looking up %s: %s", peer->host, uv_strerror(r));
                return;
        }
        peer->lookup = lookup;
}

void forward_peer_connect(struct forward_peer *peer) {
        snprintf(peer->why, sizeof(peer->why), "connecting: no memory");
        if (!peer->path) {
                resolve(peer);
                return;
        }
        peer->connection = connection_new(peer);
        if (!peer->connection) {
                fail(peer, "%s", peer->why);
                return;
        }
        enter(peer, STATE_CONNECTING);
        uv_pipe_connect(&peer->connection->connect, &peer->connection->pipe, peer->path, on_connected);
}

void forward_peer_disconnect(struct forward_peer *peer, const char *why) {
        if (peer->state != STATE_DOWN)
                fail(peer, "%s", why);
}

void forward_peer_check(struct forward_peer *peer) {
        static const char *const waits[] = {
                [STATE_RESOLVING] = "looking up the receiver takes too long",
                [STATE_CONNECTING] = "connecting takes too long",
                [STATE_HELO] = "the receiver does not ask for the shared key",
                [STATE_PONG] = "the receiver does not answer the greeting",
        };

        if (peer->state == STATE_DOWN || peer->state == STATE_READY ||
            uv_now(peer->options.loop) - peer->since_ms < FORWARD_GREETING_MS)
                return;
        if (peer->state == STATE_CONNECTING && peer->address) {
                let_connection_go(peer);
                try_address(peer);
                return;
        }
        fail(peer, "%s", waits[peer->state]);
}

bool forward_peer_is_down(const struct forward_peer *peer) {
        return peer->state == STATE_DOWN;
}

bool forward_peer_is_ready(const struct forward_peer *peer) {
        return peer->state == STATE_READY;
}

/* ---- life ---- */

/* "host:port" or "[::1]:port" */
static int parse_tcp(struct forward_peer *peer, const char *text) {
        const char *colon = strrchr(text, ':'), *host = text;
        size_t n = colon ? (size_t)(colon - text) : 0;

        if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
                host++;
                n -= 2;
        } else if (n > 0 && (host[0] == '[' || memchr(host, ':', n)))
                return FORWARD_PEER_E_ADDRESS;
        if (n == 0 || n > 255 || colon[1] == 0 || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
            strlen(colon + 1) > 5 || atoi(colon + 1) < 1 || atoi(colon + 1) > 65535)
                return FORWARD_PEER_E_ADDRESS;
        peer->host = strndup(host, n);
        peer->port = strdup(colon + 1);
        return peer->host && peer->port ? 0 : error_origin(-ENOMEM);
}

static int parse_address(struct forward_peer *peer, const char *address) {
        if (strncmp(address, "tcp:", 4) == 0)
                return error_trace(parse_tcp(peer, address + 4));
        if (strncmp(address, "unix:/", 6) != 0 ||
            strlen(address + 5) >= sizeof(((struct sockaddr_un *)0)->sun_path))
                return FORWARD_PEER_E_ADDRESS;
        peer->path = strdup(address + 5);
        return peer->path ? 0 : error_origin(-ENOMEM);
}

int forward_peer_new(const struct forward_peer_options *options, struct forward_peer **ret) {
        struct forward_peer *peer = calloc(1, sizeof(*peer));
        size_t n = sizeof(peer->hostname);
        int r;

        if (!peer)
                return error_origin(-ENOMEM);
        peer->options = *options;
        peer->options.address = peer->options.shared_key = NULL;
        if (uv_os_gethostname(peer->hostname, &n) != 0)
                snprintf(peer->hostname, sizeof(peer->hostname), "callgate");
        r = parse_address(peer, options->address);
        if (!r && options->shared_key) {
                peer->shared_key = strdup(options->shared_key);
                r = peer->shared_key ? 0 : error_origin(-ENOMEM);
        }
        if (r) {
                forward_peer_free(peer);
                return error_trace(r);
        }
        *ret = peer;
        return 0;
}

struct forward_peer *forward_peer_free(struct forward_peer *peer) {
        if (!peer)
                return NULL;
        let_go(peer);
        free(peer->path);
        free(peer->host);
        free(peer->port);
        if (peer->shared_key)
                explicit_bzero(peer->shared_key, strlen(peer->shared_key));
        free(peer->shared_key);
        free(peer);
        return NULL;
}
