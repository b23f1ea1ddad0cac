/* SPDX-License-Identifier: Apache-2.0 */

/* Values with their places, keys that must be known, and texts, times and sizes as people write them. */

#include "policy/reader_values.h"

#include "base/error.h"
#include "policy/native/quantity.h"
#include "policy/read_yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct reader_mark reader_enter_value(struct reader *reader, const json_t *value, const char *format, ...) {
        struct reader_mark mark = { reader->n_place, reader->line, reader->column };
        const struct json_place *place = json_place_of(reader->places, reader->n_places, value);
        char text[sizeof(reader->place)];
        va_list args;

        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        reader_enter(reader, "%s", text);
        if (place) {
                reader->line = place->line;
                reader->column = place->column;
        }
        return mark;
}

struct reader_mark reader_enter_key(struct reader *reader, const json_t *value, const char *key) {
        return reader_enter_value(reader, value, reader->n_place ? ".%.64s" : "%.64s", key);
}

void reader_leave_value(struct reader *reader, struct reader_mark mark) {
        reader_leave(reader, mark.n);
        reader->line = mark.line;
        reader->column = mark.column;
}

bool reader_knows_key(struct reader *reader, const char *key, const json_t *value, const char *const *names,
                      size_t n, size_t *ret_index) {
        char shown[READER_SHOWN], hint[READER_HINT];

        for (size_t i = 0; i < n; i++) {
                if (strcmp(names[i], key) != 0)
                        continue;
                *ret_index = i;
                if (json_is_null(value))
                        reader_bad(reader, "has no value; write one, or leave the field out");
                return !json_is_null(value);
        }
        reader_bad(reader, "there is no field %s here%s", reader_quote(key, shown, sizeof(shown)),
                   reader_hint(hint, sizeof(hint), diag_nearest(key, names, n)));
        return false;
}

char *reader_copy_text(struct reader *reader, const json_t *value, const char *what) {
        const char *text = reader_text(reader, value, what);
        char *copy;

        if (!text)
                return NULL;
        if (!*text) {
                reader_bad(reader, "is empty; here stands %s", what);
                return NULL;
        }
        copy = strdup(text);
        if (!copy)
                reader_fail(reader, error_origin(-ENOMEM));
        return copy;
}

bool reader_flag(struct reader *reader, const json_t *value, bool *ret) {
        *ret = json_is_true(value);
        return reader_expect(reader, value, json_is_boolean(value), "true or false");
}

bool reader_duration(struct reader *reader, const json_t *value, bool may_be_negative, int64_t *ret) {
        char shown[READER_SHOWN];
        const char *text = json_is_number(value) || json_is_number_text(value)
                                   ? json_show(value, shown, sizeof(shown))
                                   : json_string_value(value);

        if (text && !quantity_duration(text, ret) && (*ret >= 0 || may_be_negative))
                return true;
        reader_bad(reader, "%s is not a time, such as 10ms, 30s, 1h30m or 2d",
                   json_show(value, shown, sizeof(shown)));
        return false;
}

bool reader_size(struct reader *reader, const json_t *value, uint64_t *ret) {
        char shown[READER_SHOWN];
        const char *text = json_is_number(value) || json_is_number_text(value)
                                   ? json_show(value, shown, sizeof(shown))
                                   : json_string_value(value);

        if (text && !quantity_size(text, ret))
                return true;
        reader_bad(reader, "%s is not a size, such as 4096, 512M or 16G",
                   json_show(value, shown, sizeof(shown)));
        return false;
}

void *reader_grow(struct reader *reader, void **items, size_t *n, size_t size) {
        if (!(*n & (*n - 1))) {
                void *grown = reallocarray(*items, *n ? *n * 2 : 1, size);

                if (!grown) {
                        reader_fail(reader, error_origin(-ENOMEM));
                        return NULL;
                }
                *items = grown;
        }
        return memset((char *)*items + size * (*n)++, 0, size);
}

static bool ends_in(const char *path, const char *end) {
        size_t n_path = strlen(path), n_end = strlen(end);

        return n_path > n_end && !strcasecmp(path + n_path - n_end, end);
}

/* By the name, else by the first byte: JSON begins with a bracket, and YAML may be empty. */
static bool is_yaml(const char *path, const char *bytes, size_t n) {
        size_t i = 0;

        if (path && (ends_in(path, ".yaml") || ends_in(path, ".yml")))
                return true;
        if (path && ends_in(path, ".json"))
                return false;
        while (i < n && bytes[i] && strchr(" \t\r\n", bytes[i]))
                i++;
        return i >= n || (bytes[i] != '{' && bytes[i] != '[');
}

static bool read_yaml(struct reader *reader, const char *bytes, size_t n, const char *what,
                      struct json_document *ret) {
        struct yaml_documents documents = YAML_DOCUMENTS_INIT;
        int r = yaml_documents_read_placed(bytes, n, reader->diags, &documents);

        if (r) {
                reader_fail(reader, r);
        } else if (documents.n > 1) {
                reader_bad(reader, "%zu documents; %s is one", documents.n, what);
        } else if (documents.n == 1) {
                *ret = documents.items[0];
                documents.items[0] = JSON_DOCUMENT_INIT;
        }
        r = r ? r : documents.n > 1;
        yaml_documents_deinit(&documents);
        return !r;
}

bool reader_one_document(struct reader *reader, const char *path, const char *bytes, size_t n,
                         const char *what, struct json_document *ret) {
        int r;

        *ret = JSON_DOCUMENT_INIT;
        if (is_yaml(path, bytes, n))
                return read_yaml(reader, bytes, n, what, ret);
        r = json_document_read_placed(bytes, n, reader->diags, ret);
        reader_fail(reader, r);
        return !r;
}
