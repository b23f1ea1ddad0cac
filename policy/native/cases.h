/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Cases: calls and what a policy shall say to them, written down by whoever keeps the policy. They are asked
 * of policy_match(), and what registers decide of the compiled filter as well; nothing is carried out.
 */

#include "base/buf.h"
#include "base/diag.h"
#include "policy/native/facts.h"
#include "policy/native/policy.h"

#define POLICY_CASES_MAX 10000

/* What is expected. What is not set may be anything. */
struct policy_expectation {
        bool action_set, value_set, where_set, delay_set;
        enum policy_action action;
        int64_t value;
        char *text; /* REDIRECT: target, SUBSTITUTE: the text or file */
        const struct policy_emulation *emulation;
        char *rule; /* name; "" means none */
        bool notified;
        uint64_t delay_ns;
};

struct policy_case {
        char *name;  /* as written, or its place */
        char *place; /* "cases[3]" */
        unsigned line, column;
        const struct arch *arch;
        char *call;
        uint64_t args[6];
        struct policy_memory_arg memory_args[4]; /* names in static storage */
        size_t n_memory_args;
        char *paths[2];
        size_t n_paths;
        struct sockaddr_storage address;
        socklen_t n_address;
        char *program;
        uint64_t uid, gid, caps, process;
        char **label_names, **label_values;
        size_t n_labels;
        uint64_t repeat, every_ns; /* asked so often; the last answer counts */
        struct policy_expectation expect;
};

struct policy_cases {
        struct policy_case *items;
        size_t n;
};

/* 0, POLICY_E_INVALID with diags, or -errno. */
int policy_cases_read_file(const char *path, struct diags *diags, struct policy_cases **ret);
int policy_cases_read(const char *bytes, size_t n, struct diags *diags, struct policy_cases **ret);
struct policy_cases *policy_cases_free(struct policy_cases *cases);
static inline void policy_cases_cleanup(struct policy_cases **cases) {
        policy_cases_free(*cases);
}
#define cleanup_policy_cases __attribute__((cleanup(policy_cases_cleanup)))

struct policy_case_result {
        bool passed;
        struct buf expected, got; /* "errno EPERM by rule no-reboot, notified"; only what was asked for */
        char *disagreement; /* policy_match() and the compiled filter differ: a bug of ours; NULL: they agree
                             */
};
void policy_case_result_deinit(struct policy_case_result *result);

struct policy_trial; /* a policy, compiled for being asked */
int policy_trial_new(const struct policy *policy, struct policy_trial **ret);
struct policy_trial *policy_trial_free(struct policy_trial *trial);
/* 0 with *ret, or -errno. */
int policy_trial_run(struct policy_trial *trial, const struct policy_case *item,
                     struct policy_case_result *ret);
/* What the policy says to a case, and whether a single rule of it holds, whatever stands above it. */
int policy_trial_rule(struct policy_trial *trial, const struct policy_case *item, size_t rule,
                      bool *ret_holds);
int policy_trial_ask(struct policy_trial *trial, const struct policy_case *item, struct policy_verdict *ret,
                     bool *ret_notified);
/* "redirect to /tmp/x": what a verdict comes to. */
void policy_verdict_text(const struct policy_verdict *verdict, struct buf *to);
