/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How sessions begin, change and end, and how one goes on where a predecessor left it. What the journal says
 * of calls in flight is compared with what the kernel says of their ids: a call is answered exactly once,
 * and counted once, whenever the predecessor was stopped.
 */

#include "supervisor/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/error.h"
#include "base/fd.h"
#include "policy/simulate.h"
#include "supervisor/members.h"
#include "supervisor/policing.h"
#include "supervisor/session_parts.h"
#include "supervisor/verdicts.h"
#include "supervisor/worker.h"
#include "syscalls/names.h"

bool session_tracks_exec(const struct session *session) {
        static const int numbers[] = { SYS_execve, SYS_execveat };

        if (session->options.mode == WIRE_MODE_POLICY)
                return true; /* agent/notify.h sees to it */
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
                struct seccomp_data data = { .nr = numbers[i], .arch = arch_native()->audit };
                uint32_t verdict = session->filter.n == 0 ? SECCOMP_RET_USER_NOTIF
                                                          : filter_simulate(&session->filter, &data, NULL);

                if (verdict == SECCOMP_RET_ALLOW || session->options.mode == WIRE_MODE_ENFORCE)
                        return false;
        }
        return true;
}

/* What a session under a policy has besides. */
static int session_equip(struct session *session, const struct session_options *options) {
        int r = 0;

        if (!session->workers)
                r = workers_new(session_on_worker, options->calls_in_flight, &session->workers);
        if (!r && !session->members)
                r = members_new(session->kernel, options->launcher, &session->members);
        return error_trace(r);
}

/* All but what the descriptors are for. */
static int session_make(const struct kernel *kernel, const struct session_options *options,
                        struct session **ret) {
        struct session *session = calloc(1, sizeof(*session));
        int r = 0;

        if (!session)
                return error_origin(-ENOMEM);
        session->kernel = kernel;
        session->listener_fd = -1;
        session->options = *options;
        session->options.filter = NULL;
        session->recover_at = JOURNAL_SLOTS;
        pthread_mutex_init(&session->lock, NULL);
        session->stream = BUF_INIT(0);
        session->label = strdup(options->label ? options->label : "");
        if (!session->label)
                r = error_origin(-ENOMEM);
        if (!r && options->filter && options->filter->n > 0)
                r = filter_copy(options->filter, &session->filter);
        if (!r && options->policing)
                r = session_equip(session, options);
        if (!r && !options->journal)
                r = journal_new(false, &session->journal);
        if (r) {
                session_free(session);
                return error_trace(r);
        }
        if (options->journal)
                session->journal = options->journal;
        session->options.label = session->label;
        tally_init(&session->tally, session->journal->rows);
        tasks_init(&session->tasks, kernel, session_tracks_exec(session) && !options->runtime);
        stage_init(&session->stage, kernel, options->runtime, options->runtime_pid);
        *ret = session;
        return 0;
}

/* Eats what it was given; the first slot is for the first call. */
static void session_begin(struct session *session, int listener_fd, const struct session_options *options) {
        session->listener_fd = listener_fd;
        session->policing = options->policing;
        atomic_store(&session->policed, options->policing != NULL);
        session->slot = journal_take_slot(session->journal);
        session->kernel->sync_wake_up(session->kernel->data, listener_fd);
}

int session_new(const struct kernel *kernel, int listener_fd, int sink_fd,
                const struct session_options *options, struct session **ret) {
        struct session *session;
        int r = session_make(kernel, options, &session);

        if (r) {
                fd_close(listener_fd);
                fd_close(sink_fd);
                return error_trace(r);
        }
        if (sink_fd >= 0) {
                r = eventlog_new(sink_fd, session->label, kernel->now(kernel->data), &session->eventlog);
                if (r) {
                        session->journal = options->journal ? NULL : session->journal;
                        session_free(session);
                        fd_close(listener_fd);
                        return error_trace(r);
                }
        }
        session_begin(session, listener_fd, options);
        *ret = session;
        return 0;
}

/* ---- where a predecessor left it ---- */

/* What the answer no longer reached: nothing that was read is believed. */
static void mark_gone(struct journal *journal) {
        struct journal_header *header = journal->header;

        header->redo_whole = 0;
        if (header->redo_row > header->n_rows) {
                struct event *event = &journal->rows[header->redo_row - 1].event;

                event->flags = (event->flags | EVENT_GONE) & ~(uint32_t)EVENT_DETAIL_OK;
                event->answer = EVENT_ANSWER_NONE;
                event->value = 0;
                event->exe[0] = event->object[0] = event->detail[0] = 0;
        }
}

/* A call that was answered, or about to be. False: it is to be gone through again. */
static bool recover_answer(struct session *session, struct journal_slot *slot) {
        const struct kernel *kernel = session->kernel;
        enum journal_state state = atomic_load(&slot->state);
        bool gone = state == JOURNAL_GONE;

        if (state != JOURNAL_ANSWERING && state != JOURNAL_ANSWERED && state != JOURNAL_GONE)
                return false;
        /* Valid: the answer was not sent. Not valid: it was, or the task went away in that very moment. */
        if (state == JOURNAL_ANSWERING &&
            kernel->confirm(kernel->data, session->listener_fd, slot->notif.notif.id) == 0) {
                if (!(slot->flags & JOURNAL_RESEND)) {
                        journal_turn(slot, JOURNAL_PERFORMING);
                        return false;
                }
                slot->response.id = slot->notif.notif.id;
                gone = kernel->answer(kernel->data, session->listener_fd, &slot->response) != 0;
        }
        if (!journal_prepared(session->journal, slot)) {
                struct journal_record record = { .ledger = session->journal->header->ledger };

                record.ledger.dropped++;
                journal_prepare(session->journal, slot, &record);
        }
        if (gone)
                mark_gone(session->journal);
        journal_settle(session->journal, slot, gone);
        return true;
}

static void recover_id(struct journal_header *header, uint64_t id) {
        if (!header->any_id)
                header->first_id = header->last_id = id;
        else if ((int64_t)(id - header->last_id) > 0)
                header->last_id = id;
        else if ((int64_t)(header->first_id - id) > 0)
                header->first_id = id;
        atomic_store(&header->any_id, 1);
}

static void recover_slots(struct session *session) {
        struct journal *journal = session->journal;

        for (size_t i = 0; i < JOURNAL_SLOTS; i++) {
                struct journal_slot *slot = &journal->slots[i];

                if (atomic_load(&slot->state) == JOURNAL_FREE)
                        continue;
                recover_id(journal->header, slot->notif.notif.id);
                if (!recover_answer(session, slot))
                        session->n_in_flight++;
        }
        session->recover_at = 0;
}

int session_adopt(const struct kernel *kernel, int listener_fd, const struct session_options *options,
                  struct session **ret) {
        struct journal_header *header = options->journal->header;
        struct session *session;
        int r = session_make(kernel, options, &session);

        if (r) {
                fd_close(listener_fd);
                return error_trace(r);
        }
        session->listener_fd = listener_fd;
        recover_slots(session);
        r = tally_adopt(&session->tally, header->n_rows);
        if (r) {
                session->journal = NULL;
                session_free(session);
                return error_trace(r);
        }
        session->tally.merged = header->ledger.merged;
        session->stream_lost = header->stream_kept - header->stream_taken;
        header->stream_taken = header->stream_kept;
        /* While nobody received, signals may have taken calls back. */
        session->last_gap_ns = kernel->now(kernel->data);
        session->orphans = true;
        journal_give_stage(session->journal, &session->stage);
        session_begin(session, listener_fd, options);
        *ret = session;
        return 0;
}

/* ---- ends and changes ---- */

struct session *session_free(struct session *session) {
        struct ledger ledger = { 0 };

        if (!session)
                return NULL;
        workers_free(session->workers);
        policing_free(session->policing);
        members_free(session->members);
        if (session->eventlog)
                eventlog_finish(session->eventlog, &ledger);
        buf_deinit(&session->stream);
        free(session->verdicts);
        fd_close(session->listener_fd);
        tally_deinit(&session->tally);
        journal_free(session->journal);
        tasks_deinit(&session->tasks);
        filter_deinit(&session->filter);
        pthread_mutex_destroy(&session->lock);
        free(session->label);
        free(session);
        return NULL;
}

void session_finish(struct session *session) {
        struct ledger *kept = &session->journal->header->ledger, ledger;
        struct eventlog *eventlog;
        struct workers *workers;

        pthread_mutex_lock(&session->lock);
        workers = session->workers;
        session->workers = NULL;
        session->finished = true;
        pthread_mutex_unlock(&session->lock);
        /* Calls that still wait are of tasks that are gone, or nobody wants to answer them any more. */
        workers_free(workers);
        if (session->policing)
                policing_keep(session->policing, session->trouble, sizeof(session->trouble));
        pthread_mutex_lock(&session->lock);
        eventlog = session->eventlog;
        session->eventlog = NULL;
        pthread_mutex_unlock(&session->lock);
        if (!eventlog)
                return;
        session_ledger(session, &ledger);
        /* The sink may be slow; snapshots must not wait for it. */
        eventlog_finish(eventlog, &ledger);
        pthread_mutex_lock(&session->lock);
        kept->written = ledger.written;
        kept->unwritten = ledger.unwritten;
        pthread_mutex_unlock(&session->lock);
}

/* The policing that is there goes on with the new policy, and with what its emulations remember. */
static int change_policing(struct session *session, const struct session_options *options) {
        int r = 0;

        if (!session->finished)
                r = session_equip(session, options);
        if (r)
                return error_trace(r);
        if (session->policing)
                return error_trace(policing_become(session->policing, options->policing));
        session->policing = options->policing;
        return 0;
}

int session_change(struct session *session, const struct session_options *options) {
        struct filter filter = { 0 };
        int r = 0;

        if (options->filter && options->filter->n > 0)
                r = filter_copy(options->filter, &filter);
        if (r)
                return error_trace(r);
        pthread_mutex_lock(&session->lock);
        if (options->policing)
                r = change_policing(session, options);
        if (!r) {
                struct filter old = session->filter;

                session->filter = filter;
                filter = old;
                verdicts_forget(session->verdicts);
                session->options.mode = options->mode;
                session->options.decode_all = options->decode_all;
                session->options.runtime = options->runtime;
                tasks_may_cache(&session->tasks, session_tracks_exec(session) && !session->options.runtime);
                atomic_store_explicit(&session->policed, options->policing != NULL, memory_order_release);
        }
        pthread_mutex_unlock(&session->lock);
        filter_deinit(&filter);
        return error_trace(r);
}
