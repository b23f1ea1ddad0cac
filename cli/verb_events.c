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
#include "cli/report.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "proto/event_json.h"
#include "proto/event_text.h"

static const char help[] =
        "usage: callgate events [OPTION…] FILE|FOLDER…\n"
        "\n"
        "Prints recorded events, one line each, and then the ledger. A FILE was written by --events\n"
        "or by a service; '-' is standard input. Of a FOLDER all event files in it and below are\n"
        "printed, the older ones of a rotation first. Events of a service are lines of a table, with\n"
        "pod and container.\n"
        "\n"
        "      --json              one JSON object per line; the last one holds the "
        "ledger\n" EVENT_INPUT_HELP "  -h, --help              this text\n"
        "\n"
        "A file whose writer was killed is printed as far as it goes, with a warning.\n"
        "Exit status: 0 well, 2 a file is missing or broken, 4 one was cut short, 125 trouble.\n"
        "\n"
        "example: callgate events --json nginx.events | jq -r .syscall_name | sort | uniq -c\n"
        "         callgate events --namespace shop --pod 'web-*' /var/log/callgate\n";

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
                return error_trace(put_line(printing));
        }
        if (event->source == 0) {
                event_text(&printing->line, event);
                return error_trace(put_line(printing));
        }
        if (!printing->headed) {
                printing->headed = true;
                event_table_heading(&printing->table, &printing->line);
                r = put_line(printing);
        }
        event_table_line(&printing->table, printing->input.source, event, &printing->line);
        return error_trace(r ? r : put_line(printing));
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
        /* A file alone that was cut short has no ledger. */
        if (!code && (!printing->input.incomplete || printing->input.ledger.received > 0))
                r = print_ledger(printing);
        if (!r && fflush(stdout) == EOF)
                r = -errno;
        buf_deinit(&printing->line);
        if (r)
                return say_trouble(r, "standard output");
        return code ? code : printing->input.incomplete ? EXIT_INCOMPLETE : 0;
}

int verb_events(int argc, char **argv) {
        enum { JSON = 256 };
        static const struct option options[] = {
                { "json", no_argument, NULL, JSON },
                { "help", no_argument, NULL, 'h' },
                EVENT_INPUT_OPTIONS,
                { 0 },
        };
        struct printing printing = { .input = EVENT_INPUT_INIT };
        int option, code = 0;

        while (!code && (option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
                if (event_input_option(&printing.input, "events", option, optarg, &code))
                        continue;
                switch (option) {
                case JSON:
                        printing.json = true;
                        break;
                case 'h':
                        fputs(help, stdout);
                        event_input_deinit(&printing.input);
                        return 0;
                default:
                        fputs("Try 'callgate events --help'.\n", stderr);
                        code = EXIT_USAGE;
                }
        }
        if (!code && argc == optind)
                code = say_usage("events", "give a FILE, as written by --events or by a service");
        printing.input.paths = argv + optind;
        printing.input.n = (size_t)(argc - optind);
        if (!code)
                code = print_all(&printing);
        event_input_deinit(&printing.input);
        return code;
}
