/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a session under a client's policy has beside the session itself: its file, read again on request, and
 * the questions that calls wait for, on their way to whoever can answer: somebody at the control socket,
 * else at the client's terminal.
 */

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "proto/message.h"
#include "supervisor/policing.h"

struct policed;
struct session;

struct policed_options {
        uv_loop_t *loop;
        /* A private supervisor: SIGHUP reloads, and PID.sock takes requests (supervisor/control.h). */
        bool private;
        struct session *(*session)(void *data);                 /* that is running now; NULL: none */
        bool (*attended)(void *data);                           /* is somebody at the client's terminal? */
        int (*ask)(void *data, const struct message *question); /* there; 0 or -errno: the client is gone */
        void *data;
};

/* 0; POLICY_E_INVALID with what is wrong in lines; -errno. */
int policed_new(const struct policed_options *options, const struct message_hello *hello, struct buf *lines,
                struct policed **ret);
/* The session must have ended. Memory is freed once the loop has closed the handles. Returns NULL. */
struct policed *policed_free(struct policed *policed);

/* The policy at work, for session_new(), which eats it. 0; POLICY_E_INVALID with a sentence; -errno. */
int policed_policing(struct policed *policed, struct policing **ret, char *error, size_t n_error);

/* Reads the policy again: is the new one in force? */
bool policed_reload(struct policed *policed, struct buf *lines);
void policed_answer(struct policed *policed, uint64_t id, enum message_word word);
/* Who can be asked has changed: what was asked before and not answered is asked again. */
void policed_attended(struct policed *policed);
