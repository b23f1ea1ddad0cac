/* SPDX-License-Identifier: Apache-2.0 */

/* callgate run: a profile enforced, and what it refused said. */

#include <getopt.h>
#include <signal.h>
#include <stdio.h>

#include "agent/notify.h"
#include "cli/exit.h"
#include "cli/refusals.h"
#include "cli/say.h"
#include "cli/verbs.h"

static const char help[] =
        "usage: callgate run --profile PROFILE [OPTION…] -- COMMAND [ARGUMENT…]\n"
        "\n"
        "Runs COMMAND with PROFILE enforced. COMMAND sees exactly what the kernel would have done:\n"
        "the errno, SIGSYS for TRAP, death by SIGSYS for KILL. What was refused with an errno is\n"
        "listed on standard error at the end; TRAP and KILL stay in the kernel, which tells nobody\n"
        "which call it was (callgate dry-run does).\n"
        "\n"
        "  -p, --profile FILE  seccomp profile: OCI or docker JSON ('-': standard input)\n"
        "      --events FILE   keep every refusal in FILE (callgate events reads it)\n"
        "  -q, --quiet         say nothing about refusals\n"
        "      --detach        do not wait for processes that outlive the first one\n"
        "  -h, --help          this text\n"
        "\n"
        "example: callgate run --profile web.json -- python3 -m http.server 8080\n";

struct run {
        const char *profile_path, *events_path;
        bool quiet, detach;
        struct refusals refusals;
};

static int parse(struct run *run, int argc, char **argv) {
        enum { EVENTS = 256, DETACH };
        static const struct option options[] = {
                { "profile", required_argument, NULL, 'p' }, { "events", required_argument, NULL, EVENTS },
                { "quiet", no_argument, NULL, 'q' },         { "detach", no_argument, NULL, DETACH },
                { "help", no_argument, NULL, 'h' },          { 0 },
        };
        int option;

        while ((option = getopt_long(argc, argv, "+p:qh", options, NULL)) != -1) {
                switch (option) {
                case 'p':
                        run->profile_path = optarg;
                        break;
                case EVENTS:
                        run->events_path = optarg;
                        break;
                case 'q':
                        run->quiet = true;
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
        if (!run->profile_path)
                return say_usage("run", "--profile is missing: which profile is to be enforced?");
        if (optind == argc)
                return say_usage("run", "no command to run: put it after --");
        return 0;
}

static int run_enforced(struct run *run, char **command) {
        struct supervise_options options = {
                .mode = WIRE_MODE_ENFORCE,
                .argv = command,
                .events_path = run->events_path,
                .detach = run->detach,
                .deferred_output = run->events_path,
        };
        struct supervise_result result;
        int r = refusals_open(&run->refusals, run->profile_path);

        if (!r)
                r = refusals_supervise(&run->refusals, &options, notify_enforce, run->profile_path, NULL,
                                       &result);
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
        struct run run = { .refusals = REFUSALS_INIT };
        int r = parse(&run, argc, argv);

        if (r == 0)
                r = run_enforced(&run, argv + optind);
        else if (r < 0)
                r = 0;
        refusals_close(&run.refusals);
        return r;
}
