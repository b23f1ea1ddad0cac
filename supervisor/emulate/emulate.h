/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Calls carried out, or pretended, for the task. A family is one file with rows from name to function.
 *
 * An emulation is what `emulate: NAME` of a policy stands for (policy/native/calls.h has the names, their
 * calls and options; a test holds both tables together). The performers are the same for calls that a policy
 * judged by memory and allows, redirects or gives other contents: they do what the kernel would have done.
 *
 * Functions run on the session's thread, or on a worker when they asked for it (CALL_E_SLOW); never two of
 * one session's state at a time unless the state has its own lock: state is shared between workers.
 */

#include "supervisor/call.h"

struct emulator {
        const char *call; /* NULL ends the rows */
        int (*run)(struct call *call);
};

/* State of one emulation in one session. rule is the first that asked for it; options of it are JSON. */
struct emulation {
        const char *name;
        const struct emulator *rows;
        /* NULL: no state. 0 and *ret_state, or -errno with a sentence in error. */
        int (*open)(const struct policy_rule *rule, void **ret_state, char *error, size_t n_error);
        /* Saves what the options say is to outlive the session. Once, when no call is on its way any more
         * and before anybody is told that the session is over. NULL: nothing. 0, or -errno with a sentence.
         */
        int (*keep)(void *state, char *error, size_t n_error);
        void (*close)(void *state);
};

extern const struct emulation emulate_time;

/* All of them; NULL name ends. */
extern const struct emulation *const emulations[];
const struct emulation *emulation_by_name(const char *name);

/* The performer of a call; NULL: none. */
const struct emulator *performer_of(const char *call);
/* The tables that performer_of() looks through, NULL at the end. */
extern const struct emulator *const performers[];

/* State of the emulation that call->verdict.rule asks for. */
void *emulation_state(struct call *call);
/* State of another emulation of the session by name, NULL where the policy does not use it: stat wants to
 * know of pretended owners. */
void *emulation_state_of(struct call *call, const char *name);

/* For a call that nobody can carry out. What registers alone, or an advisory rule, let pass goes on; what
 * was judged by memory, or came from there, may not: another thread could change it after our look. */
int emulate_nothing(struct call *call);

/* Runs rule and verdict of the call: fills the answer. Where the enum policy_action leads. */
int emulate_call(struct call *call);
