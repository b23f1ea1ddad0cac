/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What policy/explain*.c and policy/write_explain.c share. */

#include "policy/alternatives.h"
#include "policy/explain.h"

/* Where a call is looked at. */
struct explained {
        const struct profile *profile;
        const struct arch *arch;
        const struct arch_rules *rules;
        const struct syscall_row *row; /* of the call; NULL: nothing is known of its arguments */
};

const struct syscall_row *explain_row(const struct arch *arch, uint32_t nr, const char *name);
/* Every alternative, then what happens otherwise, with a text in between. */
void explain_print_call(const struct explained *explained, const struct call_rules *call,
                        const char *between, FILE *to);
enum explain_truth { EXPLAIN_NO, EXPLAIN_YES, EXPLAIN_OPEN };
/* Whether all conditions hold, given the first arguments only; a bit for each that does. */
enum explain_truth explain_settle(const struct alternative *alternative, const struct call_text *call,
                                  unsigned *ret_hold);
/* Does the filter want this call? rules: NULL when the default decides. */
bool explain_wants(const struct explain_filter *filter, const struct explained *explained,
                   const struct call_rules *rules, const char *name);
