/* SPDX-License-Identifier: Apache-2.0 */

/* callgate policy: work on policies, without running anything. The table of its verbs, and what they share.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/error.h"
#include "cli/dispatch.h"
#include "cli/exit.h"
#include "cli/policy_verbs.h"
#include "cli/say.h"
#include "cli/verbs.h"

static const struct verb verbs[] = {
        { "check", policy_verb_check, "say what is wrong or doubtful in policies" },
        { "explain", policy_verb_explain,
          "say what a policy does and where it is decided, or about one call" },
        { "test", policy_verb_test, "ask a policy about the calls of a case file and compare" },
};

static const struct verb_table table = {
        .name = "policy",
        .usage = "policy VERB [OPTION…] FILE…",
        .more = "  callgate policy VERB --help   options and an example\n"
                "  callgate run --policy FILE    runs a program under a policy\n"
                "\n"
                "example: callgate policy check vendor.yaml\n",
        .verbs = verbs,
        .n = sizeof(verbs) / sizeof(verbs[0]),
};

int verb_policy(int argc, char **argv) {
        return dispatch(&table, argc, argv);
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
