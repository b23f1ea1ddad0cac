/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What to do about a call: the profile's verdict and the session's mode. The only place that knows modes. */

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
