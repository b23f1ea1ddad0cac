/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of session.h share: session.c (calls), session_policed.c (calls under a policy),
 * session_life.c, session_results.c. */

#include "supervisor/session.h"

struct call;

/* Takes a call through what is left of its stages, on a worker. */
void session_on_worker(struct call *call);
/* Is every execve of the native architecture notified, so that a change of name cannot pass unseen? */
bool session_tracks_exec(const struct session *session);

/* ---- the stages of a call that are the same under a policy; under the lock ---- */

/* Received: counts it, names its task, repairs what signals took back. */
void session_meet_call(struct session *session, struct call *call);
/* What is left once it is known what to answer. */
int session_end_call(struct session *session, struct call *call);

/* All other stages, without the lock. */
int session_step_policed(struct session *session, struct call *call);
/* Of a policed call: the answer as the record has it. */
void session_note_answer(struct call *call);

/* Keeps one occurrence for session_take_stream(). Under the lock. */
void session_keep(struct session *session, const struct event *event);
