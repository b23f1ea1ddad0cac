/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One supervised program from start to result. What must stay true: nothing of ours is left behind on any
 * way out, the program's status is never replaced by accident, and a result that is not whole says so.
 */

#include "cli/supervise.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "agent/job.h"
#include "agent/launch.h"
#include "agent/peer.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/output.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/terminal.h"
#include "policy/native/policy.h"
#include "proto/event_file.h"
#include "syscalls/names.h"

#define NOTICE_MS       2000  /* until we say that we wait for processes left behind */
#define RESUME_MS       60000 /* how long a restarted service is waited for */
#define RESUME_NAP_MS   50
#define HAND_OVER_TRIES 3
#define GRACE_MS        200 /* --detach: most sessions end with their first process */

struct supervision {
        const struct supervise_options *options;
        struct supervise_result *result;
        struct job job;
        struct peer peer;
        struct launch launch;
        struct output events;
        bool have_events;
        int stream_fd; /* our end of the event stream, when on_event is wanted */
        int sink_fd;   /* the supervisor's end; borrowed from events, or a pipe's */
        bool own_sink;
        pthread_t printer;
        bool printing;
        bool peer_over;        /* final result, or gone */
        bool lost;             /* the connection to a service was, since lost_at; we look for it again */
        bool restarted;        /* it was found again */
        size_t n_rows, n_skip; /* rows of this connection, and how many of them had come before */
        bool any_row;          /* of a result */
        struct timespec lost_at;
        bool snapshot; /* rows of a snapshot are coming */
        bool snapshot_done;
        struct timespec ended_at;
};

/* ---- the event stream ---- */

/* Reads the stream on a thread of its own, so that a slow terminal delays neither results nor signals. */
static void *print_events(void *data) {
        struct supervision *supervision = data;
        struct event_file *file;
        struct event event;
        struct buf bytes = BUF_INIT(0);
        int r = event_file_open(fd_take(&supervision->stream_fd), &file);

        if (r)
                return NULL;
        if (supervision->have_events) {
                event_file_put_header(&bytes, event_file_label(file), event_file_start_ns(file));
                fwrite(bytes.data, 1, bytes.n, supervision->events.stream);
        }
        while ((r = event_file_next(file, &event)) == 0) {
                if (supervision->have_events) {
                        buf_reset(&bytes);
                        event_file_put_event(&bytes, &event);
                        fwrite(bytes.data, 1, bytes.n, supervision->events.stream);
                }
                supervision->options->on_event(supervision->options->data, &event);
        }
        if (r == EVENT_FILE_E_END && supervision->have_events) {
                buf_reset(&bytes);
                event_file_put_ledger(&bytes, event_file_ledger(file));
                fwrite(bytes.data, 1, bytes.n, supervision->events.stream);
        }
        buf_deinit(&bytes);
        event_file_close(file);
        return NULL;
}

static int open_events(struct supervision *supervision) {
        const struct supervise_options *options = supervision->options;
        int fds[2], r;

        if (options->events_path) {
                r = output_open(&supervision->events, options->events_path);
                if (r) {
                        say_error("--events %s: cannot be written: %s", options->events_path, strerror(-r));
                        return EXIT_USAGE;
                }
                supervision->have_events = true;
                supervision->sink_fd = fileno(supervision->events.stream);
        }
        if (options->on_event) {
                if (pipe2(fds, O_CLOEXEC) < 0)
                        return say_trouble(error_origin(-errno), "event stream");
                supervision->stream_fd = fds[0];
                supervision->sink_fd = fds[1];
                supervision->own_sink = true;
        }
        return 0;
}

/* ---- start ---- */

static int peer_failure(struct supervision *supervision, int r, const char *doing) {
        if (r > 0)
                say_error("%s", supervision->peer.error);
        else
                say_trouble(r, doing);
        /* What a policy asks of an emulation is read where it is emulated. */
        return r == PEER_E_REFUSED && supervision->options->policy && supervision->peer.refusal == EINVAL
                       ? EXIT_USAGE
                       : EXIT_TROUBLE;
}

static int launch_failure(struct supervision *supervision, int r) {
        switch (r) {
        case LAUNCH_E_NOT_FOUND:
        case LAUNCH_E_NOT_EXECUTABLE:
                say_error("%s", supervision->launch.error);
                return r == LAUNCH_E_NOT_FOUND ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
        case LAUNCH_E_SUPERVISED:
        case LAUNCH_E_FILTER:
        case LAUNCH_E_TIME:
        case LAUNCH_E_MOUNTS:
                say_error("%s", supervision->launch.error);
                return EXIT_TROUBLE;
        default:
                return say_trouble(r, "launch");
        }
}

static char *command_line(char *const *argv) {
        struct buf text = BUF_INIT(EVENT_FILE_LABEL_MAX);

        for (size_t i = 0; argv[i]; i++) {
                if (i > 0)
                        buf_putc(&text, ' ');
                buf_puts(&text, argv[i]);
        }
        text.error = 0; /* a long one is cut */
        return text.data ? text.data : strdup("");
}

/* Something of ours is still to go there. */
static bool keeps_stdout(const struct supervision *supervision) {
        return supervision->options->keep_stdout || options_is_stdout(supervision->options->events_path);
}

/*
 * Pipes and files that only the program should hold: as long as we had a copy of a pipe's end, the process
 * at the other end could not see the program close it. Standard error stays, for what we have to say.
 */
static void release_descriptors(struct supervision *supervision) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        struct dirent *entry;
        DIR *folder;

        if (null < 0)
                return;
        dup2(null, STDIN_FILENO);
        if (!keeps_stdout(supervision))
                dup2(null, STDOUT_FILENO);
        fd_close(null);
        /* Every descriptor of ours is close-on-exec; those that are not came from whoever started us. */
        folder = opendir("/proc/self/fd");
        while (folder && (entry = readdir(folder))) {
                int fd = atoi(entry->d_name), flags = fd > STDERR_FILENO ? fcntl(fd, F_GETFD) : -1;

                if (flags >= 0 && !(flags & FD_CLOEXEC))
                        fd_close(fd);
        }
        if (folder)
                closedir(folder);
}

/* A service may let us wait. There is no program yet that signals would be for: they are for us. */
static int greet(struct supervision *supervision, const struct peer_options *options) {
        sigset_t blocked;
        int r;

        if (!options->service)
                return error_trace(peer_start(&supervision->peer, options));
        sigprocmask(SIG_SETMASK, &supervision->job.mask, &blocked);
        r = peer_start(&supervision->peer, options);
        sigprocmask(SIG_SETMASK, &blocked, NULL);
        return error_trace(r);
}

/* A service that was just ending has a successor soon. */
static int hand_over(struct supervision *supervision, const struct peer_options *options) {
        struct peer *peer = &supervision->peer;
        int r = 0;

        for (int tries = 0; tries < HAND_OVER_TRIES; tries++) {
                if (tries > 0)
                        r = peer_start(peer, options);
                if (!r)
                        r = peer_hand_over(peer, supervision->launch.listener_fd, supervision->sink_fd);
                if (r != PEER_E_AWAY)
                        break;
        }
        return r;
}

static int start(struct supervision *supervision) {
        const struct supervise_options *options = supervision->options;
        char *label = command_line(options->argv);
        struct peer_options peer_options = {
                .mode = options->mode,
                .sink = supervision->sink_fd >= 0,
                .decode_all = supervision->sink_fd >= 0,
                .filter = options->enforcing,
                .label = label ? label : "",
                .policy = options->policy ? options->policy->source : NULL,
                .policy_path = options->policy_path,
                .variables = options->variables,
                .answers = options->terminal,
                .service = options->service,
        };
        struct launch_options launch_options = {
                .argv = options->argv,
                .filter = options->installed,
                .listener = true,
                .mounts = options->mounts,
                .filter_flags = options->filter_flags,
                .mask = &supervision->job.mask,
                .on_child = &supervision->job.on_child,
        };
        int r = greet(supervision, &peer_options);

        if (r) {
                free(label);
                return peer_failure(supervision, r, "start of the supervisor");
        }
        /* While we hold the listener, nobody of the same user shall take it from us. */
        prctl(PR_SET_DUMPABLE, 0);
        r = launch_start(&launch_options, &supervision->launch);
        if (r) {
                prctl(PR_SET_DUMPABLE, 1);
                free(label);
                return launch_failure(supervision, r);
        }
        supervision->job.pid = supervision->launch.pid;
        supervision->result->no_new_privs = supervision->launch.no_new_privs;
        r = hand_over(supervision, &peer_options);
        free(label);
        supervision->launch.listener_fd = fd_close(supervision->launch.listener_fd);
        prctl(PR_SET_DUMPABLE, 1);
        if (r) {
                launch_abort(&supervision->launch);
                return peer_failure(supervision, r, "hand-over of the listener");
        }
        launch_go(&supervision->launch);
        if (supervision->own_sink) {
                supervision->sink_fd = fd_close(supervision->sink_fd);
                supervision->own_sink = false;
        }
        release_descriptors(supervision);
        if (options->on_event) {
                r = -pthread_create(&supervision->printer, NULL, print_events, supervision);
                if (r)
                        return say_trouble(error_origin(r), "event stream");
                supervision->printing = true;
        }
        return 0;
}

/* ---- waiting ---- */

#define SECCOMP_NEW_LISTENER (1u << 3)

/* A program with a listener of its own gets EBUSY under ours, which nobody understands unexplained. */
static void explain_second_listener(const struct event *event) {
        const char *name = syscall_name(arch_of_call(event->arch, event->nr), event->nr);
        struct buf comm = BUF_INIT(0);

        if (!name || strcmp(name, "seccomp") != 0 || event->args[0] != SECCOMP_SET_MODE_FILTER ||
            !(event->args[1] & SECCOMP_NEW_LISTENER))
                return;
        buf_escape(&comm, event->comm, strnlen(event->comm, sizeof(event->comm)));
        say("%s wanted to install a seccomp listener of its own and got EBUSY: the kernel allows one per "
            "process, "
            "and callgate holds it",
            buf_string(&comm));
        buf_deinit(&comm);
}

static int on_peer(struct supervision *supervision) {
        struct supervise_result *result = supervision->result;
        struct message message;
        int r = peer_receive(&supervision->peer, &message);

        if (r == PEER_E_GONE && supervision->peer.service &&
            (!supervision->any_row || !supervision->snapshot)) {
                /* An ended session's rows stay as they are: what came already is left out. */
                supervision->n_skip = supervision->n_rows;
                supervision->n_rows = 0;
                clock_gettime(CLOCK_MONOTONIC, &supervision->lost_at);
                supervision->lost = true;
                return 0;
        }
        if (r > 0) {
                snprintf(result->missing, sizeof(result->missing), "%.255s", supervision->peer.error);
                supervision->peer_over = true;
                return 0;
        }
        if (r)
                return say_trouble(r, "result");
        switch (message.number) {
        case MESSAGE_ROW:
                supervision->any_row = true; /* counts would be added twice */
                supervision->n_rows++;
                if (supervision->n_rows <= supervision->n_skip)
                        return 0;
                explain_second_listener(&message.event);
                r = supervision->options->on_row(supervision->options->data, &message.event);
                return r ? say_trouble(r, "result") : 0;
        case MESSAGE_RESULT:
                result->ledger = message.result.ledger;
                if (message.result.final) {
                        result->finished = true;
                        supervision->peer_over = true;
                        snprintf(result->trouble, sizeof(result->trouble), "%.*s",
                                 (int)message.result.n_trouble, message.result.trouble);
                } else {
                        result->n_left = message.result.n_tasks;
                        supervision->snapshot_done = true;
                }
                return 0;
        case MESSAGE_QUESTION:
                terminal_question(supervision->options->terminal, &message.question);
                return 0;
        default:
                return say_trouble(error_origin(-EPROTO), "result");
        }
}

static long since_ms(const struct timespec *then) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (now.tv_sec - then->tv_sec) * 1000 + (now.tv_nsec - then->tv_nsec) / 1000000;
}

/* The service is being restarted: our program goes on, or waits for it, and so do we. */
static int resume(struct supervision *supervision) {
        struct supervise_result *result = supervision->result;
        int r = peer_resume(&supervision->peer);

        if (r < 0)
                return say_trouble(r, "result");
        if (r == 0) {
                supervision->lost = supervision->snapshot = false;
                supervision->restarted = true;
                say("the service was restarted; it supervises the program as session %llu again",
                    (unsigned long long)supervision->peer.session);
        } else if (r == PEER_E_REFUSED || since_ms(&supervision->lost_at) > RESUME_MS) {
                snprintf(result->missing, sizeof(result->missing), "%.255s", supervision->peer.error);
                supervision->lost = false;
                supervision->peer_over = true;
        }
        return 0;
}

/* Ask for what there is so far and leave the supervisor to the processes that remain. */
static int ask_snapshot(struct supervision *supervision) {
        if (supervision->snapshot)
                return 0;
        supervision->snapshot = true;
        return peer_send(&supervision->peer, MESSAGE_SNAPSHOT) == 0 ? 0 : -1;
}

/*
 * --detach: the caller's process exits with the program's status; a child goes on to collect the result and
 * write it. Only where there is a file to write.
 */
static int go_to_background(struct supervision *supervision) {
        pid_t pid = fork();
        int null;

        if (pid < 0)
                return say_trouble(error_origin(-errno), "detach");
        if (pid > 0) {
                say("left the supervisor behind for the processes that remain; results are written when the "
                    "last "
                    "one is gone");
                _exit(job_exit_code(supervision->job.status));
        }
        setsid();
        null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null >= 0) {
                dup2(null, STDIN_FILENO);
                if (!keeps_stdout(supervision))
                        dup2(null, STDOUT_FILENO);
                dup2(null, STDERR_FILENO);
                fd_close(null);
        }
        supervision->result->detached = true;
        return 0;
}

/* A line was typed. An answer that the supervisor no longer waits for does no harm. */
static void on_terminal(struct supervision *supervision) {
        enum message_word word;
        uint64_t id;

        if (terminal_answer(supervision->options->terminal, &id, &word))
                peer_answer(&supervision->peer, id, word);
}

static int wait_for_end(struct supervision *supervision) {
        const struct supervise_options *options = supervision->options;
        bool noticed = false, interrupted = false;
        int r;

        while (!(supervision->peer_over && supervision->job.ended) && !supervision->snapshot_done) {
                struct pollfd fds[] = {
                        { .fd = supervision->job.signal_fd, .events = POLLIN },
                        { .fd = supervision->peer_over || supervision->lost ? -1 : supervision->peer.fd,
                          .events = POLLIN },
                        { .fd = terminal_fd(options->terminal), .events = POLLIN },
                };
                bool left = supervision->job.ended && !supervision->peer_over && !supervision->snapshot &&
                            !supervision->result->detached;
                long limit = options->detach ? GRACE_MS : NOTICE_MS;
                bool had_ended = supervision->job.ended;
                int timeout = left && !noticed ? (int)(limit - since_ms(&supervision->ended_at)) : -1;

                if (supervision->lost)
                        timeout = RESUME_NAP_MS;
                else if (timeout < 0 && left && !noticed)
                        timeout = 0;
                r = poll(fds, 3, timeout);
                if (r < 0 && errno != EINTR)
                        return say_trouble(error_origin(-errno), "wait");
                if (r == 0 && supervision->lost) {
                        r = resume(supervision);
                        if (r)
                                return r;
                        continue;
                }
                if (r == 0 && left) {
                        noticed = true;
                        if (interrupted) {
                                if (ask_snapshot(supervision) < 0)
                                        supervision->peer_over = true;
                        } else if (!options->detach)
                                say("the program has ended; waiting for processes it left behind "
                                    "(ctrl-C: stop waiting, keep them supervised)");
                        else if (options->deferred_output)
                                r = go_to_background(supervision);
                        else if (ask_snapshot(supervision) < 0)
                                supervision->peer_over = true;
                        if (r)
                                return r;
                        continue;
                }
                if (fds[0].revents) {
                        r = job_on_signal(&supervision->job);
                        if (r < 0)
                                return say_trouble(r, "wait");
                        if (supervision->job.ended && !had_ended)
                                clock_gettime(CLOCK_MONOTONIC, &supervision->ended_at);
                        /* What was meant for the program (ctrl-C goes to the whole group) may reach us after
                         * its end. Only once we really wait is it about our waiting. */
                        if (r == JOB_E_INTERRUPTED)
                                interrupted = true;
                        if (interrupted && noticed && ask_snapshot(supervision) < 0)
                                supervision->peer_over = true;
                }
                if (fds[1].revents) {
                        r = on_peer(supervision);
                        if (r)
                                return r;
                }
                if (fds[2].revents)
                        on_terminal(supervision);
        }
        return 0;
}

/* ---- end ---- */

static void judge(struct supervision *supervision) {
        struct supervise_result *result = supervision->result;
        const struct ledger *ledger = &result->ledger;

        /* What was left behind and has made no notified call is not counted. */
        if (!result->finished && result->n_left == 0)
                snprintf(result->missing, sizeof(result->missing), "processes are still running");
        else if (!result->finished)
                snprintf(result->missing, sizeof(result->missing), "%u process%s still running",
                         result->n_left, result->n_left == 1 ? " is" : "es are");
        else if (ledger->dropped > 0)
                snprintf(result->missing, sizeof(result->missing), "%llu calls were not recorded",
                         (unsigned long long)ledger->dropped);
        else if (ledger->received != ledger->answered + ledger->gone + ledger->pending ||
                 ledger->received != ledger->recorded + ledger->dropped)
                snprintf(result->missing, sizeof(result->missing), "the ledger does not balance");
        else if (supervision->restarted && supervision->sink_fd >= 0)
                snprintf(result->missing, sizeof(result->missing),
                         "the service was restarted: later events went to its own outlets only");
        else if (supervision->options->events_path && ledger->unwritten > 0)
                snprintf(result->missing, sizeof(result->missing), "%llu events are missing from %s",
                         (unsigned long long)ledger->unwritten, supervision->options->events_path);
        result->complete = result->missing[0] == 0;
}

static int finish(struct supervision *supervision) {
        struct supervise_result *result = supervision->result;
        int r;

        result->exit_code = job_exit_code(supervision->job.status);
        result->signalled = WIFSIGNALED(supervision->job.status);
        /* First, because execve may have been one of these calls. */
        if (result->missing[0]) {
                say_error("%s; there is no result, and calls that it had to answer got ENOSYS",
                          result->missing);
                return EXIT_TROUBLE;
        }
        r = launch_executed(&supervision->launch);
        if (r)
                return launch_failure(supervision, r);
        if (supervision->snapshot_done)
                peer_send(&supervision->peer, MESSAGE_DETACH);
        else if (supervision->printing) {
                pthread_join(supervision->printer, NULL);
                supervision->printing = false;
        }
        judge(supervision);
        if (supervision->have_events && !supervision->printing) {
                supervision->have_events = false;
                r = output_commit(&supervision->events);
                if (r) {
                        say_error("--events %s: cannot be written: %s", supervision->options->events_path,
                                  strerror(-r));
                        return EXIT_TROUBLE;
                }
        }
        return 0;
}

int supervise(const struct supervise_options *options, struct supervise_result *ret) {
        struct supervision supervision = {
                .options = options,
                .result = ret,
                .job = { .pid = -1, .signal_fd = -1 },
                .peer = PEER_INIT,
                .launch = LAUNCH_INIT,
                .events = OUTPUT_INIT,
                .stream_fd = -1,
                .sink_fd = -1,
        };
        int r;

        *ret = (struct supervise_result){ 0 };
        if (options->peer) {
                supervision.peer = *options->peer;
                *options->peer = PEER_INIT;
        }
        r = job_init(&supervision.job);
        if (r)
                return say_trouble(r, "signals");
        r = open_events(&supervision);
        if (!r)
                r = start(&supervision);
        if (!r)
                r = wait_for_end(&supervision);
        if (!r)
                r = finish(&supervision);
        if (supervision.have_events)
                output_abort(&supervision.events);
        if (supervision.own_sink)
                fd_close(supervision.sink_fd);
        fd_close(supervision.stream_fd);
        peer_deinit(&supervision.peer);
        launch_deinit(&supervision.launch);
        job_deinit(&supervision.job);
        return r;
}
