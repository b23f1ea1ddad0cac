/* SPDX-License-Identifier: Apache-2.0 */

/* What must stay true: a question is answered at most once, by whoever comes first: a person, the clock, or
 * the end of the call. */

#include "supervisor/ask.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"

#define LOOK_NS        20000000u /* between looks at *kicked */
#define REMEMBERED_MAX 4096

struct question {
        uint64_t id; /* 0: free */
        bool taken;
        enum ask_answer answer; /* 0: none yet */
        const char *key;        /* borrowed from whoever waits; NULL: no other is equal */
        const struct ask_question *asked;
};

struct remembered {
        char *key;
        enum ask_answer answer;
};

struct asks {
        void (*on_question)(void *data);
        void *data;
        pthread_mutex_t lock;
        pthread_cond_t answered;
        uint64_t last_id;
        struct question questions[ASK_WAITING_MAX];
        struct remembered *remembered;
        size_t n_remembered;
};

int asks_new(void (*on_question)(void *data), void *data, struct asks **ret) {
        struct asks *asks = calloc(1, sizeof(*asks));
        pthread_condattr_t attr;

        if (!asks)
                return error_origin(-ENOMEM);
        asks->on_question = on_question;
        asks->data = data;
        pthread_mutex_init(&asks->lock, NULL);
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(&asks->answered, &attr);
        pthread_condattr_destroy(&attr);
        *ret = asks;
        return 0;
}

struct asks *asks_free(struct asks *asks) {
        if (!asks)
                return NULL;
        for (size_t i = 0; i < asks->n_remembered; i++)
                free(asks->remembered[i].key);
        free(asks->remembered);
        pthread_cond_destroy(&asks->answered);
        pthread_mutex_destroy(&asks->lock);
        free(asks);
        return NULL;
}

static struct remembered *remembered_of(struct asks *asks, const char *key) {
        for (size_t i = 0; key && i < asks->n_remembered; i++)
                if (strcmp(asks->remembered[i].key, key) == 0)
                        return &asks->remembered[i];
        return NULL;
}

static void remember(struct asks *asks, const char *key, enum ask_answer answer) {
        struct remembered *grown;

        if (!key || (answer != ASK_ALLOW_ALWAYS && answer != ASK_DENY_ALWAYS) || remembered_of(asks, key) ||
            asks->n_remembered == REMEMBERED_MAX)
                return;
        grown = realloc(asks->remembered, (asks->n_remembered + 1) * sizeof(*grown));
        if (!grown)
                return; /* asked again next time */
        asks->remembered = grown;
        grown[asks->n_remembered] = (struct remembered){ .key = strdup(key), .answer = answer };
        if (grown[asks->n_remembered].key)
                asks->n_remembered++;
}

static uint64_t clock_ns(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

enum ask_answer asks_ask(struct asks *asks, const char *key, const struct ask_question *asked,
                         uint64_t timeout_ns, const _Atomic bool *kicked) {
        enum ask_answer answer = ASK_NOBODY;
        struct question *question = NULL;
        const struct remembered *known;
        uint64_t end = clock_ns() + timeout_ns;

        pthread_mutex_lock(&asks->lock);
        known = remembered_of(asks, key);
        if (known)
                answer = known->answer;
        for (size_t i = 0; !known && !question && i < ASK_WAITING_MAX; i++)
                if (asks->questions[i].id == 0)
                        question = &asks->questions[i];
        if (!question) {
                pthread_mutex_unlock(&asks->lock);
                return answer;
        }
        *question = (struct question){ .id = ++asks->last_id, .key = key, .asked = asked };
        asks->on_question(asks->data);
        while (question->answer == 0) {
                uint64_t now = clock_ns(), until = now + LOOK_NS < end ? now + LOOK_NS : end;
                struct timespec at = { .tv_sec = (time_t)(until / 1000000000u),
                                       .tv_nsec = (long)(until % 1000000000u) };

                /* Somebody may have answered an equal question with "always" meanwhile. */
                known = remembered_of(asks, key);
                if (known)
                        question->answer = known->answer;
                else if (now >= end || atomic_load(kicked))
                        question->answer = ASK_NOBODY;
                else
                        pthread_cond_timedwait(&asks->answered, &asks->lock, &at);
        }
        answer = question->answer;
        question->id = 0;
        pthread_mutex_unlock(&asks->lock);
        return answer;
}

bool asks_take(struct asks *asks, struct ask_question *ret) {
        struct question *first = NULL;

        pthread_mutex_lock(&asks->lock);
        for (size_t i = 0; i < ASK_WAITING_MAX; i++) {
                struct question *question = &asks->questions[i];

                if (question->id != 0 && !question->taken && question->answer == 0 &&
                    (!first || question->id < first->id))
                        first = question;
        }
        if (first) {
                first->taken = true;
                *ret = *first->asked;
                ret->id = first->id;
        }
        pthread_mutex_unlock(&asks->lock);
        return first;
}

bool asks_answer(struct asks *asks, uint64_t id, enum ask_answer answer) {
        bool found = false;

        pthread_mutex_lock(&asks->lock);
        for (size_t i = 0; i < ASK_WAITING_MAX && id != 0 && !found; i++) {
                struct question *question = &asks->questions[i];

                found = question->id == id && question->answer == 0;
                if (found) {
                        question->answer = answer;
                        remember(asks, question->key, answer);
                }
        }
        pthread_cond_broadcast(&asks->answered);
        pthread_mutex_unlock(&asks->lock);
        return found;
}

void asks_again(struct asks *asks) {
        pthread_mutex_lock(&asks->lock);
        for (size_t i = 0; i < ASK_WAITING_MAX; i++)
                asks->questions[i].taken = false;
        pthread_mutex_unlock(&asks->lock);
}
