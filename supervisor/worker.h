/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Calls of one session that may wait, each on a thread of its own while it waits: opens of FIFOs and slow
 * file systems, connects, delays, questions to a person. A call that vanishes, or whose task has a signal to
 * take, gets its thread kicked out of whatever it waits in (EINTR).
 */

#include <stddef.h>

struct call;
struct workers;

#define WORKERS_MAX 256 /* calls of a session that wait at the same time; more are answered with EAGAIN */

/* run() takes the call through its remaining stages, on a worker; it owns the call's contents. */
int workers_new(void (*run)(struct call *call), unsigned limit, struct workers **ret);
/* Kicks all, waits for them. */
struct workers *workers_free(struct workers *workers);
/* Moves *call to a worker; *call is empty afterwards. -EAGAIN when there are too many: *call is untouched.
 */
int workers_add(struct workers *workers, struct call *call);
/* Looks at all that wait: kicks those whose call is gone, or whose task has had a signal pending for 100 ms
 * that it handles and does not block (their wait must end as it would in the kernel). To be called every few
 * milliseconds while workers_waiting(). */
void workers_look(struct workers *workers);
size_t workers_waiting(const struct workers *workers);
