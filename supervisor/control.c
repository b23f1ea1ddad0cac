/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A handful of connections, each with its frames. What must stay true: a peer that says nothing, half a
 * message or nonsense costs its own connection only; a full house turns away whoever comes, not whoever is
 * there.
 */

#include "supervisor/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "proto/frame.h"

#define PEERS_MAX 8

struct peer {
        struct control *control;
        int fd;
        bool attends;
        uv_poll_t poll;
        struct frame_reader reader;
};

struct control {
        uv_loop_t *loop;
        struct control_options options;
        char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
        int fd;
        uv_poll_t listening;
        struct peer *peers[PEERS_MAX];
};

static void on_peer_closed(uv_handle_t *handle) {
        free(handle->data);
}

static void drop(struct peer *peer) {
        struct control *control = peer->control;
        bool attended = peer->attends;

        for (size_t i = 0; i < PEERS_MAX; i++)
                if (control->peers[i] == peer)
                        control->peers[i] = NULL;
        uv_close((uv_handle_t *)&peer->poll, on_peer_closed);
        peer->fd = fd_close(peer->fd);
        frame_reader_deinit(&peer->reader);
        if (attended)
                control->options.on_attended(control->options.data);
}

static void reload(struct peer *peer) {
        struct control *control = peer->control;
        struct message reloaded = { .number = MESSAGE_RELOADED };
        struct buf lines = BUF_INIT(MESSAGE_LINES_MAX);

        reloaded.reloaded.ok = control->options.on_reload(control->options.data, &lines);
        reloaded.reloaded.text = buf_string(&lines);
        reloaded.reloaded.n_text = strlen(reloaded.reloaded.text);
        /* What is said fits into a socket's buffer. */
        message_send(peer->fd, &reloaded, NULL, 0);
        buf_deinit(&lines);
}

static void refuse(struct peer *peer) {
        static const char text[] = "this socket takes RELOAD or ATTEND";
        const struct message error = {
                .number = MESSAGE_ERROR,
                .error = { .error = EPROTO, .text = text, .n_text = sizeof(text) - 1 },
        };

        message_send(peer->fd, &error, NULL, 0);
}

/* Does the connection stay? */
static bool serve(struct peer *peer) {
        struct control *control = peer->control;
        struct message message;

        if (message_decode(peer->reader.payload.data, peer->reader.payload.n, &message) != MESSAGE_OK) {
                refuse(peer);
                return false;
        }
        if (peer->attends && message.number == MESSAGE_ANSWER) {
                control->options.on_answer(control->options.data, message.answer.id,
                                           (enum message_word)message.answer.answer);
                return true;
        }
        if (peer->attends || (message.number != MESSAGE_RELOAD && message.number != MESSAGE_ATTEND)) {
                refuse(peer);
                return false;
        }
        if (message.number == MESSAGE_RELOAD) {
                reload(peer);
                return false;
        }
        peer->attends = true;
        control->options.on_attended(control->options.data);
        return true;
}

static void on_peer(uv_poll_t *poll, int status, int events) {
        struct peer *peer = poll->data;
        int r = status;

        (void)events;
        while (r >= 0 && (r = frame_reader_next(&peer->reader, peer->fd)) == FRAME_OK)
                if (!serve(peer)) {
                        r = -ECONNRESET;
                        break;
                }
        if (r != FRAME_E_AGAIN)
                drop(peer);
}

static bool may_control(int fd) {
        struct ucred credentials;
        socklen_t n = sizeof(credentials);

        return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &n) == 0 &&
               (credentials.uid == geteuid() || credentials.uid == 0);
}

static void on_connection(uv_poll_t *poll, int status, int events) {
        struct control *control = poll->data;
        cleanup_fd int fd = status < 0 ? -1 : accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        struct peer **place = NULL, *peer;

        (void)events;
        for (size_t i = 0; i < PEERS_MAX && !place; i++)
                if (!control->peers[i])
                        place = &control->peers[i];
        if (fd < 0 || !place || !may_control(fd))
                return;
        peer = calloc(1, sizeof(*peer));
        if (!peer)
                return;
        peer->control = control;
        if (uv_poll_init(control->loop, &peer->poll, fd) != 0) {
                free(peer);
                return;
        }
        peer->fd = fd_take(&fd);
        peer->poll.data = peer;
        frame_reader_init(&peer->reader);
        *place = peer;
        uv_poll_start(&peer->poll, UV_READABLE, on_peer);
        /* The session keeps the supervisor running, not those who ask about it. */
        uv_unref((uv_handle_t *)&peer->poll);
}

static struct peer *attendant(const struct control *control) {
        for (size_t i = 0; control && i < PEERS_MAX; i++)
                if (control->peers[i] && control->peers[i]->attends)
                        return control->peers[i];
        return NULL;
}

bool control_attended(const struct control *control) {
        return attendant(control);
}

int control_question(struct control *control, const struct message *question) {
        struct peer *peer = attendant(control);

        return peer ? message_send(peer->fd, question, NULL, 0) : -ENOTCONN;
}

static int listen_at(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0)
                return -errno;
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        /* Of a supervisor that had our number and was killed. */
        unlink(path);
        if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || chmod(path, 0600) < 0 ||
            listen(fd, PEERS_MAX) < 0)
                return -errno;
        return fd_take(&fd);
}

int control_new(uv_loop_t *loop, const struct control_options *options, struct control **ret) {
        struct control *control = calloc(1, sizeof(*control));
        int r;

        if (!control)
                return error_origin(-ENOMEM);
        if (strlen(options->path) >= sizeof(control->path)) {
                free(control);
                return error_origin(-ENAMETOOLONG);
        }
        control->loop = loop;
        control->options = *options;
        strcpy(control->path, options->path);
        control->options.path = control->path;
        control->fd = listen_at(control->path);
        r = control->fd < 0 ? control->fd : uv_poll_init(loop, &control->listening, control->fd);
        if (r) {
                fd_close(control->fd);
                free(control);
                return error_origin(r);
        }
        control->listening.data = control;
        uv_poll_start(&control->listening, UV_READABLE, on_connection);
        uv_unref((uv_handle_t *)&control->listening);
        *ret = control;
        return 0;
}

static void on_closed(uv_handle_t *handle) {
        struct control *control = handle->data;

        fd_close(control->fd);
        free(control);
}

static void on_attended_never(void *data) {
        (void)data;
}

struct control *control_free(struct control *control) {
        if (!control)
                return NULL;
        control->options.on_attended = on_attended_never;
        for (size_t i = 0; i < PEERS_MAX; i++)
                if (control->peers[i])
                        drop(control->peers[i]);
        unlink(control->path);
        uv_close((uv_handle_t *)&control->listening, on_closed);
        return NULL;
}
