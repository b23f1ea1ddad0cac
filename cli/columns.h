/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A table for people, as wide as the terminal. Columns in which nobody has anything are left out. */

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct column {
        const char *heading;
        bool right;  /* numbers */
        bool always; /* shown also when empty */
};

struct columns {
        const struct column *columns;
        size_t n;
        char **cells; /* owned; row after row */
        size_t n_cells, size;
        int error;
};

#define COLUMNS_INIT(table) ((struct columns){ .columns = (table), .n = sizeof(table) / sizeof((table)[0]) })

void columns_deinit(struct columns *columns);
/* The next cell; text of strangers is escaped. NULL: an empty one. */
void columns_add(struct columns *columns, const char *text);
void columns_add_number(struct columns *columns, unsigned long long number);
/* width: columns of the terminal, or REPORT_WIDTH_WHOLE (cli/report.h). 0 or -ENOMEM. */
int columns_print(const struct columns *columns, unsigned width, struct buf *to);
