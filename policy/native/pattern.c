/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both kinds of patterns become one small program, which is run for all its ways through the text at once:
 * a list of places in the program for each byte of the text, each place in it at most once. So no text can
 * make a match dear, which backtracking cannot promise, nor can memory run out, as it can inside regexec(3).
 *
 * Jumps are relative: a piece of program may be moved or copied as it is.
 */

#include "policy/native/pattern.h"

#include "base/error.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INSNS_MAX   4608 /* the longest text without a wildcard, and some */
#define CLASSES_MAX 1024
#define DEPTH_MAX   64
#define REPEAT_MAX  255          /* RE_DUP_MAX of POSIX */
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

static size_t captures_kept(const struct policy_pattern *pattern) {
        return pattern->n_captures < POLICY_CAPTURES_MAX ? pattern->n_captures : POLICY_CAPTURES_MAX;
}

/* ---- from text to program ---- */

struct parser {
        struct policy_pattern *pattern;
        const char *at;
        unsigned depth;
        char *error;
        size_t n_error;
        int r; /* of the first failure; what follows is ignored */
};

static void fail(struct parser *parser, const char *sentence) {
        if (parser->r)
                return;
        snprintf(parser->error, parser->n_error, "%s", sentence);
        parser->r = POLICY_E_INVALID;
}

static size_t emit(struct parser *parser, enum op op, unsigned value) {
        struct policy_pattern *pattern = parser->pattern;

        if (pattern->n_insns == INSNS_MAX) {
                fail(parser, "the pattern is too large: its repetitions make it so");
                return 0;
        }
        pattern->insns[pattern->n_insns] = (struct insn){ .op = (uint16_t)op, .value = (uint16_t)value };
        return pattern->n_insns++;
}

static void jump_to(struct parser *parser, size_t from, size_t to) {
        if (!parser->r)
                parser->pattern->insns[from].jump = (int16_t)((long)to - (long)from);
}

/* An instruction in front of what was emitted from `start` on. */
static void insert(struct parser *parser, size_t start, enum op op) {
        struct insn *insns = parser->pattern->insns;
        size_t last = emit(parser, op, 0);

        if (parser->r)
                return;
        for (struct insn insn = insns[last]; last > start; last--) {
                insns[last] = insns[last - 1];
                insns[last - 1] = insn;
        }
}

static void class_add(struct class *class, unsigned char byte) {
        class->bits[byte / 64] |= UINT64_C(1) << byte % 64;
}

static void class_remove(struct class *class, unsigned char byte) {
        class->bits[byte / 64] &= ~(UINT64_C(1) << byte % 64);
}

static bool class_has(const struct class *class, unsigned char byte) {
        return class->bits[byte / 64] >> byte % 64 & 1;
}

static void class_invert(struct class *class) {
        for (size_t i = 0; i < 4; i++)
                class->bits[i] = ~class->bits[i];
}

static void emit_class(struct parser *parser, const struct class *class) {
        struct policy_pattern *pattern = parser->pattern;
        size_t i = 0;

        while (i < pattern->n_classes && memcmp(&pattern->classes[i], class, sizeof(*class)) != 0)
                i++;
        if (i == CLASSES_MAX) {
                fail(parser, "the pattern has too many different sets of characters");
                return;
        }
        if (i == pattern->n_classes)
                pattern->classes[pattern->n_classes++] = *class;
        emit(parser, OP_CLASS, (unsigned)i);
}

static void emit_any(struct parser *parser, bool slash) {
        struct class class = { 0 };

        class_invert(&class);
        if (!slash)
                class_remove(&class, '/');
        emit_class(parser, &class);
}

/* What was emitted from start on, any number of times. */
static void repeat_any(struct parser *parser, size_t start) {
        size_t back;

        insert(parser, start, OP_SPLIT);
        back = emit(parser, OP_JUMP, 0);
        jump_to(parser, back, start);
        jump_to(parser, start, back + 1);
}

/* "[:alpha:]" and its siblings, after "[:". */
static bool named_class(struct parser *parser, struct class *class) {
        static const struct {
                const char *name;
                int (*is)(int);
        } rows[] = {
                { "alpha:]", isalpha }, { "digit:]", isdigit }, { "alnum:]", isalnum },
                { "upper:]", isupper }, { "lower:]", islower }, { "space:]", isspace },
                { "blank:]", isblank }, { "punct:]", ispunct }, { "print:]", isprint },
                { "graph:]", isgraph }, { "cntrl:]", iscntrl }, { "xdigit:]", isxdigit },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                size_t n = strlen(rows[i].name);

                if (strncmp(parser->at, rows[i].name, n) != 0)
                        continue;
                for (int c = 1; c < 128; c++)
                        if (rows[i].is(c))
                                class_add(class, (unsigned char)c);
                parser->at += n;
                return true;
        }
        return false;
}

/* A bracket expression, after '['. Those of globs never match '/'. */
static void parse_brackets(struct parser *parser, bool glob) {
        struct class class = { 0 };
        bool inverted = *parser->at == '^' || (glob && *parser->at == '!');
        const char *start;

        if (inverted)
                parser->at++;
        for (start = parser->at; *parser->at != ']' || parser->at == start;) {
                unsigned char first, last;

                if (parser->at[0] == '[' && parser->at[1] == ':') {
                        parser->at += 2;
                        if (named_class(parser, &class))
                                continue;
                        fail(parser, "this class in brackets is not known; there are [:alpha:], [:digit:], "
                                     "[:alnum:], [:upper:], [:lower:], [:space:], [:xdigit:] …");
                        return;
                }
                if (parser->at[0] == '[' && (parser->at[1] == '.' || parser->at[1] == '='))
                        fail(parser, "collating elements in brackets are not understood");
                if (glob && *parser->at == '\\' && parser->at[1])
                        parser->at++;
                first = last = (unsigned char)*parser->at;
                if (!first)
                        fail(parser, "a '[' has no ']'; write \\[ for the character itself");
                else if (first >= 0x80)
                        fail(parser, "brackets hold ASCII characters only: text is matched byte by byte");
                if (parser->r)
                        return;
                parser->at++;
                if (parser->at[0] == '-' && parser->at[1] && parser->at[1] != ']') {
                        last = (unsigned char)parser->at[1];
                        parser->at += 2;
                        if (last < first || last >= 0x80) {
                                fail(parser, "a range in brackets ends before it begins");
                                return;
                        }
                }
                for (unsigned c = first; c <= last; c++)
                        class_add(&class, (unsigned char)c);
        }
        parser->at++;
        if (inverted)
                class_invert(&class);
        if (glob)
                class_remove(&class, '/');
        emit_class(parser, &class);
}

static void enter(struct parser *parser) {
        if (++parser->depth > DEPTH_MAX)
                fail(parser, "the pattern is nested too deeply");
}

typedef void parse_fn(struct parser *parser);

static void parse_capture(struct parser *parser, parse_fn *inside) {
        size_t capture = parser->pattern->n_captures++;

        enter(parser);
        if (capture < POLICY_CAPTURES_MAX)
                emit(parser, OP_SAVE, (unsigned)capture * 2);
        inside(parser);
        if (*parser->at != ')')
                fail(parser, "a '(' has no ')'; write \\( for the character itself");
        if (parser->r)
                return;
        parser->at++;
        if (capture < POLICY_CAPTURES_MAX)
                emit(parser, OP_SAVE, (unsigned)capture * 2 + 1);
        parser->depth--;
}

/* What stands between `separator`s: one of them. Jumps to the end are chained through their `value` until
 * it is known. */
static void parse_choice(struct parser *parser, parse_fn *branch, char separator) {
        struct insn *insns = parser->pattern->insns;
        size_t chain = 0;

        for (;;) {
                size_t start = parser->pattern->n_insns, jump;

                branch(parser);
                if (parser->r || *parser->at != separator)
                        break;
                parser->at++;
                insert(parser, start, OP_SPLIT);
                jump = emit(parser, OP_JUMP, (unsigned)chain);
                jump_to(parser, start, jump + 1);
                chain = jump;
        }
        while (!parser->r && chain) {
                size_t before = insns[chain].value;

                insns[chain].value = 0;
                jump_to(parser, chain, parser->pattern->n_insns);
                chain = before;
        }
}

static void glob_sequence(struct parser *parser, const char *ends);

static void glob_captured(struct parser *parser) {
        glob_sequence(parser, ")");
}

static void glob_branch(struct parser *parser) {
        glob_sequence(parser, ",}");
}

static void glob_star(struct parser *parser) {
        bool slash = *parser->at == '*';
        size_t start = parser->pattern->n_insns;

        while (*parser->at == '*')
                parser->at++;
        emit_any(parser, slash);
        repeat_any(parser, start);
}

static void glob_braces(struct parser *parser) {
        enter(parser);
        parse_choice(parser, glob_branch, ',');
        if (*parser->at != '}')
                fail(parser, "a '{' has no '}'; write \\{ for the character itself");
        else
                parser->at++;
        parser->depth--;
}

static void glob_sequence(struct parser *parser, const char *ends) {
        while (!parser->r && *parser->at && !strchr(ends, *parser->at)) {
                char c = *parser->at++;

                if (c == '*')
                        glob_star(parser);
                else if (c == '?')
                        emit_any(parser, false);
                else if (c == '[')
                        parse_brackets(parser, true);
                else if (c == '{')
                        glob_braces(parser);
                else if (c == '(')
                        parse_capture(parser, glob_captured);
                else if (c == ')' || c == '}')
                        fail(parser, c == ')' ? "a ')' has no '('; write \\) for the character itself"
                                              : "a '}' has no '{'; write \\} for the character itself");
                else if (c == '\\' && !*parser->at)
                        fail(parser, "the pattern ends in a backslash; write \\\\ for the character itself");
                else
                        emit(parser, OP_CHAR, (unsigned char)(c == '\\' ? *parser->at++ : c));
        }
}

static void regex_choice(struct parser *parser);

static void regex_atom(struct parser *parser) {
        char c = *parser->at++;

        if (c == '.')
                emit_any(parser, true);
        else if (c == '[')
                parse_brackets(parser, false);
        else if (c == '(')
                parse_capture(parser, regex_choice);
        else if (c == '^')
                emit(parser, OP_START, 0);
        else if (c == '$')
                emit(parser, OP_END, 0);
        else if (c == '*' || c == '+' || c == '?' || c == '{')
                fail(parser,
                     "a repetition has nothing before it to repeat; a backslash makes it the character "
                     "itself");
        else if (c == '\\' && !*parser->at)
                fail(parser, "the expression ends in a backslash");
        else if (c == '\\' && isalnum((unsigned char)*parser->at))
                fail(parser, "a backslash before a letter or digit means nothing in extended regular "
                             "expressions; write [0-9], [[:space:]], [[:alnum:]_] …");
        else
                emit(parser, OP_CHAR, (unsigned char)(c == '\\' ? *parser->at++ : c));
}

static unsigned regex_number(struct parser *parser, unsigned otherwise) {
        unsigned n = 0;

        if (!isdigit((unsigned char)*parser->at))
                return otherwise;
        while (isdigit((unsigned char)*parser->at) && n <= REPEAT_MAX)
                n = n * 10 + (unsigned)(*parser->at++ - '0');
        if (n > REPEAT_MAX)
                fail(parser, "more than 255 repetitions are not possible");
        return n;
}

static void copy_piece(struct parser *parser, const struct insn *piece, size_t n) {
        struct policy_pattern *pattern = parser->pattern;

        if (n > INSNS_MAX - pattern->n_insns) {
                fail(parser, "the pattern is too large: its repetitions make it so");
                return;
        }
        memcpy(&pattern->insns[pattern->n_insns], piece, n * sizeof(*piece));
        pattern->n_insns += n;
}

/* "{2,5}" after '{': the piece from start on is there once already. */
static void regex_interval(struct parser *parser, size_t start) {
        struct policy_pattern *pattern = parser->pattern;
        size_t n = pattern->n_insns - start;
        struct insn *piece;
        unsigned low, high;

        low = regex_number(parser, 0);
        high = low;
        if (*parser->at == ',') {
                parser->at++;
                high = regex_number(parser, UINT32_MAX);
        } else if (parser->at[-1] == '{') {
                fail(parser,
                     "a '{' must be followed by a number of repetitions; write \\{ for the character "
                     "itself");
        }
        if (*parser->at != '}' || high < low)
                fail(parser, "a number of repetitions must look like {2}, {2,} or {2,5}");
        if (parser->r)
                return;
        parser->at++;
        piece = malloc(n ? n * sizeof(*piece) : 1);
        if (!piece) {
                parser->r = error_origin(-ENOMEM);
                return;
        }
        memcpy(piece, &pattern->insns[start], n * sizeof(*piece));
        pattern->n_insns = start;
        for (unsigned i = 0; i < low; i++)
                copy_piece(parser, piece, n);
        for (unsigned i = low; !parser->r && i < high; i++) {
                size_t again = pattern->n_insns;

                copy_piece(parser, piece, n);
                if (high == UINT32_MAX) {
                        repeat_any(parser, again);
                        break;
                }
                insert(parser, again, OP_SPLIT);
                jump_to(parser, again, pattern->n_insns);
        }
        free(piece);
}

static void regex_repeat(struct parser *parser, size_t start) {
        size_t last;

        switch (*parser->at++) {
        case '*':
                repeat_any(parser, start);
                return;
        case '+':
                last = emit(parser, OP_SPLIT_LAST, 0);
                jump_to(parser, last, start);
                return;
        case '?':
                insert(parser, start, OP_SPLIT);
                jump_to(parser, start, parser->pattern->n_insns);
                return;
        default:
                regex_interval(parser, start);
        }
}

static void regex_branch(struct parser *parser) {
        while (!parser->r && *parser->at && *parser->at != '|' && !(*parser->at == ')' && parser->depth)) {
                size_t start = parser->pattern->n_insns;

                regex_atom(parser);
                while (!parser->r && *parser->at && strchr("*+?{", *parser->at))
                        regex_repeat(parser, start);
        }
}

static void regex_choice(struct parser *parser) {
        parse_choice(parser, regex_branch, '|');
}

/* What every match begins with, and whether that is all. */
static int find_prefix(struct policy_pattern *pattern, bool glob) {
        const struct insn *insns = pattern->insns;
        size_t i, n = 0;

        for (i = 0; insns[i].op == OP_START || insns[i].op == OP_SAVE || insns[i].op == OP_CHAR; i++) {
                if (insns[i].op == OP_START)
                        pattern->anchored = true;
                if (insns[i].op != OP_CHAR)
                        continue;
                if (n < sizeof(pattern->prefix))
                        pattern->prefix[n] = (char)insns[i].value;
                n++;
        }
        if (glob && !pattern->n_captures && insns[i].op == OP_END) {
                pattern->literal = calloc(1, n + 1);
                if (!pattern->literal)
                        return error_origin(-ENOMEM);
                /* OP_START, then the characters */
                for (size_t j = 0; j < n; j++)
                        pattern->literal[j] = (char)insns[1 + j].value;
        }
        pattern->n_prefix = !pattern->anchored            ? 0
                            : n < sizeof(pattern->prefix) ? n
                                                          : sizeof(pattern->prefix);
        return 0;
}

static int parse(struct policy_pattern *pattern, char *error, size_t n_error) {
        bool glob = pattern->text[0] != '~';
        struct parser parser = {
                .pattern = pattern, .at = pattern->text + !glob, .error = error, .n_error = n_error
        };

        if (!*parser.at)
                fail(&parser, "the pattern is empty");
        if (glob) {
                emit(&parser, OP_START, 0);
                glob_sequence(&parser, "");
                emit(&parser, OP_END, 0);
        } else {
                regex_choice(&parser);
        }
        emit(&parser, OP_MATCH, 0);
        if (glob && pattern->n_captures > POLICY_CAPTURES_MAX)
                fail(&parser, "the pattern has more than nine captures");
        if (pattern->n_insns * 2 * captures_kept(pattern) * 2 * sizeof(uint32_t) > SLOTS_BYTES)
                fail(&parser, "the pattern is too large for its captures");
        if (parser.r)
                return parser.r;
        return find_prefix(pattern, glob);
}

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
        r = parse(pattern, error, n_error);
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
                    (insn->op == OP_CLASS && !class_has(&pattern->classes[insn->value], byte)))
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
        size_t n = captures ? captures_kept(pattern) : 0;

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
        return captures_kept(pattern);
}

const char *pattern_text(const struct policy_pattern *pattern) {
        return pattern->text;
}

const char *pattern_literal(const struct policy_pattern *pattern) {
        return pattern->literal;
}
