/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What to do about a call: the profile's verdict and the session's mode. The only place that knows modes. */

#include <stdbool.h>
#include <stdint.h>

#include "callgate/event.h"
#include "callgate/wire.h"

enum {
        DECIDE_E_KERNEL = 1, /* the kernel itself enforces this verdict; it should never be notified */
};

/*
 * Fills event->answer and event->value from event->verdict. Returns 0, or DECIDE_E_KERNEL with the answer
 * filled in as if refused with EPERM: an enforcing session fails closed.
 */
int decide(enum wire_mode mode, struct event *event);

/* The answer when something went wrong on our side: enforcing fails closed, the other modes open. */
void decide_on_error(enum wire_mode mode, struct event *event);

/*
 * Was the call, or every one of a row, refused; or would it have been in a dry run? It was
 *   - if the profile says so, whatever its task was told: an errno (of 0 as well: the call is not made), a
 *     signal, death, a tracer. A recording asks no profile;
 *   - if its task was told so: an errno or death. An errno of a policy's 0 is a pretended success, that of a
 *     call carried out for the task is the call's own.
 * Whose call it was, the program's or the container runtime's, makes no difference: see event->flags.
 */
bool decide_refused(enum wire_mode mode, const struct event *event);
