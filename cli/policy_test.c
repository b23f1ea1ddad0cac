/* SPDX-License-Identifier: Apache-2.0 */

/* callgate policy test: the cases of a file, asked of a policy. Nothing is run. */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/exit.h"
#include "cli/policy_verbs.h"
#include "cli/say.h"
#include "policy/native/cases.h"
#include "proto/event_json.h"

static const char help[] =
        "usage: callgate policy test [OPTION…] POLICY CASES…\n"
        "\n"
        "Asks POLICY about the calls of the case files and compares the answers with those expected.\n"
        "Nothing is run. What the filter in the kernel decides is asked of the compiled filter, too.\n"
        "\n"
        "A case file is a list, in YAML or JSON:\n"
        "\n"
        "  - name: the licence is read-only\n"
        "    call: openat\n"
        "    args: { flags: O_WRONLY|O_CREAT }   # by name; others are 0\n"
        "    path: /opt/vendor/licence.dat       # address, program, uid, gid, capability, labels,\n"
        "                                        # bits, arch, process: as they shall be\n"
        "    repeat: 3                           # asked so often, every: 10ms apart; the last counts\n"
        "    expect: { errno: EROFS }            # allow, log, kill, ask, { redirect: /x } …\n"
        "    rule: licence                       # optional: the rule that decides, or none\n"
        "    where: notified                     # optional: or kernel\n"
        "\n"
        "  --var NAME=VALUE  a variable of the policy; repeatable\n"
        "  --json            one JSON object per case\n"
        "  -q, --quiet       only what failed\n"
        "  -h, --help        this text\n"
        "\n"
        "exit: 0 all passed; 1 some did not; 2 a file is wrong; 5 the filter and the rules differ,\n"
        "      which is a bug\n"
        "example: callgate policy test vendor.yaml vendor.cases.yaml\n";

struct test {
        struct policy_vars vars;
        bool json, quiet;
        size_t n_passed, n_failed;
        bool differs;
};

static void print_text(const struct test *test, const char *path, const struct policy_case *item,
                       struct policy_case_result *result) {
        if (result->passed) {
                if (!test->quiet)
                        printf("ok      %s: %s\n", item->name, buf_string(&result->got));
                return;
        }
        printf("FAILED  %s (%s:%u)\n", item->name, path, item->line);
        printf("  expected  %s\n", buf_string(&result->expected));
        printf("  got       %s\n", buf_string(&result->got));
        if (result->disagreement)
                printf("  but %s: this is a bug of callgate; please report it\n", result->disagreement);
}

static void put_field(struct buf *to, const char *name, const char *text) {
        buf_printf(to, ",\"%s\":", name);
        json_put_text(to, text, strlen(text));
}

static int print_json(const char *path, const struct policy_case *item, struct policy_case_result *result) {
        struct buf to = BUF_INIT(0);
        int r;

        buf_printf(&to, "{\"passed\":%s", result->passed ? "true" : "false");
        put_field(&to, "file", path);
        buf_printf(&to, ",\"line\":%u", item->line);
        put_field(&to, "name", item->name);
        put_field(&to, "expected", buf_string(&result->expected));
        put_field(&to, "got", buf_string(&result->got));
        if (result->disagreement)
                put_field(&to, "disagreement", result->disagreement);
        buf_puts(&to, "}\n");
        r = buf_error(&to);
        if (!r)
                fputs(buf_string(&to), stdout);
        buf_deinit(&to);
        return error_trace(r);
}

static int test_file(struct test *test, struct policy_trial *trial, const char *path) {
        cleanup_policy_cases struct policy_cases *cases = NULL;
        struct diags diags = DIAGS_INIT;
        int r = policy_cases_read_file(path, &diags, &cases);

        say_diags(&diags, false);
        diags_deinit(&diags);
        if (r)
                return r == POLICY_E_INVALID ? EXIT_USAGE : say_trouble(r, path);
        for (size_t i = 0; i < cases->n; i++) {
                struct policy_case_result result;

                r = policy_trial_run(trial, &cases->items[i], &result);
                if (r)
                        return say_trouble(r, cases->items[i].name);
                if (result.passed)
                        test->n_passed++;
                else
                        test->n_failed++;
                test->differs |= result.disagreement != NULL;
                if (test->json)
                        r = print_json(path, &cases->items[i], &result);
                else
                        print_text(test, path, &cases->items[i], &result);
                policy_case_result_deinit(&result);
                if (r)
                        return say_trouble(r, "--json");
        }
        return 0;
}

static int test_all(struct test *test, char **paths, int n) {
        cleanup_policy struct policy *policy = NULL;
        struct policy_trial *trial = NULL;
        int r = policy_verb_read(paths[0], &test->vars, &policy);

        if (r)
                return r;
        r = policy_trial_new(policy, &trial);
        if (r == -E2BIG) {
                say_error("%s: the filter is longer than the kernel takes; see 'callgate policy check'",
                          paths[0]);
                return EXIT_USAGE;
        }
        if (r)
                return say_trouble(r, paths[0]);
        for (int i = 1; !r && i < n; i++)
                r = test_file(test, trial, paths[i]);
        policy_trial_free(trial);
        if (r)
                return r;
        if (!test->json)
                printf("%zu passed, %zu failed\n", test->n_passed, test->n_failed);
        return test->differs ? EXIT_DIFFERENT : test->n_failed ? 1 : 0;
}

enum { VAR = 1, JSON };

static int run(struct test *test, int argc, char **argv) {
        static const struct option options[] = {
                { "var", required_argument, NULL, VAR },
                { "json", no_argument, NULL, JSON },
                { "quiet", no_argument, NULL, 'q' },
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };
        int option, r;

        while ((option = getopt_long(argc, argv, "hq", options, NULL)) != -1) {
                switch (option) {
                case 'h':
                        fputs(help, stdout);
                        return 0;
                case VAR:
                        r = policy_vars_add(&test->vars, "policy test", optarg);
                        if (r)
                                return r;
                        break;
                case JSON:
                        test->json = true;
                        break;
                case 'q':
                        test->quiet = true;
                        break;
                default:
                        fputs("Try 'callgate policy test --help'.\n", stderr);
                        return EXIT_USAGE;
                }
        }
        if (argc - optind < 2)
                return say_usage("policy test", "a policy and a file of cases are needed");
        return test_all(test, argv + optind, argc - optind);
}

int policy_verb_test(int argc, char **argv) {
        struct test test = { 0 };
        int r = run(&test, argc, argv);

        policy_vars_deinit(&test.vars);
        return r;
}
