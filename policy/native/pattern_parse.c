/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the text of a pattern to its program. What must stay true: whatever the text is, the program is
 * bounded, and so is the depth of the parser. Jumps are relative: a piece of program may be moved or copied
 * as it is.
 */

#include "policy/native/pattern_program.h"

#include "base/error.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX  64
#define REPEAT_MAX 255 /* RE_DUP_MAX of POSIX */

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

int pattern_parse(struct policy_pattern *pattern, char *error, size_t n_error) {
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
        if (pattern->n_insns * 2 * pattern_captures_kept(pattern) * 2 * sizeof(uint32_t) > SLOTS_BYTES)
                fail(&parser, "the pattern is too large for its captures");
        if (parser.r)
                return parser.r;
        return find_prefix(pattern, glob);
}
