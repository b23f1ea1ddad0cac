/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Calls that wait for a date, or set a timer to one. Those that give a time span need nothing: spans are the
 * same on both sides. For the others the date is taken from the task's memory, turned into the real one, and
 * the wait is done here, on a worker: the kernel would read the memory again.
 */

#include "supervisor/emulate/timekeeper.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

static bool is_past(struct timespec at) {
        struct timespec now = time_now();

        return now.tv_sec > at.tv_sec || (now.tv_sec == at.tv_sec && now.tv_nsec >= at.tv_nsec);
}

/* The date of a wait in the machine's real time. */
static struct timespec wanted(const struct time_state *state, struct timespec date, int clock) {
        date.tv_sec -= time_ahead_s(clock);
        if (date.tv_sec < 0)
                date = (struct timespec){ 0 };
        return time_real(state, date);
}

/* ---- sleeping ---- */

/* Until the date, or until it is set anew, or until a signal: 0, EAGAIN, EINTR. */
static int sleep_once(const struct time_state *state, uint32_t generation, struct timespec until) {
        long r = syscall(SYS_futex, &state->generation,
                         FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME | FUTEX_PRIVATE_FLAG, generation, &until,
                         NULL, FUTEX_BITSET_MATCH_ANY);

        return r == 0 ? EAGAIN : errno == ETIMEDOUT ? 0 : errno;
}

int time_sleep(struct call *call) {
        const struct time_state *state = emulation_state(call);
        int clock = (int)call->args[0];
        struct timespec date;
        int r;

        if (!time_tells_date(clock) || !(call->args[1] & TIMER_ABSTIME))
                return answer_continue(call);
        /* Nobody can be woken out of suspend by a date that the hardware clock does not know; COARSE clocks
         * have no sleep in the kernel either. */
        if (clock == CLOCK_REALTIME_ALARM || clock == CLOCK_REALTIME_COARSE)
                return answer_errno(call, EOPNOTSUPP);
        r = time_read(call, call->args[2], &date);
        if (r)
                return time_error(call, r);
        for (;;) {
                uint32_t generation = state->generation;
                struct timespec until = wanted(state, date, clock);

                if (is_past(until))
                        return answer_errno(call, 0);
                if (!call->may_wait)
                        return CALL_E_SLOW;
                r = call->kicked ? EINTR : sleep_once(state, generation, until);
                if (r == EINTR) {
                        r = target_confirm(call);
                        return r ? r : answer_errno(call, EINTR);
                }
                if (r != 0 && r != EAGAIN)
                        return error_origin(-r);
        }
}

/* ---- timers that are descriptors ---- */

struct itimerspec_32 {
        struct timespec_32 interval, value;
};
struct itimerspec_64 {
        struct timespec_64 interval, value;
};

static bool valid(int64_t s, int64_t ns) {
        return s >= 0 && ns >= 0 && ns < TIME_NS;
}

static int read_timer(struct call *call, uint64_t address, struct itimerspec *ret) {
        struct itimerspec_64 wide;
        struct itimerspec_32 small = { 0 };
        int r;

        if (time_is_narrow(call)) {
                r = target_read(call, address, &small, sizeof(small));
                wide = (struct itimerspec_64){ { small.interval.tv_sec, small.interval.tv_nsec },
                                               { small.value.tv_sec, small.value.tv_nsec } };
        } else
                r = target_read(call, address, &wide, sizeof(wide));
        if (r)
                return error_trace(r);
        if (call_is_32bit(call) && !time_is_narrow(call)) {
                wide.interval.tv_nsec &= UINT32_MAX;
                wide.value.tv_nsec &= UINT32_MAX;
        }
        if (!valid(wide.interval.tv_sec, wide.interval.tv_nsec) ||
            !valid(wide.value.tv_sec, wide.value.tv_nsec))
                return TIME_E_INVALID;
        *ret = (struct itimerspec){ { wide.interval.tv_sec, wide.interval.tv_nsec },
                                    { wide.value.tv_sec, wide.value.tv_nsec } };
        return 0;
}

static int write_timer(struct call *call, uint64_t address, const struct itimerspec *timer) {
        struct itimerspec_64 wide = { { timer->it_interval.tv_sec, timer->it_interval.tv_nsec },
                                      { timer->it_value.tv_sec, timer->it_value.tv_nsec } };
        struct itimerspec_32 small = {
                { (int32_t)timer->it_interval.tv_sec, (int32_t)timer->it_interval.tv_nsec },
                { (int32_t)timer->it_value.tv_sec, (int32_t)timer->it_value.tv_nsec },
        };

        return time_is_narrow(call) ? target_write(call, address, &small, sizeof(small))
                                    : target_write(call, address, &wide, sizeof(wide));
}

/* The clock of a timer's descriptor. A task that exchanges the descriptor meanwhile fools itself alone. */
static int timerfd_clock(struct call *call, int fd, int *ret) {
        char name[32], text[1024];
        const char *at;
        long n;

        snprintf(name, sizeof(name), "fdinfo/%d", fd);
        n = call->kernel->read_proc(call->kernel->data, call->tid, name, text, sizeof(text) - 1, 0);
        if (n == -ESRCH)
                return CALL_E_GONE;
        if (n < 0)
                return error_origin((int)n);
        text[n] = 0;
        at = strstr(text, "\nclockid: ");
        *ret = at ? atoi(at + 10) : -1;
        return 0;
}

int time_set_timerfd(struct call *call) {
        const struct time_state *state = emulation_state(call);
        int flags = (int)call->args[1], clock, error = 0, r;
        struct itimerspec wish, before;
        cleanup_fd int fd = -1;

        if (!(flags & TFD_TIMER_ABSTIME))
                return answer_continue(call);
        r = read_timer(call, call->args[2], &wish);
        if (r)
                return time_error(call, r);
        r = view_take_fd(call, (int)call->args[0], &fd, &error);
        if (r)
                return error_trace(r);
        if (fd < 0)
                return answer_errno(call, error);
        r = timerfd_clock(call, (int)call->args[0], &clock);
        if (r)
                return error_trace(r);
        /* A date of zero disarms; the earliest that does not is one nanosecond. */
        if (time_tells_date(clock) && (wish.it_value.tv_sec || wish.it_value.tv_nsec)) {
                wish.it_value = wanted(state, wish.it_value, clock);
                if (wish.it_value.tv_sec == 0 && wish.it_value.tv_nsec == 0)
                        wish.it_value.tv_nsec = 1;
        }
        if (clock == CLOCK_REALTIME_ALARM) {
                r = authority_assume(call);
                if (r)
                        return error_trace(r);
        }
        r = timerfd_settime(fd, flags, &wish, &before) < 0 ? errno : 0;
        if (clock == CLOCK_REALTIME_ALARM)
                authority_return(call);
        if (r)
                return answer_errno(call, r);
        /* What was left is a time span. */
        r = call->args[3] ? write_timer(call, call->args[3], &before) : 0;
        return r ? time_error(call, r) : answer_value(call, 0);
}

/* ---- timers of the process ---- */

/* The clock of timer id in a /proc/TID/timers ("ID: 0\n…\nClockID: 1\n" for each): -1 when it is not there.
 */
static int clock_in_timers(const char *text, int64_t id) {
        for (const char *at = text; at; at = strchr(at, '\n')) {
                int64_t found;
                int clock;

                at += *at == '\n';
                if (sscanf(at, "ID: %" SCNd64, &found) != 1 || found != id)
                        continue;
                at = strstr(at, "\nClockID: ");
                return at && sscanf(at, "\nClockID: %d", &clock) == 1 ? clock : -1;
        }
        return -1;
}

#define TIMERS_MAX (256u * 1024) /* bytes of the list: thousands of timers */

/* The whole list: 0, CALL_E_GONE, or -EFBIG and the like. *ret is owned by the caller, also on failure. */
static int read_timers(struct call *call, char **ret) {
        size_t done = 0;
        long n;

        *ret = malloc(TIMERS_MAX);
        if (!*ret)
                return error_origin(-ENOMEM);
        do {
                n = call->kernel->read_proc(call->kernel->data, call->tid, "timers", *ret + done,
                                            TIMERS_MAX - 1 - done, (long)done);
                done += n > 0 ? (size_t)n : 0;
        } while (n > 0 && done < TIMERS_MAX - 1);
        (*ret)[done] = 0;
        return n == 0 ? 0 : n == -ESRCH ? CALL_E_GONE : n < 0 ? (int)n : -EFBIG;
}

/* Nobody else can set a timer of a process. One that shall ring at a date is refused; all others are the
 * kernel's, unknown ones included. Where the list cannot be read, the clock is not known. */
int time_set_timer(struct call *call) {
        char *timers = NULL;
        int clock = -1, r;

        if (!(call->args[1] & TIMER_ABSTIME))
                return answer_continue(call);
        r = read_timers(call, &timers);
        if (r == 0)
                clock = clock_in_timers(timers, (int32_t)call->args[0]);
        free(timers);
        if (r == CALL_E_GONE)
                return r;
        if (r == 0 && !time_tells_date(clock))
                return answer_continue(call);
        snprintf(call->note, sizeof(call->note),
                 "refused: nobody else can set a timer of a process to a date");
        return answer_errno(call, EOPNOTSUPP);
}

/* ---- futexes ---- */

#define LOOK_FIRST_NS 50000
#define LOOK_LAST_NS  5000000
#define LOOK_SHARE    8         /* between two looks passes an eighth of the time waited so far */
#define SPURIOUS_NS   100000000 /* how long a wake-up that left the word as it was may go unseen */

static bool is_date_wait(uint64_t op) {
        int command = (int)op & FUTEX_CMD_MASK;

        return command == FUTEX_LOCK_PI || (op & FUTEX_CLOCK_REALTIME &&
                                            (command == FUTEX_WAIT_BITSET ||
                                             command == FUTEX_WAIT_REQUEUE_PI || command == FUTEX_LOCK_PI2));
}

/* Looks at the word until it differs or the date has come. A waiter that is woken must look for itself why:
 * so a wake-up too many harms nobody, and one that was missed ends with the next. */
static int watch_word(struct call *call, struct timespec until) {
        int64_t waited = 0, pause = LOOK_FIRST_NS;
        uint32_t word;

        for (;;) {
                struct timespec piece;
                int r = target_read(call, call->args[0], &word, sizeof(word));

                if (r)
                        return time_error(call, r);
                if (word != (uint32_t)call->args[2])
                        return answer_errno(call, waited == 0 ? EAGAIN : 0);
                if (is_past(until))
                        return answer_errno(call, ETIMEDOUT);
                if (!call->may_wait)
                        return CALL_E_SLOW;
                if (call->kicked)
                        return answer_errno(call, EINTR);
                if (waited >= SPURIOUS_NS)
                        return answer_errno(call, 0);
                piece = (struct timespec){ .tv_nsec = pause };
                if (clock_nanosleep(CLOCK_MONOTONIC, 0, &piece, NULL) == 0)
                        waited += pause;
                pause = waited / LOOK_SHARE;
                pause = pause < LOOK_FIRST_NS ? LOOK_FIRST_NS : pause > LOOK_LAST_NS ? LOOK_LAST_NS : pause;
        }
}

int time_futex(struct call *call) {
        const struct time_state *state = emulation_state(call);
        int command = (int)call->args[1] & FUTEX_CMD_MASK, r;
        struct timespec date;

        if (!is_date_wait(call->args[1]) || !call->args[3])
                return answer_continue(call);
        r = time_read(call, call->args[3], &date);
        if (r)
                return time_error(call, r);
        /* Who waits for these is remembered by the kernel, which nobody can do for another. */
        if (command != FUTEX_WAIT_BITSET)
                return answer_errno(call, ENOSYS);
        if (call->args[0] % sizeof(uint32_t) || (uint32_t)call->args[5] == 0)
                return answer_errno(call, EINVAL);
        return watch_word(call, wanted(state, date, CLOCK_REALTIME));
}

/* futex_waitv (clock: argument 4) and futex_wait (5) with a date: as on a kernel that lacks them. */
int time_futex_new(struct call *call) {
        bool many = strcmp(call->name, "futex_waitv") == 0;
        uint64_t timeout = call->args[many ? 3 : 4];
        int clock = (int)call->args[many ? 4 : 5];

        return timeout && clock == CLOCK_REALTIME ? answer_errno(call, ENOSYS) : answer_continue(call);
}

/* ---- message queues ---- */

/* The task's queue, and the real date of its wait. 0, with -1 in *ret_fd when the task was answered. */
static int begin_mq(struct call *call, int *ret_fd, struct timespec *ret_until, struct mq_attr *ret_attr) {
        struct timespec date;
        int error = 0, r = time_read(call, call->args[4], &date);

        *ret_fd = -1;
        if (r)
                return time_error(call, r);
        if (!call->may_wait)
                return CALL_E_SLOW;
        *ret_until = wanted(emulation_state(call), date, CLOCK_REALTIME);
        r = view_take_fd(call, (int)call->args[0], ret_fd, &error);
        if (r)
                return error_trace(r);
        if (*ret_fd >= 0 && mq_getattr(*ret_fd, ret_attr) < 0) {
                error = errno;
                *ret_fd = fd_close(*ret_fd);
        }
        return *ret_fd < 0 ? answer_errno(call, error) : 0;
}

int time_mq_send(struct call *call) {
        cleanup_fd int fd = -1;
        struct timespec until;
        struct mq_attr attr;
        char *message;
        int r;

        if (!call->args[4])
                return answer_continue(call);
        r = begin_mq(call, &fd, &until, &attr);
        if (r || fd < 0)
                return r;
        if (call->args[2] > (uint64_t)attr.mq_msgsize)
                return answer_errno(call, EMSGSIZE);
        message = malloc((size_t)call->args[2] + 1);
        if (!message)
                return error_origin(-ENOMEM);
        r = target_read(call, call->args[1], message, (size_t)call->args[2]);
        if (r)
                r = time_error(call, r);
        else
                r = answer_result(call, call->kicked ? (errno = EINTR, -1)
                                                     : mq_timedsend(fd, message, (size_t)call->args[2],
                                                                    (unsigned)call->args[3], &until));
        free(message);
        return r;
}

int time_mq_receive(struct call *call) {
        cleanup_fd int fd = -1;
        struct timespec until;
        struct mq_attr attr;
        unsigned priority;
        char *message;
        ssize_t n;
        int r;

        if (!call->args[4])
                return answer_continue(call);
        r = begin_mq(call, &fd, &until, &attr);
        if (r || fd < 0)
                return r;
        if (call->args[2] < (uint64_t)attr.mq_msgsize)
                return answer_errno(call, EMSGSIZE);
        message = malloc((size_t)attr.mq_msgsize + 1);
        if (!message)
                return error_origin(-ENOMEM);
        n = call->kicked ? (errno = EINTR, -1)
                         : mq_timedreceive(fd, message, (size_t)attr.mq_msgsize, &priority, &until);
        if (n < 0)
                r = answer_errno(call, errno);
        else {
                r = call->args[3] ? target_write(call, call->args[3], &priority, sizeof(priority)) : 0;
                if (!r)
                        r = target_write(call, call->args[1], message, (size_t)n);
                r = r ? time_error(call, r) : answer_value(call, n);
        }
        free(message);
        return r;
}
