/* SPDX-License-Identifier: Apache-2.0 */

/* callgate profile from-events: recordings of any origin, united, as a profile that allows what they hold.
 */

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "cli/event_input.h"
#include "cli/exit.h"
#include "cli/learning.h"
#include "cli/profile_verbs.h"
#include "cli/say.h"

static const char help[] =
        "usage: callgate profile from-events -o PROFILE [OPTION…] [EVENTS|FOLDER…]\n"
        "\n"
        "Writes a profile that allows every call in the event files, as record does for a run. The\n"
        "files come from --events of dry-run, record and run, from services or from callgate import;\n"
        "'-', or none, is standard input; of a folder all event files in it and below are read. Any\n"
        "number of files in any order gives the same profile.\n"
        "\n"
        "  -o, --output FILE       the profile to write ('-': standard output)\n"
        "      --args              learn conditions on arguments, where the events have them\n"
        "      --for RUNTIME       add the calls that runc, crun or docker make themselves, those\n"
        "                          seen in the events and those known of it\n"
        "      --with-runtime      add those seen in the events, of whatever runtime\n"
        "      --base FILE         start from this profile\n"
        "      --merge             unite with what is in the output file already\n"
        "      --evidence FILE     why each rule is there, as JSON\n"
        "      --allow-incomplete  do not exit 4 when a recording has a hole, nor 2 when it is "
        "broken\n" EVENT_INPUT_HELP "  -h, --help              this text\n"
        "\n"
        "exit: 0 well; 2 a file or the command line is wrong; 4 a recording has a hole\n"
        "example: callgate profile from-events -o app.json --for docker replica-*.events\n"
        "         callgate profile from-events -o web.json --evidence why.json --pod 'web-*' nodes/\n";

static int parse(struct learning *learning, struct event_input *input, int argc, char **argv) {
        static const struct option options[] = {
                LEARNING_OPTIONS,
                { "with-runtime", no_argument, NULL, LEARNING_OPTION_WITH_RUNTIME },
                { "help", no_argument, NULL, 'h' },
                EVENT_INPUT_OPTIONS,
                { 0 },
        };
        int option, r;

        while ((option = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
                if (event_input_option(input, learning->verb, option, optarg, &r)) {
                        if (r)
                                return r;
                        continue;
                }
                r = learning_option(learning, option, optarg);
                if (r > 0)
                        return r;
                if (r == 0)
                        continue;
                if (option == 'h') {
                        fputs(help, stdout);
                        return -1;
                }
                fputs("Try 'callgate profile from-events --help'.\n", stderr);
                return EXIT_USAGE;
        }
        input->tolerant = learning->allow_incomplete;
        input->paths = argv + optind;
        input->n = (size_t)(argc - optind);
        return learning_check(learning);
}

struct reading {
        struct learning *learning;
        const struct event_input *input;
};

static int on_event(void *data, const struct event *event) {
        const struct reading *reading = data;
        const struct event_source *source = reading->input->source;
        struct learn_place place = {
                .node = event_source_label(source, "node"),
                .namespace = event_source_label(source, "namespace"),
                .pod = event_source_label(source, "pod"),
                .container = event_source_label(source, "container"),
        };
        bool known = place.node || place.namespace || place.pod || place.container;
        int r = learn_at(reading->learning->learn, known ? &place : NULL);

        return error_trace(r ? r : learn_add(reading->learning->learn, event));
}

static int run(struct learning *learning, struct event_input *input) {
        struct reading reading = { .learning = learning, .input = input };
        int r = learning_prepare(learning, NULL);

        if (!r)
                r = learning_open(learning);
        if (!r)
                r = event_input_each(input, learning->verb, on_event, &reading);
        if (!r && input->n_events == 0 && !learning->base && !learning->existing) {
                say_error("there is no event in it; a profile that allows nothing was not written");
                r = EXIT_USAGE;
        }
        if (!r)
                r = learning_write(learning, &input->ledger);
        if (!r && input->n_filtered > 0)
                say("left out: %" PRIu64 " rows of other sessions", input->n_filtered);
        if (!r)
                r = learning_summarize(learning);
        if (!r && input->incomplete && !learning->allow_incomplete) {
                say("the recording is incomplete, so the profile may refuse what the program needs");
                r = EXIT_INCOMPLETE;
        }
        return r;
}

int profile_verb_from_events(int argc, char **argv) {
        struct learning learning = LEARNING_INIT("profile from-events");
        struct event_input input = EVENT_INPUT_INIT;
        int r;

        learning.any_dialect = true;
        r = parse(&learning, &input, argc, argv);
        if (r == 0)
                r = run(&learning, &input);
        else if (r < 0)
                r = 0;
        learning_deinit(&learning);
        event_input_deinit(&input);
        return r;
}
