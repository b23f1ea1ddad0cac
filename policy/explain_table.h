/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Calls by what happens to them and by family, as people read it. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A call with what always happens to it. */
struct explain_line {
        const char *name, *family;
        uint32_t action;
};

/* Milder actions first, then by family and name. */
void explain_lines_sort(struct explain_line *lines, size_t n);
/* Of sorted lines: a paragraph for each action, a row for each family. */
void explain_lines_print(const struct explain_line *lines, size_t n, FILE *to);
/* ", 298 allowed, 82 refused with EPERM" */
void explain_lines_count(const struct explain_line *lines, size_t n, FILE *to);
/* The family of a call of the table, or "other". */
struct syscall_row;
const char *explain_family(const struct syscall_row *row);
