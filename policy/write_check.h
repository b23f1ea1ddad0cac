/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Findings about files as one JSON document. */

#include "base/diag.h"
#include "policy/model.h"

#include <stdio.h>

struct check_report;

int check_report_new(struct check_report **ret);
struct check_report *check_report_free(struct check_report *report);
/* profile NULL: the file could not be read as one. verdict: "fine", "warnings", "errors". repairs: what
 * profile_fix() does or would do. 0 or -errno. */
int check_report_add(struct check_report *report, const char *file, const char *verdict,
                     const struct profile *profile, const struct diags *diags, const struct diags *repairs);
int check_report_print(const struct check_report *report, FILE *to);
