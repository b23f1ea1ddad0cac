/* SPDX-License-Identifier: Apache-2.0 */

#include "policy/native/decision.h"

#include "base/error.h"

#include <errno.h>
#include <stdlib.h>

void decision_deinit(struct decision *decision) {
        free(decision->steps);
        free(decision->conditions);
        free(decision->bits);
}

int decision_add_step(struct decision *decision, uint32_t action) {
        struct step *grown = reallocarray(decision->steps, decision->n_steps + 1, sizeof(*grown));

        if (!grown)
                return error_origin(-ENOMEM);
        decision->steps = grown;
        grown[decision->n_steps++] = (struct step){ .first = decision->n_conditions, .action = action };
        return 0;
}

int decision_add_condition(struct decision *decision, const struct condition *condition, unsigned bits) {
        struct condition *conditions =
                reallocarray(decision->conditions, decision->n_conditions + 1, sizeof(*conditions));
        uint8_t *widths;

        if (!conditions)
                return error_origin(-ENOMEM);
        decision->conditions = conditions;
        widths = reallocarray(decision->bits, decision->n_conditions + 1, sizeof(*widths));
        if (!widths)
                return error_origin(-ENOMEM);
        decision->bits = widths;
        conditions[decision->n_conditions] = *condition;
        widths[decision->n_conditions++] = (uint8_t)bits;
        decision->steps[decision->n_steps - 1].n++;
        return 0;
}

bool decision_ends(const struct decision *decision) {
        return decision->n_steps && !decision->steps[decision->n_steps - 1].n;
}

int decision_add_way(struct decision *decision, const struct plan_way *way, uint32_t action) {
        bool first = true;
        int r = way->n_tests ? 0 : decision_add_step(decision, action);

        for (size_t i = 0; !r && i < way->n_tests; i++) {
                if (first)
                        r = decision_add_step(decision, action);
                if (!r)
                        r = decision_add_condition(decision, &way->tests[i].condition, way->tests[i].bits);
                first = way->tests[i].last;
        }
        return error_trace(r);
}

bool decisions_equal(const struct decision *a, const struct decision *b) {
        if (a->n_steps != b->n_steps || a->n_conditions != b->n_conditions)
                return false;
        for (size_t i = 0; i < a->n_steps; i++)
                if (a->steps[i].n != b->steps[i].n || a->steps[i].action != b->steps[i].action)
                        return false;
        for (size_t i = 0; i < a->n_conditions; i++)
                if (a->bits[i] != b->bits[i] || a->conditions[i].index != b->conditions[i].index ||
                    a->conditions[i].op != b->conditions[i].op ||
                    a->conditions[i].value != b->conditions[i].value ||
                    a->conditions[i].value_two != b->conditions[i].value_two)
                        return false;
        return true;
}
