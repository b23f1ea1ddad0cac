/* SPDX-License-Identifier: Apache-2.0 */

/* Values of a policy as people write them: texts, numbers, errors, times and sizes, with a sentence about
 * those that are none. */

#include "policy/native/read_policy.h"

#include "base/error.h"
#include "policy/native/pattern.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERRNO_MAX               4095
#define PATTERN_BYTES_TOTAL_MAX (16u << 20)

void policy_give_up(struct policy_reader *reader, const char *text) {
        policy_bad(reader, "%s", text);
        reader_fail(&reader->base, POLICY_E_INVALID);
}

#define FIELDS_MAX 32

static void read_field(struct policy_reader *reader, const char *key, const json_t *value,
                       const struct policy_field *fields, size_t n, void *to) {
        const char *names[FIELDS_MAX];
        struct reader_mark mark = policy_enter_field(reader, value, key);
        size_t index;

        for (size_t i = 0; i < n; i++)
                names[i] = fields[i].name;
        if (reader_knows_key(&reader->base, key, value, names, n, &index))
                fields[index].read(reader, value, to);
        policy_leave(reader, mark);
}

bool policy_fields(struct policy_reader *reader, const json_t *object, const char *what,
                   const struct policy_field *fields, size_t n, void *to) {
        const char *key;
        json_t *value;

        if (!reader_expect(&reader->base, object, json_is_object(object), what))
                return false;
        json_object_foreach((json_t *)object, key, value) {
                read_field(reader, key, value, fields, n, to);
                if (reader->base.r)
                        break;
        }
        return true;
}

bool policy_each(struct policy_reader *reader, const json_t *value,
                 void (*read)(struct policy_reader *reader, const json_t *value, void *to), void *to) {
        size_t i;
        json_t *item;

        if (!json_is_array(value)) {
                read(reader, value, to);
                return true;
        }
        if (!json_array_size(value)) {
                policy_bad(reader, "the list is empty; leave the field out, or write something");
                return false;
        }
        json_array_foreach(value, i, item) {
                struct reader_mark mark = policy_enter(reader, item, "[%zu]", i);

                read(reader, item, to);
                policy_leave(reader, mark);
                if (reader->base.r)
                        break;
        }
        return true;
}

/* Digits, hexadecimal ones behind 0x, octal ones behind 0o or 0, as C has them. */
static bool number_in(const char *text, uint64_t *ret, bool *ret_negative) {
        bool negative = *text == '-';
        const char *digits = text + negative;
        char *end;

        if (!isdigit((unsigned char)*digits))
                return false;
        errno = 0;
        if (digits[0] == '0' && digits[1] == 'o' && isdigit((unsigned char)digits[2]))
                *ret = strtoull(digits + 2, &end, 8);
        else
                *ret = strtoull(digits, &end, 0);
        *ret_negative = negative && *ret;
        return !errno && !*end && (!negative || *ret <= (uint64_t)INT64_MAX + 1);
}

bool policy_is_number(const json_t *value, uint64_t *ret) {
        bool negative = false;

        if (json_is_integer(value)) {
                *ret = (uint64_t)json_integer_value(value);
                return true;
        }
        if (!json_is_string(value) ||
            !number_in(json_string_value(value) + json_is_number_text(value), ret, &negative))
                return false;
        if (negative)
                *ret = -*ret;
        return true;
}

bool policy_number(struct policy_reader *reader, const json_t *value, uint64_t max, uint64_t *ret) {
        bool negative;

        if (!json_is_string(value) || json_is_number_text(value) ||
            !number_in(json_string_value(value), ret, &negative) || negative || *ret > max)
                return reader_number(&reader->base, value, max, ret);
        return true;
}

bool policy_signed(struct policy_reader *reader, const json_t *value, int64_t *ret) {
        char shown[READER_SHOWN];
        uint64_t number;
        bool negative = false, is;

        if (json_is_integer(value)) {
                *ret = json_integer_value(value);
                return true;
        }
        is = json_is_string(value) &&
             number_in(json_string_value(value) + json_is_number_text(value), &number, &negative);
        if (is && (negative || number <= INT64_MAX)) {
                *ret = negative ? (int64_t)-number : (int64_t)number;
                return true;
        }
        policy_bad(reader, "%s is not a whole number of 64 bits with a sign",
                   json_show(value, shown, sizeof(shown)));
        return false;
}

bool policy_errno(struct policy_reader *reader, const json_t *value, int *ret) {
        const char *names[256], *text;
        char shown[READER_SHOWN], hint[READER_HINT];
        uint64_t number;
        size_t n = 0;

        if (policy_is_number(value, &number)) {
                *ret = (int)number;
                if (number <= ERRNO_MAX)
                        return true;
                policy_bad(reader, "%s is not an error number: 0 to %d",
                           json_show(value, shown, sizeof(shown)), ERRNO_MAX);
                return false;
        }
        text = reader_text(&reader->base, value, "an error, such as EPERM");
        if (!text)
                return false;
        for (int i = 1; i < 256; i++) {
                const char *name = strerrorname_np(i);

                if (!name)
                        continue;
                if (!strcmp(name, text)) {
                        *ret = i;
                        return true;
                }
                names[n++] = name;
        }
        /* Second names of the same numbers. */
        if (!strcmp(text, "EWOULDBLOCK") || !strcmp(text, "EDEADLOCK")) {
                *ret = text[1] == 'W' ? EWOULDBLOCK : EDEADLOCK;
                return true;
        }
        policy_bad(reader, "%s is not the name of an error%s", reader_quote(text, shown, sizeof(shown)),
                   reader_hint(hint, sizeof(hint), diag_nearest(text, names, n)));
        return false;
}

void policy_count_pattern(struct policy_reader *reader, const struct policy_pattern *pattern) {
        reader->n_pattern_bytes += pattern ? pattern_bytes(pattern) : 0;
        if (reader->n_pattern_bytes > PATTERN_BYTES_TOTAL_MAX)
                policy_give_up(reader, "the patterns of all rules together are too large; use fewer, or "
                                       "\"**\" for whole folders");
}

struct policy_pattern *policy_pattern(struct policy_reader *reader, const json_t *value) {
        const char *text = reader_text(&reader->base, value, "a pattern");
        struct policy_pattern *pattern = NULL;
        char error[256] = "", shown[READER_SHOWN];
        int r;

        if (!text)
                return NULL;
        r = pattern_new(text, &pattern, error, sizeof(error));
        if (r == POLICY_E_INVALID)
                policy_bad(reader, "%s: %s", reader_quote(text, shown, sizeof(shown)), error);
        else if (r)
                reader_fail(&reader->base, error_trace(r));
        else
                policy_count_pattern(reader, pattern);
        return r ? NULL : pattern;
}

char *policy_path(struct policy_reader *reader, const json_t *value) {
        char *text = policy_copy_text(reader, value, "the name of a file"), *path;
        const char *relative = text;

        if (!text || *text == '/')
                return text;
        while (!strncmp(relative, "./", 2))
                relative += 2;
        if (asprintf(&path, "%s/%s", reader->part->folder, relative) < 0)
                path = NULL;
        free(text);
        if (!path || json_string_set((json_t *)value, path)) {
                free(path);
                path = NULL;
                policy_bad(reader, "the folder of the policy has a name that is not UTF-8");
        }
        return path;
}
