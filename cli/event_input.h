/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Events out of any number of event files, folders of them and standard input, one after the other, in
 * memory that does not grow with them. What is wrong with a file is said here.
 */

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "callgate/event.h"
#include "proto/event_source.h"
#include "proto/labels.h"

struct event_input {
        char **paths; /* borrowed; "-" is standard input; n = 0: standard input alone */
        size_t n;
        bool again;         /* they will be read more than once: standard input is kept in a nameless file */
        bool tolerant;      /* files that are broken are left where that begins; they count as incomplete */
        bool go_on;         /* the same, but the exit code says so at the end */
        struct labels want; /* owned; only sessions with these labels; values may hold '*' */
        uint64_t session;   /* only this one; 0: all */
        /* May be NULL. A session appears (ledger NULL), or ended. */
        void (*on_source)(void *data, const struct event_source *source, const struct ledger *ledger);

        /* While on_event runs: where the event comes from; NULL: unknown. */
        const struct event_source *source;

        /* Of all files together. */
        struct ledger ledger;
        uint64_t n_files, n_foreign; /* read; in folders, and no event files */
        uint64_t n_events;           /* handed on */
        uint64_t n_filtered;         /* left out for their session's labels */
        bool incomplete;             /* a file was cut short, or its recording has a hole */
        bool unfinished;             /* a file is still being written: it has no ledger yet */

        /* private */
        int kept_fd, worst;
        uint64_t said_ns;
        bool said;
        void *data;
};

#define EVENT_INPUT_INIT ((struct event_input){ .kept_fd = -1 })

void event_input_deinit(struct event_input *input);

/* Options that choose sessions, for the table and the help of a verb; event_input_option() eats their
 * values: true when the option was one of them, *ret_code an exit code when its value was wrong. */
enum {
        EVENT_INPUT_NODE = 512,
        EVENT_INPUT_NAMESPACE,
        EVENT_INPUT_POD,
        EVENT_INPUT_CONTAINER,
        EVENT_INPUT_IMAGE,
        EVENT_INPUT_UNIT,
        EVENT_INPUT_LABEL,
        EVENT_INPUT_SESSION
};
/* clang-format off */
#define EVENT_INPUT_OPTIONS \
        { "node", required_argument, NULL, EVENT_INPUT_NODE }, \
        { "namespace", required_argument, NULL, EVENT_INPUT_NAMESPACE }, \
        { "pod", required_argument, NULL, EVENT_INPUT_POD }, \
        { "container", required_argument, NULL, EVENT_INPUT_CONTAINER }, \
        { "image", required_argument, NULL, EVENT_INPUT_IMAGE }, \
        { "unit", required_argument, NULL, EVENT_INPUT_UNIT }, \
        { "label", required_argument, NULL, EVENT_INPUT_LABEL }, \
        { "session", required_argument, NULL, EVENT_INPUT_SESSION }
/* clang-format on */
#define EVENT_INPUT_HELP                                                                                    \
        "      --pod NAME          only of this pod; likewise --node, --namespace, --container,\n"          \
        "                          --image and --unit, and\n"                                               \
        "      --label NAME=VALUE  for any label; '*' in a value stands for any text\n"                     \
        "      --session NUMBER    only of this session of the service\n"
bool event_input_option(struct event_input *input, const char *verb, int option, const char *value,
                        int *ret_code);

/* Hands every event to on_event, whose negative errno (trouble with the file's events), or exit code after
 * saying why, ends it. 0, or an exit code after saying why. verb: for what is said. data: for on_event and
 * on_source. */
int event_input_each(struct event_input *input, const char *verb,
                     int (*on_event)(void *data, const struct event *event), void *data);
