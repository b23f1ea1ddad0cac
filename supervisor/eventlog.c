/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Two buffers: calls are appended to one while the writer empties the other. The writer looks by the clock
 * instead of being woken, because a wake-up per event costs as much as a notification.
 */

#include "supervisor/eventlog.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/error.h"
#include "base/fd.h"
#include "proto/event_file.h"

static void *writer(void *data) {
        struct eventlog *log = data;

        pthread_mutex_lock(&log->lock);
        for (;;) {
                struct buf full;
                int r;

                if (log->waiting.n == 0 || log->broken) {
                        struct timespec until;

                        if (log->stopping)
                                break;
                        clock_gettime(CLOCK_MONOTONIC, &until);
                        until.tv_nsec += EVENTLOG_PERIOD_MS * 1000000L;
                        if (until.tv_nsec >= 1000000000L) {
                                until.tv_nsec -= 1000000000L;
                                until.tv_sec++;
                        }
                        pthread_cond_timedwait(&log->wake, &log->lock, &until);
                        if (log->waiting.n == 0 || log->broken)
                                continue;
                }
                full = log->waiting;
                log->waiting = log->writing;
                log->writing = full;
                buf_reset(&log->waiting);
                pthread_mutex_unlock(&log->lock);
                r = fd_write_all(log->fd, full.data, full.n);
                pthread_mutex_lock(&log->lock);
                if (r)
                        log->broken = true;
        }
        pthread_mutex_unlock(&log->lock);
        return NULL;
}

static void eventlog_free(struct eventlog *log) {
        fd_close(log->fd);
        buf_deinit(&log->waiting);
        buf_deinit(&log->writing);
        pthread_cond_destroy(&log->wake);
        pthread_mutex_destroy(&log->lock);
        free(log);
}

int eventlog_new(int fd, const char *label, uint64_t now_ns, struct eventlog **ret) {
        struct eventlog *log = calloc(1, sizeof(*log));
        pthread_condattr_t attributes;
        int r;

        if (!log) {
                fd_close(fd);
                return error_origin(-ENOMEM);
        }
        log->fd = fd;
        log->waiting = log->writing = BUF_INIT(EVENTLOG_BUFFER);
        pthread_mutex_init(&log->lock, NULL);
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_cond_init(&log->wake, &attributes);
        pthread_condattr_destroy(&attributes);
        r = event_file_put_header(&log->waiting, label, now_ns);
        if (!r)
                r = -pthread_create(&log->thread, NULL, writer, log);
        if (r) {
                eventlog_free(log);
                return error_origin(r);
        }
        *ret = log;
        return 0;
}

void eventlog_append(struct eventlog *log, const struct event *event) {
        size_t mark;

        pthread_mutex_lock(&log->lock);
        mark = log->waiting.n;
        /* A record is appended whole or not at all, and room is kept for the closing ledger. */
        if (log->broken || mark > EVENTLOG_BUFFER - EVENT_FILE_RECORD_MAX - 4096 ||
            event_file_put_event(&log->waiting, event) != 0) {
                log->waiting.n = mark;
                log->waiting.error = 0;
                log->n_lost++;
        } else
                log->n_written++;
        pthread_mutex_unlock(&log->lock);
}

void eventlog_counts(struct eventlog *log, struct ledger *ledger) {
        pthread_mutex_lock(&log->lock);
        ledger->written = log->n_written;
        ledger->unwritten = log->n_lost;
        pthread_mutex_unlock(&log->lock);
}

struct eventlog *eventlog_finish(struct eventlog *log, struct ledger *ledger) {
        pthread_mutex_lock(&log->lock);
        ledger->written = log->n_written;
        ledger->unwritten = log->n_lost;
        if (event_file_put_ledger(&log->waiting, ledger) != 0)
                log->broken = true;
        log->stopping = true;
        pthread_cond_signal(&log->wake);
        pthread_mutex_unlock(&log->lock);
        pthread_join(log->thread, NULL);
        if (log->broken) {
                /* How much of the last buffers arrived is unknown; nothing may look complete. */
                ledger->unwritten += ledger->written;
                ledger->written = 0;
        }
        eventlog_free(log);
        return NULL;
}
