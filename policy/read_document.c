/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From documents to the object that is the profile. What must stay true: exactly one profile is read, and
 * where there was a choice it is said which one.
 */

#include "policy/read_document.h"

#include "base/buf.h"
#include "base/error.h"
#include "policy/read.h"
#include "policy/read_foreign.h"
#include "policy/read_oci.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUP "security-profiles-operator.x-k8s.io/"

/* What a document is. Of several, the first of the best kind is read: in this order. */
enum kind {
        KIND_SPO,
        KIND_CONFIG_MAP,
        KIND_PROFILE,
        KIND_OCI,
        KIND_OTHER,
};

struct candidate {
        const struct json_document *document;
        const json_t *value;
        enum kind kind;
        size_t number; /* of the document, from 1 */
        size_t item;   /* in a List, from 1; 0 = not in one */
};

static const char *text_of(const json_t *object, const char *field) {
        const json_t *value = json_object_get(object, field);

        return json_is_number_text(value) ? NULL : json_string_value(value);
}

static bool holds_profile(const json_t *data);

static enum kind kind_of(const json_t *value) {
        const char *kind = text_of(value, "kind");

        if (kind && json_object_get(value, "apiVersion")) {
                if (!strcmp(kind, "SeccompProfile"))
                        return KIND_SPO;
                if (!strcmp(kind, "ConfigMap") && holds_profile(json_object_get(value, "data")))
                        return KIND_CONFIG_MAP;
                return KIND_OTHER;
        }
        if (!json_is_object(value))
                return KIND_OTHER;
        if (read_looks_like_profile(value))
                return KIND_PROFILE;
        return json_is_object(json_object_get(json_object_get(value, "linux"), "seccomp")) ? KIND_OCI
                                                                                           : KIND_OTHER;
}

/* "List", "SeccompProfileList": their items, else NULL. */
static const json_t *list_items(const json_t *value) {
        const char *kind = text_of(value, "kind");
        size_t n = kind ? strlen(kind) : 0;
        const json_t *items = json_object_get(value, "items");

        if (n < 4 || strcmp(kind + n - 4, "List") || !json_object_get(value, "apiVersion"))
                return NULL;
        return json_is_array(items) ? items : NULL;
}

/* A ConfigMap's entry that is a profile in JSON, by its looks. */
static bool entry_holds_profile(const json_t *value) {
        const char *text = json_string_value(value);

        if (!text || json_is_number_text(value))
                return false;
        text += strspn(text, " \t\r\n");
        return *text == '{' && (strstr(text, "\"defaultAction\"") || strstr(text, "\"syscalls\"") ||
                                strstr(text, "\"linux\""));
}

static bool holds_profile(const json_t *data) {
        const char *key;
        json_t *value;

        json_object_foreach((json_t *)data, key, value) if (entry_holds_profile(value)) return true;
        return false;
}

/* Keeps the better of two; of equals the first. Counts those that hold a profile. */
static void consider(struct candidate *best, const struct candidate *other, size_t *n_profiles) {
        *n_profiles += other->kind != KIND_OTHER;
        if (!best->value || other->kind < best->kind)
                *best = *other;
}

static struct candidate choose(const struct json_document *documents, size_t n, size_t *ret_n_all,
                               size_t *ret_n_profiles) {
        struct candidate best = { 0 };

        *ret_n_all = *ret_n_profiles = 0;
        for (size_t i = 0; i < n; i++) {
                const json_t *items = list_items(documents[i].root);
                struct candidate candidate = { .document = &documents[i], .number = i + 1 };

                for (size_t j = 0; j < json_array_size(items); j++) {
                        candidate.value = json_array_get(items, j);
                        candidate.kind = kind_of(candidate.value);
                        candidate.item = j + 1;
                        ++*ret_n_all;
                        consider(&best, &candidate, ret_n_profiles);
                }
                if (!items) {
                        candidate.value = documents[i].root;
                        candidate.kind = kind_of(candidate.value);
                        ++*ret_n_all;
                        consider(&best, &candidate, ret_n_profiles);
                }
        }
        return best;
}

static void say_choice(struct reader *reader, const struct candidate *chosen, size_t n_all,
                       size_t n_profiles) {
        const char *name = text_of(json_object_get(chosen->value, "metadata"), "name");
        char shown[READER_SHOWN], place[64];

        if (n_all < 2)
                return;
        if (chosen->item)
                snprintf(place, sizeof(place), "items[%zu]", chosen->item - 1);
        else
                snprintf(place, sizeof(place), "document %zu, line %u", chosen->number,
                         chosen->document->line);
        reader_warn(
                reader, "several-documents",
                "%zu documents are in this file, %zu of them profile%s; read is the first%s%s%s (%s), and "
                "no other",
                n_all, n_profiles, n_profiles == 1 ? "" : "s",
                chosen->kind == KIND_SPO ? " SeccompProfile" : "", name ? ", " : "",
                name ? reader_quote(name, shown, sizeof(shown)) : "", place);
}

static void note_container(struct reader *reader, const char *what, const char *name) {
        struct profile *profile = reader->profile;
        struct buf text = BUF_INIT(4096);

        buf_puts(&text, what);
        if (name) {
                buf_putc(&text, ' ');
                buf_escape(&text, name, strlen(name) > 80 ? 80 : strlen(name));
        }
        reader_fail(reader, profile_set_text(&profile->container, buf_string(&text)));
        reader_fail(reader, profile_set_text(&profile->inside, reader->place));
        buf_deinit(&text);
}

/* A profile or the one in an OCI configuration. */
static void read_plain(struct reader *reader, const json_t *value) {
        const json_t *inside;

        if (kind_of(value) == KIND_PROFILE) {
                read_profile(reader, value);
                return;
        }
        inside = json_object_get(json_object_get(value, "linux"), "seccomp");
        if (!json_is_object(inside)) {
                read_foreign(reader, value);
                return;
        }
        reader_enter_field(reader, "linux.seccomp");
        if (!read_looks_like_profile(inside) || json_object_get(inside, "actions")) {
                read_foreign(reader, inside);
                return;
        }
        note_container(reader, "OCI configuration", NULL);
        read_profile(reader, inside);
}

static const struct json_text *find_text(const struct json_document *document, const json_t *value) {
        for (size_t i = 0; i < document->n_texts; i++)
                if (document->texts[i].value == value)
                        return &document->texts[i];
        return NULL;
}

/* Syntax errors of a text inside of a document: with their place in the file where the text's lines are
 * those of the file, else with their place in the text. */
static int carry_over(struct reader *reader, const struct diags *inner, const struct json_text *text) {
        struct diags *outer = reader->diags;
        int r = 0;

        for (size_t i = 0; !r && i < inner->n; i++) {
                const struct diag *item = &inner->items[i];

                if (item->line && text)
                        r = diag_syntax(outer, text->line + item->line - 1, text->indent + item->column,
                                        "%s", item->text);
                else if (item->line)
                        r = diag_add(outer, item->severity, item->id, reader->place,
                                     "line %u, column %u of this text: %s", item->line, item->column,
                                     item->text);
                else
                        r = diag_add(outer, item->severity, item->id, reader->place, "%s", item->text);
        }
        return r;
}

/* A profile that is a text in a document. */
static void read_nested(struct reader *reader, const json_t *value, const struct json_document *around,
                        const char *name) {
        const struct json_text *text = find_text(around, value);
        const struct json_document *before = reader->document;
        struct json_document document = JSON_DOCUMENT_INIT;
        struct diags diags = DIAGS_INIT;
        int r = json_document_read(json_string_value(value), json_string_length(value), &diags, &document);
        int r_carry = carry_over(reader, &diags, text);

        diags_deinit(&diags);
        if (r || r_carry) {
                reader_fail(reader, r_carry ? r_carry : r);
                return;
        }
        if (!text)
                document.n_lines = 0;
        for (size_t i = 0; i < document.n_lines; i++)
                document.lines[i] += text->line - 1;
        reader->document = &document;
        note_container(reader, "ConfigMap", name);
        read_plain(reader, document.root);
        reader->document = before;
        json_document_deinit(&document);
}

static void read_config_map(struct reader *reader, const struct candidate *candidate) {
        const json_t *data = json_object_get(candidate->value, "data"), *chosen = NULL;
        const char *name = text_of(json_object_get(candidate->value, "metadata"), "name");
        const char *key, *chosen_key = NULL;
        char shown[READER_SHOWN];
        size_t n = 0, mark;
        json_t *value;

        json_object_foreach((json_t *)data, key, value) {
                if (!entry_holds_profile(value))
                        continue;
                if (!n++) {
                        chosen = value;
                        chosen_key = key;
                }
        }
        mark = reader_enter(reader, "%sdata[%s]", candidate->item ? "." : "",
                            reader_quote(chosen_key, shown, sizeof(shown)));
        if (n > 1)
                reader_warn(reader, "several-documents",
                            "%zu profiles are in this ConfigMap; read is the first, and no other", n);
        read_nested(reader, chosen, candidate->document, name);
        reader_leave(reader, mark);
}

static void read_api(struct reader *reader, const json_t *value, void *to) {
        const char *text = reader_text(reader, value, "a version, such as \"" GROUP "v1\"");
        const char *version;
        char shown[READER_SHOWN];

        (void)to;
        if (!text)
                return;
        version = strncmp(text, GROUP, strlen(GROUP)) ? "" : text + strlen(GROUP);
        reader->profile->older_api = !strcmp(version, "v1beta1") || !strcmp(version, "v1alpha1");
        if (!strcmp(version, "v1alpha1"))
                reader_warn(reader, "api-version",
                            "v1alpha1 is no longer served by the operator; write %sv1", GROUP);
        else if (strcmp(version, "v1") && !reader->profile->older_api)
                reader_warn(reader, "api-version",
                            "%s is no version of SeccompProfile that the operator has; write %sv1",
                            reader_quote(text, shown, sizeof(shown)), GROUP);
}

static void read_metadata(struct reader *reader, const json_t *value, void *to) {
        const json_t *name = json_object_get(value, "name");

        (void)to;
        if (!reader_expect(reader, value, json_is_object(value), "an object with name") || !name)
                return;
        reader_enter_field(reader, "name"); /* the caller leaves both */
        reader_keep_text(reader, name, &reader->profile->name);
}

static void read_spec(struct reader *reader, const json_t *value, void *to) {
        (void)to;
        if (reader_expect(reader, value, json_is_object(value), "an object with defaultAction and syscalls"))
                read_profile(reader, value);
}

static void read_ignored(struct reader *reader, const json_t *value, void *to) {
        (void)reader, (void)value, (void)to;
}

static const struct field resource_fields[] = {
        { "apiVersion", read_api, 0 }, { "kind", read_ignored, 0 },   { "metadata", read_metadata, 0 },
        { "spec", read_spec, 0 },      { "status", read_ignored, 0 },
};

static void read_resource(struct reader *reader, const json_t *value) {
        reader->dialects = IN_SPO;
        reader->profile->dialect = DIALECT_SPO;
        reader_fields(reader, value, resource_fields, sizeof(resource_fields) / sizeof(resource_fields[0]),
                      NULL);
        if (reader_missing(value, "spec"))
                reader_bad(reader, "has no spec; add one, with defaultAction and syscalls");
        if (!reader->profile->name)
                reader_warn(reader, "resource-without-name",
                            "has no metadata.name, which Kubernetes asks for");
}

void read_documents(struct reader *reader, const struct json_document *documents, size_t n) {
        size_t n_all, n_profiles;
        struct candidate chosen = choose(documents, n, &n_all, &n_profiles);

        if (!chosen.value) {
                reader_bad(reader,
                           "the file is empty; a profile is an object with defaultAction and syscalls");
                return;
        }
        reader->document = chosen.document;
        say_choice(reader, &chosen, n_all, n_profiles);
        if (chosen.item) {
                reader_enter(reader, "items[%zu]", chosen.item - 1);
                note_container(reader, "List", NULL);
        }
        if (chosen.kind == KIND_SPO && !(reader->dialects & IN_SPO) && reader->dialects != IN_ANY) {
                reader_bad(reader,
                           "this is a SeccompProfile resource, not a profile of the dialect asked for; "
                           "read it as spo");
                return;
        }
        if (chosen.kind != KIND_SPO && reader->dialects == IN_SPO) {
                reader_bad(reader,
                           "this is no SeccompProfile resource: kind and apiVersion of one are missing");
                return;
        }
        if (reader->dialects == IN_ANY && chosen.kind != KIND_SPO)
                reader->dialects = IN_OCI | IN_DOCKER | IN_CONTAINERS;
        switch (chosen.kind) {
        case KIND_SPO:
                read_resource(reader, chosen.value);
                return;
        case KIND_CONFIG_MAP:
                read_config_map(reader, &chosen);
                return;
        case KIND_PROFILE:
        case KIND_OCI:
                read_plain(reader, chosen.value);
                return;
        case KIND_OTHER:
                read_foreign(reader, chosen.value);
                return;
        }
}
