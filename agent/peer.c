/* SPDX-License-Identifier: Apache-2.0 */

/* A private supervisor is a process of its own, in a session of its own: signals of the terminal, and a
 * launcher that is stopped or killed, must not stop it from answering. */

#include "agent/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

#define SUPERVISOR     "callgated"
#define SUPERVISOR_FD  3
#define RESUME_WAIT_MS 500
#define RESTART_NAP_US 50000 /* a start looks again so often for a service that has just gone */
#define RESTART_NAPS   100

/* Beside our own program, wherever that was built or installed. */
static int supervisor_path(char path[PATH_MAX]) {
        ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - sizeof(SUPERVISOR) - 1);
        char *slash;

        if (n < 0)
                return error_origin(-errno);
        path[n] = 0;
        slash = strrchr(path, '/');
        if (!slash)
                return error_origin(-ENOENT);
        strcpy(slash + 1, SUPERVISOR);
        return 0;
}

/* Everything is prepared; between fork and exec only plain calls. */
__attribute__((noreturn)) static void run_supervisor(const char *path, int fd) {
        char *argv[] = { (char *)(uintptr_t)SUPERVISOR, (char *)(uintptr_t) "--private",
                         (char *)(uintptr_t) "3", NULL };
        struct sigaction action = { .sa_handler = SIG_DFL };
        sigset_t none;
        int null;

        setsid();
        for (int i = 1; i < NSIG; i++)
                sigaction(i, &action, NULL);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (chdir("/") < 0)
                _exit(125);
        /* Pipes and terminals belong to the program; a copy kept here would hide its end from others. */
        null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (fd == SUPERVISOR_FD)
                fcntl(fd, F_SETFD, 0);
        else
                dup2(fd, SUPERVISOR_FD);
        for (int i = 0; i < SUPERVISOR_FD; i++)
                if (null >= 0)
                        dup2(null, i);
        syscall(SYS_close_range, SUPERVISOR_FD + 1, ~0u, 0);
        execv(path, argv);
        _exit(127);
}

static int peer_gone(struct peer *peer, const char *what) {
        int status;
        pid_t pid = 0;

        peer->fd = fd_close(peer->fd);
        /* Its descriptors are closed a moment before it can be reaped; a long one on a busy machine. */
        for (int naps = 0; peer->pid > 0 && naps < 5000 && pid == 0; naps++) {
                pid = waitpid(peer->pid, &status, WNOHANG);
                if (pid == 0)
                        usleep(1000);
        }
        if (pid > 0) {
                peer->pid = -1;
                if (WIFSIGNALED(status))
                        snprintf(peer->error, sizeof(peer->error),
                                 "the supervisor was killed by signal %d (%s) %s", WTERMSIG(status),
                                 strsignal(WTERMSIG(status)), what);
                else
                        snprintf(peer->error, sizeof(peer->error), "the supervisor exited with status %d %s",
                                 WEXITSTATUS(status), what);
        } else
                snprintf(peer->error, sizeof(peer->error), "the supervisor went away %s", what);
        return PEER_E_GONE;
}

/* doing: what is lost where it goes away. */
static int receive(struct peer *peer, const char *doing, struct message *ret) {
        int r;

        if (peer->fd < 0)
                return PEER_E_GONE;
        r = message_recv(peer->fd, &peer->payload, ret);
        if (r == -ECONNRESET)
                return peer_gone(peer, doing);
        if (r > 0)
                return error_origin(-EPROTO);
        if (r == 0 && ret->number == MESSAGE_ERROR) {
                snprintf(peer->error, sizeof(peer->error), "the supervisor says: %.*s",
                         (int)ret->error.n_text, ret->error.text);
                peer->refusal = ret->error.error;
                return PEER_E_REFUSED;
        }
        return error_trace(r);
}

int peer_receive(struct peer *peer, struct message *ret) {
        return error_trace(receive(peer, "before its result was complete", ret));
}

/* ---- beginning ---- */

static int start_private(struct peer *peer) {
        char path[PATH_MAX];
        int fds[2], r = supervisor_path(path);

        if (r)
                return error_trace(r);
        if (access(path, X_OK) < 0) {
                snprintf(peer->error, sizeof(peer->error),
                         "%s: %s; callgate needs its supervisor installed beside it", path, strerror(errno));
                return PEER_E_MISSING;
        }
        r = fd_socketpair(fds);
        if (r)
                return error_trace(r);
        peer->pid = fork();
        if (peer->pid == 0)
                run_supervisor(path, fds[1]);
        fd_close(fds[1]);
        peer->fd = fds[0];
        return peer->pid < 0 ? error_origin(-errno) : 0;
}

/* Somebody may hold the socket while no service is there to answer. 0: without a limit. */
static void limit_waiting(int fd, unsigned ms) {
        const struct timeval limit = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)); /* for connect(2) as well */
}

/* Connects; every step takes at most wait_ms from here on. */
static int find_service(struct peer *peer, unsigned wait_ms) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        size_t n = strlen(peer->service);
        cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return error_origin(-errno);
        if (n >= sizeof(address.sun_path)) {
                snprintf(peer->error, sizeof(peer->error), "%s: too long for the path of a socket",
                         peer->service);
                return PEER_E_MISSING;
        }
        memcpy(address.sun_path, peer->service, n);
        limit_waiting(fd, wait_ms);
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
                snprintf(peer->error, sizeof(peer->error),
                         "no callgated serves %s: %s; leave --supervisor out for a private supervisor",
                         peer->service, strerror(errno));
                return PEER_E_MISSING;
        }
        peer->fd = fd_take(&fd);
        return 0;
}

static int begin(struct peer *peer, const char *service) {
        if (peer->fd >= 0)
                return 0;
        buf_deinit(&peer->payload);
        peer->payload = BUF_INIT(WIRE_FRAME_MAX);
        if (!service)
                return error_trace(start_private(peer));
        if (!peer->service)
                peer->service = strdup(service);
        return peer->service ? error_trace(find_service(peer, peer->patience_ms)) : error_origin(-ENOMEM);
}

void peer_begin(struct peer *peer, const char *service) {
        if (begin(peer, service) != 0)
                peer->fd = fd_close(peer->fd);
}

/* Of a step of the start. */
static int if_silent(struct peer *peer, int r) {
        if (r != -EAGAIN)
                return error_trace(r);
        peer->fd = fd_close(peer->fd);
        snprintf(peer->error, sizeof(peer->error),
                 "somebody holds %s, but no callgated has answered there for %u seconds; is the service "
                 "being "
                 "restarted?",
                 peer->service, peer->patience_ms / 1000);
        return PEER_E_GONE;
}

static bool is_away(const struct peer *peer, int r) {
        return r == PEER_E_GONE || r == PEER_E_MISSING || (r == PEER_E_REFUSED && peer->refusal == EAGAIN);
}

/* HELLO and READY. */
static int greet(struct peer *peer, const char *service, const struct message *hello) {
        struct message message;
        int r = begin(peer, service);

        if (r)
                return error_trace(r);
        r = message_send(peer->fd, hello, NULL, 0);
        if (r == -EPIPE || r == -ECONNRESET)
                return peer_gone(peer, "at its start");
        if (r)
                return r < 0 ? error_trace(r) : error_origin(-EPROTO);
        peer->greeted = true;
        r = receive(peer, "at its start", &message);
        if (!r && message.number != MESSAGE_READY)
                return error_origin(-EPROTO);
        return error_trace(r);
}

int peer_start(struct peer *peer, const struct peer_options *options) {
        struct message hello = {
                .number = MESSAGE_HELLO,
                .hello = {
                        .version = WIRE_VERSION,
                        .mode = options->mode,
                        .flags = (options->sink ? MESSAGE_HELLO_SINK : 0) |
                                 (options->decode_all ? MESSAGE_HELLO_DECODE_ALL : 0) |
                                 (options->answers ? MESSAGE_HELLO_ANSWERS : 0),
                        .filter = options->filter ? options->filter->insns : NULL,
                        .n_filter = options->filter ? options->filter->n : 0,
                        .label = options->label,
                        .n_label = strlen(options->label),
                        .policy = options->policy,
                        .n_policy = options->policy ? strlen(options->policy) : 0,
                        .policy_path = options->policy_path,
                        .n_policy_path = options->policy_path ? strlen(options->policy_path) : 0,
                        .variables = options->variables,
                        .n_variables = options->variables ? strlen(options->variables) : 0,
                },
        };
        int r;

        if (hello.hello.n_label > MESSAGE_LABEL_MAX)
                hello.hello.n_label = MESSAGE_LABEL_MAX;
        r = greet(peer, options->service, &hello);
        /* A service that is restarted takes its connections along. Nothing is lost with this one yet. */
        for (int naps = 0; peer->service && is_away(peer, r) && naps < RESTART_NAPS; naps++) {
                if (r == PEER_E_MISSING && naps == 0)
                        break; /* it was not there to begin with */
                peer->fd = fd_close(peer->fd);
                usleep(RESTART_NAP_US);
                r = greet(peer, options->service, &hello);
        }
        return if_silent(peer, r);
}

static int expect_go(struct peer *peer) {
        struct message message;
        int r = receive(peer, "while it took the listener", &message);

        if (!r && message.number != MESSAGE_GO)
                return error_origin(-EPROTO);
        if (!r)
                peer->session = message.go.session;
        return error_trace(r);
}

int peer_hand_over(struct peer *peer, int listener_fd, int sink_fd) {
        const struct message listener = { .number = MESSAGE_LISTENER };
        int fds[2] = { listener_fd, sink_fd };
        int r = message_send(peer->fd, &listener, fds, sink_fd >= 0 ? 2 : 1);

        /* What could not be sent whole was not taken. */
        if (r == -EPIPE || r == -ECONNRESET) {
                r = peer_gone(peer, "while it took the listener");
                return peer->service ? PEER_E_AWAY : r;
        }
        if (!r)
                r = expect_go(peer);
        else if (r > 0)
                return error_origin(-EPROTO);
        if (!r)
                limit_waiting(peer->fd, 0); /* the next word is the result */
        if (r == PEER_E_REFUSED && peer->refusal == EAGAIN) {
                peer->fd = fd_close(peer->fd);
                return PEER_E_AWAY;
        }
        return if_silent(peer, r);
}

int peer_resume(struct peer *peer) {
        const struct message resume = { .number = MESSAGE_RESUME,
                                        .resume = { .version = WIRE_VERSION, .session = peer->session } };
        int r;

        peer->fd = fd_close(peer->fd);
        r = find_service(peer, RESUME_WAIT_MS);
        if (r)
                return error_trace(r);
        r = message_send(peer->fd, &resume, NULL, 0);
        if (!r)
                r = expect_go(peer);
        if (r == -EAGAIN || r == -EPIPE || r == -ECONNRESET || is_away(peer, r))
                r = PEER_E_GONE;
        if (r)
                peer->fd = fd_close(peer->fd);
        else
                limit_waiting(peer->fd, 0);
        return r < 0 ? error_trace(r) : r;
}

static int send_message(struct peer *peer, const struct message *message) {
        int r;

        if (peer->fd < 0)
                return PEER_E_GONE;
        r = message_send(peer->fd, message, NULL, 0);
        if (r == -EPIPE || r == -ECONNRESET)
                return peer_gone(peer, "before its result was complete");
        return r < 0 ? error_trace(r) : r ? error_origin(-EPROTO) : 0;
}

int peer_send(struct peer *peer, enum message_number number) {
        const struct message message = { .number = number };

        return error_trace(send_message(peer, &message));
}

int peer_answer(struct peer *peer, uint64_t id, enum message_word word) {
        const struct message message = { .number = MESSAGE_ANSWER, .answer = { .id = id, .answer = word } };

        return error_trace(send_message(peer, &message));
}

void peer_deinit(struct peer *peer) {
        peer->fd = fd_close(peer->fd);
        if (peer->pid > 0 && !peer->greeted)
                kill(peer->pid, SIGKILL);
        if (peer->pid > 0)
                waitpid(peer->pid, NULL, peer->greeted ? WNOHANG : 0);
        buf_deinit(&peer->payload);
        free(peer->service);
        *peer = PEER_INIT;
}
