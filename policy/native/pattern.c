/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both kinds of patterns become one small program, which is run for all its ways through the text at once:
 * a list of places in the program for each byte of the text, each place in it at most once. So no text can
 * make a match dear, which backtracking cannot promise, nor can memory run out, as it can inside regexec(3).
 */

#include "policy/native/pattern_program.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Copies of the right size: what realloc(3) leaves behind a block that it cuts is too small for the next
 * pattern to be made in, and a thousand patterns would take fifty times their size. */
static int shrink(struct policy_pattern *pattern) {
        struct insn *insns = malloc(pattern->n_insns * sizeof(*insns) + 1);
        struct class *classes = malloc((pattern->n_classes + 1) * sizeof(*classes));

        if (!insns || !classes) {
                free(insns);
                free(classes);
                return error_origin(-ENOMEM);
        }
        memcpy(insns, pattern->insns, pattern->n_insns * sizeof(*insns));
        memcpy(classes, pattern->classes, pattern->n_classes * sizeof(*classes));
        free(pattern->insns);
        free(pattern->classes);
        pattern->insns = insns;
        pattern->classes = classes;
        return 0;
}

int pattern_new(const char *text, struct policy_pattern **ret, char *error, size_t n_error) {
        cleanup_pattern struct policy_pattern *pattern = NULL;
        int r;

        if (strlen(text) > PATTERN_BYTES_MAX) {
                snprintf(error, n_error, "the pattern is longer than %d bytes", PATTERN_BYTES_MAX);
                return POLICY_E_INVALID;
        }
        pattern = calloc(1, sizeof(*pattern));
        if (!pattern)
                return error_origin(-ENOMEM);
        pattern->text = strdup(text);
        pattern->insns = calloc(INSNS_MAX, sizeof(*pattern->insns));
        pattern->classes = calloc(CLASSES_MAX, sizeof(*pattern->classes));
        if (!pattern->text || !pattern->insns || !pattern->classes)
                return error_origin(-ENOMEM);
        r = pattern_parse(pattern, error, n_error);
        if (r)
                return error_trace(r);
        r = shrink(pattern);
        if (r)
                return error_trace(r);
        *ret = pattern;
        pattern = NULL;
        return 0;
}

struct policy_pattern *pattern_free(struct policy_pattern *pattern) {
        if (!pattern)
                return NULL;
        free(pattern->text);
        free(pattern->literal);
        free(pattern->insns);
        free(pattern->classes);
        free(pattern);
        return NULL;
}

/* ---- matching ---- */

/* Places in the program where ways through the text have come to, in order of preference. */
struct places {
        uint16_t at[INSNS_MAX];
        uint32_t *slots; /* n_slots for each: where its captures begin and end */
        size_t n;
};

struct later {
        uint16_t what; /* a place to go on at, or a slot */
        bool slot;     /* to be set back to `value` */
        uint32_t value;
};

struct run {
        const struct policy_pattern *pattern;
        const char *text;
        size_t n_text, at;
        size_t n_slots;                          /* 0: only whether it matches */
        uint32_t slots[POLICY_CAPTURES_MAX * 2]; /* of the way being followed */
        uint32_t seen[INSNS_MAX];                /* `at` + 1 when the place was added last */
        struct later later[INSNS_MAX];
};

static void add_one(struct run *run, struct places *to, size_t place, size_t *n_later) {
        const struct policy_pattern *pattern = run->pattern;

        while (run->seen[place] != run->at + 1) {
                const struct insn *insn = &pattern->insns[place];
                size_t other = (size_t)((long)place + insn->jump);

                run->seen[place] = (uint32_t)run->at + 1;
                switch (insn->op) {
                case OP_SPLIT:
                        run->later[(*n_later)++] = (struct later){ .what = (uint16_t)other };
                        place++;
                        break;
                case OP_SPLIT_LAST:
                        run->later[(*n_later)++] = (struct later){ .what = (uint16_t)(place + 1) };
                        place = other;
                        break;
                case OP_JUMP:
                        place = other;
                        break;
                case OP_SAVE:
                        if (run->n_slots) {
                                run->later[(*n_later)++] = (struct later){
                                        .what = insn->value, .slot = true, .value = run->slots[insn->value]
                                };
                                run->slots[insn->value] = (uint32_t)run->at;
                        }
                        place++;
                        break;
                case OP_START:
                        if (run->at)
                                return;
                        place++;
                        break;
                case OP_END:
                        if (run->at != run->n_text)
                                return;
                        place++;
                        break;
                default:
                        to->at[to->n] = (uint16_t)place;
                        memcpy(&to->slots[to->n * run->n_slots], run->slots,
                               run->n_slots * sizeof(*run->slots));
                        to->n++;
                        return;
                }
        }
}

/* Adds what can be reached from `place` without a byte. No place is left for later twice, since each is seen
 * once: `later` suffices. */
static void add(struct run *run, struct places *to, size_t place) {
        size_t n_later = 0;

        add_one(run, to, place, &n_later);
        while (n_later) {
                struct later *later = &run->later[--n_later];

                if (later->slot)
                        run->slots[later->what] = later->value;
                else
                        add_one(run, to, later->what, &n_later);
        }
}

/* One byte on; whether some way has come to its end. Ways after that one are less preferred and are dropped;
 * those before it may still find a match that is preferred. */
static bool step(struct run *run, const struct places *from, struct places *to, uint32_t *ret_slots) {
        const struct policy_pattern *pattern = run->pattern;
        unsigned char byte = (unsigned char)run->text[run->at];

        run->at++;
        to->n = 0;
        for (size_t i = 0; i < from->n; i++) {
                const struct insn *insn = &pattern->insns[from->at[i]];
                const uint32_t *slots = &from->slots[i * run->n_slots];

                if (insn->op == OP_MATCH) {
                        memcpy(ret_slots, slots, run->n_slots * sizeof(*slots));
                        return true;
                }
                if (run->at > run->n_text || (insn->op == OP_CHAR && insn->value != byte) ||
                    (insn->op == OP_CLASS && !pattern_class_has(&pattern->classes[insn->value], byte)))
                        continue;
                memcpy(run->slots, slots, run->n_slots * sizeof(*slots));
                add(run, to, from->at[i] + 1u);
        }
        return false;
}

static bool run_all(struct run *run, struct places *from, struct places *to, uint32_t *ret_slots) {
        bool matched = false;

        from->n = 0;
        for (;;) {
                struct places *swap = from;

                /* A match that begins further left is preferred. */
                if (!matched && (!run->at || !run->pattern->anchored)) {
                        memset(run->slots, 0xff, sizeof(run->slots));
                        add(run, from, 0);
                }
                if (!from->n)
                        if (matched || run->pattern->anchored || run->at >= run->n_text)
                                return matched;
                matched |= step(run, from, to, ret_slots);
                if (run->at > run->n_text || (matched && !run->n_slots))
                        return matched;
                from = to;
                to = swap;
        }
}

static bool match_program(const struct policy_pattern *pattern, const char *text, size_t n_text,
                          uint32_t *ret_slots, size_t n_slots) {
        struct run run;
        struct places from, to;
        uint32_t slots[SLOTS_BYTES / sizeof(uint32_t)];

        run.pattern = pattern;
        run.text = text;
        run.n_text = n_text;
        run.at = 0;
        run.n_slots = n_slots;
        memset(run.seen, 0, pattern->n_insns * sizeof(*run.seen));
        from.slots = slots;
        to.slots = slots + pattern->n_insns * n_slots;
        return run_all(&run, &from, &to, ret_slots);
}

bool pattern_match(const struct policy_pattern *pattern, const char *text,
                   struct policy_capture captures[POLICY_CAPTURES_MAX], size_t *ret_n) {
        uint32_t slots[POLICY_CAPTURES_MAX * 2];
        size_t n = captures ? pattern_captures_kept(pattern) : 0;

        if (ret_n)
                *ret_n = 0;
        if (pattern->literal)
                return strcmp(text, pattern->literal) == 0;
        if (strncmp(text, pattern->prefix, pattern->n_prefix) != 0 ||
            !match_program(pattern, text, strlen(text), slots, n * 2))
                return false;
        for (size_t i = 0; i < n; i++) {
                bool took_part = slots[i * 2] != UINT32_MAX && slots[i * 2 + 1] != UINT32_MAX;

                captures[i] = (struct policy_capture){
                        .text = text + (took_part ? slots[i * 2] : 0),
                        .n = took_part ? slots[i * 2 + 1] - slots[i * 2] : 0,
                };
        }
        if (ret_n)
                *ret_n = n;
        return true;
}

size_t pattern_bytes(const struct policy_pattern *pattern) {
        return sizeof(*pattern) + 2 * strlen(pattern->text) + pattern->n_insns * sizeof(*pattern->insns) +
               (pattern->n_classes + 1) * sizeof(*pattern->classes);
}

size_t pattern_n_captures(const struct policy_pattern *pattern) {
        return pattern_captures_kept(pattern);
}

const char *pattern_text(const struct policy_pattern *pattern) {
        return pattern->text;
}

const char *pattern_literal(const struct policy_pattern *pattern) {
        return pattern->literal;
}
