/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The keeper's own program. It holds descriptors and answers one service at a time, and does nothing else:
 * no files are read, nothing is parsed but requests of fixed size, no memory grows but the list of what is
 * held. So it has no reason to die when the service does.
 *
 * Who comes while another is served is told so; a service that was killed leaves its connection closed
 * before anybody can know of its end, so its successor is not turned away. Nor is he by somebody who
 * connects and says nothing.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "supervisor/service/keeper_socket.h"
#include "supervisor/service/keeper_wire.h"

#define IDLE_WAIT_NS UINT64_C(10000000000)

struct keeping {
        struct keeper_items items;
        int listening, served;      /* served -1: nobody */
        bool greeted;               /* who is served has said HELLO */
        uint64_t wait_ns, alone_ns; /* since when nobody is served */
        bool dismissed;
};

static uint64_t now_ns(void) {
        struct timespec now;

        clock_gettime(CLOCK_BOOTTIME, &now);
        return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int reply(int fd, int result, const struct kept *item) {
        struct keeper_reply reply = { .magic = KEEPER_MAGIC, .result = result };

        if (item)
                memcpy(reply.name, item->name, sizeof(reply.name));
        return fd_send_message(fd, &reply, sizeof(reply), item ? item->fds : NULL, item ? item->n_fds : 0);
}

static void close_all(const int *fds, size_t n) {
        for (size_t i = 0; i < n; i++)
                fd_close(fds[i]);
}

/* One request that is well formed. 0, or -errno: the connection is of no use. */
static int serve(struct keeping *keeping, const struct keeper_request *request, const int *fds,
                 size_t n_fds) {
        const struct kept *item = NULL;
        int result = 0;

        if (request->operation == KEEPER_PUT)
                result = keeper_items_put(&keeping->items, request->name, fds, n_fds);
        else
                close_all(fds, n_fds);
        switch (request->operation) {
        case KEEPER_PUT:
                break;
        case KEEPER_HELLO:
                keeping->wait_ns = request->wait_ns;
                keeping->greeted = true;
                break;
        case KEEPER_DROP:
                keeper_items_drop(&keeping->items, request->name);
                break;
        case KEEPER_TAKE:
                if (request->index < keeping->items.n)
                        item = &keeping->items.items[request->index];
                else
                        result = -ENOENT;
                break;
        case KEEPER_DISMISS:
                keeping->dismissed = true;
                break;
        default:
                result = -EOPNOTSUPP;
        }
        return reply(keeping->served, result, item);
}

static void on_served(struct keeping *keeping) {
        struct keeper_request request;
        int fds[KEEPER_FDS_MAX];
        size_t n_fds;
        ssize_t n = fd_recv_message(keeping->served, &request, sizeof(request), fds, KEEPER_FDS_MAX, &n_fds);
        int r = n < 0 ? (int)n : n == 0 ? -EPIPE : 0;

        if (!r && (n != sizeof(request) || request.magic != KEEPER_MAGIC ||
                   !memchr(request.name, 0, sizeof(request.name)))) {
                close_all(fds, n_fds);
                r = -EPROTO;
        }
        if (!r)
                r = serve(keeping, &request, fds, n_fds);
        if (r == 0 || r == -EAGAIN)
                return;
        keeping->served = fd_close(keeping->served);
        keeping->greeted = false;
        keeping->alone_ns = now_ns();
}

static bool may_be_served(int fd) {
        struct ucred peer;
        socklen_t n = sizeof(peer);

        return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
               (peer.uid == 0 || peer.uid == geteuid());
}

static void on_listening(struct keeping *keeping) {
        int fd = accept4(keeping->listening, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0)
                return;
        if (!may_be_served(fd)) {
                fd_close(fd);
        } else if (keeping->served >= 0 && keeping->greeted) {
                reply(fd, -EBUSY, NULL);
                fd_close(fd);
        } else {
                fd_close(keeping->served);
                keeping->served = fd;
                keeping->greeted = false;
        }
}

/* Nobody loses anything but a place in a queue without its sockets: they wait for a restart, not longer. */
static uint64_t longest_wait(const struct keeping *keeping) {
        for (size_t i = 0; i < keeping->items.n; i++)
                if (strncmp(keeping->items.items[i].name, "session-", 8) == 0)
                        return keeping->wait_ns;
        return keeping->wait_ns < IDLE_WAIT_NS ? keeping->wait_ns : IDLE_WAIT_NS;
}

/* Milliseconds until nobody is waited for any more; -1: for ever. */
static int patience(const struct keeping *keeping) {
        uint64_t passed, wait_ns;

        if (keeping->served >= 0)
                return -1;
        passed = now_ns() - keeping->alone_ns;
        wait_ns = keeping->items.n > 0 ? longest_wait(keeping) : 0;
        if (passed >= wait_ns)
                return 0;
        return wait_ns - passed > INT32_MAX * UINT64_C(1000000)
                       ? INT32_MAX
                       : (int)((wait_ns - passed + 999999) / 1000000);
}

static void keep(struct keeping *keeping) {
        while (!keeping->dismissed) {
                struct pollfd fds[] = { { .fd = keeping->served, .events = POLLIN },
                                        { .fd = keeping->listening, .events = POLLIN } };
                int wait_ms = patience(keeping);

                if (wait_ms == 0)
                        return;
                if (poll(fds, 2, wait_ms) <= 0)
                        continue;
                /* Who is served first: he may be gone, and the one who waits his successor. */
                if (fds[0].revents)
                        on_served(keeping);
                else if (fds[1].revents)
                        on_listening(keeping);
        }
}

static void prepare(void) {
        static const int ignored[] = {
                SIGPIPE, SIGINT, SIGQUIT, SIGHUP, SIGTERM, SIGTSTP, SIGTTOU, SIGTTIN
        };
        struct rlimit limit;

        prctl(PR_SET_NAME, "callgated-keep");
        /* Signals of a terminal, or for a whole process group, are for the service. */
        for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
                signal(ignored[i], SIG_IGN);
#ifndef __SANITIZE_ADDRESS__
        prctl(PR_SET_DUMPABLE, 0); /* nobody takes a listener from us */
#endif
        if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
                limit.rlim_cur = limit.rlim_max;
                setrlimit(RLIMIT_NOFILE, &limit);
        }
        if (chdir("/") < 0)
                return; /* nothing depends on it */
}

int keeper_main(int fd, const char *path, uint64_t wait_ns) {
        struct keeping keeping = { .listening = -1, .served = fd, .wait_ns = wait_ns };
        cleanup_fd int folder = -1;
        int lock = -1, r;

        prepare();
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        r = keeper_socket_listen(path, &folder, &lock, &keeping.listening);
        if (r) {
                /* Instead of an answer to its first request. */
                reply(fd, r, NULL);
                fd_close(fd);
                return 125;
        }
        keep(&keeping);
        keeper_socket_remove(folder, path);
        keeper_items_deinit(&keeping.items);
        fd_close(keeping.served);
        fd_close(keeping.listening);
        fd_close(lock);
        return 0;
}
