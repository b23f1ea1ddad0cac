/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What filters that are in force do, all of them together: the kernel runs every one and takes the most
 * severe answer. They come from the kernel (agent/inspect.h), so nothing is known of the rules behind them;
 * what depends on arguments is found by following every way through the programs.
 */

#include "base/buf.h"
#include "policy/filter.h"

#include <stdio.h>

struct arch;

#define INSPECT_ACTIONS_MAX 32

struct inspect_verdict {
        uint32_t actions[INSPECT_ACTIONS_MAX]; /* that some arguments may lead to, from mild to severe */
        size_t n;
};

/* One for all calls with that number, unless n > 1: then it depends on the arguments, and each of the
 * actions may occur. Filters stand in the order of their installation. No filters: ALLOW. 0 or -ENOMEM. */
int inspect_call(const struct filter *filters, size_t n, const struct arch *arch, uint32_t nr,
                 struct inspect_verdict *ret);
/* Exactly one call: the most severe answer, of equal ones the newest filter's. */
uint32_t inspect_simulate(const struct filter *filters, size_t n, const struct seccomp_data *data);

struct inspect_options {
        bool all;                /* also the calls that run */
        const struct arch *arch; /* NULL: the native one and its siblings */
        bool risky;              /* calls of policy/risk.h only */
};

/* Tables of calls by what happens to them. 0 or -errno. */
int inspect_print(const struct filter *filters, size_t n, const struct inspect_options *options, FILE *to);
/* Architectures that a listing is about: at most 5. Returns how many. */
size_t inspect_arches(const struct inspect_options *options, const struct arch *ret[5]);
