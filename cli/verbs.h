/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One function per verb; argv[0] is the verb's name. They return the exit code. */

int verb_dry_run(int argc, char **argv);
int verb_record(int argc, char **argv);
int verb_run(int argc, char **argv);
int verb_answer(int argc, char **argv);
int verb_reload(int argc, char **argv);
int verb_verify(int argc, char **argv);
int verb_events(int argc, char **argv);
int verb_import(int argc, char **argv);
int verb_profile(int argc, char **argv);
int verb_policy(int argc, char **argv);
int verb_status(int argc, char **argv);
int verb_drain(int argc, char **argv);
int verb_sessions(int argc, char **argv);
int verb_snapshot(int argc, char **argv);
