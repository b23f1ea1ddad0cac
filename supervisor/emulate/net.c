/* SPDX-License-Identifier: Apache-2.0 */

/*
 * connect and bind, carried out on the task's own socket, so that whatever hangs on it stays: epoll, copies,
 * options, a second connect that asks how the first one went. O_NONBLOCK belongs to the open file that we
 * share with the task and is never touched: what blocks does so on a worker.
 */

#include "supervisor/emulate/net.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

#define PATH_OFFSET ((socklen_t)offsetof(struct sockaddr_un, sun_path))

static int settle(int r) {
        return r == NET_E_ANSWERED ? 0 : r;
}

static bool is_redirect(const struct call *call) {
        return call->verdict.action == POLICY_REDIRECT;
}

/* ---- connect ---- */

static bool connect_waits(const struct net_socket *socket) {
        return socket->blocking && (socket->type == SOCK_STREAM || socket->type == SOCK_SEQPACKET);
}

/* -1 and errno, as the call. *ret is only filled after a return of 0. */
static int connect_as_task(struct call *call, const struct net_socket *socket,
                           const struct net_destination *to, int *ret) {
        bool as_task = net_asks_who(socket);
        int r = as_task ? authority_assume(call) : target_confirm(call), error;

        if (r)
                return r;
        *ret = connect(socket->fd, &to->any, (socklen_t)to->n);
        error = errno;
        if (as_task)
                authority_return(call);
        errno = error;
        return 0;
}

static int connect_substitute(struct call *call, const struct net_socket *socket,
                              const struct net_destination *to) {
        cleanup_net_socket struct net_socket substitute = { .fd = -1 };
        int result = -1, r;

        /* Our own socket may block: an EAGAIN of a full queue is nothing that TCP says. */
        if (!call->may_wait)
                return CALL_E_SLOW;
        r = net_substitute(call, socket, to->any.sa_family, &substitute);
        if (!r)
                r = connect_as_task(call, &substitute, to, &result);
        if (r)
                return r;
        if (result < 0)
                return answer_errno(call, errno);
        r = net_remember_substitute(call, NET_CONNECT, socket, &substitute);
        return r ? r : net_replace(call, socket, &substitute);
}

static int connect_for_task(struct call *call) {
        cleanup_net_socket struct net_socket socket = { .fd = -1 };
        struct net_destination to;
        int result = -1, r = net_know(call);

        if (!r)
                r = net_take(call, (int)call->args[0], &socket);
        if (!r)
                r = net_destination(call, NET_CONNECT, &socket, &to);
        if (!r && is_redirect(call))
                r = net_redirect(call, NET_CONNECT, &socket, &to);
        if (r == NET_E_OTHER_FAMILY)
                return connect_substitute(call, &socket, &to);
        if (!r && connect_waits(&socket) && !call->may_wait)
                return CALL_E_SLOW;
        if (!r)
                r = connect_as_task(call, &socket, &to, &result);
        if (!r)
                r = net_remember(call, NET_CONNECT, &socket, result == 0 || errno == EINPROGRESS);
        return r ? r : answer_result(call, result);
}

int net_connect(struct call *call) {
        return settle(connect_for_task(call));
}

/* ---- bind ---- */

/*
 * A Unix path. The kernel keeps the name as it is given to bind, and shows it to whoever asks; but to walk
 * the task's text again would be to trust its directories to stay what they were. So the name is made in the
 * directory that was looked at, from within, and what others see is its last component. Where nothing was
 * decided by it and root and text are ours as well, the text itself is given.
 */
static int bind_path(struct call *call, const struct net_socket *socket, int *ret) {
        const struct resolved *place = &call->paths[0];
        struct sockaddr_un un = { .sun_family = AF_UNIX };
        socklen_t n = call->n_address;
        bool as_written = !call->verdict.judged && !is_redirect(call) && call->view.own_root && !place->proc;
        int directory = place->parent_fd, error, r;

        if (place->error) {
                answer_errno(call, place->error);
                return NET_E_ANSWERED;
        }
        if (as_written) {
                memcpy(&un, &call->address, n < sizeof(un) ? n : sizeof(un));
                if (un.sun_path[0] != '/')
                        directory = call->view.cwd_fd;
        } else {
                size_t wanted = strlen(place->name) + place->slash;

                if (wanted > sizeof(un.sun_path)) {
                        answer_errno(call, ENAMETOOLONG);
                        return NET_E_ANSWERED;
                }
                memcpy(un.sun_path, place->name, strlen(place->name));
                if (place->slash)
                        un.sun_path[wanted - 1] = '/';
                n = PATH_OFFSET + (socklen_t)wanted;
        }
        r = authority_assume(call);
        if (r)
                return r;
        /* A worker's working directory is its own. */
        *ret = fchdir(directory) < 0 ? -1 : bind(socket->fd, (struct sockaddr *)&un, n);
        error = errno;
        authority_return(call);
        if (chdir("/") < 0)
                return error_origin(-errno);
        errno = error;
        return 0;
}

static int bind_to(struct call *call, const struct net_socket *socket, const struct net_destination *to,
                   int *ret) {
        int r, error;

        if (to->at_path)
                return call->may_wait ? bind_path(call, socket, ret) : CALL_E_SLOW;
        r = authority_assume(call);
        if (r)
                return r;
        *ret = bind(socket->fd, &to->any, (socklen_t)to->n);
        error = errno;
        authority_return(call);
        errno = error;
        return 0;
}

static int bind_substitute(struct call *call, const struct net_socket *socket,
                           const struct net_destination *to) {
        cleanup_net_socket struct net_socket substitute = { .fd = -1 };
        int result = -1, r = call->may_wait ? 0 : CALL_E_SLOW;

        if (!r)
                r = net_substitute(call, socket, to->any.sa_family, &substitute);
        if (!r)
                r = bind_to(call, &substitute, to, &result);
        if (r)
                return r;
        if (result < 0)
                return answer_errno(call, errno);
        r = net_remember_substitute(call, NET_BIND, socket, &substitute);
        return r ? r : net_replace(call, socket, &substitute);
}

static int bind_for_task(struct call *call) {
        cleanup_net_socket struct net_socket socket = { .fd = -1 };
        struct net_destination to;
        int result = -1, r = net_know(call);

        if (!r)
                r = net_take(call, (int)call->args[0], &socket);
        if (!r)
                r = net_destination(call, NET_BIND, &socket, &to);
        if (!r && is_redirect(call))
                r = net_redirect(call, NET_BIND, &socket, &to);
        if (r == NET_E_OTHER_FAMILY)
                return bind_substitute(call, &socket, &to);
        if (!r)
                r = bind_to(call, &socket, &to, &result);
        if (!r)
                r = net_remember(call, NET_BIND, &socket, result == 0);
        return r ? r : answer_result(call, result);
}

int net_bind(struct call *call) {
        return settle(bind_for_task(call));
}

const struct emulator perform_net[] = {
        { "connect", net_connect }, { "bind", net_bind },         { "sendto", net_sendto },
        { "sendmsg", net_sendmsg }, { "sendmmsg", net_sendmmsg }, { 0 },
};
