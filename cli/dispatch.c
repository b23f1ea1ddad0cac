/* SPDX-License-Identifier: Apache-2.0 */

#include "cli/dispatch.h"

#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "cli/exit.h"
#include "cli/say.h"

#define VERBS_MAX 64

static void usage(const struct verb_table *table, FILE *to) {
        int width = 0;

        for (size_t i = 0; i < table->n; i++)
                if ((int)strlen(table->verbs[i].name) > width)
                        width = (int)strlen(table->verbs[i].name);
        fprintf(to, "usage: callgate %s\n\nverbs:\n", table->usage);
        for (size_t i = 0; i < table->n; i++)
                fprintf(to, "  %-*s  %s\n", width, table->verbs[i].name, table->verbs[i].summary);
        fprintf(to, "\n%s", table->more);
}

static int unknown(const struct verb_table *table, const char *name) {
        const char *names[VERBS_MAX], *nearest;
        size_t n = table->n < VERBS_MAX ? table->n : VERBS_MAX;

        for (size_t i = 0; i < n; i++)
                names[i] = table->verbs[i].name;
        nearest = diag_nearest(name, names, n);
        return say_usage(table->name, "'%s' is not %s%s%s%s", name,
                         table->name ? "one of its verbs" : "a verb", nearest ? "; did you mean '" : "",
                         nearest ? nearest : "", nearest ? "'?" : "");
}

int dispatch(const struct verb_table *table, int argc, char **argv) {
        if (argc < 2 && table->name)
                return say_usage(table->name, "which of its verbs?");
        if (argc < 2) {
                usage(table, stderr);
                return EXIT_USAGE;
        }
        if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
                usage(table, stdout);
                return 0;
        }
        for (size_t i = 0; i < table->n; i++)
                if (strcmp(argv[1], table->verbs[i].name) == 0)
                        return table->verbs[i].run(argc - 1, argv + 1);
        return unknown(table, argv[1]);
}
