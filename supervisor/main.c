/* SPDX-License-Identifier: Apache-2.0 */

/*
 * callgated: options, and which of its three selves they ask for: the private supervisor of one program, the
 * system service, or the keeper of a service's descriptors.
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
#include "supervisor/service/config.h"
#include "supervisor/service/keeper.h"
#include "supervisor/service/service.h"

#define EXIT_USAGE   2
#define EXIT_TROUBLE 125

static const char help[] =
        "usage: callgated [--config FILE] [--replace]\n"
        "       callgated --check [--config FILE] [--json]\n"
        "       callgated --private FD\n"
        "\n"
        "The supervisor behind callgate: receives the calls that a seccomp filter notifies,\n"
        "decides, answers and records them. As a service it takes listeners from launchers\n"
        "(callgate … --supervisor) and from container runtimes.\n"
        "\n"
        "  --config FILE  configuration, YAML or JSON (callgated(8)); by default\n"
        "                 /etc/callgate/callgated.yaml where it is there\n"
        "  --check        say what the configuration means, and end\n"
        "  --json         with --check: for machines\n"
        "  --replace      take over from the service that runs now; no program notices\n"
        "  --private FD   serve the one connection on descriptor FD and end with its program\n"
        "                 (callgate starts it so by itself)\n"
        "  --version      print the version\n"
        "  --help         print this text\n"
        "\n"
        "exit: 0 ended as asked; 2 the command line or the configuration is wrong;\n"
        "      125 trouble of its own\n"
        "example: callgated --check --config examples/service/callgated.yaml\n";

/* ---- private ---- */

static void on_client_closed(void *data) {
        uv_stop(data);
}

static int serve_client(int fd) {
        struct registry_options registry_options = { 0 };
        struct client_options client_options = { .private = true, .on_closed = on_client_closed };
        static struct registry *registry;
        static struct kernel kernel;
        static uv_loop_t loop;
        int r = kernel_linux(&kernel);

        if (r)
                return error_trace(r);
        r = uv_loop_init(&loop);
        if (r)
                return error_origin(r);
        registry_options.loop = client_options.loop = &loop;
        registry_options.kernel = &kernel;
        r = registry_new(&registry_options, &registry);
        client_options.registry = registry;
        client_options.data = &loop;
        if (!r)
                r = client_new(&client_options, fd);
        if (!r)
                uv_run(&loop, UV_RUN_DEFAULT);
        /* A thread that a task keeps waiting needs all this until we exit. */
        if (registry && registry_alive(registry) > 0)
                return error_trace(r);
        registry = registry_free(registry);
        /* Handles that are still closing get their turn. */
        while (uv_run(&loop, UV_RUN_NOWAIT))
                ;
        uv_loop_close(&loop);
        return error_trace(r);
}

static int run_private(int fd) {
        /* Terminal and shutdown signals are for the program; its supervisor ends when the program does. */
        static const int ignored[] = { SIGINT, SIGQUIT, SIGHUP, SIGTERM };
        int r;

        for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
                signal(ignored[i], SIG_IGN);
        r = serve_client(fd);
        if (r)
                fprintf(stderr, "callgated: %s\n", error_describe(r));
        return r ? EXIT_TROUBLE : 0;
}

/* ---- all of them ---- */

/* What the soft limits of whoever started us are about is the program. */
static void raise_limit(int resource) {
        struct rlimit limit;

        if (getrlimit(resource, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
                limit.rlim_cur = limit.rlim_max;
                setrlimit(resource, &limit);
        }
}

static void prepare(void) {
        signal(SIGPIPE, SIG_IGN);
        signal(SIGXFSZ, SIG_IGN); /* EFBIG will do */
#ifndef __SANITIZE_ADDRESS__
        /* Else any process of the same user could take the listener by pidfd_getfd. (The leak checker needs
         * to look into its own process.) */
        prctl(PR_SET_DUMPABLE, 0);
#endif
        raise_limit(RLIMIT_NOFILE);
        raise_limit(RLIMIT_FSIZE);
}

static int usage(const char *sentence) {
        if (sentence)
                fprintf(stderr, "callgated: %s; see callgated --help\n", sentence);
        else
                fputs("callgated: see callgated --help\n", stderr);
        return EXIT_USAGE;
}

int main(int argc, char **argv) {
        enum { OPTION_CHECK = 256, OPTION_REPLACE, OPTION_JSON };
        static const struct option options[] = {
                { "private", required_argument, NULL, 'p' },
                { "config", required_argument, NULL, 'c' },
                { "check", no_argument, NULL, OPTION_CHECK },
                { "json", no_argument, NULL, OPTION_JSON },
                { "replace", no_argument, NULL, OPTION_REPLACE },
                { "version", no_argument, NULL, 'V' },
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };
        struct service_options service = { 0 };
        bool check = false, json = false;
        int fd = -1, option;
        char *end;

        /* What we start ourselves: supervisor/service/keeper_process.c. */
        if (argc == 4 && strcmp(argv[1], "--keeper") == 0)
                return keeper_main(KEEPER_FD, argv[2], strtoull(argv[3], NULL, 10));
        while ((option = getopt_long(argc, argv, "hc:", options, NULL)) != -1) {
                switch (option) {
                case 'p':
                        fd = (int)strtol(optarg, &end, 10);
                        if (*end || end == optarg || fd < 0) {
                                fprintf(stderr, "callgated: --private %s: not a descriptor number\n",
                                        optarg);
                                return EXIT_USAGE;
                        }
                        break;
                case 'c':
                        service.config_path = optarg;
                        break;
                case OPTION_CHECK:
                        check = true;
                        break;
                case OPTION_JSON:
                        json = true;
                        break;
                case OPTION_REPLACE:
                        service.replace = true;
                        break;
                case 'V':
                        puts("callgated " CALLGATE_VERSION);
                        return 0;
                case 'h':
                        fputs(help, stdout);
                        return 0;
                default:
                        return usage(NULL);
                }
        }
        if (optind < argc)
                return usage("it takes no arguments");
        if (fd >= 0 && (check || service.replace || service.config_path))
                return usage("--private goes with no other option");
        if ((check && service.replace) || (json && !check))
                return usage(json ? "--json goes with --check"
                                  : "--check starts nothing: leave --replace out");
        if (check)
                return config_check(service.config_path, json);
        prepare();
        return fd >= 0 ? run_private(fd) : service_run(&service);
}
