/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Events of the callgated service, printed as they come, until somebody interrupts. */

#include <stdbool.h>
#include <stdint.h>

#include "proto/labels.h"

struct follow_options {
        const char *control;       /* NULL: the usual place */
        const struct labels *want; /* only sessions with these labels; values may hold '*' */
        uint64_t session;          /* only this one; 0: all */
        bool refused;              /* only what was refused, or would have been */
        bool all;                  /* every occurrence, not only distinct calls */
        bool json;
};

/*
 * A service that goes away is waited for. Returns an exit code: 128 + the signal that ended it, or after
 * saying why.
 */
int follow(const struct follow_options *options);
