/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A profile at work on a running program: the profile, its filter, and the report of what it refused or
 * would have refused. What dry-run, run and verify have in common.
 */

#include <stdbool.h>
#include <stdio.h>

#include "cli/report.h"
#include "cli/supervise.h"
#include "policy/filter.h"
#include "policy/model.h"

struct refusals {
        struct profile *resolved;
        struct filter enforcing;
        struct report *report;
};

#define REFUSALS_INIT ((struct refusals){ 0 })

/* Reads and compiles the profile; says what is wrong. 0 or an exit code. */
int refusals_open(struct refusals *refusals, const char *path);

/*
 * Runs argv with `installed` made of the profile's filter by `make` (agent/notify.h) and collects. Fills in
 * the profile's parts of options. file: where the result will go (NULL: standard error), so that it fits. 0
 * or an exit code.
 */
int refusals_supervise(struct refusals *refusals, struct supervise_options *options,
                       int (*make)(const struct filter *enforcing, struct filter *ret), const char *path,
                       const char *file, struct supervise_result *ret);

/* The result. 0 or an exit code. */
int refusals_print(struct refusals *refusals, bool json, FILE *to);

/* After a program could not be started: says so where it is the profile that refuses that. */
void refusals_say_start(const struct refusals *refusals, const char *path);

/* The place of the rule that decides about a call: for printers of single events. */
const char *refusals_rule(void *data, const struct event *event);

void refusals_close(struct refusals *refusals);
