/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Threads for calls that wait. Each call has a thread while it waits; a thread without a call lingers for a
 * moment and ends. One more thread watches: it looks at all that wait every few milliseconds, as long as
 * there are any.
 *
 * What must stay true: a kick that comes between a look at `kicked` and the system call that waits is not
 * lost, since the watcher kicks again until the call is over.
 */

#include "supervisor/worker.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "supervisor/call.h"

#define LINGER_S 5
#define LOOK_MS  20
#define STACK    (256u * 1024)
/* Looks at which a signal was found before it ends the wait. A handler with SA_RESTART would not end it in
 * the kernel, which does not tell who asked for that; what takes no longer than this is not interrupted at
 * all. */
#define PATIENT_LOOKS 5

#define KICK_SIGNAL SIGURG /* as supervisor/receiver.c: its handler does nothing */

enum job_state {
        JOB_FREE, /* a thread that waits for a call, or no thread */
        JOB_TAKEN,
        JOB_RUNNING,
};

struct job {
        struct workers *workers;
        struct call call;
        enum job_state state;
        bool has_thread, lingering;
        unsigned n_signalled; /* looks that found a signal */
        pthread_t thread;
        pthread_cond_t wanted;
};

struct workers {
        void (*run)(struct call *call);
        pthread_mutex_t lock;
        pthread_cond_t changed; /* a job began, or all is to end */
        pthread_cond_t idle;    /* a thread has ended */
        struct job *jobs[WORKERS_MAX];
        size_t n_jobs, n_waiting, n_threads, limit;
        pthread_t watcher;
        bool watching, stopping;
};

static struct timespec after(long ms) {
        struct timespec at;

        clock_gettime(CLOCK_MONOTONIC, &at);
        at.tv_sec += ms / 1000;
        at.tv_nsec += ms % 1000 * 1000000;
        if (at.tv_nsec >= 1000000000) {
                at.tv_sec++;
                at.tv_nsec -= 1000000000;
        }
        return at;
}

static void cond_init(pthread_cond_t *cond) {
        pthread_condattr_t attr;

        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(cond, &attr);
        pthread_condattr_destroy(&attr);
}

static void *work(void *data) {
        struct job *job = data;
        struct workers *workers = job->workers;
        sigset_t mask;

        sigemptyset(&mask);
        sigaddset(&mask, KICK_SIGNAL);
        pthread_sigmask(SIG_UNBLOCK, &mask, NULL);
        /* A umask and a working directory of its own: authority_assume(). */
        unshare(CLONE_FS);
        pthread_mutex_lock(&workers->lock);
        for (;;) {
                struct timespec until = after(LINGER_S * 1000);
                int r = 0;

                job->lingering = true;
                while (job->state == JOB_FREE && !workers->stopping && r == 0)
                        r = pthread_cond_timedwait(&job->wanted, &workers->lock, &until);
                job->lingering = false;
                if (job->state == JOB_FREE)
                        break;
                job->state = JOB_RUNNING;
                pthread_mutex_unlock(&workers->lock);
                workers->run(&job->call);
                pthread_mutex_lock(&workers->lock);
                job->state = JOB_FREE;
                workers->n_waiting--;
        }
        job->has_thread = false;
        workers->n_threads--;
        pthread_cond_broadcast(&workers->idle);
        pthread_mutex_unlock(&workers->lock);
        return NULL;
}

/* ---- looking after those that wait ---- */

static uint64_t status_mask(const char *status, const char *key) {
        const char *at = strstr(status, key);

        return at ? strtoull(at + strlen(key), NULL, 16) : 0;
}

/* A signal that the task would act upon if it were let. Stop signals and SIGCONT act by themselves. */
static bool has_signal(const struct call *call) {
        char status[4096 + 1];
        long n = call->kernel->read_proc(call->kernel->data, call->tid, "status", status, sizeof(status) - 1,
                                         0);
        uint64_t pending;

        if (n <= 0)
                return true;
        status[n] = 0;
        pending = status_mask(status, "\nSigPnd:") | status_mask(status, "\nShdPnd:");
        return pending & ~status_mask(status, "\nSigBlk:") & ~status_mask(status, "\nSigIgn:") &
               status_mask(status, "\nSigCgt:");
}

static bool over(struct job *job) {
        const struct call *call = &job->call;

        if (call->kernel->confirm(call->kernel->data, call->listener_fd, call->notif.id) != 0)
                return true;
        return has_signal(call) && ++job->n_signalled >= PATIENT_LOOKS;
}

void workers_look(struct workers *workers) {
        pthread_mutex_lock(&workers->lock);
        for (size_t i = 0; i < workers->n_jobs; i++) {
                struct job *job = workers->jobs[i];

                /* Its thread cannot end while we hold the lock. */
                if (job->state == JOB_RUNNING && (workers->stopping || over(job))) {
                        atomic_store(&job->call.kicked, true);
                        pthread_kill(job->thread, KICK_SIGNAL);
                }
        }
        pthread_mutex_unlock(&workers->lock);
}

static void *watch(void *data) {
        struct workers *workers = data;

        pthread_mutex_lock(&workers->lock);
        while (!workers->stopping) {
                struct timespec until = after(LOOK_MS);

                if (workers->n_waiting == 0) {
                        pthread_cond_wait(&workers->changed, &workers->lock);
                        continue;
                }
                pthread_cond_timedwait(&workers->changed, &workers->lock, &until);
                pthread_mutex_unlock(&workers->lock);
                workers_look(workers);
                pthread_mutex_lock(&workers->lock);
        }
        pthread_mutex_unlock(&workers->lock);
        return NULL;
}

/* ---- from the session's thread ---- */

int workers_new(void (*run)(struct call *call), unsigned limit, struct workers **ret) {
        struct workers *workers = calloc(1, sizeof(*workers));

        if (!workers)
                return error_origin(-ENOMEM);
        workers->run = run;
        workers->limit = limit > 0 && limit < WORKERS_MAX ? limit : WORKERS_MAX;
        pthread_mutex_init(&workers->lock, NULL);
        cond_init(&workers->changed);
        cond_init(&workers->idle);
        *ret = workers;
        return 0;
}

static int start_thread(pthread_t *thread, void *(*function)(void *), void *data) {
        pthread_attr_t attr;
        int r;

        pthread_attr_init(&attr);
        pthread_attr_setstacksize(&attr, STACK);
        pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
        r = -pthread_create(thread, &attr, function, data);
        pthread_attr_destroy(&attr);
        return r;
}

/* A job without a call: one whose thread lingers, one without a thread, or a new one. */
static struct job *free_job(struct workers *workers) {
        struct job *found = NULL;

        for (size_t i = 0; i < workers->n_jobs; i++) {
                struct job *job = workers->jobs[i];

                if (job->state != JOB_FREE || (job->has_thread && !job->lingering))
                        continue;
                found = job;
                if (job->lingering)
                        break;
        }
        if (!found && workers->n_jobs < workers->limit) {
                found = calloc(1, sizeof(*found));
                if (!found)
                        return NULL;
                found->workers = workers;
                cond_init(&found->wanted);
                workers->jobs[workers->n_jobs++] = found;
        }
        return found;
}

int workers_add(struct workers *workers, struct call *call) {
        struct job *job;
        int r = 0;

        pthread_mutex_lock(&workers->lock);
        job = free_job(workers);
        if (!job || workers->stopping)
                r = -EAGAIN;
        if (!r && !workers->watching) {
                r = -pthread_create(&workers->watcher, NULL, watch, workers);
                workers->watching = r == 0;
        }
        if (!r && !job->has_thread) {
                job->has_thread = true;
                workers->n_threads++;
                r = start_thread(&job->thread, work, job);
                if (r) {
                        job->has_thread = false;
                        workers->n_threads--;
                }
        }
        if (!r) {
                call_move(&job->call, call);
                job->n_signalled = 0;
                job->state = JOB_TAKEN;
                workers->n_waiting++;
                pthread_cond_signal(&job->wanted);
                pthread_cond_signal(&workers->changed);
        }
        pthread_mutex_unlock(&workers->lock);
        return r;
}

size_t workers_waiting(const struct workers *workers) {
        size_t n;

        pthread_mutex_lock((pthread_mutex_t *)(uintptr_t)&workers->lock);
        n = workers->n_waiting;
        pthread_mutex_unlock((pthread_mutex_t *)(uintptr_t)&workers->lock);
        return n;
}

struct workers *workers_free(struct workers *workers) {
        if (!workers)
                return NULL;
        pthread_mutex_lock(&workers->lock);
        workers->stopping = true;
        pthread_cond_broadcast(&workers->changed);
        for (size_t i = 0; i < workers->n_jobs; i++)
                pthread_cond_signal(&workers->jobs[i]->wanted);
        while (workers->n_threads > 0) {
                struct timespec until = after(LOOK_MS);

                pthread_mutex_unlock(&workers->lock);
                workers_look(workers);
                pthread_mutex_lock(&workers->lock);
                if (workers->n_threads > 0)
                        pthread_cond_timedwait(&workers->idle, &workers->lock, &until);
        }
        pthread_mutex_unlock(&workers->lock);
        if (workers->watching)
                pthread_join(workers->watcher, NULL);
        for (size_t i = 0; i < workers->n_jobs; i++) {
                pthread_cond_destroy(&workers->jobs[i]->wanted);
                free(workers->jobs[i]);
        }
        pthread_cond_destroy(&workers->changed);
        pthread_cond_destroy(&workers->idle);
        pthread_mutex_destroy(&workers->lock);
        free(workers);
        return NULL;
}
