/* SPDX-License-Identifier: Apache-2.0 */

#include "supervisor/ask.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define LONG_NS 60000000000u

struct asking {
        struct asks *asks;
        const char *key;
        uint64_t timeout_ns;
        _Atomic bool kicked;
        enum ask_answer answer;
        pthread_t thread;
};

static atomic_int n_woken;

static void on_question(void *data) {
        (void)data;
        n_woken++;
}

static void *ask(void *data) {
        struct asking *asking = data;
        struct ask_question question = { .text = "wants open", .call = "openat", .object = "/etc/passwd" };

        asking->answer = asks_ask(asking->asks, asking->key, &question, asking->timeout_ns, &asking->kicked);
        return NULL;
}

static void begin(struct asking *asking) {
        cr_assert_eq(pthread_create(&asking->thread, NULL, ask, asking), 0);
}

static struct ask_question take(struct asks *asks) {
        struct ask_question question;

        while (!asks_take(asks, &question))
                nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        return question;
}

Test(ask, every_answer_reaches_the_one_who_asked) {
        static const enum ask_answer answers[] = { ASK_ALLOW_ONCE, ASK_ALLOW_ALWAYS, ASK_DENY_ONCE,
                                                   ASK_DENY_ALWAYS };
        static const char *const keys[] = { "a", "b", "c", "d" };
        struct asks *asks;

        cr_assert_eq(asks_new(on_question, NULL, &asks), 0);
        for (size_t i = 0; i < 4; i++) {
                struct asking asking = { .asks = asks, .key = keys[i], .timeout_ns = LONG_NS };
                struct ask_question question;

                begin(&asking);
                question = take(asks);
                cr_assert_str_eq(question.object, "/etc/passwd");
                cr_assert_not(asks_answer(asks, question.id + 1, ASK_DENY_ONCE), "an id of nobody");
                cr_assert(asks_answer(asks, question.id, answers[i]));
                cr_assert_not(asks_answer(asks, question.id, ASK_DENY_ONCE), "answered already");
                pthread_join(asking.thread, NULL);
                cr_assert_eq(asking.answer, answers[i]);
        }
        cr_assert_geq(n_woken, 4);
        asks_free(asks);
}

Test(ask, always_is_remembered_and_once_is_not) {
        struct asking first = { .key = "same", .timeout_ns = LONG_NS },
                      again = { .key = "same", .timeout_ns = 1 },
                      other = { .key = "other", .timeout_ns = 1 };
        struct asks *asks;

        cr_assert_eq(asks_new(on_question, NULL, &asks), 0);
        first.asks = again.asks = other.asks = asks;
        begin(&first);
        cr_assert(asks_answer(asks, take(asks).id, ASK_ALLOW_ALWAYS));
        pthread_join(first.thread, NULL);
        ask(&again);
        cr_assert_eq(again.answer, ASK_ALLOW_ALWAYS);
        ask(&other);
        cr_assert_eq(other.answer, ASK_NOBODY, "another question ran into its time-out");
        asks_free(asks);
}

Test(ask, without_a_key_always_counts_once) {
        struct asking first = { .timeout_ns = LONG_NS }, again = { .timeout_ns = 1 };
        struct asks *asks;

        cr_assert_eq(asks_new(on_question, NULL, &asks), 0);
        first.asks = again.asks = asks;
        begin(&first);
        cr_assert(asks_answer(asks, take(asks).id, ASK_ALLOW_ALWAYS));
        pthread_join(first.thread, NULL);
        cr_assert_eq(first.answer, ASK_ALLOW_ALWAYS);
        ask(&again);
        cr_assert_eq(again.answer, ASK_NOBODY);
        asks_free(asks);
}

Test(ask, a_kick_and_the_clock_end_the_wait) {
        struct asking late = { .key = "x", .timeout_ns = 1 }, kicked = { .key = "x", .timeout_ns = LONG_NS };
        struct asks *asks;

        cr_assert_eq(asks_new(on_question, NULL, &asks), 0);
        late.asks = kicked.asks = asks;
        ask(&late);
        cr_assert_eq(late.answer, ASK_NOBODY);
        begin(&kicked);
        take(asks);
        kicked.kicked = true;
        pthread_join(kicked.thread, NULL);
        cr_assert_eq(kicked.answer, ASK_NOBODY);
        asks_free(asks);
}

Test(ask, who_comes_later_is_asked_what_was_not_answered) {
        struct asking asking = { .key = "x", .timeout_ns = LONG_NS };
        struct ask_question question, again;
        struct asks *asks;

        cr_assert_eq(asks_new(on_question, NULL, &asks), 0);
        asking.asks = asks;
        begin(&asking);
        question = take(asks);
        cr_assert_not(asks_take(asks, &again), "taken already");
        asks_again(asks);
        again = take(asks);
        cr_assert_eq(again.id, question.id);
        cr_assert(asks_answer(asks, again.id, ASK_DENY_ONCE));
        pthread_join(asking.thread, NULL);
        cr_assert_eq(asking.answer, ASK_DENY_ONCE);
        asks_free(asks);
}
