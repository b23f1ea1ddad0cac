/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Requests are small and answers few, so one connection is served at a time, by non-blocking reads: a peer
 * that says nothing is dropped when the next one comes.
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
#include "proto/message.h"

struct control {
        uv_loop_t *loop;
        char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
        bool (*on_reload)(void *data, struct buf *lines);
        void *data;
        int fd;
        uv_poll_t listening;
        int peer_fd;     /* -1: nobody */
        uv_poll_t *peer; /* freed when closed */
        struct frame_reader reader;
};

static void on_peer_closed(uv_handle_t *handle) {
        free(handle);
}

static void drop_peer(struct control *control) {
        if (control->peer_fd < 0)
                return;
        uv_poll_stop(control->peer);
        uv_close((uv_handle_t *)control->peer, on_peer_closed);
        control->peer = NULL;
        control->peer_fd = fd_close(control->peer_fd);
        frame_reader_deinit(&control->reader);
}

static void answer(struct control *control, const struct message *message) {
        /* Blocking, but bounded: what is said fits into a socket's buffer. */
        message_send(control->peer_fd, message, NULL, 0);
}

static void serve(struct control *control) {
        struct buf lines = BUF_INIT(MESSAGE_LINES_MAX);
        struct message message, reloaded = { .number = MESSAGE_RELOADED };
        int r = message_decode(control->reader.payload.data, control->reader.payload.n, &message);

        if (r || message.number != MESSAGE_RELOAD) {
                static const char text[] = "this socket takes RELOAD only";
                const struct message error = {
                        .number = MESSAGE_ERROR,
                        .error = { .error = EPROTO, .text = text, .n_text = sizeof(text) - 1 },
                };

                answer(control, &error);
                return;
        }
        reloaded.reloaded.ok = control->on_reload(control->data, &lines);
        reloaded.reloaded.text = buf_string(&lines);
        reloaded.reloaded.n_text = strlen(reloaded.reloaded.text);
        answer(control, &reloaded);
        buf_deinit(&lines);
}

static void on_peer(uv_poll_t *poll, int status, int events) {
        struct control *control = poll->data;
        int r = status < 0 ? status : frame_reader_next(&control->reader, control->peer_fd);

        (void)events;
        if (r == FRAME_E_AGAIN)
                return;
        if (r == FRAME_OK)
                serve(control);
        drop_peer(control);
}

static bool may_control(int fd) {
        struct ucred peer;
        socklen_t n = sizeof(peer);

        return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
               (peer.uid == geteuid() || peer.uid == 0);
}

static void on_connection(uv_poll_t *poll, int status, int events) {
        struct control *control = poll->data;
        int fd = status < 0 ? -1 : accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        (void)events;
        if (fd < 0)
                return;
        if (!may_control(fd)) {
                fd_close(fd);
                return;
        }
        drop_peer(control);
        control->peer = calloc(1, sizeof(*control->peer));
        if (!control->peer || uv_poll_init(control->loop, control->peer, fd) != 0) {
                free(control->peer);
                control->peer = NULL;
                fd_close(fd);
                return;
        }
        control->peer_fd = fd;
        control->peer->data = control;
        frame_reader_init(&control->reader);
        uv_poll_start(control->peer, UV_READABLE, on_peer);
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
            listen(fd, 8) < 0)
                return -errno;
        return fd_take(&fd);
}

int control_new(uv_loop_t *loop, const char *path, bool (*on_reload)(void *data, struct buf *lines),
                void *data, struct control **ret) {
        struct control *control = calloc(1, sizeof(*control));
        int r;

        if (!control)
                return error_origin(-ENOMEM);
        if (strlen(path) >= sizeof(control->path)) {
                free(control);
                return error_origin(-ENAMETOOLONG);
        }
        *control = (struct control){
                .loop = loop, .on_reload = on_reload, .data = data, .peer_fd = -1, .fd = listen_at(path)
        };
        strcpy(control->path, path);
        r = control->fd < 0 ? control->fd : uv_poll_init(loop, &control->listening, control->fd);
        if (r) {
                fd_close(control->fd);
                free(control);
                return error_origin(r);
        }
        control->listening.data = control;
        uv_poll_start(&control->listening, UV_READABLE, on_connection);
        /* The session keeps the supervisor running, not the socket. */
        uv_unref((uv_handle_t *)&control->listening);
        *ret = control;
        return 0;
}

static void on_closed(uv_handle_t *handle) {
        struct control *control = handle->data;

        fd_close(control->fd);
        free(control);
}

struct control *control_free(struct control *control) {
        if (!control)
                return NULL;
        drop_peer(control);
        unlink(control->path);
        uv_close((uv_handle_t *)&control->listening, on_closed);
        return NULL;
}
