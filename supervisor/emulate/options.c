/* SPDX-License-Identifier: Apache-2.0 */

/* Options of emulations, in the JSON they came in. A struct option is a jansson value that is never counted
 * or changed, so any number of threads may read. */

#include "supervisor/emulate/options.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "policy/native/quantity.h"

struct options {
        json_t *root;
        char *error;
        size_t n_error;
};

static const json_t *json_of(const struct option *option) {
        return (const json_t *)option;
}

int options_new(const char *json, char *error, size_t n_error, struct options **ret) {
        struct options *options = calloc(1, sizeof(*options));

        if (!options)
                return error_origin(-ENOMEM);
        options->error = error;
        options->n_error = n_error;
        options->root = json ? json_loads(json, JSON_REJECT_DUPLICATES, NULL) : json_object();
        if (!json_is_object(options->root)) {
                int r = json ? options_wrong(options, "options are not a JSON object") : -ENOMEM;

                options_free(options);
                return error_origin(r);
        }
        *ret = options;
        return 0;
}

struct options *options_free(struct options *options) {
        if (!options)
                return NULL;
        json_decref(options->root);
        free(options);
        return NULL;
}

int options_wrong(const struct options *options, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        if (options->error && options->n_error > 0)
                vsnprintf(options->error, options->n_error, format, arguments);
        va_end(arguments);
        return -EINVAL;
}

/* ---- values ---- */

size_t option_n(const struct option *option) {
        if (!option)
                return 0;
        if (json_is_array(json_of(option)))
                return json_array_size(json_of(option));
        return json_is_object(json_of(option)) ? json_object_size(json_of(option)) : 1;
}

const struct option *option_at(const struct option *option, size_t i, const char **ret_key) {
        json_t *json = (json_t *)option;
        void *entry;

        if (ret_key)
                *ret_key = NULL;
        if (json_is_array(json))
                return (const struct option *)json_array_get(json, i);
        if (!json_is_object(json))
                return option;
        for (entry = json_object_iter(json); entry && i > 0; i--)
                entry = json_object_iter_next(json, entry);
        if (entry && ret_key)
                *ret_key = json_object_iter_key(entry);
        return entry ? (const struct option *)json_object_iter_value(entry) : NULL;
}

const char *option_text(const struct option *option) {
        return json_string_value(json_of(option));
}

int option_number(const struct option *option, int64_t *ret) {
        if (!json_is_integer(json_of(option)))
                return -EINVAL;
        *ret = json_integer_value(json_of(option));
        return 0;
}

int option_flag(const struct option *option, bool *ret) {
        if (!json_is_boolean(json_of(option)))
                return -EINVAL;
        *ret = json_is_true(json_of(option));
        return 0;
}

int option_size(const struct option *option, uint64_t *ret_bytes) {
        const char *text = option_text(option);
        int64_t number;

        if (text)
                return quantity_size(text, ret_bytes) ? -EINVAL : 0;
        if (option_number(option, &number) || number < 0)
                return -EINVAL;
        *ret_bytes = (uint64_t)number;
        return 0;
}

int option_duration(const struct option *option, int64_t *ret_ns) {
        const json_t *json = json_of(option);
        const char *text = option_text(option);
        double seconds;

        if (text)
                return quantity_duration(text, ret_ns) ? -EINVAL : 0;
        if (json_is_integer(json))
                return __builtin_mul_overflow((int64_t)json_integer_value(json), 1000000000, ret_ns)
                               ? -EINVAL
                               : 0;
        seconds = json_is_real(json) ? json_real_value(json) : 1e300;
        if (seconds < -9e9 || seconds > 9e9)
                return -EINVAL;
        *ret_ns = (int64_t)(seconds * 1e9);
        return 0;
}

/* ---- by name ---- */

const struct option *options_get(const struct options *options, const char *name) {
        return (const struct option *)json_object_get(options->root, name);
}

bool options_has(const struct options *options, const char *name) {
        return options_get(options, name) != NULL;
}

/* r of a reader above; expected says what would be right. */
static int named(const struct options *options, const char *name, int r, const char *expected) {
        const json_t *json = json_of(options_get(options, name));
        char *text;

        if (r == 0)
                return 0;
        text = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT);
        r = options_wrong(options, "%s is %.200s: expected %s", name, text ? text : "something else",
                          expected);
        free(text);
        return r;
}

int options_text(const struct options *options, const char *name, const char **ret) {
        const struct option *option = options_get(options, name);
        const char *text = option_text(option);

        if (!option)
                return 0;
        if (!text)
                return named(options, name, -EINVAL, "a text");
        *ret = text;
        return 0;
}

int options_number(const struct options *options, const char *name, int64_t *ret) {
        const struct option *option = options_get(options, name);

        return option ? named(options, name, option_number(option, ret), "a whole number") : 0;
}

int options_flag(const struct options *options, const char *name, bool *ret) {
        const struct option *option = options_get(options, name);

        return option ? named(options, name, option_flag(option, ret), "true or false") : 0;
}

int options_size(const struct options *options, const char *name, uint64_t *ret_bytes) {
        const struct option *option = options_get(options, name);

        return option ? named(options, name, option_size(option, ret_bytes), "a size such as \"512M\"") : 0;
}

int options_duration(const struct options *options, const char *name, int64_t *ret_ns) {
        const struct option *option = options_get(options, name);

        return option ? named(options, name, option_duration(option, ret_ns),
                              "a duration such as \"30d\" or \"1h30m\"")
                      : 0;
}
