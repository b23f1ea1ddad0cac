/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* An answer of "always" as a rule of a policy. */

#include <stdbool.h>

#include "base/buf.h"
#include "proto/message.h"

/* Appends an item of `rules:`, YAML, which is about the call that was asked about and nothing wider. Only
 * for questions with MESSAGE_QUESTION_RULE. */
void answer_rule(struct buf *to, const struct message_question *question, bool allow);
