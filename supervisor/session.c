/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A session: the stages of a call, in order, and the ledger that must balance.
 *
 * What must stay true: every received call is answered exactly once, in the same step; a call that vanished
 * is counted and recorded, never an error; the task waits for nothing but its own decision, so the common
 * case (a kind of call seen before) reads no memory and opens no file.
 */

#include "supervisor/session.h"

#include <errno.h>
#include <linux/audit.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/error.h"
#include "base/fd.h"
#include "policy/simulate.h"
#include "supervisor/decide.h"
#include "supervisor/call.h"
#include "supervisor/members.h"
#include "supervisor/policing.h"
#include "supervisor/restart.h"
#include "supervisor/target.h"
#include "supervisor/worker.h"
#include "syscalls/names.h"
#include "syscalls/table.h"

#define PR_SET_NAME_OPTION 15u
#define REPAIR_NS          10000000000u /* how long after a gap handlers are looked at: 10 s */

/* ---- verdict ---- */

#define CACHED_NRS 512

/* Verdicts that do not depend on arguments, of the native architecture. */
struct verdict_cache {
        uint32_t verdicts[CACHED_NRS];
        uint8_t known[CACHED_NRS];
};

static uint32_t verdict_of(struct session *session, const struct seccomp_data *data) {
        bool cacheable = data->arch == arch_native()->audit && (uint32_t)data->nr < CACHED_NRS;
        struct verdict_cache *cache;
        bool on_arguments = true;
        uint32_t verdict;

        if (session->filter.n == 0)
                return SECCOMP_RET_USER_NOTIF;
        if (!session->verdicts)
                session->verdicts = calloc(1, sizeof(*session->verdicts));
        cache = session->verdicts;
        if (cache && cacheable && cache->known[data->nr])
                return cache->verdicts[data->nr];
        verdict = filter_simulate(&session->filter, data, &on_arguments);
        if (cache && cacheable && !on_arguments) {
                cache->verdicts[data->nr] = verdict;
                cache->known[data->nr] = 1;
        }
        return verdict;
}

/* Is every execve of the native architecture notified, so that a change of name cannot pass unseen? */
static bool tracks_exec(struct session *session) {
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

/* ---- stages ---- */

static int call_receive(struct session *session, struct call *call) {
        const struct seccomp_data *data = &call->notif.data;
        const struct arch *arch;
        int r = session->kernel->receive(session->kernel->data, session->listener_fd, &call->notif);

        if (r == -ENOENT) {
                /* One aborted call, or the end: only poll can tell. */
                int seen = session->kernel->peek(session->kernel->data, session->listener_fd);

                return seen >= 0 && (seen & (POLLHUP | POLLERR | POLLNVAL)) ? SESSION_E_ENDED
                                                                            : SESSION_E_IDLE;
        }
        if (r == -EINTR)
                return r;
        if (r)
                return error_origin(r);
        call->event.count = 1;
        call->event.tid = call->notif.pid;
        call->event.uid = UINT32_MAX;
        call->event.arch = data->arch;
        call->event.nr = (uint32_t)data->nr;
        call->event.ip = data->instruction_pointer;
        call->tid = call->notif.pid;
        arch = arch_by_audit(data->arch);
        for (size_t i = 0; i < EVENT_N_ARGS; i++)
                /* int 0x80 from 64-bit code leaves the upper halves as they were (measured). */
                call->event.args[i] = arch && arch->bits == 32 ? (uint32_t)data->args[i] : data->args[i];
        return 0;
}

static void call_account(struct session *session, struct call *call) {
        uint64_t id = call->notif.id;

        session->ledger.received++;
        /* Ids go up by one per notification of a filter: a gap is calls that a signal took back unseen. */
        if (session->any_id && id - session->last_id > 1 && id - session->last_id < UINT32_MAX) {
                session->ledger.interrupted += id - session->last_id - 1;
                session->last_gap_ns = session->kernel->now(session->kernel->data);
        }
        /* Nobody knows where ids began: calls may have been taken back before the first that we saw. */
        if (!session->any_id)
                session->last_gap_ns = session->kernel->now(session->kernel->data);
        session->last_id = id;
        session->any_id = true;
}

static void call_name_task(struct session *session, struct call *call) {
        const struct task *task;

        call->event.first_ns = call->event.last_ns = session->kernel->now(session->kernel->data);
        task = tasks_find(&session->tasks, call->event.tid, call->event.first_ns);
        memcpy(call->event.comm, task->comm, EVENT_COMM_MAX);
        if (session->options.runtime && stage_has(&session->stage, call->event.tid))
                call->event.flags |= EVENT_RUNTIME;
}

/* An EINTR of ours is no call that was taken back: it must not be repaired. */
static void note_interruption(struct session *session, const struct call *call) {
        if (call->event.answer == EVENT_ANSWER_ERRNO && call->event.value == EINTR)
                session->interrupted_tids[call->event.tid % SESSION_INTERRUPTED] = call->event.tid;
}

/* A handler returns, and calls were taken back by signals lately: perhaps the one it returns to. */
static void call_repair(struct session *session, struct call *call) {
        uint32_t *interrupted = &session->interrupted_tids[call->event.tid % SESSION_INTERRUPTED];

        if (call->event.arch != AUDIT_ARCH_X86_64 || call->event.nr != SYS_rt_sigreturn)
                return;
        if (*interrupted == call->event.tid && call->event.tid != 0) {
                *interrupted = 0;
                return;
        }
        if (session->last_gap_ns != 0 && call->event.first_ns - session->last_gap_ns < REPAIR_NS)
                restart_interrupted(session->kernel, session->listener_fd, call->notif.id, call->event.tid);
}

static void call_decide(struct session *session, struct call *call) {
        struct seccomp_data data = call->notif.data;

        /* Unmasked arguments: the filter in the kernel saw them so too. */
        call->event.verdict = verdict_of(session, &data);
        if (call->event.verdict == SECCOMP_RET_ALLOW)
                call->event.flags |= EVENT_OBSERVED;
        if (decide(session->options.mode, &call->event) == DECIDE_E_KERNEL)
                session->ledger.errors++;
}

/* Finds the row; says whether the call is to be described. */
static int call_classify(struct session *session, struct call *call) {
        struct tally_key key;
        uint64_t mask[EVENT_N_ARGS];
        int r;

        memset(&key, 0, sizeof(key));
        memcpy(key.comm, call->event.comm, sizeof(key.comm));
        key.arch = call->event.arch;
        key.nr = call->event.nr;
        key.verdict = call->event.verdict;
        key.flags = call->event.flags & (EVENT_OBSERVED | EVENT_RUNTIME);
        /* Of a policy, what was answered tells rows apart as well. */
        if (call->policed)
                key.flags |=
                        call->event.answer << 24 |
                        (call->event.answer == EVENT_ANSWER_ERRNO ? (uint32_t)call->event.value << 8 : 0);
        if (call->verdict.rule)
                snprintf(key.rule, sizeof(key.rule), "%s", call->event.rule);
        if (syscall_class_mask(call->event.arch, call->event.nr, mask) > 0)
                for (size_t i = 0; i < EVENT_N_ARGS; i++)
                        key.args[i] = call->event.args[i] & mask[i];
        r = tally_find(&session->tally, &key, &call->row);
        call->described = r == TALLY_E_NEW;
        call->decoded = call->described || session->options.decode_all || session->stream_bytes > 0;
        if (r == TALLY_E_FULL || r < 0) {
                call->row = NULL;
                return r < 0 ? error_trace(r) : 0;
        }
        return 0;
}

static void call_describe(struct session *session, struct call *call) {
        struct target target = { .kernel = session->kernel, .tid = call->event.tid };
        struct decode_source source = target_source(&target);
        const struct task *task;

        if (call->event.tid == 0)
                return; /* not visible from our pid namespace */
        task = tasks_find_whole(&session->tasks, call->event.tid, call->event.first_ns);
        call->event.pid = task->pid;
        call->event.uid = task->uid;
        if (call->described) {
                target_program(&target, &call->event);
                target_locate(&target, &call->event);
        }
        if (decode_args(&source, call->event.arch, call->event.nr, call->event.args, call->event.detail,
                        sizeof(call->event.detail)))
                call->read_memory = true;
        if (call->note[0]) {
                size_t n = strlen(call->event.detail);

                snprintf(call->event.detail + n, sizeof(call->event.detail) - n, "%s%s", n ? ": " : "",
                         call->note);
        }
        call->event.flags |= EVENT_DETAIL_OK;
}

/* The task was gone before we answered: what was read may be of another one, only the registers are its own.
 */
static void call_disbelieve(struct call *call) {
        call->event.flags &= ~(uint32_t)EVENT_DETAIL_OK;
        call->event.pid = call->event.tid;
        call->event.uid = UINT32_MAX;
        call->event.exe[0] = call->event.object[0] = 0;
        if (call->read_memory)
                call->event.detail[0] = 0;
}

/* Names read before the call are of no use after it; to be called when everything about it has been read. */
static void call_forget_names(struct session *session, struct call *call) {
        if (call->event.arch == arch_native()->audit) {
                /* What filter a runtime loaded is not known to us: seeing is believing. */
                if (call->event.nr == SYS_execve && !session->tasks.may_cache)
                        tasks_may_cache(&session->tasks, tracks_exec(session));
                if (call->event.nr == SYS_execve || call->event.nr == SYS_execveat ||
                    (call->event.nr == SYS_prctl && call->event.args[0] == PR_SET_NAME_OPTION))
                        tasks_renamed(&session->tasks);
        } else {
                const char *name =
                        syscall_name(arch_of_call(call->event.arch, call->event.nr), call->event.nr);

                if (name && (strncmp(name, "execve", 6) == 0 || strcmp(name, "prctl") == 0))
                        tasks_renamed(&session->tasks);
        }
}

/* A descriptor of ours for the task: at once with the answer where it is the answer. What the task's limits
 * have to say about it is the task's own error. */
static int hand_over_fd(struct session *session, struct call *call) {
        bool is_answer = call->answer.kind == ANSWER_FD;
        int r = session->kernel->add_fd(session->kernel->data, session->listener_fd, call->notif.id,
                                        call->answer.fd, call->answer.fd_at, call->answer.cloexec,
                                        is_answer);

        call->answer.fd = fd_close(call->answer.fd);
        if (r == -EMFILE || r == -EBADF || r == -ENFILE) {
                call->event.answer = EVENT_ANSWER_ERRNO;
                call->event.value = -r;
                return 1;
        }
        if (r >= 0 && is_answer)
                call->event.value = r;
        return r < 0 ? r : is_answer ? 0 : 1;
}

static int send_answer(struct session *session, struct call *call) {
        struct seccomp_notif_resp response = { .id = call->notif.id };

        if (call->answer.fd >= 0) {
                int r = hand_over_fd(session, call);

                if (r <= 0)
                        return r;
        }
        switch (call->event.answer) {
        case EVENT_ANSWER_KILL:
                if (session->kernel->confirm(session->kernel->data, session->listener_fd, call->notif.id))
                        return -EINPROGRESS;
                session->kernel->kill(session->kernel->data, call->tid);
                response.error = -(int32_t)call->event.value;
                break;
        case EVENT_ANSWER_ERRNO:
                response.error = -(int32_t)call->event.value;
                break;
        case EVENT_ANSWER_VALUE:
        case EVENT_ANSWER_FD:
                response.val = call->event.value;
                break;
        default:
                response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        }
        return session->kernel->answer(session->kernel->data, session->listener_fd, &response);
}

static int call_answer(struct session *session, struct call *call) {
        int r = send_answer(session, call);

        note_interruption(session, call);
        /* That it is gone then is our doing. */
        if (r == -ENOENT && call->event.answer == EVENT_ANSWER_KILL)
                r = 0;
        if (r == -ENOENT || r == -EINPROGRESS) {
                call->event.flags |= EVENT_GONE;
                call->event.answer = EVENT_ANSWER_NONE;
                call->event.value = 0;
                session->ledger.gone++;
                /* An id that is gone never comes back, and one that took an answer was valid until then:
                 * this one check, after the last read, covers them all. */
                if (call->decoded)
                        call_disbelieve(call);
                return 0;
        }
        if (r)
                return error_origin(r);
        session->ledger.answered++;
        return 0;
}

static void call_record(struct session *session, struct call *call) {
        struct event *row = call->row;

        if (session->eventlog)
                eventlog_append(session->eventlog, &call->event);
        if (session->stream_bytes > 0)
                session_keep(session, &call->event);
        if (!row) {
                session->ledger.dropped++;
                return;
        }
        if (row->count == 0) {
                uint32_t merged = row->flags & EVENT_MERGED_ARGS;

                *row = call->event;
                row->flags |= merged;
        } else {
                row->count++;
                row->last_ns = call->event.last_ns;
                /* A row whose first task vanished while it was looked at is described by the next one. */
                if (call->described && (call->event.flags & EVENT_DETAIL_OK)) {
                        uint64_t first_ns = row->first_ns, count = row->count;
                        uint32_t merged = row->flags & EVENT_MERGED_ARGS;

                        *row = call->event;
                        row->first_ns = first_ns;
                        row->count = count;
                        row->flags |= merged;
                }
        }
        session->ledger.recorded++;
}

/* What is left once it is known what to answer. */
static int call_finish(struct session *session, struct call *call) {
        int r = call_classify(session, call);

        if (r) {
                session->ledger.errors++;
                if (!call->policed)
                        decide_on_error(session->options.mode, &call->event);
        }
        if (call->note[0] || (call->row && call->row->count > 0 && !(call->row->flags & EVENT_DETAIL_OK)))
                call->described = call->decoded = true;
        if (call->decoded)
                call_describe(session, call);
        call_forget_names(session, call);
        r = call_answer(session, call);
        call_record(session, call);
        return error_trace(r);
}

/* From the moment a call is received it is answered, whatever happens to us. */
static int call_settle(struct session *session, struct call *call) {
        call_account(session, call);
        call_name_task(session, call);
        call_repair(session, call);
        call_decide(session, call);
        return error_trace(call_finish(session, call));
}

/* ---- under a policy ---- */

/* The answer as the record has it. */
static void call_note_answer(struct call *call) {
        static const enum event_answer kinds[] = {
                [ANSWER_NONE] = EVENT_ANSWER_CONTINUE, [ANSWER_CONTINUE] = EVENT_ANSWER_CONTINUE,
                [ANSWER_ERRNO] = EVENT_ANSWER_ERRNO,   [ANSWER_VALUE] = EVENT_ANSWER_VALUE,
                [ANSWER_FD] = EVENT_ANSWER_FD,         [ANSWER_FD_AT] = EVENT_ANSWER_VALUE,
                [ANSWER_KILL] = EVENT_ANSWER_KILL,
        };

        call->event.answer = kinds[call->answer.kind];
        call->event.value = call->answer.value;
        if (call->verdict.rule)
                call->event.verdict = SECCOMP_RET_USER_NOTIF;
        else if (call->answer.kind == ANSWER_CONTINUE || call->event.verdict == SECCOMP_RET_ALLOW)
                call->event.flags |= EVENT_OBSERVED;
}

/* Decides and carries out, without the lock: other calls of the session go on meanwhile. CALL_E_SLOW: it is
 * to be done again on a worker. */
static int call_police(struct session *session, struct call *call) {
        int r = policing_run(session->policing, call, call->event.verdict);

        if (r == CALL_E_SLOW && !call->may_wait)
                return r;
        if (call->kicked && r == 0 && call->answer.kind == ANSWER_NONE)
                r = CALL_E_GONE;
        if (r != 0 && call->answer.kind == ANSWER_NONE) {
                /* Should the task wait after all, it sees an interrupted call. */
                if (r == CALL_E_GONE)
                        answer_errno(call, EINTR);
                else
                        policing_answer_error(session->policing, call, r);
        }
        call_note_answer(call);
        return r == CALL_E_GONE ? 0 : r;
}

static int call_conclude(struct session *session, struct call *call, int r) {
        pthread_mutex_lock(&session->lock);
        if (r)
                session->ledger.errors++;
        r = call_finish(session, call);
        pthread_mutex_unlock(&session->lock);
        call_deinit(call);
        return error_trace(r);
}

static void call_on_worker(struct call *call) {
        struct session *session = call->session;

        call->may_wait = true;
        call_conclude(session, call, call_police(session, call));
}

static int session_step_policed(struct session *session, struct call *call) {
        struct seccomp_data data = call->notif.data;
        int r;

        members_see(session->members, call->tid);
        pthread_mutex_lock(&session->lock);
        call_account(session, call);
        call_name_task(session, call);
        call_repair(session, call);
        call->event.verdict = verdict_of(session, &data);
        pthread_mutex_unlock(&session->lock);
        call->arch = arch_of_call(call->event.arch, call->event.nr);
        call->name = call->arch ? syscall_name(call->arch, call->event.nr) : NULL;
        memcpy(call->args, call->event.args, sizeof(call->args));
        r = call_police(session, call);
        if (r == CALL_E_SLOW) {
                if (workers_add(session->workers, call) == 0)
                        return 0;
                /* What went already is the result, and not to be sent again. */
                if (call->sent > 0)
                        answer_value(call, (int64_t)call->sent);
                else
                        answer_errno(call, EAGAIN);
                call_note_answer(call);
                r = 0;
        }
        return error_trace(call_conclude(session, call, r));
}

int session_step(struct session *session) {
        struct call call;
        int r;

        if (!session->stage.begun)
                stage_begin(&session->stage);
        call_init(&call, session, session->kernel, session->listener_fd);
        r = call_receive(session, &call);
        if (r)
                return r < 0 ? error_trace(r) : r;
        call.policed = atomic_load_explicit(&session->policed, memory_order_acquire);
        if (call.policed)
                return error_trace(session_step_policed(session, &call));
        pthread_mutex_lock(&session->lock);
        r = call_settle(session, &call);
        pthread_mutex_unlock(&session->lock);
        return error_trace(r);
}

void *session_emulation_state(struct session *session, const char *name, const struct policy_rule *rule) {
        return policing_state(session->policing, name, rule);
}

struct members *session_members(struct session *session) {
        return session->members;
}

/* ---- life ---- */

/* What a session under a policy has besides. */
static int session_equip(struct session *session, const struct session_options *options) {
        int r = 0;

        if (!session->workers)
                r = workers_new(call_on_worker, &session->workers);
        if (!r && !session->members)
                r = members_new(session->kernel, options->launcher, &session->members);
        return error_trace(r);
}

int session_new(const struct kernel *kernel, int listener_fd, int sink_fd,
                const struct session_options *options, struct session **ret) {
        struct session *session = calloc(1, sizeof(*session));
        int r;

        if (!session) {
                fd_close(listener_fd);
                fd_close(sink_fd);
                return error_origin(-ENOMEM);
        }
        session->kernel = kernel;
        session->listener_fd = listener_fd;
        session->options = *options;
        session->options.filter = NULL;
        pthread_mutex_init(&session->lock, NULL);
        session->stream = BUF_INIT(0);
        tally_init(&session->tally);
        session->label = strdup(options->label ? options->label : "");
        r = session->label ? 0 : error_origin(-ENOMEM);
        if (!r && options->filter && options->filter->n > 0)
                r = filter_copy(options->filter, &session->filter);
        if (r) {
                fd_close(sink_fd);
                session_free(session);
                return error_trace(r);
        }
        session->options.label = session->label;
        tasks_init(&session->tasks, kernel, tracks_exec(session) && !options->runtime);
        stage_init(&session->stage, kernel, options->runtime, options->runtime_pid);
        if (sink_fd >= 0) {
                r = eventlog_new(sink_fd, session->label, kernel->now(kernel->data), &session->eventlog);
                if (r) {
                        session_free(session);
                        return error_trace(r);
                }
        }
        if (options->policing) {
                r = session_equip(session, options);
                if (r) {
                        session_free(session);
                        return error_trace(r);
                }
                session->policing = options->policing;
                atomic_store(&session->policed, true);
        }
        kernel->sync_wake_up(kernel->data, listener_fd);
        *ret = session;
        return 0;
}

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
        tasks_deinit(&session->tasks);
        filter_deinit(&session->filter);
        pthread_mutex_destroy(&session->lock);
        free(session->label);
        free(session);
        return NULL;
}

void session_finish(struct session *session) {
        struct eventlog *eventlog;
        struct workers *workers;
        struct ledger ledger;

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
        session->ledger.merged = session->tally.merged;
        ledger = session->ledger;
        eventlog = session->eventlog;
        session->eventlog = NULL;
        pthread_mutex_unlock(&session->lock);
        if (!eventlog)
                return;
        /* The sink may be slow; snapshots must not wait for it. */
        eventlog_finish(eventlog, &ledger);
        pthread_mutex_lock(&session->lock);
        session->ledger.written = ledger.written;
        session->ledger.unwritten = ledger.unwritten;
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
                if (session->verdicts)
                        memset(session->verdicts, 0, sizeof(*session->verdicts));
                session->options.mode = options->mode;
                session->options.decode_all = options->decode_all;
                session->options.runtime = options->runtime;
                tasks_may_cache(&session->tasks, tracks_exec(session) && !session->options.runtime);
                atomic_store_explicit(&session->policed, options->policing != NULL, memory_order_release);
        }
        pthread_mutex_unlock(&session->lock);
        filter_deinit(&filter);
        return error_trace(r);
}
