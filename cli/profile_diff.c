/* SPDX-License-Identifier: Apache-2.0 */

/* callgate profile diff: what changes when one profile takes the place of another. */

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/context.h"
#include "cli/exit.h"
#include "cli/profile_verbs.h"
#include "cli/say.h"
#include "policy/diff.h"
#include "policy/filter.h"
#include "policy/subset.h"
#include "proto/event_json.h"
#include "syscalls/names.h"
#include "syscalls/table.h"

static const char help[] =
        "usage: callgate profile diff A B [--json]\n"
        "       callgate profile diff --subset A B [--json]\n"
        "\n"
        "Says what changes for programs when profile B takes the place of profile A: which\n"
        "calls are newly allowed, newly refused, allowed with other arguments, or refused in\n"
        "another way, on each architecture. How the files are written makes no difference.\n"
        "\n"
        "  --subset        only ask: does A let nothing through that B refuses? If it does, one\n"
        "                  such call is printed, and both compiled filters were run over it.\n"
        "                  A call counts as let through when it runs (ALLOW, LOG); one that is\n"
        "                  left to somebody else (NOTIFY, TRACE) must not be refused by B either\n"
        "  --json          one JSON document\n" CONTEXT_HELP "  -h, --help      this text\n"
        "\n"
        "exit: 0 no difference, or a subset; 1 differences, or no subset; 2 a profile or the\n"
        "      command line is wrong\n"
        "example: callgate profile diff --subset mine.json docker-default.json\n";

#define SHOWN_MAX 8 /* alternatives of one set of arguments */

struct comparing {
        const char *path_a, *path_b;
        struct profile *a, *b;
        bool json;
};

/* ---- text ---- */

static const char *const headings[DIFFERENCE_N_KINDS] = {
        [DIFFERENCE_ALLOWED] = "newly allowed",
        [DIFFERENCE_REFUSED] = "newly refused",
        [DIFFERENCE_CONDITIONS] = "allowed with other arguments",
        [DIFFERENCE_ACTION] = "the same arguments get through, but the action differs",
};

static void put_set(struct diff *diff, const struct difference *item, region_id set, struct buf *to) {
        struct cover cover;
        int r;

        if (set == REGION_EVERYTHING) {
                buf_puts(to, "any arguments");
                return;
        }
        r = cover_init(&cover, diff->regions, set, COVER_CLOSED, profile_arch_bits(item->arch));
        if (r)
                buf_puts(to, "arguments whose conditions are too long to print");
        else
                cover_text(&cover, SHOWN_MAX, to);
        cover_deinit(&cover);
}

static void put_verdict(struct diff *diff, const struct difference *item, region_id region, struct buf *to) {
        struct verdict_parts parts;

        if (verdict_parts_of(&parts, diff->regions, region, profile_arch_bits(item->arch)))
                buf_puts(to, "conditions that are too long to print");
        else
                verdict_parts_text(&parts, to);
        verdict_parts_deinit(&parts);
}

static void put_item(struct diff *diff, const struct difference *item, struct buf *to) {
        buf_printf(to, "    %s\n      was  ", item->others ? "(every call without a rule)" : item->name);
        put_verdict(diff, item, item->before, to);
        buf_puts(to, "\n      is   ");
        put_verdict(diff, item, item->after, to);
        buf_putc(to, '\n');
        if (item->kind != DIFFERENCE_CONDITIONS)
                return;
        if (item->gained != REGION_NOTHING) {
                buf_puts(to, "      more: ");
                put_set(diff, item, item->gained, to);
                buf_putc(to, '\n');
        }
        if (item->lost != REGION_NOTHING) {
                buf_puts(to, "      less: ");
                put_set(diff, item, item->lost, to);
                buf_putc(to, '\n');
        }
}

static bool is_plain(const struct diff *diff, const struct difference *item) {
        return !item->others && region_is_value(diff->regions, item->before, NULL) &&
               region_is_value(diff->regions, item->after, NULL);
}

/* Calls that change in the same plain way share a paragraph. */
static void put_plain(struct diff *diff, const struct difference *items, size_t n, struct buf *to) {
        char was[64], is[64];
        uint32_t before, after;
        size_t column = 0;

        region_is_value(diff->regions, items->before, &before);
        region_is_value(diff->regions, items->after, &after);
        buf_printf(to, "    %s -> %s:", filter_action_text(before, was, sizeof(was)),
                   filter_action_text(after, is, sizeof(is)));
        for (size_t i = 0; i < n; i++) {
                if (!is_plain(diff, &items[i]) || items[i].before != items->before ||
                    items[i].after != items->after)
                        continue;
                if (!column || column + strlen(items[i].name) + 1 > 78) {
                        buf_puts(to, "\n     ");
                        column = 5;
                }
                buf_printf(to, " %s", items[i].name);
                column += strlen(items[i].name) + 1;
        }
        buf_putc(to, '\n');
}

/* The first of the calls that change in its way? */
static bool is_first(const struct difference *items, size_t i) {
        for (size_t j = 0; j < i; j++)
                if (!items[j].others && items[j].before == items[i].before &&
                    items[j].after == items[i].after)
                        return false;
        return true;
}

static void put_kind(struct diff *diff, const struct difference *items, size_t n, struct buf *to) {
        buf_printf(to, "  %s (%zu):\n", headings[items->kind], n);
        for (size_t i = 0; i < n; i++)
                if (is_plain(diff, &items[i]) && is_first(items, i))
                        put_plain(diff, &items[i], n - i, to);
        for (size_t i = 0; i < n; i++)
                if (!is_plain(diff, &items[i]))
                        put_item(diff, &items[i], to);
}

static void put_lone_arch(struct diff *diff, const struct difference *item, struct buf *to) {
        bool added = item->kind == DIFFERENCE_ARCH_ADDED;

        buf_printf(to, "  listed in %s only: its programs %s; %zu calls get through there\n    others: ",
                   added ? "B" : "A", added ? "were killed by A" : "are killed by B", item->n_calls);
        put_verdict(diff, item, added ? item->after : item->before, to);
        buf_putc(to, '\n');
}

static void put_arch(struct diff *diff, const struct difference *items, size_t n, struct buf *to) {
        for (size_t i = 0, j; i < n; i = j) {
                for (j = i + 1; j < n && items[j].kind == items[i].kind; j++)
                        ;
                if (items[i].kind <= DIFFERENCE_ARCH_REMOVED)
                        put_lone_arch(diff, &items[i], to);
                else
                        put_kind(diff, &items[i], j - i, to);
        }
}

/* Architectures with the same text are named together. */
static void put_text(struct diff *diff, struct buf *to) {
        struct buf bodies[32];
        const char *names[32];
        bool done[32] = { false };
        size_t n = 0;

        for (size_t i = 0, j; i < diff->n && n < 32; i = j) {
                for (j = i + 1; j < diff->n && diff->items[j].arch == diff->items[i].arch; j++)
                        ;
                bodies[n] = BUF_INIT(0);
                put_arch(diff, &diff->items[i], j - i, &bodies[n]);
                names[n++] = diff->items[i].arch->name;
        }
        for (size_t i = 0; i < n; i++) {
                if (!done[i]) {
                        buf_puts(to, names[i]);
                        for (size_t j = i + 1; j < n; j++)
                                if (!done[j] && !strcmp(buf_string(&bodies[i]), buf_string(&bodies[j]))) {
                                        buf_printf(to, ", %s", names[j]);
                                        done[j] = true;
                                }
                        buf_printf(to, ":\n%s", buf_string(&bodies[i]));
                }
                buf_deinit(&bodies[i]);
        }
        if (!n)
                buf_puts(to, "no difference\n");
}

/* ---- JSON ---- */

static void put_string(const char *text, struct buf *to) {
        json_put_text(to, text, strlen(text));
}

static void put_action(uint32_t action, struct buf *to) {
        char text[64];

        put_string(filter_action_text(action, text, sizeof(text)), to);
}

static void put_cover(const struct cover *cover, struct buf *to) {
        buf_putc(to, '[');
        for (size_t i = 0; i < cover->n; i++) {
                buf_puts(to, i ? ",[" : "[");
                for (size_t j = 0; j < cover->boxes[i].n; j++) {
                        const struct condition *condition = &cover->boxes[i].conditions[j];

                        buf_printf(to, "%s{\"index\":%u,\"op\":\"%s\",\"value\":\"0x%" PRIx64 "\"",
                                   j ? "," : "", condition->index, op_name((enum condition_op)condition->op),
                                   condition->value);
                        if (condition->op == CONDITION_MASKED_EQ)
                                buf_printf(to, ",\"valueTwo\":\"0x%" PRIx64 "\"", condition->value_two);
                        buf_putc(to, '}');
                }
                buf_putc(to, ']');
        }
        buf_putc(to, ']');
}

static int put_json_set(struct diff *diff, const struct difference *item, const char *key, region_id set,
                        struct buf *to) {
        struct cover cover;
        int r = cover_init(&cover, diff->regions, set, COVER_CLOSED, profile_arch_bits(item->arch));

        buf_printf(to, ",\"%s\":", key);
        if (r == REGION_E_COMPLEX)
                buf_puts(to, "null");
        else if (!r)
                put_cover(&cover, to);
        cover_deinit(&cover);
        return r < 0 ? error_trace(r) : 0;
}

static int put_json_verdict(struct diff *diff, const struct difference *item, const char *key,
                            region_id region, struct buf *to) {
        struct verdict_parts parts;
        int r = verdict_parts_of(&parts, diff->regions, region, profile_arch_bits(item->arch));

        buf_printf(to, ",\"%s\":", key);
        if (r == REGION_E_COMPLEX) {
                buf_puts(to, "null");
                r = 0;
        } else if (!r) {
                buf_puts(to, "{\"cases\":[");
                for (size_t i = 0; i < parts.n; i++) {
                        buf_puts(to, i ? ",{\"action\":" : "{\"action\":");
                        put_action(parts.items[i].action, to);
                        buf_puts(to, ",\"alternatives\":");
                        put_cover(&parts.items[i].cover, to);
                        buf_putc(to, '}');
                }
                buf_puts(to, "],\"otherwise\":");
                put_action(parts.otherwise, to);
                buf_putc(to, '}');
        }
        verdict_parts_deinit(&parts);
        return error_trace(r);
}

static int put_json(const struct comparing *comparing, struct diff *diff, struct buf *to) {
        int r = 0;

        buf_puts(to, "{\"a\":");
        put_string(comparing->path_a, to);
        buf_puts(to, ",\"b\":");
        put_string(comparing->path_b, to);
        buf_printf(to, ",\"equal\":%s,\"differences\":[", diff->n ? "false" : "true");
        for (size_t i = 0; !r && i < diff->n; i++) {
                const struct difference *item = &diff->items[i];

                buf_printf(to, "%s\n{\"arch\":\"%s\",\"kind\":\"%s\"", i ? "," : "", item->arch->name,
                           difference_kind_name(item->kind));
                if (!item->others)
                        buf_printf(to, ",\"call\":\"%s\",\"nr\":%" PRIu32, item->name, item->nr);
                r = put_json_verdict(diff, item, "before", item->before, to);
                if (!r)
                        r = put_json_verdict(diff, item, "after", item->after, to);
                if (!r && item->kind == DIFFERENCE_CONDITIONS)
                        r = put_json_set(diff, item, "gained", item->gained, to)
                                    ?: put_json_set(diff, item, "lost", item->lost, to);
                buf_putc(to, '}');
        }
        buf_puts(to, "]}\n");
        return error_trace(r);
}

/* ---- the two questions ---- */

static int print(struct buf *text, int code) {
        int r = buf_error(text);

        if (!r && (fwrite(text->data ? text->data : "", 1, text->n, stdout) != text->n || fflush(stdout)))
                r = -errno;
        buf_deinit(text);
        return r ? say_unwritten(r) : code;
}

static int compare(const struct comparing *comparing) {
        struct diags diags = DIAGS_INIT;
        struct buf text = BUF_INIT(0);
        struct diff diff;
        bool same;
        int r = diff_init(&diff, comparing->a, comparing->b, &diags);

        say_diags(&diags, false);
        diags_deinit(&diags);
        if (r)
                return r < 0 ? say_trouble(r, "profile diff") : EXIT_USAGE;
        same = !diff.n;
        if (comparing->json)
                r = put_json(comparing, &diff, &text);
        else
                put_text(&diff, &text);
        diff_deinit(&diff);
        if (r) {
                buf_deinit(&text);
                return say_trouble(r, "profile diff");
        }
        return print(&text, same ? 0 : 1);
}

static void put_call(const struct counterexample *example, struct buf *to) {
        const struct syscall_row *row = syscall_row_of(example->audit, example->nr);
        unsigned n = row ? row->n_args : 6;

        buf_printf(to, "%s(", example->name);
        for (unsigned i = 0; i < n; i++)
                buf_printf(to, "%s0x%" PRIx64, i ? ", " : "", example->args[i]);
        buf_printf(to, ") on %s", example->arch->name);
}

static void put_example(const struct comparing *comparing, const struct counterexample *example,
                        struct buf *to) {
        char by_a[64], by_b[64];

        filter_action_text(example->by_a, by_a, sizeof(by_a));
        filter_action_text(example->by_b, by_b, sizeof(by_b));
        if (comparing->json) {
                buf_printf(to,
                           "{\"subset\":false,\"arch\":\"%s\",\"call\":\"%s\",\"nr\":%" PRIu32 ",\"args\":[",
                           example->arch->name, example->name, example->nr);
                for (size_t i = 0; i < 6; i++)
                        buf_printf(to, "%s\"0x%" PRIx64 "\"", i ? "," : "", example->args[i]);
                buf_printf(to,
                           "],\"a\":{\"action\":\"%s\",\"rule\":\"%s\"},\"b\":{\"action\":\"%s\",\"rule\":"
                           "\"%s\"},\"confirmed\":true}\n",
                           by_a, example->place_a, by_b, example->place_b);
                return;
        }
        buf_puts(to, "not a subset: ");
        put_call(example, to);
        buf_printf(to, "\n  %s: %s by %s\n  %s: %s by %s\n  both compiled filters say so\n",
                   comparing->path_a, by_a, example->place_a, comparing->path_b, by_b, example->place_b);
}

static int ask_subset(const struct comparing *comparing) {
        struct counterexample example;
        struct diags diags = DIAGS_INIT;
        struct buf text = BUF_INIT(0);
        bool subset = false;
        int r = subset_check(comparing->a, comparing->b, &diags, &subset, &example);

        say_diags(&diags, false);
        diags_deinit(&diags);
        if (r == SUBSET_E_UNCONFIRMED) {
                say_error("the rules say that %s on %s gets through in %s only, but the compiled filters do "
                          "not; this is a bug in callgate",
                          example.name, example.arch->name, comparing->path_a);
                return EXIT_TROUBLE;
        }
        if (r)
                return r < 0 ? say_trouble(r, "profile diff") : EXIT_USAGE;
        if (!subset)
                put_example(comparing, &example, &text);
        else if (comparing->json)
                buf_puts(&text, "{\"subset\":true}\n");
        else
                buf_printf(&text, "a subset: %s lets nothing through that %s refuses\n", comparing->path_a,
                           comparing->path_b);
        return print(&text, subset ? 0 : 1);
}

int profile_verb_diff(int argc, char **argv) {
        enum { JSON = 256, SUBSET };
        static const struct option options[] = {
                { "help", no_argument, NULL, 'h' },
                { "json", no_argument, NULL, JSON },
                { "subset", no_argument, NULL, SUBSET },
                CONTEXT_OPTIONS,
                { 0 },
        };
        cleanup_profile struct profile *a = NULL, *b = NULL;
        struct comparing comparing = { 0 };
        struct context context;
        bool subset = false;
        int option, r = context_init(&context);

        if (r)
                return r;
        while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
                r = context_option(&context, "profile diff", option, optarg);
                if (r > 0)
                        return r;
                if (!r)
                        continue;
                switch (option) {
                case 'h':
                        fputs(help, stdout);
                        return 0;
                case JSON:
                        comparing.json = true;
                        break;
                case SUBSET:
                        subset = true;
                        break;
                default:
                        fputs("Try 'callgate profile diff --help'.\n", stderr);
                        return EXIT_USAGE;
                }
        }
        if (argc - optind != 2)
                return say_usage("profile diff", "it takes two files");
        comparing.path_a = argv[optind];
        comparing.path_b = argv[optind + 1];
        r = context_resolve(&context, comparing.path_a, NULL, &a);
        if (!r)
                r = context_resolve(&context, comparing.path_b, NULL, &b);
        if (r)
                return r;
        comparing.a = a;
        comparing.b = b;
        return subset ? ask_subset(&comparing) : compare(&comparing);
}
