/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Signals are blocked and read from a descriptor, so that handlers need not exist and the program inherits
 * every disposition untouched. A signal that the terminal sent went to the whole foreground group, the
 * program included, and is not sent again; one that a process sent to us alone is passed on.
 */

#include "agent/job.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

/* Raised by our own mistakes; blocking them would only hide these. */
static const int synchronous[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };

int job_init(struct job *job) {
        struct sigaction default_action = { .sa_handler = SIG_DFL };
        sigset_t all;

        *job = (struct job){ .pid = -1, .signal_fd = -1 };
        sigfillset(&all);
        for (size_t i = 0; i < sizeof(synchronous) / sizeof(synchronous[0]); i++)
                sigdelset(&all, synchronous[i]);
        if (sigprocmask(SIG_BLOCK, &all, &job->mask) < 0)
                return error_origin(-errno);
        /* Where SIGCHLD is ignored, children leave no status behind. */
        sigaction(SIGCHLD, &default_action, &job->on_child);
        job->signal_fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
        if (job->signal_fd < 0) {
                job_deinit(job);
                return error_origin(-errno);
        }
        return 0;
}

void job_deinit(struct job *job) {
        job->signal_fd = fd_close(job->signal_fd);
        sigaction(SIGCHLD, &job->on_child, NULL);
        sigprocmask(SIG_SETMASK, &job->mask, NULL);
}

/* Stop as the program did, and go on together. */
static void stop_together(struct job *job, int signal_number) {
        sigset_t one, before;
        siginfo_t info = { 0 };

        sigemptyset(&one);
        sigaddset(&one, signal_number);
        raise(signal_number == SIGSTOP ? SIGSTOP : signal_number);
        if (signal_number != SIGSTOP) {
                sigprocmask(SIG_UNBLOCK, &one, &before); /* the stop happens here */
                sigprocmask(SIG_SETMASK, &before, NULL);
        }
        /* Whoever continued us mostly continued the whole group. Only a program that has not moved since is
         * told; one that was continued and stopped again meanwhile must stay stopped. */
        if (waitid(P_PID, (id_t)job->pid, &info, WCONTINUED | WSTOPPED | WEXITED | WNOHANG | WNOWAIT) == 0 &&
            info.si_pid == 0)
                kill(job->pid, SIGCONT);
}

static int on_child(struct job *job) {
        for (;;) {
                int status;
                pid_t pid;

                if (job->pid <= 0 || job->ended)
                        return 0;
                pid = waitpid(job->pid, &status, WNOHANG | WUNTRACED);
                if (pid <= 0)
                        return 0;
                if (WIFSTOPPED(status)) {
                        stop_together(job, WSTOPSIG(status));
                        continue;
                }
                job->ended = true;
                job->status = status;
                return JOB_E_ENDED;
        }
}

static bool wants_us_gone(int signal_number) {
        return signal_number == SIGINT || signal_number == SIGTERM || signal_number == SIGHUP ||
               signal_number == SIGQUIT;
}

int job_on_signal(struct job *job) {
        struct signalfd_siginfo info;
        int result = 0;

        while (read(job->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
                int signal_number = (int)info.ssi_signo, r = 0;

                if (wants_us_gone(signal_number))
                        job->interrupted = true;
                if (signal_number == SIGCHLD)
                        r = on_child(job);
                else if (job->pid > 0 && !job->ended) {
                        /* SI_KERNEL: the terminal told the whole group. Own timers and pipes are ours alone.
                         */
                        if ((info.ssi_code == SI_USER || info.ssi_code == SI_QUEUE ||
                             info.ssi_code == SI_TKILL) &&
                            (pid_t)info.ssi_pid != job->pid)
                                kill(job->pid, signal_number);
                } else if (job->ended && wants_us_gone(signal_number))
                        r = JOB_E_INTERRUPTED;
                if (r > result)
                        result = r;
        }
        return result;
}

int job_exit_code(int status) {
        if (WIFSIGNALED(status))
                return 128 + WTERMSIG(status);
        return WEXITSTATUS(status);
}
