/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The thread that drives one session: it sleeps in RECV and decides, answers and records where it wakes up.
 * No hop to the loop's thread: that costs three times the whole round trip. RECV straight from sleep also
 * keeps the time short in which a call waits unreceived and a signal can take it back (EINTR for a call that
 * never ran).
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "supervisor/session.h"

struct receiver {
        struct session *session;           /* borrowed */
        void (*on_end)(void *data, int r); /* called on the receiver's thread: 0 or -errno */
        void *data;
        pthread_t thread;
        atomic_bool stopping, done;
        bool started;
};

int receiver_start(struct receiver *receiver, struct session *session, void (*on_end)(void *data, int r),
                   void *data);

/*
 * Makes RECV return: kernels before 6.11 leave it asleep when the last task goes. May be called again until
 * receiver_done(); one kick can come a moment too early.
 */
void receiver_kick(struct receiver *receiver);
bool receiver_done(const struct receiver *receiver);
void receiver_join(struct receiver *receiver);
