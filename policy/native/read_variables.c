/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "${name}" and "${env:NAME}" in the strings of a policy. All files of a policy share their variables: the
 * command line wins, then the file that includes, then what it includes.
 *
 * What must stay true: the number of look-ups and the bytes that come out of them are bounded, so that
 * variables of variables cannot make much out of little.
 */

#include "policy/native/read_policy.h"

#include "base/buf.h"
#include "base/error.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define VARIABLES_MAX 1024
#define NAME_MAX_     128
#define DEPTH_MAX     8
#define STEPS_MAX     100000

static bool is_name(const char *text, size_t n) {
        if (!n || n > NAME_MAX_ || isdigit((unsigned char)*text))
                return false;
        for (size_t i = 0; i < n; i++)
                if (!isalnum((unsigned char)text[i]) && !strchr("_-.", text[i]))
                        return false;
        return true;
}

static struct policy_variable *find(const struct policy_parts *parts, const char *name, size_t n) {
        for (size_t i = 0; i < parts->n_variables; i++)
                if (!strncmp(parts->variables[i].name, name, n) && !parts->variables[i].name[n])
                        return &parts->variables[i];
        return NULL;
}

/* The first to say it wins. */
static void add(struct policy_reader *reader, const char *name, size_t n, const char *value, bool given) {
        struct policy_parts *parts = &reader->parts;
        struct policy_variable *variable = find(parts, name, n);

        if (variable) {
                variable->known |= !given;
                return;
        }
        if (parts->n_variables == VARIABLES_MAX) {
                policy_bad(reader, "more than %d variables; no policy needs that many", VARIABLES_MAX);
                return;
        }
        variable = policy_grow(reader, (void **)&parts->variables, &parts->n_variables, sizeof(*variable));
        if (!variable)
                return;
        *variable = (struct policy_variable){
                .name = strndup(name, n), .value = strdup(value), .given = given, .known = !given
        };
        if (!variable->name || !variable->value) {
                free(variable->name);
                free(variable->value);
                parts->n_variables--;
                reader_fail(&reader->base, error_origin(-ENOMEM));
        }
}

void policy_variables_take(struct policy_reader *reader, const json_t *value) {
        char shown[READER_SHOWN], number[READER_SHOWN];
        const char *name;
        json_t *item;

        if (!reader_expect(&reader->base, value, json_is_object(value), "an object of names and texts"))
                return;
        json_object_foreach((json_t *)value, name, item) {
                struct reader_mark mark = policy_enter(reader, item, ".%.64s", name);

                if (!is_name(name, strlen(name)))
                        policy_bad(reader,
                                   "%s is not a name: letters, digits, '_', '-' and '.', not beginning "
                                   "with a digit",
                                   reader_quote(name, shown, sizeof(shown)));
                else if (json_is_integer(item) || json_is_number_text(item))
                        add(reader, name, strlen(name), json_show(item, number, sizeof(number)), false);
                else if (reader_text(&reader->base, item, "a text; put it in quotes"))
                        add(reader, name, strlen(name), json_string_value(item), false);
                policy_leave(reader, mark);
                if (reader->base.r)
                        return;
        }
}

void policy_variables_given(struct policy_reader *reader) {
        for (size_t i = 0; i < reader->options->n_variables; i++) {
                const char *text = reader->options->variables[i];
                const char *equals = strchr(text, '=');
                char shown[READER_SHOWN];

                if (equals && is_name(text, (size_t)(equals - text)))
                        add(reader, text, (size_t)(equals - text), equals + 1, true);
                else
                        policy_bad(reader, "the variable %s is not written as name=value",
                                   reader_quote(text, shown, sizeof(shown)));
        }
}

static const char *nearest(const struct policy_parts *parts, const char *name, bool known) {
        const char *names[VARIABLES_MAX];
        size_t n = 0;

        for (size_t i = 0; i < parts->n_variables; i++)
                if (!known || parts->variables[i].known)
                        names[n++] = parts->variables[i].name;
        return diag_nearest(name, names, n);
}

void policy_variables_doubt(struct policy_reader *reader) {
        const struct policy_parts *parts = &reader->parts;
        char shown[READER_SHOWN], hint[READER_HINT];

        /* The text of a policy that was read already asks for none. */
        for (size_t i = 0; i < parts->n_variables && !parts->resolved; i++) {
                const struct policy_variable *variable = &parts->variables[i];

                if (!variable->given || variable->known)
                        continue;
                reader_warn(&reader->base, "policy-variable",
                            "the variable %s is given, and nothing asks for it%s",
                            reader_quote(variable->name, shown, sizeof(shown)),
                            reader_hint(hint, sizeof(hint), nearest(parts, variable->name, true)));
        }
}

/* What is written on the way; depth: variables in variables. */
struct replacement {
        struct policy_reader *reader;
        struct buf text;
        bool captures;
        bool failed;
};

static void put(struct replacement *to, const char *text, size_t n, bool is_value) {
        for (size_t i = 0; i < n; i++) {
                if (is_value && to->captures && text[i] == '$')
                        buf_putc(&to->text, '$');
                buf_putc(&to->text, text[i]);
        }
}

static void complain_unknown(struct replacement *to, const char *name, size_t n) {
        char shown[READER_SHOWN], hint[READER_HINT], text[NAME_MAX_ + 1];

        snprintf(text, sizeof(text), "%.*s", (int)n, name);
        policy_bad(to->reader, "no variable is called %s%s", reader_quote(text, shown, sizeof(shown)),
                   reader_hint(hint, sizeof(hint), nearest(&to->reader->parts, text, false)));
}

static void replace(struct replacement *to, const char *text, bool is_value, unsigned depth);

static void put_variable(struct replacement *to, const char *name, size_t n, unsigned depth) {
        struct policy_variable *variable;
        char text[NAME_MAX_ + 1], shown[READER_SHOWN];
        const char *value;

        snprintf(text, sizeof(text), "%.*s", (int)n, name);
        to->failed = true;
        if (++to->reader->parts.n_steps > STEPS_MAX) {
                policy_bad(to->reader, "more than %d variables are replaced; no policy needs that",
                           STEPS_MAX);
        } else if (n > 4 && !strncmp(name, "env:", 4)) {
                value = n <= NAME_MAX_ ? getenv(text + 4) : NULL;
                to->failed = !value;
                if (value)
                        put(to, value, strlen(value), true);
                else
                        policy_bad(to->reader, "the environment has no %s",
                                   reader_quote(text + 4, shown, sizeof(shown)));
        } else if (!is_name(name, n)) {
                policy_bad(to->reader, "${%s} is not the name of a variable; write $$ for a dollar",
                           reader_quote(text, shown, sizeof(shown)));
        } else if (!(variable = find(&to->reader->parts, name, n))) {
                complain_unknown(to, name, n);
        } else if (depth == DEPTH_MAX) {
                policy_bad(to->reader, "the variable %s leads to others more than %d deep, or to itself",
                           reader_quote(text, shown, sizeof(shown)), DEPTH_MAX);
        } else {
                to->failed = false;
                variable->known = true;
                replace(to, variable->value, true, depth + 1);
        }
}

/* A dollar in front of anything but '{' and '$' is just one: "~^/etc/.*$", "$1". */
static void replace(struct replacement *to, const char *text, bool is_value, unsigned depth) {
        while (*text && !to->failed && !buf_error(&to->text)) {
                size_t n = strcspn(text, "$");
                const char *end;

                put(to, text, n, false);
                text += n;
                if (!*text)
                        return;
                if (text[1] == '{' && (end = strchr(text, '}'))) {
                        put_variable(to, text + 2, (size_t)(end - text) - 2, depth);
                        text = end + 1;
                } else if (text[1] == '$') {
                        put(to, "$$", to->captures ? 2 : 1, false);
                        text += 2;
                } else {
                        put(to, "$", 1, is_value);
                        text++;
                }
        }
}

char *policy_variables_text(struct policy_reader *reader, const char *text, bool captures) {
        struct policy_parts *parts = &reader->parts;
        struct replacement to = {
                .reader = reader,
                .text = BUF_INIT(POLICY_BYTES_MAX - parts->n_made + 1),
                .captures = captures,
        };
        char *ret = NULL;

        replace(&to, text, false, 0);
        if (buf_error(&to.text) == -ENOMEM)
                reader_fail(&reader->base, error_origin(-ENOMEM));
        else if (buf_error(&to.text))
                policy_bad(reader, "more than %u MiB of text out of variables; no policy is that large",
                           POLICY_BYTES_MAX >> 20);
        else if (!to.failed && !(ret = strdup(buf_string(&to.text))))
                reader_fail(&reader->base, error_origin(-ENOMEM));
        else
                parts->n_made += to.text.n;
        /* The sum is spent: whatever comes next says so as well, which ends after some sentences. */
        if (parts->n_made > POLICY_BYTES_MAX)
                parts->n_made = POLICY_BYTES_MAX;
        buf_deinit(&to.text);
        return ret;
}

/* A value that aliases of YAML share would be replaced as often as it is named. */
static json_t *unshared(struct policy_reader *reader, json_t *value) {
        const struct json_place *place;
        json_t *copy;

        if (value->refcount <= 1 || json_is_null(value) || json_is_boolean(value))
                return NULL;
        copy = json_copy(value);
        place = json_place_of(reader->parts.places, reader->parts.n_places, value);
        if (!copy || (place && json_places_add(&reader->parts.copies, &reader->parts.n_copies, copy,
                                               place->line, place->column)))
                reader_fail(&reader->base, error_origin(-ENOMEM));
        return copy;
}

static void replace_in(struct policy_reader *reader, json_t *value, const char *key);

static void replace_items(struct policy_reader *reader, json_t *array, const char *key) {
        size_t i;
        json_t *item, *own;

        json_array_foreach(array, i, item) {
                struct reader_mark mark = policy_enter(reader, item, "[%zu]", i);

                own = unshared(reader, item);
                replace_in(reader, own ? own : item, key);
                if (own && json_array_set_new(array, i, own))
                        reader_fail(&reader->base, error_origin(-ENOMEM));
                policy_leave(reader, mark);
                if (reader->base.r)
                        return;
        }
}

static void replace_fields(struct policy_reader *reader, json_t *object) {
        bool is_top = !reader->base.n_place;
        const char *key;
        json_t *item, *own;

        json_object_foreach(object, key, item) {
                struct reader_mark mark;

                if (is_top && (!strcmp(key, "variables") || !strcmp(key, "include")))
                        continue;
                mark = policy_enter(reader, item, is_top ? "%.64s" : ".%.64s", key);
                own = unshared(reader, item);
                replace_in(reader, own ? own : item, key);
                if (own && json_object_set_new(object, key, own))
                        reader_fail(&reader->base, error_origin(-ENOMEM));
                policy_leave(reader, mark);
                if (reader->base.r)
                        return;
        }
}

static void replace_in(struct policy_reader *reader, json_t *value, const char *key) {
        if (json_is_object(value)) {
                replace_fields(reader, value);
        } else if (json_is_array(value)) {
                replace_items(reader, value, key);
        } else if (json_is_string(value) && !json_is_number_text(value) &&
                   strchr(json_string_value(value), '$')) {
                char *text = policy_variables_text(reader, json_string_value(value),
                                                   key && !strcmp(key, "redirect"));

                if (text && json_string_set(value, text))
                        policy_bad(reader, "the variables make a text that is not UTF-8");
                free(text);
        }
}

void policy_variables_replace(struct policy_reader *reader, json_t *tree) {
        replace_in(reader, tree, NULL);
}
