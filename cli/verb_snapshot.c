/* SPDX-License-Identifier: Apache-2.0 */

/* callgate snapshot: what a session of the service has done so far, as a profile or as a report. */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/output.h"
#include "cli/exit.h"
#include "cli/learning.h"
#include "cli/options.h"
#include "cli/policed_report.h"
#include "cli/report.h"
#include "cli/say.h"
#include "cli/service.h"
#include "cli/verbs.h"
#include "proto/event_codec.h"
#include "proto/event_file.h"

static const char help[] =
        "usage: callgate snapshot SESSION -o PROFILE [OPTION…]\n"
        "       callgate snapshot SESSION [-o REPORT] [--json] [--fix FILE]\n"
        "\n"
        "Of a session that is recorded: writes a profile that allows what it has done so far, as\n"
        "'callgate record' does. Of any other: what its profile refused, or in a dry run would have\n"
        "refused, as 'callgate dry-run' shows it, or what its policy did. The session goes on.\n"
        "Results of sessions that have ended are kept for a while.\n"
        "\n"
        "  -o, --output FILE       where to write ('-': standard output)\n"
        "\n"
        "profiles:\n"
        "      --args              learn conditions on arguments (socket domains, clone flags, …)\n"
        "      --base FILE         start from this profile; with the profile of a dry run, the\n"
        "                          result is that profile and what it would have refused\n"
        "      --merge             unite with what is in the output file already\n"
        "      --for RUNTIME       add the calls that runc, crun or docker make themselves, those\n"
        "                          seen and those known of it\n"
        "      --with-runtime      add those seen, of whatever runtime\n"
        "      --evidence FILE     why each rule is there, as JSON\n"
        "      --format FORM       oci, docker, containers, or spo (a SeccompProfile resource)\n"
        "\n"
        "reports:\n"
        "      --json              one JSON document\n"
        "      --fix FILE          write the rule that would allow what was refused\n"
        "\n"
        "      --events FILE       also write the distinct calls as an event file\n"
        "      --allow-incomplete  do not exit 4 when calls were lost\n" SERVICE_HELP
        "  -h, --help              this text\n"
        "\n"
        "exit: 0 well; 2 no such session, a wrong option or profile, or no service; 4 calls were lost;\n"
        "      125 trouble\n"
        "example: callgate snapshot 7 -o nginx.json --for runc\n";

struct snapshot {
        struct learning learning;
        const char *control, *fix_path, *events_path;
        bool json;
        uint64_t number;
        struct service service;

        /* Of the session. */
        char *mode, *profile;
        bool ended;
        struct ledger ledger;
        uint64_t n_rows;

        /* What is made of it: one of these. */
        struct report *report;
        struct policed_report *policed;
        struct output report_out, fix_out, events_out;
        struct buf events;
};

/* -1: help was shown. */
static int parse(struct snapshot *snapshot, int argc, char **argv) {
        enum { JSON = 256, FIX, EVENTS, CONTROL, FORMAT };
        static const struct option options[] = {
                LEARNING_OPTIONS,
                { "with-runtime", no_argument, NULL, LEARNING_OPTION_WITH_RUNTIME },
                { "format", required_argument, NULL, FORMAT },
                { "json", no_argument, NULL, JSON },
                { "fix", required_argument, NULL, FIX },
                { "events", required_argument, NULL, EVENTS },
                { "control", required_argument, NULL, CONTROL },
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };
        int option, r;

        while ((option = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
                r = learning_option(&snapshot->learning, option, optarg);
                if (r > 0)
                        return r;
                if (r == 0)
                        continue;
                switch (option) {
                case FORMAT:
                        snapshot->learning.dialect = optarg;
                        break;
                case JSON:
                        snapshot->json = true;
                        break;
                case FIX:
                        snapshot->fix_path = optarg;
                        break;
                case EVENTS:
                        snapshot->events_path = optarg;
                        break;
                case CONTROL:
                        snapshot->control = optarg;
                        break;
                case 'h':
                        fputs(help, stdout);
                        return -1;
                default:
                        fputs("Try 'callgate snapshot --help'.\n", stderr);
                        return EXIT_USAGE;
                }
        }
        if (optind == argc)
                return say_usage("snapshot", "which session? 'callgate sessions' lists their numbers");
        if (optind + 1 < argc)
                return say_usage("snapshot", "'%s' is too much: one session at a time", argv[optind + 1]);
        return service_session("snapshot", argv[optind], &snapshot->number);
}

/* ---- what it is about ---- */

static int look(struct snapshot *snapshot) {
        uint64_t ended_ns;
        struct rpc_value session;
        const struct rpc_field field = { "ended_ns", RPC_UINT, &ended_ns, &snapshot->ended };
        struct codec_reader reader;
        int r;

        service_begin(&snapshot->service, 1);
        codec_put_uint(&snapshot->service.writer, snapshot->number);
        r = service_call(&snapshot->service, "session", &session);
        if (r)
                return service_trouble(&snapshot->service, r);
        codec_reader_init(&reader, session.bytes, session.n);
        rpc_get_fields(&reader, &field, 1, NULL);
        snapshot->mode = service_text(session, "mode");
        snapshot->profile = service_text(session, "profile");
        return snapshot->mode && snapshot->profile ? 0 : say_trouble(-ENOMEM, "snapshot");
}

static bool is_mode(const struct snapshot *snapshot, const char *mode) {
        return strcmp(snapshot->mode, mode) == 0;
}

/* Is a profile made of it? */
static bool learns(const struct snapshot *snapshot) {
        return is_mode(snapshot, "record") || snapshot->learning.base_path;
}

static int check(const struct snapshot *snapshot) {
        const struct learning *learning = &snapshot->learning;

        if (learns(snapshot)) {
                if (snapshot->json || snapshot->fix_path)
                        return say_usage("snapshot",
                                         "--json and --fix are for reports; of session %" PRIu64
                                         " a profile is made",
                                         snapshot->number);
                return learning_check(learning);
        }
        if (learning->options.args || learning->options.with_runtime || learning->merge ||
            learning->options.runtime || learning->evidence_path || learning->dialect)
                return say_usage(
                        "snapshot",
                        "session %" PRIu64 " is not recorded (its mode is %s), so nothing is known of "
                        "what its profile allows; name that profile by --base to add what it refused",
                        snapshot->number, snapshot->mode);
        if (snapshot->fix_path && is_mode(snapshot, "policy"))
                return say_usage("snapshot", "--fix is for profiles; session %" PRIu64 " is under a policy",
                                 snapshot->number);
        return 0;
}

static int prepare(struct snapshot *snapshot) {
        const char *output = snapshot->learning.output_path;
        const struct report_options options = {
                .width = output ? REPORT_WIDTH_WHOLE : report_width(STDOUT_FILENO),
                .enforced = is_mode(snapshot, "enforce"),
                .profile = *snapshot->profile ? snapshot->profile : NULL,
        };
        int r = options_open(snapshot->events_path, "--events", &snapshot->events_out);

        if (r)
                return r;
        if (learns(snapshot)) {
                r = learning_prepare(&snapshot->learning, NULL);
                return r ?: learning_open(&snapshot->learning);
        }
        r = options_open(output ? output : "-", "-o", &snapshot->report_out);
        if (!r)
                r = options_open(snapshot->fix_path, "--fix", &snapshot->fix_out);
        if (r)
                return r;
        r = is_mode(snapshot, "policy") ? policed_report_new(true, options.width, &snapshot->policed)
                                        : report_new(&options, &snapshot->report);
        return r ? say_trouble(r, "snapshot") : 0;
}

/* ---- rows ---- */

/* Before the session's mode was another: there was no profile to say anything of it. */
static bool was_recorded(const struct event *event) {
        return event->verdict == SECCOMP_RET_USER_NOTIF && event->answer == EVENT_ANSWER_CONTINUE;
}

static int on_row(struct snapshot *snapshot, const struct event *event) {
        int r = 0;

        snapshot->n_rows++;
        if (snapshot->learning.learn)
                r = learn_add(snapshot->learning.learn, event);
        else if (snapshot->policed)
                r = policed_report_add(snapshot->policed, event);
        else if (!report_is_own(event) && !was_recorded(event))
                r = report_add(snapshot->report, event);
        if (!r && snapshot->events_path) {
                buf_reset(&snapshot->events);
                r = event_file_put_event(&snapshot->events, event);
                if (!r && fwrite(snapshot->events.data, 1, snapshot->events.n,
                                 snapshot->events_out.stream) != snapshot->events.n)
                        r = error_origin(-errno);
        }
        return error_trace(r);
}

/* *from: where to go on; 0: that was all. */
static int on_part(struct snapshot *snapshot, struct rpc_value part, uint64_t *from) {
        struct rpc_value rows = { .bytes = "\x90", .n = 1 }, ledger = { .bytes = "", .n = 0 };
        const struct rpc_field fields[] = {
                { "rows", RPC_VALUE, &rows, NULL },
                { "next", RPC_UINT, from, NULL },
                { "ledger", RPC_VALUE, &ledger, NULL },
        };
        struct codec_reader reader;
        size_t n;
        int r = 0;

        *from = 0;
        codec_reader_init(&reader, part.bytes, part.n);
        rpc_get_fields(&reader, fields, sizeof(fields) / sizeof(fields[0]), NULL);
        codec_reader_init(&reader, ledger.bytes, ledger.n);
        ledger_get(&reader, &snapshot->ledger);
        if (reader.error)
                return error_origin(-EPROTO);
        codec_reader_init(&reader, rows.bytes, rows.n);
        n = codec_get_array(&reader);
        for (size_t i = 0; i < n && !r; i++) {
                struct event event;

                event_get(&reader, &event);
                if (reader.error)
                        return error_origin(-EPROTO);
                r = on_row(snapshot, &event);
        }
        return error_trace(r);
}

static int fetch(struct snapshot *snapshot) {
        struct service *service = &snapshot->service;
        uint64_t from = 0;
        int r;

        do {
                struct rpc_value part;

                service_begin(service, 4);
                codec_put_uint(&service->writer, snapshot->number);
                codec_put_uint(&service->writer, from);
                codec_put_uint(&service->writer, UINT32_MAX);
                codec_put_map(&service->writer, 1);
                codec_put_string(&service->writer, "raw");
                codec_put_bool(&service->writer, true);
                r = service_call(service, "snapshot", &part);
                if (r)
                        return service_trouble(service, r);
                r = on_part(snapshot, part, &from);
        } while (!r && from > 0);
        return r ? say_trouble(r, "snapshot") : 0;
}

/* ---- results ---- */

static int begin_events(struct snapshot *snapshot) {
        char label[64];
        int r;

        if (!snapshot->events_path)
                return 0;
        snprintf(label, sizeof(label), "session %" PRIu64, snapshot->number);
        r = event_file_put_header(&snapshot->events, label, 0);
        if (!r)
                fwrite(snapshot->events.data, 1, snapshot->events.n, snapshot->events_out.stream);
        return r ? say_trouble(r, "--events") : 0;
}

static int end_events(struct snapshot *snapshot) {
        int r;

        if (!snapshot->events_path)
                return 0;
        buf_reset(&snapshot->events);
        r = event_file_put_ledger(&snapshot->events, &snapshot->ledger);
        if (r)
                return say_trouble(r, "--events");
        fwrite(snapshot->events.data, 1, snapshot->events.n, snapshot->events_out.stream);
        return options_commit(snapshot->events_path, "--events", &snapshot->events_out);
}

static int write_profile(struct snapshot *snapshot) {
        struct buf text = BUF_INIT(0);
        int r;

        if (snapshot->n_rows == 0 && !snapshot->learning.base && !snapshot->learning.existing) {
                say_error("session %" PRIu64 " has made no call yet; a profile that allows nothing was not "
                          "written",
                          snapshot->number);
                return EXIT_USAGE;
        }
        r = learning_write(&snapshot->learning, &snapshot->ledger);
        if (!r)
                r = learning_summarize(&snapshot->learning);
        if (r)
                return r;
        report_ledger_text(&snapshot->ledger, &text);
        say("%s", buf_string(&text));
        buf_deinit(&text);
        if (!snapshot->ended)
                say("the session goes on: this is what it has done so far");
        return 0;
}

static int write_fix(struct snapshot *snapshot) {
        struct buf text = BUF_INIT(0);
        size_t n_unnamed;
        int r;

        if (!snapshot->fix_path)
                return 0;
        r = report_fix(snapshot->report, &text, &n_unnamed);
        if (r) {
                r = say_trouble(r, "--fix");
        } else if (text.n == 0) {
                say("nothing to allow: %s is not written", snapshot->fix_path);
        } else {
                fwrite(text.data, 1, text.n, snapshot->fix_out.stream);
                r = options_commit(snapshot->fix_path, "--fix", &snapshot->fix_out);
        }
        buf_deinit(&text);
        return r;
}

static int put_report(struct snapshot *snapshot, struct buf *to) {
        if (snapshot->policed)
                return snapshot->json
                               ? policed_report_print_json(snapshot->policed, &snapshot->ledger, "", to)
                               : policed_report_print(snapshot->policed, &snapshot->ledger, to);
        report_ledger(snapshot->report, &snapshot->ledger);
        return snapshot->json ? report_print_json(snapshot->report, to) : report_print(snapshot->report, to);
}

static int write_report(struct snapshot *snapshot) {
        const char *output = snapshot->learning.output_path;
        struct buf text = BUF_INIT(0);
        int r = put_report(snapshot, &text);

        if (!r && fwrite(text.data, 1, text.n, snapshot->report_out.stream) != text.n)
                r = error_origin(-errno);
        buf_deinit(&text);
        if (r)
                return say_trouble(r, "report");
        r = options_commit(output ? output : "-", "-o", &snapshot->report_out);
        return r ?: write_fix(snapshot);
}

static int run(struct snapshot *snapshot) {
        int r = service_need(&snapshot->service, snapshot->control);

        if (!r)
                r = look(snapshot);
        if (!r)
                r = check(snapshot);
        if (!r)
                r = prepare(snapshot);
        if (!r)
                r = begin_events(snapshot);
        if (!r)
                r = fetch(snapshot);
        if (!r)
                r = learns(snapshot) ? write_profile(snapshot) : write_report(snapshot);
        if (!r)
                r = end_events(snapshot);
        if (r)
                return r;
        if (snapshot->ledger.dropped == 0 || snapshot->learning.allow_incomplete)
                return 0;
        say("the recording is incomplete: %" PRIu64 " calls were lost", snapshot->ledger.dropped);
        return EXIT_INCOMPLETE;
}

int verb_snapshot(int argc, char **argv) {
        struct snapshot snapshot = { .learning = LEARNING_INIT("snapshot"), .events = BUF_INIT(0) };
        int r;

        snapshot.learning.any_dialect = true;
        r = parse(&snapshot, argc, argv);
        if (!r) {
                r = run(&snapshot);
                service_close(&snapshot.service);
        }
        learning_deinit(&snapshot.learning);
        report_free(snapshot.report);
        policed_report_free(snapshot.policed);
        output_abort(&snapshot.report_out);
        output_abort(&snapshot.fix_out);
        output_abort(&snapshot.events_out);
        buf_deinit(&snapshot.events);
        free(snapshot.mode);
        free(snapshot.profile);
        return r < 0 ? 0 : r;
}
