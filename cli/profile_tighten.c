/* SPDX-License-Identifier: Apache-2.0 */

/* callgate profile tighten: a profile without what no recording used, proved by replaying before it is
 * written. */

#include <fnmatch.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/output.h"
#include "cli/context.h"
#include "cli/event_input.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/profile_verbs.h"
#include "cli/say.h"
#include "policy/compile.h"
#include "policy/convert.h"
#include "policy/replay.h"
#include "policy/tighten.h"
#include "syscalls/names.h"

static const char help[] =
        "usage: callgate profile tighten PROFILE -o FILE [OPTION…] [EVENTS…]\n"
        "\n"
        "Writes PROFILE without the calls that no recording used. Rules that refuse stay as they are,\n"
        "and so do the calls every program needs to start and to end. Every recorded call is then\n"
        "replayed against both profiles; nothing is written unless the answers are equal. EVENTS were\n"
        "written by --events or callgate import; '-', or none, is standard input.\n"
        "\n"
        "  -o, --output FILE   the profile to write ('-': standard output)\n"
        "      --keep PATTERN  names that stay although unused ('epoll_*'); repeatable\n"
        "      --for RUNTIME   keep the calls that runc, crun or docker make themselves\n"
        "      --comment       write what goes into comments of the rules that stay\n"
        "      --allow-incomplete  do not refuse a recording with a hole\n" CONTEXT_HELP
        "  -h, --help          this text\n"
        "\n"
        "exit: 0 written; 2 a file or the command line is wrong; 4 a recording has a hole\n"
        "example: callgate profile tighten docker.json -o app.json --for docker app-*.events\n";

struct tightening {
        struct context context;
        struct tighten_options options;
        const char *path, *output_path;
        bool allow_incomplete;
        struct profile *written, *resolved, *tight, *tight_resolved;
        struct filter filter, tight_filter;
        struct tighten *tighten;
        struct tighten_drop *drops;
        size_t n_drops;
        struct event_input input;
        uint64_t n_lost;
        struct event lost; /* the first one */
};

static int add_keep(struct tightening *tightening, const char *pattern) {
        const char **grown = reallocarray((void *)tightening->options.keep, tightening->options.n_keep + 1,
                                          sizeof(*grown));

        if (!grown)
                return say_trouble(error_origin(-ENOMEM), "profile tighten");
        tightening->options.keep = grown;
        grown[tightening->options.n_keep++] = pattern;
        return 0;
}

static int parse(struct tightening *tightening, int argc, char **argv) {
        enum { KEEP = 256, FOR, COMMENT, INCOMPLETE };
        static const struct option options[] = {
                { "output", required_argument, NULL, 'o' },
                { "keep", required_argument, NULL, KEEP },
                { "for", required_argument, NULL, FOR },
                { "comment", no_argument, NULL, COMMENT },
                { "allow-incomplete", no_argument, NULL, INCOMPLETE },
                { "help", no_argument, NULL, 'h' },
                CONTEXT_OPTIONS,
                { 0 },
        };
        static const char verb[] = "profile tighten";
        int option, r;

        while ((option = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
                r = context_option(&tightening->context, verb, option, optarg);
                if (r > 0)
                        return r;
                if (r == 0)
                        continue;
                switch (option) {
                case 'o':
                        tightening->output_path = optarg;
                        break;
                case KEEP:
                        r = add_keep(tightening, optarg);
                        if (r)
                                return r;
                        break;
                case FOR:
                        if (learn_runtime_by_name(optarg, &tightening->options.runtime) != 0)
                                return say_usage(verb,
                                                 "--for %s: not a runtime known here; runc, crun or docker",
                                                 optarg);
                        break;
                case COMMENT:
                        tightening->options.comment = true;
                        break;
                case INCOMPLETE:
                        tightening->allow_incomplete = true;
                        break;
                case 'h':
                        fputs(help, stdout);
                        return -1;
                default:
                        fputs("Try 'callgate profile tighten --help'.\n", stderr);
                        return EXIT_USAGE;
                }
        }
        if (optind == argc)
                return say_usage(verb, "which profile?");
        if (!tightening->output_path)
                return say_usage(verb, "-o is missing: where shall the profile go?");
        tightening->path = argv[optind];
        tightening->input.paths = argv + optind + 1;
        tightening->input.n = (size_t)(argc - optind - 1);
        tightening->input.again = true;
        return 0;
}

static int compile(struct profile *resolved, const char *path, struct filter *ret) {
        struct diags diags = DIAGS_INIT;
        int r = filter_compile(resolved, &diags, ret);

        say_diags(&diags, false);
        diags_deinit(&diags);
        return r > 0 ? EXIT_USAGE : r < 0 ? say_trouble(r, path) : 0;
}

static int on_use(void *data, const struct event *event) {
        struct tightening *tightening = data;

        return tighten_add(tightening->tighten, event);
}

static int on_check(void *data, const struct event *event) {
        struct tightening *tightening = data;
        struct replay_verdict before, after;

        replay_event(tightening->resolved, &tightening->filter, event, &before);
        replay_event(tightening->tight_resolved, &tightening->tight_filter, event, &after);
        if (replay_verdict_equal(&before, &after))
                return 0;
        if (tightening->n_lost == 0)
                tightening->lost = *event;
        tightening->n_lost += event->count;
        return 0;
}

static int apply(struct tightening *tightening) {
        struct diags diags = DIAGS_INIT;
        int r = tighten_apply(tightening->tighten, tightening->written, &tightening->tight,
                              &tightening->drops, &tightening->n_drops);

        if (r == TIGHTEN_E_OPEN) {
                say_error(
                        "%s: its default lets calls through, so there is no rule to drop that allows; write "
                        "a profile that refuses by default with 'callgate profile from-events'",
                        tightening->path);
                return EXIT_USAGE;
        }
        if (r == TIGHTEN_E_EMPTY) {
                say_error("%s: no rule would be left; are these events of that program?", tightening->path);
                return EXIT_USAGE;
        }
        if (!r) {
                r = profile_resolve(tightening->tight, &tightening->context.profile, &diags,
                                    &tightening->tight_resolved);
                say_diags(&diags, true);
        }
        diags_deinit(&diags);
        if (r)
                return r > 0 ? EXIT_USAGE : say_trouble(r, tightening->path);
        return compile(tightening->tight_resolved, tightening->path, &tightening->tight_filter);
}

static int check(struct tightening *tightening) {
        char label[32];
        int r = event_input_each(&tightening->input, "profile tighten", on_check, tightening);

        if (r || tightening->n_lost == 0)
                return r;
        say_error("%" PRIu64 " recorded calls would get another answer, the first of them %s; nothing was "
                  "written. Keep it with --keep, and report this: it should not happen",
                  tightening->n_lost,
                  syscall_label(tightening->lost.arch, tightening->lost.nr, label, sizeof(label)));
        return EXIT_TROUBLE;
}

static void summarize(const struct tightening *tightening) {
        struct buf line = BUF_INIT(0);
        const char *place = NULL;

        for (size_t i = 0; i < tightening->n_drops; i++) {
                const struct tighten_drop *drop = tightening->drops + i;

                if (!place || strcmp(place, drop->place) != 0) {
                        if (place)
                                say("%s", buf_string(&line));
                        buf_reset(&line);
                        buf_printf(&line, "dropped from %s:", drop->place);
                        place = drop->place;
                }
                buf_printf(&line, " %s", drop->name);
        }
        if (place)
                say("%s", buf_string(&line));
        say("%zu name%s dropped; %" PRIu64 " recorded events replayed, each answered as before",
            tightening->n_drops, tightening->n_drops == 1 ? "" : "s", tightening->input.n_events);
        buf_deinit(&line);
}

static int write_result(struct tightening *tightening, struct output *output) {
        struct buf text = BUF_INIT(0);
        int r = profile_write(tightening->tight, !tightening->tight->yaml, &text);

        if (!r)
                fwrite(text.data, 1, text.n, output->stream); /* a failure is seen by the commit */
        buf_deinit(&text);
        return r ? say_trouble(r, tightening->output_path)
                 : options_commit(tightening->output_path, "-o", output);
}

/* A pattern that keeps nothing is most likely not what was meant. */
static void doubt_keep(const struct tightening *tightening) {
        const struct profile *profile = tightening->written;

        for (size_t k = 0; k < tightening->options.n_keep; k++) {
                const char *pattern = tightening->options.keep[k];
                bool fits = false;

                for (size_t i = 0; i < profile->n_rules && !fits; i++)
                        for (size_t j = 0; j < profile->rules[i].n_names && !fits; j++)
                                fits = fnmatch(pattern, profile->rules[i].names[j], 0) == 0;
                if (!fits)
                        say("warning: --keep '%s' fits no name in %s", pattern, tightening->path);
        }
}

static int run(struct tightening *tightening) {
        struct output output = OUTPUT_INIT;
        int r = context_resolve(&tightening->context, tightening->path, &tightening->written,
                                &tightening->resolved);

        if (!r && tightening->options.comment && tightening->written->dialect == DIALECT_SPO)
                return say_usage("profile tighten", "--comment: a SeccompProfile resource has no place for "
                                                    "comments of rules; leave it out");
        if (!r)
                doubt_keep(tightening);
        if (!r)
                r = compile(tightening->resolved, tightening->path, &tightening->filter);
        if (!r) {
                r = tighten_new(&tightening->options, &tightening->tighten);
                if (r)
                        return say_trouble(r, "profile tighten");
        }
        if (!r)
                r = options_open(tightening->output_path, "-o", &output);
        if (!r)
                r = event_input_each(&tightening->input, "profile tighten", on_use, tightening);
        if (!r && tightening->input.n_events == 0) {
                say_error("there is no event in the recordings; everything would be dropped");
                r = EXIT_USAGE;
        }
        if (!r && tightening->input.incomplete && !tightening->allow_incomplete) {
                say_error("a recording has a hole, and what it lost would be dropped; nothing was written "
                          "(--allow-incomplete takes the risk)");
                r = EXIT_INCOMPLETE;
        }
        if (!r)
                r = apply(tightening);
        if (!r)
                r = check(tightening);
        if (!r)
                r = write_result(tightening, &output);
        output_abort(&output);
        if (!r)
                summarize(tightening);
        return r;
}

int profile_verb_tighten(int argc, char **argv) {
        struct tightening tightening = { .input = EVENT_INPUT_INIT };
        int r = context_init(&tightening.context);

        if (!r)
                r = parse(&tightening, argc, argv);
        if (r == 0)
                r = run(&tightening);
        else if (r < 0)
                r = 0;
        tighten_free(tightening.tighten);
        tighten_drops_free(tightening.drops, tightening.n_drops);
        free((void *)tightening.options.keep);
        filter_deinit(&tightening.filter);
        filter_deinit(&tightening.tight_filter);
        profile_free(tightening.written);
        profile_free(tightening.resolved);
        profile_free(tightening.tight);
        profile_free(tightening.tight_resolved);
        event_input_deinit(&tightening.input);
        return r;
}
