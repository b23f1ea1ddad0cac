/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The place in a document and what is said about it. What must stay true: text of the file reaches a
 * sentence only escaped and cut, and a hostile file ends the reading after ERRORS_MAX errors.
 */

#include "policy/reader.h"

#include "base/buf.h"
#include "base/error.h"
#include "policy/read.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERRORS_MAX 50 /* of one file */

size_t reader_enter(struct reader *reader, const char *format, ...) {
        size_t mark = reader->n_place;
        va_list args;
        int n;

        va_start(args, format);
        n = vsnprintf(reader->place + mark, sizeof(reader->place) - mark, format, args);
        va_end(args);
        if (n > 0)
                reader->n_place += (size_t)n < sizeof(reader->place) - mark
                                           ? (size_t)n
                                           : sizeof(reader->place) - mark - 1;
        return mark;
}

void reader_leave(struct reader *reader, size_t mark) {
        reader->n_place = mark;
        reader->place[mark] = '\0';
}

size_t reader_enter_field(struct reader *reader, const char *field) {
        return reader_enter(reader, reader->n_place ? ".%s" : "%s", field);
}

void reader_complain(struct reader *reader, enum diag_severity severity, const char *id, const char *format,
                     ...) {
        const char *place = reader->n_place ? reader->place : NULL;
        struct buf text = BUF_INIT(0);
        va_list args;

        if (reader->r)
                return;
        va_start(args, format);
        buf_vprintf(&text, format, args);
        va_end(args);
        reader->r = diag_add_at(reader->diags, severity, id, reader->line, reader->column, place, "%s",
                                buf_string(&text));
        buf_deinit(&text);
        if (!reader->r && severity == DIAG_ERROR && ++reader->n_errors == ERRORS_MAX) {
                reader->r = diag_add(reader->diags, DIAG_INFO, NULL, NULL,
                                     "the rest of the file was not read after %d errors", ERRORS_MAX);
                if (!reader->r)
                        reader->r = PROFILE_E_INVALID;
        }
}

void reader_fail(struct reader *reader, int r) {
        if (!reader->r)
                reader->r = r;
}

const char *reader_hint(char *buf, size_t size, const char *nearest) {
        if (nearest)
                snprintf(buf, size, "; did you mean %s?", nearest);
        else
                buf[0] = '\0';
        return buf;
}

const char *reader_quote(const char *text, char *buf, size_t size) {
        json_t *value = json_string(text);

        json_show(value, buf, size);
        json_decref(value);
        return buf;
}

const char *reader_nearest(const char *text, const char *prefix, const char *const *names, size_t n) {
        const char *found = NULL;
        char full[64];

        if (strncasecmp(text, prefix, strlen(prefix)) &&
            (size_t)snprintf(full, sizeof(full), "%s%s", prefix, text) < sizeof(full)) {
                for (char *c = full; *c; c++)
                        *c = (char)toupper((unsigned char)*c);
                found = diag_nearest(full, names, n);
        }
        return found ? found : diag_nearest(text, names, n);
}

/* "docker and containers", for the dialects that have a field. */
static const char *owners(unsigned in, char *buf, size_t size) {
        size_t n = 0, left = (size_t)__builtin_popcount(in);

        buf[0] = '\0';
        for (unsigned i = 0; i < 4; i++) {
                if (!(in & (1u << i)))
                        continue;
                left--;
                n += (size_t)snprintf(buf + n, size - n, "%s%s", dialect_name((enum profile_dialect)i),
                                      left > 1 ? ", "
                                      : left   ? " and "
                                               : "");
        }
        return buf;
}

/* False, with a warning, for a field that the dialects being read do not have. */
static bool field_counts(struct reader *reader, const struct field *field) {
        char buf[64];

        if (!field->in || field->in & reader->dialects)
                return true;
        reader_warn(reader, "foreign-field", "the field %s belongs to the dialect %s and is ignored here",
                    field->name, owners(field->in, buf, sizeof(buf)));
        return false;
}

void reader_fields(struct reader *reader, const json_t *object, const struct field *fields, size_t n,
                   void *to) {
        const char *names[32];
        char shown[READER_SHOWN], hint[READER_HINT];
        unsigned seen = 0;
        size_t n_names = 0;
        const char *key;
        json_t *value;

        for (size_t i = 0; i < n; i++)
                if (!fields[i].in || fields[i].in & reader->dialects)
                        names[n_names++] = fields[i].name;
        json_object_foreach((json_t *)object, key, value) {
                const struct field *field = NULL;
                size_t mark;

                for (size_t i = 0; i < n && !field; i++)
                        if (!strcmp(key, fields[i].name))
                                field = &fields[i];
                for (size_t i = 0; i < n && !field; i++)
                        if (!strcasecmp(key, fields[i].name) && !json_object_get(object, fields[i].name)) {
                                field = &fields[i];
                                reader_warn(reader, "field-case",
                                            "%s is read as %s by runc and docker and ignored by others; "
                                            "write %s",
                                            reader_quote(key, shown, sizeof(shown)), field->name,
                                            field->name);
                        }
                if (!field) {
                        reader_warn(reader, "unknown-field", "runtimes ignore the field %s%s",
                                    reader_quote(key, shown, sizeof(shown)),
                                    reader_hint(hint, sizeof(hint), diag_nearest(key, names, n_names)));
                        continue;
                }
                /* The same field in two other cases: the first one counts. */
                if (json_is_null(value) || seen & (1u << (field - fields)) || !field_counts(reader, field))
                        continue;
                seen |= 1u << (field - fields);
                mark = reader_enter_field(reader, field->name);
                field->read(reader, value, to);
                reader_leave(reader, mark);
                if (reader->r)
                        return;
        }
}

bool reader_expect(struct reader *reader, const json_t *value, bool is, const char *what) {
        char shown[READER_SHOWN];

        if (is)
                return true;
        reader_bad(reader, "%s is not %s", json_show(value, shown, sizeof(shown)), what);
        return false;
}

const char *reader_text(struct reader *reader, const json_t *value, const char *what) {
        if (!reader_expect(reader, value, json_is_string(value) && !json_is_number_text(value), what))
                return NULL;
        return json_string_value(value);
}

bool reader_number(struct reader *reader, const json_t *value, uint64_t max, uint64_t *ret) {
        char shown[READER_SHOWN];

        json_show(value, shown, sizeof(shown));
        switch (json_uint64(value, ret)) {
        case JSON_NUMBER_OTHER:
                reader_bad(reader, "%s is not a number", shown);
                return false;
        case JSON_NUMBER_NEGATIVE:
                reader_bad(reader, "%s is negative; write it as an unsigned number up to %llu", shown,
                           (unsigned long long)max);
                return false;
        case JSON_NUMBER_FRACTION:
                reader_bad(reader, "%s is not written as a whole number; use digits only", shown);
                return false;
        case JSON_NUMBER_OK:
                if (*ret <= max)
                        return true;
                /* fallthrough */
        case JSON_NUMBER_LARGE:
                reader_bad(reader, "%s is too large; at most %llu", shown, (unsigned long long)max);
                return false;
        }
        return false;
}

void reader_keep_text(struct reader *reader, const json_t *value, char **to) {
        const char *text = reader_text(reader, value, "a string");

        if (!text || !*text)
                return;
        free(*to);
        *to = strdup(text);
        if (!*to)
                reader_fail(reader, error_origin(-ENOMEM));
}

bool reader_missing(const json_t *object, const char *field) {
        const char *key;
        json_t *value;

        json_object_foreach((json_t *)object, key,
                            value) if (!strcasecmp(key, field) && !json_is_null(value)) return false;
        return true;
}
