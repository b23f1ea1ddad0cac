/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/job.h"

/* Whoever runs the tests may ignore or block signals: both would be inherited. */
static void setup(void) {
        static const int signals[] = { SIGUSR1, SIGTERM, SIGINT, SIGCHLD };
        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
                signal(signals[i], SIG_DFL);
}

TestSuite(job, .init = setup, .timeout = 180);

static int next(struct job *job) {
        struct pollfd pollfd = { .fd = job->signal_fd, .events = POLLIN };
        int r;

        do {
                cr_assert_eq(poll(&pollfd, 1, 60000), 1);
                r = job_on_signal(job);
        } while (r == 0);
        return r;
}

static pid_t child(struct job *job, void (*run)(void)) {
        pid_t pid = fork();

        cr_assert_geq(pid, 0);
        if (pid == 0) {
                sigprocmask(SIG_SETMASK, &job->mask, NULL);
                run();
                _exit(0);
        }
        return pid;
}

static void exit_seven(void) {
        _exit(7);
}

static void die_by_term(void) {
        raise(SIGTERM);
}

static void wait_for_usr1(void) {
        pause();
}

Test(job, status_and_signal_become_exit_codes) {
        struct job job;

        cr_assert_eq(job_init(&job), 0);
        job.pid = child(&job, exit_seven);
        cr_assert_eq(next(&job), JOB_E_ENDED);
        cr_assert_eq(job_exit_code(job.status), 7);
        job_deinit(&job);

        cr_assert_eq(job_init(&job), 0);
        job.pid = child(&job, die_by_term);
        cr_assert_eq(next(&job), JOB_E_ENDED);
        cr_assert_eq(job_exit_code(job.status), 128 + SIGTERM);
        job_deinit(&job);
}

Test(job, signals_sent_to_us_reach_the_program) {
        struct job job;

        cr_assert_eq(job_init(&job), 0);
        job.pid = child(&job, wait_for_usr1);
        kill(getpid(), SIGUSR1);
        cr_assert_eq(next(&job), JOB_E_ENDED);
        cr_assert_eq(job_exit_code(job.status), 128 + SIGUSR1);
        job_deinit(&job);
}

Test(job, once_the_program_ended_an_interrupt_is_for_us) {
        struct job job;

        cr_assert_eq(job_init(&job), 0);
        job.pid = child(&job, exit_seven);
        cr_assert_eq(next(&job), JOB_E_ENDED);
        kill(getpid(), SIGINT);
        cr_assert_eq(next(&job), JOB_E_INTERRUPTED);
        job_deinit(&job);
}

Test(job, an_ignored_sigchld_is_put_back_and_does_not_hide_the_status) {
        struct sigaction after;
        struct job job;

        signal(SIGCHLD, SIG_IGN);
        cr_assert_eq(job_init(&job), 0);
        cr_assert_eq(job.on_child.sa_handler, SIG_IGN);
        job.pid = child(&job, exit_seven);
        cr_assert_eq(next(&job), JOB_E_ENDED);
        cr_assert_eq(job_exit_code(job.status), 7);
        job_deinit(&job);
        sigaction(SIGCHLD, NULL, &after);
        cr_assert_eq(after.sa_handler, SIG_IGN);
}
