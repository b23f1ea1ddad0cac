/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The monotonic clock of the whole process, libraries included, in the hands of a test: while it is held,
 * only what the test lets pass goes by, so that no time-out depends on how long a busy machine keeps us
 * waiting. What must stay true: it never goes back. Of no use where somebody waits for a point in time by
 * pthread_cond_timedwait(): the kernel's clock goes on.
 */

#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static _Atomic uint64_t clock_held_ns;  /* what it says; 0: it goes */
static _Atomic uint64_t clock_ahead_ns; /* of the kernel's, when it goes */

/* In front of libc's, for everybody. */
int clock_gettime(clockid_t id, struct timespec *ret) {
        uint64_t ns = atomic_load(&clock_held_ns);
        int r = (int)syscall(SYS_clock_gettime, id, ret);

        if (r != 0 || (id != CLOCK_MONOTONIC && id != CLOCK_MONOTONIC_COARSE))
                return r;
        if (ns == 0)
                ns = (uint64_t)ret->tv_sec * 1000000000u + (uint64_t)ret->tv_nsec +
                     atomic_load(&clock_ahead_ns);
        *ret = (struct timespec){ .tv_sec = (time_t)(ns / 1000000000u),
                                  .tv_nsec = (long)(ns % 1000000000u) };
        return 0;
}

static inline uint64_t clock_now_ns(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline void clock_hold(void) {
        atomic_store(&clock_held_ns, clock_now_ns());
}

static inline void clock_pass(uint64_t ms) {
        atomic_fetch_add(&clock_held_ns, ms * 1000000u);
}

static inline void clock_release(void) {
        uint64_t held = atomic_load(&clock_held_ns), now;

        if (held == 0)
                return;
        atomic_store(&clock_ahead_ns, 0);
        atomic_store(&clock_held_ns, 0);
        now = clock_now_ns();
        atomic_store(&clock_ahead_ns, held > now ? held - now : 0);
}
