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
#include <string.h>
#include <sys/syscall.h>

#include "base/error.h"
#include "base/fd.h"
#include "supervisor/decide.h"
#include "supervisor/call.h"
#include "supervisor/members.h"
#include "supervisor/policing.h"
#include "supervisor/restart.h"
#include "supervisor/session_parts.h"
#include "supervisor/target.h"
#include "supervisor/verdicts.h"
#include "syscalls/names.h"
#include "syscalls/table.h"

#define PR_SET_NAME_OPTION 15u
#define REPAIR_NS          10000000000u /* how long after a gap handlers are looked at: 10 s */

/* ---- stages ---- */

/* What registers say. */
static void call_begin(struct call *call) {
        const struct seccomp_data *data;
        const struct arch *arch;

        call->notif = call->slot->notif.notif;
        data = &call->notif.data;
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
}

static int call_receive(struct session *session, struct call *call) {
        struct journal_slot *slot = session->slot;
        int r;

        memset(&slot->notif, 0, sizeof(slot->notif));
        journal_turn(slot, JOURNAL_RECEIVING);
        r = session->kernel->receive(session->kernel->data, session->listener_fd, &slot->notif);
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
        call->slot = slot;
        call_begin(call);
        return 0;
}

/* The call is in flight; the next one gets a slot of its own. */
static void call_account(struct session *session, struct call *call) {
        struct journal_header *header = session->journal->header;
        uint64_t id = call->notif.id;

        meter_count(&session->meter, METER_RECEIVED, 1);
        if (call->recovered)
                return;
        session->n_in_flight++;
        session->slot = journal_take_slot(session->journal);
        if (!atomic_load_explicit(&header->any_id, memory_order_relaxed)) {
                header->first_id = header->last_id = id;
                atomic_store_explicit(&header->any_id, 1, memory_order_release);
                /* Nobody knows where ids began: calls may have been taken back before the first that we saw.
                 */
                session->last_gap_ns = session->kernel->now(session->kernel->data);
                return;
        }
        /* Ids go up by one per notification of a filter: a gap is calls that a signal took back unseen. */
        if (id - header->last_id > 1) {
                session->last_gap_ns = session->kernel->now(session->kernel->data);
                if (id - header->last_id < UINT32_MAX)
                        meter_count(&session->meter, METER_INTERRUPTED, id - header->last_id - 1);
        }
        header->last_id = id;
}

static void call_name_task(struct session *session, struct call *call) {
        const struct task *task;

        call->event.first_ns = call->event.last_ns = session->kernel->now(session->kernel->data);
        task = tasks_find(&session->tasks, call->event.tid, call->event.first_ns);
        memcpy(call->event.comm, task->comm, EVENT_COMM_MAX);
        if (session->options.runtime) {
                if (stage_has(&session->stage, call->event.tid))
                        call->event.flags |= EVENT_RUNTIME;
                journal_keep_stage(session->journal, &session->stage);
        }
}

/* An EINTR of ours is no call that was taken back: it must not be repaired. */
static void note_interruption(struct session *session, const struct call *call) {
        if (call->event.answer == EVENT_ANSWER_ERRNO && call->event.value == EINTR)
                session->journal->header->interrupted_tids[call->event.tid % JOURNAL_INTERRUPTED] =
                        call->event.tid;
}

/* A task can make us wait for its memory as long as it likes (userfaultfd, a file of its own file system):
 * nobody else may wait with us. */
static void begin_waiting(struct session *session) {
        pthread_mutex_unlock(&session->lock);
}

static void end_waiting(struct session *session) {
        pthread_mutex_lock(&session->lock);
}

/* A handler returns, and calls were taken back by signals lately: perhaps the one it returns to. */
static void call_repair(struct session *session, struct call *call) {
        uint32_t *interrupted =
                &session->journal->header->interrupted_tids[call->event.tid % JOURNAL_INTERRUPTED];

        if (call->event.arch != AUDIT_ARCH_X86_64 || call->event.nr != SYS_rt_sigreturn)
                return;
        if (*interrupted == call->event.tid && call->event.tid != 0) {
                *interrupted = 0;
                return;
        }
        if (session->last_gap_ns != 0 && call->event.first_ns - session->last_gap_ns < REPAIR_NS) {
                begin_waiting(session);
                restart_interrupted(session->kernel, session->listener_fd, call->notif.id, call->event.tid);
                end_waiting(session);
        }
}

void session_meet_call(struct session *session, struct call *call) {
        call_account(session, call);
        call_name_task(session, call);
        call_repair(session, call);
}

static void call_decide(struct session *session, struct call *call) {
        struct seccomp_data data = call->notif.data;

        /* Unmasked arguments: the filter in the kernel saw them so too. */
        call->event.verdict = verdicts_ask(&session->verdicts, &session->filter, &data);
        if (call->event.verdict == SECCOMP_RET_ALLOW)
                call->event.flags |= EVENT_OBSERVED;
        if (decide(session->options.mode, &call->event) == DECIDE_E_KERNEL)
                call->n_errors++;
}

static void call_key(const struct call *call, struct tally_key *ret) {
        uint64_t mask[EVENT_N_ARGS];

        memset(ret, 0, sizeof(*ret));
        memcpy(ret->comm, call->event.comm, sizeof(ret->comm));
        ret->arch = call->event.arch;
        ret->nr = call->event.nr;
        ret->verdict = call->event.verdict;
        ret->flags = call->event.flags & (EVENT_OBSERVED | EVENT_RUNTIME);
        /* Of a policy, what was answered tells rows apart as well. */
        if (call->policed)
                ret->flags |=
                        call->event.answer << 24 |
                        (call->event.answer == EVENT_ANSWER_ERRNO ? (uint32_t)call->event.value << 8 : 0);
        if (call->verdict.rule)
                snprintf(ret->rule, sizeof(ret->rule), "%s", call->event.rule);
        if (syscall_class_mask(call->event.arch, call->event.nr, mask) > 0)
                for (size_t i = 0; i < EVENT_N_ARGS; i++)
                        ret->args[i] = call->event.args[i] & mask[i];
}

/* Is the call to be described: because its row will be new, or is not described yet? */
static void call_look(struct session *session, struct call *call, const struct tally_key *key) {
        struct tally_row *row;
        int r = tally_look(&session->tally, key, &row);

        call->described =
                call->note[0] || r == TALLY_E_NEW || (r == 0 && !(row->event.flags & EVENT_DETAIL_OK));
        call->decoded = call->described || session->options.decode_all || session->stream_bytes > 0;
}

/* Finds the row, or makes it. */
static int call_classify(struct session *session, struct call *call, const struct tally_key *key) {
        int r = tally_find(&session->tally, key, &call->row);

        call->new_row = r == TALLY_E_NEW;
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
        begin_waiting(session);
        if (call->described) {
                target_program(&target, &call->event);
                target_locate(&target, &call->event);
        }
        if (decode_args(&source, call->event.arch, call->event.nr, call->event.args, call->event.detail,
                        sizeof(call->event.detail)))
                call->read_memory = true;
        end_waiting(session);
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
                        tasks_may_cache(&session->tasks, session_tracks_exec(session));
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
        struct seccomp_notif_resp *response = &call->slot->response;

        *response = (struct seccomp_notif_resp){ .id = call->notif.id };
        call->slot->flags &= ~(uint32_t)JOURNAL_RESEND;
        if (call->answer.fd >= 0) {
                int r;

                journal_turn(call->slot, JOURNAL_ANSWERING);
                r = hand_over_fd(session, call);
                if (r <= 0)
                        return r;
        }
        switch (call->event.answer) {
        case EVENT_ANSWER_KILL:
                if (session->kernel->confirm(session->kernel->data, session->listener_fd, call->notif.id))
                        return -EINPROGRESS;
                session->kernel->kill(session->kernel->data, call->tid);
                response->error = -(int32_t)call->event.value;
                break;
        case EVENT_ANSWER_ERRNO:
                response->error = -(int32_t)call->event.value;
                break;
        case EVENT_ANSWER_VALUE:
        case EVENT_ANSWER_FD:
                response->val = call->event.value;
                break;
        default:
                response->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        }
        if (call->event.answer != EVENT_ANSWER_KILL)
                call->slot->flags |= JOURNAL_RESEND;
        journal_turn(call->slot, JOURNAL_ANSWERING);
        return session->kernel->answer(session->kernel->data, session->listener_fd, response);
}

static int call_answer(struct session *session, struct call *call) {
        int r = send_answer(session, call);

        note_interruption(session, call);
        /* That it is gone then is our doing. */
        if (r == -ENOENT && call->event.answer == EVENT_ANSWER_KILL)
                r = 0;
        call->gone = r != 0;
        journal_turn(call->slot, r ? JOURNAL_GONE : JOURNAL_ANSWERED);
        if (r == -ENOENT || r == -EINPROGRESS) {
                call->event.flags |= EVENT_GONE;
                call->event.answer = EVENT_ANSWER_NONE;
                call->event.value = 0;
                /* An id that is gone never comes back, and one that took an answer was valid until then:
                 * this one check, after the last read, covers them all. */
                if (call->decoded)
                        call_disbelieve(call);
                return 0;
        }
        return r ? error_origin(r) : 0;
}

/* A row whose first task vanished while it was looked at is described by the next one. */
static bool describes_again(const struct call *call) {
        return call->row && !call->new_row && call->described && (call->event.flags & EVENT_DETAIL_OK);
}

/* What recording the call is going to change. */
static void call_prepare(struct session *session, struct call *call) {
        struct journal_record record = { .row = call->row, .ledger = session->journal->header->ledger };

        record.ledger.merged = session->tally.merged;
        record.ledger.errors += call->n_errors;
        if (!call->row)
                record.ledger.dropped++;
        else {
                struct event *row = &call->row->event;
                uint32_t merged = row->flags & EVENT_MERGED_ARGS;

                record.ledger.recorded++;
                record.count = call->new_row ? 1 : row->count + 1;
                record.last_ns = call->event.last_ns;
                if (call->new_row) {
                        *row = call->event;
                        row->flags |= merged;
                } else if (describes_again(call)) {
                        struct event *event = &session->journal->scratch->event;
                        uint64_t first_ns = row->first_ns;

                        *event = call->event;
                        event->first_ns = first_ns;
                        event->flags |= merged;
                        record.whole = true;
                }
        }
        journal_prepare(session->journal, call->slot, &record);
}

static void call_measure(struct session *session, const struct call *call) {
        uint64_t now_ns = session->kernel->now(session->kernel->data);
        uint64_t then_ns = call->event.last_ns;

        /* Nobody knows since when, or the clock was set back meanwhile: it took no time. */
        meter_note(&session->meter, session->options.mode, &call->event,
                   then_ns > 0 && now_ns > then_ns ? now_ns - then_ns : 0);
        if (!call->row)
                meter_count(&session->meter, METER_DROPPED, 1);
}

static void call_record(struct session *session, struct call *call) {
        if (session->eventlog)
                eventlog_append(session->eventlog, &call->event);
        if (session->stream_bytes > 0)
                session_keep(session, &call->event);
        /* What the answer did to the description. */
        if (call->new_row || call->described)
                call_prepare(session, call);
        journal_settle(session->journal, call->slot, call->gone);
        call->slot = NULL;
        session->n_in_flight--;
}

int session_end_call(struct session *session, struct call *call) {
        struct tally_key key;
        int r;

        call_key(call, &key);
        call_look(session, call, &key);
        if (call->decoded)
                call_describe(session, call);
        /* Only now, since others may have used the lock in between. */
        r = call_classify(session, call, &key);
        if (r) {
                call->n_errors++;
                if (!call->policed)
                        decide_on_error(session->options.mode, &call->event);
        }
        call_forget_names(session, call);
        call_prepare(session, call);
        r = call_answer(session, call);
        if (r)
                call->n_errors++;
        call_measure(session, call);
        call_record(session, call);
        return error_trace(r);
}

/* From the moment a call is received it is answered, whatever happens to us. */
static int call_settle(struct session *session, struct call *call) {
        session_meet_call(session, call);
        call_decide(session, call);
        call->slot->flags = 0;
        return error_trace(session_end_call(session, call));
}

/* All that is left once the registers are known. */
static int session_take(struct session *session, struct call *call) {
        int r;

        call->policed = atomic_load_explicit(&session->policed, memory_order_acquire);
        if (call->policed)
                return error_trace(session_step_policed(session, call));
        pthread_mutex_lock(&session->lock);
        r = call_settle(session, call);
        pthread_mutex_unlock(&session->lock);
        return error_trace(r);
}

/* ---- after a predecessor ---- */

#define ORPHANS_MAX 4096 /* ids looked at: a quarter of a microsecond each */

/* A call that waits for an answer and of which nothing is known: as an error of ours. */
static void answer_orphan(struct session *session, uint64_t id) {
        struct journal_record record = { .ledger = session->journal->header->ledger };
        struct call call;

        call_init(&call, session, session->kernel, session->listener_fd);
        call.slot = session->slot;
        call.slot->notif.notif = (struct seccomp_notif){ .id = id };
        call_begin(&call);
        pthread_mutex_lock(&session->lock);
        call_account(session, &call);
        decide_on_error(session->options.mode, &call.event);
        if (atomic_load(&session->policed)) {
                policing_answer_error(session->policing, &call, -EIO);
                session_note_answer(&call);
        }
        record.ledger.errors++;
        record.ledger.dropped++;
        journal_prepare(session->journal, call.slot, &record);
        call_answer(session, &call);
        call_measure(session, &call);
        journal_settle(session->journal, call.slot, call.gone);
        session->n_in_flight--;
        pthread_mutex_unlock(&session->lock);
}

static void answer_valid(struct session *session, uint64_t first, uint64_t end) {
        for (uint64_t id = first; id != end; id++)
                if (session->kernel->confirm(session->kernel->data, session->listener_fd, id) == 0)
                        answer_orphan(session, id);
}

/* The kernel writes where a successor looks, before a kill can stop us; but memory can be lost. */
static void answer_orphans(struct session *session) {
        const struct kernel *kernel = session->kernel;
        const struct journal_header *header = session->journal->header;
        int seen = kernel->peek(kernel->data, session->listener_fd);

        if (seen >= 0 && !(seen & POLLOUT))
                session->orphans = false; /* nothing waits for an answer */
        if (!session->orphans || !atomic_load(&header->any_id))
                return;
        session->orphans = false;
        answer_valid(session, header->last_id + 1, header->last_id + 1 + ORPHANS_MAX);
}

/* The next call that was in flight: SESSION_E_IDLE when there are no more. */
static int session_recover(struct session *session) {
        struct call call;

        if (session->orphans)
                answer_orphans(session);
        while (session->recover_at < JOURNAL_SLOTS) {
                struct journal_slot *slot = &session->journal->slots[session->recover_at++];

                if (atomic_load(&slot->state) == JOURNAL_FREE)
                        continue;
                call_init(&call, session, session->kernel, session->listener_fd);
                call.slot = slot;
                call.recovered = true;
                call_begin(&call);
                return error_trace(session_take(session, &call));
        }
        return SESSION_E_IDLE;
}

int session_step(struct session *session) {
        struct call call;
        uint64_t id;
        int r;

        if (!session->stage.begun)
                stage_begin(&session->stage);
        if (session->recover_at < JOURNAL_SLOTS) {
                r = session_recover(session);
                if (r != SESSION_E_IDLE)
                        return r;
        }
        call_init(&call, session, session->kernel, session->listener_fd);
        r = call_receive(session, &call);
        if (r)
                return r < 0 ? error_trace(r) : r;
        id = call.notif.id;
        r = session_take(session, &call);
        /* The predecessor's last ids are lost; they cannot be far below. */
        if (session->orphans) {
                session->orphans = false;
                answer_valid(session, id - ORPHANS_MAX, id);
        }
        return error_trace(r);
}

void session_leave(struct session *session) {
        atomic_store(&session->leaving, true);
}

void *session_emulation_state(struct session *session, const char *name, const struct policy_rule *rule) {
        return policing_state(session->policing, name, rule);
}

struct members *session_members(struct session *session) {
        return session->members;
}
