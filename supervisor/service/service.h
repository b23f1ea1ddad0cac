/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * callgated as a system service: reads the configuration, takes over from a predecessor, opens the sockets,
 * and serves until it is told to end. This file puts the parts of this folder together; each part knows
 * nothing of the others but through its options.
 */

#include <stdbool.h>

struct service_options {
        const char *config_path; /* NULL: defaults */
        bool replace;            /* take over from the running service */
};

/* An exit code. */
int service_run(const struct service_options *options);
