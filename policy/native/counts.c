/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often a rule's calls came. A rate is a bucket that holds as many calls as the rule allows per period
 * and fills up evenly; a count only ever grows. A call above either has taken nothing.
 *
 * Counts of the session are kept for good. Those of programs and processes live in one table of bounded
 * size, in the order in which they were last seen.
 */

#include "base/error.h"
#include "policy/native/facts.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SCOPES_MAX 65536
#define N_BUCKETS  4096

struct scope {
        size_t rule;
        uint64_t process;
        char *program;               /* NULL: counts a process */
        uint64_t used;               /* calls, or the time at which the bucket is full again */
        struct scope *next;          /* of the same hash */
        struct scope *older, *newer; /* by the time last seen */
};

struct policy_counts {
        pthread_mutex_t lock;
        const struct policy *policy;
        uint64_t *used; /* of the session, per rule */
        struct scope *buckets[N_BUCKETS];
        struct scope *oldest, *newest;
        size_t n_scopes;
};

static size_t hash(size_t rule, uint64_t process, const char *program) {
        uint64_t h = UINT64_C(0xcbf29ce484222325) ^ process ^ rule << 48;

        for (const char *at = program; at && *at; at++)
                h = (h ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
        h *= UINT64_C(0x9e3779b97f4a7c15);
        return (size_t)(h >> 52) % N_BUCKETS;
}

static void unlink_age(struct policy_counts *counts, struct scope *scope) {
        *(scope->older ? &scope->older->newer : &counts->oldest) = scope->newer;
        *(scope->newer ? &scope->newer->older : &counts->newest) = scope->older;
}

static void link_newest(struct policy_counts *counts, struct scope *scope) {
        scope->older = counts->newest;
        scope->newer = NULL;
        *(counts->newest ? &counts->newest->newer : &counts->oldest) = scope;
        counts->newest = scope;
}

static void forget(struct policy_counts *counts, struct scope *scope) {
        struct scope **at = &counts->buckets[hash(scope->rule, scope->process, scope->program)];

        while (*at != scope)
                at = &(*at)->next;
        *at = scope->next;
        unlink_age(counts, scope);
        counts->n_scopes--;
        free(scope->program);
        free(scope);
}

static bool is_of(const struct scope *scope, size_t rule, uint64_t process, const char *program) {
        return scope->rule == rule && scope->process == process && !scope->program == !program &&
               (!program || strcmp(scope->program, program) == 0);
}

static int find_scope(struct policy_counts *counts, size_t rule, uint64_t process, const char *program,
                      struct scope **ret) {
        struct scope **bucket = &counts->buckets[hash(rule, process, program)], *scope;

        for (scope = *bucket; scope; scope = scope->next)
                if (is_of(scope, rule, process, program)) {
                        unlink_age(counts, scope);
                        link_newest(counts, scope);
                        *ret = scope;
                        return 0;
                }
        scope = calloc(1, sizeof(*scope));
        if (!scope)
                return error_origin(-ENOMEM);
        if (program) {
                scope->program = strdup(program);
                if (!scope->program) {
                        free(scope);
                        return error_origin(-ENOMEM);
                }
        }
        scope->rule = rule;
        scope->process = process;
        scope->next = *bucket;
        *bucket = scope;
        link_newest(counts, scope);
        if (counts->n_scopes++ == SCOPES_MAX)
                forget(counts, counts->oldest);
        *ret = scope;
        return 0;
}

static bool use(const struct policy_where *where, uint64_t *used, uint64_t now) {
        uint64_t each;

        if (!where->period_ns) {
                if (*used >= where->above)
                        return true;
                ++*used;
                return false;
        }
        if (!where->above)
                return true;
        each = where->period_ns / where->above;
        if (*used < now)
                *used = now;
        if (*used + each - now > where->period_ns)
                return true;
        *used += each;
        return false;
}

int policy_counts_add(struct policy_counts *counts, size_t rule, const struct policy_facts *facts,
                      bool *ret_above) {
        const struct policy_where *where = &counts->policy->rules[rule].where;
        struct scope *scope;
        int r = 0;

        pthread_mutex_lock(&counts->lock);
        switch (where->scope) {
        case POLICY_SCOPE_PROGRAM:
                r = find_scope(counts, rule, 0, facts->program ? facts->program : "", &scope);
                break;
        case POLICY_SCOPE_PROCESS:
                r = find_scope(counts, rule, facts->process, NULL, &scope);
                break;
        default:
                scope = NULL;
                break;
        }
        if (!r)
                *ret_above = use(where, scope ? &scope->used : &counts->used[rule], facts->now_ns);
        pthread_mutex_unlock(&counts->lock);
        return error_trace(r);
}

int policy_counts_new(const struct policy *policy, struct policy_counts **ret) {
        struct policy_counts *counts = calloc(1, sizeof(*counts));

        if (!counts)
                return error_origin(-ENOMEM);
        counts->used = calloc(policy->n_rules ? policy->n_rules : 1, sizeof(*counts->used));
        if (!counts->used) {
                free(counts);
                return error_origin(-ENOMEM);
        }
        pthread_mutex_init(&counts->lock, NULL);
        counts->policy = policy;
        *ret = counts;
        return 0;
}

struct policy_counts *policy_counts_free(struct policy_counts *counts) {
        if (!counts)
                return NULL;
        while (counts->oldest)
                forget(counts, counts->oldest);
        pthread_mutex_destroy(&counts->lock);
        free(counts->used);
        free(counts);
        return NULL;
}

/* The rule of `policy` that goes on with what `rule` has counted; n_rules: none. */
static size_t heir(const struct policy *policy, const struct policy_rule *rule) {
        size_t i;

        for (i = 0; i < policy->n_rules; i++) {
                const struct policy_rule *candidate = &policy->rules[i];

                if (candidate->where.above_set && candidate->where.scope == rule->where.scope &&
                    !candidate->where.period_ns == !rule->where.period_ns &&
                    strcmp(candidate->name, rule->name) == 0)
                        break;
        }
        return i;
}

/* Without memory a count begins anew: a reload does not fail for it. */
void policy_counts_take_over(struct policy_counts *counts, struct policy_counts *before) {
        pthread_mutex_lock(&before->lock);
        pthread_mutex_lock(&counts->lock);
        for (size_t i = 0; i < before->policy->n_rules; i++) {
                const struct policy_rule *rule = &before->policy->rules[i];
                size_t to = rule->where.above_set ? heir(counts->policy, rule) : counts->policy->n_rules;

                if (to == counts->policy->n_rules)
                        continue;
                counts->used[to] = before->used[i];
                for (const struct scope *scope = before->oldest; scope; scope = scope->newer) {
                        struct scope *copy;

                        if (scope->rule == i &&
                            !find_scope(counts, to, scope->process, scope->program, &copy))
                                copy->used = scope->used;
                }
        }
        pthread_mutex_unlock(&counts->lock);
        pthread_mutex_unlock(&before->lock);
}
