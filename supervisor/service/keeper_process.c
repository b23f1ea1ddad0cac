/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The service's side of a keeper that is a process of ours. What must stay true: what was put is held by the
 * keeper when keeper_put() returns; and should the keeper die, another one holds all of it again as soon as
 * we know, for which copies of the descriptors are kept here.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "supervisor/service/keeper_kind.h"
#include "supervisor/service/keeper_socket.h"
#include "supervisor/service/keeper_wire.h"
#include "supervisor/service/log.h"

#define SOCKET_NAME "keeper.sock"
#define PATIENCE_MS 5000  /* for one answer; it takes microseconds */
#define BEGIN_MS    30000 /* for the first answer to a service that begins: a program has to be loaded */
#define REAP_MS     1000  /* for the end of a keeper that is of no use any more */
#define BUSY_MS     3000  /* a predecessor on its way out is waited for so long */
#define BUSY_STEP   10

struct process {
        struct keeper keeper;
        char *path;
        uint64_t wait_ns;
        int fd;
        pid_t child; /* 0: somebody else started it */
        struct keeper_items items;
        uint64_t next;   /* of keeper_take() */
        int patience_ms; /* for one answer */
        bool dismissed;
        uv_poll_t *watch; /* frees itself once closed */
        uv_loop_t *loop;
};

extern char **environ;

/* ---- one request ---- */

/* libuv makes the descriptors that it watches nonblocking. */
static int wait_for(int fd, short events, int patience_ms) {
        struct pollfd pollfd = { .fd = fd, .events = events };
        int n;

        do
                n = poll(&pollfd, 1, patience_ms);
        while (n < 0 && errno == EINTR);
        return n < 0 ? error_origin(-errno) : n == 0 ? error_origin(-ETIMEDOUT) : 0;
}

/*
 * A keeper that is busy says so and hangs up, without waiting for what we have to say: then sending fails,
 * or the first attempt to receive, while the reply is there.
 */
static ssize_t receive(int fd, struct keeper_reply *ret, int *ret_fds, size_t *ret_n_fds) {
        ssize_t n = fd_recv_message(fd, ret, sizeof(*ret), ret_fds, KEEPER_FDS_MAX, ret_n_fds);

        if (n == -ECONNRESET)
                n = fd_recv_message(fd, ret, sizeof(*ret), ret_fds, KEEPER_FDS_MAX, ret_n_fds);
        return n;
}

/* fd: of a connection that need not be the one of process yet. */
static int ask_at(const struct process *process, int fd, const struct keeper_request *request,
                  const int *fds, size_t n_fds, struct kept *ret) {
        struct keeper_reply reply;
        int got[KEEPER_FDS_MAX];
        size_t n_got;
        ssize_t n;
        int r = fd < 0 ? error_origin(-ENOTCONN) : wait_for(fd, POLLOUT, process->patience_ms);

        if (!r)
                r = fd_send_message(fd, request, sizeof(*request), fds, n_fds);
        if (!r || r == -EPIPE)
                r = wait_for(fd, POLLIN, process->patience_ms);
        if (r)
                return error_trace(r);
        n = receive(fd, &reply, got, &n_got);
        if (n < 0)
                return error_trace((int)n);
        if (n != sizeof(reply) || reply.magic != KEEPER_MAGIC ||
            !memchr(reply.name, 0, sizeof(reply.name)) || reply.result > 0) {
                for (size_t i = 0; i < n_got; i++)
                        fd_close(got[i]);
                return error_origin(n == 0 ? -EPIPE : -EPROTO);
        }
        if (ret) {
                memcpy(ret->name, reply.name, sizeof(ret->name));
                memcpy(ret->fds, got, n_got * sizeof(got[0]));
                ret->n_fds = n_got;
        } else
                for (size_t i = 0; i < n_got; i++)
                        fd_close(got[i]);
        return reply.result;
}

static int ask(const struct process *process, const struct keeper_request *request, const int *fds,
               size_t n_fds, struct kept *ret) {
        return error_trace(ask_at(process, process->fd, request, fds, n_fds, ret));
}

static struct keeper_request request_of(enum keeper_operation operation, const char *name) {
        struct keeper_request request = { .magic = KEEPER_MAGIC, .operation = operation };

        if (name)
                snprintf(request.name, sizeof(request.name), "%s", name);
        return request;
}

static int greet(const struct process *process, int fd) {
        struct keeper_request request = request_of(KEEPER_HELLO, NULL);

        request.wait_ns = process->wait_ns;
        return error_trace(ask_at(process, fd, &request, NULL, 0, NULL));
}

/* ---- finding and starting ---- */

static int spawn(struct process *process, int fd) {
        char *argv[] = { (char *)"callgated-keeper", (char *)"--keeper", process->path, NULL, NULL };
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t signals;
        char wait[32];
        int r;

        snprintf(wait, sizeof(wait), "%llu", (unsigned long long)process->wait_ns);
        argv[3] = wait;
        posix_spawn_file_actions_init(&actions);
        /* Nothing of ours stays open there, whoever reads our output. */
        for (int i = 0; i < KEEPER_FD; i++)
                posix_spawn_file_actions_addopen(&actions, i, "/dev/null", O_RDWR, 0);
        posix_spawn_file_actions_adddup2(&actions, fd, KEEPER_FD);
        posix_spawnattr_init(&attributes);
        sigemptyset(&signals);
        posix_spawnattr_setsigmask(&attributes, &signals);
        sigfillset(&signals);
        posix_spawnattr_setsigdefault(&attributes, &signals);
        posix_spawnattr_setflags(&attributes,
                                 POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        r = -posix_spawn(&process->child, "/proc/self/exe", &actions, &attributes, argv, environ);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        return r ? error_origin(r) : 0;
}

/* The end of its connection is seen before its own: it is waited for, but not one that hangs. */
static void reap(struct process *process) {
        cleanup_fd int pidfd = process->child > 0 ? (int)syscall(SYS_pidfd_open, process->child, 0) : -1;

        if (pidfd >= 0)
                wait_for(pidfd, POLLIN, REAP_MS);
        if (process->child > 0)
                waitpid(process->child, NULL, WNOHANG);
        process->child = 0;
}

static int start(struct process *process) {
        int fds[2], r;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
                return error_origin(-errno);
        r = spawn(process, fds[1]);
        fd_close(fds[1]);
        if (!r)
                r = greet(process, fds[0]);
        if (r) {
                fd_close(fds[0]);
                reap(process);
                return error_trace(r);
        }
        process->fd = fds[0];
        return 0;
}

static int find(struct process *process) {
        int fd = keeper_socket_connect(process->path), r;

        if (fd == -ENOENT || fd == -ECONNREFUSED)
                return error_trace(start(process));
        if (fd < 0)
                return error_trace(fd);
        r = greet(process, fd);
        if (r) {
                fd_close(fd);
                return error_trace(r);
        }
        process->fd = fd;
        return 0;
}

/* Busy, or gone between our looking and asking: another moment decides. Who saw that somebody else is served
 * is told so, however the last attempt failed. */
static int find_patiently(struct process *process) {
        bool busy = false;
        int r;

        for (int ms = 0;; ms += BUSY_STEP) {
                r = find(process);
                busy |= r == -EBUSY;
                if ((r != -EBUSY && r != -EPIPE && r != -ECONNRESET) || ms >= BUSY_MS)
                        break;
                nanosleep(&(struct timespec){ .tv_nsec = BUSY_STEP * 1000000L }, NULL);
        }
        return r && busy ? error_origin(-EBUSY) : error_trace(r);
}

/* ---- when it dies ---- */

static int put_all(struct process *process) {
        int r = 0;

        for (size_t i = 0; i < process->items.n && !r; i++) {
                const struct kept *item = &process->items.items[i];
                struct keeper_request request = request_of(KEEPER_PUT, item->name);

                r = ask(process, &request, item->fds, item->n_fds, NULL);
        }
        return error_trace(r);
}

static void watch_again(struct process *process);

static int replace(struct process *process) {
        int r;

        log_say(LOG_LEVEL_WARNING, "the keeper has died; another one is started");
        process->fd = fd_close(process->fd);
        reap(process);
        r = find_patiently(process);
        if (!r)
                r = put_all(process);
        if (r)
                process->fd = fd_close(process->fd);
        if (r)
                log_say(LOG_LEVEL_ERROR,
                        "no keeper can be started (%s): should callgated end now, notified calls of all "
                        "programs fail with ENOSYS",
                        strerror(-r));
        else
                log_say(LOG_LEVEL_INFO, "another keeper holds all %zu things again", process->items.n);
        watch_again(process);
        return error_trace(r);
}

/* Did the request reach nobody, so that another keeper is the answer? */
static bool is_dead(int r) {
        return r == -EPIPE || r == -ECONNRESET || r == -ETIMEDOUT || r == -EBADF || r == -ENOTCONN;
}

static void on_watch(uv_poll_t *poll, int status, int events) {
        struct process *process = poll->data;
        char byte;

        (void)events;
        if (status == 0 && recv(process->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN)
                return;
        replace(process);
}

static void on_watch_closed(uv_handle_t *handle) {
        free(handle);
}

static void stop_watching(struct process *process) {
        if (process->watch)
                uv_close((uv_handle_t *)process->watch, on_watch_closed);
        process->watch = NULL;
}

static void watch_again(struct process *process) {
        stop_watching(process);
        if (!process->loop || process->fd < 0)
                return;
        process->watch = calloc(1, sizeof(*process->watch));
        if (!process->watch || uv_poll_init(process->loop, process->watch, process->fd) != 0) {
                free(process->watch); /* its death is noticed with the next request */
                process->watch = NULL;
                return;
        }
        process->watch->data = process;
        uv_unref((uv_handle_t *)process->watch);
        uv_poll_start(process->watch, UV_READABLE | UV_DISCONNECT, on_watch);
}

/* ---- keeper.h ---- */

static int process_take(struct keeper *keeper, struct kept *ret) {
        struct process *process = (struct process *)keeper;
        struct keeper_request request = request_of(KEEPER_TAKE, NULL);
        int copies[KEEPER_FDS_MAX], r;

        request.index = process->next;
        r = ask(process, &request, NULL, 0, ret);
        if (r == -ENOENT)
                return 1;
        if (r)
                return error_trace(r);
        process->next++;
        for (size_t i = 0; i < ret->n_fds; i++) {
                copies[i] = fcntl(ret->fds[i], F_DUPFD_CLOEXEC, 0);
                if (copies[i] < 0)
                        r = -errno;
        }
        if (r) {
                for (size_t i = 0; i < ret->n_fds; i++) {
                        fd_close(copies[i]);
                        fd_close(ret->fds[i]);
                }
                return error_origin(r);
        }
        return error_trace(keeper_items_put(&process->items, ret->name, copies, ret->n_fds));
}

static int process_put(struct keeper *keeper, const char *name, const int *fds, size_t n_fds) {
        struct process *process = (struct process *)keeper;
        struct keeper_request request = request_of(KEEPER_PUT, name);
        int copies[KEEPER_FDS_MAX], r = 0;

        for (size_t i = 0; i < n_fds; i++) {
                copies[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
                if (copies[i] < 0)
                        r = -errno;
        }
        if (r) {
                for (size_t i = 0; i < n_fds; i++)
                        fd_close(copies[i]);
                return error_origin(r);
        }
        r = keeper_items_put(&process->items, name, copies, n_fds);
        if (r)
                return error_trace(r);
        r = ask(process, &request, fds, n_fds, NULL);
        if (is_dead(r))
                r = replace(process); /* it has put this one as well */
        if (r)
                keeper_items_drop(&process->items, name);
        return error_trace(r);
}

static int process_drop(struct keeper *keeper, const char *name) {
        struct process *process = (struct process *)keeper;
        struct keeper_request request = request_of(KEEPER_DROP, name);
        int r;

        /* In the keeper all that follows it moves up. */
        if (keeper_items_drop(&process->items, name) && process->next > 0)
                process->next--;
        r = ask(process, &request, NULL, 0, NULL);
        if (is_dead(r))
                r = replace(process);
        return error_trace(r);
}

static int process_dismiss(struct keeper *keeper) {
        struct process *process = (struct process *)keeper;
        struct keeper_request request = request_of(KEEPER_DISMISS, NULL);

        stop_watching(process);
        process->dismissed = true;
        keeper_items_deinit(&process->items);
        return error_trace(ask(process, &request, NULL, 0, NULL));
}

static int process_watch(struct keeper *keeper, uv_loop_t *loop) {
        struct process *process = (struct process *)keeper;

        process->loop = loop;
        if (loop)
                watch_again(process);
        else
                stop_watching(process);
        return 0;
}

static void process_free(struct keeper *keeper) {
        struct process *process = (struct process *)keeper;

        stop_watching(process);
        keeper_items_deinit(&process->items);
        fd_close(process->fd);
        if (process->dismissed && process->child > 0)
                waitpid(process->child, NULL, 0);
        free(process->path);
        free(process);
}

int keeper_process_new(const struct config *config, struct keeper **ret) {
        static const struct keeper_kind kind = {
                .take = process_take,
                .put = process_put,
                .drop = process_drop,
                .dismiss = process_dismiss,
                .watch = process_watch,
                .free = process_free,
        };
        struct process *process = calloc(1, sizeof(*process));
        int r = 0;

        if (!process)
                return error_origin(-ENOMEM);
        process->keeper.kind = &kind;
        process->wait_ns = config->keeper_wait_ns;
        process->fd = -1;
        process->patience_ms = BEGIN_MS;
        if (asprintf(&process->path, "%s/" SOCKET_NAME, config->state) < 0) {
                process->path = NULL;
                r = error_origin(-ENOMEM);
        }
        if (!r)
                r = find_patiently(process);
        process->patience_ms = PATIENCE_MS;
        if (r) {
                process_free(&process->keeper);
                return error_trace(r);
        }
        *ret = &process->keeper;
        return 0;
}
