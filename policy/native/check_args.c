/* SPDX-License-Identifier: Apache-2.0 */

/* Conditions on arguments: do the calls have them, and is there such a constant? */

#include "policy/native/check.h"

#include "base/error.h"
#include "policy/native/facts.h"
#include "syscalls/names.h"
#include "syscalls/table.h"

#include <stdio.h>
#include <string.h>

#define refuse(check, field, ...) policy_check_say(check, DIAG_ERROR, NULL, field, __VA_ARGS__)
#define NAMES_MAX                 32

static bool is_register(const char *name) {
        return !strncmp(name, "arg", 3) && name[3] >= '0' && name[3] <= '5' && !name[4];
}

/* The arguments of a call by name: registers of all its variants are close enough, then those in memory. */
static size_t names_of(const char *call, const char *names[NAMES_MAX]) {
        const struct syscall_row *row = syscall_row(call);
        const char *name;
        size_t n = 0;

        for (size_t i = 0; row && i < row->n_args; i++) {
                const struct syscall_arg *arg = &row->args[i];

                names[n++] = arg->name;
                if (arg->kind == ARG_CASE)
                        for (const struct syscall_case *item = arg->cases; item->when && n < NAMES_MAX - 8;
                             item++)
                                if (item->arg.name)
                                        names[n++] = item->arg.name;
        }
        for (size_t i = 0; n < NAMES_MAX && (name = policy_memory_arg_name(call, i)); i++)
                names[n++] = name;
        return n;
}

static bool has_arg(const char *call, const char *name) {
        const char *names[NAMES_MAX];
        size_t n = names_of(call, names);

        for (size_t i = 0; i < n; i++)
                if (!strcmp(names[i], name))
                        return true;
        return is_register(name);
}

/* "fd, buf and count". */
static const char *args_listed(const char *call, char *buf, size_t size) {
        const char *names[NAMES_MAX], *kept[NAMES_MAX];
        size_t n = names_of(call, names), n_kept = 0;

        for (size_t i = 0; i < n; i++) {
                bool twice = false;

                for (size_t k = 0; k < n_kept; k++)
                        twice |= !strcmp(kept[k], names[i]);
                if (!twice)
                        kept[n_kept++] = names[i];
        }
        return policy_check_list(kept, n_kept, buf, size);
}

/* A rule for several calls may ask for an argument that only some of them have: it never matches the others.
 */
static bool check_name(struct policy_check *check, const struct policy_rule *rule,
                       const struct policy_arg *arg, const char *field) {
        const char *names[NAMES_MAX], *nearest;
        char list[512], hint[96] = "";
        size_t n;

        for (size_t i = 0; i < rule->n_calls; i++)
                if (has_arg(rule->calls[i], arg->name))
                        return true;
        if (!rule->n_calls)
                return false;
        n = names_of(rule->calls[0], names);
        nearest = diag_nearest(arg->name, names, n);
        if (nearest)
                snprintf(hint, sizeof(hint), "; did you mean %s?", nearest);
        if (n)
                refuse(check, field, "%s has no argument \"%.40s\"%s It has %s, and arg0 … arg5",
                       rule->calls[0], arg->name, *hint ? hint : ".",
                       args_listed(rule->calls[0], list, sizeof(list)));
        else
                refuse(check, field,
                       "the arguments of %s have no names that callgate knows; write arg0 … arg5",
                       rule->calls[0]);
        return false;
}

/* The sets of constants that the argument of a call may have; NULL: any constant will do. */
static size_t sets_of(const char *call, const char *name, const struct constant_set *sets[NAMES_MAX]) {
        const struct syscall_row *row = syscall_row(call);
        size_t n = 0;

        for (size_t i = 0; row && i < row->n_args; i++) {
                const struct syscall_arg *arg = &row->args[i];
                bool is = is_register(name) ? (size_t)(name[3] - '0') == i : !strcmp(arg->name, name);

                for (const struct syscall_case *item = arg->cases;
                     arg->kind == ARG_CASE && item->when && n < NAMES_MAX - 1; item++)
                        if (is || (item->arg.name && !strcmp(item->arg.name, name)))
                                sets[n++] = item->arg.set;
                if (is && arg->kind != ARG_CASE)
                        sets[n++] = arg->set;
        }
        if (!n && has_arg(call, name))
                sets[n++] = NULL;
        return n;
}

static bool set_has(const struct constant_set *set, const char *word) {
        uint64_t value;

        for (size_t i = 0; i < arch_table_n; i++)
                if (!constant_value_on(set ? set->name : NULL, word, arch_table[i].audit, &value))
                        return true;
        return set && set->enum_mask && (!strcmp(word, "O_ACCMODE") || !strcmp(word, "S_IFMT"));
}

/* AT_FDCWD stands for a descriptor, which is no set of constants. */
static bool is_known(const struct policy_rule *rule, const char *name, const char *word) {
        const struct constant_set *sets[NAMES_MAX];

        if (*word == '-' || (*word >= '0' && *word <= '9') || !strcmp(word, "AT_FDCWD"))
                return true;
        for (size_t i = 0; i < rule->n_calls; i++) {
                size_t n = sets_of(rule->calls[i], name, sets);

                for (size_t k = 0; k < n; k++)
                        if (set_has(sets[k], word))
                                return true;
        }
        return false;
}

static const char *nearest_constant(const struct policy_rule *rule, const char *name, const char *word) {
        const struct constant_set *sets[NAMES_MAX];
        const char *names[256];
        size_t n = 0, n_sets = 0;

        for (size_t i = 0; i < rule->n_calls && !n_sets; i++)
                n_sets = sets_of(rule->calls[i], name, sets);
        for (size_t k = 0; k < n_sets; k++)
                for (size_t i = 0; sets[k] && i < sets[k]->n && n < 256; i++)
                        names[n++] = sets[k]->items[i].name;
        return diag_nearest(word, names, n);
}

static bool check_value(struct policy_check *check, const struct policy_rule *rule,
                        const struct policy_arg *arg, const struct policy_value *value, const char *field) {
        const char *at = value->text ? value->text : "", *nearest;
        char word[64];

        while (*(at += strspn(at, " |"))) {
                size_t n = strcspn(at, " |");

                snprintf(word, sizeof(word), "%.*s", (int)n, at);
                at += n;
                if (is_known(rule, arg->name, word))
                        continue;
                nearest = nearest_constant(rule, arg->name, word);
                refuse(check, field, "the argument \"%.40s\" of %s has no constant %s%s%s%s", arg->name,
                       rule->calls[0], word, nearest ? "; did you mean " : "; write it as a number",
                       nearest ? nearest : "", nearest ? "?" : "");
                return false;
        }
        return true;
}

void policy_check_args(struct policy_check *check, const struct policy_rule *rule) {
        char field[128];

        for (size_t i = 0; i < rule->where.n_args; i++) {
                const struct policy_arg *arg = &rule->where.args[i];

                snprintf(field, sizeof(field), "where.args.%.64s", arg->name);
                if (!check_name(check, rule, arg, field))
                        continue;
                if (!check_value(check, rule, arg, &arg->mask, field))
                        continue;
                for (size_t k = 0; k < arg->n_values; k++)
                        if (!check_value(check, rule, arg, &arg->values[k], field))
                                break;
        }
}
