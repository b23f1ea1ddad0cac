/* SPDX-License-Identifier: Apache-2.0 */

/*
 * From facts to answer. What must stay true: a call whose memory had a say is never sent on to the kernel
 * unless its rule says `advisory`; facts are fetched at most once for a match; what the verdict rests on is
 * what is carried out.
 */

#include "supervisor/policing.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "policy/native/address.h"
#include "policy/native/calls.h"
#include "supervisor/authority.h"
#include "supervisor/emulate/emulate.h"
#include "supervisor/emulate/net.h"
#include "supervisor/emulate/paths.h"
#include "supervisor/multiplex.h"
#include "supervisor/question.h"
#include "supervisor/session.h"
#include "supervisor/target.h"

struct in_force {
        struct policy *policy;
        struct policy_counts *counts;
        struct in_force *older;
};

/* What an emulation remembers; outlives reloads whose options are the same. */
struct kept_state {
        const struct emulation *emulation;
        char *options;
        void *state;
};

struct policing {
        pthread_mutex_t lock; /* guards current and the list of states */
        struct in_force *current;
        struct kept_state *states;
        size_t n_states;
        struct policing *beside; /* while it is made: that one has what it remembers; NULL: none */
        struct asks *asks;       /* borrowed */
        const char **label_names, **label_values; /* owned */
        size_t n_labels;
};

/* ---- policies ---- */

static const char *options_of(const struct policy_rule *rule) {
        return rule->options ? rule->options : "";
}

static struct kept_state *find_state(struct policing *policing, const char *name, const char *options) {
        for (size_t i = 0; i < policing->n_states; i++) {
                struct kept_state *kept = &policing->states[i];

                if (strcmp(kept->emulation->name, name) == 0 &&
                    (!options || strcmp(kept->options, options) == 0))
                        return kept;
        }
        return NULL;
}

static bool is_there(struct policing *policing, const struct emulation *emulation, const char *options) {
        bool found;

        if (!policing)
                return false;
        pthread_mutex_lock(&policing->lock);
        found = find_state(policing, emulation->name, options) != NULL;
        pthread_mutex_unlock(&policing->lock);
        return found;
}

static int open_state(struct policing *policing, const struct policy_rule *rule, char *error,
                      size_t n_error) {
        const struct emulation *emulation = emulation_by_name(rule->emulation->name);
        struct kept_state *grown, kept = { .emulation = emulation };
        int r;

        if (!emulation) {
                snprintf(error, n_error, "%s: emulate: %s is not something this supervisor can do",
                         rule->name, rule->emulation->name);
                return POLICY_E_INVALID;
        }
        if (!emulation->open || find_state(policing, emulation->name, options_of(rule)) ||
            is_there(policing->beside, emulation, options_of(rule)))
                return 0;
        grown = realloc(policing->states, (policing->n_states + 1) * sizeof(*grown));
        if (!grown)
                return error_origin(-ENOMEM);
        policing->states = grown;
        kept.options = strdup(options_of(rule));
        if (!kept.options)
                return error_origin(-ENOMEM);
        r = emulation->open(rule, &kept.state, error, n_error);
        if (r) {
                free(kept.options);
                return r < 0 && error[0] ? POLICY_E_INVALID : r;
        }
        policing->states[policing->n_states++] = kept;
        return 0;
}

static struct in_force *in_force_free(struct in_force *in_force) {
        if (!in_force)
                return NULL;
        policy_free(in_force->policy);
        policy_counts_free(in_force->counts);
        free(in_force);
        return NULL;
}

/* Takes policy on success. */
static int put_in_force(struct policing *policing, struct policy *policy, char *error, size_t n_error) {
        struct in_force *next = calloc(1, sizeof(*next));
        int r = 0;

        if (!next)
                return error_origin(-ENOMEM);
        error[0] = 0;
        next->policy = policy;
        r = policy_counts_new(policy, &next->counts);
        pthread_mutex_lock(&policing->lock);
        for (size_t i = 0; !r && i < policy->n_rules; i++)
                if (policy->rules[i].action == POLICY_EMULATE)
                        r = open_state(policing, &policy->rules[i], error, n_error);
        if (!r) {
                if (policing->current)
                        policy_counts_take_over(next->counts, policing->current->counts);
                next->older = policing->current;
                policing->current = next;
        }
        pthread_mutex_unlock(&policing->lock);
        if (r) {
                next->policy = NULL;
                in_force_free(next);
        }
        return r;
}

static int make(struct policy *policy, struct asks *asks, struct policing *beside, struct policing **ret,
                char *error, size_t n_error) {
        struct policing *policing = calloc(1, sizeof(*policing));
        int r;

        if (!policing) {
                policy_free(policy);
                return error_origin(-ENOMEM);
        }
        pthread_mutex_init(&policing->lock, NULL);
        policing->asks = asks;
        policing->beside = beside;
        r = put_in_force(policing, policy, error, n_error);
        policing->beside = NULL;
        if (r) {
                policy_free(policy);
                policing_free(policing);
                return r;
        }
        *ret = policing;
        return 0;
}

int policing_new(struct policy *policy, struct asks *asks, struct policing **ret, char *error,
                 size_t n_error) {
        return make(policy, asks, NULL, ret, error, n_error);
}

int policing_new_beside(struct policing *old, struct policy *policy, struct policing **ret, char *error,
                        size_t n_error) {
        return make(policy, NULL, old, ret, error, n_error);
}

struct policing *policing_free(struct policing *policing) {
        if (!policing)
                return NULL;
        while (policing->current) {
                struct in_force *older = policing->current->older;

                in_force_free(policing->current);
                policing->current = older;
        }
        for (size_t i = 0; i < policing->n_states; i++) {
                if (policing->states[i].emulation->close)
                        policing->states[i].emulation->close(policing->states[i].state);
                free(policing->states[i].options);
        }
        free(policing->states);
        for (size_t i = 0; i < policing->n_labels; i++) {
                free((char *)(uintptr_t)policing->label_names[i]);
                free((char *)(uintptr_t)policing->label_values[i]);
        }
        free(policing->label_names);
        free(policing->label_values);
        pthread_mutex_destroy(&policing->lock);
        free(policing);
        return NULL;
}

int policing_keep(struct policing *policing, char *error, size_t n_error) {
        int r = 0;

        for (size_t i = 0; i < policing->n_states; i++) {
                const struct kept_state *kept = &policing->states[i];
                char ignored[1];
                int one = kept->emulation->keep ? kept->emulation->keep(kept->state, r ? ignored : error,
                                                                        r ? sizeof(ignored) : n_error)
                                                : 0;

                r = r ? r : one;
        }
        return error_trace(r);
}

int policing_replace(struct policing *policing, struct policy *policy, char *error, size_t n_error) {
        int r = put_in_force(policing, policy, error, n_error);

        if (r)
                policy_free(policy);
        return r;
}

/* What the other has opened, and we have not, is ours from now on. */
static int take_states(struct policing *policing, struct policing *next) {
        struct kept_state *grown;
        size_t n_left = 0;

        if (next->n_states == 0)
                return 0;
        pthread_mutex_lock(&policing->lock);
        grown = realloc(policing->states, (policing->n_states + next->n_states) * sizeof(*grown));
        if (grown) {
                policing->states = grown;
                for (size_t i = 0; i < next->n_states; i++) {
                        struct kept_state *kept = &next->states[i];

                        if (find_state(policing, kept->emulation->name, kept->options))
                                next->states[n_left++] = *kept;
                        else
                                policing->states[policing->n_states++] = *kept;
                }
                next->n_states = n_left;
        }
        pthread_mutex_unlock(&policing->lock);
        return grown ? 0 : error_origin(-ENOMEM);
}

int policing_become(struct policing *policing, struct policing *next) {
        char error[256];
        int r = take_states(policing, next);

        if (!r)
                r = put_in_force(policing, next->current->policy, error, sizeof(error));
        if (r)
                return r < 0 ? error_trace(r) : error_origin(-EINVAL);
        next->current->policy = NULL;
        policing_free(next);
        return 0;
}

void *policing_state(struct policing *policing, const char *name, const struct policy_rule *rule) {
        const struct kept_state *kept;
        void *state;

        pthread_mutex_lock(&policing->lock);
        kept = find_state(policing, name, rule ? options_of(rule) : NULL);
        state = kept ? kept->state : NULL;
        pthread_mutex_unlock(&policing->lock);
        return state;
}

/* ---- facts ---- */

static int fetch_program(struct call *call) {
        long n = call->kernel->read_link(call->kernel->data, call->tid, "exe", call->program,
                                         sizeof(call->program));

        if (n == -ESRCH)
                return CALL_E_GONE;
        /* A program that cannot be named matches no pattern. */
        call->facts.program = n > 0 ? call->program : NULL;
        return target_confirm(call);
}

static int fetch_credentials(struct call *call) {
        struct credentials task;
        int r = authority_read(call->kernel, call->tid, &task);

        if (r == -ESRCH || r == -ENOENT)
                return CALL_E_GONE;
        if (r)
                return error_origin(r);
        call->facts.uid = task.euid;
        call->facts.gid = task.egid;
        call->facts.caps = task.caps;
        return target_confirm(call);
}

/* The thread group and when it began: numbers are used again, the pair is not. */
static int fetch_process(struct call *call) {
        uint32_t tgid = view_tgid(call);
        unsigned long long start = 0;
        char text[1024], *at;
        long n;

        if (tgid == 0)
                return CALL_E_GONE;
        n = call->kernel->read_proc(call->kernel->data, tgid, "stat", text, sizeof(text) - 1, 0);
        if (n <= 0)
                return CALL_E_GONE;
        text[n] = 0;
        /* The name, in parentheses, may hold anything; the 22nd field is 20 after its end. */
        at = strrchr(text, ')');
        for (int i = 0; at && i < 20; i++)
                at = strchr(at + 1, ' ');
        if (at)
                start = strtoull(at, NULL, 10);
        call->facts.process = (uint64_t)tgid << 32 ^ start;
        return target_confirm(call);
}

static int (*const fetchers[POLICY_N_FACTS])(struct call *call) = {
        [POLICY_FACT_PATHS] = paths_fetch,
        [POLICY_FACT_ADDRESS] = net_fetch,
        [POLICY_FACT_MEMORY_ARGS] = paths_fetch_memory_args,
        [POLICY_FACT_PROGRAM] = fetch_program,
        [POLICY_FACT_CREDENTIALS] = fetch_credentials,
        [POLICY_FACT_PROCESS] = fetch_process,
};

static int fetch(struct policy_facts *facts, enum policy_fact fact, void *data) {
        int r = fetchers[fact] ? fetchers[fact](data) : 0;

        if (!r)
                facts->known |= 1u << fact;
        return r;
}

static uint64_t monotonic_ns(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void begin_facts(const struct policing *policing, struct call *call, struct policy_counts *counts) {
        call->facts.label_names = policing->label_names;
        call->facts.label_values = policing->label_values;
        call->facts.n_labels = policing->n_labels;
        call->facts.arch = call->arch;
        call->facts.call = call->name;
        memcpy(call->facts.args, call->args, sizeof(call->facts.args));
        call->facts.now_ns = monotonic_ns();
        call->facts.fetch = fetch;
        call->facts.data = call;
        call->facts.counts = counts;
}

/* ---- asking ---- */

static int ask(struct policing *policing, struct call *call) {
        const struct policy_rule *rule = call->verdict.rule;
        enum ask_answer answer = ASK_NOBODY;
        struct buf key = BUF_INIT(QUESTION_KEY_MAX);
        struct ask_question question;
        int r;

        if (!call->may_wait)
                return CALL_E_SLOW;
        r = question_facts(call);
        if (r)
                return target_error(call, r);
        question_of(call, &question, &key);
        if (policing->asks)
                answer = asks_ask(policing->asks, question.remembered ? buf_string(&key) : NULL, &question,
                                  (uint64_t)rule->value, &call->kicked);
        buf_deinit(&key);
        switch (answer) {
        case ASK_ALLOW_ONCE:
        case ASK_ALLOW_ALWAYS:
                call->verdict.action = POLICY_ALLOW;
                return 0;
        case ASK_DENY_ONCE:
        case ASK_DENY_ALWAYS:
                call->verdict.action = POLICY_ERRNO;
                call->verdict.value = question_denial(call);
                return 0;
        case ASK_NOBODY:
                break;
        }
        call->verdict.action = rule->otherwise;
        call->verdict.value = rule->otherwise_errno;
        return 0;
}

/* ---- carrying out ---- */

#define PAUSE_PATIENT_S 1

/* Signals do not shorten it: a program would send them to itself. One that has to be handled ends a long
 * pause with EINTR, and the call has not been made. */
static int pause_for(struct call *call, uint64_t ns) {
        struct timespec left = { .tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u) };

        if (!call->may_wait)
                return CALL_E_SLOW;
        while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR) {
                int r = target_confirm(call);

                if (r)
                        return r;
                if (call->kicked && left.tv_sec >= PAUSE_PATIENT_S)
                        return answer_errno(call, EINTR);
        }
        return target_confirm(call);
}

/* No rule decided: what the base says, or carried out for the task if rules above have looked at its memory.
 */
static int without_rule(struct call *call, uint32_t base) {
        switch (base & SECCOMP_RET_ACTION_FULL) {
        case SECCOMP_RET_ALLOW:
        case SECCOMP_RET_LOG:
                call->verdict.action = POLICY_ALLOW;
                return emulate_call(call);
        case SECCOMP_RET_ERRNO:
                return answer_errno(call, (int)(base & SECCOMP_RET_DATA));
        case SECCOMP_RET_USER_NOTIF:
                return answer_errno(call, ENOSYS);
        default:
                return answer_kill(call);
        }
}

int policing_run(struct policing *policing, struct call *call, uint32_t base) {
        struct in_force *in_force;
        int r;

        if (!call->matched) {
                pthread_mutex_lock(&policing->lock);
                in_force = policing->current;
                pthread_mutex_unlock(&policing->lock);
                r = multiplex_unpack(call);
                if (r)
                        return target_error(call, r);
                begin_facts(policing, call, in_force->counts);
                r = call->name ? policy_match(in_force->policy, &call->facts, &call->verdict) : 0;
                if (r)
                        return target_error(call, r);
                if (call->verdict.judged || call->multiplexed)
                        call->verdict.judged = true;
                call->matched = true;
                if (call->verdict.rule)
                        snprintf(call->event.rule, sizeof(call->event.rule), "%s", call->verdict.rule->name);
        }
        if (call->verdict.delay_ns > 0) {
                r = pause_for(call, call->verdict.delay_ns);
                if (r || call->answer.kind != ANSWER_NONE)
                        return r;
                call->verdict.delay_ns = 0;
        }
        if (!call->verdict.rule)
                return without_rule(call, base);
        if (call->verdict.action == POLICY_ASK) {
                r = ask(policing, call);
                if (r || call->answer.kind != ANSWER_NONE)
                        return r;
        }
        return target_error(call, emulate_call(call));
}

int policing_add_label(struct policing *policing, const char *label) {
        const char *equals = strchr(label, '=');
        const char **names = realloc(policing->label_names, (policing->n_labels + 1) * sizeof(*names)),
                   **values;

        if (!equals || !names)
                return error_origin(equals ? -ENOMEM : -EINVAL);
        policing->label_names = names;
        values = realloc(policing->label_values, (policing->n_labels + 1) * sizeof(*values));
        if (!values)
                return error_origin(-ENOMEM);
        policing->label_values = values;
        names[policing->n_labels] = strndup(label, (size_t)(equals - label));
        values[policing->n_labels] = strdup(equals + 1);
        if (!names[policing->n_labels] || !values[policing->n_labels]) {
                free((char *)(uintptr_t)names[policing->n_labels]);
                free((char *)(uintptr_t)values[policing->n_labels]);
                return error_origin(-ENOMEM);
        }
        policing->n_labels++;
        return 0;
}

void policing_answer_error(struct policing *policing, struct call *call, int r) {
        const struct policy *policy;

        pthread_mutex_lock(&policing->lock);
        policy = policing->current->policy;
        pthread_mutex_unlock(&policing->lock);
        if (policy->error_kill)
                answer_kill(call);
        else if (r == -ENOMEM)
                answer_errno(call, ENOMEM);
        else if (r == -EMFILE || r == -ENFILE)
                answer_errno(call, ENFILE);
        else
                answer_errno(call, policy->error_errno ? policy->error_errno : EPERM);
}

const char *policing_source(struct policing *policing) {
        const char *source;

        pthread_mutex_lock(&policing->lock);
        source = policing->current->policy->source;
        pthread_mutex_unlock(&policing->lock);
        return source;
}

bool policing_label(const struct policing *policing, size_t i, const char **ret_name,
                    const char **ret_value) {
        if (i >= policing->n_labels)
                return false;
        *ret_name = policing->label_names[i];
        *ret_value = policing->label_values[i];
        return true;
}
