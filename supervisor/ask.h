/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Questions to a person about calls that wait. Workers ask and sleep; the loop sends the questions to
 * whoever can answer and brings the answers. What was answered with "always" is remembered for equal
 * questions; which those are, supervisor/question.h says.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ASK_TEXT_MAX    4096
#define ASK_ARGS_MAX    12 /* six registers, and what is in memory */
#define ASK_WAITING_MAX 64 /* more questions at the same time are answered as after their time-out */

enum ask_answer {
        ASK_ALLOW_ONCE = 1,
        ASK_ALLOW_ALWAYS,
        ASK_DENY_ONCE,
        ASK_DENY_ALWAYS,
        ASK_NOBODY, /* time-out, too many questions, or the call vanished */
};

struct ask_arg {
        char name[16]; /* as policies have it: "arg1", "flags" of openat2 */
        uint64_t mask, value;
};

struct ask_question {
        uint64_t id;
        bool remembered;         /* "always" can be said */
        bool is_rule;            /* … and written as a rule: the fields below say all there is */
        int error;               /* of a denial */
        char text[ASK_TEXT_MAX]; /* for the person; names are quoted and escaped */
        char call[64];
        char program[ASK_TEXT_MAX];        /* empty: not known */
        char object[ASK_TEXT_MAX];         /* path, or address as a policy writes it; empty: none */
        struct ask_arg args[ASK_ARGS_MAX]; /* what the call asks for */
        size_t n_args;
};

struct asks;

/* on_question is called from any thread when there is one to send: it only wakes the loop. */
int asks_new(void (*on_question)(void *data), void *data, struct asks **ret);
struct asks *asks_free(struct asks *asks);

/* Blocks until answered, timeout_ns passed, or *kicked. key tells equal questions, NULL: there are none, and
 * "always" counts once; the id is given here. */
enum ask_answer asks_ask(struct asks *asks, const char *key, const struct ask_question *question,
                         uint64_t timeout_ns, const _Atomic bool *kicked);

/* The next question not yet taken. */
bool asks_take(struct asks *asks, struct ask_question *ret);
/* False: nobody waits for this answer any more. */
bool asks_answer(struct asks *asks, uint64_t id, enum ask_answer answer);
/* Somebody else is to be asked: questions that were taken and not answered can be taken again. */
void asks_again(struct asks *asks);
