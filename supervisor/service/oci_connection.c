/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One connection of a container runtime, from its first byte to its session.
 *
 * What must stay true: it is read as far as it has come and only so much at a time; the end of its object
 * makes the session, since the end of the connection may be days away. What goes wrong ends this connection.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/fd.h"
#include "supervisor/service/oci_internal.h"
#include "supervisor/service/oci_process.h"
#include "supervisor/target.h"

#define READS            4           /* in one turn */
#define UNFINISHED_BYTES (64u << 20) /* of all messages not yet whole; the longest goes first */
#define KEPT_NAME_MAX    32

/* ---- end ---- */

void connection_release(struct connection *connection) {
        struct oci *oci = connection->oci;
        struct connection **link = &oci->connections;

        if (connection->fd >= 0 || connection->n_closing > 0)
                return;
        while (*link != connection)
                link = &(*link)->next;
        *link = connection->next;
        oci->n_open--;
        free(connection);
        oci_resume(oci);
        oci_release(oci);
}

static void on_handle_closed(uv_handle_t *handle) {
        struct connection *connection = handle->data;

        connection->fd = fd_close(connection->fd);
        connection_release(connection);
}

void connection_on_closed(void *data) {
        struct connection *connection = data;

        connection->n_closing--;
        connection_release(connection);
}

static void dispose(struct connection *connection, const int *fds, size_t n_fds) {
        connection->n_closing += closer_dispose(connection->oci->closer, connection->oci->options.kernel,
                                                fds, n_fds, connection);
}

/* ---- for a successor ---- */

static void name_of(const struct connection *connection, char name[static KEPT_NAME_MAX]) {
        uint64_t cookie = 0; /* the kernel's number for a socket, never given twice: Linux 4.12 */
        socklen_t n = sizeof(cookie);

        getsockopt(connection->fd, SOL_SOCKET, SO_COOKIE, &cookie, &n);
        snprintf(name, KEPT_NAME_MAX, "%llu", (unsigned long long)cookie);
}

void connection_keep(struct connection *connection) {
        const struct oci_options *options = &connection->oci->options;
        char name[KEPT_NAME_MAX];

        if (connection->at != AT_NOTHING || connection->kept || !options->keep)
                return;
        name_of(connection, name);
        connection->kept = options->keep(options->data, name, connection->fd) == 0;
}

/* It has spoken, or ends: a successor has nothing to hear of it. */
static void let_go(struct connection *connection) {
        const struct oci_options *options = &connection->oci->options;
        char name[KEPT_NAME_MAX];

        if (!connection->kept)
                return;
        connection->kept = false;
        name_of(connection, name);
        options->drop(options->data, name);
}

static void forget_message(struct connection *connection) {
        connection->oci->n_bytes -= connection->message.n;
        buf_deinit(&connection->message);
        dispose(connection, connection->fds, connection->n_fds);
        connection->n_fds = 0;
}

void connection_end(struct connection *connection) {
        if (connection->at == AT_END)
                return;
        if (connection->at != AT_LINGERING)
                connection->oci->n_broken++;
        connection->at = AT_END;
        let_go(connection);
        forget_message(connection);
        uv_close((uv_handle_t *)&connection->poll, on_handle_closed);
}

void connection_end_broken(struct connection *connection, const char *problem) {
        log_limited(&connection->oci->broken, LOG_LEVEL_WARNING,
                    "runtime socket: process %u of uid %u%s%s: %s", connection->pid, connection->uid,
                    connection->runtime[0] ? ", " : "", connection->runtime, problem);
        connection_end(connection);
}

/* ---- session ---- */

static void linger(struct connection *connection) {
        let_go(connection);
        forget_message(connection);
        connection->at = AT_LINGERING;
        oci_need_tick(connection->oci);
        oci_resume(connection->oci);
        connection->since_ms = uv_now(connection->oci->options.loop);
}

static void begin_session(struct connection *connection, struct oci_state *state) {
        struct registration registration = {
                .origin = ORIGIN_OCI,
                .sink_fd = -1,
                .uid = connection->uid,
                .pid = oci_process(connection->oci->options.kernel, connection->pid, connection->uid,
                                   state->pid),
                .labels = &state->labels,
                .metadata = state->metadata,
        };
        struct registered *registered;
        int r = 0;

        if (connection->runtime[0])
                r = labels_set(&state->labels, "runtime", connection->runtime);
        if (!r) {
                registration.listener_fd = fd_take(&connection->fds[state->listener]);
                r = registry_add(connection->oci->options.registry, &registration, &registered);
                connection->fds[state->listener] = registration.listener_fd;
        }
        if (r == REGISTRY_E_LIMIT)
                connection_end_broken(connection, "too many sessions");
        else if (r == REGISTRY_E_REFUSED)
                connection_end_broken(connection, "refused by the configuration");
        else if (r)
                connection_end_broken(connection, r < 0 ? error_describe(r) : "not a listener of seccomp");
        else
                linger(connection);
}

/* The object is whole. */
static void on_message(struct connection *connection) {
        const struct kernel *kernel = connection->oci->options.kernel;
        struct oci_state state;
        char problem[256];
        int r = oci_state_read(connection->message.data, connection->message.n, &state, problem,
                               sizeof(problem));

        if (r) {
                connection_end_broken(connection, r < 0 ? error_describe(r) : problem);
                return;
        }
        if (connection->n_fds != state.n_fds)
                connection_end_broken(connection, connection->n_fds
                                                          ? "other descriptors than the message names"
                                                          : "a message without a descriptor");
        else if (!kernel->is_listener(kernel->data, connection->fds[state.listener]))
                connection_end_broken(connection, "seccompFd is not a listener of seccomp");
        else {
                if (state.labels.n_left_out > 0)
                        log_limited(&connection->oci->broken, LOG_LEVEL_WARNING,
                                    "container %s: %zu annotations are too many or too long and were left "
                                    "out",
                                    state.id, state.labels.n_left_out);
                begin_session(connection, &state);
        }
        oci_state_deinit(&state);
}

/* ---- bytes ---- */

/* One unfinished message more than all may have: the longest is nobody's who means well. */
static void bound_bytes(struct oci *oci) {
        struct connection *longest = NULL;

        if (oci->n_bytes <= UNFINISHED_BYTES)
                return;
        for (struct connection *at = oci->connections; at; at = at->next)
                if (at->at == AT_MESSAGE && (!longest || at->message.n > longest->message.n))
                        longest = at;
        if (longest)
                connection_end_broken(longest, "too many unfinished messages");
}

static void take_bytes(struct connection *connection, const char *bytes, size_t n) {
        size_t n_taken, before = connection->message.n;

        connection->at = AT_MESSAGE;
        connection->since_ms = uv_now(connection->oci->options.loop);
        if (oci_scanner_feed(&connection->scanner, bytes, n, &n_taken) != 0) {
                connection_end_broken(connection, "no message of a runtime, or one too long or too deep");
                return;
        }
        buf_put(&connection->message, bytes, n_taken);
        connection->oci->n_bytes += connection->message.n - before;
        if (buf_error(&connection->message))
                connection_end_broken(connection, "not enough memory for the message");
        else if (connection->scanner.closed)
                on_message(connection);
        else
                bound_bytes(connection->oci);
}

/* Descriptors of one recvmsg; room for all that the kernel would carry. Their number. */
static size_t received_fds(struct msghdr *message, int fds[FD_MESSAGE_MAX]) {
        size_t n_fds = 0;

        for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
             header = CMSG_NXTHDR(message, header)) {
                size_t n;

                if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
                        continue;
                n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                if (n > FD_MESSAGE_MAX - n_fds)
                        n = FD_MESSAGE_MAX - n_fds;
                memcpy(fds + n_fds, CMSG_DATA(header), n * sizeof(int));
                n_fds += n;
        }
        return n_fds;
}

static int keep_fds(struct connection *connection, struct msghdr *message) {
        int fds[FD_MESSAGE_MAX];
        size_t n = received_fds(message, fds);

        if (n == 0 && !(message->msg_flags & MSG_CTRUNC))
                return 0;
        if (connection->at == AT_LINGERING || connection->n_fds > 0 || n > OCI_FDS_MAX ||
            (message->msg_flags & MSG_CTRUNC)) {
                dispose(connection, fds, n);
                return -EPROTO;
        }
        memcpy(connection->fds, fds, n * sizeof(int));
        connection->n_fds = n;
        return 0;
}

/* Bytes received, 0 at the end, or -errno; -EAGAIN: not now. */
static ssize_t receive(struct connection *connection) {
        union {
                struct cmsghdr align;
                char space[CMSG_SPACE(FD_MESSAGE_MAX * sizeof(int))];
        } control;
        struct iovec iov = { connection->oci->buffer, OCI_READ_BYTES };
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = control.space,
                .msg_controllen = sizeof(control.space),
        };
        ssize_t n;
        int r;

        do
                n = recvmsg(connection->fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        r = keep_fds(connection, &message);
        return r ? r : n;
}

static void on_readable(uv_poll_t *poll, int status, int events) {
        struct connection *connection = poll->data;

        (void)events;
        for (int i = 0; i < READS && connection->at != AT_END; i++) {
                ssize_t n = receive(connection);

                if (n == -EAGAIN && status == 0)
                        return;
                if (n == -EPROTO)
                        connection_end_broken(connection,
                                              "too many descriptors, or some in a later message");
                else if (n <= 0 && connection->at == AT_MESSAGE)
                        connection_end_broken(connection, "went away in the middle of a message");
                else if (n <= 0)
                        connection_end(connection); /* a start that failed (crun), or all was said */
                else if (connection->at != AT_LINGERING)
                        take_bytes(connection, connection->oci->buffer, (size_t)n);
        }
}

/* ---- begin ---- */

/* The runtime's name, as long as the peer is there to be asked. */
static void name_runtime(struct connection *connection) {
        const struct target target = { .kernel = connection->oci->options.kernel, .tid = connection->pid };

        if (connection->pid == 0 || target_comm(&target, connection->runtime) < 0)
                connection->runtime[0] = 0;
        for (const char *c = connection->runtime; *c; c++)
                if (*c <= ' ' || *c > '~')
                        connection->runtime[0] = 0;
}

void connection_new(struct oci *oci, int fd, uint32_t uid, uint32_t pid, bool kept) {
        struct connection *connection = calloc(1, sizeof(*connection));

        if (!connection || uv_poll_init(oci->options.loop, &connection->poll, fd) != 0) {
                fd_close(fd);
                free(connection);
                return;
        }
        connection->oci = oci;
        connection->fd = fd;
        connection->uid = uid;
        connection->pid = pid;
        connection->kept = kept;
        connection->since_ms = uv_now(oci->options.loop);
        connection->message = BUF_INIT(OCI_STATE_MAX + 1);
        connection->poll.data = connection;
        connection->next = oci->connections;
        oci->connections = connection;
        oci->n_open++;
        name_runtime(connection);
        uv_poll_start(&connection->poll, UV_READABLE, on_readable);
        if (!kept && oci->options.keep)
                oci_need_tick(oci);
}
