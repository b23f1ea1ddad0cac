/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Makes the profile of what a learner has seen.
 *
 * What must stay true: every call seen is allowed when runc loads the result through libseccomp, so no rule
 * asks twice about one argument (runc would make alternatives of the two conditions), and a name that is
 * allowed is in no refusing rule. A profile to start from never becomes stricter. The result depends on what
 * was seen, not on the order it was seen in.
 */

#include "policy/learn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "policy/learn_seen.h"
#include "syscalls/names.h"
#include "syscalls/table.h"

/* ---- conditions ---- */

void alternatives_deinit(struct alternatives *alternatives) {
        free(alternatives->conditions);
        *alternatives = (struct alternatives){ 0 };
}

static int compare_tuples(const void *a, const void *b) {
        const uint64_t *one = a, *other = b;

        for (size_t i = 0; i < EVENT_N_ARGS; i++)
                if (one[i] != other[i])
                        return one[i] < other[i] ? -1 : 1;
        return 0;
}

/* The tuples under the masks that hold on all architectures; sorted, each once. Returns how many. */
static size_t tuples_join(const struct seen *seen, uint64_t (*ret)[EVENT_N_ARGS]) {
        size_t n = 0;

        for (size_t i = 0; i < seen->n_values; i++)
                for (size_t k = 0; k < EVENT_N_ARGS; k++)
                        ret[i][k] = seen->values[i][k] & seen->mask[k];
        qsort(ret, seen->n_values, sizeof(*ret), compare_tuples);
        for (size_t i = 0; i < seen->n_values; i++)
                if (n == 0 || compare_tuples(ret[n - 1], ret[i]) != 0)
                        memmove(ret[n++], ret[i], sizeof(*ret));
        return n;
}

static struct condition condition_of(unsigned index, uint64_t mask, uint64_t value) {
        /* What the kernel ignores of the register must not decide: programs leave anything there. */
        if (mask == UINT64_MAX)
                return (struct condition){ .index = (uint8_t)index, .op = CONDITION_EQ, .value = value };
        return (struct condition){
                .index = (uint8_t)index, .op = CONDITION_MASKED_EQ, .value = mask, .value_two = value
        };
}

/* clone: always asked for the namespaces it may create, as docker's default profile does, for its other
 * flags were not recorded. */
static int clone_alternatives(const struct seen *seen, unsigned index, struct alternatives *ret) {
        uint64_t mask = LEARN_CLONE_NAMESPACES;

        if (seen && (seen->blurred || seen->learn[index] != LEARN_BITS))
                return 0;
        if (seen)
                mask &= ~seen->bits[index];
        if (mask == 0)
                return 0;
        ret->conditions = calloc(1, sizeof(*ret->conditions));
        if (!ret->conditions)
                return error_origin(-ENOMEM);
        ret->n_alternatives = ret->n_conditions = 1;
        ret->conditions[0] = condition_of(index, mask, 0);
        return 0;
}

static const struct arch *first_arch(uint32_t archs) {
        return archs ? arch_table + __builtin_ctz(archs) : arch_native();
}

int learn_alternatives(const struct learn *learn, const struct seen *seen, struct alternatives *ret) {
        uint64_t(*tuples)[EVENT_N_ARGS] = NULL;
        struct condition *condition;
        size_t n_tuples = 0;

        *ret = (struct alternatives){ 0 };
        for (size_t i = 0; i < learn_assumed_n; i++)
                if (learn_assumed[i].conditional && strcmp(learn_assumed[i].name, seen->name) == 0)
                        return error_trace(clone_alternatives(
                                seen, learn_assumed_index(learn_assumed + i, first_arch(seen->archs)), ret));
        if (!learn->options.args || seen->blurred)
                return 0;
        if (seen->n_values > 0 && !seen->too_many) {
                tuples = calloc(seen->n_values, sizeof(*tuples));
                if (!tuples)
                        return error_origin(-ENOMEM);
                n_tuples = tuples_join(seen, tuples);
        }
        ret->conditions = calloc((n_tuples + 1) * EVENT_N_ARGS, sizeof(*ret->conditions));
        if (!ret->conditions) {
                free(tuples);
                return error_origin(-ENOMEM);
        }
        ret->n_alternatives = n_tuples > 0 ? n_tuples : 1;
        condition = ret->conditions;
        for (size_t i = 0; i < ret->n_alternatives; i++)
                for (unsigned k = 0; k < EVENT_N_ARGS; k++) {
                        uint64_t never = seen->mask[k] & ~seen->bits[k];

                        if (seen->learn[k] == LEARN_BITS && never)
                                *condition++ = condition_of(k, never, 0);
                        else if (seen->learn[k] == LEARN_VALUES && n_tuples > 0)
                                *condition++ = condition_of(k, seen->mask[k], tuples[i][k]);
                }
        ret->n_conditions = (size_t)(condition - ret->conditions) / ret->n_alternatives;
        free(tuples);
        if (ret->n_conditions == 0)
                alternatives_deinit(ret);
        return 0;
}

/* ---- a profile under work ---- */

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

/* Allows name under the alternatives, or always if there are none. */
static int allow(struct making *making, const char *name, const struct alternatives *alternatives) {
        struct profile *profile = making->profile;
        bool plainly = alternatives->n_alternatives == 0;
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
        for (size_t i = 0; !r && i < alternatives->n_alternatives; i++)
                r = conditional_add(profile, name, alternatives->conditions + i * alternatives->n_conditions,
                                    alternatives->n_conditions);
        return error_trace(r);
}

/* ---- the profile to start from ---- */

static int arch_copy(const struct profile_arch *from, struct profile_arch *ret) {
        ret->arch = from->arch;
        ret->name = strdup(from->name);
        return ret->name ? 0 : error_origin(-ENOMEM);
}

static int archs_copy(const struct profile_arch *from, size_t n, struct profile_arch **ret, size_t *ret_n) {
        if (n == 0)
                return 0;
        *ret = calloc(n, sizeof(**ret));
        if (!*ret)
                return error_origin(-ENOMEM);
        for (size_t i = 0; i < n; i++) {
                int r = arch_copy(from + i, *ret + i);

                if (r)
                        return error_trace(r);
                (*ret_n)++;
        }
        return 0;
}

static int text_copy(const char *from, char **ret) {
        if (!from)
                return 0;
        *ret = strdup(from);
        return *ret ? 0 : error_origin(-ENOMEM);
}

static int start_from(const struct profile *from, struct profile *ret) {
        int r;

        ret->dialect = from->dialect;
        ret->default_set = true;
        ret->default_action = from->default_action;
        ret->default_errno_set = from->default_errno_set;
        ret->flags = from->flags;
        ret->flags_set = from->flags_set;
        r = text_copy(from->listener_path, &ret->listener_path);
        if (!r)
                r = text_copy(from->listener_metadata, &ret->listener_metadata);
        if (!r)
                r = archs_copy(from->archs, from->n_archs, &ret->archs, &ret->n_archs);
        if (!r && from->n_arch_maps > 0) {
                ret->arch_maps = calloc(from->n_arch_maps, sizeof(*ret->arch_maps));
                if (!ret->arch_maps)
                        r = error_origin(-ENOMEM);
        }
        for (size_t i = 0; !r && i < from->n_arch_maps; i++) {
                struct profile_arch_map *map = ret->arch_maps + ret->n_arch_maps++;

                r = arch_copy(&from->arch_maps[i].arch, &map->arch);
                if (!r)
                        r = archs_copy(from->arch_maps[i].subs, from->arch_maps[i].n_subs, &map->subs,
                                       &map->n_subs);
        }
        for (size_t i = 0; !r && i < from->n_rules; i++) {
                struct rule *rule;

                r = profile_add_rule(ret, &rule);
                if (r)
                        break;
                r = rule_copy(from->rules + i, rule);
                free(rule->place); /* of another file */
                rule->place = NULL;
                rule->line = 0;
        }
        return error_trace(r);
}

/* What another profile allows, on top. Its conditional rules are kept as alternatives. */
static int merge_rules(struct making *making, const struct profile *from) {
        int r = 0;

        for (size_t i = 0; !r && i < from->n_rules; i++) {
                const struct rule *rule = from->rules + i;
                struct alternatives alternatives = { .conditions = rule->conditions,
                                                     .n_alternatives = rule->n_conditions > 0,
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
                        r = allow(making, rule->names[k], &alternatives);
        }
        return error_trace(r);
}

/* ---- architectures ---- */

static bool covers(const struct profile *profile, const struct arch *arch) {
        if (profile_has_arch(profile, arch))
                return true;
        for (size_t i = 0; i < profile->n_arch_maps; i++) {
                const struct profile_arch_map *map = profile->arch_maps + i;

                if (map->arch.arch == arch)
                        return true;
                for (size_t k = 0; k < map->n_subs; k++)
                        if (map->subs[k].arch == arch)
                                return true;
        }
        return false;
}

/* A runtime takes the one row of its own architecture, with the sub-architectures in it. */
static int add_mapped(struct profile *profile, const struct arch *arch) {
        struct profile_arch_map *map = NULL, *maps;
        struct profile_arch *grown;

        for (size_t i = 0; i < profile->n_arch_maps; i++)
                if (profile->arch_maps[i].arch.arch == arch_native())
                        map = profile->arch_maps + i;
        if (!map) {
                maps = reallocarray(profile->arch_maps, profile->n_arch_maps + 1, sizeof(*maps));
                if (!maps)
                        return error_origin(-ENOMEM);
                profile->arch_maps = maps;
                map = maps + profile->n_arch_maps;
                *map = (struct profile_arch_map){ .arch = { .name = strdup(arch->scmp), .arch = arch } };
                if (!map->arch.name)
                        return error_origin(-ENOMEM);
                profile->n_arch_maps++;
                return 0;
        }
        grown = reallocarray(map->subs, map->n_subs + 1, sizeof(*grown));
        if (!grown)
                return error_origin(-ENOMEM);
        map->subs = grown;
        grown[map->n_subs] = (struct profile_arch){ .name = strdup(arch->scmp), .arch = arch };
        if (!grown[map->n_subs].name)
                return error_origin(-ENOMEM);
        map->n_subs++;
        return 0;
}

static int add_arch(struct profile *profile, const struct arch *arch) {
        if (covers(profile, arch))
                return 0;
        /* docker refuses a profile with both a list and a map. */
        if (profile->n_arch_maps > 0)
                return error_trace(add_mapped(profile, arch));
        return error_trace(profile_add_arch(profile, arch));
}

static int add_archs(const struct learn *learn, struct profile *profile, bool fresh) {
        uint32_t archs = learn->archs;
        int r = 0;

        if (archs == 0 && (fresh || learn->options.runtime))
                archs = 1u << (arch_native() - arch_table);
        /* A profile without a list means the native architecture; with a list it must be named. */
        if (!fresh && profile->n_archs == 0 && profile->n_arch_maps == 0)
                r = profile_add_arch(profile, arch_native());
        /* Those with siblings are the ones a person expects first. */
        for (int with_siblings = 1; with_siblings >= 0; with_siblings--)
                for (size_t i = 0; !r && i < arch_table_n; i++) {
                        const struct arch *siblings[4];
                        size_t n = arch_siblings(arch_table + i, siblings);

                        if (!(archs & (1u << i)) || (n > 0) != with_siblings)
                                continue;
                        r = add_arch(profile, arch_table + i);
                        for (size_t k = 0; fresh && !r && k < n; k++)
                                r = add_arch(profile, siblings[k]);
                }
        return error_trace(r);
}

/* Has any architecture of the profile a call of this name? */
static bool exists(const struct profile *profile, const char *name) {
        for (size_t i = 0; i < profile->n_archs; i++)
                if (profile->archs[i].arch && syscall_number(profile->archs[i].arch, name) >= 0)
                        return true;
        for (size_t i = 0; i < profile->n_arch_maps; i++) {
                const struct profile_arch_map *map = profile->arch_maps + i;

                if (map->arch.arch && syscall_number(map->arch.arch, name) >= 0)
                        return true;
                for (size_t k = 0; k < map->n_subs; k++)
                        if (map->subs[k].arch && syscall_number(map->subs[k].arch, name) >= 0)
                                return true;
        }
        return false;
}

/* ---- all together ---- */

static int allow_assumed(const struct learn *learn, struct making *making) {
        int r = 0;

        for (size_t i = 0; !r && i < learn_assumed_n; i++) {
                const struct learn_assumed *row = learn_assumed + i;
                struct alternatives alternatives = { 0 };

                if (!exists(making->profile, row->name))
                        continue;
                if (row->conditional)
                        r = clone_alternatives(learn_seen(learn, row->name),
                                               learn_assumed_index(row, first_arch(learn->archs)),
                                               &alternatives);
                if (!r)
                        r = allow(making, row->name, &alternatives);
                alternatives_deinit(&alternatives);
        }
        return error_trace(r);
}

static int allow_seen(const struct learn *learn, struct making *making) {
        int r = 0;

        for (size_t i = 0; !r && i < learn->n_names; i++) {
                struct alternatives alternatives;

                r = learn_alternatives(learn, learn->names[i], &alternatives);
                if (!r)
                        r = allow(making, learn->names[i]->name, &alternatives);
                alternatives_deinit(&alternatives);
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
                    exists(making->profile, call->name))
                        r = allow(making, call->name, &(struct alternatives){ 0 });
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
                if ((has_32 || !learn_probes[i].time64) && exists(profile, learn_probes[i].name) &&
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
                r = start_from(base, profile);
        } else {
                /* First in the file: the list that people read. */
                struct rule *rule;

                r = profile_add_rule(profile, &rule);
        }
        if (!r)
                r = add_archs(learn, profile, !base);
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
                if (!(learn->options.base && learn->options.merge))
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
