/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The sessions of the service, by number. A registered session has one thread that receives (supervisor/
 * receiver.h): what a hostile task makes it wait for, memory behind a slow file system for one, holds up
 * this session and no other. Everything here is for the loop's thread, unless it says otherwise.
 */

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "callgate/wire.h"
#include "supervisor/kernel.h"
#include "supervisor/receiver.h"
#include "supervisor/service/config.h"
#include "proto/labels.h"
#include "supervisor/service/totals.h"
#include "supervisor/session.h"

enum {
        REGISTRY_E_LIMIT = 80,   /* too many sessions, of all or of this uid */
        REGISTRY_E_REFUSED = 81, /* a rule of the configuration refuses it */
        REGISTRY_E_FOREIGN = 82, /* the descriptor is not a listener of seccomp */
        REGISTRY_E_UNKNOWN = 83, /* there is no such session */
        REGISTRY_E_ENDING = 84,  /* it is too late for this one; a successor may take it */
};

enum origin {
        ORIGIN_AGENT, /* handed over by a launcher */
        ORIGIN_OCI,   /* by a container runtime */
};

enum ending {
        ENDING_NOT,         /* alive */
        ENDING_LAST_TASK,   /* is gone */
        ENDING_CLOSED,      /* by us: tasks that live on get ENOSYS */
        ENDING_HANDED_OVER, /* a successor goes on with it */
};

struct registered {
        uint64_t number; /* never used twice by one state folder, not even after a restart */
        enum origin origin;
        uint32_t uid;                /* who handed it over: who is charged */
        uint32_t pid;                /* process behind the filter as the peer names it; 0: unknown */
        uint64_t began_ns, ended_ns; /* CLOCK_REALTIME; ended 0: alive */
        struct labels labels;
        char *metadata;          /* of the runtime; NULL: none */
        struct session *session; /* stays readable after the end, until it is forgotten */
        struct receiver receiver;
        enum ending ending;

        /* What it is at the moment; changed by registry_change(). Strings are replaced, never written into.
         */
        enum wire_mode mode;
        char *rule, *profile; /* NULL: none */
        char *problem;        /* NULL: none */
        bool all, include_runtime;
        char *policy_path; /* of the policy, where the configuration or `change` gave it; NULL: none */
        bool chosen;       /* by whoever controls the service: another configuration leaves it as it is */
        /* Of a launcher's policy: reads it again, and says what changed. NULL: there is none. */
        bool (*reload)(void *data, struct buf *lines);
        void *reload_data;

        void *published; /* the publisher's own */

        struct registry *registry;
        struct registered *next;
};

struct registry_options {
        uv_loop_t *loop;
        const struct kernel *kernel;
        /* Borrowed until registry_configure() gives another. NULL, of a private supervisor: no limits, and
         * nothing is kept once it ended. */
        const struct config *config;
        struct keeper *keeper;       /* NULL: nothing survives us */
        struct publisher *publisher; /* NULL: events go nowhere but into the sessions' own streams */
        const char *state;           /* folder of supervisor/service/numbers.h; NULL: none */
        void (*on_end)(void *data);  /* a session has ended; may be NULL */
        void *data;
};

int registry_new(const struct registry_options *options, struct registry **ret);
/* All sessions must have ended (registry_alive()): a thread that a task keeps waiting needs its registry
 * until the process ends. Memory is freed once the loop has closed its handles. Not from within its own
 * callbacks. */
struct registry *registry_free(struct registry *registry);

struct registration {
        enum origin origin;
        /* Taken, and -1 then, where a session comes of them; else they stay with whoever brought them, who
         * knows how to close what a stranger sent (closer.h). */
        int listener_fd;
        int sink_fd; /* -1: none; a launcher's own event stream */
        uint32_t uid, pid;
        const struct labels *labels; /* copied */
        const char *metadata;        /* copied; NULL: none */
        /* What a launcher asked for in its HELLO; NULL: the configuration decides (config_assign()). */
        const struct session_options *options;
        const char *profile;     /* for people, with options */
        struct adopted *adopted; /* a session of a predecessor; NULL: a new one */
        /* On the loop: its last task is gone, or it was closed, and every call is answered. May be NULL. */
        void (*on_end)(void *data, struct registered *registered);
        void *data;
};

/* Receives calls from here on. 0 with *ret, REGISTRY_E_*, or -errno. */
int registry_add(struct registry *registry, struct registration *registration, struct registered **ret);

/* While held, an ended session stays readable. Whoever gave on_end holds it from the beginning. */
void registry_hold(struct registered *registered);
void registry_release(struct registered *registered);
bool registry_has_ended(const struct registered *registered);
/* on_end is to be told of the end, and holds the session. False: somebody else is already. */
bool registry_attend(struct registered *registered,
                     void (*on_end)(void *data, struct registered *registered), void *data);
/* Whoever attends has the result, or does not want it: nobody comes for it to us or a successor. Releases.
 */
void registry_delivered(struct registered *registered);
/* Whoever attends is gone without the result; he may come again for it. Releases. */
void registry_unattend(struct registered *registered);
/* The publisher has handed on everything of an ended session. */
void registry_published(struct registered *registered);

struct registered *registry_first(struct registry *registry); /* then ->next: alive and ended, by number */
struct registered *registry_find(struct registry *registry, uint64_t number);
size_t registry_alive(const struct registry *registry);
/* Those alive, and results that somebody waits for: what a successor would have to take over. */
size_t registry_kept(const struct registry *registry);

/* Another mode, profile or policy from the next call on. Takes what assignment owns. 0 or -errno. */
int registry_change(struct registry *registry, struct registered *registered, struct assignment *assignment);
/* A new configuration: rules are asked again for sessions that they decided. Returns how many changed. */
size_t registry_configure(struct registry *registry, const struct config *config);

/* Closes the listener of one session: its tasks see ENOSYS from then on. */
void registry_close(struct registry *registry, struct registered *registered);

/* Ends all receiving at a call's border, and calls done() when every call received is answered. hand_over:
 * the listeners stay with the keeper; else they are closed. */
void registry_stop(struct registry *registry, bool hand_over, void (*done)(void *data), void *data);

/* What went so far, for metrics and status; any thread. */
struct registry_counts {
        uint64_t sessions, alive, refused; /* ever, now, turned away */
        struct ledger ledger;              /* of all, ended ones included */
};
void registry_counts(struct registry *registry, struct registry_counts *ret);
/* The same for metrics, without waiting for any session; any thread. */
void registry_totals(struct registry *registry, struct totals *ret);
