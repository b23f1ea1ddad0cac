/* SPDX-License-Identifier: Apache-2.0 */

/*
 * callgate profile simulate: what a profile answers to calls, by its rules and by the compiled filter run in
 * user space. The two are computed on separate ways, so that each vouches for the other.
 */

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/context.h"
#include "cli/event_input.h"
#include "cli/exit.h"
#include "cli/profile_verbs.h"
#include "cli/say.h"
#include "policy/call_text.h"
#include "policy/compile.h"
#include "policy/match.h"
#include "policy/simulate.h"
#include "proto/event_json.h"
#include "syscalls/names.h"
#include "syscalls/table.h"

static const char help[] =
        "usage: callgate profile simulate FILE CALL…\n"
        "       callgate profile simulate FILE --events EVENTS\n"
        "\n"
        "Says what a profile answers to calls and which rule decides: once by its rules, once by\n"
        "the compiled filter, run instruction by instruction in user space. No call is made.\n"
        "\n"
        "  CALL            [ARCH:]NAME [ARGUMENT…]: arguments are numbers or constants joined by\n"
        "                  '|', missing ones are 0; as one word in quotes, or as several\n"
        "  --events FILE   all calls of a recording, each way of deciding once, with a count\n"
        "  --json          one JSON object per line\n" CONTEXT_HELP "  -h, --help      this text\n"
        "\n"
        "exit: 0 rules and filter agree; 5 they do not, which is a bug; 2 a profile, a call or\n"
        "      the command line is wrong; 4 the recording was cut short\n"
        "example: callgate profile simulate docker.json 'socket AF_VSOCK SOCK_STREAM 0' i386:waitpid\n";

struct simulation {
        struct context context;
        const char *path;
        struct profile *resolved;
        struct filter filter;
        bool json;
        bool differs;
};

struct decision {
        struct match match;
        uint32_t by_filter;
        bool agree;
};

static struct decision decide(struct simulation *simulation, uint32_t audit, uint32_t nr,
                              const uint64_t args[6]) {
        struct seccomp_data data = { .nr = (int)nr, .arch = audit };
        struct decision decision;

        memcpy(data.args, args, sizeof(data.args));
        decision.by_filter = filter_simulate(&simulation->filter, &data, NULL);
        match_call(simulation->resolved, audit, nr, args, &decision.match);
        decision.agree = decision.by_filter == decision.match.action;
        simulation->differs |= !decision.agree;
        return decision;
}

static unsigned rule_line(const struct simulation *simulation, const struct match *match) {
        return match->rule == MATCH_NONE ? 0 : simulation->resolved->rules[match->rule].line;
}

static void put_call(uint32_t audit, uint32_t nr, const uint64_t args[6], unsigned n_args, struct buf *to) {
        const struct arch *arch = arch_of_call(audit, nr);
        char label[32];

        if (arch != arch_native())
                buf_printf(to, "%s:", arch ? arch->name : "unknown");
        buf_puts(to, syscall_label(audit, nr, label, sizeof(label)));
        buf_putc(to, '(');
        for (unsigned i = 0; i < n_args; i++)
                buf_printf(to, "%s0x%" PRIx64, i ? ", " : "", args[i]);
        buf_putc(to, ')');
}

/* As many as the call has, or as were given. */
static unsigned n_shown(uint32_t audit, uint32_t nr, unsigned n_given) {
        const struct syscall_row *row = syscall_row_of(audit, nr);

        return row && row->n_args > n_given ? row->n_args : n_given;
}

static void put_text(const struct simulation *simulation, uint32_t audit, uint32_t nr,
                     const uint64_t args[6], unsigned n_args, uint64_t count,
                     const struct decision *decision, struct buf *to) {
        unsigned line = rule_line(simulation, &decision->match);
        char by_rules[64], by_filter[64], condition[96];

        if (count)
                buf_printf(to, "%8" PRIu64 "  ", count);
        put_call(audit, nr, args, n_shown(audit, nr, n_args), to);
        buf_printf(to, "  %s  by %s", filter_action_text(decision->match.action, by_rules, sizeof(by_rules)),
                   decision->match.place);
        if (line)
                buf_printf(to, " (line %u)", line);
        if (decision->match.condition != MATCH_NONE && decision->match.rule != MATCH_NONE)
                buf_printf(to, ": %s",
                           condition_text(&simulation->resolved->rules[decision->match.rule]
                                                   .conditions[decision->match.condition],
                                          condition, sizeof(condition)));
        if (decision->match.ambiguous)
                buf_puts(to, "  [other rules with other actions hold, too]");
        if (!decision->agree)
                buf_printf(to, "  BUT THE COMPILED FILTER SAYS %s",
                           filter_action_text(decision->by_filter, by_filter, sizeof(by_filter)));
        buf_putc(to, '\n');
}

static void put_json(const struct simulation *simulation, uint32_t audit, uint32_t nr,
                     const uint64_t args[6], uint64_t count, const struct decision *decision,
                     struct buf *to) {
        const struct arch *arch = arch_of_call(audit, nr);
        unsigned line = rule_line(simulation, &decision->match);
        char label[32], text[64];

        buf_printf(to, "{\"arch\":\"%s\",\"call\":\"%s\",\"nr\":%" PRIu32 ",\"args\":[",
                   arch ? arch->name : "unknown", syscall_label(audit, nr, label, sizeof(label)), nr);
        for (size_t i = 0; i < 6; i++)
                buf_printf(to, "%s\"0x%" PRIx64 "\"", i ? "," : "", args[i]);
        buf_putc(to, ']');
        if (count)
                buf_printf(to, ",\"count\":%" PRIu64, count);
        buf_printf(to, ",\"by_rules\":\"%s\"",
                   filter_action_text(decision->match.action, text, sizeof(text)));
        buf_printf(to, ",\"by_filter\":\"%s\"", filter_action_text(decision->by_filter, text, sizeof(text)));
        buf_puts(to, ",\"rule\":");
        json_put_text(to, decision->match.place, strlen(decision->match.place));
        if (line)
                buf_printf(to, ",\"line\":%u", line);
        buf_printf(to, ",\"on_arguments\":%s,\"ambiguous\":%s,\"agree\":%s}\n",
                   decision->match.on_arguments ? "true" : "false",
                   decision->match.ambiguous ? "true" : "false", decision->agree ? "true" : "false");
}

static int show(const struct simulation *simulation, uint32_t audit, uint32_t nr, const uint64_t args[6],
                unsigned n_args, uint64_t count, const struct decision *decision) {
        struct buf text = BUF_INIT(0);
        int r;

        if (simulation->json)
                put_json(simulation, audit, nr, args, count, decision, &text);
        else
                put_text(simulation, audit, nr, args, n_args, count, decision, &text);
        r = buf_error(&text);
        if (!r && fwrite(text.data, 1, text.n, stdout) != text.n)
                r = error_origin(-EIO);
        buf_deinit(&text);
        return error_trace(r);
}

/* ---- calls on the command line ---- */

/* Names of calls and architectures begin in lower case; arguments do not. */
static bool begins_call(const char *word) {
        return strchr(word, ':') || islower((unsigned char)*word) || *word == '_';
}

static int simulate_call(struct simulation *simulation, const char *text) {
        struct diags diags = { .file = text };
        struct decision decision;
        struct call_text call;
        int r = call_text_parse(text, simulation->context.profile.arch, &diags, &call);

        say_diags(&diags, false);
        diags_deinit(&diags);
        if (r)
                return r < 0 ? say_trouble(r, "profile simulate") : EXIT_USAGE;
        decision = decide(simulation, call.audit, call.nr, call.args);
        r = show(simulation, call.audit, call.nr, call.args, call.n_args, 0, &decision);
        return r ? say_unwritten(r) : 0;
}

static int simulate_calls(struct simulation *simulation, char **words, int n) {
        int code = 0;

        for (int i = 0, j; !code && i < n; i = j) {
                struct buf call = BUF_INIT(CALL_TEXT_MAX);

                buf_puts(&call, words[i]);
                /* A word with blanks in it is a whole call. */
                for (j = i + 1; j < n && !strchr(words[i], ' ') && !begins_call(words[j]); j++)
                        buf_printf(&call, " %s", words[j]);
                code = buf_error(&call) ? say_usage("profile simulate", "'%.40s…' is too long", words[i])
                                        : simulate_call(simulation, buf_string(&call));
                buf_deinit(&call);
        }
        return code;
}

/* ---- recordings ---- */

/* Calls that one rule decides in one way; args are those of the first. */
struct way {
        uint32_t audit, nr;
        struct decision decision;
        uint64_t args[6];
        uint64_t count; /* 0: empty slot */
};

struct ways {
        struct way *slots; /* open addressing */
        size_t n, size;
};

static size_t way_hash(const struct way *way) {
        uint64_t hash = (uint64_t)way->audit << 32 | way->nr;

        hash ^= ((uint64_t)way->decision.match.rule << 20) + way->decision.by_filter;
        hash *= UINT64_C(0x9e3779b97f4a7c15);
        return (size_t)(hash ^ hash >> 29);
}

static struct way *way_slot(struct ways *ways, const struct way *like) {
        size_t i = way_hash(like) & (ways->size - 1);

        for (; ways->slots[i].count; i = (i + 1) & (ways->size - 1)) {
                const struct way *way = &ways->slots[i];

                if (way->audit == like->audit && way->nr == like->nr &&
                    way->decision.match.rule == like->decision.match.rule &&
                    way->decision.match.condition == like->decision.match.condition &&
                    way->decision.match.action == like->decision.match.action &&
                    way->decision.by_filter == like->decision.by_filter)
                        break;
        }
        return &ways->slots[i];
}

static int ways_add(struct ways *ways, const struct way *way) {
        struct way *slot;

        if (ways->n * 2 >= ways->size) {
                struct ways grown = { .n = ways->n, .size = ways->size ? ways->size * 2 : 1024 };

                grown.slots = calloc(grown.size, sizeof(*grown.slots));
                if (!grown.slots)
                        return error_origin(-ENOMEM);
                for (size_t i = 0; i < ways->size; i++)
                        if (ways->slots[i].count)
                                *way_slot(&grown, &ways->slots[i]) = ways->slots[i];
                free(ways->slots);
                *ways = grown;
        }
        slot = way_slot(ways, way);
        if (slot->count) {
                slot->count += way->count;
        } else {
                *slot = *way;
                ways->n++;
        }
        return 0;
}

static int compare_ways(const void *left, const void *right) {
        const struct way *a = left, *b = right;

        if (!a->count != !b->count)
                return a->count ? -1 : 1;
        if (a->decision.agree != b->decision.agree)
                return a->decision.agree ? 1 : -1;
        if (a->audit != b->audit)
                return a->audit < b->audit ? -1 : 1;
        if (a->nr != b->nr)
                return a->nr < b->nr ? -1 : 1;
        return a->decision.match.rule < b->decision.match.rule
                       ? -1
                       : a->decision.match.rule > b->decision.match.rule;
}

struct reading {
        struct simulation *simulation;
        struct ways ways;
};

static int on_event(void *data, const struct event *event) {
        struct reading *reading = data;
        struct way way = { .audit = event->arch, .nr = event->nr, .count = event->count };

        memcpy(way.args, event->args, sizeof(way.args));
        way.decision = decide(reading->simulation, event->arch, event->nr, event->args);
        return error_trace(ways_add(&reading->ways, &way));
}

static int simulate_events(struct simulation *simulation, char *path) {
        struct event_input input = EVENT_INPUT_INIT;
        struct reading reading = { .simulation = simulation };
        struct ways *ways = &reading.ways;
        int code, r = 0;

        input.paths = &path;
        input.n = 1;
        code = event_input_each(&input, "profile simulate", on_event, &reading);
        if (!code && input.incomplete)
                code = EXIT_INCOMPLETE;
        event_input_deinit(&input);
        if (ways->n)
                qsort(ways->slots, ways->size, sizeof(*ways->slots), compare_ways);
        for (size_t i = 0; !r && i < ways->n; i++)
                r = show(simulation, ways->slots[i].audit, ways->slots[i].nr, ways->slots[i].args, 0,
                         ways->slots[i].count, &ways->slots[i].decision);
        free(ways->slots);
        return r ? say_unwritten(r) : code;
}

static int simulate(struct simulation *simulation, char *events, char **words, int n) {
        struct diags diags = DIAGS_INIT;
        int code, r = filter_compile(simulation->resolved, &diags, &simulation->filter);

        say_diags(&diags, false);
        diags_deinit(&diags);
        if (r)
                return r < 0 ? say_trouble(r, simulation->path) : EXIT_USAGE;
        code = events ? simulate_events(simulation, events) : simulate_calls(simulation, words, n);
        filter_deinit(&simulation->filter);
        if (fflush(stdout) == EOF && !code)
                code = say_unwritten(-errno);
        if (simulation->differs) {
                say_error(
                        "%s: the rules and the compiled filter disagree; this is a bug in callgate, please "
                        "report it with the profile",
                        simulation->path);
                return EXIT_DIFFERENT;
        }
        return code;
}

enum { OPTION_JSON = 256, OPTION_EVENTS };

struct words {
        char **items; /* the profile, then calls; owned, what they point to borrowed */
        int n;
};

static int take_option(struct simulation *simulation, char **events, int option) {
        int r = context_option(&simulation->context, "profile simulate", option, optarg);

        if (r >= 0)
                return r;
        switch (option) {
        case OPTION_JSON:
                simulation->json = true;
                return 0;
        case OPTION_EVENTS:
                *events = optarg;
                return 0;
        default:
                fputs("Try 'callgate profile simulate --help'.\n", stderr);
                return EXIT_USAGE;
        }
}

/* Word by word, since an argument of a call may be a negative number. *ret_help: the help was asked for. */
static int take_words(struct simulation *simulation, char **events, int argc, char **argv,
                      struct words *words, bool *ret_help) {
        static const struct option options[] = {
                { "help", no_argument, NULL, 'h' },
                { "json", no_argument, NULL, OPTION_JSON },
                { "events", required_argument, NULL, OPTION_EVENTS },
                CONTEXT_OPTIONS,
                { 0 },
        };

        while (optind < argc) {
                const char *word = argv[optind];
                int option, r;

                if (word[0] != '-' || !word[1] || isdigit((unsigned char)word[1])) {
                        words->items[words->n++] = argv[optind++];
                        continue;
                }
                option = getopt_long(argc, argv, "+h", options, NULL);
                if (option == -1) /* after "--" */
                        continue;
                *ret_help |= option == 'h';
                r = option == 'h' ? 0 : take_option(simulation, events, option);
                if (r)
                        return r;
        }
        return 0;
}

static int simulate_words(struct simulation *simulation, char *events, const struct words *words) {
        cleanup_profile struct profile *resolved = NULL;
        int r;

        if (!words->n)
                return say_usage("profile simulate", "simulate which profile?");
        if (words->n == 1 && !events)
                return say_usage("profile simulate", "simulate which calls? write some, or --events FILE");
        if (words->n > 1 && events)
                return say_usage("profile simulate", "either calls or --events FILE, not both");
        simulation->path = words->items[0];
        r = context_resolve(&simulation->context, simulation->path, NULL, &resolved);
        if (r)
                return r;
        simulation->resolved = resolved;
        return simulate(simulation, events, words->items + 1, words->n - 1);
}

int profile_verb_simulate(int argc, char **argv) {
        struct simulation simulation = { .filter = FILTER_INIT };
        char *events = NULL;
        struct words words = { 0 };
        bool asked_help = false;
        int r = context_init(&simulation.context);

        if (r)
                return r;
        words.items = calloc((size_t)argc + 1, sizeof(*words.items));
        if (!words.items)
                return say_trouble(error_origin(-ENOMEM), "profile simulate");
        optind = 1;
        r = take_words(&simulation, &events, argc, argv, &words, &asked_help);
        if (!r && asked_help)
                fputs(help, stdout);
        else if (!r)
                r = simulate_words(&simulation, events, &words);
        free(words.items);
        return r;
}
