/* SPDX-License-Identifier: Apache-2.0 */

/* Values of a configuration by rows of keys. Whatever is wrong is a sentence; a good value goes to where the
 * row says. */

#include "supervisor/service/config_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define KEYS_MAX 32

void config_keep(char **to, char *text) {
        free(*to);
        *to = text;
}

static void read_key(struct config_reader *reader, const char *key, const json_t *value,
                     const struct config_keys *keys, char *to) {
        struct reader_mark mark = reader_enter_key(&reader->base, value, key);
        const char *names[KEYS_MAX];
        size_t index;

        for (size_t i = 0; i < keys->n; i++)
                names[i] = keys->rows[i].name;
        if (reader_knows_key(&reader->base, key, value, names, keys->n, &index)) {
                const struct config_key *row = &keys->rows[index];

                if (row->read)
                        row->read(reader, value, to + row->offset);
                else
                        config_read_keys(reader, value, row->below, to + row->offset);
        }
        reader_leave_value(&reader->base, mark);
}

void config_read_keys(struct config_reader *reader, const json_t *value, const struct config_keys *keys,
                      void *to) {
        const char *key;
        json_t *item;

        if (!reader_expect(&reader->base, value, json_is_object(value), keys->what))
                return;
        json_object_foreach((json_t *)value, key, item) {
                read_key(reader, key, item, keys, to);
                if (reader->base.r)
                        return;
        }
}

void config_each(struct config_reader *reader, const json_t *value,
                 void (*read)(struct config_reader *reader, const json_t *value, void *to), void *to) {
        json_t *item;
        size_t i;

        if (!json_is_array(value)) {
                read(reader, value, to);
                return;
        }
        json_array_foreach(value, i, item) {
                struct reader_mark mark = reader_enter_value(&reader->base, item, "[%zu]", i);

                read(reader, item, to);
                reader_leave_value(&reader->base, mark);
                if (reader->base.r)
                        return;
        }
}

bool config_is_off(const json_t *value) {
        const char *text = json_string_value(value);

        return json_is_false(value) || (text && strcmp(text, "off") == 0);
}

void config_text(struct config_reader *reader, const json_t *value, void *to) {
        char *text = reader_copy_text(&reader->base, value, "a text");

        if (text)
                config_keep(to, text);
}

void config_path(struct config_reader *reader, const json_t *value, void *to) {
        char *text = reader_copy_text(&reader->base, value, "a path"), *path = text;

        if (!text)
                return;
        if (*text != '/') {
                if (asprintf(&path, "%s/%s", reader->folder, text) < 0) {
                        path = NULL;
                        reader_fail(&reader->base, error_origin(-ENOMEM));
                }
                free(text);
        }
        if (path)
                config_keep(to, path);
}

void config_flag(struct config_reader *reader, const json_t *value, void *to) {
        reader_flag(&reader->base, value, to);
}

void config_time_or_0(struct config_reader *reader, const json_t *value, void *to) {
        int64_t ns;

        if (reader_duration(&reader->base, value, false, &ns))
                *(uint64_t *)to = (uint64_t)ns;
}

void config_time(struct config_reader *reader, const json_t *value, void *to) {
        int64_t ns;

        if (!reader_duration(&reader->base, value, false, &ns))
                return;
        if (ns < 10000000)
                config_bad(reader, "is too short; write 10ms or more");
        else
                *(uint64_t *)to = (uint64_t)ns;
}

void config_size(struct config_reader *reader, const json_t *value, void *to) {
        reader_size(&reader->base, value, to);
}

static bool count(struct config_reader *reader, const json_t *value, void *to) {
        uint64_t number;

        if (!reader_number(&reader->base, value, 10000000, &number))
                return false;
        *(unsigned *)to = (unsigned)number;
        return true;
}

void config_count_or_0(struct config_reader *reader, const json_t *value, void *to) {
        count(reader, value, to);
}

void config_count(struct config_reader *reader, const json_t *value, void *to) {
        if (count(reader, value, to) && *(unsigned *)to == 0)
                config_bad(reader, "0 would let nothing in; write 1 or more");
}

bool config_word(struct config_reader *reader, const json_t *value, const struct config_word *words,
                 size_t n, int *ret) {
        char shown[READER_SHOWN], hint[READER_HINT], what[160] = "";
        const char *names[16], *text;
        size_t length = 0;

        for (size_t i = 0; i < n; i++) {
                names[i] = words[i].word;
                length += (size_t)snprintf(what + length, sizeof(what) - length, "%s%s",
                                           i == 0       ? ""
                                           : i + 1 == n ? " or "
                                                        : ", ",
                                           words[i].word);
        }
        text = reader_text(&reader->base, value, what);
        if (!text)
                return false;
        for (size_t i = 0; i < n; i++)
                if (strcmp(text, words[i].word) == 0) {
                        *ret = words[i].means;
                        return true;
                }
        config_bad(reader, "%s is not %s%s", reader_quote(text, shown, sizeof(shown)), what,
                   reader_hint(hint, sizeof(hint), diag_nearest(text, names, n)));
        return false;
}
