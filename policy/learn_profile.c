/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Makes the profile of what a learner has seen.
 *
 * What must stay true: every call seen is allowed when runc loads the result through libseccomp, so a name
 * that is allowed is in no refusing rule. A profile to start from never becomes stricter. The result depends
 * on what was seen, not on the order it was seen in.
 */

#include "policy/learn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "policy/learn_seen.h"
#include "syscalls/names.h"
#include "syscalls/table.h"

static uint32_t action_of(uint32_t action) {
        return action & SECCOMP_RET_ACTION_FULL;
}

static bool lets_pass(uint32_t action) {
        return action_of(action) == SECCOMP_RET_ALLOW || action_of(action) == SECCOMP_RET_LOG;
}

static bool is_plain(const struct rule *rule) {
        return rule->n_conditions == 0 && !rule_is_conditional(rule);
}

bool learn_allows_plainly(const struct profile *profile, const char *name) {
        bool allowed = lets_pass(profile->default_action), listed = false;

        for (size_t i = 0; i < profile->n_rules; i++) {
                const struct rule *rule = profile->rules + i;

                if (!rule_has_name(rule, name))
                        continue;
                if (!lets_pass(rule->action))
                        return false;
                listed |= is_plain(rule);
        }
        return allowed || listed;
}

static void remove_name(struct rule *rule, const char *name) {
        size_t n = 0;

        for (size_t i = 0; i < rule->n_names; i++)
                if (strcmp(rule->names[i], name) == 0)
                        free(rule->names[i]);
                else
                        rule->names[n++] = rule->names[i];
        rule->n_names = n;
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_names(struct rule *rule, const char *const *names, size_t n) {
        int r = 0;

        for (size_t i = 0; !r && i < n; i++)
                r = rule_add_name(rule, names[i]);
        if (r)
                return error_trace(r);
        qsort(rule->names, rule->n_names, sizeof(*rule->names), compare_names);
        return 0;
}

static bool has_alternative(const struct profile *profile, const char *name,
                            const struct condition *conditions, size_t n) {
        for (size_t i = 0; i < profile->n_rules; i++) {
                const struct rule *rule = profile->rules + i;
                bool equal = action_of(rule->action) == SECCOMP_RET_ALLOW && rule->n_conditions == n &&
                             !rule_is_conditional(rule) && rule_has_name(rule, name);

                for (size_t k = 0; equal && k < n; k++)
                        equal = rule->conditions[k].index == conditions[k].index &&
                                rule->conditions[k].op == conditions[k].op &&
                                rule->conditions[k].value == conditions[k].value &&
                                rule->conditions[k].value_two == conditions[k].value_two;
                if (equal)
                        return true;
        }
        return false;
}

struct making {
        struct profile *profile;
        const char **plain; /* to be allowed without conditions; sorted at the end */
        size_t n_plain, size_plain;
};

static int plain_add(struct making *making, const char *name) {
        if (making->n_plain == making->size_plain) {
                size_t size = making->size_plain ? making->size_plain * 2 : 64;
                const char **grown = reallocarray(making->plain, size, sizeof(*grown));

                if (!grown)
                        return error_origin(-ENOMEM);
                making->plain = grown;
                making->size_plain = size;
        }
        making->plain[making->n_plain++] = name;
        return 0;
}

static int conditional_add(struct profile *profile, const char *name, const struct condition *conditions,
                           size_t n) {
        struct rule *rule;
        int r;

        if (has_alternative(profile, name, conditions, n))
                return 0;
        r = profile_add_rule(profile, &rule);
        if (!r)
                r = rule_add_name(rule, name);
        for (size_t i = 0; !r && i < n; i++)
                r = rule_add_condition(rule, conditions[i].index, (enum condition_op)conditions[i].op,
                                       conditions[i].value, conditions[i].value_two);
        return error_trace(r);
}

/* Allows name in each of the ways, or always if there are none. */
static int allow(struct making *making, const char *name, const struct learn_ways *ways) {
        struct profile *profile = making->profile;
        bool plainly = ways->n_ways == 0;
        int r = 0;

        if (learn_allows_plainly(profile, name))
                return 0;
        for (size_t i = 0; i < making->n_plain; i++)
                if (strcmp(making->plain[i], name) == 0)
                        return 0;
        for (size_t i = 0; i < profile->n_rules; i++) {
                struct rule *rule = profile->rules + i;

                /* A refusing rule would win, or be taken for a contradiction; a narrower one says nothing
                 * new. */
                if (!lets_pass(rule->action) || plainly)
                        remove_name(rule, name);
        }
        if (lets_pass(profile->default_action))
                return 0;
        if (plainly)
                return error_trace(plain_add(making, name));
        for (size_t i = 0; !r && i < ways->n_ways; i++)
                r = conditional_add(profile, name, ways->conditions + i * ways->n_conditions,
                                    ways->n_conditions);
        return error_trace(r);
}

/* What another profile allows, on top. Its conditional rules are kept beside what was learnt. */
static int merge_rules(struct making *making, const struct profile *from) {
        int r = 0;

        for (size_t i = 0; !r && i < from->n_rules; i++) {
                const struct rule *rule = from->rules + i;
                struct learn_ways ways = { .conditions = rule->conditions,
                                           .n_ways = rule->n_conditions > 0,
                                           .n_conditions = rule->n_conditions };

                if (!lets_pass(rule->action))
                        continue;
                if (rule_is_conditional(rule)) {
                        struct rule *copy;

                        r = profile_add_rule(making->profile, &copy);
                        if (!r)
                                r = rule_copy(rule, copy);
                        continue;
                }
                for (size_t k = 0; !r && k < rule->n_names; k++)
                        r = allow(making, rule->names[k], &ways);
        }
        return error_trace(r);
}

/* ---- all together ---- */

static int allow_assumed(const struct learn *learn, struct making *making) {
        int r = 0;

        for (size_t i = 0; !r && i < learn_assumed_n; i++) {
                const struct learn_assumed *row = learn_assumed + i;
                struct learn_ways ways = { 0 };

                if (!learn_name_exists(making->profile, row->name))
                        continue;
                if (row->conditional)
                        r = learn_clone_ways(row, learn_seen(learn, row->name), learn->archs, &ways);
                if (!r)
                        r = allow(making, row->name, &ways);
                learn_ways_deinit(&ways);
        }
        return error_trace(r);
}

static int allow_seen(const struct learn *learn, struct making *making) {
        int r = 0;

        for (size_t i = 0; !r && i < learn->n_names; i++) {
                struct learn_ways ways;

                r = learn_ways(learn, learn->names[i], &ways);
                if (!r)
                        r = allow(making, learn->names[i]->name, &ways);
                learn_ways_deinit(&ways);
        }
        return error_trace(r);
}

static int allow_runtime(const struct learn *learn, struct making *making) {
        int r = 0;

        for (size_t i = 0; !r && i < learn_runtime_calls_n; i++) {
                const struct learn_runtime_call *call = learn_runtime_calls + i;
                bool narrow =
                        strcmp(call->name, "clone") == 0; /* threads only; learn_assumed[] covers them */

                if (!narrow &&
                    learn_runtime_needs(learn->options.runtime, learn->options.for_no_new_privs, call) &&
                    learn_name_exists(making->profile, call->name))
                        r = allow(making, call->name, &(struct learn_ways){ 0 });
        }
        return error_trace(r);
}

static bool mentioned(const struct profile *profile, const char *name) {
        for (size_t i = 0; i < profile->n_rules; i++)
                if (rule_has_name(profile->rules + i, name))
                        return true;
        return false;
}

static int refuse_probes(const struct learn *learn, struct making *making) {
        struct profile *profile = making->profile;
        const char *names[128];
        size_t n = 0;
        bool has_32 = false;
        struct rule *rule;
        int r;

        if (action_of(profile->default_action) != SECCOMP_RET_ERRNO ||
            (profile->default_action & SECCOMP_RET_DATA) == ENOSYS)
                return 0;
        for (size_t i = 0; i < arch_table_n; i++)
                has_32 |= (learn->archs & (1u << i)) && arch_table[i].bits == 32;
        for (size_t i = 0; i < learn_probes_n && n < sizeof(names) / sizeof(names[0]); i++)
                if ((has_32 || !learn_probes[i].time64) &&
                    learn_name_exists(profile, learn_probes[i].name) &&
                    !mentioned(profile, learn_probes[i].name))
                        names[n++] = learn_probes[i].name;
        if (n == 0)
                return 0;
        r = profile_add_rule(profile, &rule);
        if (r)
                return error_trace(r);
        rule->action = SECCOMP_RET_ERRNO | ENOSYS;
        rule->errno_set = true;
        return error_trace(add_names(rule, names, n));
}

/* Conditional rules by name, then by conditions, so that equal recordings give equal files. */
static int compare_rules(const void *a, const void *b) {
        const struct rule *one = a, *other = b;
        int order = strcmp(one->names[0], other->names[0]);

        for (size_t i = 0; order == 0 && i < one->n_conditions && i < other->n_conditions; i++) {
                const struct condition *x = one->conditions + i, *y = other->conditions + i;

                if (x->index != y->index)
                        order = x->index < y->index ? -1 : 1;
                else if (x->value != y->value)
                        order = x->value < y->value ? -1 : 1;
                else if (x->value_two != y->value_two)
                        order = x->value_two < y->value_two ? -1 : 1;
        }
        return order;
}

/* Drops rules that lost all their names. */
static void prune(struct profile *profile, size_t from) {
        size_t n = from;

        for (size_t i = from; i < profile->n_rules; i++) {
                if (profile->rules[i].n_names == 0) {
                        rule_deinit(profile->rules + i);
                        continue;
                }
                if (n != i) {
                        profile->rules[n] = profile->rules[i];
                        profile->rules[i] = (struct rule){ 0 };
                }
                n++;
        }
        profile->n_rules = n;
}

/* Gathered names go into the first rule that only lists names to allow, or into one of their own. */
static int place_plain(struct making *making) {
        struct profile *profile = making->profile;
        struct rule *rule = NULL;
        int r = 0;

        if (making->n_plain == 0)
                return 0;
        for (size_t i = 0; i < profile->n_rules && !rule; i++)
                if (action_of(profile->rules[i].action) == SECCOMP_RET_ALLOW &&
                    is_plain(profile->rules + i) && !profile->rules[i].legacy_name)
                        rule = profile->rules + i;
        if (!rule)
                r = profile_add_rule(profile, &rule);
        if (!r)
                r = add_names(rule, making->plain, making->n_plain);
        return error_trace(r);
}

int learn_profile(const struct learn *learn, struct profile **ret) {
        const struct profile *base = learn->options.base ?: learn->options.merge;
        cleanup_profile struct profile *profile = NULL;
        struct making making = { 0 };
        size_t n_start;
        int r;

        r = profile_new(&profile);
        if (r)
                return error_trace(r);
        making.profile = profile;
        profile->default_set = true;
        profile->default_action = SECCOMP_RET_ERRNO | EPERM;
        profile->default_errno_set = true;
        if (base) {
                r = learn_start_from(base, profile);
        } else {
                /* First in the file: the list that people read. */
                struct rule *rule;

                r = profile_add_rule(profile, &rule);
        }
        if (!r)
                r = learn_add_archs(learn, profile, !base);
        n_start = profile->n_rules;
        if (!r && learn->options.base && learn->options.merge)
                r = merge_rules(&making, learn->options.merge);
        if (!r)
                r = allow_runtime(learn, &making);
        if (!r)
                r = allow_seen(learn, &making);
        if (!r)
                r = allow_assumed(learn, &making);
        if (!r) {
                prune(profile, n_start);
                if (!(learn->options.base && learn->options.merge) && profile->n_rules > n_start)
                        qsort(profile->rules + n_start, profile->n_rules - n_start, sizeof(*profile->rules),
                              compare_rules);
                r = place_plain(&making);
        }
        if (!r) {
                prune(profile, 0);
                r = refuse_probes(learn, &making);
        }
        free(making.plain);
        if (r)
                return error_trace(r);
        *ret = profile;
        profile = NULL;
        return 0;
}
