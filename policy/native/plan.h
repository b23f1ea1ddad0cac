/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the rules of a policy come to for one call on one architecture, with constants resolved: those that
 * can hold there, in order. Looked up by policy_match() for every call, and the source of the compiled
 * filter, so that both decide alike.
 */

#include "policy/native/policy.h"

struct plan_test {
        struct condition condition;
        uint8_t bits;
        bool last; /* of its alternative */
};

struct plan_way {
        size_t rule;
        /* Conditions on registers; n_tests 0: none. Any of the alternatives is enough. */
        struct plan_test *tests;
        size_t n_tests;
        struct plan_test *memory_tests; /* the same of arguments in memory */
        size_t n_memory_tests;
        bool rest; /* registers do not say it all */
};

struct plan {
        const char *call;
        struct plan_way *ways;
        size_t n_ways;
};

int plan_make(const struct policy *policy, const struct arch *arch, const char *call, struct plan *ret);
void plan_deinit(struct plan *plan);

bool plan_tests_hold(const struct plan_test *tests, size_t n, const uint64_t args[6]);

/* The calls that rules speak of, each once, in the order of strcmp(); strings of the policy, the array is
 * the caller's. */
int plan_calls(const struct policy *policy, const char ***ret, size_t *ret_n);

/* Plans for all calls on all architectures of this machine are kept in the policy: policy_read() asks for it
 * when all else is done. Without it matching is right, but slow. */
int policy_prepare(struct policy *policy);
struct policy_plans *policy_plans_free(struct policy_plans *plans);

/* The plan that is kept, or one made now in *made, which the caller deinits in any case. *ret is empty where
 * no rule speaks of the call, never NULL. */
int plan_of(const struct policy *policy, const struct arch *arch, const char *call, struct plan *made,
            const struct plan **ret);
