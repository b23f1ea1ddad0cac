/* SPDX-License-Identifier: Apache-2.0 */

/* callgate dry-run: everything a profile would refuse is notified, answered CONTINUE and shown. */

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "agent/notify.h"
#include "agent/peer.h"
#include "base/output.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/refusals.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "proto/event_json.h"
#include "proto/event_text.h"

static const char help[] =
        "usage: callgate dry-run --profile PROFILE [OPTION…] -- COMMAND [ARGUMENT…]\n"
        "\n"
        "Runs COMMAND without refusing anything and shows every call that PROFILE would have\n"
        "refused: program, call, arguments, count, what the kernel would have done, and the\n"
        "rule that decided. COMMAND's output and exit status are untouched; the result goes to\n"
        "standard error.\n"
        "\n"
        "  -p, --profile FILE       seccomp profile: OCI or docker JSON ('-': standard input)\n"
        "  -o, --output FILE        write the result to FILE instead\n"
        "      --json               as one JSON document (with --all: one object per event first)\n"
        "  -a, --all                print each occurrence as it happens\n"
        "      --events FILE        keep every occurrence in FILE (callgate events reads it)\n"
        "      --fix FILE           write the rule that would allow what was refused\n"
        "      --fail-on-violation  exit 3 if anything would have been refused\n"
        "      --supervisor SOCKET  hand over to the callgated service at SOCKET\n"
        "      --detach             do not wait for processes that outlive the first one\n"
        "      --allow-incomplete   do not exit 4 when the result has a hole\n"
        "  -h, --help               this text\n"
        "\n"
        "example: callgate dry-run --profile strict.json -- nginx -g 'daemon off;'\n";

struct dry_run {
        const char *profile_path, *output_path, *fix_path, *events_path, *service;
        bool json, all, fail, detach, allow_incomplete;
        struct refusals refusals;
        struct peer peer;
};

static void print_text(void *data, const struct event *event) {
        struct buf line = BUF_INIT(0);

        if (report_is_own(event))
                return;
        event_text(&line, event);
        buf_putc(&line, '\n');
        fputs(buf_string(&line), stderr);
        buf_deinit(&line);
}

static void print_json(void *data, const struct event *event) {
        struct buf line = BUF_INIT(0);

        if (report_is_own(event))
                return;
        event_json(&line, event, refusals_rule(data, event));
        buf_putc(&line, '\n');
        fputs(buf_string(&line), stderr);
        buf_deinit(&line);
}

static int parse(struct dry_run *run, int argc, char **argv) {
        enum { JSON = 256, EVENTS, FIX, FAIL, DETACH, INCOMPLETE, SUPERVISOR };
        static const struct option options[] = {
                { "profile", required_argument, NULL, 'p' },
                { "output", required_argument, NULL, 'o' },
                { "json", no_argument, NULL, JSON },
                { "all", no_argument, NULL, 'a' },
                { "events", required_argument, NULL, EVENTS },
                { "fix", required_argument, NULL, FIX },
                { "fail-on-violation", no_argument, NULL, FAIL },
                { "supervisor", required_argument, NULL, SUPERVISOR },
                { "detach", no_argument, NULL, DETACH },
                { "allow-incomplete", no_argument, NULL, INCOMPLETE },
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };
        int option;

        while ((option = getopt_long(argc, argv, "+p:o:ah", options, NULL)) != -1) {
                switch (option) {
                case 'p':
                        run->profile_path = optarg;
                        break;
                case 'o':
                        run->output_path = optarg;
                        break;
                case 'a':
                        run->all = true;
                        break;
                case JSON:
                        run->json = true;
                        break;
                case EVENTS:
                        run->events_path = optarg;
                        break;
                case FIX:
                        run->fix_path = optarg;
                        break;
                case FAIL:
                        run->fail = true;
                        break;
                case SUPERVISOR:
                        run->service = optarg;
                        break;
                case DETACH:
                        run->detach = true;
                        break;
                case INCOMPLETE:
                        run->allow_incomplete = true;
                        break;
                case 'h':
                        fputs(help, stdout);
                        return -1;
                default:
                        fputs("Try 'callgate dry-run --help'.\n", stderr);
                        return EXIT_USAGE;
                }
        }
        if (!run->profile_path)
                return say_usage("dry-run", "--profile is missing: which profile is to be tried?");
        if (optind == argc)
                return say_usage("dry-run", "no command to run: put it after --");
        if (run->all && run->detach)
                return say_usage("dry-run",
                                 "--all prints as long as the program runs; it cannot go with --detach");
        return 0;
}

static int write_fix(struct dry_run *run, struct output *output) {
        struct buf text = BUF_INIT(0);
        size_t n_unnamed;
        int r = report_fix(run->refusals.report, &text, &n_unnamed);

        if (r)
                r = say_trouble(r, "--fix");
        else if (text.n == 0) {
                say("nothing to allow: %s is not written", run->fix_path);
                output_abort(output);
        } else {
                fwrite(text.data, 1, text.n, output->stream);
                r = options_commit(run->fix_path, "--fix", output);
        }
        if (!r && n_unnamed > 0)
                say("%zu calls have no name here and cannot be put into a profile", n_unnamed);
        buf_deinit(&text);
        return r;
}

static int run_dry(struct dry_run *run, char **command) {
        struct supervise_options options = {
                .mode = WIRE_MODE_DRY_RUN,
                .argv = command,
                .events_path = run->events_path,
                .service = run->service,
                .peer = &run->peer,
                .keep_stdout = options_is_stdout(run->output_path) || options_is_stdout(run->fix_path),
                .detach = run->detach,
                .deferred_output = run->output_path || run->events_path,
                .on_event = !run->all   ? NULL
                            : run->json ? print_json
                                        : print_text,
        };
        struct output report_out = OUTPUT_INIT, fix_out = OUTPUT_INIT;
        struct supervise_result result;
        int r;

        peer_begin(&run->peer, run->service);
        r = refusals_open(&run->refusals, run->profile_path);
        if (!r)
                r = options_open(run->output_path, "-o", &report_out);
        if (!r)
                r = options_open(run->fix_path, "--fix", &fix_out);
        if (!r)
                r = refusals_supervise(&run->refusals, &options, notify_dry_run, run->profile_path,
                                       run->output_path, &result);
        if (!r)
                r = refusals_print(&run->refusals, run->json, run->output_path ? report_out.stream : stderr);
        if (!r && run->output_path)
                r = options_commit(run->output_path, "-o", &report_out);
        if (!r && run->fix_path)
                r = write_fix(run, &fix_out);
        output_abort(&report_out);
        output_abort(&fix_out);
        if (r)
                return r;
        if (!result.complete)
                say("the result is incomplete: %s", result.missing);
        if (run->fail && report_n_violations(run->refusals.report) > 0)
                return EXIT_VIOLATION;
        if (!result.complete && !run->allow_incomplete)
                return EXIT_INCOMPLETE;
        return result.exit_code;
}

int verb_dry_run(int argc, char **argv) {
        struct dry_run run = { .refusals = REFUSALS_INIT, .peer = PEER_INIT };
        int r = parse(&run, argc, argv);

        if (r == 0)
                r = run_dry(&run, argv + optind);
        else if (r < 0)
                r = 0;
        peer_deinit(&run.peer);
        refusals_close(&run.refusals);
        return r;
}
