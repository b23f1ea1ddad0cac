/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rule store. What must stay true: every string in a profile is the profile's own, lists hold no empty
 * slots, and a freed or taken rule is all zeros, so that freeing it again does nothing.
 */

#include "policy/model.h"

#include "base/error.h"
#include "policy/match.h"
#include "syscalls/names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef SECCOMP_RET_KILL_THREAD
#define SECCOMP_RET_KILL_THREAD SECCOMP_RET_KILL
#endif

static void strings_free(char **strings, size_t n) {
        for (size_t i = 0; i < n; i++)
                free(strings[i]);
        free(strings);
}

/* Grows by powers of two, so that no size has to be kept: full whenever n is zero or a power of two. */
static int strings_add(char ***strings, size_t *n, const char *text) {
        if (!(*n & (*n - 1))) {
                char **grown = reallocarray(*strings, *n ? *n * 2 : 1, sizeof(*grown));

                if (!grown)
                        return error_origin(-ENOMEM);
                *strings = grown;
        }
        (*strings)[*n] = strdup(text);
        if (!(*strings)[*n])
                return error_origin(-ENOMEM);
        (*n)++;
        return 0;
}

static int strings_copy(char *const *from, size_t n, char ***ret, size_t *ret_n) {
        for (size_t i = 0; i < n; i++) {
                int r = strings_add(ret, ret_n, from[i]);

                if (r)
                        return error_trace(r);
        }
        return 0;
}

static int string_copy(const char *from, char **ret) {
        if (!from)
                return 0;
        *ret = strdup(from);
        return *ret ? 0 : error_origin(-ENOMEM);
}

static void profile_arch_deinit(struct profile_arch *arch) {
        free(arch->name);
}

int profile_new(struct profile **ret) {
        struct profile *profile = calloc(1, sizeof(*profile));

        if (!profile)
                return error_origin(-ENOMEM);
        *ret = profile;
        return 0;
}

struct profile *profile_free(struct profile *profile) {
        if (!profile)
                return NULL;
        match_table_free(profile->match);
        for (size_t i = 0; i < profile->n_rules; i++)
                rule_deinit(&profile->rules[i]);
        free(profile->rules);
        for (size_t i = 0; i < profile->n_archs; i++)
                profile_arch_deinit(&profile->archs[i]);
        free(profile->archs);
        for (size_t i = 0; i < profile->n_arch_maps; i++) {
                struct profile_arch_map *map = &profile->arch_maps[i];

                profile_arch_deinit(&map->arch);
                for (size_t j = 0; j < map->n_subs; j++)
                        profile_arch_deinit(&map->subs[j]);
                free(map->subs);
        }
        free(profile->arch_maps);
        free(profile->listener_path);
        free(profile->listener_metadata);
        free(profile->inside);
        free(profile->container);
        free(profile->digest);
        free(profile->name);
        free(profile->base_name);
        free(profile->file);
        free(profile);
        return NULL;
}

static int profile_grow(struct profile *profile) {
        struct rule *grown;
        size_t size;

        if (profile->n_rules < profile->size_rules)
                return 0;
        size = profile->size_rules ? profile->size_rules * 2 : 8;
        grown = reallocarray(profile->rules, size, sizeof(*grown));
        if (!grown)
                return error_origin(-ENOMEM);
        profile->rules = grown;
        profile->size_rules = size;
        return 0;
}

int profile_add_rule(struct profile *profile, struct rule **ret) {
        int r = profile_grow(profile);

        if (r)
                return error_trace(r);
        *ret = &profile->rules[profile->n_rules++];
        **ret = (struct rule){ .action = SECCOMP_RET_ALLOW };
        return 0;
}

int profile_take_rule(struct profile *profile, struct rule *rule) {
        int r = profile_grow(profile);

        if (r)
                return error_trace(r);
        profile->rules[profile->n_rules++] = *rule;
        *rule = (struct rule){ 0 };
        return 0;
}

int profile_add_arch(struct profile *profile, const struct arch *arch) {
        struct profile_arch *grown;

        if (profile_has_arch(profile, arch))
                return 0;
        grown = reallocarray(profile->archs, profile->n_archs + 1, sizeof(*grown));
        if (!grown)
                return error_origin(-ENOMEM);
        profile->archs = grown;
        grown[profile->n_archs] = (struct profile_arch){ .name = strdup(arch->scmp), .arch = arch };
        if (!grown[profile->n_archs].name)
                return error_origin(-ENOMEM);
        profile->n_archs++;
        return 0;
}

bool profile_has_arch(const struct profile *profile, const struct arch *arch) {
        for (size_t i = 0; i < profile->n_archs; i++)
                if (profile->archs[i].arch && profile->archs[i].arch->audit == arch->audit)
                        return true;
        return false;
}

unsigned profile_arch_bits(const struct arch *arch) {
        return arch->audit == ARCH_X32 || strstr(arch->name, "n32") ? 32 : arch->bits;
}

static void rule_when_deinit(struct rule_when *when) {
        strings_free(when->caps, when->n_caps);
        strings_free(when->arches, when->n_arches);
}

static int rule_when_copy(const struct rule_when *from, struct rule_when *ret) {
        int r;

        r = strings_copy(from->caps, from->n_caps, &ret->caps, &ret->n_caps);
        if (!r)
                r = strings_copy(from->arches, from->n_arches, &ret->arches, &ret->n_arches);
        ret->kernel_set = from->kernel_set;
        ret->kernel_major = from->kernel_major;
        ret->kernel_minor = from->kernel_minor;
        return error_trace(r);
}

void rule_deinit(struct rule *rule) {
        strings_free(rule->names, rule->n_names);
        free(rule->conditions);
        rule_when_deinit(&rule->includes);
        rule_when_deinit(&rule->excludes);
        free(rule->comment);
        free(rule->place);
        *rule = (struct rule){ 0 };
}

int rule_copy(const struct rule *from, struct rule *ret) {
        struct rule copy = {
                .action = from->action,
                .errno_set = from->errno_set,
                .line = from->line,
                .legacy_name = from->legacy_name,
        };
        int r;

        r = strings_copy(from->names, from->n_names, &copy.names, &copy.n_names);
        for (size_t i = 0; !r && i < from->n_conditions; i++) {
                const struct condition *condition = &from->conditions[i];

                r = rule_add_condition(&copy, condition->index, (enum condition_op)condition->op,
                                       condition->value, condition->value_two);
        }
        if (!r)
                r = rule_when_copy(&from->includes, &copy.includes);
        if (!r)
                r = rule_when_copy(&from->excludes, &copy.excludes);
        if (!r)
                r = string_copy(from->comment, &copy.comment);
        if (!r)
                r = string_copy(from->place, &copy.place);
        if (r) {
                rule_deinit(&copy);
                return error_trace(r);
        }
        *ret = copy;
        return 0;
}

int rule_add_name(struct rule *rule, const char *name) {
        return error_trace(strings_add(&rule->names, &rule->n_names, name));
}

int rule_when_add_cap(struct rule_when *when, const char *cap) {
        return error_trace(strings_add(&when->caps, &when->n_caps, cap));
}

int rule_when_add_arch(struct rule_when *when, const char *arch) {
        return error_trace(strings_add(&when->arches, &when->n_arches, arch));
}

int rule_add_condition(struct rule *rule, unsigned index, enum condition_op op, uint64_t value,
                       uint64_t value_two) {
        struct condition *grown;

        if (index >= PROFILE_ARGS_MAX || (unsigned)op >= CONDITION_N_OPS)
                return error_origin(-EINVAL);
        if (!(rule->n_conditions & (rule->n_conditions - 1))) {
                grown = reallocarray(rule->conditions, rule->n_conditions ? rule->n_conditions * 2 : 1,
                                     sizeof(*grown));
                if (!grown)
                        return error_origin(-ENOMEM);
                rule->conditions = grown;
        }
        rule->conditions[rule->n_conditions++] = (struct condition){
                .index = (uint8_t)index,
                .op = (uint8_t)op,
                .value = value,
                .value_two = op == CONDITION_MASKED_EQ ? value_two : 0,
        };
        return 0;
}

void rule_forget_when(struct rule *rule) {
        rule_when_deinit(&rule->includes);
        rule_when_deinit(&rule->excludes);
        rule->includes = rule->excludes = (struct rule_when){ 0 };
        rule->legacy_name = false;
}

bool rule_has_name(const struct rule *rule, const char *name) {
        for (size_t i = 0; i < rule->n_names; i++)
                if (!strcmp(rule->names[i], name))
                        return true;
        return false;
}

static bool rule_when_asks(const struct rule_when *when) {
        return when->n_caps || when->n_arches || when->kernel_set;
}

bool rule_is_conditional(const struct rule *rule) {
        return rule_when_asks(&rule->includes) || rule_when_asks(&rule->excludes);
}

bool rule_is_split(const struct rule *rule) {
        unsigned seen = 0;

        for (size_t i = 0; i < rule->n_conditions; i++) {
                unsigned bit = 1u << rule->conditions[i].index;

                if (seen & bit)
                        return true;
                seen |= bit;
        }
        return false;
}

bool condition_holds(const struct condition *condition, const uint64_t args[6]) {
        uint64_t arg = args[condition->index];

        switch ((enum condition_op)condition->op) {
        case CONDITION_NE:
                return arg != condition->value;
        case CONDITION_LT:
                return arg < condition->value;
        case CONDITION_LE:
                return arg <= condition->value;
        case CONDITION_EQ:
                return arg == condition->value;
        case CONDITION_GE:
                return arg >= condition->value;
        case CONDITION_GT:
                return arg > condition->value;
        case CONDITION_MASKED_EQ:
                return (arg & condition->value) == (condition->value_two & condition->value);
        }
        return false;
}

static const struct {
        const char *name;
        uint32_t action;
} actions[] = {
        { "SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW },
        { "SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO },
        { "SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD },
        { "SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS },
        { "SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD },
        { "SCMP_ACT_LOG", SECCOMP_RET_LOG },
        { "SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF },
        { "SCMP_ACT_TRACE", SECCOMP_RET_TRACE },
        { "SCMP_ACT_TRAP", SECCOMP_RET_TRAP },
};

const char *const action_names[] = {
        "SCMP_ACT_ALLOW",        "SCMP_ACT_ERRNO",       "SCMP_ACT_KILL",
        "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG",
        "SCMP_ACT_NOTIFY",       "SCMP_ACT_TRACE",       "SCMP_ACT_TRAP",
};
const size_t action_names_n = sizeof(action_names) / sizeof(action_names[0]);

bool action_by_name(const char *name, uint32_t *ret) {
        for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
                if (!strcmp(actions[i].name, name)) {
                        *ret = actions[i].action;
                        return true;
                }
        return false;
}

const char *action_name(uint32_t action) {
        for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
                if (actions[i].action == (action & SECCOMP_RET_ACTION_FULL))
                        return actions[i].name;
        return "SCMP_ACT_KILL_PROCESS"; /* what the kernel makes of a value it does not know */
}

bool action_has_errno(uint32_t action) {
        action &= SECCOMP_RET_ACTION_FULL;
        return action == SECCOMP_RET_ERRNO || action == SECCOMP_RET_TRACE;
}

const char *const op_names[CONDITION_N_OPS] = {
        [CONDITION_NE] = "SCMP_CMP_NE",
        [CONDITION_LT] = "SCMP_CMP_LT",
        [CONDITION_LE] = "SCMP_CMP_LE",
        [CONDITION_EQ] = "SCMP_CMP_EQ",
        [CONDITION_GE] = "SCMP_CMP_GE",
        [CONDITION_GT] = "SCMP_CMP_GT",
        [CONDITION_MASKED_EQ] = "SCMP_CMP_MASKED_EQ",
};

bool op_by_name(const char *name, enum condition_op *ret) {
        for (size_t i = 0; i < CONDITION_N_OPS; i++)
                if (!strcmp(op_names[i], name)) {
                        *ret = (enum condition_op)i;
                        return true;
                }
        return false;
}

const char *op_name(enum condition_op op) {
        return (unsigned)op < CONDITION_N_OPS ? op_names[op] : "?";
}

const char *condition_text(const struct condition *condition, char *buf, size_t size) {
        static const char *const signs[CONDITION_N_OPS] = {
                [CONDITION_NE] = "!=", [CONDITION_LT] = "<",  [CONDITION_LE] = "<=",
                [CONDITION_EQ] = "==", [CONDITION_GE] = ">=", [CONDITION_GT] = ">",
        };
        const char *form = condition->value < 10 ? "arg%u %s %" PRIu64 : "arg%u %s 0x%" PRIx64;

        if (condition->op == CONDITION_MASKED_EQ)
                snprintf(buf, size, "arg%u & 0x%" PRIx64 " == 0x%" PRIx64, condition->index,
                         condition->value, condition->value_two);
        else if (condition->op < CONDITION_N_OPS)
                snprintf(buf, size, form, condition->index, signs[condition->op], condition->value);
        else
                snprintf(buf, size, "?");
        return buf;
}
