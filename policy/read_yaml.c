/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libyaml's events to jansson's trees. An alias adds a reference to the node it names, and counts as often
 * as its contents would if they were written there: that bounds what following the tree can cost, whatever
 * aliases of aliases a file holds.
 *
 * What must stay true: no string of a tree begins with read_json.c's mark but numbers, and no part of a
 * file is passed over silently.
 */

#include "policy/read_yaml.h"

#include "base/error.h"
#include "policy/read_scalar.h"
#include "policy/read_yaml_tree.h"
#include "policy/syntax_hint.h"

#include <stdlib.h>
#include <string.h>

#define DIRECTIVES_MAX 64 /* libyaml compares each with all before it */
#define MARK_BYTE      '\x01'

static int on_alias(struct yaml *yaml, const yaml_event_t *event) {
        const char *name = (const char *)event->data.alias.anchor;
        const struct yaml_anchor *anchor = NULL;
        struct yaml_frame *frame = yaml_top(yaml);
        int r;

        for (size_t i = yaml->n_anchors; i-- > 0 && !anchor;)
                if (!strcmp(yaml->anchors[i].name, name))
                        anchor = &yaml->anchors[i];
        if (!anchor)
                return yaml_complain(yaml, &event->start_mark, "no anchor is named %s", name);
        if (!anchor->node)
                return yaml_complain(yaml, &event->start_mark, "the alias %s stands inside of what it names",
                                     name);
        if (frame && json_is_object(frame->node) && !frame->key)
                return yaml_complain(yaml, &event->start_mark, "the alias %s stands in place of a key",
                                     name);
        if (yaml->depth + anchor->height > PROFILE_DEPTH_MAX)
                return yaml_complain(yaml, &event->start_mark,
                                     "nested deeper than 64 levels by the alias %s; a profile has a handful",
                                     name);
        r = yaml_begin_value(yaml, &event->start_mark);
        if (!r)
                r = yaml_count_values(yaml, anchor->n_values - 1, &event->start_mark);
        return r ? r : yaml_end_value(yaml, json_incref(anchor->node), anchor->height, &event->start_mark);
}

/* The kind that a tag demands; false for tags that Kubernetes does not know. */
static bool tagged_kind(const char *tag, enum scalar_kind *kind) {
        enum scalar_kind found = *kind;

        if (!strcmp(tag, YAML_STR_TAG) || !strcmp(tag, "!"))
                *kind = SCALAR_TEXT;
        else if (!strcmp(tag, YAML_INT_TAG))
                return found == SCALAR_INTEGER;
        else if (!strcmp(tag, YAML_FLOAT_TAG))
                return found == SCALAR_FLOAT || found == SCALAR_INTEGER;
        else if (!strcmp(tag, YAML_BOOL_TAG))
                return found == SCALAR_TRUE || found == SCALAR_FALSE;
        else if (!strcmp(tag, YAML_NULL_TAG))
                return found == SCALAR_NULL;
        else
                return false;
        return true;
}

static int refuse_tag(struct yaml *yaml, const yaml_char_t *tag, const yaml_mark_t *mark) {
        char text[64];

        return yaml_complain(yaml, mark, "the tag %s has no meaning here; remove it",
                             yaml_shown((const char *)tag, text, sizeof(text)));
}

/* Notes where the lines of a text written behind "|" stand. */
static int note_text(struct yaml *yaml, const json_t *node, const yaml_event_t *event) {
        struct json_document *document = &yaml->document;
        struct json_text *grown;
        unsigned indent = 0;
        size_t at;

        while (yaml->line <= event->start_mark.line) {
                const char *end = memchr(yaml->bytes + yaml->line_at, '\n', yaml->n - yaml->line_at);

                if (!end)
                        return 0;
                yaml->line_at = (size_t)(end - yaml->bytes) + 1;
                yaml->line++;
        }
        for (at = yaml->line_at; at < yaml->n; at++) {
                if (yaml->bytes[at] == ' ')
                        indent++;
                else if (yaml->bytes[at] == '\n')
                        indent = 0;
                else
                        break;
        }
        if (!(document->n_texts & (document->n_texts - 1))) {
                grown = reallocarray(document->texts, document->n_texts ? document->n_texts * 2 : 1,
                                     sizeof(*grown));
                if (!grown)
                        return error_origin(-ENOMEM);
                document->texts = grown;
        }
        document->texts[document->n_texts++] = (struct json_text){
                .value = node,
                .line = (unsigned)event->start_mark.line + 2,
                .indent = indent,
        };
        return 0;
}

static int on_key(struct yaml *yaml, struct yaml_frame *frame, const yaml_event_t *event) {
        const char *text = (const char *)event->data.scalar.value;
        size_t n = event->data.scalar.length;

        if (event->data.scalar.anchor)
                return yaml_complain(yaml, &event->start_mark, "the anchor %s stands at a key; remove it",
                                     (const char *)event->data.scalar.anchor);
        if (memchr(text, '\0', n) || !(frame->key = strdup(text)))
                return frame->key ? 0
                                  : yaml_complain(yaml, &event->start_mark, "a key with a zero byte%s in it",
                                                  "");
        frame->key_merges = !strcmp(text, "<<") && event->data.scalar.plain_implicit;
        return 0;
}

static int on_scalar(struct yaml *yaml, const yaml_event_t *event) {
        const char *text = (const char *)event->data.scalar.value;
        size_t n = event->data.scalar.length, anchor;
        struct yaml_frame *frame = yaml_top(yaml);
        enum scalar_kind kind = SCALAR_TEXT;
        int r, leading_zero;
        json_t *node;

        if (frame && json_is_object(frame->node) && !frame->key)
                return on_key(yaml, frame, event);
        r = yaml_begin_value(yaml, &event->start_mark);
        if (!r)
                r = yaml_add_anchor(yaml, event->data.scalar.anchor, &event->start_mark, &anchor);
        if (r)
                return r;
        if (memchr(text, '\0', n) || text[0] == MARK_BYTE)
                return yaml_complain(yaml, &event->start_mark,
                                     "a text with a control character%s; remove it", "");
        if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE || event->data.scalar.tag)
                kind = scalar_kind(text, n);
        if (event->data.scalar.tag && !tagged_kind((const char *)event->data.scalar.tag, &kind))
                return refuse_tag(yaml, event->data.scalar.tag, &event->start_mark);
        node = scalar_node(kind, text, n, &leading_zero);
        if (!node)
                return error_origin(-ENOMEM);
        if (leading_zero) {
                r = diag_add(yaml->diags, DIAG_WARNING, "yaml-leading-zero", NULL,
                             "line %zu, column %zu: %s is a number in base 8 for Kubernetes and in base 10 "
                             "for other readers of YAML; write it without the zero",
                             event->start_mark.line + 1, event->start_mark.column + 1, text);
        }
        if (!r && event->data.scalar.style == YAML_LITERAL_SCALAR_STYLE)
                r = note_text(yaml, node, event);
        if (!r)
                r = yaml_note_place(yaml, node, &event->start_mark);
        yaml_finish_anchor(yaml, anchor, node, 1, 0);
        if (r) {
                json_decref(node);
                return error_trace(r);
        }
        return yaml_end_value(yaml, node, 0, &event->start_mark);
}

static int on_open(struct yaml *yaml, bool is_array, const yaml_char_t *anchor, const yaml_char_t *tag,
                   const yaml_mark_t *mark) {
        const struct yaml_frame *parent = yaml_top(yaml);

        if (parent && json_is_object(parent->node) && !parent->key)
                return yaml_complain(yaml, mark, "a key that is no text%s; write it as one", "");
        if (tag && strcmp((const char *)tag, is_array ? YAML_SEQ_TAG : YAML_MAP_TAG))
                return refuse_tag(yaml, tag, mark);
        return error_trace(yaml_open(yaml, is_array, anchor, mark));
}

static int on_document_end(struct yaml *yaml) {
        struct yaml_documents *documents = yaml->documents;
        struct json_document *grown;

        yaml_forget_anchors(yaml);
        if (yaml->n_rule_arrays != 1)
                yaml->document.n_lines = 0;
        yaml->n_rule_arrays = 0;
        if (json_is_null(yaml->document.root)) {
                json_document_deinit(&yaml->document);
                return 0;
        }
        grown = reallocarray(documents->items, documents->n + 1, sizeof(*grown));
        if (!grown)
                return error_origin(-ENOMEM);
        documents->items = grown;
        json_places_sort(yaml->document.places, yaml->document.n_places);
        grown[documents->n++] = yaml->document;
        yaml->document = JSON_DOCUMENT_INIT;
        return 0;
}

static int on_event(struct yaml *yaml, const yaml_event_t *event) {
        switch (event->type) {
        case YAML_DOCUMENT_START_EVENT:
                if (yaml->documents->n == YAML_DOCUMENTS_MAX)
                        return yaml_complain(yaml, &event->start_mark,
                                             "more than 1000 documents%s in one file", "");
                yaml->document.line = (unsigned)event->start_mark.line + 1;
                return 0;
        case YAML_DOCUMENT_END_EVENT:
                return on_document_end(yaml);
        case YAML_ALIAS_EVENT:
                return on_alias(yaml, event);
        case YAML_SCALAR_EVENT:
                return on_scalar(yaml, event);
        case YAML_SEQUENCE_START_EVENT:
                return on_open(yaml, true, event->data.sequence_start.anchor, event->data.sequence_start.tag,
                               &event->start_mark);
        case YAML_MAPPING_START_EVENT:
                return on_open(yaml, false, event->data.mapping_start.anchor, event->data.mapping_start.tag,
                               &event->start_mark);
        case YAML_SEQUENCE_END_EVENT:
        case YAML_MAPPING_END_EVENT:
                return error_trace(yaml_close(yaml, &event->start_mark));
        default:
                return 0;
        }
}

static int explain(struct yaml *yaml) {
        const yaml_parser_t *parser = &yaml->parser;
        yaml_mark_t mark = parser->problem_mark;
        int r;

        if (parser->error == YAML_MEMORY_ERROR)
                return error_origin(-ENOMEM);
        if (parser->error == YAML_READER_ERROR) {
                mark = (yaml_mark_t){ 0 };
                for (size_t i = 0; i < parser->problem_offset && i < yaml->n; i++) {
                        mark.line += yaml->bytes[i] == '\n';
                        mark.column = yaml->bytes[i] == '\n' ? 0 : mark.column + 1;
                }
        }
        r = diag_syntax(
                yaml->diags, (unsigned)mark.line + 1, (unsigned)mark.column + 1, "%s%s%s%s",
                parser->context ? parser->context : "", parser->context ? ": " : "",
                parser->problem ? parser->problem : "not YAML",
                syntax_hint(yaml->bytes, yaml->n, (unsigned)mark.line + 1, (unsigned)mark.column + 1, true));
        return r ? error_trace(r) : PROFILE_E_INVALID;
}

static bool too_many_directives(const char *bytes, size_t n) {
        size_t found = 0;

        for (size_t i = 0; i < n; i++)
                found += bytes[i] == '%' && (!i || bytes[i - 1] == '\n' || bytes[i - 1] == '\r');
        return found > DIRECTIVES_MAX;
}

static int read_events(struct yaml *yaml) {
        yaml_event_t event;
        int r = 0;

        do {
                bool end;

                if (!yaml_parser_parse(&yaml->parser, &event))
                        return explain(yaml);
                end = event.type == YAML_STREAM_END_EVENT;
                r = on_event(yaml, &event);
                yaml_event_delete(&event);
                if (end)
                        break;
        } while (!r);
        return r;
}

static int read_documents(const char *bytes, size_t n, bool placed, struct diags *diags,
                          struct yaml_documents *ret) {
        struct yaml_documents documents = YAML_DOCUMENTS_INIT;
        struct yaml yaml = {
                .bytes = bytes,
                .n = n,
                .diags = diags,
                .documents = &documents,
                .placed = placed,
        };
        const yaml_mark_t start = { 0 };
        int r;

        if (n > PROFILE_BYTES_MAX)
                return yaml_complain(&yaml, &start, "longer than 16 MiB%s; a file that long is not read",
                                     "");
        if (too_many_directives(bytes, n))
                return yaml_complain(&yaml, &start, "more than 64 directives (%s)",
                                     "lines that begin with %");
        if (!yaml_parser_initialize(&yaml.parser))
                return error_origin(-ENOMEM);
        yaml_parser_set_input_string(&yaml.parser, (const unsigned char *)bytes, n);
        r = read_events(&yaml);
        yaml_abandon(&yaml);
        yaml_parser_delete(&yaml.parser);
        if (r) {
                yaml_documents_deinit(&documents);
                return error_trace(r);
        }
        *ret = documents;
        return 0;
}

int yaml_documents_read(const char *bytes, size_t n, struct diags *diags, struct yaml_documents *ret) {
        return error_trace(read_documents(bytes, n, false, diags, ret));
}

int yaml_documents_read_placed(const char *bytes, size_t n, struct diags *diags,
                               struct yaml_documents *ret) {
        return error_trace(read_documents(bytes, n, true, diags, ret));
}

void yaml_documents_deinit(struct yaml_documents *documents) {
        for (size_t i = 0; i < documents->n; i++)
                json_document_deinit(&documents->items[i]);
        free(documents->items);
        *documents = YAML_DOCUMENTS_INIT;
}
