/* SPDX-License-Identifier: Apache-2.0 */

/* Sentences about what a person wrote wrongly. Bounded: a hostile file costs at most DIAGS_MAX of them. */

#include "base/diag.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"

void diags_deinit(struct diags *diags) {
        for (size_t i = 0; i < diags->n; i++) {
                free(diags->items[i].file);
                free(diags->items[i].place);
                free(diags->items[i].text);
        }
        free(diags->items);
        *diags = DIAGS_INIT;
}

static int add(struct diags *diags, enum diag_severity severity, const char *id, unsigned line,
               unsigned column, const char *place, const char *format, va_list args) {
        struct diag *item;

        if (severity == DIAG_ERROR)
                diags->n_errors++;
        else if (severity == DIAG_WARNING)
                diags->n_warnings++;
        if (diags->n >= DIAGS_MAX)
                return 0;
        if (diags->n == diags->size) {
                size_t size = diags->size ? diags->size * 2 : 16;
                struct diag *items = realloc(diags->items, size * sizeof(*items));

                if (!items)
                        return error_origin(-ENOMEM);
                diags->items = items;
                diags->size = size;
        }
        item = &diags->items[diags->n];
        *item = (struct diag){ .severity = severity, .id = id, .line = line, .column = column };
        if (diags->file && !(item->file = strdup(diags->file)))
                return error_origin(-ENOMEM);
        if (place && !(item->place = strdup(place)))
                goto oom;
        if (vasprintf(&item->text, format, args) < 0) {
                item->text = NULL;
                goto oom;
        }
        diags->n++;
        return 0;
oom:
        free(item->file);
        free(item->place);
        return error_origin(-ENOMEM);
}

int diag_syntax(struct diags *diags, unsigned line, unsigned column, const char *format, ...) {
        va_list args;
        int r;

        va_start(args, format);
        r = add(diags, DIAG_ERROR, NULL, line, column, NULL, format, args);
        va_end(args);
        return r;
}

int diag_add(struct diags *diags, enum diag_severity severity, const char *id, const char *place,
             const char *format, ...) {
        va_list args;
        int r;

        va_start(args, format);
        r = add(diags, severity, id, 0, 0, place, format, args);
        va_end(args);
        return r;
}

int diag_add_at(struct diags *diags, enum diag_severity severity, const char *id, unsigned line,
                unsigned column, const char *place, const char *format, ...) {
        va_list args;
        int r;

        va_start(args, format);
        r = add(diags, severity, id, line, column, place, format, args);
        va_end(args);
        return r;
}

static bool same_text(const char *a, const char *b) {
        return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_repeated(const struct diags *diags, size_t i) {
        const struct diag *item = &diags->items[i], *before = item - 1;

        return i > 0 && item->severity == before->severity && item->line == before->line &&
               item->column == before->column && same_text(item->file, before->file) &&
               same_text(item->place, before->place) && same_text(item->text, before->text);
}

void diags_print(const struct diags *diags, FILE *to, enum diag_severity least, bool colour) {
        static const struct {
                const char *word, *start;
        } looks[] = {
                [DIAG_INFO] = { "note", "\033[1m" },
                [DIAG_WARNING] = { "warning", "\033[1;35m" },
                [DIAG_ERROR] = { "error", "\033[1;31m" },
        };

        for (size_t i = 0; i < diags->n; i++) {
                const struct diag *item = &diags->items[i];

                if (item->severity < least || is_repeated(diags, i))
                        continue;
                if (item->file)
                        fprintf(to, "%s:", item->file);
                if (item->line)
                        fprintf(to, "%u:%u:", item->line, item->column);
                if (item->file || item->line)
                        fputc(' ', to);
                if (item->place)
                        fprintf(to, "%s: ", item->place);
                fprintf(to, "%s%s%s: %s", colour ? looks[item->severity].start : "",
                        looks[item->severity].word, colour ? "\033[0m" : "", item->text);
                if (item->id)
                        fprintf(to, " [%s]", item->id);
                fputc('\n', to);
        }
        if (diags->n_errors + diags->n_warnings > diags->n && diags->n == DIAGS_MAX)
                fprintf(to, "(%zu more are not shown)\n", diags->n_errors + diags->n_warnings - diags->n);
}

void diags_put(const struct diags *diags, struct buf *to, enum diag_severity least) {
        char *text = NULL;
        size_t n = 0;
        FILE *stream = open_memstream(&text, &n);

        if (!stream)
                return;
        diags_print(diags, stream, least, false);
        fclose(stream);
        buf_puts(to, text);
        free(text);
}

/* Names here are short; longer ones never match. */
#define NEAREST_MAX 64

/* Letters put in, left out, changed, or swapped with their neighbour. */
static size_t distance(const char *a, size_t n_a, const char *b, size_t n_b) {
        size_t rows[3][NEAREST_MAX + 1];

        for (size_t i = 0; i <= n_a; i++) {
                size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];

                row[0] = i;
                for (size_t j = 1; j <= n_b; j++) {
                        size_t best = row[j - 1] + 1;

                        if (i > 0 && above[j] + 1 < best)
                                best = above[j] + 1;
                        if (i > 0 && above[j - 1] + (a[i - 1] != b[j - 1]) < best)
                                best = above[j - 1] + (a[i - 1] != b[j - 1]);
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                            two_above[j - 2] + 1 < best)
                                best = two_above[j - 2] + 1;
                        row[j] = best;
                }
        }
        return rows[n_a % 3][n_b];
}

const char *diag_nearest(const char *name, const char *const *names, size_t n) {
        size_t n_name = strlen(name), best = n_name / 3;
        const char *nearest = NULL;

        if (n_name == 0 || n_name > NEAREST_MAX)
                return NULL;
        /* A third of the letters wrong is a slip; more is another word. */
        if (best < 1)
                best = 1;
        if (best > 3)
                best = 3;
        for (size_t i = 0; i < n; i++) {
                size_t n_candidate = strlen(names[i]), d;

                if (n_candidate > NEAREST_MAX || n_candidate > n_name + best || n_name > n_candidate + best)
                        continue;
                d = distance(name, n_name, names[i], n_candidate);
                if (d < best || (d == best && !nearest && d < n_name)) {
                        best = d;
                        nearest = names[i];
                }
        }
        return nearest;
}
