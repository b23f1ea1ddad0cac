/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A pattern as the program that it becomes: pattern_parse.c writes it, pattern.c runs it. */

#include "policy/native/pattern.h"

#define INSNS_MAX   4608 /* the longest text without a wildcard, and some */
#define CLASSES_MAX 1024
#define SLOTS_BYTES (64u * 1024) /* of stack, for captures; workers have 256 KiB in all */

enum op {
        OP_CHAR,       /* value: the byte */
        OP_CLASS,      /* value: index of the class */
        OP_SPLIT,      /* on with the next, or else at `jump` */
        OP_SPLIT_LAST, /* the same, but `jump` is tried first */
        OP_JUMP,
        OP_SAVE,  /* value: slot */
        OP_START, /* of the text */
        OP_END,
        OP_MATCH,
};

struct insn {
        uint16_t op, value;
        int16_t jump; /* from here */
};

struct class {
        uint64_t bits[4];
};

struct policy_pattern {
        char *text;
        char *literal; /* all of it, where nothing else matches */
        char prefix[256];
        size_t n_prefix;
        struct insn *insns;
        struct class *classes;
        size_t n_insns, n_classes;
        size_t n_captures; /* also those beyond the ones kept */
        bool anchored;     /* holds at the start of a text only */
};

static inline size_t pattern_captures_kept(const struct policy_pattern *pattern) {
        return pattern->n_captures < POLICY_CAPTURES_MAX ? pattern->n_captures : POLICY_CAPTURES_MAX;
}

static inline bool pattern_class_has(const struct class *class, unsigned char byte) {
        return class->bits[byte / 64] >> byte % 64 & 1;
}

/* Fills the program of pattern->text; insns and classes have room for INSNS_MAX and CLASSES_MAX. 0,
 * POLICY_E_INVALID with a sentence, or -ENOMEM. */
int pattern_parse(struct policy_pattern *pattern, char *error, size_t n_error);
