/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds but is perhaps not meant: rules that never match, calls that do nearly the same as those of a
 * rule and are not in it, files that are not there.
 *
 * A rule about `open` that leaves openat2 alone refuses nothing to who looks for a way; a redirected path
 * that stat still shows as it was confuses programs. So siblings are named, unless another rule on the same
 * paths has them.
 */

#include "policy/native/check.h"

#include "base/error.h"
#include "policy/native/calls.h"
#include "policy/native/compile.h"
#include "policy/native/facts.h"
#include "policy/native/pattern.h"
#include "syscalls/names.h"
#include "syscalls/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define warn(check, id, field, ...) policy_check_say(check, DIAG_WARNING, id, field, __VA_ARGS__)
#define note(check, id, field, ...) policy_check_say(check, DIAG_INFO, id, field, __VA_ARGS__)
#define NAMES_MAX                   64

struct names {
        const char *items[NAMES_MAX];
        size_t n;
        char text[512];
};

static void add(struct names *names, const char *name) {
        for (size_t i = 0; i < names->n; i++)
                if (!strcmp(names->items[i], name))
                        return;
        if (names->n < NAMES_MAX)
                names->items[names->n++] = name;
}

static const char *listed(struct names *names) {
        return policy_check_list(names->items, names->n, names->text, sizeof(names->text));
}

/* ---- rules on the same paths ---- */

/* The patterns of a rule, sorted by their texts. */
struct paths {
        const struct policy_pattern **items; /* owned */
        size_t n, rule;
};

static int compare_patterns(const void *left, const void *right) {
        const struct policy_pattern *const *a = left, *const *b = right;

        return strcmp(pattern_text(*a), pattern_text(*b));
}

static int compare_paths(const void *left, const void *right) {
        const struct paths *a = left, *b = right;
        int r = 0;

        if (a->n != b->n)
                return a->n < b->n ? -1 : 1;
        for (size_t i = 0; i < a->n && !r; i++)
                r = compare_patterns(&a->items[i], &b->items[i]);
        return r;
}

static int sort_paths(const struct policy *policy, struct paths *all) {
        for (size_t i = 0; i < policy->n_rules; i++) {
                const struct policy_where *where = &policy->rules[i].where;

                all[i] = (struct paths){ calloc(where->n_paths ? where->n_paths : 1, sizeof(*all->items)),
                                         where->n_paths, i };
                if (!all[i].items)
                        return error_origin(-ENOMEM);
                for (size_t k = 0; k < where->n_paths; k++)
                        all[i].items[k] = where->paths[k];
                qsort(all[i].items, all[i].n, sizeof(*all[i].items), compare_patterns);
        }
        qsort(all, policy->n_rules, sizeof(*all), compare_paths);
        return 0;
}

/* For each rule a number that rules with the same patterns share, in whatever order: rules are compared with
 * each other for each call, and texts may be long. */
static int number_paths(const struct policy *policy, size_t **ret) {
        struct paths *all = calloc(policy->n_rules ? policy->n_rules : 1, sizeof(*all));
        size_t *numbers = calloc(policy->n_rules ? policy->n_rules : 1, sizeof(*numbers));
        int r = all && numbers ? sort_paths(policy, all) : error_origin(-ENOMEM);

        for (size_t i = 1, number = 0; !r && i < policy->n_rules; i++) {
                number += compare_paths(&all[i - 1], &all[i]) != 0;
                numbers[all[i].rule] = number;
        }
        for (size_t i = 0; all && i < policy->n_rules; i++)
                free(all[i].items);
        free(all);
        if (r) {
                free(numbers);
                return error_trace(r);
        }
        *ret = numbers;
        return 0;
}

/* ---- reach ---- */

/* Nothing but the path decides whether the rule holds, and then it is the last word. */
static bool by_path_alone(const struct policy_rule *rule) {
        const struct policy_where *where = &rule->where;

        return rule->action != POLICY_DELAY && where->n_paths && !where->n_args && !where->n_addresses &&
               !where->n_programs && !where->n_uids && !where->n_gids && !where->caps_set &&
               !where->n_labels && !where->architectures_set && !where->above_set;
}

static bool is_performed(const char *name) {
        const struct policy_call *call = policy_call_by_name(name);

        return call && call->flags & POLICY_CALL_PERFORMED;
}

/* By a rule above on the same paths: registers do not tell that. */
static bool path_is_decided(const struct policy_check *check, const struct policy_rule *rule,
                            const char *call) {
        for (size_t i = 0; rule->where.n_paths && i < check->rule; i++) {
                const struct policy_rule *above = &check->policy->rules[i];

                if (check->paths[i] != check->paths[check->rule])
                        continue;
                /* Of a call that nobody can carry out LOG decides nothing. */
                if (above->action == POLICY_LOG && !above->advisory && !is_performed(call))
                        continue;
                if (by_path_alone(above) && policy_rule_covers(above, call))
                        return true;
        }
        return false;
}

static void check_reach(struct policy_check *check, const struct policy_rule *rule) {
        const struct arch *archs[5] = { arch_native() };
        size_t n = 1 + arch_siblings(archs[0], archs + 1);
        struct names never = { .n = 0 }, unreached = { .n = 0 };
        bool reached = false;
        const char *reason;

        for (size_t i = 0; i < rule->n_calls; i++) {
                bool can = false, blocked = false, known = false;

                for (size_t k = 0; k < n; k++) {
                        enum policy_layer layer;

                        if (syscall_number(archs[k], rule->calls[i]) < 0)
                                continue;
                        known = true;
                        layer = policy_layer(check->policy, check->rule, archs[k], rule->calls[i], &reason);
                        can |= layer == POLICY_IN_KERNEL || layer == POLICY_NOTIFIED;
                        blocked |= layer == POLICY_UNREACHED;
                }
                if (can && path_is_decided(check, rule, rule->calls[i])) {
                        can = false;
                        blocked = true;
                }
                reached |= can;
                if (can || !known)
                        continue;
                add(blocked ? &unreached : &never, rule->calls[i]);
        }
        /* A rule for a family below one for some of its calls is how exceptions are written. */
        if (unreached.n && !reached)
                warn(check, "policy-unreachable", "",
                     "never reached: the rules above decide %s already; move the rule up, or narrow theirs",
                     listed(&unreached));
        if (never.n)
                warn(check, "policy-never", "where",
                     "never holds for %s: %s no such argument, constant or caller on this machine; give %s "
                     "a "
                     "rule of %s own, or leave %s out",
                     listed(&never), never.n == 1 ? "it has" : "they have", never.n == 1 ? "it" : "them",
                     never.n == 1 ? "its" : "their", never.n == 1 ? "it" : "them");
}

/* ---- siblings ---- */

/* Does another rule speak of this call on the same paths, or on all? */
static bool spoken_of(const struct policy_check *check, const char *call) {
        for (size_t i = 0; i < check->policy->n_rules; i++) {
                const struct policy_rule *other = &check->policy->rules[i];

                if (((!other->where.n_paths && !other->where.n_addresses) ||
                     check->paths[i] == check->paths[check->rule]) &&
                    policy_rule_covers(other, call))
                        return true;
        }
        return false;
}

static bool exists_here(const char *call) {
        const struct arch *archs[5] = { arch_native() };
        size_t n = 1 + arch_siblings(archs[0], archs + 1);

        for (size_t i = 0; i < n; i++)
                if (syscall_number(archs[i], call) >= 0)
                        return true;
        return false;
}

static void first_word(const char *text, char *buf, size_t size) {
        snprintf(buf, size, "%.*s", (int)strcspn(text, " "), text);
}

/* Calls of the narrowest families of the rule's calls that no rule speaks of. */
static void missing_of_families(const struct policy_check *check, const struct policy_rule *rule,
                                struct names *families, struct names *missing) {
        char family[32];

        for (size_t i = 0; i < rule->n_calls; i++) {
                const struct policy_call *call = policy_call_by_name(rule->calls[i]);

                if (!call)
                        continue;
                first_word(call->families, family, sizeof(family));
                for (size_t k = 0; k < policy_families_n; k++)
                        if (!strcmp(policy_families[k].name, family))
                                add(families, policy_families[k].name);
        }
        for (size_t i = 0; i < policy_calls_n; i++) {
                first_word(policy_calls[i].families, family, sizeof(family));
                for (size_t k = 0; k < families->n; k++)
                        if (!strcmp(families->items[k], family) && exists_here(policy_calls[i].name) &&
                            !spoken_of(check, policy_calls[i].name))
                                add(missing, policy_calls[i].name);
        }
}

static const struct policy_family *family_by_name(const char *name, size_t n) {
        for (size_t i = 0; i < policy_families_n; i++)
                if (!strncmp(policy_families[i].name, name, n) && !policy_families[i].name[n])
                        return &policy_families[i];
        return NULL;
}

/* No rule could decide on a path of the others; "binds" and "overlays" are for them. */
static bool family_can_be_decided(const char *family) {
        for (size_t i = 0; i < policy_calls_n; i++)
                if (policy_call_in_family(&policy_calls[i], family) &&
                    policy_calls[i].flags & POLICY_CALL_PERFORMED)
                        return true;
        return false;
}

static bool family_is_spoken_of(const struct policy_check *check, const char *family) {
        for (size_t i = 0; i < policy_calls_n; i++)
                if (policy_call_in_family(&policy_calls[i], family) && exists_here(policy_calls[i].name) &&
                    spoken_of(check, policy_calls[i].name))
                        return true;
        return false;
}

static void missing_families(const struct policy_check *check, const struct names *families,
                             struct names *missing) {
        for (size_t i = 0; i < families->n; i++) {
                const struct policy_family *family =
                        family_by_name(families->items[i], strlen(families->items[i]));
                const char *at = family && family->siblings ? family->siblings : "";

                for (size_t n; *at; at += n + (at[n] == ' ')) {
                        const struct policy_family *sibling;

                        n = strcspn(at, " ");
                        sibling = family_by_name(at, n);
                        if (sibling && family_can_be_decided(sibling->name) &&
                            !family_is_spoken_of(check, sibling->name))
                                add(missing, sibling->name);
                }
        }
}

static bool changes_something(enum policy_action action) {
        return action == POLICY_ERRNO || action == POLICY_KILL || action == POLICY_REDIRECT ||
               action == POLICY_SUBSTITUTE;
}

static void check_siblings(struct policy_check *check, const struct policy_rule *rule) {
        struct names families = { .n = 0 }, missing = { .n = 0 }, others = { .n = 0 };
        bool net;

        if (!changes_something(rule->action) || !rule->n_calls)
                return;
        missing_of_families(check, rule, &families, &missing);
        if (missing.n)
                warn(check, "policy-siblings", "syscalls",
                     "%s %s nearly the same and no rule speaks of %s; write \"family: %s\" instead of "
                     "single "
                     "calls",
                     listed(&missing), missing.n == 1 ? "does" : "do", missing.n == 1 ? "it" : "them",
                     families.n == 1 ? families.items[0] : "files");
        if (!rule->where.n_paths && !rule->where.n_addresses)
                return;
        missing_families(check, &families, &others);
        net = rule->where.n_addresses;
        /* Who names several families has thought about the others; what is faked need not be everywhere. */
        if (others.n && (families.n > 1 || !(rule->action == POLICY_ERRNO || rule->action == POLICY_KILL)))
                note(check, "policy-siblings-left", "family",
                     "the calls of %s are left as they are: no rule with %s speaks of them", listed(&others),
                     net ? "this address" : "this path");
        else if (others.n)
                warn(check, "policy-siblings", "family",
                     "what the rule is about can still be reached by the calls of %s, which no rule with %s "
                     "speaks of; \"family: %s\" has them all",
                     listed(&others), net ? "this address" : "this path", net ? "net" : "files");
}

/* ---- the rest ---- */

static void check_files(struct policy_check *check, const struct policy_rule *rule) {
        if (rule->action == POLICY_SUBSTITUTE && rule->content != POLICY_TEXT && access(rule->text, R_OK))
                warn(check, "policy-file", "do.substitute", "%s cannot be read: %s", rule->text,
                     strerror(errno));
}

static void check_advisory(struct policy_check *check, const struct policy_rule *rule) {
        bool needed = false;

        for (size_t i = 0; i < rule->n_calls; i++)
                needed |= !is_performed(rule->calls[i]);
        if (!rule->advisory)
                return;
        if (!needed || (!rule->where.n_paths && !rule->where.n_addresses && !rule->where.n_args))
                note(check, "policy-advisory-needless", "advisory",
                     "the rule is enforced anyway; leave \"advisory\" out");
        else
                warn(check, "policy-advisory", "advisory",
                     "a program that wants to can get past this rule; it is no protection");
}

/* Where something lies says nothing of what it is; only NULL means something. */
static void check_pointers(struct policy_check *check, const struct policy_rule *rule) {
        const struct syscall_row *row = rule->n_calls ? syscall_row(rule->calls[0]) : NULL;

        for (size_t i = 0; row && i < rule->where.n_args; i++) {
                const struct policy_arg *arg = &rule->where.args[i];

                for (size_t k = 0; k < row->n_args; k++)
                        if (!strcmp(row->args[k].name, arg->name) && arg_is_pointer(row->args[k].kind) &&
                            (arg->n_values != 1 || arg->values[0].number || arg->values[0].text))
                                warn(check, "policy-pointer", "where.args",
                                     "\"%s\" of %s is an address in the program's memory, which says "
                                     "nothing "
                                     "of what is there; only 0 can be meant",
                                     arg->name, rule->calls[0]);
        }
}

/* What is shown to the person may be something else by the time the kernel reads it. */
static void check_ask(struct policy_check *check, const struct policy_rule *rule) {
        struct names calls = { .n = 0 };

        if (rule->action != POLICY_ASK || rule->advisory)
                return;
        for (size_t i = 0; i < rule->n_calls; i++) {
                const struct policy_call *call = policy_call_by_name(rule->calls[i]);

                if (call && !(call->flags & POLICY_CALL_PERFORMED))
                        add(&calls, call->name);
        }
        if (calls.n)
                warn(check, "policy-ask", "do",
                     "the path that %s %s shown with can be another one by the time the kernel looks; what "
                     "is "
                     "allowed is the call, not the path",
                     listed(&calls), calls.n == 1 ? "is" : "are");
}

static void check_mounts(struct policy_check *check) {
        const struct policy *policy = check->policy;

        for (size_t i = 0; i < policy->n_mounts; i++)
                if (policy->mounts[i].kind == POLICY_BIND && access(policy->mounts[i].from, F_OK))
                        warn(check, "policy-file", "binds", "%s: %s", policy->mounts[i].from,
                             strerror(errno));
}

static void check_authority(struct policy_check *check) {
        const struct policy *policy = check->policy;

        for (size_t i = 0; i < policy->n_authority; i++) {
                bool used = false;

                for (size_t k = 0; k < policy->n_rules; k++) {
                        const struct policy_emulation *emulation = policy->rules[k].emulation;

                        used |= emulation && emulation->authority &&
                                !strcmp(emulation->authority, policy->authority[i]);
                }
                if (!used)
                        note(check, "policy-authority", "authority",
                             "no rule needs the authority \"%s\"; leave it out", policy->authority[i]);
        }
}

struct to_diags {
        const struct policy *policy;
        struct diags *diags;
};

static int say(void *data, enum diag_severity severity, const char *id, size_t rule, const char *field,
               const char *text) {
        const struct to_diags *to = data;
        const char *file = to->diags->file;
        char place[256];
        int r;

        if (rule == POLICY_NO_RULE) {
                to->diags->file = to->policy->file;
                r = diag_add(to->diags, severity, id, *field ? field : NULL, "%s", text);
        } else {
                const struct policy_rule *of = &to->policy->rules[rule];

                to->diags->file = of->file;
                snprintf(place, sizeof(place), "%s%s%s", of->place, *field ? "." : "", field);
                r = diag_add_at(to->diags, severity, id, of->line, of->column, place, "%s", text);
        }
        to->diags->file = file;
        return error_trace(r);
}

/* Each call of each rule is compared with all rules: that ends somewhere. */
#define CALLS_MAX 20000
#define RULES_MAX 1000

static bool is_large(const struct policy *policy) {
        size_t n = 0;

        for (size_t i = 0; i < policy->n_rules; i++)
                n += policy->rules[i].n_calls;
        return n > CALLS_MAX || policy->n_rules > RULES_MAX;
}

int policy_check_doubts(const struct policy *policy, struct diags *diags) {
        struct to_diags to = { policy, diags };
        struct policy_check check = { .policy = policy, .say = say, .data = &to, .rule = POLICY_NO_RULE };
        size_t *numbers = NULL;

        check_mounts(&check);
        check_authority(&check);
        if (is_large(policy)) {
                policy_check_say(&check, DIAG_INFO, "policy-large", "",
                                 "more than %d rules, or %d calls in all of them: whether each can be "
                                 "reached was not "
                                 "looked at; \"family\" and patterns make fewer of them",
                                 RULES_MAX, CALLS_MAX);
                return error_trace(check.r);
        }
        check.r = number_paths(policy, &numbers);
        check.paths = numbers;
        for (check.rule = 0; check.rule < policy->n_rules && !check.r; check.rule++) {
                const struct policy_rule *rule = &policy->rules[check.rule];

                check_reach(&check, rule);
                check_siblings(&check, rule);
                check_files(&check, rule);
                check_advisory(&check, rule);
                check_ask(&check, rule);
                check_pointers(&check, rule);
        }
        free(numbers);
        return error_trace(check.r);
}
