/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The rows behind a report, for the files that print it. */

#include "cli/report.h"

struct report {
        struct report_options options;
        struct event **rows; /* owned; sorted once report_sort() was called */
        size_t n, size;
        uint32_t *slots; /* open addressing: index into rows + 1; valid until sorted */
        size_t n_slots;
        uint64_t seed; /* of the slots */
        bool sorted;
        bool has_ledger;
        struct ledger ledger;
};

/* What is shown apart, in this order: what the profile does not allow before what was notified only to be
 * seen, the workload before the container runtime that started it. */
enum report_part {
        REPORT_PART_WORKLOAD,
        REPORT_PART_RUNTIME,
        REPORT_PART_OBSERVED,
        REPORT_PART_OBSERVED_RUNTIME,
};
enum report_part report_part(const struct event *event);

/* By part, most frequent first; nothing may be added afterwards. */
void report_sort(struct report *report);
bool report_is_refused(const struct event *event);  /* neither ALLOW nor LOG */
bool report_is_observed(const struct event *event); /* shown apart: the profile allows it */
const char *report_rule(const struct report *report, const struct event *event); /* NULL if unknown */

/* Names of refused rows, sorted, each once; static storage but for the array, which is the caller's to free.
 * *ret_archs gets a bit per architecture of arch_table that the profile does not list (no rule helps its
 * calls until it does), *ret_n_unnamed the rows without a name. */
int report_names(const struct report *report, const char ***ret, size_t *ret_n, uint32_t *ret_archs,
                 size_t *ret_n_unnamed);
