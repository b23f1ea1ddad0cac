/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The pretended date of one session: the real one and a distance from it. All that the real-time clock is
 * asked for goes through here; the clocks that count from the machine's start (CLOCK_MONOTONIC and its
 * siblings) stay the kernel's, so that time spans are right whatever the date is.
 */

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "supervisor/emulate/emulate.h"

struct time_state {
        _Atomic int64_t offset; /* nanoseconds from the real to the pretended date */
        /* Goes up when the offset changes; a futex that absolute sleeps wait on. */
        _Atomic uint32_t generation;
        bool settable;
};

#define TIME_NS 1000000000

/* The date from which and up to which there can be a pretended one: kernels know no time before 1970, and
 * 64 bits of nanoseconds end in 2262. */
#define TIME_LATEST_S (INT64_MAX / TIME_NS - 1)

/* Real and pretended date; what would lie outside of the range ends at its edge. */
struct timespec time_pretended(const struct time_state *state, struct timespec real);
struct timespec time_real(const struct time_state *state, struct timespec pretended);

struct timespec time_shift(struct timespec from, int64_t ns);
struct timespec time_now(void); /* the real one */
/* Makes it the pretended date from now on. What sleeps until a date looks again. */
void time_set(struct time_state *state, struct timespec pretended);

/* CLOCK_REALTIME and its siblings, which tell the date. */
bool time_tells_date(int clock);
/* How far the clock is ahead of CLOCK_REALTIME: seconds for CLOCK_TAI, else 0. */
int64_t time_ahead_s(int clock);

/* ---- what lies in the task's memory ---- */

struct timespec_32 {
        int32_t tv_sec, tv_nsec;
};
struct timespec_64 { /* also struct timeval of 64-bit tasks */
        int64_t tv_sec, tv_nsec;
};

/* Does this call use the layouts with 32-bit seconds? */
bool time_is_narrow(const struct call *call);
/* 0, CALL_E_FAULT, CALL_E_GONE, -errno; a time that no clock can have is EINVAL's case: TIME_E_INVALID. */
enum { TIME_E_INVALID = 80 };
int time_read(struct call *call, uint64_t address, struct timespec *ret);
int time_write(struct call *call, uint64_t address, struct timespec value);
/* The same for any two numbers: seconds and microseconds, say. */
int time_read_pair(struct call *call, uint64_t address, bool narrow, int64_t *ret_s, int64_t *ret_rest);
int time_write_pair(struct call *call, uint64_t address, bool narrow, int64_t s, int64_t rest);
/* What time_read() found wrong becomes the task's errno. */
int time_error(struct call *call, int r);

/* Calls that wait for a date, or set a timer to one: time_wait.c. */
int time_sleep(struct call *call);
int time_set_timerfd(struct call *call);
int time_set_timer(struct call *call);
int time_futex(struct call *call);
int time_futex_new(struct call *call);
int time_mq_send(struct call *call);
int time_mq_receive(struct call *call);
