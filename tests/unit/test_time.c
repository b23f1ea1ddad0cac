/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <unistd.h>

#include "policy/native/calls.h"
#include "policy/native/quantity.h"
#include "supervisor/emulate/timekeeper.h"
#include "syscalls/names.h"
#include "tests/fakes/fake_kernel.h"

#define HOUR 3600
#define DAY  86400

#define FAR_S (2 * HOUR) /* no test takes so long */

static struct fake_kernel fake;
static struct time_state *state;
static int taken_fd = -EBADF;

/* There is no session here: what its policy would keep is ours. */
void *emulation_state(struct call *call) {
        return state;
}

static int take_fd(void *data, uint32_t tid, int fd) {
        return taken_fd < 0 ? taken_fd : fcntl(taken_fd, F_DUPFD_CLOEXEC, 0);
}

static const char *fdinfo, *timers;
static long (*read_proc_before)(void *data, uint32_t tid, const char *name, void *buffer, size_t n,
                                long offset);
static long read_proc(void *data, uint32_t tid, const char *name, void *buffer, size_t n, long offset) {
        const char *text = strncmp(name, "fdinfo/", 7) == 0 ? fdinfo
                           : strcmp(name, "timers") == 0    ? timers
                                                            : NULL;

        if (!text)
                return read_proc_before(data, tid, name, buffer, n, offset);
        if ((size_t)offset >= strlen(text))
                return 0;
        if (text == timers && n > 20)
                n = 20; /* lists come in pieces */
        strncpy(buffer, text + offset, n);
        return (long)strnlen(text + offset, n);
}

static int start(const char *options, char *error, size_t n_error) {
        struct policy_rule rule = { .options = (char *)(uintptr_t)options };
        void *opened = NULL;
        int r;

        error[0] = 0;
        r = emulate_time.open(&rule, &opened, error, n_error);
        state = opened;
        return r;
}

static void setup(void) {
        char error[256];

        fake_kernel_init(&fake);
        fake.kernel.take_fd = take_fd;
        read_proc_before = fake.kernel.read_proc;
        fake.kernel.read_proc = read_proc;
        cr_assert_eq(start("{\"offset\": \"-30d\"}", error, sizeof(error)), 0, "%s", error);
}

static void teardown(void) {
        emulate_time.close(state);
        fake_kernel_deinit(&fake);
}

TestSuite(time, .init = setup, .fini = teardown);

static void restart(const char *options) {
        char error[256];

        emulate_time.close(state);
        cr_assert_eq(start(options, error, sizeof(error)), 0, "%s", error);
}

/* ---- calls ---- */

static struct call call;

static int run_as(uint32_t arch, const char *name, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                  uint64_t a4, uint64_t a5, bool may_wait) {
        uint64_t args[6] = { a0, a1, a2, a3, a4, a5 };
        struct fake_call *delivered = fake_kernel_call(&fake, 812, AUDIT_ARCH_X86_64, 0, args, FAKE_LIVES);

        memset(&call, 0, sizeof(call));
        call.kernel = &fake.kernel;
        call.arch = arch_by_audit(arch);
        cr_assert_not_null(call.arch);
        call.name = name;
        call.tid = 812;
        call.may_wait = may_wait;
        call.answer.fd = -1;
        call.view = (struct view)VIEW_INIT;
        memcpy(call.args, args, sizeof(args));
        cr_assert_eq(fake_kernel_receive(&fake, &call.notif), 0);
        cr_assert_eq(call.notif.id, delivered->notif.id);
        for (const struct emulator *row = emulate_time.rows; row->call; row++)
                if (strcmp(row->call, name) == 0)
                        return row->run(&call);
        cr_assert_fail("%s is not emulated", name);
        return -ENOSYS;
}
#define RUN64(name, ...) run_as(AUDIT_ARCH_X86_64, name, __VA_ARGS__)
#define RUN32(name, ...) run_as(AUDIT_ARCH_I386, name, __VA_ARGS__)

#define AT         FAKE_MEMORY_BASE
#define ELSE       (FAKE_MEMORY_BASE + 1024)
#define NOWHERE    16
#define MEMORY(at) (fake.memory + ((at)-FAKE_MEMORY_BASE))

static int64_t word64(uint64_t at) {
        int64_t value;

        memcpy(&value, MEMORY(at), 8);
        return value;
}
static int32_t word32(uint64_t at) {
        int32_t value;

        memcpy(&value, MEMORY(at), 4);
        return value;
}
static void put64(uint64_t at, int64_t a, int64_t b) {
        memcpy(MEMORY(at), &a, 8);
        memcpy(MEMORY(at) + 8, &b, 8);
}
static void put32(uint64_t at, int32_t a, int32_t b) {
        memcpy(MEMORY(at), &a, 4);
        memcpy(MEMORY(at) + 4, &b, 4);
}

#define ANSWERED(kind_wanted, value_wanted)                                                                 \
        do {                                                                                                \
                cr_assert_eq(call.answer.kind, kind_wanted, "kind %d", call.answer.kind);                   \
                cr_assert_eq(call.answer.value, value_wanted, "value %lld", (long long)call.answer.value);  \
        } while (0)

/* Between a reading here and the one in question passes less than a minute. */
static bool is_now_plus(int64_t s, int64_t seconds) {
        int64_t real = time(NULL) + seconds;

        return s >= real - 60 && s <= real + 1;
}

/* ---- dates ---- */

struct date_row {
        char text[32];
        int ret;
        int64_t s;
};
ParameterizedTestParameters(time_parse, dates) {
        static struct date_row rows[] = {
                { "2019-03-01", 0, 1551398400 },
                { "2019-03-01T00:00:00Z", 0, 1551398400 },
                { "2019-03-01 02:00:00+02:00", 0, 1551398400 },
                { "2019-02-28T19:00-0500", 0, 1551398400 },
                { "@1551398400", 0, 1551398400 },
                { "@-1", 0, -1 },
                { "1970-01-01", 0, 0 },
                { "2020-02-29", 0, 1582934400 },
                { "2019-02-29", -EINVAL, 0 },
                { "2019-04-31T00:00:00", -EINVAL, 0 },
                { "2019-13-01", -EINVAL, 0 },
                { "2019-03-01x", -EINVAL, 0 },
                { "2019-03-01T00:00:00+2", -EINVAL, 0 },
                { "2019-03-01T00:00:00+99:00", -EINVAL, 0 },
                { "yesterday", -EINVAL, 0 },
                { "@", -EINVAL, 0 },
                { "", -EINVAL, 0 },
        };

        return cr_make_param_array(struct date_row, rows, sizeof(rows) / sizeof(rows[0]));
}
ParameterizedTest(struct date_row *row, time_parse, dates) {
        int64_t s = 0;

        cr_assert_eq(quantity_date(row->text, &s), row->ret, "%s", row->text);
        if (row->ret == 0)
                cr_assert_eq(s, row->s, "%s: %lld", row->text, (long long)s);
}

Test(time, shifting_keeps_nanoseconds_in_order_and_dates_in_range) {
        struct timespec t;

        state->offset = -1;
        t = time_pretended(state, (struct timespec){ 10, 0 });
        cr_assert(t.tv_sec == 9 && t.tv_nsec == 999999999);
        t = time_real(state, t);
        cr_assert(t.tv_sec == 10 && t.tv_nsec == 0);
        state->offset = -20 * (int64_t)TIME_NS;
        t = time_pretended(state, (struct timespec){ 10, 5 });
        cr_assert(t.tv_sec == 0 && t.tv_nsec == 0);
        t = time_real(state, (struct timespec){ INT64_MAX, 999999999 });
        cr_assert_eq(t.tv_sec, TIME_LATEST_S);
}

Test(time, options_that_cannot_be_meant_are_explained) {
        static const struct {
                const char *options, *sentence;
        } rows[] = {
                { "{\"start\": \"soon\"}", "soon" },
                { "{\"start\": \"@-5\"}", "1970" },
                { "{\"offset\": \"-100000d\"}", "1970" },
                { "{\"start\": \"2019-03-01\", \"offset\": \"1h\"}", "both" },
        };
        char error[256];

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                emulate_time.close(state);
                cr_assert_eq(start(rows[i].options, error, sizeof(error)), -EINVAL, "%s", rows[i].options);
                cr_assert(strstr(error, rows[i].sentence), "%s", error);
        }
}

/* ---- reading ---- */

Test(time, every_clock_that_tells_the_date_is_shifted) {
        static const int clocks[] = { CLOCK_REALTIME, CLOCK_REALTIME_COARSE, 11 };

        for (size_t i = 0; i < 3; i++) {
                struct timespec before,
                        after; /* of this clock: CLOCK_TAI is ahead where somebody told the kernel */

                clock_gettime(clocks[i], &before);
                cr_assert_eq(RUN64("clock_gettime", (uint64_t)clocks[i], AT, 0, 0, 0, 0, false), 0);
                clock_gettime(clocks[i], &after);
                ANSWERED(ANSWER_VALUE, 0);
                cr_assert_geq(word64(AT) + 30 * DAY, before.tv_sec, "clock %d", clocks[i]);
                cr_assert_leq(word64(AT) + 30 * DAY, after.tv_sec, "clock %d", clocks[i]);
        }
        for (int clock = 0; clock < 16; clock++)
                if (clock != 0 && clock != 5 && clock != 8 && clock != 11) {
                        cr_assert_eq(RUN64("clock_gettime", (uint64_t)clock, AT, 0, 0, 0, 0, false), 0);
                        ANSWERED(ANSWER_CONTINUE, 0);
                }
        RUN64("clock_gettime", 0, NOWHERE, 0, 0, 0, 0, false);
        ANSWERED(ANSWER_ERRNO, EFAULT);
}

Test(time, layouts_of_32_bit_tasks) {
        memset(fake.memory, 0x55, sizeof(fake.memory));
        RUN32("clock_gettime", 0, AT, 0, 0, 0, 0, false);
        cr_assert(is_now_plus(word32(AT), -30 * DAY));
        cr_assert(word32(AT + 4) >= 0 && word32(AT + 4) < TIME_NS);
        cr_assert_eq(word32(AT + 8), 0x55555555);
        RUN32("clock_gettime64", 0, AT, 0, 0, 0, 0, false);
        cr_assert(is_now_plus(word64(AT), -30 * DAY));
        RUN32("gettimeofday", AT, ELSE, 0, 0, 0, 0, false);
        cr_assert(is_now_plus(word32(AT), -30 * DAY) && word32(AT + 4) < 1000000);
        cr_assert_eq(word32(ELSE), 0);
        RUN32("time", AT, 0, 0, 0, 0, 0, false);
        cr_assert(is_now_plus(call.answer.value, -30 * DAY));
        cr_assert_eq(word32(AT), call.answer.value);
        restart("{\"start\": \"2040-01-01\"}");
        RUN32("time", 0, 0, 0, 0, 0, 0, false);
        cr_assert_lt(call.answer.value, 0); /* what a 32-bit kernel shows then */
        RUN32("clock_gettime64", 0, AT, 0, 0, 0, 0, false);
        cr_assert(word64(AT) >= 2208988800 && word64(AT) < 2208988860);
}

Test(time, time_and_gettimeofday_of_64_bit_tasks) {
        RUN64("time", 0, 0, 0, 0, 0, 0, false);
        cr_assert(is_now_plus(call.answer.value, -30 * DAY));
        RUN64("time", NOWHERE, 0, 0, 0, 0, 0, false);
        ANSWERED(ANSWER_ERRNO, EFAULT);
        RUN64("gettimeofday", AT, 0, 0, 0, 0, 0, false);
        cr_assert(is_now_plus(word64(AT), -30 * DAY) && word64(AT + 8) < 1000000);
        RUN64("gettimeofday", 0, 0, 0, 0, 0, 0, false);
        ANSWERED(ANSWER_VALUE, 0);
}

Test(time, a_start_date_is_the_date_of_the_start) {
        restart("{\"start\": \"2001-09-09T01:46:40Z\"}");
        RUN64("clock_gettime", 0, AT, 0, 0, 0, 0, false);
        cr_assert(word64(AT) >= 1000000000 && word64(AT) < 1000000060, "%lld", (long long)word64(AT));
}

/* ---- setting ---- */

Test(time, setting_needs_the_option_and_then_moves_the_pretended_date_alone) {
        put64(AT, 1000000000, 500);
        RUN64("clock_settime", 0, AT, 0, 0, 0, 0, false);
        ANSWERED(ANSWER_ERRNO, EPERM);
        put64(AT, -1, 0);
        RUN64("clock_settime", 0, AT, 0, 0, 0, 0, false);
        ANSWERED(ANSWER_ERRNO, EINVAL);
        RUN64("clock_settime", CLOCK_MONOTONIC, AT, 0, 0, 0, 0, false);
        ANSWERED(ANSWER_CONTINUE, 0);
        RUN64("settimeofday", 0, 0, 0, 0, 0, 0, false);
        ANSWERED(ANSWER_ERRNO, EPERM);

        restart("{\"settable\": true}");
        put64(AT, 1000000000, 500);
        RUN64("clock_settime", 0, AT, 0, 0, 0, 0, false);
        ANSWERED(ANSWER_VALUE, 0);
        RUN64("time", 0, 0, 0, 0, 0, 0, false);
        cr_assert(call.answer.value >= 1000000000 - 1 && call.answer.value < 1000000060);
        put32(AT, 900000000, 999999);
        RUN32("settimeofday", AT, 0, 0, 0, 0, 0, false);
        ANSWERED(ANSWER_VALUE, 0);
        RUN64("clock_gettime", 0, AT, 0, 0, 0, 0, false);
        cr_assert(word64(AT) >= 900000000 && word64(AT) < 900000060);
        put32(AT, 800000000, 0);
        RUN32("stime", AT, 0, 0, 0, 0, 0, false);
        ANSWERED(ANSWER_VALUE, 0);
        RUN32("clock_gettime", 0, AT, 0, 0, 0, 0, false);
        cr_assert(word32(AT) >= 800000000 && word32(AT) < 800000060);
        put64(AT, 5, 1000000);
        RUN64("settimeofday", AT, 0, 0, 0, 0, 0, false);
        ANSWERED(ANSWER_ERRNO, EINVAL);
}

Test(time, adjusting) {
        struct timex timex = { .modes = 0 };

        if (adjtimex(&timex) < 0)
                cr_skip_test("adjtimex is refused here");
        timex = (struct timex){ .modes = 0 };
        memcpy(MEMORY(AT), &timex, sizeof(timex));
        RUN64("adjtimex", AT, 0, 0, 0, 0, 0, false);
        cr_assert_eq(call.answer.kind, ANSWER_VALUE);
        memcpy(&timex, MEMORY(AT), sizeof(timex));
        cr_assert(is_now_plus(timex.time.tv_sec, -30 * DAY));
        timex.modes = ADJ_SETOFFSET;
        timex.time = (struct timeval){ HOUR, 0 };
        memcpy(MEMORY(AT), &timex, sizeof(timex));
        RUN64("clock_adjtime", 0, AT, 0, 0, 0, 0, false);
        ANSWERED(ANSWER_ERRNO, EPERM);
        restart("{\"settable\": true}");
        memcpy(MEMORY(AT), &timex, sizeof(timex));
        RUN64("clock_adjtime", 0, AT, 0, 0, 0, 0, false);
        cr_assert_eq(call.answer.kind, ANSWER_VALUE);
        RUN64("time", 0, 0, 0, 0, 0, 0, false);
        cr_assert(is_now_plus(call.answer.value, HOUR));
        /* The layout of 32-bit tasks: modes, …, time at 36. */
        memset(MEMORY(AT), 0, 128);
        RUN32("adjtimex", AT, 0, 0, 0, 0, 0, false);
        cr_assert(is_now_plus(word32(AT + 36), HOUR), "%d", word32(AT + 36));
        cr_assert(word32(AT + 44) >= 9000 && word32(AT + 44) <= 11000, "tick: %d", word32(AT + 44));
}

/* ---- waiting ---- */

static int64_t monotonic_ms(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The pretended date in ms from now. */
static void put_date(uint64_t at, int64_t ms) {
        struct timespec now = time_pretended(state, time_now());
        int64_t ns = now.tv_nsec + ms % 1000 * 1000000;

        put64(at, now.tv_sec + ms / 1000 + ns / TIME_NS, ns % TIME_NS);
}

static bool date_has_come(uint64_t at) {
        struct timespec now = time_pretended(state, time_now());

        return now.tv_sec > word64(at) || (now.tv_sec == word64(at) && now.tv_nsec >= word64(at + 8));
}

/* Time left of FAR_S seconds, of which the test has taken some. */
static bool is_far(int64_t s) {
        return s > FAR_S / 2 && s <= FAR_S;
}

Test(time, sleeping_until_a_date_takes_the_real_span) {
        int64_t before;

        put_date(AT, FAR_S * 1000);
        cr_assert_eq(RUN64("clock_nanosleep", 0, TIMER_ABSTIME, AT, 0, 0, 0, false), CALL_E_SLOW);
        before = monotonic_ms();
        put_date(AT, 100);
        cr_assert_eq(RUN64("clock_nanosleep", 0, TIMER_ABSTIME, AT, 0, 0, 0, true), 0);
        ANSWERED(ANSWER_ERRNO, 0);
        cr_assert_geq(monotonic_ms() - before, 50);
        cr_assert(date_has_come(AT));
        put_date(AT, -1000);
        cr_assert_eq(RUN64("clock_nanosleep", 0, TIMER_ABSTIME, AT, 0, 0, 0, false), 0);
        ANSWERED(ANSWER_ERRNO, 0);
        RUN64("clock_nanosleep", 0, 0, AT, 0, 0, 0, false);
        ANSWERED(ANSWER_CONTINUE, 0);
        RUN64("clock_nanosleep", CLOCK_MONOTONIC, TIMER_ABSTIME, AT, 0, 0, 0, false);
        ANSWERED(ANSWER_CONTINUE, 0);
        put64(AT, 5, TIME_NS);
        RUN64("clock_nanosleep", 0, TIMER_ABSTIME, AT, 0, 0, 0, false);
        ANSWERED(ANSWER_ERRNO, EINVAL);
}

static void *set_back(void *data) {
        struct timespec now = time_pretended(state, time_now());

        usleep(20000);
        now.tv_sec += HOUR;
        time_set(state, now);
        return NULL;
}

Test(time, a_sleep_ends_when_the_date_is_set_beyond_it) {
        pthread_t thread;

        restart("{\"settable\": true}");
        put_date(AT, HOUR / 2 * 1000);
        pthread_create(&thread, NULL, set_back, NULL);
        cr_assert_eq(RUN64("clock_nanosleep", 0, TIMER_ABSTIME, AT, 0, 0, 0, true), 0);
        ANSWERED(ANSWER_ERRNO, 0);
        pthread_join(thread, NULL);
}

Test(time, a_kicked_sleep_is_interrupted) {
        put_date(AT, 1800 * 1000);
        /* As when the kick came before the wait. */
        RUN64("clock_nanosleep", 0, TIMER_ABSTIME, AT, 0, 0, 0, false);
        call.may_wait = true;
        call.kicked = true;
        for (const struct emulator *row = emulate_time.rows; row->call; row++)
                if (strcmp(row->call, "clock_nanosleep") == 0)
                        cr_assert_eq(row->run(&call), 0);
        ANSWERED(ANSWER_ERRNO, EINTR);
}

Test(time, timers_with_descriptors_ring_at_the_pretended_date) {
        struct itimerspec left;

        taken_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC);
        fdinfo = "pos:\t0\nflags:\t02\nclockid: 0\nticks: 0\n";
        put64(AT, 0, 0);
        put_date(AT + 16, FAR_S * 1000);
        RUN64("timerfd_settime", 3, TFD_TIMER_ABSTIME, AT, ELSE, 0, 0, false);
        ANSWERED(ANSWER_VALUE, 0);
        cr_assert_eq(timerfd_gettime(taken_fd, &left), 0);
        cr_assert(is_far(left.it_value.tv_sec), "%ld", left.it_value.tv_sec);
        cr_assert_eq(word64(ELSE + 16), 0);
        /* A date long past rings at once and is not the zero that disarms. */
        put64(AT + 16, 0, 1);
        RUN64("timerfd_settime", 3, TFD_TIMER_ABSTIME, AT, ELSE, 0, 0, false);
        ANSWERED(ANSWER_VALUE, 0);
        cr_assert(is_far(word64(ELSE + 16)));
        cr_assert_eq(read(taken_fd, &left, 8), 8);
        put64(AT + 16, 0, 0);
        RUN64("timerfd_settime", 3, TFD_TIMER_ABSTIME, AT, 0, 0, 0, false);
        ANSWERED(ANSWER_VALUE, 0);
        put32(AT, 0, 0);
        put32(AT + 8, (int32_t)(time(NULL) - 30 * DAY + FAR_S), 0);
        RUN32("timerfd_settime", 3, TFD_TIMER_ABSTIME, AT, 0, 0, 0, false);
        ANSWERED(ANSWER_VALUE, 0);
        cr_assert_eq(timerfd_gettime(taken_fd, &left), 0);
        cr_assert(is_far(left.it_value.tv_sec), "%ld", left.it_value.tv_sec);
        RUN64("timerfd_settime", 3, 0, AT, 0, 0, 0, false);
        ANSWERED(ANSWER_CONTINUE, 0);
        taken_fd = -EBADF;
        put64(AT, 0, 0);
        RUN64("timerfd_settime", 3, TFD_TIMER_ABSTIME, AT, 0, 0, 0, false);
        ANSWERED(ANSWER_ERRNO, EBADF);
}

Test(time, timers_of_other_clocks_keep_their_time) {
        struct itimerspec left;
        struct timespec now;

        taken_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
        fdinfo = "pos:\t0\nflags:\t02\nclockid: 1\nticks: 0\n";
        clock_gettime(CLOCK_MONOTONIC, &now);
        put64(AT, 0, 0);
        put64(AT + 16, now.tv_sec + FAR_S, 0);
        RUN64("timerfd_settime", 3, TFD_TIMER_ABSTIME, AT, 0, 0, 0, false);
        ANSWERED(ANSWER_VALUE, 0);
        cr_assert_eq(timerfd_gettime(taken_fd, &left), 0);
        cr_assert(is_far(left.it_value.tv_sec), "%ld", left.it_value.tv_sec);
}

Test(time, timers_of_the_process_are_refused_by_their_clock) {
        timers = "ID: 0\nsignal: 14/0000000000000000\nnotify: signal/pid.812\nClockID: 1\n"
                 "ID: 7\nsignal: 14/0000000000000000\nnotify: signal/pid.812\nClockID: 0\n";
        RUN64("timer_settime", 7, TIMER_ABSTIME, AT, 0, 0, 0, false);
        ANSWERED(ANSWER_ERRNO, EOPNOTSUPP);
        RUN64("timer_settime", 0, TIMER_ABSTIME, AT, 0, 0, 0, false);
        ANSWERED(ANSWER_CONTINUE, 0);
        RUN64("timer_settime", 7, 0, AT, 0, 0, 0, false);
        ANSWERED(ANSWER_CONTINUE, 0);
        RUN64("timer_settime", 9, TIMER_ABSTIME, AT, 0, 0, 0, false);
        ANSWERED(ANSWER_CONTINUE, 0); /* EINVAL, says the kernel */
}

#define DATED (FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)

Test(time, futexes) {
        int64_t before;

        put32(ELSE, 42, 0);
        put_date(AT, FAR_S * 1000);
        RUN64("futex", ELSE, DATED, 41, AT, 0, UINT32_MAX, false);
        ANSWERED(ANSWER_ERRNO, EAGAIN);
        cr_assert_eq(RUN64("futex", ELSE, DATED, 42, AT, 0, UINT32_MAX, false), CALL_E_SLOW);
        before = monotonic_ms();
        put_date(AT, 100);
        do /* wake-ups for no reason are allowed */
                cr_assert_eq(RUN64("futex", ELSE, DATED, 42, AT, 0, UINT32_MAX, true), 0);
        while (call.answer.kind == ANSWER_ERRNO && call.answer.value == 0);
        ANSWERED(ANSWER_ERRNO, ETIMEDOUT);
        cr_assert_geq(monotonic_ms() - before, 50);
        cr_assert(date_has_come(AT));
        RUN64("futex", ELSE, DATED, 42, AT, 0, 0, false);
        ANSWERED(ANSWER_ERRNO, EINVAL);
        RUN64("futex", ELSE + 1, DATED, 42, AT, 0, UINT32_MAX, false);
        ANSWERED(ANSWER_ERRNO, EINVAL);
        RUN64("futex", NOWHERE, DATED, 42, AT, 0, UINT32_MAX, false);
        ANSWERED(ANSWER_ERRNO, EFAULT);
        RUN64("futex", ELSE, DATED, 42, 0, 0, UINT32_MAX, false);
        ANSWERED(ANSWER_CONTINUE, 0);
        RUN64("futex", ELSE, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 42, AT, 0, 0, false);
        ANSWERED(ANSWER_CONTINUE, 0); /* a time span */
        RUN64("futex", ELSE, FUTEX_LOCK_PI, 0, AT, 0, 0, false);
        ANSWERED(ANSWER_ERRNO, ENOSYS);
        RUN64("futex", ELSE, FUTEX_LOCK_PI, 0, 0, 0, 0, false);
        ANSWERED(ANSWER_CONTINUE, 0);
        RUN64("futex_waitv", AT, 1, 0, AT, CLOCK_REALTIME, 0, false);
        ANSWERED(ANSWER_ERRNO, ENOSYS);
        RUN64("futex_waitv", AT, 1, 0, AT, CLOCK_MONOTONIC, 0, false);
        ANSWERED(ANSWER_CONTINUE, 0);
}

static void *change_word(void *data) {
        usleep(30000);
        __atomic_store_n((uint32_t *)(void *)MEMORY(ELSE), 43, __ATOMIC_SEQ_CST);
        return NULL;
}

Test(time, a_futex_wait_ends_when_the_word_changes) {
        pthread_t thread;
        int64_t before = monotonic_ms();

        put32(ELSE, 42, 0);
        put_date(AT, 1800 * 1000);
        pthread_create(&thread, NULL, change_word, NULL);
        do
                RUN64("futex", ELSE, DATED, 42, AT, 0, UINT32_MAX, true);
        while (word32(ELSE) == 42);
        cr_assert_leq(monotonic_ms() - before, 60000);
        pthread_join(thread, NULL);
}

Test(time, rows_and_policy_name_the_same_calls) {
        const struct policy_emulation *policy = policy_emulation_by_name("time");
        char *calls = strdup(policy->calls), *save = NULL;
        size_t n = 0, n_rows = 0;

        for (char *name = strtok_r(calls, " ", &save); name; name = strtok_r(NULL, " ", &save), n++) {
                const struct emulator *row = emulate_time.rows;

                while (row->call && strcmp(row->call, name) != 0)
                        row++;
                cr_assert(row->call, "%s has no row", name);
        }
        while (emulate_time.rows[n_rows].call)
                n_rows++;
        cr_assert_eq(n, n_rows);
        free(calls);
        for (const struct policy_emulation_when *when = policy->when; when->call; when++)
                cr_assert(strstr(policy->calls, when->call));
}
