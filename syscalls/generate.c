/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Turns the tables of this folder into C: generate OUTPUT FILE.tbl… Runs at build time on the build machine,
 * linked with arch.c so that the order of architectures is the library's own. Input is ours, so a mistake in
 * it ends the build with FILE:LINE and a sentence; output is deterministic.
 *
 * The kind of a file is told by its first word:
 *   table calls     one row per call       (syscalls.tbl, where the syntax is described)
 *   table cases     what an argument is when another has some value
 *   table numbers   numbers that libseccomp does not know
 *   table constants sets of constants, "set NAME [mask BITS] [arch A,B]" and then "NAME VALUE" lines; a set
 * with arch says only what differs from the plain set of that name there, "-" for what is missing
 */

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "syscalls/names.h"

#define N_ROWS      1024
#define N_SETS      512
#define N_CONSTANTS 8192
#define N_CASES     512
#define N_NUMBERS   2048
#define N_WORDS     32

struct constant_line {
        const char *name;
        uint64_t value;
        bool missing;
};

struct set {
        const char *name;
        uint64_t enum_mask;
        uint32_t arch_mask;
        size_t first, n; /* in constants */
};

struct arg {
        const char *kind, *name, *set;
        unsigned link, bits;
        const char *learn;
};

struct row {
        const char *name, *family;
        uint32_t arch_mask;
        size_t n_args;
        struct arg args[6];
};

struct case_line {
        const char *family, *when;
        struct arg arg;
        size_t order;
};

struct number {
        const char *name;
        uint32_t nr, arch_mask;
        bool newer;
};

static struct constant_line constants[N_CONSTANTS];
static struct set sets[N_SETS];
static struct row rows[N_ROWS];
static struct case_line cases[N_CASES];
static struct number numbers[N_NUMBERS];
static size_t n_constants, n_sets, n_rows, n_cases, n_numbers;

static const char *file;
static unsigned line_number;

static void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
static void fail(const char *format, ...) {
        va_list args;

        fprintf(stderr, "%s:%u: error: ", file, line_number);
        va_start(args, format);
        vfprintf(stderr, format, args);
        va_end(args);
        fputc('\n', stderr);
        exit(1);
}

static void *need(void *memory) {
        if (!memory)
                fail("out of memory");
        return memory;
}

static uint64_t parse_number(const char *text) {
        const char *shift = strstr(text, "<<");
        char *end;
        uint64_t value = strtoull(text, &end, 0);

        if (shift && end == shift) {
                value <<= strtoull(shift + 2, &end, 0);
        }
        if (end == text || *end)
                fail("'%s' is no number; write 12, 0x0c, 014 or 3<<2", text);
        return value;
}

static uint32_t parse_arch(const char *name) {
        for (size_t i = 0; i < arch_table_n; i++)
                if (!strcmp(arch_table[i].name, name))
                        return 1u << i;
        fail("'%s' is no architecture of arch.c", name);
}

/* "a,b" or one of the groups all, 32, mips* as bits of arch_table. */
static uint32_t parse_arches(char *list) {
        uint32_t mask = 0;

        for (char *save = NULL, *name = strtok_r(list, ",", &save); name;
             name = strtok_r(NULL, ",", &save)) {
                size_t n = strlen(name);

                if (!strcmp(name, "all")) {
                        mask |= (uint32_t)((1ull << arch_table_n) - 1);
                } else if (!strcmp(name, "32")) {
                        for (size_t i = 0; i < arch_table_n; i++)
                                if (arch_table[i].bits == 32)
                                        mask |= 1u << i;
                } else if (name[n - 1] == '*') {
                        for (size_t i = 0; i < arch_table_n; i++)
                                if (!strncmp(arch_table[i].name, name, n - 1))
                                        mask |= 1u << i;
                } else {
                        mask |= parse_arch(name);
                }
        }
        return mask;
}

static const struct {
        const char *word, *kind;
        unsigned bits; /* of the register that matter to the kernel unless the row says otherwise */
} kinds[] = {
        { "none", "ARG_NONE", 64 },
        { "int", "ARG_INT", 32 },
        { "uint", "ARG_UINT", 32 },
        { "hex", "ARG_HEX", 64 },
        { "size", "ARG_SIZE", 64 },
        { "ptr", "ARG_PTR", 64 },
        { "offset", "ARG_OFFSET", 64 },
        { "fd", "ARG_FD", 32 },
        { "dirfd", "ARG_DIRFD", 32 },
        { "path", "ARG_PATH", 64 },
        { "string", "ARG_STRING", 64 },
        { "mode", "ARG_MODE", 32 },
        { "enum", "ARG_ENUM", 32 },
        { "flags", "ARG_FLAGS", 32 },
        { "signal", "ARG_SIGNAL", 32 },
        { "sockaddr", "ARG_SOCKADDR", 64 },
        { "argv", "ARG_ARGV", 64 },
        { "envp", "ARG_ENVP", 64 },
        { "buffer", "ARG_BUFFER", 64 },
        { "out", "ARG_OUT", 64 },
        { "iovec", "ARG_IOVEC", 64 },
        { "open_how", "ARG_OPEN_HOW", 64 },
        { "clone_args", "ARG_CLONE_ARGS", 64 },
        { "timespec", "ARG_TIMESPEC", 64 },
        { "sigset", "ARG_SIGSET", 64 },
        { "pid", "ARG_PID", 32 },
        { "uid", "ARG_UID", 32 },
        { "case", "ARG_CASE", 32 },
        { "dev", "ARG_DEV", 32 },
        { "unused", "ARG_UNUSED", 64 },
        { "sigaction", "ARG_SIGACTION", 64 },
        { "rlimit", "ARG_RLIMIT", 64 },
        { "msghdr", "ARG_MSGHDR", 64 },
        { "block", "ARG_BLOCK", 64 },
};

/* [NAME=]KIND[:SET][@LINK][/BITS][*[values|bits]] */
static struct arg parse_arg(char *text) {
        struct arg arg = { .learn = "LEARN_NOTHING" };
        const char *word, *default_learn;
        char *mark;

        if ((mark = strchr(text, '*'))) {
                *mark = '\0';
                arg.learn = mark[1] ? mark + 1 : "default";
        }
        if ((mark = strchr(text, '/'))) {
                *mark = '\0';
                arg.bits = (unsigned)parse_number(mark + 1);
        }
        if ((mark = strchr(text, '@'))) {
                *mark = '\0';
                arg.link = (unsigned)parse_number(mark + 1);
        }
        if ((mark = strchr(text, ':'))) {
                *mark = '\0';
                arg.set = mark + 1;
        }
        word = text;
        if ((mark = strchr(text, '='))) {
                *mark = '\0';
                arg.name = text;
                word = mark + 1;
        } else {
                arg.name = word;
        }
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                if (strcmp(kinds[i].word, word) != 0)
                        continue;
                arg.kind = kinds[i].kind;
                if (!arg.bits)
                        arg.bits = kinds[i].bits;
        }
        if (!arg.kind)
                fail("'%s' is no kind of argument", word);
        if (!arg.set != (strcmp(word, "enum") && strcmp(word, "flags") && strcmp(word, "case")))
                fail("'%s': enum, flags and case name a set after a colon, other kinds do not", word);
        if (arg.link > 5 || (arg.bits != 32 && arg.bits != 64))
                fail("'%s': an argument has a number from 0 to 5, and 32 or 64 bits", word);
        default_learn = strcmp(word, "flags") ? "LEARN_VALUES" : "LEARN_BITS";
        if (!strcmp(arg.learn, "default"))
                arg.learn = default_learn;
        else if (!strcmp(arg.learn, "values"))
                arg.learn = "LEARN_VALUES";
        else if (!strcmp(arg.learn, "bits"))
                arg.learn = "LEARN_BITS";
        else if (strcmp(arg.learn, "LEARN_NOTHING") != 0)
                fail("'*%s': a recording learns *, *values or *bits", arg.learn);
        return arg;
}

static void read_call(char **words, size_t n) {
        struct row *row = &rows[n_rows];
        char *mark;

        if (n < 2 || n > 8 || n_rows == N_ROWS)
                fail("a row is NAME FAMILY and up to six arguments");
        if ((mark = strchr(words[0], ':'))) {
                *mark = '\0';
                row->arch_mask = parse_arches(mark + 1);
        }
        row->name = words[0];
        row->family = words[1];
        for (size_t i = 2; i < n; i++)
                row->args[row->n_args++] = parse_arg(words[i]);
        n_rows++;
}

static void read_case(char **words, size_t n) {
        if (n != 3 || n_cases == N_CASES)
                fail("a case is FAMILY CONSTANT ARGUMENT");
        cases[n_cases] = (struct case_line){ words[0], words[1], parse_arg(words[2]), n_cases };
        n_cases++;
}

static void read_number(char **words, size_t n, bool newer) {
        if (n != 3 || n_numbers == N_NUMBERS)
                fail("a number is NAME NUMBER ARCHITECTURES");
        if (parse_number(words[1]) >= 640)
                fail("'%s': numbers are counted from the base of the architecture and end at 639", words[1]);
        numbers[n_numbers++] =
                (struct number){ words[0], (uint32_t)parse_number(words[1]), parse_arches(words[2]), newer };
}

static void read_constant(char **words, size_t n) {
        if (!strcmp(words[0], "set")) {
                struct set *set = &sets[n_sets];

                if (n < 2 || n % 2 || n_sets == N_SETS)
                        fail("a set starts with: set NAME [mask BITS] [arch A,B]");
                n_sets++;
                set->name = words[1];
                set->first = n_constants;
                for (size_t i = 2; i < n; i += 2) {
                        if (!strcmp(words[i], "mask"))
                                set->enum_mask = parse_number(words[i + 1]);
                        else if (!strcmp(words[i], "arch"))
                                set->arch_mask = parse_arches(words[i + 1]);
                        else
                                fail("'%s' is neither mask nor arch", words[i]);
                }
                return;
        }
        if (n != 2 || !n_sets || n_constants == N_CONSTANTS)
                fail("a constant is NAME VALUE, after a line: set NAME");
        constants[n_constants++] =
                strcmp(words[1], "-") ? (struct constant_line){ words[0], parse_number(words[1]), false }
                                      : (struct constant_line){ words[0], 0, true };
        sets[n_sets - 1].n++;
}

static void read_file(const char *path) {
        enum { KIND_NONE, CALLS, CASES, NUMBERS, NEWER, CONSTANTS } kind = KIND_NONE;
        FILE *stream = fopen(path, "re");
        char *line = NULL;
        size_t size = 0;

        file = path;
        line_number = 0;
        if (!stream)
                fail("cannot be opened");
        while (getline(&line, &size, stream) >= 0) {
                char *words[N_WORDS], *save = NULL, *copy;
                size_t n = 0;

                line_number++;
                line[strcspn(line, "#\n")] = '\0';
                copy = need(strdup(line)); /* kept: the tables point into it */
                for (char *word = strtok_r(copy, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
                        if (n == N_WORDS)
                                fail("too many words");
                        words[n++] = word;
                }
                if (!n) {
                        free(copy);
                        continue;
                }
                if (kind == KIND_NONE) {
                        const char *what = n == 2 && !strcmp(words[0], "table") ? words[1] : "";

                        kind = !strcmp(what, "calls")       ? CALLS
                               : !strcmp(what, "cases")     ? CASES
                               : !strcmp(what, "numbers")   ? NUMBERS
                               : !strcmp(what, "newer")     ? NEWER
                               : !strcmp(what, "constants") ? CONSTANTS
                                                            : KIND_NONE;
                        if (kind == KIND_NONE)
                                fail("the first line is: table calls, cases, numbers, newer or constants");
                        continue;
                }
                switch (kind) {
                case CALLS:
                        read_call(words, n);
                        break;
                case CASES:
                        read_case(words, n);
                        break;
                case NUMBERS:
                case NEWER:
                        read_number(words, n, kind == NEWER);
                        break;
                default:
                        read_constant(words, n);
                }
        }
        free(line);
        fclose(stream);
}

static int compare_rows(const void *a, const void *b) {
        const struct row *left = a, *right = b;
        int r = strcmp(left->name, right->name);

        return r ? r : (left->arch_mask > right->arch_mask) - (left->arch_mask < right->arch_mask);
}

static int compare_sets(const void *a, const void *b) {
        const struct set *left = a, *right = b;
        int r = strcmp(left->name, right->name);

        return r ? r : (left->arch_mask > right->arch_mask) - (left->arch_mask < right->arch_mask);
}

static int compare_cases(const void *a, const void *b) {
        const struct case_line *left = a, *right = b;
        int r = strcmp(left->family, right->family);

        return r ? r : (left->order > right->order) - (left->order < right->order);
}

static size_t find_set(const char *name) {
        for (size_t i = 0; i < n_sets; i++)
                if (!strcmp(sets[i].name, name))
                        return i;
        fail("no table has a set named '%s'", name);
}

static uint64_t find_constant(const char *name) {
        if (!strcmp(name, "*"))
                return 0;
        for (size_t i = 0; i < n_sets; i++)
                for (size_t k = 0; k < sets[i].n && !sets[i].arch_mask; k++)
                        if (!strcmp(constants[sets[i].first + k].name, name))
                                return constants[sets[i].first + k].value;
        fail("no set has a constant named '%s'", name);
}

static void write_arg(FILE *out, const struct arg *arg) {
        fprintf(out, "{ %s, %u, %s, %u, \"%s\", ", arg->kind, arg->link, arg->learn, arg->bits, arg->name);
        if (!strcmp(arg->kind, "ARG_CASE")) {
                bool found = false;

                for (size_t i = 0; i < n_cases; i++)
                        found |= !strcmp(cases[i].family, arg->set);
                if (!found)
                        fail("no table has a case named '%s'", arg->set);
                fprintf(out, "NULL, cases_%s }", arg->set);
        } else if (arg->set) {
                fprintf(out, "&constant_sets[%zu], NULL }", find_set(arg->set));
        } else {
                fprintf(out, "NULL, NULL }");
        }
}

static const struct constant_line *find_in_set(const struct set *set, const char *name) {
        for (size_t i = 0; i < set->n; i++)
                if (!strcmp(constants[set->first + i].name, name))
                        return &constants[set->first + i];
        return NULL;
}

static size_t write_constant(FILE *out, const struct constant_line *line) {
        if (line->missing)
                return 0;
        fprintf(out, "        { 0x%llxu, \"%s\" },\n", (unsigned long long)line->value, line->name);
        return 1;
}

/* The items of a set; those of a variant are the plain set's in its order, with what differs, then new ones.
 */
static size_t write_items(FILE *out, const struct set *set) {
        const struct set *plain = set->arch_mask ? &sets[find_set(set->name)] : set;
        size_t n = 0;

        for (size_t i = 0; i < plain->n; i++) {
                const struct constant_line *line = &constants[plain->first + i];
                const struct constant_line *other = find_in_set(set, line->name);

                n += write_constant(out, other ? other : line);
        }
        for (size_t i = 0; i < set->n; i++)
                if (!find_in_set(plain, constants[set->first + i].name))
                        n += write_constant(out, &constants[set->first + i]);
        return n;
}

static void write_constants(FILE *out) {
        size_t n[N_SETS];

        for (size_t i = 0; i < n_sets; i++) {
                if (sets[i].arch_mask ? !i || strcmp(sets[i].name, sets[i - 1].name)
                                      : i && !strcmp(sets[i].name, sets[i - 1].name))
                        fail("set '%s' must exist once without 'arch'", sets[i].name);
                if (sets[i].arch_mask && !sets[i].enum_mask)
                        sets[i].enum_mask = sets[find_set(sets[i].name)].enum_mask;
                fprintf(out, "static const struct constant constants_%zu[] = { /* %s */\n", i, sets[i].name);
                n[i] = write_items(out, &sets[i]);
                if (!n[i])
                        fail("set '%s' is empty", sets[i].name);
                fprintf(out, "};\n");
        }
        fprintf(out, "const struct constant_set constant_sets[] = {\n");
        for (size_t i = 0; i < n_sets; i++)
                fprintf(out, "        { \"%s\", constants_%zu, %zu, 0x%llxu, 0x%xu },\n", sets[i].name, i,
                        n[i], (unsigned long long)sets[i].enum_mask, sets[i].arch_mask);
        fprintf(out, "};\nconst size_t n_constant_sets = %zu;\n\n", n_sets);
}

static void write_cases(FILE *out) {
        for (size_t i = 0; i < n_cases; i++) {
                bool first = !i || strcmp(cases[i].family, cases[i - 1].family);

                if (first)
                        fprintf(out, "static const struct syscall_case cases_%s[] = {\n", cases[i].family);
                fprintf(out, "        { \"%s\", 0x%llxu, ", cases[i].when,
                        (unsigned long long)find_constant(cases[i].when));
                write_arg(out, &cases[i].arg);
                fprintf(out, " },\n");
                if (i + 1 == n_cases || strcmp(cases[i].family, cases[i + 1].family))
                        fprintf(out, "        { NULL, 0, { 0 } },\n};\n");
        }
}

static void write_rows(FILE *out) {
        fprintf(out, "\nconst struct syscall_row syscall_rows[] = {\n");
        for (size_t i = 0; i < n_rows; i++) {
                if (rows[i].arch_mask ? !i || strcmp(rows[i].name, rows[i - 1].name)
                                      : i && !strcmp(rows[i].name, rows[i - 1].name))
                        fail("row '%s' must exist once without architectures", rows[i].name);
                fprintf(out, "        { \"%s\", \"%s\", %zu, {\n", rows[i].name, rows[i].family,
                        rows[i].n_args);
                for (size_t k = 0; k < rows[i].n_args; k++) {
                        fprintf(out, "                ");
                        write_arg(out, &rows[i].args[k]);
                        fprintf(out, ",\n");
                }
                if (!rows[i].n_args)
                        fprintf(out, "                { ARG_NONE, 0, 0, 0, NULL, NULL, NULL },\n");
                fprintf(out, "        }, 0x%xu },\n", rows[i].arch_mask);
        }
        fprintf(out, "};\nconst size_t n_syscall_rows = %zu;\n\n", n_rows);
}

static void write_numbers(FILE *out) {
        fprintf(out, "const struct extra_number extra_numbers[] = {\n");
        for (size_t i = 0; i < n_numbers; i++)
                fprintf(out, "        { \"%s\", %u, 0x%xu, %d },\n", numbers[i].name, numbers[i].nr,
                        numbers[i].arch_mask, numbers[i].newer);
        fprintf(out, "};\nconst size_t n_extra_numbers = %zu;\n", n_numbers);
}

int main(int argc, char **argv) {
        FILE *out;

        if (argc < 3) {
                fprintf(stderr, "usage: generate OUTPUT FILE.tbl...\n");
                return 2;
        }
        for (int i = 2; i < argc; i++)
                read_file(argv[i]);
        qsort(rows, n_rows, sizeof(rows[0]), compare_rows);
        qsort(sets, n_sets, sizeof(sets[0]), compare_sets);
        qsort(cases, n_cases, sizeof(cases[0]), compare_cases);

        file = argv[1];
        line_number = 0;
        out = fopen(argv[1], "we");
        if (!out)
                fail("cannot be written");
        fprintf(out, "/* Generated from the tables in syscalls/: edit those. */\n#include "
                     "\"syscalls/index.h\"\n\n");
        write_constants(out);
        write_cases(out);
        write_rows(out);
        write_numbers(out);
        if (ferror(out) || fclose(out))
                fail("cannot be written");
        return 0;
}
