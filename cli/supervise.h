/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What every launching verb does: start the supervisor, start the program behind its filter, wait, collect.
 */

#include <stdbool.h>

#include "callgate/event.h"
#include "callgate/wire.h"
#include "policy/filter.h"

struct mounts;
struct peer;
struct policy;
struct terminal;

struct supervise_options {
        enum wire_mode mode;
        char *const *argv;
        const struct filter *enforcing; /* what the profile says; may be NULL when recording */
        const struct filter *installed; /* what is loaded */
        unsigned filter_flags;          /* SECCOMP_FILTER_FLAG_LOG, _SPEC_ALLOW */
        const char *events_path;        /* --events; NULL = none */
        const char *service;   /* --supervisor: socket of a service; NULL: a supervisor of our own */
        struct peer *peer;     /* begun already (peer_begin()); taken over; NULL: none */
        bool keep_stdout;      /* a result goes to our standard output */
        bool detach;           /* do not wait for processes that outlive the first one */
        bool deferred_output;  /* a detached supervisor's result still goes into a file */
        struct mounts *mounts; /* agent/mounts.h: what the program sees mounted; NULL: nothing */

        /* WIRE_MODE_POLICY; enforcing is the base's filter then, or NULL. */
        const struct policy *policy;
        const char *policy_path;   /* absolute, for reloads */
        const char *variables;     /* lines; may be NULL */
        struct terminal *terminal; /* asks a person; NULL: nobody is there */

        /* Every occurrence, on a thread of its own; NULL = not wanted. */
        void (*on_event)(void *data, const struct event *event);
        /* Each distinct row, after the end. */
        int (*on_row)(void *data, const struct event *event);
        void *data;
};

struct supervise_result {
        int exit_code; /* the program's */
        bool signalled;
        struct ledger ledger;
        bool complete;   /* the session ended and its ledger has no hole */
        bool finished;   /* the last task is gone */
        bool detached;   /* we are the background process now; the foreground one has exited */
        unsigned n_left; /* processes still running when we stopped waiting */
        bool no_new_privs;
        char missing[256]; /* why it is not complete; empty when it is */
        char trouble[512]; /* what was to outlive the program and could not be kept; empty: nothing */
};

/* 0, or the exit code to end with (what there is to say has been said on standard error). */
int supervise(const struct supervise_options *options, struct supervise_result *ret);
