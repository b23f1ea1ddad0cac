/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The question that `do: ask` puts to a person about one call: what is shown, what a rule made of the answer
 * says, and which calls are the same question. An answer of "always" holds for equal questions only: same
 * rule, architecture, program and call, all objects that the call names, and every argument that says what
 * is asked for (flags, requests, modes, ids), whatever descriptors, addresses and sizes are.
 */

#include "base/buf.h"
#include "supervisor/ask.h"

struct call;

#define QUESTION_KEY_MAX 65536

/* Fetches what a person needs to see. A path or an address that was shown is what the answer is about, so it
 * is carried out for the task then. 0, CALL_E_* or -errno. */
int question_facts(struct call *call);

/* After question_facts(). Appends to key what tells equal questions from others, without NULs; nothing where
 * an answer cannot be remembered, since something about the call is not known, did not fit, or cannot be
 * enforced. */
void question_of(const struct call *call, struct ask_question *ret, struct buf *key);

/* What a task is told when a person says no. */
int question_denial(const struct call *call);
