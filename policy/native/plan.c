/* SPDX-License-Identifier: Apache-2.0 */

/* Rules by call and architecture. Plans do not change once made: any thread may read them. */

#include "policy/native/plan.h"

#include "base/error.h"
#include "syscalls/names.h"

#include <stdlib.h>
#include <string.h>

/* The native architecture and arch_siblings(). */
#define ARCHS_MAX 5

struct policy_plans {
        struct {
                const struct arch *arch;
                struct plan *plans;
                size_t n;
        } archs[ARCHS_MAX];
        size_t n_archs;
};

static int keep_tests(const struct policy_conditions *alternatives, size_t n, struct plan_test **ret,
                      size_t *ret_n) {
        size_t n_tests = 0;

        *ret = NULL;
        *ret_n = 0;
        for (size_t i = 0; i < n; i++) {
                if (!alternatives[i].n)
                        return 0;
                n_tests += alternatives[i].n;
        }
        if (!n_tests)
                return 0;
        *ret = calloc(n_tests, sizeof(**ret));
        if (!*ret)
                return error_origin(-ENOMEM);
        for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < alternatives[i].n; j++)
                        (*ret)[(*ret_n)++] = (struct plan_test){
                                .condition = alternatives[i].conditions[j],
                                .bits = alternatives[i].bits[j],
                                .last = j + 1 == alternatives[i].n,
                        };
        return 0;
}

/* POLICY_E_NEVER leaves *way empty. */
static int make_way(const struct policy_rule *rule, const struct arch *arch, const char *call,
                    struct plan_way *way) {
        struct policy_conditions *registers = NULL, *memory = NULL;
        size_t n_registers, n_memory;
        int r;

        r = policy_conditions(rule, arch, call, &registers, &n_registers, &way->rest);
        if (!r)
                r = policy_memory_conditions(rule, arch, call, &memory, &n_memory);
        if (!r)
                r = keep_tests(registers, n_registers, &way->tests, &way->n_tests);
        if (!r)
                r = keep_tests(memory, n_memory, &way->memory_tests, &way->n_memory_tests);
        free(registers);
        free(memory);
        return r;
}

static void way_deinit(struct plan_way *way) {
        free(way->tests);
        free(way->memory_tests);
}

static int add_way(const struct policy *policy, size_t rule, const struct arch *arch, struct plan *plan) {
        struct plan_way *grown;
        struct plan_way way = { .rule = rule };
        int r;

        r = make_way(&policy->rules[rule], arch, plan->call, &way);
        if (!r) {
                grown = reallocarray(plan->ways, plan->n_ways + 1, sizeof(*grown));
                if (grown) {
                        plan->ways = grown;
                        grown[plan->n_ways++] = way;
                        return 0;
                }
                r = error_origin(-ENOMEM);
        }
        way_deinit(&way);
        return r == POLICY_E_NEVER ? 0 : error_trace(r);
}

void plan_deinit(struct plan *plan) {
        for (size_t i = 0; i < plan->n_ways; i++)
                way_deinit(&plan->ways[i]);
        free(plan->ways);
        *plan = (struct plan){ 0 };
}

int plan_make(const struct policy *policy, const struct arch *arch, const char *call, struct plan *ret) {
        struct plan plan = { .call = call };
        int r = 0;

        for (size_t i = 0; !r && i < policy->n_rules; i++)
                if (policy_rule_covers(&policy->rules[i], call))
                        r = add_way(policy, i, arch, &plan);
        if (r) {
                plan_deinit(&plan);
                return error_trace(r);
        }
        *ret = plan;
        return 0;
}

bool plan_tests_hold(const struct plan_test *tests, size_t n, const uint64_t args[6]) {
        bool holds = true;

        if (!n)
                return true;
        for (size_t i = 0; i < n; i++) {
                holds = holds && policy_condition_holds(&tests[i].condition, tests[i].bits, args);
                if (!tests[i].last)
                        continue;
                if (holds)
                        return true;
                holds = true;
        }
        return false;
}

/* ---- all calls ---- */

struct mention {
        const char *call;
        size_t rule;
};

static int compare_mentions(const void *a, const void *b) {
        const struct mention *left = a, *right = b;
        int order = strcmp(left->call, right->call);

        return order ? order : left->rule < right->rule ? -1 : left->rule > right->rule;
}

/* Which rules speak of which call, by call and order of rules. */
static int mentions_make(const struct policy *policy, struct mention **ret, size_t *ret_n) {
        struct mention *mentions;
        size_t n = 0;

        for (size_t i = 0; i < policy->n_rules; i++)
                n += policy->rules[i].n_calls;
        mentions = calloc(n ? n : 1, sizeof(*mentions));
        if (!mentions)
                return error_origin(-ENOMEM);
        n = 0;
        for (size_t i = 0; i < policy->n_rules; i++)
                for (size_t j = 0; j < policy->rules[i].n_calls; j++)
                        mentions[n++] = (struct mention){ policy->rules[i].calls[j], i };
        qsort(mentions, n, sizeof(*mentions), compare_mentions);
        *ret = mentions;
        *ret_n = n;
        return 0;
}

int plan_calls(const struct policy *policy, const char ***ret, size_t *ret_n) {
        struct mention *mentions;
        const char **calls;
        size_t n_mentions, n = 0;
        int r;

        r = mentions_make(policy, &mentions, &n_mentions);
        if (r)
                return error_trace(r);
        calls = calloc(n_mentions ? n_mentions : 1, sizeof(*calls));
        if (!calls) {
                free(mentions);
                return error_origin(-ENOMEM);
        }
        for (size_t i = 0; i < n_mentions; i++)
                if (!n || strcmp(calls[n - 1], mentions[i].call) != 0)
                        calls[n++] = mentions[i].call;
        free(mentions);
        *ret = calls;
        *ret_n = n;
        return 0;
}

static int prepare_arch(const struct policy *policy, const struct mention *mentions, size_t n_mentions,
                        const struct arch *arch, struct policy_plans *plans) {
        struct plan *of = calloc(n_mentions ? n_mentions : 1, sizeof(*of));
        size_t *n = &plans->archs[plans->n_archs].n;
        int r = 0;

        if (!of)
                return error_origin(-ENOMEM);
        plans->archs[plans->n_archs].arch = arch;
        plans->archs[plans->n_archs++].plans = of;
        for (size_t i = 0; !r && i < n_mentions; i++) {
                bool again = i && strcmp(mentions[i - 1].call, mentions[i].call) == 0;

                if (again && mentions[i - 1].rule == mentions[i].rule)
                        continue;
                if (!again)
                        of[(*n)++].call = mentions[i].call;
                r = add_way(policy, mentions[i].rule, arch, &of[*n - 1]);
        }
        return error_trace(r);
}

struct policy_plans *policy_plans_free(struct policy_plans *plans) {
        if (!plans)
                return NULL;
        for (size_t i = 0; i < plans->n_archs; i++) {
                for (size_t j = 0; j < plans->archs[i].n; j++)
                        plan_deinit(&plans->archs[i].plans[j]);
                free(plans->archs[i].plans);
        }
        free(plans);
        return NULL;
}

int policy_prepare(struct policy *policy) {
        const struct arch *siblings[4];
        size_t n_siblings = arch_siblings(arch_native(), siblings), n_mentions;
        struct policy_plans *plans;
        struct mention *mentions;
        int r;

        r = mentions_make(policy, &mentions, &n_mentions);
        if (r)
                return error_trace(r);
        plans = calloc(1, sizeof(*plans));
        r = plans ? prepare_arch(policy, mentions, n_mentions, arch_native(), plans) : error_origin(-ENOMEM);
        for (size_t i = 0; !r && i < n_siblings; i++)
                r = prepare_arch(policy, mentions, n_mentions, siblings[i], plans);
        free(mentions);
        if (r) {
                policy_plans_free(plans);
                return error_trace(r);
        }
        policy_plans_free(policy->plans);
        policy->plans = plans;
        return 0;
}

static int compare_plan(const void *key, const void *plan) {
        return strcmp(key, ((const struct plan *)plan)->call);
}

int plan_of(const struct policy *policy, const struct arch *arch, const char *call, struct plan *made,
            const struct plan **ret) {
        const struct policy_plans *plans = policy->plans;

        *made = (struct plan){ .call = call };
        *ret = made;
        for (size_t i = 0; plans && i < plans->n_archs; i++) {
                const struct plan *found;

                if (plans->archs[i].arch != arch)
                        continue;
                found = plans->archs[i].n ? bsearch(call, plans->archs[i].plans, plans->archs[i].n,
                                                    sizeof(struct plan), compare_plan)
                                          : NULL;
                if (found)
                        *ret = found;
                return 0;
        }
        return error_trace(plan_make(policy, arch, call, made));
}
