/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans to rules: names with equal parts share their rules, one rule for each alternative.
 *
 * What must stay true: order and grouping depend on names, actions and conditions only.
 */

#include "policy/express_plan.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

struct line {
        const struct plan *plan;
        const struct verdict_part *part;
};

static bool part_is_plain(const struct verdict_part *part) {
        return part->cover.n == 1 && !part->cover.boxes[0].n;
}

/* Mild actions first, those without conditions before the others. */
static int compare_kinds(const struct line *a, const struct line *b) {
        const struct verdict_part *x = a->part, *y = b->part;

        if (action_severity(x->action) != action_severity(y->action))
                return action_severity(x->action) < action_severity(y->action) ? -1 : 1;
        if (x->action != y->action)
                return x->action < y->action ? -1 : 1;
        return (int)part_is_plain(y) - (int)part_is_plain(x);
}

static int compare_covers(const struct cover *a, const struct cover *b) {
        for (size_t i = 0; i < a->n && i < b->n; i++) {
                int r = box_compare(&a->boxes[i], &b->boxes[i]);

                if (r)
                        return r;
        }
        return a->n < b->n ? -1 : a->n > b->n;
}

static int compare_lines(const void *left, const void *right) {
        const struct line *a = left, *b = right;
        int r = compare_kinds(a, b);

        if (!r)
                r = compare_covers(&a->part->cover, &b->part->cover);
        return r ? r : strcmp(a->plan->name, b->plan->name);
}

struct group {
        const struct line *lines;
        size_t n;
};

static int compare_groups(const void *left, const void *right) {
        const struct group *a = left, *b = right;
        int r = compare_kinds(a->lines, b->lines);

        return r ? r : strcmp(a->lines->plan->name, b->lines->plan->name);
}

static int add_rules(struct profile *profile, const struct group *group) {
        const struct verdict_part *part = group->lines->part;
        int r = 0;

        for (size_t i = 0; !r && i < part->cover.n; i++) {
                const struct box *box = &part->cover.boxes[i];
                struct rule *rule;

                r = profile_add_rule(profile, &rule);
                if (r)
                        break;
                rule->action = part->action;
                rule->errno_set = action_has_errno(part->action);
                for (size_t j = 0; !r && j < group->n; j++)
                        r = rule_add_name(rule, group->lines[j].plan->name);
                for (size_t j = 0; !r && j < box->n; j++)
                        r = rule_add_condition(rule, box->conditions[j].index,
                                               (enum condition_op)box->conditions[j].op,
                                               box->conditions[j].value, box->conditions[j].value_two);
        }
        return error_trace(r);
}

static int add_all_rules(struct profile *profile, const struct plans *plans) {
        size_t n = 0, n_groups = 0;
        struct group *groups;
        struct line *lines;
        int r = 0;

        for (size_t i = 0; i < plans->n; i++)
                n += plans->items[i].parts.n;
        lines = calloc(n + 1, sizeof(*lines));
        groups = calloc(n + 1, sizeof(*groups));
        if (!lines || !groups)
                r = error_origin(-ENOMEM);
        n = 0;
        for (size_t i = 0; !r && i < plans->n; i++) {
                const struct plan *plan = &plans->items[i];

                for (size_t j = 0; !plan->held && j < plan->parts.n; j++)
                        lines[n++] = (struct line){ plan, &plan->parts.items[j] };
        }
        if (!r)
                qsort(lines, n, sizeof(*lines), compare_lines);
        for (size_t i = 0; !r && i < n; i++) {
                if (i && !compare_kinds(&lines[i - 1], &lines[i]) &&
                    !compare_covers(&lines[i - 1].part->cover, &lines[i].part->cover))
                        groups[n_groups - 1].n++;
                else
                        groups[n_groups++] = (struct group){ &lines[i], 1 };
        }
        if (!r)
                qsort(groups, n_groups, sizeof(*groups), compare_groups);
        for (size_t i = 0; !r && i < n_groups; i++)
                r = add_rules(profile, &groups[i]);
        free(lines);
        free(groups);
        return error_trace(r);
}

int plans_write(const struct plans *plans, struct profile **ret) {
        cleanup_profile struct profile *profile = NULL;
        const struct verdicts *verdicts = plans->verdicts;
        int r = profile_new(&profile);

        if (r)
                return error_trace(r);
        profile->dialect = DIALECT_OCI;
        profile->default_set = true;
        region_is_value(verdicts->regions, verdicts->fallback, &profile->default_action);
        profile->default_errno_set = action_has_errno(profile->default_action);
        for (size_t i = 0; !r && i < verdicts->n_archs; i++)
                r = profile_add_arch(profile, verdicts->archs[i].arch);
        if (!r)
                r = add_all_rules(profile, plans);
        if (r)
                return error_trace(r);
        *ret = profile;
        profile = NULL;
        return 0;
}
