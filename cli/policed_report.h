/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a policy did to a program's calls, as a table or a JSON document: one row for equal program, call,
 * rule and answer, most frequent first. */

#include <stdbool.h>

#include "base/buf.h"
#include "callgate/event.h"

struct policed_report;

/* all: also rows that no rule decided. width: columns, 0: whole. */
int policed_report_new(bool all, unsigned width, struct policed_report **ret);
struct policed_report *policed_report_free(struct policed_report *report);
int policed_report_add(struct policed_report *report, const struct event *event);
size_t policed_report_n_rows(const struct policed_report *report);
bool policed_report_has_rule(const struct policed_report *report, const char *name);
int policed_report_print(struct policed_report *report, const struct ledger *ledger, struct buf *to);
/* overlays: elements of a JSON list, one for each overlay, what was changed under it. */
int policed_report_print_json(struct policed_report *report, const struct ledger *ledger,
                              const char *overlays, struct buf *to);

/* "EPERM", "returned 0", "carried out", "descriptor 5", "killed", "passed on", "gone". */
const char *policed_answer_text(const struct event *event, char *buf, size_t size);
