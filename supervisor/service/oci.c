/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Who may connect, how many, and who has to give way.
 *
 * What must stay true: nobody waits for anybody. A runtime that has handed over a listener is let go a
 * moment later: by then its sendmsg has returned (both fail when the peer is gone before it), and neither
 * runc nor crun looks at the connection again, although they keep it open until the container ends. One that
 * says nothing is never timed out, only turned away for another. When all are busy, newcomers wait in the
 * socket's queue, where nothing of theirs is lost.
 */

#include "supervisor/service/oci.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/fd.h"
#include "supervisor/service/oci_internal.h"

#define ACCEPTS    64 /* connections taken in one turn */
#define TICK_MS    1000
#define LINGER_MS  2000
#define SILENT_MS  1000  /* not a byte since it came: may give way to others */
#define STALLED_MS 10000 /* half a message and nothing more: the same */

/* ---- who gets in ---- */

/* How readily a connection is given up for another; 0: not at all. */
static int rank(const struct connection *connection) {
        uint64_t age_ms = uv_now(connection->oci->options.loop) - connection->since_ms;

        switch (connection->at) {
        case AT_LINGERING:
                return 3;
        case AT_MESSAGE:
                return age_ms >= STALLED_MS ? 2 : 0;
        case AT_NOTHING:
                return age_ms >= SILENT_MS ? 1 : 0;
        default:
                return 0;
        }
}

/* Of one user, or of all; among equals the oldest. */
static bool make_way(struct oci *oci, bool of_uid, uint32_t uid) {
        struct connection *found = NULL;
        int best = 0;

        for (struct connection *at = oci->connections; at; at = at->next) {
                int its = of_uid && at->uid != uid ? 0 : rank(at);

                if (its > best || (its > 0 && its == best && at->since_ms <= found->since_ms)) {
                        best = its;
                        found = at;
                }
        }
        if (!found)
                return false;
        if (best < 3)
                connection_end_broken(found, "turned away for another: too many connections");
        else
                connection_end(found);
        return true;
}

/* Those that are being closed count as long as somebody has to wait for what they sent. */
static size_t n_connections(const struct oci *oci, bool of_uid, uint32_t uid) {
        size_t n = 0;

        for (const struct connection *at = oci->connections; at; at = at->next)
                n += (!of_uid || at->uid == uid) && (at->at != AT_END || at->n_closing > 0);
        return n;
}

/* Root's containers are everybody's. */
static bool uid_has_room(struct oci *oci, uint32_t uid) {
        return uid == 0 || n_connections(oci, true, uid) < oci->options.connections_per_uid ||
               make_way(oci, true, uid);
}

static void admit(struct oci *oci, int fd) {
        struct ucred peer;
        socklen_t n = sizeof(peer);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
                fd_close(fd);
        else if (!oci->options.may(oci->options.data, peer.uid, peer.gid, fd)) {
                log_limited(
                        &oci->turned_away, LOG_LEVEL_WARNING,
                        "runtime socket: turned away process %d of uid %u, who may not hand over sessions",
                        peer.pid, peer.uid);
                fd_close(fd);
        } else if (!uid_has_room(oci, peer.uid)) {
                log_limited(&oci->turned_away, LOG_LEVEL_WARNING,
                            "runtime socket: turned away process %d of uid %u: too many connections",
                            peer.pid, peer.uid);
                fd_close(fd);
        } else
                connection_new(oci, fd, peer.uid, (uint32_t)peer.pid, false);
}

/* Who it is was asked when it came; what the limits say is for those who come now. */
void oci_adopt(struct oci *oci, int fd) {
        struct ucred peer;
        socklen_t n = sizeof(peer);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
                fd_close(fd);
        else
                connection_new(oci, fd, peer.uid, (uint32_t)peer.pid, true);
}

/* Readable it stays, so it is come back to when there is room, or by the clock. */
static void pause_accepting(struct oci *oci) {
        oci->paused = true;
        uv_poll_stop(&oci->listening);
        oci_need_tick(oci);
}

static bool is_dialled(const struct oci *oci) {
        struct pollfd pollfd = { .fd = oci->fd, .events = POLLIN };

        return poll(&pollfd, 1, 0) > 0;
}

static void on_connection(uv_poll_t *poll, int status, int events) {
        struct oci *oci = poll->data;

        (void)status;
        (void)events;
        for (int i = 0; i < ACCEPTS && is_dialled(oci); i++) {
                int fd;

                if (n_connections(oci, false, 0) >= oci->options.connections_max &&
                    !make_way(oci, false, 0)) {
                        pause_accepting(oci);
                        return;
                }
                fd = accept4(oci->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
                if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
                        continue;
                if (fd < 0 && errno != EAGAIN) {
                        log_limited(&oci->turned_away, LOG_LEVEL_ERROR, "runtime socket: accept: %s",
                                    strerror(errno));
                        pause_accepting(oci);
                }
                if (fd < 0)
                        return;
                admit(oci, fd);
        }
}

void oci_resume(struct oci *oci) {
        if (!oci->paused || oci->closing)
                return;
        oci->paused = false;
        uv_poll_start(&oci->listening, UV_READABLE, on_connection);
}

static void on_tick(uv_timer_t *timer) {
        struct oci *oci = timer->data;
        uint64_t now_ms = uv_now(oci->options.loop);
        bool any = false;

        oci_resume(oci);
        for (struct connection *at = oci->connections; at; at = at->next) {
                if (at->at == AT_LINGERING && now_ms - at->since_ms >= LINGER_MS)
                        connection_end(at);
                /* Nearly all have spoken by now, and cost nobody anything. */
                if (now_ms - at->since_ms >= TICK_MS / 2)
                        connection_keep(at);
                any |= at->at == AT_LINGERING || (at->at == AT_NOTHING && !at->kept && oci->options.keep);
        }
        if (!any)
                uv_timer_stop(timer);
}

void oci_need_tick(struct oci *oci) {
        if (!uv_is_active((uv_handle_t *)&oci->tick) && !oci->closing)
                uv_timer_start(&oci->tick, on_tick, TICK_MS, TICK_MS);
}

/* ---- life ---- */

void oci_release(struct oci *oci) {
        if (oci->closing && oci->n_handles == 0 && !oci->connections)
                free(oci);
}

static void on_handle_closed(uv_handle_t *handle) {
        struct oci *oci = handle->data;

        if (handle == (uv_handle_t *)&oci->listening)
                oci->fd = fd_close(oci->fd);
        oci->n_handles--;
        oci_release(oci);
}

int oci_new(const struct oci_options *options, int listening_fd, struct oci **ret) {
        struct oci *oci = calloc(1, sizeof(*oci));
        int r = oci ? closer_new(options->loop, connection_on_closed, &oci->closer) : error_origin(-ENOMEM);

        if (!r) {
                oci->options = *options;
                oci->fd = listening_fd;
                oci->listening.data = oci->tick.data = oci;
                r = uv_poll_init(options->loop, &oci->listening, listening_fd);
        }
        if (r) {
                fd_close(listening_fd);
                if (oci)
                        closer_free(oci->closer);
                free(oci);
                return error_trace(r);
        }
        oci->n_handles = 2;
        uv_timer_init(options->loop, &oci->tick);
        uv_poll_start(&oci->listening, UV_READABLE, on_connection);
        *ret = oci;
        return 0;
}

struct oci *oci_free(struct oci *oci, bool successor) {
        if (!oci)
                return NULL;
        oci->closing = true;
        for (struct connection *at = oci->connections; at && successor; at = at->next) {
                if (at->at != AT_NOTHING)
                        continue;
                connection_keep(at);
                at->kept = false; /* it is not ours any more */
        }
        uv_close((uv_handle_t *)&oci->listening, on_handle_closed);
        uv_close((uv_handle_t *)&oci->tick, on_handle_closed);
        for (struct connection *at = oci->connections; at; at = at->next)
                connection_end(at);
        /* What hangs there is nothing to wait for any more. */
        oci->closer = closer_free(oci->closer);
        for (struct connection *at = oci->connections, *next; at; at = next) {
                next = at->next;
                at->n_closing = 0;
                connection_release(at);
        }
        return NULL;
}

size_t oci_silent(const struct oci *oci) {
        size_t n = 0;

        for (const struct connection *at = oci->connections; at; at = at->next)
                n += at->at == AT_NOTHING;
        return n;
}

void oci_counts(const struct oci *oci, uint64_t *ret_open, uint64_t *ret_broken) {
        *ret_open = oci->n_open;
        *ret_broken = oci->n_broken;
}
