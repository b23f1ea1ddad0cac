/* SPDX-License-Identifier: Apache-2.0 */

/* callgate policy explain: a policy rule by rule, those that speak of one call, or what happens to one call.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "cli/exit.h"
#include "cli/policy_verbs.h"
#include "cli/report.h"
#include "cli/say.h"
#include "policy/native/calls.h"
#include "policy/native/cases.h"
#include "policy/native/write_explain.h"
#include "proto/event_json.h"
#include "syscalls/names.h"

static const char help[] =
        "usage: callgate policy explain [OPTION…] FILE [SYSCALL [NAME=VALUE…]]\n"
        "       callgate policy explain --families | --emulations\n"
        "\n"
        "Says of each rule what it does, and for each of its calls where that is decided: in the\n"
        "kernel, by what registers say, or by callgated (notified), and why. With SYSCALL, only the\n"
        "rules that speak of it. With NAME=VALUE, what happens to that one call, rule by rule.\n"
        "\n"
        "  NAME is an argument of the call (others are 0) or one of path, address, program, uid,\n"
        "  gid, capability, bits, arch, process, label.KEY\n"
        "\n"
        "  --var NAME=VALUE  a variable of the policy; repeatable\n"
        "  --json            one JSON document instead of text\n"
        "  --families        the families of calls, for \"family\"\n"
        "  --emulations      what can be emulated, with options\n"
        "  -h, --help        this text\n"
        "\n"
        "exit: 0; 2 the policy or the command line is wrong\n"
        "example: callgate policy explain vendor.yaml openat path=/opt/vendor/licence.dat flags=O_RDWR\n";

/* ---- one call, as a case ---- */

static bool is_fact(const char *name, size_t n) {
        static const char *const facts[] = { "address",    "program", "uid",  "gid",
                                             "capability", "bits",    "arch", "process" };

        for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
                if (strlen(facts[i]) == n && !strncmp(facts[i], name, n))
                        return true;
        return false;
}

static void put_field(struct buf *to, bool *first, const char *name, size_t n, const char *value) {
        if (!*first)
                buf_putc(to, ',');
        *first = false;
        json_put_text(to, name, n);
        buf_putc(to, ':');
        json_put_text(to, value, strlen(value));
}

/* "openat path=/x flags=O_RDWR" as the text of a case. 0 or an exit code. */
static int put_case(char **words, int n, struct buf *to) {
        bool first = false, first_arg = true, first_label = true, first_path = true;

        buf_puts(to, "[{\"expect\":\"allow\",\"call\":");
        json_put_text(to, words[0], strlen(words[0]));
        for (int i = 1; i < n; i++) {
                size_t length = strcspn(words[i], "=");

                if (!words[i][length] || !length)
                        return say_usage("policy explain", "'%s' is not written as NAME=VALUE", words[i]);
                if (is_fact(words[i], length))
                        put_field(to, &first, words[i], length, words[i] + length + 1);
        }
        buf_puts(to, ",\"args\":{");
        for (int i = 1; i < n; i++) {
                size_t length = strcspn(words[i], "=");

                if (!is_fact(words[i], length) && strncmp(words[i], "path=", 5) != 0 &&
                    strncmp(words[i], "label.", 6) != 0)
                        put_field(to, &first_arg, words[i], length, words[i] + length + 1);
        }
        buf_puts(to, "},\"labels\":{");
        for (int i = 1; i < n; i++)
                if (!strncmp(words[i], "label.", 6))
                        put_field(to, &first_label, words[i] + 6, strcspn(words[i] + 6, "="),
                                  strchr(words[i], '=') + 1);
        buf_putc(to, '}');
        for (int i = 1; i < n; i++) {
                if (strncmp(words[i], "path=", 5) != 0)
                        continue;
                buf_puts(to, first_path ? ",\"path\":[" : ",");
                first_path = false;
                json_put_text(to, words[i] + 5, strlen(words[i]) - 5);
        }
        buf_puts(to, first_path ? "}]" : "]}]");
        return 0;
}

static int ask_rules(const struct policy *policy, struct policy_trial *trial, const struct policy_case *item,
                     const struct policy_verdict *verdict, struct buf *to) {
        for (size_t i = 0; i < policy->n_rules; i++) {
                const struct policy_rule *rule = &policy->rules[i];
                bool holds;
                int r;

                if (!policy_rule_covers(rule, item->call))
                        continue;
                r = policy_trial_rule(trial, item, i, &holds);
                if (r)
                        return error_trace(r);
                buf_puts(to, "  ");
                buf_escape(to, rule->name, strlen(rule->name));
                buf_printf(to, " (line %u): %s", rule->line, holds ? "holds: " : "does not hold: ");
                if (holds)
                        policy_do_text(rule, to);
                else
                        policy_where_text(rule, to);
                buf_putc(to, '\n');
                if (rule == verdict->rule)
                        return 0;
        }
        return 0;
}

static void put_verdict(const struct policy_verdict *verdict, bool notified, bool json, struct buf *to) {
        const char *rule = verdict->rule ? verdict->rule->name : NULL;
        struct buf text = BUF_INIT(0);

        policy_verdict_text(verdict, &text);
        if (json) {
                buf_puts(to, "{\"verdict\":");
                json_put_text(to, text.data, text.n);
                buf_puts(to, ",\"rule\":");
                if (rule)
                        json_put_text(to, rule, strlen(rule));
                else
                        buf_puts(to, "null");
                buf_printf(to, ",\"where\":\"%s\"}\n", notified ? "notified" : "kernel");
        } else {
                buf_puts(to, buf_string(&text));
                if (rule) {
                        buf_puts(to, ", by ");
                        buf_escape(to, rule, strlen(rule));
                } else {
                        buf_puts(to, ", since no rule matches");
                }
                buf_puts(to, notified ? "; callgated decides\n" : "; the kernel decides\n");
        }
        buf_deinit(&text);
}

static int explain_case(const struct policy *policy, char **words, int n, bool json, struct buf *to) {
        cleanup_policy_cases struct policy_cases *cases = NULL;
        struct policy_trial *trial = NULL;
        struct policy_verdict verdict = { 0 };
        struct diags diags = { .file = "command line" };
        struct buf text = BUF_INIT(0);
        bool notified;
        int r = put_case(words, n, &text);

        if (r) {
                buf_deinit(&text);
                return r;
        }
        r = buf_error(&text) ?: policy_cases_read(text.data, text.n, &diags, &cases);
        for (size_t i = 0; r == POLICY_E_INVALID && i < diags.n; i++)
                say_error("%s", diags.items[i].text);
        diags_deinit(&diags);
        buf_deinit(&text);
        if (r)
                return r == POLICY_E_INVALID ? EXIT_USAGE : say_trouble(r, words[0]);
        r = policy_trial_new(policy, &trial);
        if (!r)
                r = policy_trial_ask(trial, &cases->items[0], &verdict, &notified);
        if (!r && !json)
                r = ask_rules(policy, trial, &cases->items[0], &verdict, to);
        if (!r)
                put_verdict(&verdict, notified, json, to);
        policy_trial_free(trial);
        return r ? say_trouble(r, words[0]) : 0;
}

/* ---- lists ---- */

static int list_families(void) {
        for (size_t i = 0; i < policy_families_n; i++) {
                printf("%-12s %s:", policy_families[i].name, policy_families[i].about);
                for (size_t k = 0; k < policy_calls_n; k++)
                        if (policy_call_in_family(&policy_calls[k], policy_families[i].name))
                                printf(" %s", policy_calls[k].name);
                putchar('\n');
        }
        return 0;
}

static int list_emulations(void) {
        for (size_t i = 0; i < policy_emulations_n; i++) {
                const struct policy_emulation *row = &policy_emulations[i];

                printf("%-12s %s\n", row->name, row->about);
                for (const struct policy_option *option = row->options; option->name; option++)
                        printf("  %-10s %s%s\n", option->name, option->about,
                               option->required ? " (needed)" : "");
                if (row->authority)
                        printf("  needs \"authority: [%s]\"\n", row->authority);
        }
        return 0;
}

/* ---- the verb ---- */

enum { VAR = 1, JSON, FAMILIES, EMULATIONS };

struct explain {
        struct policy_vars vars;
        bool json;
        int (*list)(void); /* --families, --emulations */
};

static int explain(struct explain *explain, char **words, int n) {
        cleanup_policy struct policy *policy = NULL;
        struct buf to = BUF_INIT(0);
        const char *call = n > 1 ? words[1] : NULL, *nearest;
        int r = policy_verb_read(words[0], &explain->vars, &policy);

        if (r)
                return r;
        if (call && !syscall_known(call)) {
                nearest = syscall_nearest(call);
                say_error("'%s' is not a system call%s%s%s", call, nearest ? "; did you mean '" : "",
                          nearest ? nearest : "", nearest ? "'?" : "");
                return EXIT_USAGE;
        }
        if (n > 2) {
                r = explain_case(policy, words + 1, n - 1, explain->json, &to);
        } else {
                r = explain->json ? policy_explain_json(policy, call, &to)
                                  : policy_explain_text(policy, call, report_width(STDOUT_FILENO), &to);
                if (r)
                        r = say_trouble(r, words[0]);
        }
        if (!r)
                fputs(buf_string(&to), stdout);
        buf_deinit(&to);
        return r;
}

static int run(struct explain *to, int argc, char **argv) {
        static const struct option options[] = {
                { "var", required_argument, NULL, VAR },     { "json", no_argument, NULL, JSON },
                { "families", no_argument, NULL, FAMILIES }, { "emulations", no_argument, NULL, EMULATIONS },
                { "help", no_argument, NULL, 'h' },          { 0 },
        };
        int option, r;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
                switch (option) {
                case 'h':
                        fputs(help, stdout);
                        return 0;
                case VAR:
                        r = policy_vars_add(&to->vars, "policy explain", optarg);
                        if (r)
                                return r;
                        break;
                case JSON:
                        to->json = true;
                        break;
                case FAMILIES:
                        to->list = list_families;
                        break;
                case EMULATIONS:
                        to->list = list_emulations;
                        break;
                default:
                        fputs("Try 'callgate policy explain --help'.\n", stderr);
                        return EXIT_USAGE;
                }
        }
        if (to->list && (optind < argc || to->json))
                return say_usage("policy explain",
                                 "--families and --emulations are lists for people: neither a "
                                 "policy nor --json goes with them");
        if (to->list)
                return to->list();
        if (optind == argc)
                return say_usage("policy explain", "explain which policy?");
        return explain(to, argv + optind, argc - optind);
}

int policy_verb_explain(int argc, char **argv) {
        struct explain to = { 0 };
        int r = run(&to, argc, argv);

        policy_vars_deinit(&to.vars);
        return r;
}
