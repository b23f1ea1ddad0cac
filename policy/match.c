/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verdicts by the rules, without the filter. What must stay true: match_call() agrees with the compiled
 * filter for every input, and reads nothing but the profile and its index, neither of which changes after
 * profile_resolve(), so any number of threads may ask at once.
 */

#include "policy/match.h"

#include "base/error.h"
#include "policy/alternatives.h"
#include "syscalls/names.h"

#include <linux/audit.h>
#include <stdlib.h>

struct match_table *match_table_free(struct match_table *table) {
        if (!table)
                return NULL;
        for (size_t i = 0; i < table->n_archs; i++)
                arch_rules_deinit(&table->archs[i]);
        free(table->archs);
        free(table);
        return NULL;
}

int match_table_new(const struct profile *resolved, struct match_table **ret) {
        struct match_table *table = calloc(1, sizeof(*table));
        int r = 0;

        if (!table)
                return error_origin(-ENOMEM);
        table->archs = calloc(resolved->n_archs ? resolved->n_archs : 1, sizeof(*table->archs));
        if (!table->archs) {
                match_table_free(table);
                return error_origin(-ENOMEM);
        }
        for (size_t i = 0; !r && i < resolved->n_archs; i++)
                r = arch_rules_init(&table->archs[table->n_archs++], resolved, resolved->archs[i].arch);
        if (r) {
                match_table_free(table);
                return error_trace(r);
        }
        *ret = table;
        return 0;
}

const struct arch_rules *match_table_arch(const struct match_table *table, uint32_t audit) {
        for (size_t i = 0; i < table->n_archs; i++)
                if (table->archs[i].arch->audit == audit)
                        return &table->archs[i];
        return NULL;
}

static bool holds(const struct alternative *alternative, const uint64_t args[6]) {
        for (size_t i = 0; i < alternative->n_conditions; i++)
                if (!condition_holds(&alternative->conditions[i], args))
                        return false;
        return true;
}

/* The first alternative that holds; whether a later one would have said otherwise. */
static const struct alternative *first_holding(const struct arch_rules *rules, const struct call_rules *call,
                                               const uint64_t args[6], bool *ret_ambiguous) {
        const struct alternative *alternatives = &rules->alternatives[call->first], *found = NULL;
        uint64_t narrowed[6];

        for (size_t i = 0; i < 6; i++)
                narrowed[i] = rules->bits == 64 ? args[i] : (uint32_t)args[i];
        for (size_t i = 0; i < call->n; i++) {
                if (!holds(&alternatives[i], narrowed))
                        continue;
                if (!found) {
                        found = &alternatives[i];
                        if (!call->mixed)
                                break;
                } else if (alternatives[i].action != found->action) {
                        *ret_ambiguous = true;
                        break;
                }
        }
        return found;
}

static void decide(const struct profile *resolved, const struct arch_rules *rules, uint32_t nr,
                   const uint64_t args[6], struct match *match) {
        const struct call_rules *call = arch_rules_find(rules, nr);
        const struct alternative *found = NULL;

        if (call) {
                match->on_arguments = rules->alternatives[call->first].n_conditions;
                found = first_holding(rules, call, args, &match->ambiguous);
        }
        if (!found) {
                match->place = "defaultAction";
                match->action = resolved->default_action;
                return;
        }
        match->rule = found->rule;
        match->condition = found->condition;
        match->place = resolved->rules[found->rule].place;
        match->action = found->action;
}

uint32_t match_call(const struct profile *resolved, uint32_t audit_arch, uint32_t nr, const uint64_t args[6],
                    struct match *ret) {
        struct match match = {
                .action = SECCOMP_RET_KILL_THREAD, /* of an architecture that is not listed */
                .rule = MATCH_NONE,
                .condition = MATCH_NONE,
                .place = "architectures",
        };
        const struct arch_rules *rules = match_table_arch(resolved->match, audit_arch);

        if (audit_arch == AUDIT_ARCH_X86_64 && nr >= X32_NR_BIT) {
                const struct arch_rules *x32 = match_table_arch(resolved->match, ARCH_X32);

                /* -1 is what a tracer leaves to skip a call; libseccomp lets it reach the default. */
                if (x32 || nr != UINT32_MAX)
                        rules = x32;
        }
        if (rules)
                decide(resolved, rules, nr, args, &match);
        if (ret)
                *ret = match;
        return match.action;
}
