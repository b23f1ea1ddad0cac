/* SPDX-License-Identifier: Apache-2.0 */

/* A policy in memory: what it owns, and the names of its actions. */

#include "policy/native/policy.h"

#include "policy/native/pattern.h"
#include "policy/native/plan.h"

#include <stdlib.h>
#include <string.h>

static const char *const action_words[POLICY_N_ACTIONS] = {
        [POLICY_ALLOW] = "allow",
        [POLICY_LOG] = "log",
        [POLICY_ERRNO] = "errno",
        [POLICY_RETURN] = "return",
        [POLICY_KILL] = "kill",
        [POLICY_REDIRECT] = "redirect",
        [POLICY_SUBSTITUTE] = "substitute",
        [POLICY_EMULATE] = "emulate",
        [POLICY_DELAY] = "delay",
        [POLICY_ASK] = "ask",
};

const char *policy_action_name(enum policy_action action) {
        return (unsigned)action < POLICY_N_ACTIONS ? action_words[action] : "?";
}

bool policy_rule_covers(const struct policy_rule *rule, const char *call) {
        for (size_t i = 0; i < rule->n_calls; i++)
                if (!strcmp(rule->calls[i], call))
                        return true;
        return false;
}

static void free_texts(char **texts, size_t n) {
        for (size_t i = 0; i < n; i++)
                free(texts[i]);
        free(texts);
}

static void free_patterns(struct policy_pattern **patterns, size_t n) {
        for (size_t i = 0; i < n; i++)
                pattern_free(patterns[i]);
        free(patterns);
}

static void free_arg(struct policy_arg *arg) {
        for (size_t i = 0; i < arg->n_values; i++)
                free(arg->values[i].text);
        free(arg->values);
        free(arg->mask.text);
        free(arg->name);
}

static void free_where(struct policy_where *where) {
        for (size_t i = 0; i < where->n_args; i++)
                free_arg(&where->args[i]);
        free(where->args);
        free_patterns(where->paths, where->n_paths);
        for (size_t i = 0; i < where->n_addresses; i++)
                pattern_free(where->addresses[i].path);
        free(where->addresses);
        free_patterns(where->programs, where->n_programs);
        free(where->uids);
        free(where->gids);
        free_texts(where->labels, where->n_labels);
        free_patterns(where->label_values, where->n_labels);
}

static void free_rule(struct policy_rule *rule) {
        free(rule->name);
        free(rule->file);
        free(rule->place);
        free_texts(rule->calls, rule->n_calls);
        free_where(&rule->where);
        free(rule->text);
        free(rule->options);
        free(rule->message);
        free(rule->source);
}

bool policy_rules_equal(const struct policy_rule *a, const struct policy_rule *b) {
        return strcmp(a->source, b->source) == 0;
}

struct policy *policy_free(struct policy *policy) {
        if (!policy)
                return NULL;
        free(policy->file);
        free(policy->source);
        free(policy->base_path);
        profile_free(policy->base);
        for (size_t i = 0; i < policy->n_rules; i++)
                free_rule(&policy->rules[i]);
        free(policy->rules);
        for (size_t i = 0; i < policy->n_mounts; i++) {
                free(policy->mounts[i].from);
                free(policy->mounts[i].to);
        }
        free(policy->mounts);
        free_texts(policy->authority, policy->n_authority);
        policy_plans_free(policy->plans);
        free(policy);
        return NULL;
}
