/* SPDX-License-Identifier: Apache-2.0 */

/* callgate record: every call is notified, answered CONTINUE, and learnt into a profile. */

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "agent/notify.h"
#include "agent/peer.h"
#include "base/buf.h"
#include "cli/exit.h"
#include "cli/learning.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/say.h"
#include "cli/supervise.h"
#include "cli/verbs.h"

static const char help[] =
        "usage: callgate record -o PROFILE [OPTION…] -- COMMAND [ARGUMENT…]\n"
        "\n"
        "Runs COMMAND, refuses nothing, and writes a seccomp profile (OCI JSON) that allows what\n"
        "COMMAND and all its descendants did, and refuses the rest with EPERM (ENOSYS for calls\n"
        "that programs probe for). Equal runs give equal files.\n"
        "\n"
        "  -o, --output FILE       the profile to write ('-': standard output)\n"
        "      --args              learn conditions on arguments (socket domains, clone flags, …)\n"
        "      --base FILE         start from this profile: what it allows is not notified again\n"
        "      --merge             unite with what is in the output file already\n"
        "      --for RUNTIME       add the calls that runc, crun or docker make themselves\n"
        "      --evidence FILE     why each rule is there, as JSON\n"
        "      --events FILE       keep every call in FILE (callgate events reads it)\n"
        "      --supervisor SOCKET hand over to the callgated service at SOCKET\n"
        "      --detach            do not wait for processes that outlive the first one\n"
        "      --allow-incomplete  do not exit 4 when the recording has a hole\n"
        "  -h, --help              this text\n"
        "\n"
        "example: callgate record -o nginx.json -- nginx -g 'daemon off;'\n";

struct record {
        struct learning learning;
        const char *events_path, *service;
        bool detach;
        struct filter base_filter, installed;
        struct peer peer;
};

static int parse(struct record *record, int argc, char **argv) {
        enum { EVENTS = 256, DETACH, SUPERVISOR };
        static const struct option options[] = {
                LEARNING_OPTIONS,
                { "events", required_argument, NULL, EVENTS },
                { "supervisor", required_argument, NULL, SUPERVISOR },
                { "detach", no_argument, NULL, DETACH },
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };
        int option, r;

        while ((option = getopt_long(argc, argv, "+o:h", options, NULL)) != -1) {
                r = learning_option(&record->learning, option, optarg);
                if (r > 0)
                        return r;
                if (r == 0)
                        continue;
                switch (option) {
                case EVENTS:
                        record->events_path = optarg;
                        break;
                case SUPERVISOR:
                        record->service = optarg;
                        break;
                case DETACH:
                        record->detach = true;
                        break;
                case 'h':
                        fputs(help, stdout);
                        return -1;
                default:
                        fputs("Try 'callgate record --help'.\n", stderr);
                        return EXIT_USAGE;
                }
        }
        r = learning_check(&record->learning);
        if (r)
                return r;
        return optind == argc ? say_usage("record", "no command to run: put it after --") : 0;
}

static int on_row(void *data, const struct event *event) {
        struct record *record = data;

        return learn_add(record->learning.learn, event);
}

static int prepare(struct record *record) {
        int r = learning_prepare(&record->learning, &record->base_filter);

        if (r)
                return r;
        r = notify_record(&record->base_filter, &record->installed);
        return r ? say_trouble(r, "record") : 0;
}

static int summarize(const struct record *record, const struct supervise_result *result) {
        struct buf text = BUF_INIT(0);
        int r = learning_summarize(&record->learning);

        if (r)
                return r;
        report_ledger_text(&result->ledger, &text);
        say("%s", buf_string(&text));
        if (!result->complete)
                say("the recording is incomplete: %s", result->missing);
        buf_deinit(&text);
        return 0;
}

static int run_record(struct record *record, char **command) {
        struct learning *learning = &record->learning;
        struct supervise_options options = {
                .mode = WIRE_MODE_RECORD,
                .argv = command,
                .enforcing = learning->base_path ? &record->base_filter : NULL,
                .installed = &record->installed,
                .events_path = record->events_path,
                .service = record->service,
                .peer = &record->peer,
                .keep_stdout = options_is_stdout(learning->output_path) ||
                               options_is_stdout(learning->evidence_path),
                .detach = record->detach,
                .deferred_output = true,
                .on_row = on_row,
                .data = record,
        };
        struct supervise_result result;
        int r;

        peer_begin(&record->peer, record->service);
        r = prepare(record);
        if (!r)
                r = learning_open(learning);
        if (!r)
                r = supervise(&options, &result);
        if (!r)
                r = learning_write(learning, &result.ledger);
        if (!r)
                r = summarize(record, &result);
        if (r)
                return r;
        if (!result.complete && !learning->allow_incomplete)
                return EXIT_INCOMPLETE;
        return result.exit_code;
}

int verb_record(int argc, char **argv) {
        struct record record = { .learning = LEARNING_INIT("record"), .peer = PEER_INIT };
        int r = parse(&record, argc, argv);

        if (r == 0)
                r = run_record(&record, argv + optind);
        else if (r < 0)
                r = 0;
        peer_deinit(&record.peer);
        learning_deinit(&record.learning);
        filter_deinit(&record.base_filter);
        filter_deinit(&record.installed);
        return r;
}
