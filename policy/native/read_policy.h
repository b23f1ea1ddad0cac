/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the files that read policies share. A policy is read in three steps: its files become parts, trees
 * with variables replaced (read_parts.c); the parts give a policy (read.c, read_rule.c, read_where.c,
 * read_do.c); the trees are written down once more as the text that travels (read_source.c). Only
 * policy/native/read*.c and write*.c include this.
 */

#include "base/buf.h"
#include "policy/native/policy.h"
#include "policy/native/read.h"
#include "policy/reader_values.h"

/* One file, or the bytes that were given. */
struct policy_part {
        char *file;     /* as people call it */
        char *folder;   /* absolute; where its relative paths begin */
        char *real;     /* realpath; NULL for bytes */
        json_t *tree;   /* an object; variables are replaced, but not in `variables` and `include` */
        unsigned order; /* in which the files were found: one that includes comes before what it includes */
};

struct policy_variable {
        char *name;
        char *value;
        bool given; /* from outside the files */
        bool known; /* a file declares it or asks for it */
};

struct policy_parts {
        struct policy_part items[POLICY_INCLUDES_MAX]; /* in the order of their rules: included ones first */
        size_t n;
        struct json_place *places; /* of all trees, sorted */
        size_t n_places;
        struct json_place *copies; /* of values that aliases shared; not sorted */
        size_t n_copies;
        size_t n_bytes, n_values; /* of all files; bounded */
        struct policy_variable *variables;
        size_t n_variables;
        size_t n_steps; /* variables looked up; bounded */
        size_t n_made;  /* bytes that they became; bounded */
        unsigned n_loaded;
        bool alone;    /* no policy, but a file in the same form: nothing is included or replaced */
        bool resolved; /* the text of read_source.c: nothing of it is replaced */
};

struct policy_reader {
        struct reader base;
        struct policy *policy;
        struct policy_parts parts;
        const struct policy_part *part; /* being read */
        const struct policy_read_options *options;

        size_t n_pattern_bytes; /* of all patterns; bounded */
        size_t n_weight;        /* of all rules; bounded */
        const json_t **nodes;   /* of the policy's rules, in their order */
        size_t n_nodes;

        /* The order of the part that said it; the lowest wins. UINT_MAX: none. */
        unsigned base_order, fallback_order, on_error_order;
};

#define policy_enter(reader, value, ...)       reader_enter_value(&(reader)->base, value, __VA_ARGS__)
#define policy_enter_field(reader, value, key) reader_enter_key(&(reader)->base, value, key)
#define policy_leave(reader, mark)             reader_leave_value(&(reader)->base, mark)

#define policy_bad(reader, ...)      reader_complain(&(reader)->base, DIAG_ERROR, NULL, __VA_ARGS__)
#define policy_warn(reader, id, ...) reader_complain(&(reader)->base, DIAG_WARNING, id, __VA_ARGS__)

/* An error after which nothing more is read: going on would cost what the error is about. */
void policy_give_up(struct policy_reader *reader, const char *text);

struct policy_field {
        const char *name;
        void (*read)(struct policy_reader *reader, const json_t *value, void *to);
};

/* Every key of the object has a field, or is refused. False, with a sentence, when it is no object. */
bool policy_fields(struct policy_reader *reader, const json_t *object, const char *what,
                   const struct policy_field *fields, size_t n, void *to);

/* The value, or each of its items when it is a list. False, with a sentence, for an empty list. */
bool policy_each(struct policy_reader *reader, const json_t *value,
                 void (*read)(struct policy_reader *reader, const json_t *value, void *to), void *to);

#define policy_copy_text(reader, value, what) reader_copy_text(&(reader)->base, value, what)
#define policy_flag(reader, value, ret)       reader_flag(&(reader)->base, value, ret)
#define policy_duration(reader, value, may_be_negative, ret)                                                \
        reader_duration(&(reader)->base, value, may_be_negative, ret)
#define policy_size(reader, value, ret)     reader_size(&(reader)->base, value, ret)
#define policy_grow(reader, items, n, size) reader_grow(&(reader)->base, items, n, size)
/* Whole numbers, also as text of digits or hexadecimal: variables are text. Negative ones as 2^64 has them.
 */
bool policy_is_number(const json_t *value, uint64_t *ret);
bool policy_number(struct policy_reader *reader, const json_t *value, uint64_t max, uint64_t *ret);
bool policy_signed(struct policy_reader *reader, const json_t *value, int64_t *ret);
/* "EPERM" or a number up to 4095. */
bool policy_errno(struct policy_reader *reader, const json_t *value, int *ret);
/* Names of capabilities, one or a list: bit per capability. */
uint64_t policy_capabilities(struct policy_reader *reader, const json_t *value);
struct policy_pattern *policy_pattern(struct policy_reader *reader, const json_t *value);
/* Patterns of all rules together are bounded. NULL: none. */
void policy_count_pattern(struct policy_reader *reader, const struct policy_pattern *pattern);
/* A file of whoever wrote the policy: absolute, also in the tree. NULL with a sentence. */
char *policy_path(struct policy_reader *reader, const json_t *value);

/* read_parts.c: the file at path ("-": standard input), or bytes when path is NULL, and all it includes. */
void policy_parts_read(struct policy_reader *reader, const char *path, const char *bytes, size_t n);
void policy_parts_read_alone(struct policy_reader *reader, const char *path, const char *bytes, size_t n);
void policy_parts_deinit(struct policy_parts *parts);

/* read_variables.c */
void policy_variables_take(struct policy_reader *reader, const json_t *value); /* the field `variables` */
void policy_variables_given(struct policy_reader *reader);                     /* of the options */
/* Given variables that no file knows: most likely another one was meant. Once all has been read. */
void policy_variables_doubt(struct policy_reader *reader);
/* Replaces in all strings of the tree, in place. */
void policy_variables_replace(struct policy_reader *reader, json_t *tree);
/* The text with variables replaced; owned by the caller. NULL with a sentence. captures: $1 and $$ stay. */
char *policy_variables_text(struct policy_reader *reader, const char *text, bool captures);

/* read_rule.c */
void policy_read_rules(struct policy_reader *reader, const json_t *value, void *to);
/* read_where.c; to is the rule */
void policy_read_where(struct policy_reader *reader, const json_t *value, void *to);
/* read_do.c; to is the rule */
void policy_read_do(struct policy_reader *reader, const json_t *value, void *to);
/* read_emulate.c */
void policy_read_emulate(struct policy_reader *reader, const json_t *value, struct policy_rule *rule);
/* read_mounts.c */
void policy_read_binds(struct policy_reader *reader, const json_t *value, void *to);
void policy_read_overlays(struct policy_reader *reader, const json_t *value, void *to);
void policy_read_tmpfs(struct policy_reader *reader, const json_t *value, void *to);
/* read_base.c */
void policy_read_base(struct policy_reader *reader, const json_t *value, void *to);
/* read_source.c: a tree as JSON, with numbers as they were written. */
void policy_json_text(const json_t *value, struct buf *to);
/* Fills policy->source. */
void policy_write_source(struct policy_reader *reader);
