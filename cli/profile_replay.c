/* SPDX-License-Identifier: Apache-2.0 */

/* callgate profile replay: which recorded calls a profile would refuse. */

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "cli/context.h"
#include "cli/event_input.h"
#include "cli/exit.h"
#include "cli/profile_verbs.h"
#include "cli/report.h"
#include "cli/say.h"
#include "policy/compile.h"
#include "policy/replay.h"
#include "syscalls/names.h"

static const char help[] =
        "usage: callgate profile replay PROFILE [OPTION…] [EVENTS…]\n"
        "\n"
        "Shows which recorded calls PROFILE would refuse: how often, by which rule, and what would\n"
        "become of the program. EVENTS were written by --events or callgate import; '-', or none, is\n"
        "standard input. Where the answer depends on arguments that a recording lacks, that is said.\n"
        "\n"
        "      --json          one JSON document, as dry-run has it\n" CONTEXT_HELP
        "  -h, --help          this text\n"
        "\n"
        "exit: 0 all would be allowed; 2 a file or the command line is wrong; 3 some would be refused;\n"
        "      4 a recording has a hole, or lacks arguments that decide\n"
        "example: callgate profile replay strict.json nginx-*.events\n";

/* Calls whose answer depends on what is not in the events: by (architecture, number). */
struct undecided {
        uint32_t arch, nr;
        uint64_t count;
        const char *place;
};

struct replaying {
        struct context context;
        const char *path;
        bool json;
        struct profile *resolved;
        struct filter filter;
        struct report *report;
        struct event_input input;
        struct undecided *undecided; /* owned; as many as the filter has numbers that depend on arguments */
        size_t n_undecided;
        uint64_t n_calls, n_uncertain;
};

static int add_undecided(struct replaying *replaying, const struct event *event, const char *place) {
        struct undecided *grown;

        replaying->n_uncertain += event->count;
        for (size_t i = 0; i < replaying->n_undecided; i++) {
                struct undecided *undecided = replaying->undecided + i;

                if (undecided->arch == event->arch && undecided->nr == event->nr) {
                        undecided->count += event->count;
                        return 0;
                }
        }
        grown = reallocarray(replaying->undecided, replaying->n_undecided + 1, sizeof(*grown));
        if (!grown)
                return error_origin(-ENOMEM);
        replaying->undecided = grown;
        grown[replaying->n_undecided++] = (struct undecided){
                .arch = event->arch, .nr = event->nr, .count = event->count, .place = place
        };
        return 0;
}

static int on_event(void *data, const struct event *event) {
        struct replaying *replaying = data;
        struct replay_verdict verdict;
        struct event row = *event;

        replaying->n_calls += event->count;
        replay_event(replaying->resolved, &replaying->filter, event, &verdict);
        if (verdict.result == REPLAY_UNDECIDED)
                return error_trace(add_undecided(replaying, event, verdict.place));
        row.verdict = verdict.actions[0];
        row.flags &= ~(uint32_t)EVENT_OBSERVED;
        if ((row.verdict & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ALLOW)
                return 0;
        return error_trace(report_add(replaying->report, &row));
}

static const char *rule_text(void *data, const struct event *event) {
        const struct replaying *replaying = data;
        struct replay_verdict verdict;

        replay_event(replaying->resolved, &replaying->filter, event, &verdict);
        return verdict.place;
}

static int parse(struct replaying *replaying, int argc, char **argv) {
        enum { JSON = 256 };
        static const struct option options[] = {
                { "json", no_argument, NULL, JSON },
                { "help", no_argument, NULL, 'h' },
                CONTEXT_OPTIONS,
                { 0 },
        };
        int option, r;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
                r = context_option(&replaying->context, "profile replay", option, optarg);
                if (r > 0)
                        return r;
                if (r == 0)
                        continue;
                switch (option) {
                case JSON:
                        replaying->json = true;
                        break;
                case 'h':
                        fputs(help, stdout);
                        return -1;
                default:
                        fputs("Try 'callgate profile replay --help'.\n", stderr);
                        return EXIT_USAGE;
                }
        }
        if (optind == argc)
                return say_usage("profile replay", "which profile?");
        replaying->path = argv[optind];
        replaying->input.paths = argv + optind + 1;
        replaying->input.n = (size_t)(argc - optind - 1);
        return 0;
}

static int prepare(struct replaying *replaying) {
        struct report_options options = {
                .width = report_width(STDOUT_FILENO),
                .rule_text = rule_text,
                .rule_data = replaying,
                .profile = replaying->path,
        };
        struct diags diags = DIAGS_INIT;
        int r = context_resolve(&replaying->context, replaying->path, NULL, &replaying->resolved);

        if (r)
                return r;
        r = filter_compile(replaying->resolved, &diags, &replaying->filter);
        say_diags(&diags, false);
        diags_deinit(&diags);
        if (!r)
                r = report_new(&options, &replaying->report);
        return r > 0 ? EXIT_USAGE : r < 0 ? say_trouble(r, replaying->path) : 0;
}

static int print(struct replaying *replaying) {
        struct buf text = BUF_INIT(0);
        char label[32];
        int r;

        if (!replaying->json && report_n_violations(replaying->report) == 0 && replaying->n_uncertain == 0)
                buf_printf(&text, "%" PRIu64 " recorded call%s, all of them allowed\n", replaying->n_calls,
                           replaying->n_calls == 1 ? "" : "s");
        r = buf_error(&text);
        if (!r && replaying->json)
                r = report_print_json(replaying->report, &text);
        else if (!r && text.n == 0)
                r = report_print(replaying->report, &text);
        if (!r && fwrite(text.data, 1, text.n, stdout) != text.n)
                r = error_origin(-errno);
        if (!r && fflush(stdout) == EOF)
                r = error_origin(-errno);
        buf_deinit(&text);
        if (r)
                return say_unwritten(r);
        for (size_t i = 0; i < replaying->n_undecided; i++) {
                const struct undecided *undecided = replaying->undecided + i;

                say("warning: %s (%" PRIu64 " call%s): allowed or refused by its arguments (%s), which the "
                    "recording lacks",
                    syscall_label(undecided->arch, undecided->nr, label, sizeof(label)), undecided->count,
                    undecided->count == 1 ? "" : "s", undecided->place ?: "no rule");
        }
        return 0;
}

static int run(struct replaying *replaying) {
        int r = prepare(replaying);

        if (!r)
                r = event_input_each(&replaying->input, "profile replay", on_event, replaying);
        if (!r)
                r = print(replaying);
        if (r)
                return r;
        if (report_n_violations(replaying->report) > 0)
                return EXIT_VIOLATION;
        return replaying->n_uncertain > 0 || replaying->input.incomplete ? EXIT_INCOMPLETE : 0;
}

int profile_verb_replay(int argc, char **argv) {
        struct replaying replaying = { .input = EVENT_INPUT_INIT };
        int r = context_init(&replaying.context);

        if (!r)
                r = parse(&replaying, argc, argv);
        if (r == 0)
                r = run(&replaying);
        else if (r < 0)
                r = 0;
        report_free(replaying.report);
        filter_deinit(&replaying.filter);
        profile_free(replaying.resolved);
        event_input_deinit(&replaying.input);
        free(replaying.undecided);
        return r;
}
