/* SPDX-License-Identifier: Apache-2.0 */

/* callgate profile from-events: recordings of any origin, united, as a profile that allows what they hold.
 */

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/output.h"
#include "cli/event_input.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/profile_verbs.h"
#include "cli/say.h"
#include "policy/convert.h"
#include "policy/learn.h"
#include "syscalls/names.h"

static const char help[] =
        "usage: callgate profile from-events -o PROFILE [OPTION…] [EVENTS…]\n"
        "\n"
        "Writes a profile that allows every call in the event files, as record does for a run. The\n"
        "files come from --events of dry-run, record and run, or from callgate import; '-', or none,\n"
        "is standard input. Any number of files in any order gives the same profile.\n"
        "\n"
        "  -o, --output FILE       the profile to write ('-': standard output)\n"
        "      --args              learn conditions on arguments, where the events have them\n"
        "      --for RUNTIME       add the calls that runc, crun or docker make themselves, those\n"
        "                          seen in the events and those known of it\n"
        "      --with-runtime      add those seen in the events, of whatever runtime\n"
        "      --base FILE         start from this profile\n"
        "      --merge             unite with what is in the output file already\n"
        "      --evidence FILE     why each rule is there, as JSON\n"
        "      --allow-incomplete  do not exit 4 when a recording has a hole\n"
        "  -h, --help              this text\n"
        "\n"
        "exit: 0 well; 2 a file or the command line is wrong; 4 a recording has a hole\n"
        "example: callgate profile from-events -o app.json --for docker replica-*.events\n";

struct learning {
        const char *output_path, *base_path, *evidence_path;
        struct learn_options options;
        bool merge, allow_incomplete;
        struct profile *base, *existing, *base_resolved, *existing_resolved;
        struct learn *learn;
        struct event_input input;
};

static int parse(struct learning *learning, int argc, char **argv) {
        enum { ARGS = 256, FOR, BASE, MERGE, EVIDENCE, INCOMPLETE, WITH_RUNTIME };
        static const struct option options[] = {
                { "output", required_argument, NULL, 'o' },
                { "args", no_argument, NULL, ARGS },
                { "for", required_argument, NULL, FOR },
                { "with-runtime", no_argument, NULL, WITH_RUNTIME },
                { "base", required_argument, NULL, BASE },
                { "merge", no_argument, NULL, MERGE },
                { "evidence", required_argument, NULL, EVIDENCE },
                { "allow-incomplete", no_argument, NULL, INCOMPLETE },
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };
        static const char verb[] = "profile from-events";
        int option;

        while ((option = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
                switch (option) {
                case 'o':
                        learning->output_path = optarg;
                        break;
                case ARGS:
                        learning->options.args = true;
                        break;
                case FOR:
                        if (learn_runtime_by_name(optarg, &learning->options.runtime) != 0)
                                return say_usage(verb,
                                                 "--for %s: not a runtime known here; runc, crun or docker",
                                                 optarg);
                        break;
                case WITH_RUNTIME:
                        learning->options.with_runtime = true;
                        break;
                case BASE:
                        learning->base_path = optarg;
                        break;
                case MERGE:
                        learning->merge = true;
                        break;
                case EVIDENCE:
                        learning->evidence_path = optarg;
                        break;
                case INCOMPLETE:
                        learning->allow_incomplete = true;
                        break;
                case 'h':
                        fputs(help, stdout);
                        return -1;
                default:
                        fputs("Try 'callgate profile from-events --help'.\n", stderr);
                        return EXIT_USAGE;
                }
        }
        if (!learning->output_path)
                return say_usage(verb, "-o is missing: where shall the profile go?");
        if (learning->merge && strcmp(learning->output_path, "-") == 0)
                return say_usage(verb, "--merge needs a file to unite with, not standard output");
        learning->input.paths = argv + optind;
        learning->input.n = (size_t)(argc - optind);
        return 0;
}

static int prepare(struct learning *learning) {
        int r;

        if (learning->base_path) {
                r = options_profile(learning->base_path, &learning->base, &learning->base_resolved, NULL);
                if (r)
                        return r;
        }
        if (learning->merge && access(learning->output_path, F_OK) == 0) {
                r = options_profile(learning->output_path, &learning->existing, &learning->existing_resolved,
                                    NULL);
                if (r)
                        return r;
        }
        learning->options.base = learning->base;
        learning->options.base_resolved = learning->base_resolved;
        learning->options.merge = learning->existing;
        learning->options.merge_resolved = learning->existing_resolved;
        r = learn_new(&learning->options, &learning->learn);
        return r ? say_trouble(r, "profile from-events") : 0;
}

static int on_event(void *data, const struct event *event) {
        struct learning *learning = data;

        return learn_add(learning->learn, event);
}

static int write_results(struct learning *learning, struct output *profile_out,
                         struct output *evidence_out) {
        cleanup_profile struct profile *profile = NULL;
        struct buf text = BUF_INIT(0);
        int r = learn_profile(learning->learn, &profile);

        if (!r)
                r = profile_write(profile, !profile->yaml, &text);
        if (!r && fwrite(text.data, 1, text.n, profile_out->stream) != text.n)
                r = error_origin(-errno);
        buf_deinit(&text);
        if (!r)
                r = output_commit(profile_out);
        if (!r && learning->evidence_path) {
                r = learn_evidence(learning->learn, &learning->input.ledger, evidence_out->stream);
                if (!r)
                        r = output_commit(evidence_out);
        }
        return r ? say_trouble(r, learning->output_path) : 0;
}

static int summarize(struct learning *learning) {
        struct completeness completeness = learn_completeness(learning->learn);
        const struct learn_unnamed *unnamed;
        struct buf text = BUF_INIT(0);
        const char *const *names;
        size_t n = learn_unnamed(learning->learn, &unnamed), n_names;
        int r = 0;

        for (size_t i = 0; i < n && i < 20; i++) {
                const struct arch *arch = arch_of_call(unnamed[i].arch, unnamed[i].nr);

                say("warning: call number %" PRIu32 " of %s was made %" PRIu64
                    " times; it has no name here and no profile can allow it",
                    unnamed[i].nr, arch ? arch->name : "an unknown architecture", unnamed[i].count);
        }
        if (n > 20)
                say("warning: and %zu more such numbers", n - 20);
        if (strcmp(learning->output_path, "-") != 0)
                say("wrote %s", learning->output_path);
        if (learn_left_out(learning->learn) > 0)
                say("left out: %" PRIu64 " calls of the container runtime's own; --for RUNTIME or "
                    "--with-runtime adds them",
                    learn_left_out(learning->learn));
        completeness_text(&completeness, &text);
        say("%s", buf_string(&text));
        if (learning->base || learning->existing) {
                r = learn_new_names(learning->learn, &names, &n_names);
                buf_reset(&text);
                for (size_t i = 0; i < n_names && !r; i++)
                        buf_printf(&text, " %s", names[i]);
                if (r)
                        r = say_trouble(r, "profile from-events");
                else
                        say("new against %s: %s",
                            learning->base ? learning->base_path : learning->output_path,
                            n_names ? buf_string(&text) + 1 : "nothing");
        }
        buf_deinit(&text);
        return r;
}

static int run(struct learning *learning) {
        struct output profile_out = OUTPUT_INIT, evidence_out = OUTPUT_INIT;
        int r = prepare(learning);

        if (!r)
                r = options_open(learning->output_path, "-o", &profile_out);
        if (!r)
                r = options_open(learning->evidence_path, "--evidence", &evidence_out);
        if (!r)
                r = event_input_each(&learning->input, "profile from-events", on_event, learning);
        if (!r && learning->input.n_events == 0 && !learning->base && !learning->existing) {
                say_error("there is no event in it; a profile that allows nothing was not written");
                r = EXIT_USAGE;
        }
        if (!r)
                r = write_results(learning, &profile_out, &evidence_out);
        output_abort(&profile_out);
        output_abort(&evidence_out);
        if (!r)
                r = summarize(learning);
        if (!r && learning->input.incomplete && !learning->allow_incomplete) {
                say("the recording is incomplete, so the profile may refuse what the program needs");
                r = EXIT_INCOMPLETE;
        }
        return r;
}

int profile_verb_from_events(int argc, char **argv) {
        struct learning learning = { .input = EVENT_INPUT_INIT };
        int r = parse(&learning, argc, argv);

        if (r == 0)
                r = run(&learning);
        else if (r < 0)
                r = 0;
        learn_free(learning.learn);
        event_input_deinit(&learning.input);
        profile_free(learning.base);
        profile_free(learning.existing);
        profile_free(learning.base_resolved);
        profile_free(learning.existing_resolved);
        return r;
}
