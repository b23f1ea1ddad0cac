/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A tree under construction out of libyaml's events: what is open, what anchors name, and how much there is.
 * Only policy/read_yaml*.c include this. */

#include "policy/model.h"
#include "policy/read_yaml.h"

#include <yaml.h>

struct yaml_anchor {
        char *name;
        json_t *node; /* NULL while it is being read */
        size_t n_values;
        unsigned height;
};

/* A mapping or sequence that is being read. */
struct yaml_frame {
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
        struct yaml_frame frames[PROFILE_DEPTH_MAX + 1];
        unsigned depth; /* frames in use */
        struct yaml_anchor *anchors;
        size_t n_anchors;
        size_t n_values;
        bool placed; /* places of values are wanted */
        unsigned n_rule_arrays;
        size_t line, line_at; /* a line and where it begins in bytes; goes forward only */
};

/* A syntax error; text has one %s, for value. Returns PROFILE_E_INVALID or -ENOMEM, as what follows does,
 * too. */
int yaml_complain(struct yaml *yaml, const yaml_mark_t *mark, const char *text, const char *value);
/* Text of the file inside of a sentence. */
const char *yaml_shown(const char *text, char *buf, size_t size);

struct yaml_frame *yaml_top(struct yaml *yaml); /* NULL: nothing is open */
int yaml_count_values(struct yaml *yaml, size_t n, const yaml_mark_t *mark);
int yaml_begin_value(struct yaml *yaml, const yaml_mark_t *mark);
/* Notes where a value begins, if that is wanted. */
int yaml_note_place(struct yaml *yaml, const json_t *node, const yaml_mark_t *mark);
/* Takes over node; height: levels in it. */
int yaml_end_value(struct yaml *yaml, json_t *node, unsigned height, const yaml_mark_t *mark);
int yaml_open(struct yaml *yaml, bool is_array, const yaml_char_t *anchor_name, const yaml_mark_t *mark);
int yaml_close(struct yaml *yaml, const yaml_mark_t *mark);

/* name may be NULL; *ret is for yaml_finish_anchor(). */
int yaml_add_anchor(struct yaml *yaml, const yaml_char_t *name, const yaml_mark_t *mark, size_t *ret);
void yaml_finish_anchor(struct yaml *yaml, size_t index, json_t *node, size_t n_values, unsigned height);
void yaml_forget_anchors(struct yaml *yaml);
void yaml_abandon(struct yaml *yaml); /* frees what is open */
