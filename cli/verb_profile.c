/* SPDX-License-Identifier: Apache-2.0 */

/* callgate profile: work on profiles, without running anything. The table of its verbs. */

#include "cli/dispatch.h"
#include "cli/profile_verbs.h"
#include "cli/verbs.h"

static const struct verb verbs[] = {
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

static const struct verb_table table = {
        .name = "profile",
        .usage = "profile VERB [OPTION…] FILE…",
        .more = "  callgate profile VERB --help   options and an example\n"
                "\n"
                "example: callgate profile check strict.json\n",
        .verbs = verbs,
        .n = sizeof(verbs) / sizeof(verbs[0]),
};

int verb_profile(int argc, char **argv) {
        return dispatch(&table, argc, argv);
}
