/* SPDX-License-Identifier: Apache-2.0 */

/* What must stay true: a table is never wider than asked, unless even the least of every column is. */

#include "cli/columns.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/report.h"

#define COLUMNS_MAX 32
#define LEAST       6 /* below this a cut text says nothing */

void columns_deinit(struct columns *columns) {
        for (size_t i = 0; i < columns->n_cells; i++)
                free(columns->cells[i]);
        free(columns->cells);
        columns->cells = NULL;
        columns->n_cells = columns->size = 0;
}

void columns_add(struct columns *columns, const char *text) {
        struct buf escaped = BUF_INIT(0);
        char *copy;

        if (text)
                buf_escape(&escaped, text, strlen(text));
        copy = strdup(buf_string(&escaped));
        buf_deinit(&escaped);
        if (copy && columns->n_cells == columns->size) {
                size_t size = columns->size ? columns->size * 2 : 64;
                char **cells = reallocarray(columns->cells, size, sizeof(*cells));

                if (cells) {
                        columns->cells = cells;
                        columns->size = size;
                }
        }
        if (!copy || columns->n_cells == columns->size) {
                free(copy);
                columns->error = -ENOMEM;
                return;
        }
        columns->cells[columns->n_cells++] = copy;
}

void columns_add_number(struct columns *columns, unsigned long long number) {
        char text[24];

        snprintf(text, sizeof(text), "%llu", number);
        columns_add(columns, text);
}

static size_t width_of(const char *text) {
        size_t n = 0;

        for (; *text; text++)
                n += (*text & 0xc0) != 0x80;
        return n;
}

static size_t total(const size_t *widths, size_t n) {
        size_t sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += widths[i] ? widths[i] + 1 : 0;
        return sum ? sum - 1 : 0;
}

/* The widest text gives way first; numbers are never cut. */
static bool shrink(const struct columns *columns, size_t *widths) {
        size_t widest = columns->n;

        for (size_t i = 0; i < columns->n; i++)
                if (!columns->columns[i].right && widths[i] > LEAST &&
                    (widest == columns->n || widths[i] > widths[widest]))
                        widest = i;
        if (widest == columns->n)
                return false;
        widths[widest]--;
        return true;
}

static void fit(const struct columns *columns, unsigned width, size_t *widths) {
        for (size_t i = 0; i < columns->n; i++) {
                widths[i] = 0;
                for (size_t k = i; k < columns->n_cells; k += columns->n)
                        if (width_of(columns->cells[k]) > widths[i])
                                widths[i] = width_of(columns->cells[k]);
                if ((widths[i] > 0 || columns->columns[i].always) &&
                    strlen(columns->columns[i].heading) > widths[i])
                        widths[i] = strlen(columns->columns[i].heading);
        }
        while (width != REPORT_WIDTH_WHOLE && total(widths, columns->n) > width && shrink(columns, widths))
                ;
}

static void put(struct buf *to, const char *text, size_t width, bool right, bool last) {
        size_t n = width_of(text), kept = 0;
        const char *end = text;

        if (right)
                for (size_t i = n; i < width; i++)
                        buf_putc(to, ' ');
        if (n > width) {
                while (*end && !((*end & 0xc0) != 0x80 && kept++ == width - 1))
                        end++;
                buf_put(to, text, (size_t)(end - text));
                buf_puts(to, "…");
        } else {
                buf_puts(to, text);
        }
        if (!right && !last)
                for (size_t i = n; i < width; i++)
                        buf_putc(to, ' ');
}

static void put_row(const struct columns *columns, char *const *cells, const size_t *widths,
                    struct buf *to) {
        size_t last = columns->n, n = 0;

        for (size_t i = 0; i < columns->n; i++)
                if (widths[i])
                        last = i;
        for (size_t i = 0; i < columns->n; i++) {
                if (!widths[i])
                        continue;
                if (n++ > 0)
                        buf_putc(to, ' ');
                put(to, cells ? cells[i] : columns->columns[i].heading, widths[i], columns->columns[i].right,
                    i == last);
        }
        buf_putc(to, '\n');
}

int columns_print(const struct columns *columns, unsigned width, struct buf *to) {
        size_t widths[COLUMNS_MAX];

        if (columns->error || columns->n > COLUMNS_MAX)
                return error_origin(columns->error ?: -E2BIG);
        fit(columns, width, widths);
        put_row(columns, NULL, widths, to);
        for (size_t at = 0; at + columns->n <= columns->n_cells; at += columns->n)
                put_row(columns, columns->cells + at, widths, to);
        return error_trace(buf_error(to));
}
