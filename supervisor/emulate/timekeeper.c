/* SPDX-License-Identifier: Apache-2.0 */

/* Dates, and the layouts in which tasks have them. Whatever is added, a date stays one that a kernel could
 * show. */

#include "supervisor/emulate/timekeeper.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <unistd.h>

#include "base/error.h"

#define CLOCK_TAI_ID 11 /* CLOCK_TAI needs another feature macro than the rest */

/* ---- dates ---- */

static int64_t clamp_s(int64_t s) {
        return s < 0 ? 0 : s > TIME_LATEST_S ? TIME_LATEST_S : s;
}

struct timespec time_shift(struct timespec from, int64_t ns) {
        struct timespec to;

        if (from.tv_sec > TIME_LATEST_S)
                return (struct timespec){ .tv_sec = TIME_LATEST_S };
        to.tv_sec = from.tv_sec + ns / TIME_NS;
        to.tv_nsec = from.tv_nsec + ns % TIME_NS;
        if (to.tv_nsec < 0) {
                to.tv_nsec += TIME_NS;
                to.tv_sec--;
        } else if (to.tv_nsec >= TIME_NS) {
                to.tv_nsec -= TIME_NS;
                to.tv_sec++;
        }
        if (to.tv_sec != clamp_s(to.tv_sec))
                to = (struct timespec){ .tv_sec = clamp_s(to.tv_sec) };
        return to;
}

struct timespec time_pretended(const struct time_state *state, struct timespec real) {
        return time_shift(real, state->offset);
}

struct timespec time_real(const struct time_state *state, struct timespec pretended) {
        return time_shift(pretended, -state->offset);
}

bool time_tells_date(int clock) {
        return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_REALTIME_ALARM ||
               clock == CLOCK_TAI_ID;
}

int64_t time_ahead_s(int clock) {
        struct timex timex = { .modes = 0 };

        return clock == CLOCK_TAI_ID && adjtimex(&timex) >= 0 ? timex.tai : 0;
}

struct timespec time_now(void) {
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return now;
}

void time_set(struct time_state *state, struct timespec pretended) {
        struct timespec real = time_now();

        state->offset = (pretended.tv_sec - real.tv_sec) * TIME_NS + (pretended.tv_nsec - real.tv_nsec);
        state->generation++;
        syscall(SYS_futex, &state->generation, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* ---- the task's memory ---- */

bool time_is_narrow(const struct call *call) {
        return call_is_32bit(call) && !strstr(call->name, "64");
}

int time_read_pair(struct call *call, uint64_t address, bool narrow, int64_t *ret_s, int64_t *ret_rest) {
        struct timespec_64 wide;
        struct timespec_32 small;
        int r = narrow ? target_read(call, address, &small, sizeof(small))
                       : target_read(call, address, &wide, sizeof(wide));

        if (r)
                return error_trace(r);
        *ret_s = narrow ? small.tv_sec : wide.tv_sec;
        *ret_rest = narrow ? small.tv_nsec : wide.tv_nsec;
        /* Of a 32-bit task the upper half is padding, as for the kernel. */
        if (!narrow && call_is_32bit(call))
                *ret_rest &= UINT32_MAX;
        return 0;
}

int time_write_pair(struct call *call, uint64_t address, bool narrow, int64_t s, int64_t rest) {
        struct timespec_64 wide = { s, rest };
        struct timespec_32 small = { (int32_t)s, (int32_t)rest }; /* cut in 2038, as by the kernel */

        return narrow ? target_write(call, address, &small, sizeof(small))
                      : target_write(call, address, &wide, sizeof(wide));
}

int time_read(struct call *call, uint64_t address, struct timespec *ret) {
        int64_t s, ns;
        int r = time_read_pair(call, address, time_is_narrow(call), &s, &ns);

        if (r)
                return error_trace(r);
        if (s < 0 || ns < 0 || ns >= TIME_NS)
                return TIME_E_INVALID;
        *ret = (struct timespec){ .tv_sec = s, .tv_nsec = ns };
        return 0;
}

int time_write(struct call *call, uint64_t address, struct timespec value) {
        return time_write_pair(call, address, time_is_narrow(call), value.tv_sec, value.tv_nsec);
}

int time_error(struct call *call, int r) {
        return r == TIME_E_INVALID ? answer_errno(call, EINVAL) : target_error(call, r);
}
