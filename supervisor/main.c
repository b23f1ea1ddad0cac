/* SPDX-License-Identifier: Apache-2.0 */

/*
 * callgated: options, one loop, run. The private supervisor serves the one connection it was started with
 * and ends with the last task of its session.
 */

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <uv.h>

#include "base/error.h"
#include "supervisor/client.h"
#include "supervisor/kernel.h"

#define EXIT_USAGE   2
#define EXIT_TROUBLE 125

static const char help[] =
        "usage: callgated --private FD\n"
        "\n"
        "The supervisor behind callgate: receives the calls that a seccomp filter notifies,\n"
        "decides, answers and records them. callgate starts it; it is not run by hand.\n"
        "\n"
        "  --private FD  serve the one connection on descriptor FD and end with its program\n"
        "  --version     print the version\n"
        "  --help        print this text\n"
        "\n"
        "example: callgate dry-run --profile strict.json -- nginx   (starts callgated by itself)\n";

static void on_client_closed(void *data) {
        uv_stop(data);
}

/* What the soft limits of whoever started us are about is the program. */
static void raise_limit(int resource) {
        struct rlimit limit;

        if (getrlimit(resource, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
                limit.rlim_cur = limit.rlim_max;
                setrlimit(resource, &limit);
        }
}

static int serve(int fd) {
        struct kernel kernel;
        uv_loop_t loop;
        int r;

        /* Terminal and shutdown signals are for the program; its supervisor ends when the program does. */
        signal(SIGPIPE, SIG_IGN);
        signal(SIGINT, SIG_IGN);
        signal(SIGQUIT, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        signal(SIGTERM, SIG_IGN);
        signal(SIGXFSZ, SIG_IGN); /* EFBIG will do */
#ifndef __SANITIZE_ADDRESS__
        /* Else any process of the same user could take the listener by pidfd_getfd. (The leak checker needs
         * to look into its own process.) */
        prctl(PR_SET_DUMPABLE, 0);
#endif
        raise_limit(RLIMIT_NOFILE);
        raise_limit(RLIMIT_FSIZE);
        r = kernel_linux(&kernel);
        if (r)
                return error_trace(r);
        r = uv_loop_init(&loop);
        if (r)
                return error_origin(r);
        r = client_new(&loop, &kernel, fd, on_client_closed, &loop);
        if (!r)
                uv_run(&loop, UV_RUN_DEFAULT);
        /* Handles that are still closing get their turn. */
        while (uv_run(&loop, UV_RUN_NOWAIT))
                ;
        uv_loop_close(&loop);
        return error_trace(r);
}

int main(int argc, char **argv) {
        static const struct option options[] = {
                { "private", required_argument, NULL, 'p' },
                { "version", no_argument, NULL, 'V' },
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };
        int fd = -1, option, r;
        char *end;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
                switch (option) {
                case 'p':
                        fd = (int)strtol(optarg, &end, 10);
                        if (*end || end == optarg || fd < 0) {
                                fprintf(stderr, "callgated: --private %s: not a descriptor number\n",
                                        optarg);
                                return EXIT_USAGE;
                        }
                        break;
                case 'V':
                        puts("callgated " CALLGATE_VERSION);
                        return 0;
                case 'h':
                        fputs(help, stdout);
                        return 0;
                default:
                        fputs("callgated: see callgated --help\n", stderr);
                        return EXIT_USAGE;
                }
        }
        if (fd < 0 || optind < argc) {
                fputs(help, stderr);
                return EXIT_USAGE;
        }
        r = serve(fd);
        if (r) {
                fprintf(stderr, "callgated: %s\n", error_describe(r));
                return EXIT_TROUBLE;
        }
        return 0;
}
