/* SPDX-License-Identifier: Apache-2.0 */

/* callgate profile: work on profiles, without running anything. The table of its verbs. */

#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "cli/profile_verbs.h"
#include "cli/say.h"
#include "cli/verbs.h"

static const struct verb {
        const char *name;
        int (*run)(int argc, char **argv);
        const char *summary;
} verbs[] = {
        { "check", profile_verb_check, "say what is wrong or doubtful in profiles" },
        { "convert", profile_verb_convert, "write a profile in another dialect, for systemd or as BPF" },
        { "dry-run-profile", profile_verb_dry_run_profile,
          "write what a container runtime can load so that nothing is refused" },
        { "explain", profile_verb_explain, "say what a profile does, or what happens to one call" },
        { "inspect", profile_verb_inspect, "say which filters a running program is under" },
        { "from-events", profile_verb_from_events, "write a profile that allows what was recorded" },
        { "replay", profile_verb_replay, "say which recorded calls a profile would refuse" },
        { "tighten", profile_verb_tighten, "drop what no recording used" },
        { "diff", profile_verb_diff, "say what changes between two profiles, or whether one is a subset" },
        { "merge", profile_verb_merge, "write one profile out of many: union or intersection" },
        { "simulate", profile_verb_simulate,
          "say what a profile answers to calls, by its rules and by its filter" },
};
#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static void usage(FILE *to) {
        fputs("usage: callgate profile VERB [OPTION…] FILE…\n\nverbs:\n", to);
        for (size_t i = 0; i < N_VERBS; i++)
                fprintf(to, "  %-16s %s\n", verbs[i].name, verbs[i].summary);
        fputs("\n"
              "  callgate profile VERB --help   options and an example\n"
              "\n"
              "example: callgate profile check strict.json\n",
              to);
}

int verb_profile(int argc, char **argv) {
        const char *names[N_VERBS], *nearest;

        if (argc < 2)
                return say_usage("profile", "which of its verbs?");
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
                return say_usage("profile", "'%s' is not one of its verbs; did you mean '%s'?", argv[1],
                                 nearest);
        return say_usage("profile", "'%s' is not one of its verbs", argv[1]);
}
