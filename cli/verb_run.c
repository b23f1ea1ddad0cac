/* SPDX-License-Identifier: Apache-2.0 */

/* callgate run: a profile enforced, and what it refused said. */

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/notify.h"
#include "agent/peer.h"
#include "base/error.h"
#include "cli/exit.h"
#include "cli/policed.h"
#include "cli/refusals.h"
#include "cli/say.h"
#include "cli/verbs.h"

static const char help[] =
        "usage: callgate run --profile PROFILE [OPTION…] -- COMMAND [ARGUMENT…]\n"
        "       callgate run --policy POLICY [OPTION…] -- COMMAND [ARGUMENT…]\n"
        "\n"
        "Runs COMMAND with PROFILE enforced. COMMAND sees exactly what the kernel would have done:\n"
        "the errno, SIGSYS for TRAP, death by SIGSYS for KILL. What was refused with an errno is\n"
        "listed on standard error at the end; TRAP and KILL stay in the kernel, which tells nobody\n"
        "which call it was (callgate dry-run does).\n"
        "\n"
        "With a policy, calls are refused, faked, redirected or emulated as its rules say; what they\n"
        "did is listed at the end. callgate reload reads the policy again while COMMAND runs.\n"
        "\n"
        "  -p, --profile FILE       seccomp profile: OCI or docker JSON ('-': standard input)\n"
        "      --policy FILE        policy: YAML or JSON ('-': standard input)\n"
        "      --var NAME=VALUE     a variable of the policy; repeatable\n"
        "      --label NAME=VALUE   a label for 'where: labels'; repeatable\n"
        "      --state FILE         what 'emulate: root' remembers, from one run to the next\n"
        "      --answers FILE       where what was answered with 'always' is written as rules\n"
        "  -a, --all                with a policy: list also calls that no rule decided\n"
        "      --json               with a policy: the list as JSON, on standard error\n"
        "      --events FILE        keep every refusal in FILE (callgate events reads it)\n"
        "  -q, --quiet              say nothing about refusals\n"
        "      --supervisor SOCKET  hand over to the callgated service at SOCKET\n"
        "      --detach             do not wait for processes that outlive the first one\n"
        "  -h, --help               this text\n"
        "\n"
        "example: callgate run --profile web.json -- python3 -m http.server 8080\n"
        "         callgate run --policy vendor.yaml -- /opt/vendor/bin/server\n";

struct run {
        const char *profile_path, *events_path, *service;
        struct policed_options policed;
        const char **variables, **labels; /* owned; the texts are argv's */
        bool quiet, detach;
        struct refusals refusals;
        struct peer peer;
};

static int add_text(const char ***texts, size_t *n, const char *option, const char *text) {
        const char **grown;

        if (!strchr(text, '=') || text[0] == '=' || strchr(text, '\n'))
                return say_usage("run", "%s %s: NAME=VALUE is expected, on one line", option, text);
        grown = realloc(*texts, (*n + 1) * sizeof(*grown));
        if (!grown)
                return say_trouble(error_origin(-ENOMEM), option);
        *texts = grown;
        grown[(*n)++] = text;
        return 0;
}

/* Options that only a policy understands. */
static const char *policy_option_of(const struct run *run) {
        return run->policed.n_variables > 0 ? "--var"
               : run->policed.n_labels > 0  ? "--label"
               : run->policed.state_path    ? "--state"
               : run->policed.answers_path  ? "--answers"
               : run->policed.all           ? "--all"
               : run->policed.json          ? "--json"
                                            : NULL;
}

static int check(struct run *run, bool has_command) {
        const char *option = policy_option_of(run);

        if (run->profile_path && run->policed.policy_path)
                return say_usage("run",
                                 "--profile and --policy exclude each other; a policy names its profile as "
                                 "'base'");
        if (!run->profile_path && !run->policed.policy_path)
                return say_usage("run", "--profile or --policy is missing: what is to be enforced?");
        if (run->profile_path && option)
                return say_usage("run", "%s is for --policy", option);
        if (!has_command)
                return say_usage("run", "no command to run: put it after --");
        return 0;
}

static int parse(struct run *run, int argc, char **argv) {
        enum { EVENTS = 256, DETACH, POLICY, VARIABLE, LABEL, STATE, ANSWERS, JSON, SUPERVISOR };
        static const struct option options[] = {
                { "profile", required_argument, NULL, 'p' },
                { "policy", required_argument, NULL, POLICY },
                { "var", required_argument, NULL, VARIABLE },
                { "label", required_argument, NULL, LABEL },
                { "state", required_argument, NULL, STATE },
                { "answers", required_argument, NULL, ANSWERS },
                { "events", required_argument, NULL, EVENTS },
                { "all", no_argument, NULL, 'a' },
                { "json", no_argument, NULL, JSON },
                { "quiet", no_argument, NULL, 'q' },
                { "supervisor", required_argument, NULL, SUPERVISOR },
                { "detach", no_argument, NULL, DETACH },
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };
        int option, r;

        while ((option = getopt_long(argc, argv, "+p:aqh", options, NULL)) != -1) {
                switch (option) {
                case 'p':
                        run->profile_path = optarg;
                        break;
                case POLICY:
                        run->policed.policy_path = optarg;
                        break;
                case VARIABLE:
                        r = add_text(&run->variables, &run->policed.n_variables, "--var", optarg);
                        if (r)
                                return r;
                        break;
                case LABEL:
                        r = add_text(&run->labels, &run->policed.n_labels, "--label", optarg);
                        if (r)
                                return r;
                        break;
                case STATE:
                        run->policed.state_path = optarg;
                        break;
                case ANSWERS:
                        run->policed.answers_path = optarg;
                        break;
                case EVENTS:
                        run->events_path = optarg;
                        break;
                case 'a':
                        run->policed.all = true;
                        break;
                case JSON:
                        run->policed.json = true;
                        break;
                case 'q':
                        run->quiet = true;
                        break;
                case SUPERVISOR:
                        run->service = optarg;
                        break;
                case DETACH:
                        run->detach = true;
                        break;
                case 'h':
                        fputs(help, stdout);
                        return -1;
                default:
                        fputs("Try 'callgate run --help'.\n", stderr);
                        return EXIT_USAGE;
                }
        }
        return check(run, optind < argc);
}

static int run_policed(struct run *run, char **command) {
        run->policed.command = command;
        run->policed.variables = run->variables;
        run->policed.labels = run->labels;
        run->policed.events_path = run->events_path;
        run->policed.service = run->service;
        run->policed.quiet = run->quiet;
        run->policed.detach = run->detach;
        return policed_run(&run->policed);
}

static int run_enforced(struct run *run, char **command) {
        struct supervise_options options = {
                .mode = WIRE_MODE_ENFORCE,
                .argv = command,
                .events_path = run->events_path,
                .service = run->service,
                .peer = &run->peer,
                .detach = run->detach,
                .deferred_output = run->events_path,
        };
        struct supervise_result result;
        int r;

        peer_begin(&run->peer, run->service);
        r = refusals_open(&run->refusals, run->profile_path);
        if (!r)
                r = refusals_supervise(&run->refusals, &options, notify_enforce, run->profile_path, NULL,
                                       &result);
        if (r == EXIT_NOT_EXECUTABLE || r == EXIT_NOT_FOUND)
                refusals_say_start(&run->refusals, run->profile_path);
        if (!r && !run->quiet && report_n_rows(run->refusals.report) > 0)
                r = refusals_print(&run->refusals, false, stderr);
        if (r)
                return r;
        if (result.signalled && result.exit_code == 128 + SIGSYS)
                say("the program was killed by SIGSYS, as the profile says for some call; to see which: "
                    "callgate "
                    "dry-run --profile %s -- %s …",
                    run->profile_path, command[0]);
        if (!result.complete && !run->quiet)
                say("the list of refusals is incomplete: %s", result.missing);
        return result.exit_code;
}

int verb_run(int argc, char **argv) {
        struct run run = { .refusals = REFUSALS_INIT, .peer = PEER_INIT };
        int r = parse(&run, argc, argv);

        if (r == 0)
                r = run.policed.policy_path ? run_policed(&run, argv + optind)
                                            : run_enforced(&run, argv + optind);
        else if (r < 0)
                r = 0;
        peer_deinit(&run.peer);
        refusals_close(&run.refusals);
        free(run.variables);
        free(run.labels);
        return r;
}
