/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Counts, reasons and lines of an import.
 *
 * What must stay true: every line read is counted once, as a record, as understood or as skipped; memory is
 * bounded by one line, whatever is read.
 */

#include "policy/import.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

void import_source(struct import *import, const char *source) {
        import->source = source;
        import->line = 0;
}

int import_emit(struct import *import, const struct event *event) {
        import->n_events++;
        import->n_calls += event->count;
        if (event->flags & EVENT_GONE)
                import->n_gone += event->count;
        return error_trace(import->sink(import->data, event));
}

void import_skip(struct import *import, const char *reason, const char *format, ...) {
        struct import_note *note;
        size_t i = 0;

        import->n_skipped++;
        while (i < import->n_reasons && strcmp(import->reasons[i].text, reason) != 0)
                i++;
        if (i == import->n_reasons && i < IMPORT_REASONS_MAX)
                import->reasons[import->n_reasons++].text = reason;
        if (i < IMPORT_REASONS_MAX)
                import->reasons[i].n++;
        if (!format || import->n_notes == IMPORT_NOTES_MAX)
                return;
        note = import->notes + import->n_notes++;
        snprintf(note->source, sizeof(note->source), "%s", import->source ? import->source : "");
        note->line = import->line;

        va_list args;
        va_start(args, format);
        vsnprintf(note->text, sizeof(note->text), format, args);
        va_end(args);
}

void import_event_init(struct event *event) {
        memset(event, 0, sizeof(*event));
        event->count = 1;
        event->uid = UINT32_MAX;
        event->verdict = SECCOMP_RET_ALLOW;
        event->answer = EVENT_ANSWER_CONTINUE;
        for (unsigned i = 0; i < EVENT_N_ARGS; i++)
                event->flags |= EVENT_UNKNOWN_ARG(i);
}

void import_ledger(const struct import *import, struct ledger *ret) {
        *ret = (struct ledger){
                .received = import->n_calls,
                .answered = import->n_calls - import->n_gone,
                .gone = import->n_gone,
                .recorded = import->n_calls,
                .written = import->n_events,
        };
}

/* ---- lines ---- */

int import_lines_init(struct import_lines *lines, int fd) {
        *lines = (struct import_lines){ .fd = fd };
        lines->bytes = malloc(IMPORT_LINE_MAX + 1);
        return lines->bytes ? 0 : error_origin(-ENOMEM);
}

void import_lines_deinit(struct import_lines *lines) {
        free(lines->bytes);
        lines->bytes = NULL;
}

/* Reads once, to the end of the buffer. */
static int fill(struct import_lines *lines) {
        ssize_t n;

        if (lines->start > 0) {
                memmove(lines->bytes, lines->bytes + lines->start, lines->n);
                lines->start = 0;
        }
        do
                n = read(lines->fd, lines->bytes + lines->n, IMPORT_LINE_MAX + 1 - lines->n);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return error_origin(-errno);
        lines->n += (size_t)n;
        lines->end = n == 0;
        return 0;
}

int import_lines_peek(struct import_lines *lines, const char **ret, size_t *ret_n) {
        int r = 0;

        while (!r && !lines->end && lines->n < IMPORT_LINE_MAX + 1)
                r = fill(lines);
        *ret = lines->bytes + lines->start;
        *ret_n = lines->n;
        return error_trace(r);
}

int import_lines_next(struct import_lines *lines, const char **ret, size_t *ret_n) {
        bool too_long = false;
        size_t searched = 0;

        for (;;) {
                char *from = lines->bytes + lines->start;
                char *newline = memchr(from + searched, '\n', lines->n - searched);
                size_t n = newline ? (size_t)(newline - from) : lines->n;
                int r;

                if (newline || (lines->end && lines->n > 0)) {
                        lines->torn = !newline;
                        lines->start += n + !!newline;
                        lines->n -= n + !!newline;
                        if (too_long)
                                return IMPORT_LINES_LONG;
                        *ret = from;
                        *ret_n = n > 0 && from[n - 1] == '\r' ? n - 1 : n;
                        return 0;
                }
                if (lines->end)
                        return too_long ? IMPORT_LINES_LONG : IMPORT_LINES_END;
                searched = lines->n;
                if (lines->n == IMPORT_LINE_MAX + 1) {
                        too_long = true;
                        lines->n = searched = 0;
                }
                r = fill(lines);
                if (r)
                        return error_trace(r);
        }
}

/* ---- words ---- */

bool import_starts(const char *bytes, size_t n, const char *prefix) {
        size_t length = strlen(prefix);

        return n >= length && memcmp(bytes, prefix, length) == 0;
}

const char *import_find(const char *bytes, size_t n, const char *word) {
        return memmem(bytes, n, word, strlen(word));
}

static int digit_of(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return 99;
}

size_t import_number(const char *bytes, size_t n, unsigned base, uint64_t *ret) {
        uint64_t value = 0;
        size_t i;

        for (i = 0; i < n; i++) {
                unsigned digit = (unsigned)digit_of(bytes[i]);

                if (digit >= base)
                        break;
                if (__builtin_mul_overflow(value, (uint64_t)base, &value) ||
                    __builtin_add_overflow(value, (uint64_t)digit, &value))
                        return 0;
        }
        if (i > 0)
                *ret = value;
        return i;
}

size_t import_fraction(const char *bytes, size_t n, uint64_t *ret_ns) {
        uint64_t ns = 0, unit = 100000000;
        size_t i;

        for (i = 0; i < n && bytes[i] >= '0' && bytes[i] <= '9'; i++) {
                ns += (uint64_t)(bytes[i] - '0') * unit;
                unit /= 10;
        }
        *ret_ns = ns;
        return i;
}
