/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A call under a policy, on the session's thread or on a worker. What must stay true: the lock is not held
 * while it is decided and carried out, so that other calls of the session go on; whatever becomes of it, it
 * is answered and recorded once, but for what a successor is to do over.
 */

#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "supervisor/call.h"
#include "supervisor/members.h"
#include "supervisor/policing.h"
#include "supervisor/session_parts.h"
#include "supervisor/verdicts.h"
#include "supervisor/worker.h"
#include "syscalls/names.h"

void session_note_answer(struct call *call) {
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
        session_note_answer(call);
        return r == CALL_E_GONE ? 0 : r;
}

/* Somebody else goes on with the session, and this call only ended for that: it is his. */
static bool call_is_left(const struct session *session, const struct call *call) {
        return atomic_load(&session->leaving) && call->kicked && call->sent == 0 &&
               call->event.answer == EVENT_ANSWER_ERRNO && call->event.value == EINTR;
}

static int call_conclude(struct session *session, struct call *call, int r) {
        if (call_is_left(session, call)) {
                journal_turn(call->slot, JOURNAL_RECEIVING);
                call_deinit(call);
                return 0;
        }
        pthread_mutex_lock(&session->lock);
        if (r)
                call->n_errors++;
        r = session_end_call(session, call);
        pthread_mutex_unlock(&session->lock);
        call_deinit(call);
        return error_trace(r);
}

void session_on_worker(struct call *call) {
        struct session *session = call->session;

        call->may_wait = true;
        call_conclude(session, call, call_police(session, call));
}

/* What a predecessor was killed over: what can be said of it without doing it twice. False: it may be gone
 * through like any other. */
static bool call_was_begun(struct session *session, struct call *call) {
        const struct kernel *kernel = session->kernel;
        bool twice = atomic_load(&call->slot->state) != JOURNAL_PERFORMING ||
                     (call->slot->flags & JOURNAL_REPEATABLE);

        if (kernel->confirm(kernel->data, session->listener_fd, call->notif.id) != 0)
                answer_errno(call, EINTR); /* nobody hears it */
        else if (call->slot->sent > 0)
                answer_value(call, (int64_t)call->slot->sent);
        else if (twice)
                return false;
        else {
                snprintf(call->note, sizeof(call->note), "cut short: the supervisor died over it");
                policing_answer_error(session->policing, call, -EIO);
                call->n_errors++;
        }
        session_note_answer(call);
        return true;
}

int session_step_policed(struct session *session, struct call *call) {
        struct seccomp_data data = call->notif.data;
        int r;

        members_see(session->members, call->tid);
        pthread_mutex_lock(&session->lock);
        session_meet_call(session, call);
        call->event.verdict = verdicts_ask(&session->verdicts, &session->filter, &data);
        pthread_mutex_unlock(&session->lock);
        call->arch = arch_of_call(call->event.arch, call->event.nr);
        call->name = call->arch ? syscall_name(call->arch, call->event.nr) : NULL;
        memcpy(call->args, call->event.args, sizeof(call->args));
        if (call->recovered && call_was_begun(session, call))
                return error_trace(call_conclude(session, call, 0));
        call->slot->flags = 0;
        call->slot->sent = 0;
        r = call_police(session, call);
        if (r == CALL_E_SLOW) {
                call->slot->sent = call->sent;
                journal_turn(call->slot, JOURNAL_RECEIVING); /* but for that, nothing was done yet */
                if (workers_add(session->workers, call) == 0)
                        return 0;
                /* What went already is the result, and not to be sent again. */
                if (call->sent > 0)
                        answer_value(call, (int64_t)call->sent);
                else
                        answer_errno(call, EAGAIN);
                session_note_answer(call);
                r = 0;
        }
        return error_trace(call_conclude(session, call, r));
}
