/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a policy: the one that was named and those that it includes, as trees. A file that is
 * included twice counts once, where it came first; one that includes itself is refused.
 *
 * What must stay true: files, depth, bytes and values of all files together are bounded, whatever they hold.
 */

#include "policy/native/read_policy.h"

#include "base/buf.h"
#include "base/error.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX 8

/* A file on the way from the first one to the one being read. */
struct way {
        const struct way *from;
        const char *real;
        unsigned depth;
};

static size_t count_values(const json_t *value) {
        size_t n = 1, i;
        const char *key;
        json_t *item;

        json_array_foreach(value, i, item) n += count_values(item);
        json_object_foreach((json_t *)value, key, item) n += count_values(item);
        return n;
}

static void add_places(struct policy_reader *reader, const struct json_place *places, size_t n) {
        struct policy_parts *parts = &reader->parts;
        struct json_place *grown;

        if (!n)
                return;
        grown = reallocarray(parts->places, parts->n_places + n, sizeof(*grown));
        if (!grown) {
                reader_fail(&reader->base, error_origin(-ENOMEM));
                return;
        }
        memcpy(grown + parts->n_places, places, n * sizeof(*grown));
        parts->places = grown;
        parts->n_places += n;
        json_places_sort(parts->places, parts->n_places);
        reader->base.places = parts->places;
        reader->base.n_places = parts->n_places;
}

static void take_document(struct policy_reader *reader, struct json_document *document, json_t **ret) {
        struct policy_parts *parts = &reader->parts;
        const char *wanted =
                parts->alone ? "cases are a list" : "a policy is an object with the field \"rules\"";

        if (!document->root) {
                policy_bad(reader, "the file is empty; %s", wanted);
                return;
        }
        if (!json_is_object(document->root) && !(parts->alone && json_is_array(document->root))) {
                policy_bad(reader, "%s; this is something else", wanted);
                return;
        }
        parts->n_values += count_values(document->root);
        if (parts->n_values > JSON_VALUES_MAX) {
                policy_bad(reader, "more than %d values in all files; no policy is that large",
                           JSON_VALUES_MAX);
                return;
        }
        add_places(reader, document->places, document->n_places);
        *ret = json_incref(document->root);
}

static json_t *read_tree(struct policy_reader *reader, const char *path, const char *bytes, size_t n) {
        struct json_document document = JSON_DOCUMENT_INIT;
        json_t *tree = NULL;

        reader->parts.n_bytes += n;
        if (reader->parts.n_bytes > POLICY_BYTES_MAX)
                policy_bad(reader, "more than %u MiB with all that is included; no policy is that large",
                           POLICY_BYTES_MAX >> 20);
        else if (reader_one_document(&reader->base, path, bytes, n, "a policy", &document))
                take_document(reader, &document, &tree);
        json_document_deinit(&document);
        return tree;
}

static json_t *read_tree_file(struct policy_reader *reader, const char *path) {
        struct buf buf = BUF_INIT(POLICY_BYTES_MAX + 1);
        int r = buf_read_file(&buf, path, POLICY_BYTES_MAX);
        json_t *tree = NULL;

        if (!r)
                tree = read_tree(reader, path, buf.data ? buf.data : "", buf.n);
        else if (r == -EFBIG)
                policy_bad(reader, "longer than %u MiB; no policy is that large", POLICY_BYTES_MAX >> 20);
        else if (r == -ENOMEM)
                reader_fail(&reader->base, error_trace(r));
        else
                policy_bad(reader, "cannot be read: %s", strerror(-r));
        buf_deinit(&buf);
        return tree;
}

static char *folder_of(const char *real, const char *given) {
        char *copy, *folder;

        if (!real)
                return given ? realpath(given, NULL) : getcwd(NULL, 0);
        copy = strdup(real);
        folder = copy ? strdup(dirname(copy)) : NULL;
        free(copy);
        return folder;
}

static void part_deinit(struct policy_part *part) {
        free(part->file);
        free(part->folder);
        free(part->real);
        json_decref(part->tree);
        *part = (struct policy_part){ 0 };
}

static void add_part(struct policy_reader *reader, struct policy_part *part) {
        struct policy_parts *parts = &reader->parts;

        if (parts->n == POLICY_INCLUDES_MAX) {
                policy_bad(reader, "more than %d files; put some of them together", POLICY_INCLUDES_MAX);
                part_deinit(part);
                return;
        }
        parts->items[parts->n++] = *part;
        *part = (struct policy_part){ 0 };
}

static bool is_known(const struct policy_reader *reader, const char *real) {
        for (size_t i = 0; i < reader->parts.n; i++)
                if (reader->parts.items[i].real && !strcmp(reader->parts.items[i].real, real))
                        return true;
        return false;
}

static void read_part(struct policy_reader *reader, const char *path, const char *bytes, size_t n,
                      const struct way *from);

/* A file that is included, seen from the one that includes it. */
static void read_included(struct policy_reader *reader, const struct policy_part *part, const json_t *value,
                          const struct way *way) {
        struct reader *base = &reader->base;
        char shown[READER_SHOWN], place[sizeof(base->place)];
        char *text = NULL, *path = NULL;

        if (!reader_text(&reader->base, value, "the name of a file") ||
            !(text = policy_variables_text(reader, json_string_value(value), false)))
                return;
        reader_quote(text, shown, sizeof(shown));
        if (!*text || strlen(text) >= 4096)
                policy_bad(reader, "%s is not the name of a file", shown);
        else if (way->depth >= DEPTH_MAX)
                policy_bad(reader, "%s is included %d deep; no policy needs that", shown, DEPTH_MAX + 1);
        else if (asprintf(&path, "%s%s%s", *text == '/' ? "" : part->folder, *text == '/' ? "" : "/", text) <
                 0) {
                path = NULL;
                reader_fail(&reader->base, error_origin(-ENOMEM));
        } else if (access(path, R_OK)) {
                policy_bad(reader, "%s cannot be read: %s", shown, strerror(errno));
        } else {
                struct reader_mark mark = { base->n_place, base->line, base->column };

                memcpy(place, base->place, sizeof(place));
                read_part(reader, path, NULL, 0, way);
                memcpy(base->place, place, sizeof(place));
                policy_leave(reader, mark);
        }
        free(path);
        free(text);
}

static void read_includes(struct policy_reader *reader, const struct policy_part *part,
                          const struct way *way) {
        const json_t *value = json_object_get(part->tree, "include");
        struct reader_mark mark;
        json_t *item;
        size_t i;

        if (!value || json_is_null(value) || reader->parts.resolved)
                return;
        mark = policy_enter_field(reader, value, "include");
        if (json_is_string(value))
                read_included(reader, part, value, way);
        else if (reader_expect(&reader->base, value, json_is_array(value), "a list of files"))
                json_array_foreach(value, i, item) {
                        struct reader_mark inner = policy_enter(reader, item, "[%zu]", i);

                        read_included(reader, part, item, way);
                        policy_leave(reader, inner);
                }
        policy_leave(reader, mark);
}

static void fill_part(struct policy_reader *reader, struct policy_part *part, const struct way *from) {
        struct way way = { .from = from, .real = part->real, .depth = from ? from->depth + 1 : 0 };
        const json_t *resolved = json_object_get(part->tree, "resolved");
        const json_t *variables = json_object_get(part->tree, "variables");

        if (!from)
                reader->parts.resolved = reader->parts.alone || (resolved && !json_is_null(resolved));
        if (!reader->parts.resolved && variables && !json_is_null(variables)) {
                struct reader_mark mark = policy_enter_field(reader, variables, "variables");

                policy_variables_take(reader, variables);
                policy_leave(reader, mark);
        }
        part->order = reader->parts.n_loaded++;
        if (!reader->parts.alone && !reader->base.r)
                read_includes(reader, part, &way);
}

/* The places of what came before are no places of this file. */
static void read_part(struct policy_reader *reader, const char *path, const char *bytes, size_t n,
                      const struct way *from) {
        struct policy_part part = { 0 };
        bool is_stream = path && !strcmp(path, "-");
        char shown[READER_SHOWN];

        if (path && !is_stream && !(part.real = realpath(path, NULL)) && errno == ENOMEM) {
                reader_fail(&reader->base, error_origin(-ENOMEM));
                return;
        }
        for (const struct way *way = from; way && part.real; way = way->from)
                if (way->real && !strcmp(way->real, part.real)) {
                        policy_bad(reader, "%s includes itself", reader_quote(path, shown, sizeof(shown)));
                        free(part.real);
                        return;
                }
        if (part.real && is_known(reader, part.real)) {
                free(part.real);
                return;
        }
        part.file = strdup(is_stream ? "standard input" : path ? path : reader->base.diags->file ?: "policy");
        part.folder = folder_of(part.real, reader->options->folder);
        if (!part.file || !part.folder) {
                reader_fail(&reader->base, error_origin(part.file && errno ? -errno : -ENOMEM));
        } else {
                const char *file = reader->base.diags->file;

                reader->base.diags->file = part.file;
                reader->base.line = reader->base.column = 0;
                reader_leave(&reader->base, 0);
                part.tree = path ? read_tree_file(reader, path) : read_tree(reader, NULL, bytes, n);
                if (part.tree && !reader->base.r)
                        fill_part(reader, &part, from);
                reader->base.diags->file = file;
                if (part.tree && !reader->base.r)
                        add_part(reader, &part);
        }
        part_deinit(&part);
}

void policy_parts_read(struct policy_reader *reader, const char *path, const char *bytes, size_t n) {
        read_part(reader, path, bytes, n, NULL);
        for (size_t i = 0; i < reader->parts.n && !reader->base.r && !reader->parts.resolved; i++) {
                reader->part = &reader->parts.items[i];
                reader->base.diags->file = reader->part->file;
                policy_variables_replace(reader, reader->part->tree);
        }
        add_places(reader, reader->parts.copies, reader->parts.n_copies);
}

void policy_parts_read_alone(struct policy_reader *reader, const char *path, const char *bytes, size_t n) {
        reader->parts.alone = true;
        read_part(reader, path, bytes, n, NULL);
}

void policy_parts_deinit(struct policy_parts *parts) {
        for (size_t i = 0; i < parts->n; i++)
                part_deinit(&parts->items[i]);
        for (size_t i = 0; i < parts->n_variables; i++) {
                free(parts->variables[i].name);
                free(parts->variables[i].value);
        }
        free(parts->variables);
        free(parts->places);
        free(parts->copies);
}
