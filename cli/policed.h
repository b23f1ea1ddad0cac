/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A policy at work on a running program: the policy, its filter, and the report of what it did. What `run
 * --policy` has instead of refusals.h. */

#include <stdbool.h>
#include <stddef.h>

#include "cli/exit.h"

struct policed_options {
        const char *policy_path;
        const char *const *variables; /* "name=value" */
        size_t n_variables;
        const char *const *labels; /* "name=value" */
        size_t n_labels;
        const char *state_path;   /* --state: of `emulate: root` */
        const char *answers_path; /* --answers: rules made of what was answered with "always" */
        const char *events_path;
        const char *service; /* --supervisor; NULL: a private one */
        bool quiet, all, json, detach;
        char **command;
};

/* Runs it. The exit code. */
int policed_run(const struct policed_options *options);
