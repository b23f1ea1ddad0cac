/* SPDX-License-Identifier: Apache-2.0 */

/* callgate reload: asks the supervisors of running programs to read their policies again. */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fd.h"
#include "cli/control.h"
#include "cli/exit.h"
#include "cli/say.h"
#include "cli/service.h"
#include "cli/verbs.h"
#include "proto/message.h"

static const char help[] =
        "usage: callgate reload [PID…]\n"
        "       callgate reload [--session NUMBER] [--control SOCKET]\n"
        "\n"
        "Has the supervisors of programs started by 'callgate run --policy' read their policy again and\n"
        "put it in force at once, and shows what changed, and what the filter of the running program\n"
        "keeps from taking effect. A broken policy leaves the old one in force. The callgated service\n"
        "reads its configuration again, in the same way.\n"
        "\n"
        "PID is a supervisor's; without any, all of this user's are told, and the service where there is\n"
        "one that this user may control. A supervisor also reads its policy again on SIGHUP.\n"
        "\n"
        "      --session NUMBER  only the policy of this session of the service\n" SERVICE_HELP
        "  -h, --help            this text\n"
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

/* ---- the service ---- */

struct reloading {
        const char *control;
        uint64_t session; /* 0: the configuration */
};

/* *ret_ok: is the new one in force? 0, SERVICE_E_* or -errno. */
static int reload_service(struct service *service, const struct reloading *reloading, bool *ret_ok) {
        struct rpc_value answer, text = { .bytes = "" };
        const struct rpc_field fields[] = { { "ok", RPC_BOOL, ret_ok, NULL },
                                            { "text", RPC_TEXT, &text, NULL } };
        struct buf lines = BUF_INIT(0);
        struct codec_reader reader;
        int r;

        service_begin(service, reloading->session > 0);
        if (reloading->session > 0)
                codec_put_uint(&service->writer, reloading->session);
        r = service_call(service, "reload", &answer);
        if (r)
                return r;
        codec_reader_init(&reader, answer.bytes, answer.n);
        rpc_get_fields(&reader, fields, 2, NULL);
        if (reloading->session > 0)
                printf("session %" PRIu64 ": %s\n", reloading->session,
                       *ret_ok ? "reloaded" : "not reloaded");
        else
                printf("service: %s\n", *ret_ok ? "reloaded" : "not reloaded");
        service_put_lines(&lines, text.bytes, text.n);
        fputs(buf_string(&lines), stdout);
        buf_deinit(&lines);
        return 0;
}

/* The service alone was asked for. An exit code. */
static int reload_named_service(const struct reloading *reloading) {
        struct service service = { 0 };
        bool ok = false;
        int r = service_need(&service, reloading->control);

        if (!r) {
                r = reload_service(&service, reloading, &ok);
                r = r ? service_trouble(&service, r) : ok ? 0 : 1;
        }
        service_close(&service);
        return r;
}

/* Is there one that we may control? Then *ret_code is 0 or 1. */
static bool reload_any_service(int *ret_code) {
        const struct reloading reloading = { 0 };
        struct service service = { 0 };
        bool ok = false;
        int r = service_open(&service, NULL);
        bool there = !r;

        if (!r)
                r = reload_service(&service, &reloading, &ok);
        if (r == SERVICE_E_GONE && service.code == RPC_ERROR_REFUSED)
                there = false;
        else if (there && r)
                service_trouble(&service, r);
        *ret_code = ok ? 0 : 1;
        service_close(&service);
        return there;
}

/* ---- verbs ---- */

static int reload_all(void) {
        unsigned *pids = NULL;
        size_t n = 0, n_told = 0;
        int r = control_list(&pids, &n), code = 0;

        if (reload_any_service(&code))
                n_told++;
        else
                code = 0;

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
                say_error("no program of this user runs under a policy, and there is no callgated service");
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
        enum { SESSION = 256, CONTROL };
        static const struct option options[] = {
                { "session", required_argument, NULL, SESSION },
                { "control", required_argument, NULL, CONTROL },
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };
        struct reloading reloading = { 0 };
        int option;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
                switch (option) {
                case SESSION:
                        if (service_session("reload", optarg, &reloading.session))
                                return EXIT_USAGE;
                        break;
                case CONTROL:
                        reloading.control = optarg;
                        break;
                case 'h':
                        fputs(help, stdout);
                        return 0;
                default:
                        fputs("Try 'callgate reload --help'.\n", stderr);
                        return EXIT_USAGE;
                }
        }
        if (!reloading.control && !reloading.session)
                return optind < argc ? reload_named(argv + optind) : reload_all();
        if (optind < argc)
                return say_usage("reload",
                                 "a process id is a supervisor's; --session and --control are for the "
                                 "service");
        return reload_named_service(&reloading);
}
