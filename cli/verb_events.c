/* SPDX-License-Identifier: Apache-2.0 */

/* callgate events: prints recorded event files. */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "cli/event_input.h"
#include "cli/event_table.h"
#include "cli/exit.h"
#include "cli/follow.h"
#include "cli/report.h"
#include "cli/say.h"
#include "cli/service.h"
#include "cli/verbs.h"
#include "proto/event_json.h"
#include "proto/event_text.h"

static const char help[] =
        "usage: callgate events [OPTION…] FILE|FOLDER…\n"
        "       callgate events -f [OPTION…]\n"
        "\n"
        "Prints recorded events, one line each, and then the ledger. A FILE was written by --events\n"
        "or by a service; '-' is standard input. Of a FOLDER all event files in it and below are\n"
        "printed, the older ones of a rotation first. Events of a service are lines of a table, with\n"
        "pod and container. With -f, events of the running service as they come: calls that are new\n"
        "to their session at once, counts of known ones from time to time.\n"
        "\n"
        "  -f, --follow            ask the service instead of files; ctrl-C ends it\n"
        "      --refused           with -f: only what was refused, or would have been\n"
        "      --all               with -f: every occurrence\n" SERVICE_HELP
        "      --json              one JSON object per line; the last one holds the "
        "ledger\n" EVENT_INPUT_HELP "  -h, --help              this text\n"
        "\n"
        "A file whose writer was killed is printed as far as it goes, with a warning; so is one that\n"
        "is still being written, as the newest of a running service.\n"
        "Exit status: 0 well, 2 a file is missing or broken, or there is no service, 4 a file was cut\n"
        "short, 125 trouble; 130 after ctrl-C.\n"
        "\n"
        "example: callgate events --json nginx.events | jq -r .syscall_name | sort | uniq -c\n"
        "         callgate events --namespace shop --pod 'web-*' /var/log/callgate\n"
        "         callgate events -f --refused --pod 'web-*'\n";

struct printing {
        bool json;
        bool headed; /* the table has begun */
        struct event_table table;
        struct event_input input;
        struct buf line;
};

static int put_line(struct printing *printing) {
        struct buf *line = &printing->line;
        int r;

        buf_putc(line, '\n');
        r = buf_error(line);
        errno = 0;
        if (!r && fwrite(line->data, 1, line->n, stdout) != line->n)
                r = errno ? -errno : -EIO;
        buf_reset(line);
        return r ? error_origin(r) : 0;
}

static int print_event(void *data, const struct event *event) {
        struct printing *printing = data;
        int r = 0;

        if (printing->json) {
                event_json_of(&printing->line, event, event->rule[0] ? event->rule : NULL,
                              printing->input.source);
        } else if (event->source == 0) {
                event_text(&printing->line, event);
        } else {
                if (!printing->headed) {
                        event_table_heading(&printing->table, &printing->line);
                        r = put_line(printing);
                }
                printing->headed = true;
                event_table_line(&printing->table, printing->input.source, event, &printing->line);
        }
        if (!r)
                r = put_line(printing);
        return r ? say_unwritten(r) : 0;
}

/* An error of standard output is found by the next event. */
static void on_source(void *data, const struct event_source *source, const struct ledger *ledger) {
        struct printing *printing = data;

        if (!printing->json || !ledger)
                return;
        event_source_json(&printing->line, source, ledger);
        put_line(printing);
}

static int print_ledger(struct printing *printing) {
        if (printing->json) {
                buf_puts(&printing->line, "{\"ledger\":");
                ledger_json(&printing->line, &printing->input.ledger);
                buf_putc(&printing->line, '}');
        } else {
                report_ledger_text(&printing->input.ledger, &printing->line);
        }
        return error_trace(put_line(printing));
}

static int print_all(struct printing *printing) {
        int code, r = 0;

        printing->line = BUF_INIT(0);
        event_table_init(&printing->table, report_width(STDOUT_FILENO));
        printing->input.on_source = on_source;
        printing->input.go_on = true;
        code = event_input_each(&printing->input, "events", print_event, printing);
        /* A file alone that was cut short, or is still being written, has no ledger. */
        if (!code && ((!printing->input.incomplete && !printing->input.unfinished) ||
                      printing->input.ledger.received > 0))
                r = print_ledger(printing);
        if (!r && fflush(stdout) == EOF)
                r = -errno;
        buf_deinit(&printing->line);
        if (r)
                return say_unwritten(r);
        return code ? code : printing->input.incomplete ? EXIT_INCOMPLETE : 0;
}

struct wish {
        struct printing printing;
        bool follow, refused, all;
        const char *control;
};

static int follow_service(struct wish *wish, int n_left) {
        const struct follow_options options = {
                .control = wish->control,
                .want = &wish->printing.input.want,
                .session = wish->printing.input.session,
                .refused = wish->refused,
                .all = wish->all,
                .json = wish->printing.json,
        };

        if (n_left > 0)
                return say_usage("events", "-f asks the service: no file goes with it");
        return follow(&options);
}

static int print_files(struct wish *wish, int n_left, char **left) {
        if (wish->refused || wish->all || wish->control)
                return say_usage("events", "--refused, --all and --control go with -f");
        if (n_left == 0)
                return say_usage("events", "give a FILE, as written by --events or by a service, or -f");
        wish->printing.input.paths = left;
        wish->printing.input.n = (size_t)n_left;
        return print_all(&wish->printing);
}

/* -1: help was shown. */
static int parse(struct wish *wish, int argc, char **argv) {
        enum { JSON = 256, REFUSED, ALL, CONTROL };
        static const struct option options[] = {
                { "json", no_argument, NULL, JSON },
                { "follow", no_argument, NULL, 'f' },
                { "refused", no_argument, NULL, REFUSED },
                { "all", no_argument, NULL, ALL },
                { "control", required_argument, NULL, CONTROL },
                { "help", no_argument, NULL, 'h' },
                EVENT_INPUT_OPTIONS,
                { 0 },
        };
        int option, code = 0;

        while (!code && (option = getopt_long(argc, argv, "fh", options, NULL)) != -1) {
                if (event_input_option(&wish->printing.input, "events", option, optarg, &code))
                        continue;
                switch (option) {
                case JSON:
                        wish->printing.json = true;
                        break;
                case 'f':
                        wish->follow = true;
                        break;
                case REFUSED:
                        wish->refused = true;
                        break;
                case ALL:
                        wish->all = true;
                        break;
                case CONTROL:
                        wish->control = optarg;
                        break;
                case 'h':
                        fputs(help, stdout);
                        return -1;
                default:
                        fputs("Try 'callgate events --help'.\n", stderr);
                        code = EXIT_USAGE;
                }
        }
        return code;
}

int verb_events(int argc, char **argv) {
        struct wish wish = { .printing = { .input = EVENT_INPUT_INIT } };
        int code = parse(&wish, argc, argv);

        if (!code)
                code = wish.follow ? follow_service(&wish, argc - optind)
                                   : print_files(&wish, argc - optind, argv + optind);
        event_input_deinit(&wish.printing.input);
        return code < 0 ? 0 : code;
}
