/* SPDX-License-Identifier: Apache-2.0 */

#include "supervisor/worker.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/call.h"
#include "tests/fakes/fake_kernel.h"

static atomic_int n_run, n_interrupted;
static struct fake_kernel fake;

static void on_signal(int number) {
        (void)number;
}

static void setup(void) {
        struct sigaction action = { .sa_handler = on_signal };

        sigaction(SIGURG, &action, NULL);
        fake_kernel_init(&fake);
        /* Every call is received, so that its id is one that waits. */
        fake.status = "Name:\tx\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000000\n"
                      "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000000000\n";
}

/* The watcher may be reading what was said before. */
static void pend(const char *pending) {
        static char texts[2][256], *status = texts[1];

        status = status == texts[0] ? texts[1] : texts[0];
        snprintf(status, sizeof(texts[0]),
                 "Name:\tx\nSigPnd:\t%s\nShdPnd:\t0000000000000000\nSigBlk:\t0000000000000000\n"
                 "SigIgn:\t0000000000000000\nSigCgt:\t0000000000002000\n",
                 pending);
        fake.status = status;
}

static struct call make_call(enum fake_fate fate) {
        struct call call;

        fake_kernel_call(&fake, 800, 0xc000003e, 0, NULL, fate);
        call_init(&call, NULL, &fake.kernel, -1);
        cr_assert_eq(fake_kernel_receive(&fake, &call.notif), 0);
        call.tid = call.notif.pid;
        return call;
}

static void run_quick(struct call *call) {
        (void)call;
        n_run++;
}

/* Waits for ever unless it is kicked, and kicked again: the first kick may come before the wait. */
static void run_waiting(struct call *call) {
        struct timespec left = { .tv_sec = 1000 };
        bool interrupted = false;

        n_run++;
        while (!call->kicked || !interrupted)
                if (nanosleep(&left, NULL) < 0 && errno == EINTR)
                        interrupted = true;
        n_interrupted++;
}

static void await(atomic_int *number, int wanted) {
        while (*number < wanted)
                nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

Test(worker, calls_run_and_threads_are_used_again, .init = setup) {
        struct workers *workers;

        cr_assert_eq(workers_new(run_quick, 0, &workers), 0);
        for (int i = 0; i < 200; i++) {
                struct call call = make_call(FAKE_LIVES);

                cr_assert_eq(workers_add(workers, &call), 0);
                await(&n_run, i + 1);
        }
        while (workers_waiting(workers) > 0)
                nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        workers_free(workers);
        cr_assert_eq(n_run, 200);
}

Test(worker, too_many_are_refused_and_the_end_kicks_all, .init = setup) {
        struct workers *workers;
        struct call call;

        cr_assert_eq(workers_new(run_waiting, 0, &workers), 0);
        for (int i = 0; i < WORKERS_MAX; i++) {
                call = make_call(FAKE_LIVES);
                cr_assert_eq(workers_add(workers, &call), 0);
        }
        call = make_call(FAKE_LIVES);
        cr_assert_eq(workers_add(workers, &call), -EAGAIN);
        cr_assert_eq(call.tid, 800, "what was refused is untouched");
        await(&n_run, WORKERS_MAX);
        cr_assert_eq(workers_waiting(workers), WORKERS_MAX);
        workers_free(workers);
        cr_assert_eq(n_run, WORKERS_MAX);
        cr_assert_eq(n_interrupted, WORKERS_MAX);
}

Test(worker, a_call_that_vanished_is_kicked, .init = setup) {
        struct workers *workers;
        struct call call = make_call(FAKE_GONE_AT_CONFIRM);

        cr_assert_eq(workers_new(run_waiting, 0, &workers), 0);
        cr_assert_eq(workers_add(workers, &call), 0);
        while (workers_waiting(workers) > 0)
                nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        cr_assert_eq(n_interrupted, 1);
        workers_free(workers);
}

Test(worker, a_signal_with_a_handler_ends_the_wait, .init = setup) {
        struct workers *workers;
        struct call call = make_call(FAKE_LIVES);

        pend("0000000000000001"); /* SIGHUP, which nobody handles */
        cr_assert_eq(workers_new(run_waiting, 0, &workers), 0);
        cr_assert_eq(workers_add(workers, &call), 0);
        await(&n_run, 1);
        workers_look(workers);
        cr_assert_eq(workers_waiting(workers), 1);
        pend("0000000000002000"); /* SIGALRM */
        while (workers_waiting(workers) > 0)
                nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        workers_free(workers);
}
