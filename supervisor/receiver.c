/* SPDX-License-Identifier: Apache-2.0 */

/* The receiving thread. It ends when the last task is gone, or when it was told to stop and a signal without
 * SA_RESTART got it out of RECV. */

#include "supervisor/receiver.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

#define KICK_SIGNAL SIGURG /* ignored by default, so a stray one does nothing */

static void on_kick(int signal_number) {
        (void)signal_number; /* its only purpose is EINTR */
}

/* struct sched_attr of the kernel; glibc has none before 2.41. */
struct attributes {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
};

/*
 * Be scheduled soon after a call comes in: as long as it waits unreceived, a signal can take it back. The
 * shortest slice of the fair class (kernel 6.12, no privilege needed) is an earlier deadline. No negative
 * nice value: it would preempt the task before it sleeps, which costs a fifth of the round trip (measured).
 */
static void hurry(void) {
        struct attributes attributes = {
                .size = sizeof(attributes),
                .nice = getpriority(PRIO_PROCESS, 0), /* as it is */
                .runtime = 100000,                    /* 0.1 ms */
        };

        syscall(SYS_sched_setattr, 0, &attributes, 0);
}

static void *run(void *data) {
        struct receiver *receiver = data;
        sigset_t mask;
        int r;

        sigemptyset(&mask);
        sigaddset(&mask, KICK_SIGNAL);
        pthread_sigmask(SIG_UNBLOCK, &mask, NULL);
        hurry();
        unshare(CLONE_FS); /* for the tasks' umask: supervisor/authority.h. A policy may come later */
        do {
                r = session_step(receiver->session);
                if (r == -EINTR)
                        r = 0;
        } while ((r == 0 || r == SESSION_E_IDLE) && !atomic_load(&receiver->stopping));
        session_finish(receiver->session);
        atomic_store(&receiver->done, true);
        receiver->on_end(receiver->data, r < 0 ? r : 0);
        return NULL;
}

int receiver_start(struct receiver *receiver, struct session *session, void (*on_end)(void *data, int r),
                   void *data) {
        struct sigaction action = { .sa_handler = on_kick };
        int r;

        *receiver = (struct receiver){ .session = session, .on_end = on_end, .data = data };
        sigaction(KICK_SIGNAL, &action, NULL);
        r = -pthread_create(&receiver->thread, NULL, run, receiver);
        if (r)
                return error_origin(r);
        receiver->started = true;
        return 0;
}

void receiver_kick(struct receiver *receiver) {
        if (!receiver->started)
                return;
        atomic_store(&receiver->stopping, true);
        if (!atomic_load(&receiver->done))
                pthread_kill(receiver->thread, KICK_SIGNAL);
}

bool receiver_done(const struct receiver *receiver) {
        return !receiver->started || atomic_load(&receiver->done);
}

void receiver_join(struct receiver *receiver) {
        if (!receiver->started)
                return;
        pthread_join(receiver->thread, NULL);
        receiver->started = false;
}
