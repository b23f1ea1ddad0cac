/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of session.h share: session.c (calls), session_life.c, session_results.c. */

#include "supervisor/session.h"

struct call;

/* Takes a call through what is left of its stages, on a worker. */
void session_on_worker(struct call *call);
/* Is every execve of the native architecture notified, so that a change of name cannot pass unseen? */
bool session_tracks_exec(const struct session *session);
/* The filter is another one. */
void session_forget_verdicts(struct session *session);
/* Keeps one occurrence for session_take_stream(). Under the lock. */
void session_keep(struct session *session, const struct event *event);
