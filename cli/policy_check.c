/* SPDX-License-Identifier: Apache-2.0 */

/* callgate policy check: every policy read, what cannot hold and what is doubtful printed. */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/exit.h"
#include "cli/policy_verbs.h"
#include "cli/say.h"
#include "policy/check.h"
#include "policy/native/check.h"
#include "policy/native/compile.h"
#include "policy/write_check.h"

static const char help[] =
        "usage: callgate policy check [OPTION…] FILE…\n"
        "\n"
        "Reads policies ('-': standard input) with all that they include, and says what is wrong or\n"
        "doubtful in them, each finding with its place and a remedy. What cannot be enforced is an\n"
        "error: such a policy is not run. docs/FINDINGS.md explains the ids in brackets.\n"
        "\n"
        "  --var NAME=VALUE  a variable of the policies; repeatable\n"
        "  --strict          warnings count as errors\n"
        "  --json            one JSON document instead of text\n"
        "  -h, --help        this text\n"
        "\n"
        "exit: 0 nothing but notes; 1 warnings; 2 errors\n"
        "example: callgate policy check --strict --var opt=/opt/vendor vendor.yaml\n";

struct check {
        struct policy_vars vars;
        bool strict, json;
        struct check_report *report; /* with json */
        int worst;
};

/* A policy whose filter the kernel would not take cannot be run. */
static int check_filter(const struct policy *policy, struct diags *diags) {
        struct filter filter = FILTER_INIT;
        int r = policy_compile(policy, &filter);

        filter_deinit(&filter);
        if (r != -E2BIG)
                return error_trace(r);
        return error_trace(diag_add(diags, DIAG_ERROR, "filter-too-long", NULL,
                                    "the filter is longer than the kernel's %d instructions; use fewer "
                                    "values and conditions on arguments",
                                    FILTER_MAX));
}

static void check_one(struct check *check, const char *path) {
        static const char *const verdicts[] = { "fine", "warnings", "errors" };
        struct policy_read_options options = { .variables = check->vars.items,
                                               .n_variables = check->vars.n };
        cleanup_policy struct policy *policy = NULL;
        struct diags diags = DIAGS_INIT;
        int r = policy_read_file(path, &options, &diags, &policy), code;

        diags.file = path;
        if (!r)
                r = check_filter(policy, &diags);
        if (!r)
                r = policy_check_doubts(policy, &diags);
        code = r || diags.n_errors ? EXIT_USAGE : !diags.n_warnings ? 0 : check->strict ? EXIT_USAGE : 1;
        if (r < 0) {
                code = say_trouble(r, path);
        } else if (check->json) {
                r = check_report_add(check->report, path, verdicts[code], NULL, &diags,
                                     &(struct diags){ 0 });
                if (r)
                        code = say_trouble(r, path);
        } else {
                diags_print(&diags, stdout, DIAG_INFO, isatty(STDOUT_FILENO));
                if (!diags.n)
                        printf("%s: fine\n", path);
        }
        diags_deinit(&diags);
        if (code > check->worst)
                check->worst = code;
}

enum { VAR = 1, STRICT, JSON };

static int run(struct check *check, int argc, char **argv) {
        static const struct option options[] = {
                { "var", required_argument, NULL, VAR },
                { "strict", no_argument, NULL, STRICT },
                { "json", no_argument, NULL, JSON },
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };
        int option, r;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
                switch (option) {
                case 'h':
                        fputs(help, stdout);
                        return 0;
                case VAR:
                        r = policy_vars_add(&check->vars, "policy check", optarg);
                        if (r)
                                return r;
                        break;
                case STRICT:
                        check->strict = true;
                        break;
                case JSON:
                        check->json = true;
                        break;
                default:
                        fputs("Try 'callgate policy check --help'.\n", stderr);
                        return EXIT_USAGE;
                }
        }
        if (optind == argc)
                return say_usage("policy check", "check which file?");
        if (check->json && (r = check_report_new(&check->report)))
                return say_trouble(r, "--json");
        for (int i = optind; i < argc; i++)
                check_one(check, argv[i]);
        if (check->json && (r = check_report_print(check->report, stdout)))
                return say_trouble(r, "--json");
        return check->worst;
}

int policy_verb_check(int argc, char **argv) {
        struct check check = { 0 };
        int r = run(&check, argc, argv);

        check_report_free(check.report);
        policy_vars_deinit(&check.vars);
        return r;
}
