/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Events out of several event files and standard input, one after the other, in memory that does not grow
 * with them. What is wrong with a file is said here.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "callgate/event.h"

struct event_input {
        char **paths; /* borrowed; "-" is standard input; n = 0: standard input alone */
        size_t n;
        bool again; /* they will be read more than once: standard input is kept in a nameless file */

        /* Of all files together. */
        struct ledger ledger;
        uint64_t n_events;
        bool incomplete; /* a file was cut short, or its recording has a hole */
        int kept_fd;     /* private */
};

#define EVENT_INPUT_INIT ((struct event_input){ .kept_fd = -1 })

void event_input_deinit(struct event_input *input);

/* Hands every event to on_event, whose negative errno ends it. 0, or an exit code after saying why. verb:
 * for what is said. */
int event_input_each(struct event_input *input, const char *verb,
                     int (*on_event)(void *data, const struct event *event), void *data);
