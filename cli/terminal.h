/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Questions to the person at the terminal, one at a time, through /dev/tty, so that the program's own
 * streams stay its own. What was answered with "always" can be written as rules of a policy.
 */

#include <stdbool.h>
#include <stdint.h>

#include "proto/message.h"

struct terminal;

/* NULL where there is no terminal. answers_path: rules are written there; NULL: not. */
struct terminal *terminal_open(const char *answers_path);
/* Writes the rules: 0, or -errno. Frees. NULL is fine. */
int terminal_close(struct terminal *terminal);

/* Readable while a question stands; -1 otherwise, and for NULL. */
int terminal_fd(const struct terminal *terminal);
void terminal_question(struct terminal *terminal, const struct message_question *question);
/* Whoever asked is gone. */
void terminal_forget(struct terminal *terminal);
/* A line can be read: true when it was an answer. The next question is asked then. */
bool terminal_answer(struct terminal *terminal, uint64_t *ret_id, enum message_word *ret_word);
