/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the kernel does with one call of one architecture, while a filter is made (policy/native/compile.c):
 * conditions on registers in order, each with its answer. */

#include "policy/native/plan.h"

struct step {
        size_t first, n; /* conditions; 0: always */
        uint32_t action;
};

/* What happens to one call of one architecture. The last step is unconditional. */
struct decision {
        struct step *steps;
        size_t n_steps;
        struct condition *conditions;
        uint8_t *bits;
        size_t n_conditions;
        size_t at; /* in the program, once written */
        bool written;
};

void decision_deinit(struct decision *decision);
int decision_add_step(struct decision *decision, uint32_t action);
/* To the last step. bits: of the argument that are compared. */
int decision_add_condition(struct decision *decision, const struct condition *condition, unsigned bits);
/* The alternatives of a rule, a step each. */
int decision_add_way(struct decision *decision, const struct plan_way *way, uint32_t action);
bool decision_ends(const struct decision *decision); /* the last step is unconditional */
bool decisions_equal(const struct decision *a, const struct decision *b);
