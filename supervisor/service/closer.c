/* SPDX-License-Identifier: Apache-2.0 */

/* The thread begins with the first job, and may hang for ever in one: nobody waits for it. Loop and thread
 * hold one reference each, the last one frees. */

#include "supervisor/service/closer.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"

struct job {
        struct job *next;
        void *data;
        size_t n_fds;
        int fds[];
};

struct closer {
        void (*on_closed)(void *data);
        uv_async_t closed;
        bool started;

        pthread_mutex_t lock; /* guards all below */
        pthread_cond_t wake;
        struct job *to_do, *done;
        bool over; /* the loop wants to know no more */
        unsigned references;
};

/* Under the lock, which goes with the last one. */
static void release(struct closer *closer) {
        bool last = --closer->references == 0;

        pthread_mutex_unlock(&closer->lock);
        if (!last)
                return;
        pthread_mutex_destroy(&closer->lock);
        pthread_cond_destroy(&closer->wake);
        free(closer);
}

static void finish(struct closer *closer, struct job *job) {
        if (closer->over) {
                free(job);
                return;
        }
        job->next = closer->done;
        closer->done = job;
        uv_async_send(&closer->closed);
}

static void *run(void *data) {
        struct closer *closer = data;

        pthread_mutex_lock(&closer->lock);
        for (;;) {
                struct job *job = closer->to_do;

                if (!job && closer->over)
                        break;
                if (!job) {
                        pthread_cond_wait(&closer->wake, &closer->lock);
                        continue;
                }
                closer->to_do = job->next;
                pthread_mutex_unlock(&closer->lock);
                for (size_t i = 0; i < job->n_fds; i++)
                        fd_close(job->fds[i]);
                pthread_mutex_lock(&closer->lock);
                finish(closer, job);
        }
        release(closer);
        return NULL;
}

static int start(struct closer *closer) {
        pthread_t thread;
        int r;

        if (closer->started)
                return 0;
        closer->references++;
        r = -pthread_create(&thread, NULL, run, closer);
        if (r) {
                closer->references--;
                return error_origin(r);
        }
        pthread_detach(thread);
        closer->started = true;
        return 0;
}

int closer_add(struct closer *closer, const int *fds, size_t n_fds, void *data) {
        struct job *job = malloc(sizeof(*job) + n_fds * sizeof(int)), **end = &closer->to_do;
        int r = job ? 0 : error_origin(-ENOMEM);

        pthread_mutex_lock(&closer->lock);
        if (!r)
                r = start(closer);
        if (!r) {
                *job = (struct job){ .data = data, .n_fds = n_fds };
                memcpy(job->fds, fds, n_fds * sizeof(int));
                while (*end)
                        end = &(*end)->next;
                *end = job;
                pthread_cond_signal(&closer->wake);
        }
        pthread_mutex_unlock(&closer->lock);
        if (!r)
                return 0;
        free(job);
        for (size_t i = 0; i < n_fds; i++)
                fd_close(fds[i]);
        return error_trace(r);
}

bool closer_dispose(struct closer *closer, const struct kernel *kernel, const int *fds, size_t n_fds,
                    void *data) {
        int foreign[CLOSER_FDS_MAX];
        size_t n = 0;

        for (size_t i = 0; i < n_fds; i++)
                if (fds[i] >= 0 && (n == CLOSER_FDS_MAX || kernel->is_listener(kernel->data, fds[i])))
                        fd_close(fds[i]);
                else if (fds[i] >= 0)
                        foreign[n++] = fds[i];
        return n > 0 && closer_add(closer, foreign, n, data) == 0;
}

static void on_async(uv_async_t *async) {
        struct closer *closer = async->data;
        struct job *done, *next;

        pthread_mutex_lock(&closer->lock);
        done = closer->done;
        closer->done = NULL;
        pthread_mutex_unlock(&closer->lock);
        for (; done; done = next) {
                void *data = done->data;

                next = done->next;
                free(done);
                closer->on_closed(data);
        }
}

static void on_async_closed(uv_handle_t *handle) {
        struct closer *closer = handle->data;

        pthread_mutex_lock(&closer->lock);
        release(closer);
}

int closer_new(uv_loop_t *loop, void (*on_closed)(void *data), struct closer **ret) {
        struct closer *closer = calloc(1, sizeof(*closer));
        int r = closer ? uv_async_init(loop, &closer->closed, on_async) : -ENOMEM;

        if (r) {
                free(closer);
                return error_origin(r);
        }
        closer->on_closed = on_closed;
        closer->closed.data = closer;
        closer->references = 1;
        pthread_mutex_init(&closer->lock, NULL);
        pthread_cond_init(&closer->wake, NULL);
        *ret = closer;
        return 0;
}

struct closer *closer_free(struct closer *closer) {
        struct job *done, *next;

        if (!closer)
                return NULL;
        pthread_mutex_lock(&closer->lock);
        closer->over = true;
        done = closer->done;
        closer->done = NULL;
        pthread_cond_signal(&closer->wake);
        pthread_mutex_unlock(&closer->lock);
        for (; done; done = next) {
                next = done->next;
                free(done);
        }
        uv_close((uv_handle_t *)&closer->closed, on_async_closed);
        return NULL;
}
