/* SPDX-License-Identifier: Apache-2.0 */

/* From a policy and a command to an exit code and a report. */

#include "cli/policed.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cache.h"
#include "agent/changes.h"
#include "agent/mounts.h"
#include "agent/notify.h"
#include "agent/peer.h"
#include "base/error.h"
#include "cli/options.h"
#include "cli/policed_report.h"
#include "cli/report.h"
#include "cli/say.h"
#include "cli/supervise.h"
#include "cli/terminal.h"
#include "policy/native/base.h"
#include "policy/native/calls.h"
#include "policy/native/compile.h"
#include "policy/native/read.h"

#define CHANGES_SHOWN 100 /* --all and --json show all */

struct policed {
        const struct policed_options *options;
        struct policy *policy;
        struct filter base, installed;
        char *path;           /* absolute */
        char *state;          /* absolute; NULL: as the policy says */
        struct buf variables; /* lines */
        struct policed_report *report;
        struct terminal *terminal;
        struct mounts *mounts;
        struct peer peer;
};

static int read_policy(struct policed *policed) {
        const struct policy_read_options options = { .variables = policed->options->variables,
                                                     .n_variables = policed->options->n_variables,
                                                     .state = policed->state };
        struct diags diags = DIAGS_INIT;
        int r = policy_read_file(policed->options->policy_path, &options, &diags, &policed->policy);

        say_diags(&diags, policed->options->quiet);
        diags_deinit(&diags);
        if (r > 0)
                return EXIT_USAGE;
        return r ? say_trouble(r, policed->options->policy_path) : 0;
}

/* 0 or an exit code. */
static int make_base(struct policed *policed) {
        const char *path =
                policed->policy->base ? policed->policy->base_path : policed->options->policy_path;
        struct diags diags = DIAGS_INIT;
        int r = policy_base(policed->policy, cache_compile, &diags, &policed->base);

        say_diags(&diags, policed->options->quiet);
        diags_deinit(&diags);
        if (r > 0)
                return EXIT_USAGE;
        return r ? say_trouble(r, path) : 0;
}

static int make_filter(struct policed *policed) {
        struct filter compiled = FILTER_INIT;
        int r = policy_compile(policed->policy, &compiled);

        if (!r)
                r = notify_policy(&compiled, &policed->installed);
        filter_deinit(&compiled);
        if (r == -E2BIG) {
                say_error("%s: the policy makes a filter of more than %d instructions; fewer rules with "
                          "conditions on arguments make a shorter one",
                          policed->options->policy_path, FILTER_MAX);
                return EXIT_USAGE;
        }
        return r ? say_trouble(r, policed->options->policy_path) : 0;
}

static int keep_variables(struct policed *policed) {
        policed->variables = BUF_INIT(MESSAGE_LINES_MAX);
        for (size_t i = 0; i < policed->options->n_variables; i++)
                buf_printf(&policed->variables, "%s\n", policed->options->variables[i]);
        for (size_t i = 0; i < policed->options->n_labels; i++)
                buf_printf(&policed->variables, "--label=%s\n", policed->options->labels[i]);
        if (policed->state)
                buf_printf(&policed->variables, "--state=%s\n", policed->state);
        if (policed->variables.error) {
                say_error("--var: the variables are longer than %u bytes", MESSAGE_LINES_MAX);
                return EXIT_USAGE;
        }
        if (strcmp(policed->options->policy_path, "-") != 0)
                policed->path = realpath(policed->options->policy_path, NULL);
        return 0;
}

static bool asks(const struct policy *policy) {
        for (size_t i = 0; i < policy->n_rules; i++)
                if (policy->rules[i].action == POLICY_ASK)
                        return true;
        return false;
}

static int on_row(void *data, const struct event *event) {
        struct policed *policed = data;

        return policed_report_add(policed->report, event);
}

static int prepare_mounts(struct policed *policed) {
        char error[MOUNTS_ERROR_MAX];
        int r = mounts_prepare(policed->policy->mounts, policed->policy->n_mounts, &policed->mounts, error);

        if (r > 0) {
                say_error("%s: %s", policed->options->policy_path, error);
                return EXIT_TROUBLE;
        }
        return r ? say_trouble(r, policed->options->policy_path) : 0;
}

/* What was changed under the overlays: on standard error, or in *json as the elements of a list. */
static int tell_changes(struct policed *policed, struct buf *json) {
        struct mounts_overlay overlay;
        struct changes changes;

        for (size_t i = 0; policed->mounts && mounts_overlay(policed->mounts, i, &overlay); i++) {
                int r = changes_list(&overlay, &changes);

                if (r)
                        return say_trouble(r, overlay.path);
                if (json) {
                        buf_puts(json, i > 0 ? ",\n  " : "\n  ");
                        changes_json(&changes, &overlay, json);
                } else
                        changes_print(&changes, &overlay, policed->options->all ? 0 : CHANGES_SHOWN, stderr);
                changes_deinit(&changes);
        }
        return 0;
}

static void put_message(struct buf *to, const char *name, const char *message) {
        buf_escape(to, name, strlen(name));
        buf_puts(to, ": ");
        buf_escape(to, message, strlen(message));
        buf_putc(to, '\n');
}

/* What the policy's author wanted to be said about the rules that were used. */
static void put_messages(struct policed *policed, struct buf *to) {
        for (size_t i = 0; i < policed->policy->n_rules; i++) {
                const struct policy_rule *rule = &policed->policy->rules[i];

                if (rule->message && policed_report_has_rule(policed->report, rule->name))
                        put_message(to, rule->name, rule->message);
        }
}

static int print_report(struct policed *policed, const struct ledger *ledger) {
        struct buf text = BUF_INIT(0), changes = BUF_INIT(0);
        int r = tell_changes(policed, policed->options->json ? &changes : NULL);

        if (r) {
                buf_deinit(&changes);
                return r;
        }
        r = policed->options->json
                    ? policed_report_print_json(policed->report, ledger, buf_string(&changes), &text)
                    : policed_report_print(policed->report, ledger, &text);
        buf_deinit(&changes);

        if (!policed->options->json)
                put_messages(policed, &text);
        if (r)
                r = say_trouble(r, "result");
        else if (policed->options->json || policed_report_n_rows(policed->report) > 0)
                fwrite(text.data, 1, text.n, stderr);
        buf_deinit(&text);
        return r;
}

/* The supervisor has another working directory. */
static int find_state(struct policed *policed) {
        const char *path = policed->options->state_path;
        char folder[PATH_MAX];

        if (!path)
                return 0;
        if (strchr(path, '\n')) {
                say_error("--state: a file name with a line break cannot be used");
                return EXIT_USAGE;
        }
        if (path[0] == '/')
                policed->state = strdup(path);
        else if (!getcwd(folder, sizeof(folder)))
                return say_trouble(error_origin(-errno), "--state");
        else if (asprintf(&policed->state, "%s/%s", folder, path) < 0)
                policed->state = NULL;
        return policed->state ? 0 : say_trouble(error_origin(-ENOMEM), "--state");
}

/* Where the state is to be made; whether it can be is seen when it is opened. */
static int check_state_folder(const struct policed *policed) {
        const char *slash = strrchr(policed->state, '/');
        char *folder =
                strndup(policed->state, slash == policed->state ? 1 : (size_t)(slash - policed->state));
        int r = 0;
        struct stat st;

        if (!folder)
                return say_trouble(error_origin(-ENOMEM), "--state");
        if (stat(folder, &st) < 0) {
                say_error("--state %s: there is no folder %s (%s); make it first",
                          policed->options->state_path, folder, strerror(errno));
                r = EXIT_USAGE;
        } else if (!S_ISDIR(st.st_mode)) {
                say_error("--state %s: %s is not a folder; name a file in one", policed->options->state_path,
                          folder);
                r = EXIT_USAGE;
        }
        free(folder);
        return r;
}

static bool keeps_state(const struct policy *policy) {
        for (size_t i = 0; i < policy->n_rules; i++)
                if (policy->rules[i].emulation && strcmp(policy->rules[i].emulation->name, "root") == 0)
                        return true;
        return false;
}

static int check_state(const struct policed *policed) {
        if (!policed->state)
                return 0;
        if (!keeps_state(policed->policy))
                return say_usage(
                        "run",
                        "--state %s: no rule of %s says 'emulate: root', so nothing would be kept; add "
                        "one, or leave --state out",
                        policed->options->state_path, policed->options->policy_path);
        return check_state_folder(policed);
}

static int prepare(struct policed *policed) {
        int r = find_state(policed);

        if (!r)
                r = read_policy(policed);
        if (!r)
                r = check_state(policed);
        if (!r)
                r = keep_variables(policed);
        if (!r)
                r = make_base(policed);
        if (!r)
                r = make_filter(policed);
        if (!r) {
                r = policed_report_new(policed->options->all, report_width(STDERR_FILENO), &policed->report);
                r = r ? say_trouble(r, "result") : 0;
        }
        if (!r)
                r = prepare_mounts(policed);
        if (!r && asks(policed->policy)) {
                policed->terminal = terminal_open(policed->options->answers_path);
                if (!policed->terminal)
                        say("the policy asks, but there is no terminal: questions are answered as after "
                            "their "
                            "time-out");
        }
        return r;
}

static int supervise_policed(struct policed *policed) {
        const struct policed_options *options = policed->options;
        struct supervise_options supervise_options = {
                .mode = WIRE_MODE_POLICY,
                .argv = options->command,
                .enforcing = &policed->base,
                .installed = &policed->installed,
                .mounts = policed->mounts,
                .policy = policed->policy,
                .policy_path = policed->path,
                .variables = buf_string(&policed->variables),
                .terminal = policed->terminal,
                .events_path = options->events_path,
                .service = options->service,
                .peer = &policed->peer,
                .detach = options->detach,
                .deferred_output = options->events_path,
                .on_row = on_row,
                .data = policed,
        };
        struct supervise_result result;
        int r = supervise(&supervise_options, &result);

        if (r)
                return r;
        if (!options->quiet || options->json)
                r = print_report(policed, &result.ledger);
        if (!result.complete && !options->quiet)
                say("the list of what the policy did is incomplete: %s", result.missing);
        if (result.trouble[0]) {
                say_error("%s", result.trouble);
                return EXIT_TROUBLE;
        }
        return r ? r : result.exit_code;
}

int policed_run(const struct policed_options *options) {
        struct policed policed = { .options = options, .peer = PEER_INIT };
        int r, closed;

        peer_begin(&policed.peer, options->service);
        r = prepare(&policed);
        if (!r)
                r = supervise_policed(&policed);
        peer_deinit(&policed.peer);
        closed = terminal_close(policed.terminal);
        if (closed)
                say_error("--answers %s: cannot be written: %s", options->answers_path, strerror(-closed));
        policed_report_free(policed.report);
        mounts_free(policed.mounts); /* borrows of the policy */
        filter_deinit(&policed.base);
        filter_deinit(&policed.installed);
        policy_free(policed.policy);
        buf_deinit(&policed.variables);
        free(policed.path);
        free(policed.state);
        return r;
}
