/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libyaml's events to jansson's trees. An alias adds a reference to the node it names, and counts as often
 * as its contents would if they were written there: that bounds what following the tree can cost, whatever
 * aliases of aliases a file holds.
 *
 * What must stay true: values, nesting and documents are bounded before anything is built for them, a tree
 * never contains itself, and no string of it begins with read_json.c's mark but numbers.
 */

#include "policy/read_yaml.h"

#include "base/buf.h"
#include "base/error.h"
#include "policy/model.h"
#include "policy/read_scalar.h"
#include "policy/syntax_hint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define ANCHORS_MAX    1000
#define DIRECTIVES_MAX 64 /* libyaml compares each with all before it */
#define SYSCALLS       "syscalls"
#define MARK_BYTE      '\x01'

struct anchor {
        char *name;
        json_t *node; /* NULL while it is being read */
        size_t n_values;
        unsigned height;
};

/* A mapping or sequence that is being read. */
struct frame {
        json_t *node;
        char *key;       /* of the value to come; NULL: a key comes next */
        bool key_merges; /* that key is "<<" */
        json_t *merges;  /* mappings to merge when the mapping ends; array or NULL */
        bool is_rules;   /* a sequence called "syscalls" */
        size_t values_before;
        unsigned height; /* of what is below it */
        size_t anchor;   /* index + 1; 0 = none */
};

struct yaml {
        yaml_parser_t parser;
        const char *bytes;
        size_t n;
        struct diags *diags;
        struct yaml_documents *documents;
        struct json_document document;
        struct frame frames[PROFILE_DEPTH_MAX + 1];
        unsigned depth; /* frames in use */
        struct anchor *anchors;
        size_t n_anchors;
        size_t n_values;
        unsigned n_rule_arrays;
        size_t line, line_at; /* a line and where it begins in bytes; goes forward only */
};

static int complain(struct yaml *yaml, const yaml_mark_t *mark, const char *text, const char *value) {
        unsigned line = (unsigned)mark->line + 1, column = (unsigned)mark->column + 1;
        struct buf sentence = BUF_INIT(4096);
        int r;

        buf_printf(&sentence, text, value);
        buf_puts(&sentence, syntax_hint(yaml->bytes, yaml->n, line, column, true));
        r = diag_syntax(yaml->diags, line, column, "%s", buf_string(&sentence));
        buf_deinit(&sentence);
        return r ? error_trace(r) : PROFILE_E_INVALID;
}

/* Text of the file inside of a sentence. */
static const char *shown(const char *text, char *buf, size_t size) {
        json_t *value = json_string(text);

        json_show(value, buf, size);
        json_decref(value);
        return buf;
}

static void frame_deinit(struct frame *frame) {
        json_decref(frame->node);
        json_decref(frame->merges);
        free(frame->key);
        *frame = (struct frame){ 0 };
}

static void forget_anchors(struct yaml *yaml) {
        for (size_t i = 0; i < yaml->n_anchors; i++) {
                free(yaml->anchors[i].name);
                json_decref(yaml->anchors[i].node);
        }
        yaml->n_anchors = 0;
}

/* Every value passes here, aliases with the number of values they stand for. */
static int count_values(struct yaml *yaml, size_t n, const yaml_mark_t *mark) {
        if (n > JSON_VALUES_MAX - yaml->n_values)
                return complain(yaml, mark, "more than 131072 values%s; no profile is that large", "");
        yaml->n_values += n;
        return 0;
}

static int note_line(struct yaml *yaml, const yaml_mark_t *mark) {
        struct json_document *document = &yaml->document;

        if (!(document->n_lines & (document->n_lines - 1))) {
                unsigned *grown = reallocarray(
                        document->lines, document->n_lines ? document->n_lines * 2 : 1, sizeof(*grown));

                if (!grown)
                        return error_origin(-ENOMEM);
                document->lines = grown;
        }
        document->lines[document->n_lines++] = (unsigned)mark->line + 1;
        return 0;
}

static struct frame *top(struct yaml *yaml) {
        return yaml->depth ? &yaml->frames[yaml->depth - 1] : NULL;
}

static int begin_value(struct yaml *yaml, const yaml_mark_t *mark) {
        struct frame *frame = top(yaml);
        int r = count_values(yaml, 1, mark);

        if (!r && frame && frame->is_rules && yaml->n_rule_arrays == 1)
                r = note_line(yaml, mark);
        return r;
}

/* Keys that are missing come from the mappings that "<<" names; the first of them wins. */
static int merge(struct yaml *yaml, struct frame *frame, const yaml_mark_t *mark) {
        size_t i;
        json_t *from;

        json_array_foreach(frame->merges, i, from) {
                const char *key;
                json_t *value;

                json_object_foreach(from, key, value) {
                        int r;

                        if (json_object_get(frame->node, key))
                                continue;
                        r = count_values(yaml, 1, mark);
                        if (r)
                                return r;
                        if (json_object_set(frame->node, key, value))
                                return error_origin(-ENOMEM);
                }
        }
        return 0;
}

static int add_merge(struct yaml *yaml, struct frame *frame, json_t *node, const yaml_mark_t *mark) {
        if (!frame->merges && !(frame->merges = json_array()))
                return error_origin(-ENOMEM);
        if (json_is_object(node))
                return json_array_append(frame->merges, node) ? error_origin(-ENOMEM) : 0;
        for (size_t i = 0; i < json_array_size(node); i++) {
                json_t *item = json_array_get(node, i);

                if (!json_is_object(item))
                        return complain(yaml, mark, "what << names is not a mapping%s", "");
                if (json_array_append(frame->merges, item))
                        return error_origin(-ENOMEM);
        }
        return json_is_array(node) ? 0 : complain(yaml, mark, "what << names is not a mapping%s", "");
}

static int set_key(struct yaml *yaml, struct frame *frame, json_t *node, const yaml_mark_t *mark) {
        char text[64];
        int r;

        if (json_object_get(frame->node, frame->key)) {
                r = diag_add(yaml->diags, DIAG_WARNING, "duplicate-key", NULL,
                             "line %zu, column %zu: the key %s is there already; the last one is taken, "
                             "remove the others",
                             mark->line + 1, mark->column + 1, shown(frame->key, text, sizeof(text)));
                if (r)
                        return error_trace(r);
        }
        return json_object_set(frame->node, frame->key, node) ? error_origin(-ENOMEM) : 0;
}

/* A finished value goes where it belongs. Takes over node. height: levels in it. */
static int end_value(struct yaml *yaml, json_t *node, unsigned height, const yaml_mark_t *mark) {
        struct frame *frame = top(yaml);
        int r = 0;

        if (!frame) {
                yaml->document.root = node;
                return 0;
        }
        if (height > frame->height)
                frame->height = height;
        if (json_is_array(frame->node)) {
                r = json_array_append(frame->node, node) ? error_origin(-ENOMEM) : 0;
        } else {
                r = frame->key_merges ? add_merge(yaml, frame, node, mark)
                                      : set_key(yaml, frame, node, mark);
                free(frame->key);
                frame->key = NULL;
                frame->key_merges = false;
        }
        json_decref(node);
        return r;
}

static int add_anchor(struct yaml *yaml, const yaml_char_t *name, const yaml_mark_t *mark, size_t *ret) {
        struct anchor *grown;

        *ret = 0;
        if (!name)
                return 0;
        if (yaml->n_anchors == ANCHORS_MAX)
                return complain(yaml, mark, "more than 1000 anchors%s; no profile has that many", "");
        grown = reallocarray(yaml->anchors, yaml->n_anchors + 1, sizeof(*grown));
        if (!grown)
                return error_origin(-ENOMEM);
        yaml->anchors = grown;
        grown[yaml->n_anchors] = (struct anchor){ .name = strdup((const char *)name) };
        if (!grown[yaml->n_anchors].name)
                return error_origin(-ENOMEM);
        *ret = ++yaml->n_anchors;
        return 0;
}

static void finish_anchor(struct yaml *yaml, size_t index, json_t *node, size_t n_values, unsigned height) {
        struct anchor *anchor;

        if (!index)
                return;
        anchor = &yaml->anchors[index - 1];
        anchor->node = json_incref(node);
        anchor->n_values = n_values;
        anchor->height = height;
}

static int on_alias(struct yaml *yaml, const yaml_event_t *event) {
        const char *name = (const char *)event->data.alias.anchor;
        const struct anchor *anchor = NULL;
        struct frame *frame = top(yaml);
        int r;

        for (size_t i = yaml->n_anchors; i-- > 0 && !anchor;)
                if (!strcmp(yaml->anchors[i].name, name))
                        anchor = &yaml->anchors[i];
        if (!anchor)
                return complain(yaml, &event->start_mark, "no anchor is named %s", name);
        if (!anchor->node)
                return complain(yaml, &event->start_mark, "the alias %s stands inside of what it names",
                                name);
        if (frame && json_is_object(frame->node) && !frame->key)
                return complain(yaml, &event->start_mark, "the alias %s stands in place of a key", name);
        if (yaml->depth + anchor->height > PROFILE_DEPTH_MAX)
                return complain(yaml, &event->start_mark,
                                "nested deeper than 64 levels by the alias %s; a profile has a handful",
                                name);
        r = begin_value(yaml, &event->start_mark);
        if (!r)
                r = count_values(yaml, anchor->n_values - 1, &event->start_mark);
        return r ? r : end_value(yaml, json_incref(anchor->node), anchor->height, &event->start_mark);
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

        return complain(yaml, mark, "the tag %s has no meaning here; remove it",
                        shown((const char *)tag, text, sizeof(text)));
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

static int on_key(struct yaml *yaml, struct frame *frame, const yaml_event_t *event) {
        const char *text = (const char *)event->data.scalar.value;
        size_t n = event->data.scalar.length;

        if (event->data.scalar.anchor)
                return complain(yaml, &event->start_mark, "the anchor %s stands at a key; remove it",
                                (const char *)event->data.scalar.anchor);
        if (memchr(text, '\0', n) || !(frame->key = strdup(text)))
                return frame->key ? 0
                                  : complain(yaml, &event->start_mark, "a key with a zero byte%s in it", "");
        frame->key_merges = !strcmp(text, "<<") && event->data.scalar.plain_implicit;
        return 0;
}

static int on_scalar(struct yaml *yaml, const yaml_event_t *event) {
        const char *text = (const char *)event->data.scalar.value;
        size_t n = event->data.scalar.length, anchor;
        struct frame *frame = top(yaml);
        enum scalar_kind kind = SCALAR_TEXT;
        int r, leading_zero;
        json_t *node;

        if (frame && json_is_object(frame->node) && !frame->key)
                return on_key(yaml, frame, event);
        r = begin_value(yaml, &event->start_mark);
        if (!r)
                r = add_anchor(yaml, event->data.scalar.anchor, &event->start_mark, &anchor);
        if (r)
                return r;
        if (memchr(text, '\0', n) || text[0] == MARK_BYTE)
                return complain(yaml, &event->start_mark, "a text with a control character%s; remove it",
                                "");
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
        finish_anchor(yaml, anchor, node, 1, 0);
        if (r) {
                json_decref(node);
                return error_trace(r);
        }
        return end_value(yaml, node, 0, &event->start_mark);
}

static int on_open(struct yaml *yaml, bool is_array, const yaml_char_t *anchor_name, const yaml_char_t *tag,
                   const yaml_mark_t *mark) {
        struct frame *parent = top(yaml), *frame;
        size_t anchor;
        int r;

        if (parent && json_is_object(parent->node) && !parent->key)
                return complain(yaml, mark, "a key that is no text%s; write it as one", "");
        if (tag && strcmp((const char *)tag, is_array ? YAML_SEQ_TAG : YAML_MAP_TAG))
                return refuse_tag(yaml, tag, mark);
        r = begin_value(yaml, mark);
        if (!r && yaml->depth == PROFILE_DEPTH_MAX)
                r = complain(yaml, mark, "nested deeper than 64 levels%s; a profile has a handful", "");
        if (!r)
                r = add_anchor(yaml, anchor_name, mark, &anchor);
        if (r)
                return r;
        frame = &yaml->frames[yaml->depth];
        *frame = (struct frame){
                .node = is_array ? json_array() : json_object(),
                .values_before = yaml->n_values - 1,
                .anchor = anchor,
                .is_rules = is_array && parent && parent->key && !strcmp(parent->key, SYSCALLS),
        };
        if (!frame->node)
                return error_origin(-ENOMEM);
        yaml->depth++;
        yaml->n_rule_arrays += frame->is_rules;
        return 0;
}

static int on_close(struct yaml *yaml, const yaml_mark_t *mark) {
        struct frame frame = *top(yaml);
        json_t *node;
        int r;

        r = merge(yaml, &frame, mark);
        if (r)
                return error_trace(r);
        finish_anchor(yaml, frame.anchor, frame.node, yaml->n_values - frame.values_before,
                      frame.height + 1);
        node = json_incref(frame.node);
        yaml->depth--;
        frame_deinit(&yaml->frames[yaml->depth]);
        return end_value(yaml, node, frame.height + 1, mark);
}

static int on_document_end(struct yaml *yaml) {
        struct yaml_documents *documents = yaml->documents;
        struct json_document *grown;

        forget_anchors(yaml);
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
        grown[documents->n++] = yaml->document;
        yaml->document = JSON_DOCUMENT_INIT;
        return 0;
}

static int on_event(struct yaml *yaml, const yaml_event_t *event) {
        switch (event->type) {
        case YAML_DOCUMENT_START_EVENT:
                if (yaml->documents->n == YAML_DOCUMENTS_MAX)
                        return complain(yaml, &event->start_mark, "more than 1000 documents%s in one file",
                                        "");
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
                return on_close(yaml, &event->start_mark);
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

int yaml_documents_read(const char *bytes, size_t n, struct diags *diags, struct yaml_documents *ret) {
        struct yaml_documents documents = YAML_DOCUMENTS_INIT;
        struct yaml yaml = {
                .bytes = bytes,
                .n = n,
                .diags = diags,
                .documents = &documents,
        };
        const yaml_mark_t start = { 0 };
        int r;

        if (n > PROFILE_BYTES_MAX)
                return complain(&yaml, &start, "longer than 16 MiB%s; no profile is that large", "");
        if (too_many_directives(bytes, n))
                return complain(&yaml, &start, "more than 64 directives (%s)", "lines that begin with %");
        if (!yaml_parser_initialize(&yaml.parser))
                return error_origin(-ENOMEM);
        yaml_parser_set_input_string(&yaml.parser, (const unsigned char *)bytes, n);
        r = read_events(&yaml);
        while (yaml.depth)
                frame_deinit(&yaml.frames[--yaml.depth]);
        forget_anchors(&yaml);
        free(yaml.anchors);
        json_document_deinit(&yaml.document);
        yaml_parser_delete(&yaml.parser);
        if (r) {
                yaml_documents_deinit(&documents);
                return error_trace(r);
        }
        *ret = documents;
        return 0;
}

void yaml_documents_deinit(struct yaml_documents *documents) {
        for (size_t i = 0; i < documents->n; i++)
                json_document_deinit(&documents->items[i]);
        free(documents->items);
        *documents = YAML_DOCUMENTS_INIT;
}
