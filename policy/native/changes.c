/* SPDX-License-Identifier: Apache-2.0 */

/* Two policies side by side, by the names of their rules and by what their filters say. */

#include "policy/native/changes.h"

#include <errno.h>
#include <linux/audit.h>
#include <stdlib.h>
#include <string.h>

#include "policy/native/calls.h"
#include "policy/native/compile.h"
#include "policy/simulate.h"
#include "syscalls/names.h"

#define SAMPLES_MAX 64 /* of one rule for one call */

static const struct policy_rule *rule_by_name(const struct policy *policy, const char *name) {
        for (size_t i = 0; i < policy->n_rules; i++)
                if (strcmp(policy->rules[i].name, name) == 0)
                        return &policy->rules[i];
        return NULL;
}

static void line(struct buf *to, const char *mark, const struct policy_rule *rule) {
        buf_printf(to, "%s %s: %s", mark, rule->name, policy_action_name(rule->action));
        for (size_t i = 0; i < rule->n_calls && i < 4; i++)
                buf_printf(to, "%s%s", i == 0 ? " of " : ", ", rule->calls[i]);
        if (rule->n_calls > 4)
                buf_printf(to, " and %zu more", rule->n_calls - 4);
        buf_putc(to, '\n');
}

void policy_changes(const struct policy *before, const struct policy *after, struct buf *to) {
        size_t start = to->n;

        for (size_t i = 0; i < before->n_rules; i++)
                if (!rule_by_name(after, before->rules[i].name))
                        line(to, "-", &before->rules[i]);
        for (size_t i = 0; i < after->n_rules; i++) {
                const struct policy_rule *rule = &after->rules[i];
                const struct policy_rule *old = rule_by_name(before, rule->name);

                if (!old)
                        line(to, "+", rule);
                else if (!policy_rules_equal(old, rule))
                        line(to, "~", rule);
        }
        if (before->fallback != after->fallback || before->fallback_errno != after->fallback_errno)
                buf_printf(to, "~ default: %s\n", policy_action_name(after->fallback));
        if (before->error_errno != after->error_errno || before->error_kill != after->error_kill)
                buf_puts(to, "~ on-error\n");
        if (to->n == start)
                buf_puts(to, strcmp(before->source, after->source) == 0
                                     ? "nothing changed\n"
                                     : "rules stayed the same; their order or other settings changed\n");
}

/* Arguments that satisfy one list of conditions, as far as a single value per argument can. */
static void sample_of(const struct policy_conditions *conditions, uint64_t args[6]) {
        for (size_t i = 0; i < conditions->n; i++) {
                const struct condition *condition = &conditions->conditions[i];
                uint64_t *arg = &args[condition->index];

                switch (condition->op) {
                case CONDITION_EQ:
                case CONDITION_GE:
                case CONDITION_LE:
                        *arg = condition->value;
                        break;
                case CONDITION_GT:
                case CONDITION_NE:
                        *arg = condition->value + 1;
                        break;
                case CONDITION_LT:
                        *arg = condition->value - 1;
                        break;
                case CONDITION_MASKED_EQ:
                        *arg = (*arg & ~condition->value) | condition->value_two;
                        break;
                default:
                        break;
                }
        }
}

static bool reaches(const struct filter *running, const struct filter *wanted, const struct arch *arch,
                    int nr, const uint64_t args[6]) {
        struct seccomp_data data = {
                .arch = arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64 : arch->audit,
                .nr = nr,
        };
        uint32_t now, then;

        for (size_t i = 0; i < 6; i++)
                data.args[i] = args[i];
        now = filter_simulate(running, &data, NULL);
        then = filter_simulate(wanted, &data, NULL);
        return now == then || now == SECCOMP_RET_USER_NOTIF;
}

static bool call_reached(const struct filter *running, const struct filter *wanted,
                         const struct policy *after, const struct arch *arch, const char *call, int nr) {
        static const uint64_t none[6] = { 0 };

        if (!reaches(running, wanted, arch, nr, none))
                return false;
        for (size_t i = 0; i < after->n_rules; i++) {
                struct policy_conditions *lists;
                size_t n;
                bool rest, reached = true;

                if (!policy_rule_covers(&after->rules[i], call) ||
                    policy_conditions(&after->rules[i], arch, call, &lists, &n, &rest) != 0)
                        continue;
                for (size_t j = 0; j < n && j < SAMPLES_MAX && reached; j++) {
                        uint64_t args[6] = { 0 };

                        sample_of(&lists[j], args);
                        reached = reaches(running, wanted, arch, nr, args);
                }
                free(lists);
                if (!reached)
                        return false;
        }
        return true;
}

size_t policy_out_of_reach(const struct policy *installed, const struct policy *after, struct buf *to) {
        struct filter running = FILTER_INIT, wanted = FILTER_INIT;
        const struct arch *arch = arch_native();
        uint32_t cursor = 0, nr;
        const char *call;
        size_t n = 0;

        if (policy_compile(installed, &running) == 0 && policy_compile(after, &wanted) == 0)
                while ((call = syscall_next(arch, &cursor, &nr)))
                        if (!call_reached(&running, &wanted, after, arch, call, (int)nr)) {
                                buf_printf(to,
                                           "! %s: the filter of programs that run already decides it in the "
                                           "kernel; "
                                           "the change takes effect for programs started anew\n",
                                           call);
                                n++;
                        }
        filter_deinit(&running);
        filter_deinit(&wanted);
        return n;
}
