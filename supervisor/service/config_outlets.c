/* SPDX-License-Identifier: Apache-2.0 */

/* `events.outlets`: where events go. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "supervisor/service/config_read.h"

#define OUTLETS_MAX    32
#define SHARED_KEY_MAX 4096
#define SECOND         UINT64_C(1000000000)
#define MIB            (UINT64_C(1) << 20)

static void read_what(struct config_reader *reader, const json_t *value, void *to) {
        static const struct config_word words[] = { { "all", 0 }, { "refusals", 1 } };
        int only;

        if (config_word(reader, value, words, 2, &only))
                *(bool *)to = only;
}

static void read_format(struct config_reader *reader, const json_t *value, void *to) {
        static const struct config_word words[] = { { "msgpack", 0 }, { "json", 1 } };
        int json;

        if (config_word(reader, value, words, 2, &json))
                *(bool *)to = json;
}

static void read_address(struct config_reader *reader, const json_t *value, void *to) {
        char *text = reader_copy_text(&reader->base, value, "an address, such as \"tcp:127.0.0.1:24224\"");
        const char *port = text ? strrchr(text, ':') : NULL;
        char shown[READER_SHOWN], *end = NULL;
        unsigned long number;

        if (!text)
                return;
        config_keep(to, text);
        if (strncmp(text, "unix:/", 6) == 0)
                return;
        number = strncmp(text, "tcp:", 4) == 0 && port > text + 4 ? strtoul(port + 1, &end, 10) : 0;
        if (number == 0 || number > 65535 || *end)
                config_bad(reader, "%s is not an address; write \"tcp:HOST:PORT\" or \"unix:/path\"",
                           reader_quote(text, shown, sizeof(shown)));
}

static void read_key_file(struct config_reader *reader, const json_t *value, void *to) {
        struct buf buf = BUF_INIT(SHARED_KEY_MAX + 1);
        char *path = NULL, shown[READER_SHOWN];
        int r;

        config_path(reader, value, &path);
        if (!path)
                return;
        r = buf_read_file(&buf, path, SHARED_KEY_MAX);
        if (r) {
                config_bad(reader, "%s cannot be read: %s", reader_quote(path, shown, sizeof(shown)),
                           strerror(-r));
        } else {
                size_t n = strcspn(buf_string(&buf), "\r\n");

                if (n == 0)
                        config_bad(reader, "the first line of %s is empty; it is the key",
                                   reader_quote(path, shown, sizeof(shown)));
                config_keep(to, strndup(buf_string(&buf), n));
        }
        buf_deinit(&buf);
        free(path);
}

static void read_shared_key(struct config_reader *reader, const json_t *value, void *to) {
        struct stat status;

        config_text(reader, value, to);
        if (reader->config->path && stat(reader->config->path, &status) == 0 && status.st_mode & S_IROTH)
                config_warn(reader, "open-key",
                            "everybody on this machine can read this file and so the key; chmod o-r, or "
                            "write shared-key-file");
}

static const struct config_key rotate_rows[] = {
        { "size", config_size, offsetof(struct config_outlet, rotate_bytes), NULL },
        { "age", config_time_or_0, offsetof(struct config_outlet, rotate_ns), NULL },
        { "count", config_count_or_0, offsetof(struct config_outlet, rotate_count), NULL },
};
static const struct config_keys rotate_keys = CONFIG_KEYS("an object with size, age and count", rotate_rows);

#define COMMON_ROWS                                                                                         \
        { "name", config_text, offsetof(struct config_outlet, name), NULL }, {                              \
                "what", read_what, offsetof(struct config_outlet, only_refusals), NULL                      \
        }

static const struct config_key file_rows[] = {
        { "path", config_path, offsetof(struct config_outlet, path), NULL },
        { "format", read_format, offsetof(struct config_outlet, json), NULL },
        { "rotate", NULL, 0, &rotate_keys },
        COMMON_ROWS,
};
static const struct config_keys file_keys =
        CONFIG_KEYS("an object with path, format, rotate, name and what", file_rows);

static const struct config_key journal_rows[] = { COMMON_ROWS };
static const struct config_keys journal_keys = CONFIG_KEYS("an object with name and what", journal_rows);

static const struct config_key buffer_rows[] = {
        { "path", config_path, offsetof(struct config_outlet, buffer_path), NULL },
        { "size", config_size, offsetof(struct config_outlet, buffer_bytes), NULL },
};
static const struct config_keys buffer_keys = CONFIG_KEYS("an object with path and size", buffer_rows);

static const struct config_key chunk_rows[] = {
        { "size", config_size, offsetof(struct config_outlet, chunk_bytes), NULL },
        { "age", config_time, offsetof(struct config_outlet, flush_ns), NULL },
};
static const struct config_keys chunk_keys = CONFIG_KEYS("an object with size and age", chunk_rows);

static const struct config_key forward_rows[] = {
        { "address", read_address, offsetof(struct config_outlet, address), NULL },
        { "tag", config_text, offsetof(struct config_outlet, tag), NULL },
        { "acknowledge", config_flag, offsetof(struct config_outlet, acknowledge), NULL },
        { "acknowledge-wait", config_time, offsetof(struct config_outlet, ack_ns), NULL },
        { "buffer", NULL, 0, &buffer_keys },
        { "chunk", NULL, 0, &chunk_keys },
        { "shared-key", read_shared_key, offsetof(struct config_outlet, shared_key), NULL },
        { "shared-key-file", read_key_file, offsetof(struct config_outlet, shared_key), NULL },
        COMMON_ROWS,
};
static const struct config_keys forward_keys =
        CONFIG_KEYS("an object with address, tag, acknowledge, buffer and more", forward_rows);

static void read_kind(struct config_reader *reader, const json_t *value, struct config_outlet *outlet,
                      enum config_outlet_kind kind, const struct config_keys *keys) {
        *outlet = (struct config_outlet){
                .kind = kind,
                .rotate_count = 8,
                .acknowledge = true,
                .buffer_bytes = 64 * MIB,
                .chunk_bytes = MIB,
                .flush_ns = SECOND,
                .ack_ns = 60 * SECOND,
        };
        config_read_keys(reader, value, keys, outlet);
        if (kind == CONFIG_OUTLET_FILE && !outlet->path)
                config_bad(reader, "lacks \"path\"");
        if (kind == CONFIG_OUTLET_FORWARD && !outlet->address)
                config_bad(reader, "lacks \"address\"");
        if (kind == CONFIG_OUTLET_FORWARD && !outlet->tag) {
                outlet->tag = strdup("callgate");
                if (!outlet->tag)
                        reader_fail(&reader->base, error_origin(-ENOMEM));
        }
        if (outlet->rotate_bytes && outlet->rotate_bytes < 4096)
                config_bad(reader, "rotate.size is too small; write 4K or more, or 0 for never");
        if (kind == CONFIG_OUTLET_FORWARD && outlet->chunk_bytes < 1024)
                config_bad(reader, "chunk.size is too small; write 1K or more");
        if (kind == CONFIG_OUTLET_FORWARD && outlet->buffer_bytes < outlet->chunk_bytes)
                config_bad(reader, "buffer.size is smaller than one chunk (chunk.size)");
}

static void read_file(struct config_reader *reader, const json_t *value, void *to) {
        read_kind(reader, value, to, CONFIG_OUTLET_FILE, &file_keys);
}

static void read_journal(struct config_reader *reader, const json_t *value, void *to) {
        read_kind(reader, value, to, CONFIG_OUTLET_JOURNAL, &journal_keys);
}

static void read_forward(struct config_reader *reader, const json_t *value, void *to) {
        read_kind(reader, value, to, CONFIG_OUTLET_FORWARD, &forward_keys);
}

static const struct config_key outlet_rows[] = {
        { "file", read_file, 0, &file_keys },
        { "journal", read_journal, 0, &journal_keys },
        { "forward", read_forward, 0, &forward_keys },
};
const struct config_keys config_outlet_keys =
        CONFIG_KEYS("an object with file, journal or forward", outlet_rows);

static bool name_is_taken(const struct config *config, const struct config_outlet *but, const char *name) {
        for (size_t i = 0; i < config->n_outlets; i++)
                if (&config->outlets[i] != but && config->outlets[i].name &&
                    strcmp(config->outlets[i].name, name) == 0)
                        return true;
        return false;
}

/* "file", "file-2", …: the first that no outlet before it has. */
static void name_outlet(struct config_reader *reader, struct config_outlet *outlet) {
        static const char *const kinds[] = { "file", "journal", "forward" };
        char name[32], shown[READER_SHOWN];

        if (outlet->name) {
                if (name_is_taken(reader->config, outlet, outlet->name))
                        config_bad(reader, "%s is the name of another outlet as well",
                                   reader_quote(outlet->name, shown, sizeof(shown)));
                return;
        }
        snprintf(name, sizeof(name), "%s", kinds[outlet->kind]);
        for (unsigned i = 2; name_is_taken(reader->config, outlet, name); i++)
                snprintf(name, sizeof(name), "%s-%u", kinds[outlet->kind], i);
        outlet->name = strdup(name);
        if (!outlet->name)
                reader_fail(&reader->base, error_origin(-ENOMEM));
}

/* The next part of a path that means something; its length, 0 at the end. */
static size_t next_part(const char **at) {
        size_t n = 0;

        for (*at += strspn(*at, "/"); (n = strcspn(*at, "/")) == 1 && **at == '.'; *at += strspn(*at, "/"))
                *at += n;
        return n;
}

static bool is_written_alike(const char *a, const char *b) {
        for (;;) {
                size_t n_a = next_part(&a), n_b = next_part(&b);

                if (n_a != n_b || memcmp(a, b, n_a) != 0)
                        return false;
                if (n_a == 0)
                        return true;
                a += n_a;
                b += n_b;
        }
}

/* Paths of files are absolute. Folders that are not there yet are told by their names alone. */
static bool in_one_folder(const char *a, const char *b) {
        char *folder_a = strndup(a, (size_t)(strrchr(a, '/') - a + 1));
        char *folder_b = strndup(b, (size_t)(strrchr(b, '/') - b + 1));
        struct stat status_a, status_b;
        bool same = folder_a && folder_b && is_written_alike(folder_a, folder_b);

        if (!same && folder_a && folder_b && stat(folder_a, &status_a) == 0 &&
            stat(folder_b, &status_b) == 0)
                same = status_a.st_dev == status_b.st_dev && status_a.st_ino == status_b.st_ino;
        free(folder_a);
        free(folder_b);
        return same;
}

/* Is name what an older file of the outlet is called: NAME.1 and so on? */
static bool is_older(const struct config_outlet *outlet, const char *name) {
        const char *base = strrchr(outlet->path, '/') + 1;
        size_t n = strlen(base);
        char *end;
        unsigned long number;

        if (strncmp(name, base, n) != 0 || name[n] != '.' || name[n + 1] < '1' || name[n + 1] > '9')
                return false;
        number = strtoul(name + n + 1, &end, 10);
        return !*end && number <= outlet->rotate_count;
}

/* Each would take the other's file for one that a predecessor left, and move it away. */
static void check_path(struct config_reader *reader, const struct config_outlet *outlet) {
        char shown[READER_SHOWN];

        for (size_t i = 0; i < reader->config->n_outlets; i++) {
                const struct config_outlet *other = &reader->config->outlets[i];
                const char *name, *other_name;

                if (other == outlet || other->kind != CONFIG_OUTLET_FILE || !other->path ||
                    !in_one_folder(outlet->path, other->path))
                        continue;
                name = strrchr(outlet->path, '/') + 1;
                other_name = strrchr(other->path, '/') + 1;
                if (strcmp(name, other_name) == 0)
                        config_bad(reader, "the outlet %s writes to %s already; give each a path of its own",
                                   other->name, reader_quote(outlet->path, shown, sizeof(shown)));
                else if (is_older(other, name) || is_older(outlet, other_name))
                        config_bad(reader,
                                   "%s and the path of the outlet %s: older files of the one have the name "
                                   "of the other; choose a name that does not end in a number",
                                   reader_quote(outlet->path, shown, sizeof(shown)), other->name);
        }
}

static void add_outlet(struct config_reader *reader, const json_t *value, void *to) {
        struct config *config = reader->config;
        struct config_outlet *outlet;

        (void)to;
        if (config->n_outlets == OUTLETS_MAX) {
                config_bad(reader, "more than %d outlets", OUTLETS_MAX);
                return;
        }
        outlet = reader_grow(&reader->base, (void **)&config->outlets, &config->n_outlets, sizeof(*outlet));
        if (!outlet)
                return;
        if (json_is_string(value) && strcmp(json_string_value(value), "journal") == 0) {
                outlet->kind = CONFIG_OUTLET_JOURNAL;
        } else if (json_is_object(value) && json_object_size(value) != 1) {
                config_bad(reader, "an item of the list is one outlet: file, journal or forward");
                return;
        } else {
                config_read_keys(reader, value, &config_outlet_keys, outlet);
        }
        name_outlet(reader, outlet);
        if (outlet->kind == CONFIG_OUTLET_FILE && outlet->path)
                check_path(reader, outlet);
}

void config_outlets_deinit(struct config *config) {
        for (size_t i = 0; i < config->n_outlets; i++) {
                struct config_outlet *outlet = &config->outlets[i];

                free(outlet->name);
                free(outlet->path);
                free(outlet->address);
                free(outlet->tag);
                free(outlet->buffer_path);
                free(outlet->shared_key);
        }
        free(config->outlets);
        config->outlets = NULL;
        config->n_outlets = 0;
}

void config_read_outlets(struct config_reader *reader, const json_t *value, void *to) {
        config_outlets_deinit(reader->config);
        if (!config_is_off(value))
                config_each(reader, value, add_outlet, to);
}
