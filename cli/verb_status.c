/* SPDX-License-Identifier: Apache-2.0 */

/* callgate status and drain: the service as a whole. */

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/columns.h"
#include "cli/exit.h"
#include "cli/report.h"
#include "cli/say.h"
#include "cli/service.h"
#include "cli/verbs.h"

static const char help_status[] =
        "usage: callgate status [--json] [--control SOCKET]\n"
        "\n"
        "Shows the running callgated service: since when, its files, how many sessions and calls,\n"
        "and where events go and whether they arrive.\n"
        "\n"
        "      --json            the answer of the service as JSON\n" SERVICE_HELP
        "  -h, --help            this text\n"
        "\n"
        "exit: 0 well; 1 an outlet does not work; 2 there is no service, or it may not be asked;\n"
        "      125 trouble\n"
        "example: callgate status\n";

static const char help_drain[] =
        "usage: callgate drain [--control SOCKET]\n"
        "\n"
        "Has the callgated service take no more sessions. It ends when the last one is over; to\n"
        "replace a service without an end of sessions, start the new one with --replace.\n"
        "\n" SERVICE_HELP "  -h, --help            this text\n"
        "\n"
        "exit: 0 well; 2 there is no service, or it may not be asked; 125 trouble\n"
        "example: callgate drain\n";

static const char *time_text(uint64_t ns, char *ret, size_t size) {
        time_t seconds = (time_t)(ns / 1000000000);
        struct tm tm;

        if (!localtime_r(&seconds, &tm) || strftime(ret, size, "%Y-%m-%d %H:%M:%S", &tm) == 0)
                snprintf(ret, size, "?");
        return ret;
}

static void put_text(struct buf *to, const char *before, struct rpc_value text, const char *after) {
        buf_puts(to, before);
        service_put_lines(to, text.bytes, text.n);
        buf_puts(to, after);
}

static void get(struct rpc_value map, const struct rpc_field *fields, size_t n) {
        struct codec_reader reader;

        codec_reader_init(&reader, map.bytes, map.n);
        rpc_get_fields(&reader, fields, n, NULL);
}

struct outlet {
        struct rpc_value name, problem;
        uint64_t taken, delivered, dropped, waiting;
        bool healthy;
};

static struct outlet outlet_get(struct rpc_value map) {
        struct outlet outlet = { .name.bytes = "", .problem.bytes = "" };
        const struct rpc_field fields[] = {
                { "name", RPC_TEXT, &outlet.name, NULL },
                { "problem", RPC_TEXT, &outlet.problem, NULL },
                { "taken", RPC_UINT, &outlet.taken, NULL },
                { "delivered", RPC_UINT, &outlet.delivered, NULL },
                { "dropped", RPC_UINT, &outlet.dropped, NULL },
                { "waiting", RPC_UINT, &outlet.waiting, NULL },
                { "healthy", RPC_BOOL, &outlet.healthy, NULL },
        };

        get(map, fields, sizeof(fields) / sizeof(fields[0]));
        return outlet;
}

/* Returns whether all of them work. */
static bool put_outlets(struct buf *to, struct rpc_value list) {
        static const struct column table[] = {
                { "OUTLET", false, true }, { "TAKEN", true, true },   { "DELIVERED", true, true },
                { "DROPPED", true, true }, { "WAITING", true, true }, { "STATE", false, true },
        };
        struct columns columns = COLUMNS_INIT(table);
        struct codec_reader reader;
        bool healthy = true;
        size_t n;

        codec_reader_init(&reader, list.bytes, list.n);
        n = codec_get_array(&reader);
        for (size_t i = 0; i < n && !reader.error; i++) {
                struct rpc_value map;
                struct outlet outlet;
                char *name, *problem;

                map.bytes = codec_get_value(&reader, &map.n);
                outlet = outlet_get(map);
                name = strndup(outlet.name.bytes, outlet.name.n);
                problem = strndup(outlet.problem.bytes, outlet.problem.n);
                columns_add(&columns, name);
                columns_add_number(&columns, outlet.taken);
                columns_add_number(&columns, outlet.delivered);
                columns_add_number(&columns, outlet.dropped);
                columns_add_number(&columns, outlet.waiting);
                columns_add(&columns, outlet.healthy        ? "works"
                                      : problem && *problem ? problem
                                                            : "does not work");
                healthy &= outlet.healthy;
                free(name);
                free(problem);
        }
        if (n > 0)
                columns_print(&columns, report_width(STDOUT_FILENO), to);
        columns_deinit(&columns);
        return healthy;
}

static bool put_status(struct buf *to, const struct service *service, struct rpc_value status) {
        struct rpc_value version = { .bytes = "" }, config = { .bytes = "none" }, state = version,
                         node = version, sessions = { .bytes = "\x80", .n = 1 }, ledger_map = sessions,
                         outlets = { .bytes = "\x90", .n = 1 };
        uint64_t pid = 0, uid = 0, began_ns = 0, alive = 0, ended = 0, ever = 0, refused = 0;
        struct ledger ledger = { 0 };
        bool has_config = false;
        const struct rpc_field fields[] = {
                { "version", RPC_TEXT, &version, NULL },
                { "config", RPC_TEXT, &config, &has_config },
                { "state", RPC_TEXT, &state, NULL },
                { "node", RPC_TEXT, &node, NULL },
                { "pid", RPC_UINT, &pid, NULL },
                { "uid", RPC_UINT, &uid, NULL },
                { "began_ns", RPC_UINT, &began_ns, NULL },
                { "sessions", RPC_VALUE, &sessions, NULL },
                { "ledger", RPC_VALUE, &ledger_map, NULL },
                { "outlets", RPC_VALUE, &outlets, NULL },
        };
        const struct rpc_field counts[] = {
                { "alive", RPC_UINT, &alive, NULL },
                { "ended", RPC_UINT, &ended, NULL },
                { "ever", RPC_UINT, &ever, NULL },
                { "refused", RPC_UINT, &refused, NULL },
        };
        char text[64];

        get(status, fields, sizeof(fields) / sizeof(fields[0]));
        get(sessions, counts, sizeof(counts) / sizeof(counts[0]));
        service_get_ledger(ledger_map, &ledger);
        put_text(to, "callgated ", version, "");
        buf_printf(to, ", process %" PRIu64 " of uid %" PRIu64 ", since %s\n", pid, uid,
                   time_text(began_ns, text, sizeof(text)));
        buf_printf(to, "control   %s\n", service->path);
        if (!has_config)
                config.n = 4;
        put_text(to, "config    ", config, "\n");
        put_text(to, "state     ", state, "\n");
        put_text(to, "node      ", node, "\n");
        buf_printf(to,
                   "sessions  %" PRIu64 " alive, %" PRIu64 " ended and kept, %" PRIu64 " ever, %" PRIu64
                   " turned away\n",
                   alive, ended, ever, refused);
        report_ledger_text(&ledger, to);
        buf_puts(to, "\n\n");
        if (outlets.n > 1)
                return put_outlets(to, outlets);
        buf_puts(to, "events go nowhere but to those who ask: there is no outlet in the configuration\n");
        return true;
}

struct asking {
        const char *control;
        bool json;
};

/* -1: help was shown. */
static int parse(struct asking *asking, const char *verb, const char *help, int argc, char **argv) {
        enum { JSON = 256, CONTROL };
        static const struct option options[] = {
                { "json", no_argument, NULL, JSON },
                { "control", required_argument, NULL, CONTROL },
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };
        int option;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
                switch (option) {
                case JSON:
                        asking->json = true;
                        break;
                case CONTROL:
                        asking->control = optarg;
                        break;
                case 'h':
                        fputs(help, stdout);
                        return -1;
                default:
                        fprintf(stderr, "Try 'callgate %s --help'.\n", verb);
                        return EXIT_USAGE;
                }
        }
        return optind < argc ? say_usage(verb, "'%s' is too much: it takes options only", argv[optind]) : 0;
}

int verb_status(int argc, char **argv) {
        struct asking asking = { 0 };
        struct service service = { 0 };
        struct buf text = BUF_INIT(0);
        struct rpc_value status;
        int r = parse(&asking, "status", help_status, argc, argv);

        if (r)
                return r < 0 ? 0 : r;
        r = service_need(&service, asking.control);
        if (!r) {
                service_begin(&service, 0);
                r = service_call(&service, "status", &status);
                if (r)
                        r = service_trouble(&service, r);
                else
                        r = put_status(&text, &service, status) ? 0 : 1;
                if (asking.json && r <= 1) {
                        buf_reset(&text);
                        service_json(&text, status);
                        buf_putc(&text, '\n');
                }
        }
        fputs(buf_string(&text), stdout);
        buf_deinit(&text);
        service_close(&service);
        return r;
}

int verb_drain(int argc, char **argv) {
        struct asking asking = { 0 };
        struct service service = { 0 };
        struct rpc_value result;
        uint64_t alive = 0;
        const struct rpc_field field = { "alive", RPC_UINT, &alive, NULL };
        int r = parse(&asking, "drain", help_drain, argc, argv);

        if (r)
                return r < 0 ? 0 : r;
        r = service_need(&service, asking.control);
        if (!r) {
                service_begin(&service, 0);
                r = service_call(&service, "drain", &result);
                if (r) {
                        r = service_trouble(&service, r);
                } else {
                        get(result, &field, 1);
                        printf("no more sessions are taken; %" PRIu64 " are alive\n", alive);
                }
        }
        service_close(&service);
        return r;
}
