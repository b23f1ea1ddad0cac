/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must stay true: values and nesting are bounded before anything is built for them, and a tree never
 * contains itself: an anchor names nothing until what it names is complete.
 */

#include "policy/read_yaml_tree.h"

#include "base/buf.h"
#include "base/error.h"
#include "policy/syntax_hint.h"

#include <stdlib.h>
#include <string.h>

#define ANCHORS_MAX 1000
#define SYSCALLS    "syscalls"

int yaml_complain(struct yaml *yaml, const yaml_mark_t *mark, const char *text, const char *value) {
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
const char *yaml_shown(const char *text, char *buf, size_t size) {
        json_t *value = json_string(text);

        json_show(value, buf, size);
        json_decref(value);
        return buf;
}

static void frame_deinit(struct yaml_frame *frame) {
        json_decref(frame->node);
        json_decref(frame->merges);
        free(frame->key);
        *frame = (struct yaml_frame){ 0 };
}

void yaml_forget_anchors(struct yaml *yaml) {
        for (size_t i = 0; i < yaml->n_anchors; i++) {
                free(yaml->anchors[i].name);
                json_decref(yaml->anchors[i].node);
        }
        yaml->n_anchors = 0;
}

/* Every value passes here, aliases with the number of values they stand for. */
int yaml_count_values(struct yaml *yaml, size_t n, const yaml_mark_t *mark) {
        if (n > JSON_VALUES_MAX - yaml->n_values)
                return yaml_complain(yaml, mark,
                                     "more than 131072 values%s; a file with so many is not read", "");
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

struct yaml_frame *yaml_top(struct yaml *yaml) {
        return yaml->depth ? &yaml->frames[yaml->depth - 1] : NULL;
}

int yaml_begin_value(struct yaml *yaml, const yaml_mark_t *mark) {
        struct yaml_frame *frame = yaml_top(yaml);
        int r = yaml_count_values(yaml, 1, mark);

        if (!r && frame && frame->is_rules && yaml->n_rule_arrays == 1)
                r = note_line(yaml, mark);
        return r;
}

/* Keys that are missing come from the mappings that "<<" names; the first of them wins. */
static int merge(struct yaml *yaml, struct yaml_frame *frame, const yaml_mark_t *mark) {
        size_t i;
        json_t *from;

        json_array_foreach(frame->merges, i, from) {
                const char *key;
                json_t *value;

                json_object_foreach(from, key, value) {
                        int r;

                        if (json_object_get(frame->node, key))
                                continue;
                        r = yaml_count_values(yaml, 1, mark);
                        if (r)
                                return r;
                        if (json_object_set(frame->node, key, value))
                                return error_origin(-ENOMEM);
                }
        }
        return 0;
}

static int add_merge(struct yaml *yaml, struct yaml_frame *frame, json_t *node, const yaml_mark_t *mark) {
        if (!frame->merges && !(frame->merges = json_array()))
                return error_origin(-ENOMEM);
        if (json_is_object(node))
                return json_array_append(frame->merges, node) ? error_origin(-ENOMEM) : 0;
        for (size_t i = 0; i < json_array_size(node); i++) {
                json_t *item = json_array_get(node, i);

                if (!json_is_object(item))
                        return yaml_complain(yaml, mark, "what << names is not a mapping%s", "");
                if (json_array_append(frame->merges, item))
                        return error_origin(-ENOMEM);
        }
        return json_is_array(node) ? 0 : yaml_complain(yaml, mark, "what << names is not a mapping%s", "");
}

static int set_key(struct yaml *yaml, struct yaml_frame *frame, json_t *node, const yaml_mark_t *mark) {
        char text[64];
        int r;

        if (json_object_get(frame->node, frame->key)) {
                r = diag_add(yaml->diags, DIAG_WARNING, "duplicate-key", NULL,
                             "line %zu, column %zu: the key %s is there already; the last one is taken, "
                             "remove the others",
                             mark->line + 1, mark->column + 1, yaml_shown(frame->key, text, sizeof(text)));
                if (r)
                        return error_trace(r);
        }
        return json_object_set(frame->node, frame->key, node) ? error_origin(-ENOMEM) : 0;
}

/* A finished value goes where it belongs. Takes over node. height: levels in it. */
int yaml_end_value(struct yaml *yaml, json_t *node, unsigned height, const yaml_mark_t *mark) {
        struct yaml_frame *frame = yaml_top(yaml);
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

int yaml_note_place(struct yaml *yaml, const json_t *node, const yaml_mark_t *mark) {
        struct json_document *document = &yaml->document;

        if (!yaml->placed || json_is_null(node) || json_is_boolean(node))
                return 0;
        return error_trace(json_places_add(&document->places, &document->n_places, node,
                                           (unsigned)mark->line + 1, (unsigned)mark->column + 1));
}

int yaml_add_anchor(struct yaml *yaml, const yaml_char_t *name, const yaml_mark_t *mark, size_t *ret) {
        struct yaml_anchor *grown;

        *ret = 0;
        if (!name)
                return 0;
        if (yaml->n_anchors == ANCHORS_MAX)
                return yaml_complain(yaml, mark, "more than 1000 anchors%s; no profile has that many", "");
        grown = reallocarray(yaml->anchors, yaml->n_anchors + 1, sizeof(*grown));
        if (!grown)
                return error_origin(-ENOMEM);
        yaml->anchors = grown;
        grown[yaml->n_anchors] = (struct yaml_anchor){ .name = strdup((const char *)name) };
        if (!grown[yaml->n_anchors].name)
                return error_origin(-ENOMEM);
        *ret = ++yaml->n_anchors;
        return 0;
}

void yaml_finish_anchor(struct yaml *yaml, size_t index, json_t *node, size_t n_values, unsigned height) {
        struct yaml_anchor *anchor;

        if (!index)
                return;
        anchor = &yaml->anchors[index - 1];
        anchor->node = json_incref(node);
        anchor->n_values = n_values;
        anchor->height = height;
}

int yaml_open(struct yaml *yaml, bool is_array, const yaml_char_t *anchor_name, const yaml_mark_t *mark) {
        struct yaml_frame *parent = yaml_top(yaml), *frame;
        size_t anchor;
        int r;

        r = yaml_begin_value(yaml, mark);
        if (!r && yaml->depth == PROFILE_DEPTH_MAX)
                r = yaml_complain(yaml, mark, "nested deeper than 64 levels%s; a profile has a handful", "");
        if (!r)
                r = yaml_add_anchor(yaml, anchor_name, mark, &anchor);
        if (r)
                return r;
        frame = &yaml->frames[yaml->depth];
        *frame = (struct yaml_frame){
                .node = is_array ? json_array() : json_object(),
                .values_before = yaml->n_values - 1,
                .anchor = anchor,
                .is_rules = is_array && parent && parent->key && !strcmp(parent->key, SYSCALLS),
        };
        if (!frame->node)
                return error_origin(-ENOMEM);
        yaml->depth++;
        yaml->n_rule_arrays += frame->is_rules;
        return error_trace(yaml_note_place(yaml, frame->node, mark));
}

int yaml_close(struct yaml *yaml, const yaml_mark_t *mark) {
        struct yaml_frame frame = *yaml_top(yaml);
        json_t *node;
        int r;

        r = merge(yaml, &frame, mark);
        if (r)
                return error_trace(r);
        yaml_finish_anchor(yaml, frame.anchor, frame.node, yaml->n_values - frame.values_before,
                           frame.height + 1);
        node = json_incref(frame.node);
        yaml->depth--;
        frame_deinit(&yaml->frames[yaml->depth]);
        return yaml_end_value(yaml, node, frame.height + 1, mark);
}

void yaml_abandon(struct yaml *yaml) {
        while (yaml->depth)
                frame_deinit(&yaml->frames[--yaml->depth]);
        yaml_forget_anchors(yaml);
        free(yaml->anchors);
        json_document_deinit(&yaml->document);
}
