/* SPDX-License-Identifier: Apache-2.0 */

/* callgate policy: work on policies, without running anything. The table of its verbs, and what they share.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/error.h"
#include "cli/exit.h"
#include "cli/policy_verbs.h"
#include "cli/say.h"
#include "cli/verbs.h"

static const struct verb {
        const char *name;
        int (*run)(int argc, char **argv);
        const char *summary;
} verbs[] = {
        { "check", policy_verb_check, "say what is wrong or doubtful in policies" },
        { "explain", policy_verb_explain,
          "say what a policy does and where it is decided, or about one call" },
        { "test", policy_verb_test, "ask a policy about the calls of a case file and compare" },
};
#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static void usage(FILE *to) {
        fputs("usage: callgate policy VERB [OPTION…] FILE…\n\nverbs:\n", to);
        for (size_t i = 0; i < N_VERBS; i++)
                fprintf(to, "  %-8s %s\n", verbs[i].name, verbs[i].summary);
        fputs("\n"
              "  callgate policy VERB --help   options and an example\n"
              "  callgate run --policy FILE    runs a program under a policy\n"
              "\n"
              "example: callgate policy check vendor.yaml\n",
              to);
}

int verb_policy(int argc, char **argv) {
        const char *names[N_VERBS], *nearest;

        if (argc < 2)
                return say_usage("policy", "which of its verbs?");
        if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
                usage(stdout);
                return 0;
        }
        for (size_t i = 0; i < N_VERBS; i++) {
                if (strcmp(argv[1], verbs[i].name) == 0)
                        return verbs[i].run(argc - 1, argv + 1);
                names[i] = verbs[i].name;
        }
        nearest = diag_nearest(argv[1], names, N_VERBS);
        if (nearest)
                return say_usage("policy", "'%s' is not one of its verbs; did you mean '%s'?", argv[1],
                                 nearest);
        return say_usage("policy", "'%s' is not one of its verbs", argv[1]);
}

int policy_vars_add(struct policy_vars *vars, const char *verb, const char *text) {
        const char **grown;

        if (!strchr(text, '='))
                return say_usage(verb, "--var %s: NAME=VALUE is expected", text);
        grown = reallocarray(vars->items, vars->n + 1, sizeof(*grown));
        if (!grown)
                return say_trouble(-ENOMEM, verb);
        vars->items = grown;
        grown[vars->n++] = text;
        return 0;
}

void policy_vars_deinit(struct policy_vars *vars) {
        free(vars->items);
        *vars = (struct policy_vars){ 0 };
}

int policy_verb_read(const char *path, const struct policy_vars *vars, struct policy **ret) {
        struct policy_read_options options = { .variables = vars->items, .n_variables = vars->n };
        struct diags diags = DIAGS_INIT;
        int r = policy_read_file(path, &options, &diags, ret);

        say_diags(&diags, false);
        diags_deinit(&diags);
        if (r == POLICY_E_INVALID)
                return EXIT_USAGE;
        return r ? say_trouble(r, path) : 0;
}
