/* SPDX-License-Identifier: Apache-2.0 */

/* callgate answer: answers what a policy asks about a program that runs elsewhere. */

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fd.h"
#include "cli/control.h"
#include "cli/exit.h"
#include "cli/say.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "proto/message.h"

static const char help[] =
        "usage: callgate answer [--answers FILE] [PID]\n"
        "\n"
        "Answers, at this terminal, what a policy's 'do: ask' asks about a program that runs elsewhere,\n"
        "until the program ends. PID is its supervisor's process id; it is not needed while there is\n"
        "but one.\n"
        "\n"
        "      --answers FILE  where what was answered with 'always' is written as rules\n"
        "  -h, --help          this text\n"
        "\n"
        "example: callgate answer --answers learned.yaml\n";

static int send_answer(int fd, uint64_t id, enum message_word word) {
        const struct message message = { .number = MESSAGE_ANSWER, .answer = { .id = id, .answer = word } };

        return message_send(fd, &message, NULL, 0);
}

/* One message: 0, or -ECONNRESET at the end of the program. */
static int on_message(int fd, struct buf *payload, struct terminal *terminal) {
        struct message message;
        int r = message_recv(fd, payload, &message);

        if (r)
                return r < 0 ? r : -EPROTO;
        if (message.number == MESSAGE_QUESTION) {
                terminal_question(terminal, &message.question);
                return 0;
        }
        return -EPROTO;
}

static int attend(int fd, struct terminal *terminal) {
        const struct message message = { .number = MESSAGE_ATTEND };
        struct buf payload = BUF_INIT(WIRE_FRAME_MAX);
        int r = message_send(fd, &message, NULL, 0);

        while (!r) {
                struct pollfd fds[] = {
                        { .fd = fd, .events = POLLIN },
                        { .fd = terminal_fd(terminal), .events = POLLIN },
                };
                enum message_word word;
                uint64_t id;

                if (poll(fds, 2, -1) < 0) {
                        r = errno == EINTR ? 0 : error_origin(-errno);
                        continue;
                }
                if (fds[0].revents)
                        r = on_message(fd, &payload, terminal);
                if (!r && fds[1].revents && terminal_answer(terminal, &id, &word))
                        r = send_answer(fd, id, word);
        }
        terminal_forget(terminal);
        buf_deinit(&payload);
        return r == -ECONNRESET || r == -EPIPE ? 0 : r;
}

/* The only one there is, or an exit code with a sentence. */
static int connect_to_only(int *ret_fd) {
        size_t n = 0, n_alive = 0;
        unsigned *pids;
        int r = control_list(&pids, &n), found = -1;

        if (r)
                return say_trouble(r, "list of supervisors");
        for (size_t i = 0; i < n; i++) {
                int fd = control_connect(pids[i]);

                if (fd < 0)
                        continue;
                if (n_alive++ == 0)
                        found = fd;
                else
                        fd_close(fd);
        }
        free(pids);
        if (n_alive == 1) {
                *ret_fd = found;
                return 0;
        }
        fd_close(found);
        if (n_alive == 0)
                say_error("no program of this user runs under a policy");
        else
                say_error("%zu programs run under a policy: say which by the process id of its callgated",
                          n_alive);
        return EXIT_USAGE;
}

static int connect_to_named(const char *text, int *ret_fd) {
        char *end;
        unsigned long pid = strtoul(text, &end, 10);

        if (*end || pid == 0 || pid > INT32_MAX)
                return say_usage("answer", "'%s' is not a process id", text);
        *ret_fd = control_connect((unsigned)pid);
        if (*ret_fd == -ENOENT || *ret_fd == -ECONNREFUSED) {
                say_error("%lu: no supervisor of this user with a policy has this process id", pid);
                return EXIT_USAGE;
        }
        return *ret_fd < 0 ? say_trouble(*ret_fd, "connection to the supervisor") : 0;
}

static int answer(const char *pid, const char *answers_path) {
        struct terminal *terminal;
        int fd = -1, r, closed;

        r = pid ? connect_to_named(pid, &fd) : connect_to_only(&fd);
        if (r)
                return r;
        terminal = terminal_open(answers_path);
        if (!terminal) {
                fd_close(fd);
                say_error("there is no terminal to ask at");
                return EXIT_USAGE;
        }
        r = attend(fd, terminal);
        fd_close(fd);
        closed = terminal_close(terminal);
        if (closed) {
                say_error("--answers %s: cannot be written: %s", answers_path, strerror(-closed));
                return EXIT_TROUBLE;
        }
        return r ? say_trouble(r, "questions") : 0;
}

int verb_answer(int argc, char **argv) {
        enum { ANSWERS = 256 };
        static const struct option options[] = {
                { "answers", required_argument, NULL, ANSWERS },
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };
        const char *answers_path = NULL;
        int option;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
                switch (option) {
                case ANSWERS:
                        answers_path = optarg;
                        break;
                case 'h':
                        fputs(help, stdout);
                        return 0;
                default:
                        fputs("Try 'callgate answer --help'.\n", stderr);
                        return EXIT_USAGE;
                }
        }
        if (argc - optind > 1)
                return say_usage("answer", "one process id at most");
        return answer(optind < argc ? argv[optind] : NULL, answers_path);
}
