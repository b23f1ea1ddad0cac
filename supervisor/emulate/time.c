/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Reading and setting the pretended date. The clocks are read by us, and the kernel's own answer is shifted:
 * so an unknown clock, a leap second or a step of the machine's clock is whatever the kernel makes of it.
 */

#include "supervisor/emulate/timekeeper.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <unistd.h>

#include "base/error.h"
#include "policy/native/quantity.h"
#include "supervisor/emulate/options.h"
#include "supervisor/emulate/vdso.h"

/* ---- reading ---- */

static int clock_gettime_run(struct call *call) {
        const struct time_state *state = emulation_state(call);
        int clock = (int)call->args[0], r;
        struct timespec now;

        if (!time_tells_date(clock))
                return answer_continue(call);
        if (clock_gettime(clock, &now) < 0)
                return answer_errno(call, errno);
        r = time_write(call, call->args[1], time_pretended(state, now));
        return r ? time_error(call, r) : answer_value(call, 0);
}

static int gettimeofday_run(struct call *call) {
        const struct time_state *state = emulation_state(call);
        struct timespec now = time_pretended(state, time_now());
        struct timezone zone;
        int r = 0;

        if (call->args[0])
                r = time_write_pair(call, call->args[0], call_is_32bit(call), now.tv_sec,
                                    now.tv_nsec / 1000);
        if (!r && call->args[1]) {
                /* The kernel's, which the C library hides. */
                if (syscall(SYS_gettimeofday, NULL, &zone) < 0)
                        return answer_errno(call, errno);
                r = target_write(call, call->args[1], &zone, sizeof(zone));
        }
        return r ? time_error(call, r) : answer_value(call, 0);
}

static int time_run(struct call *call) {
        const struct time_state *state = emulation_state(call);
        struct timespec coarse;
        int64_t now;
        int r = 0;

        /* The kernel's time() is as old as its last tick, and never ahead of what the other clocks say. */
        clock_gettime(CLOCK_REALTIME_COARSE, &coarse);
        now = time_pretended(state, coarse).tv_sec;
        if (call_is_32bit(call))
                now = (int32_t)now;
        if (call->args[0])
                r = target_write(call, call->args[0], &now, call_is_32bit(call) ? 4 : 8);
        return r ? time_error(call, r) : answer_value(call, now);
}

/* ---- setting ---- */

/* The kernel looks at what is to be set before it looks at who asks. */
static int set_to(struct call *call, struct timespec date) {
        struct time_state *state = emulation_state(call);

        if (date.tv_sec > TIME_LATEST_S)
                return answer_errno(call, EINVAL);
        if (!state->settable)
                return answer_errno(call, EPERM);
        time_set(state, date);
        return answer_value(call, 0);
}

static int clock_settime_run(struct call *call) {
        struct timespec date;
        int r;

        if ((int)call->args[0] != CLOCK_REALTIME)
                return answer_continue(call);
        r = time_read(call, call->args[1], &date);
        return r ? time_error(call, r) : set_to(call, date);
}

static int settimeofday_run(struct call *call) {
        const struct time_state *state = emulation_state(call);
        struct timezone zone;
        int64_t s = 0, us = 0;
        int r = 0;

        if (call->args[0])
                r = time_read_pair(call, call->args[0], call_is_32bit(call), &s, &us);
        if (!r && (us < 0 || us >= 1000000 || s < 0))
                return answer_errno(call, EINVAL);
        if (!r && call->args[1])
                r = target_read(call, call->args[1], &zone, sizeof(zone));
        if (r)
                return time_error(call, r);
        if (call->args[0])
                return set_to(call, (struct timespec){ .tv_sec = s, .tv_nsec = us * 1000 });
        /* The time zone of the kernel is nobody's business any more; nothing shows what was set. */
        return answer_errno(call, state->settable ? 0 : EPERM);
}

static int stime_run(struct call *call) { /* 32-bit only */
        int32_t s;
        int r = target_read(call, call->args[0], &s, sizeof(s));

        if (r)
                return time_error(call, r);
        return s < 0 ? answer_errno(call, EINVAL) : set_to(call, (struct timespec){ .tv_sec = s });
}

/* ---- adjusting ---- */

/* struct timex of 64-bit tasks, which clock_adjtime64 has too, and of 32-bit ones: the same fields in the
 * same order, each in a place of 8 and of 4 bytes. */
#define TIMEX_FIELDS 21 /* modes … tai */
#define TIMEX_WORDS  32 /* 32-bit: with the room at the end */
_Static_assert(sizeof(long) != 8 || (sizeof(struct timex) == 208 &&
                                     offsetof(struct timex, tai) == 8 * (TIMEX_FIELDS - 1)),
               "layout of the kernel");

static void widen(const int32_t *words, struct timex *ret) {
        int64_t places[sizeof(*ret) / 8] = { 0 };

        for (size_t i = 0; i < TIMEX_FIELDS; i++)
                places[i] = words[i];
        memcpy(ret, places, sizeof(*ret));
}

static void narrow(const struct timex *timex, int32_t *ret) {
        int64_t places[sizeof(*timex) / 8];

        memcpy(places, timex, sizeof(*timex));
        memset(ret, 0, TIMEX_WORDS * sizeof(*ret));
        for (size_t i = 0; i < TIMEX_FIELDS; i++)
                ret[i] = (int32_t)places[i];
}

#define ADJTIME_READ (ADJ_OFFSET_SS_READ) /* what is left of an adjtime(): open to everybody */

/* What moves the date does so at once; what makes the clock faster or slower is accepted and without effect,
 * since the pretended clock runs with the machine's. */
static int adjust(struct call *call, const struct timex *asked) {
        struct time_state *state = emulation_state(call);
        int64_t ns = 0;

        if (asked->modes == 0 || asked->modes == ADJTIME_READ)
                return 0;
        if (!state->settable)
                return EPERM;
        if (asked->modes & ADJ_SETOFFSET) {
                int64_t rest = asked->time.tv_usec;

                if (!(asked->modes & ADJ_NANO))
                        rest *= 1000;
                if (rest < 0 || rest >= TIME_NS || llabs((long long)asked->time.tv_sec) > TIME_LATEST_S)
                        return EINVAL;
                ns = asked->time.tv_sec * TIME_NS + rest;
        } else if (asked->modes == ADJ_OFFSET_SINGLESHOT)
                ns = asked->offset * 1000;
        if (ns != 0)
                time_set(state, time_shift(time_pretended(state, time_now()), ns));
        return 0;
}

static int adjust_in(struct call *call, uint64_t address, bool small) {
        const struct time_state *state = emulation_state(call);
        struct timex timex;
        int32_t words[TIMEX_WORDS];
        struct timespec date;
        int r, error, clock_state;

        r = small ? target_read(call, address, words, sizeof(words))
                  : target_read(call, address, &timex, sizeof(timex));
        if (r)
                return time_error(call, r);
        if (small)
                widen(words, &timex);
        error = adjust(call, &timex);
        if (error)
                return answer_errno(call, error);
        timex.modes = timex.modes == ADJTIME_READ ? ADJTIME_READ : 0;
        clock_state = adjtimex(&timex);
        if (clock_state < 0)
                return answer_errno(call, errno);
        date = (struct timespec){ .tv_sec = timex.time.tv_sec,
                                  .tv_nsec = timex.time.tv_usec * (timex.status & STA_NANO ? 1 : 1000) };
        date = time_pretended(state, date);
        timex.time.tv_sec = date.tv_sec;
        timex.time.tv_usec = date.tv_nsec / (timex.status & STA_NANO ? 1 : 1000);
        if (small)
                narrow(&timex, words);
        r = small ? target_write(call, address, words, sizeof(words))
                  : target_write(call, address, &timex, sizeof(timex));
        return r ? time_error(call, r) : answer_value(call, clock_state);
}

static int adjtimex_run(struct call *call) {
        return adjust_in(call, call->args[0], time_is_narrow(call));
}

static int clock_adjtime_run(struct call *call) {
        return (int)call->args[0] == CLOCK_REALTIME ? adjust_in(call, call->args[1], time_is_narrow(call))
                                                    : answer_continue(call);
}

/* ---- new program images ---- */

/* Not refusing but ending: a program whose clock tells two dates would be wrong in ways nobody could see. */
static int image_run(struct call *call) {
        int r = vdso_make_calls(call);

        if (r == 0)
                return answer_continue(call);
        if (r == CALL_E_GONE)
                return r;
        snprintf(call->note, sizeof(call->note), "ended: its vDSO would tell the real date, and %s%s",
                 r < 0 ? "its memory cannot be changed: " : "", r < 0 ? strerror(-r) : vdso_outcome_text(r));
        return answer_kill(call);
}

/* ---- the emulation ---- */

/* The distance that offset or start ask for. */
static int read_distance(const struct options *options, int64_t *ret_ns) {
        struct timespec now = time_now();
        const char *start = NULL;
        int64_t s, ns = 0;
        int r = options_duration(options, "offset", &ns);

        if (!r)
                r = options_text(options, "start", &start);
        if (r)
                return error_trace(r);
        if (start) {
                if (options_has(options, "offset"))
                        return options_wrong(options, "either offset or start, not both");
                if (quantity_date(start, &s))
                        return options_wrong(options,
                                             "start: \"%s\" is no date; write 2019-03-01 or "
                                             "2019-03-01T12:30:00Z",
                                             start);
                if (s < 0 || s > TIME_LATEST_S)
                        return options_wrong(options, "start: \"%s\" is not between 1970 and 2262", start);
                ns = (s - now.tv_sec) * TIME_NS - now.tv_nsec;
        }
        s = now.tv_sec + ns / TIME_NS;
        if (s < 0 || s > TIME_LATEST_S)
                return options_wrong(options, "offset: leads to a date that is not between 1970 and 2262");
        *ret_ns = ns;
        return 0;
}

static int time_open(const struct policy_rule *rule, void **ret_state, char *error, size_t n_error) {
        cleanup_options struct options *options = NULL;
        struct time_state *state;
        int64_t offset = 0;
        bool settable = false;
        int r = options_new(rule->options, error, n_error, &options);

        if (!r)
                r = read_distance(options, &offset);
        if (!r)
                r = options_flag(options, "settable", &settable);
        if (r)
                return error_trace(r);
        state = calloc(1, sizeof(*state));
        if (!state)
                return error_origin(-ENOMEM);
        state->offset = offset;
        state->settable = settable;
        *ret_state = state;
        return 0;
}

static void time_close(void *state) {
        free(state);
}

static const struct emulator rows[] = {
        { "clock_gettime", clock_gettime_run },
        { "clock_gettime64", clock_gettime_run },
        { "gettimeofday", gettimeofday_run },
        { "time", time_run },
        { "clock_settime", clock_settime_run },
        { "clock_settime64", clock_settime_run },
        { "settimeofday", settimeofday_run },
        { "stime", stime_run },
        { "adjtimex", adjtimex_run },
        { "clock_adjtime", clock_adjtime_run },
        { "clock_adjtime64", clock_adjtime_run },
        { "clock_nanosleep", time_sleep },
        { "clock_nanosleep_time64", time_sleep },
        { "timerfd_settime", time_set_timerfd },
        { "timerfd_settime64", time_set_timerfd },
        { "timer_settime", time_set_timer },
        { "timer_settime64", time_set_timer },
        { "mq_timedsend", time_mq_send },
        { "mq_timedsend_time64", time_mq_send },
        { "mq_timedreceive", time_mq_receive },
        { "mq_timedreceive_time64", time_mq_receive },
        { "futex", time_futex },
        { "futex_time64", time_futex },
        { "futex_waitv", time_futex_new },
        { "futex_wait", time_futex_new },
        { "brk", image_run },
        { "arch_prctl", image_run },
        { "set_thread_area", image_run },
        { "set_tid_address", image_run },
        { 0 },
};

const struct emulation emulate_time = {
        .name = "time", .rows = rows, .open = time_open, .close = time_close
};
