/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One function per "callgate profile" verb; argv[0] is the verb's name. They return the exit code. */

int profile_verb_check(int argc, char **argv);
int profile_verb_convert(int argc, char **argv);
int profile_verb_diff(int argc, char **argv);
int profile_verb_dry_run_profile(int argc, char **argv);
int profile_verb_explain(int argc, char **argv);
int profile_verb_inspect(int argc, char **argv);
int profile_verb_from_events(int argc, char **argv);
int profile_verb_replay(int argc, char **argv);
int profile_verb_tighten(int argc, char **argv);
int profile_verb_merge(int argc, char **argv);
int profile_verb_simulate(int argc, char **argv);
