/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The program as a job of ours: signals meant for it reach it, it stops when we are stopped and the other
 * way round, and its end becomes ours, as if we had executed it in our place.
 */

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

struct job {
        pid_t pid;     /* -1: not started */
        int signal_fd; /* readable: call job_on_signal() */
        sigset_t mask; /* as we found it; the program gets it back */
        struct sigaction on_child;
        bool ended;
        bool interrupted; /* we were told to end (ctrl-C, SIGTERM …), and so was the program */
        int status;       /* of waitpid(2), once ended */
};

enum {
        JOB_E_ENDED = 1,       /* the program has just ended */
        JOB_E_INTERRUPTED = 2, /* somebody wants us to stop waiting, and the program has ended already */
};

/* Blocks signals and opens signal_fd; to be called before anything is started. */
int job_init(struct job *job);

/* Restores signal state. */
void job_deinit(struct job *job);

/* Handles what has arrived. 0, JOB_E_* or -errno. */
int job_on_signal(struct job *job);

/* The exit code that stands for a wait status: itself, or 128 + signal. */
int job_exit_code(int status);
