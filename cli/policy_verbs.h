/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One function per "callgate policy" verb; argv[0] is the verb's name. They return the exit code. */

#include "policy/native/read.h"

int policy_verb_check(int argc, char **argv);
int policy_verb_explain(int argc, char **argv);
int policy_verb_test(int argc, char **argv);

/* --var NAME=VALUE, collected; the texts are argv's. */
struct policy_vars {
        const char **items; /* owned */
        size_t n;
};
/* 0 or an exit code. */
int policy_vars_add(struct policy_vars *vars, const char *verb, const char *text);
void policy_vars_deinit(struct policy_vars *vars);

/* Reads, and says what is wrong on standard error. 0 or an exit code. */
int policy_verb_read(const char *path, const struct policy_vars *vars, struct policy **ret);
