/* SPDX-License-Identifier: Apache-2.0 */

/* callgate reload: asks the supervisors of running programs to read their policies again. */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fd.h"
#include "cli/control.h"
#include "cli/exit.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "proto/message.h"

static const char help[] =
        "usage: callgate reload [PID…]\n"
        "\n"
        "Has the supervisors of programs started by 'callgate run --policy' read their policy again and\n"
        "put it in force at once, and shows what changed, and what the filter of the running program\n"
        "keeps from taking effect. A broken policy leaves the old one in force.\n"
        "\n"
        "PID is a supervisor's; without any, all of this user's are told. A supervisor also reads its\n"
        "policy again on SIGHUP.\n"
        "\n"
        "  -h, --help  this text\n"
        "\n"
        "Exit status: 0 all read it, 1 at least one did not, 2 none is running.\n"
        "\n"
        "example: callgate reload\n";

/* 0, 1 when it kept its old policy, or -errno. */
static int reload_one(unsigned pid) {
        const struct message request = { .number = MESSAGE_RELOAD };
        struct buf payload = BUF_INIT(WIRE_FRAME_MAX);
        cleanup_fd int fd = control_connect(pid);
        struct message answer;
        int r;

        if (fd < 0)
                return fd;
        r = message_send(fd, &request, NULL, 0);
        if (!r)
                r = message_recv(fd, &payload, &answer);
        if (!r && answer.number != MESSAGE_RELOADED)
                r = -EPROTO;
        if (!r) {
                printf("supervisor %u: %s\n", pid, answer.reloaded.ok ? "reloaded" : "not reloaded");
                fwrite(answer.reloaded.text, 1, answer.reloaded.n_text, stdout);
                r = answer.reloaded.ok ? 0 : 1;
        }
        buf_deinit(&payload);
        return r < 0 ? error_trace(r) : r > 1 ? error_origin(-EPROTO) : r;
}

static int reload_all(void) {
        unsigned *pids = NULL;
        size_t n = 0, n_told = 0;
        int r = control_list(&pids, &n), code = 0;

        if (r)
                say_trouble(r, "list of supervisors");
        for (size_t i = 0; !r && i < n; i++) {
                int one = reload_one(pids[i]);

                /* A socket left behind by a supervisor that was killed. */
                if (one == -ECONNREFUSED || one == -ENOENT)
                        continue;
                n_told++;
                if (one < 0)
                        say_error("supervisor %u: %s", pids[i], strerror(-one));
                if (one != 0)
                        code = 1;
        }
        free(pids);
        if (r)
                return EXIT_TROUBLE;
        if (n_told == 0) {
                say_error("no program of this user runs under a policy");
                return EXIT_USAGE;
        }
        return code;
}

static int reload_named(char **pids) {
        int code = 0;

        for (; *pids; pids++) {
                char *end;
                unsigned long pid = strtoul(*pids, &end, 10);
                int r;

                if (*end || pid == 0 || pid > INT32_MAX)
                        return say_usage("reload", "'%s' is not a process id", *pids);
                r = reload_one((unsigned)pid);
                if (r == -ENOENT || r == -ECONNREFUSED) {
                        say_error("%lu: no supervisor of this user with a policy has this process id", pid);
                        return EXIT_USAGE;
                }
                if (r < 0)
                        return say_trouble(r, "reload");
                if (r)
                        code = 1;
        }
        return code;
}

int verb_reload(int argc, char **argv) {
        static const struct option options[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
        int option;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
                if (option == 'h') {
                        fputs(help, stdout);
                        return 0;
                }
                fputs("Try 'callgate reload --help'.\n", stderr);
                return EXIT_USAGE;
        }
        return optind < argc ? reload_named(argv + optind) : reload_all();
}
