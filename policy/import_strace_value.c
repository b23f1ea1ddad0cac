/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Registers out of what strace prints for them: numbers, constants by name, and sums of them. Strings and
 * structures stand for addresses that were not printed.
 *
 * What must stay true: a value is either what was in the register, as far as the kernel looks at it, or
 * marked unknown; a guess would become a condition in somebody's profile. Where strace prints arguments in
 * another order than the registers have (clone), they are found by name.
 */

#include "policy/import_strace_parts.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "syscalls/table.h"

#define SHIFT_MAX 63

static struct strace_text behind(struct strace_text text, size_t n) {
        return (struct strace_text){ text.bytes + n, text.n - n };
}

static struct strace_text trim(struct strace_text text) {
        while (text.n > 0 && text.bytes[0] == ' ')
                text = behind(text, 1);
        while (text.n > 0 && text.bytes[text.n - 1] == ' ')
                text.n--;
        return text;
}

static bool starts(struct strace_text text, const char *prefix) {
        return import_starts(text.bytes, text.n, prefix);
}

static bool text_is(struct strace_text text, const char *word) {
        return text.n == strlen(word) && memcmp(text.bytes, word, text.n) == 0;
}

static bool is_name(char c) {
        return isalnum((unsigned char)c) || c == '_';
}

/* ---- words ---- */

static bool literal(struct strace_text text, uint64_t *ret) {
        bool negative = text.n > 0 && *text.bytes == '-';
        unsigned base = 10;

        if (negative)
                text = behind(text, 1);
        if (starts(text, "0x") || starts(text, "0X")) {
                base = 16;
                text = behind(text, 2);
        } else if (text.n > 1 && *text.bytes == '0') {
                base = 8;
        }
        if (text.n == 0 || import_number(text.bytes, text.n, base, ret) != text.n)
                return false;
        if (negative)
                *ret = -*ret;
        return true;
}

static bool set_has(const struct constant_set *set, struct strace_text name, uint64_t *ret) {
        for (size_t i = 0; set && i < set->n; i++)
                if (text_is(name, set->items[i].name)) {
                        *ret = set->items[i].value;
                        return true;
                }
        return false;
}

/* Architectures whose numbers for flags and signals are mostly their own. */
static bool has_own_constants(const struct arch *arch) {
        return strncmp(arch->name, "mips", 4) == 0 || strncmp(arch->name, "parisc", 6) == 0;
}

static bool constant(struct strace_text name, const struct constant_set *set, const struct arch *arch,
                     uint64_t *ret) {
        /* Not constants of one argument, so in no set. */
        static const struct constant words[] = {
                { 0, "NULL" },     { (uint64_t)-100, "AT_FDCWD" }, { 0, "IPC_PRIVATE" },
                { 1, "AF_LOCAL" }, { 26, "MAP_HUGE_SHIFT" },       { 1, "AF_FILE" },
        };
        char text[64];

        if (name.n == 0 || name.n >= sizeof(text))
                return false;
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (text_is(name, words[i].name)) {
                        *ret = words[i].value;
                        return true;
                }
        if (set_has(set, name, ret))
                return true;
        memcpy(text, name.bytes, name.n);
        text[name.n] = 0;
        if (strncmp(text, "SIGRT_", 6) == 0 && literal(behind(name, 6), ret)) {
                *ret += 32;
                return true;
        }
        if (has_own_constants(arch) || has_own_constants(arch_native()))
                return false;
        if (strncmp(text, "PF_", 3) == 0) {
                memcpy(text, "AF_", 3);
                if (set_has(set, (struct strace_text){ text, name.n }, ret))
                        return true;
        }
        return constant_value(NULL, text, ret) == 0;
}

static bool number_or_constant(struct strace_text text, const struct constant_set *set,
                               const struct arch *arch, uint64_t *ret) {
        text = trim(text);
        return literal(text, ret) || constant(text, set, arch, ret);
}

/* makedev(0x1, 0x3) and _IOC(_IOC_READ, 0x54, 0x30, 0x4), each as the kernel packs them. */
static bool call_value(struct strace_text text, const struct arch *arch, uint64_t *ret) {
        static const struct {
                const char *word;
                uint64_t generic, other; /* powerpc, mips, parisc … number the directions otherwise */
        } directions[] = { { "_IOC_NONE", 0, 1 }, { "_IOC_READ", 2, 2 }, { "_IOC_WRITE", 1, 4 } };
        uint64_t parts[4] = { 0 };
        bool is_dev = starts(text, "makedev("), is_ioctl = starts(text, "_IOC("), other;
        size_t n = 0, wanted = is_dev ? 2 : 4;
        const char *from, *end;

        if ((!is_dev && !is_ioctl) || text.bytes[text.n - 1] != ')')
                return false;
        other = has_own_constants(arch) || strncmp(arch->name, "ppc", 3) == 0;
        from = (const char *)memchr(text.bytes, '(', text.n) + 1;
        end = text.bytes + text.n - 1;
        while (from <= end && n < wanted) {
                const char *comma = memchr(from, ',', (size_t)(end - from));
                struct strace_text part = { from, (size_t)((comma ? comma : end) - from) };

                part = trim(part);
                if (is_ioctl && n == 0) {
                        while (part.n > 0) {
                                size_t length = 0;
                                bool known = false;

                                while (length < part.n && part.bytes[length] != '|')
                                        length++;
                                for (size_t i = 0; i < 3; i++)
                                        if (text_is((struct strace_text){ part.bytes, length },
                                                    directions[i].word)) {
                                                parts[0] |=
                                                        other ? directions[i].other : directions[i].generic;
                                                known = true;
                                        }
                                if (!known)
                                        return false;
                                part = behind(part, length < part.n ? length + 1 : length);
                        }
                } else if (!literal(part, &parts[n])) {
                        return false;
                }
                n++;
                if (!comma)
                        break;
                from = comma + 1;
        }
        if (n != wanted)
                return false;
        if (is_dev)
                *ret = (parts[1] & 0xff) | (parts[0] & 0xfff) << 8 | (parts[1] & 0xfff00) << 12;
        else
                *ret = (parts[0] << (other ? 29 : 30) | parts[3] << 16 | parts[1] << 8 | parts[2]) &
                       UINT32_MAX;
        return true;
}

/* One of the words between bars: 3</etc/hosts>, 21<<MAP_HUGE_SHIFT, 8192*1024, O_CLOEXEC. */
static bool term(struct strace_text text, const struct constant_set *set, const struct arch *arch,
                 uint64_t *ret) {
        uint64_t left, right;
        size_t n = 0;

        text = trim(text);
        if (text.n == 0)
                return false;
        if (text.bytes[text.n - 1] == ')')
                return call_value(text, arch, ret);
        if (*text.bytes == '-')
                n++;
        while (n < text.n && is_name(text.bytes[n]))
                n++;
        if (n == text.n)
                return number_or_constant(text, set, arch, ret);
        if (starts(behind(text, n), "<<")) {
                if (!number_or_constant((struct strace_text){ text.bytes, n }, set, arch, &left) ||
                    !number_or_constant(behind(text, n + 2), set, arch, &right) || right > SHIFT_MAX)
                        return false;
                *ret = left << right;
                return true;
        }
        if (text.bytes[n] == '<' && text.bytes[text.n - 1] == '>')
                return number_or_constant((struct strace_text){ text.bytes, n }, set, arch, ret);
        if (text.bytes[n] == '*') {
                if (!literal((struct strace_text){ text.bytes, n }, &left) ||
                    !literal(behind(text, n + 1), &right))
                        return false;
                *ret = left * right;
                return true;
        }
        return false;
}

/* Without a comment behind it (0x80000 is printed with its names by -X verbose) and what follows that. */
static struct strace_text without_comment(struct strace_text text) {
        const char *at = import_find(text.bytes, text.n, "/*");

        if (at)
                text.n = (size_t)(at - text.bytes);
        return trim(text);
}

bool strace_value(struct strace_text text, const struct constant_set *set, const struct arch *arch,
                  uint64_t *ret) {
        uint64_t value = 0, part;
        const char * or ;

        text = without_comment(trim(text));
        if (text.n == 0 || strchr("\"'{[~@.&<(", *text.bytes))
                return false;
        /* One number with several names: "SNDCTL_TMR_TIMEBASE or TCGETS". */
        while ((or = import_find(text.bytes, text.n, " or "))) {
                if (term((struct strace_text){ text.bytes, (size_t)(or -text.bytes) }, set, arch, ret))
                        return true;
                text = behind(text, (size_t)(or -text.bytes) + 4);
        }
        if (text.bytes[text.n - 1] == ')' || text.bytes[text.n - 1] == '>')
                return term(text, set, arch, ret); /* bars inside are not ours */
        while (text.n > 0) {
                const char *bar = memchr(text.bytes, '|', text.n);
                size_t n = bar ? (size_t)(bar - text.bytes) : text.n;

                if (!term((struct strace_text){ text.bytes, n }, set, arch, &part))
                        return false;
                value |= part;
                if (!bar)
                        break;
                text = behind(text, n + 1);
        }
        *ret = value;
        return text.n > 0;
}

/* ---- arguments ---- */

static bool is_narrow(const struct syscall_arg *arg, const struct arch *arch) {
        return arch->bits == 32 || (arg && !arg_is_pointer(arg->kind) && arg->bits == 32);
}

static void put(struct event *event, size_t i, const struct syscall_arg *arg, struct strace_text text,
                const struct arch *arch) {
        const struct constant_set *set = NULL;
        uint64_t value;

        if (arg && (arg->kind == ARG_ENUM || arg->kind == ARG_FLAGS))
                set = constant_set_variant(arg->set, arch->audit);
        else if (arg && arg->kind == ARG_SIGNAL)
                set = constant_set_variant(constant_set_by_name("signal"), arch->audit);
        if (arg && arg->kind == ARG_NONE)
                return;
        if (!strace_value(text, set, arch, &value))
                return;
        event->args[i] = is_narrow(arg, arch) ? value & UINT32_MAX : value;
        event->flags &= ~EVENT_UNKNOWN_ARG(i);
}

/* "flags=" in clone(child_stack=NULL, flags=…): cuts it off. */
static bool take_label(struct strace_text *text, struct strace_text *ret_label) {
        size_t n = 0;

        while (n < text->n && (islower((unsigned char)text->bytes[n]) || text->bytes[n] == '_'))
                n++;
        if (n == 0 || n == text->n || text->bytes[n] != '=')
                return false;
        *ret_label = (struct strace_text){ text->bytes, n };
        *text = behind(*text, n + 1);
        return true;
}

/* The argument of that name; -1 if there is none. */
static int labelled(const struct syscall_row *row, struct strace_text label) {
        static const struct {
                const char *printed, *name;
        } rows[] = {
                { "child_stack", "stack" },
                { "parent_tidptr", "parent_tid" },
                { "child_tidptr", "child_tid" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                if (text_is(label, rows[i].printed))
                        label = (struct strace_text){ rows[i].name, strlen(rows[i].name) };
        for (int i = 0; i < row->n_args; i++)
                if (row->args[i].name && text_is(label, row->args[i].name))
                        return i;
        return -1;
}

/* Does strace print another value than the register's, or one value for two registers? */
static bool is_printed_otherwise(const struct syscall_arg *arg) {
        const char *name = arg->name ? arg->name : "";

        return arg->kind == ARG_BLOCK || strstr(name, "_low") || strstr(name, "_high") ||
               strcmp(name, "pgoffset") == 0;
}

/* Which register each printed argument shows: -1 for none. Ends where that is not known. */
static size_t registers_of(const struct syscall_row *row, const struct strace_args *args,
                           struct strace_text *values, int *ret_index) {
        struct strace_text label;
        int next = 0;

        for (size_t i = 0; i < args->n; i++) {
                values[i] = args->args[i];
                if (take_label(&values[i], &label)) {
                        ret_index[i] = labelled(row, label);
                        next = EVENT_N_ARGS;
                        continue;
                }
                while (next < row->n_args && row->args[next].kind == ARG_UNUSED)
                        next++;
                if (next >= row->n_args || is_printed_otherwise(&row->args[next]))
                        return i;
                ret_index[i] = next++;
        }
        return args->n;
}

void strace_args_fill(const struct strace_args *args, struct event *event) {
        const struct arch *arch = arch_of_call(event->arch, event->nr);
        const struct syscall_row *row = syscall_row_of(event->arch, event->nr);
        struct strace_text values[STRACE_ARGS_MAX];
        int index[STRACE_ARGS_MAX];
        size_t n, n_detail = args->whole.n < EVENT_DETAIL_MAX - 1 ? args->whole.n : EVENT_DETAIL_MAX - 1;

        if (n_detail > 0) {
                memset(event->detail, 0, sizeof(event->detail));
                memcpy(event->detail, args->whole.bytes, n_detail);
                event->flags |= EVENT_DETAIL_OK;
        }
        if (!arch)
                return;
        if (!row) { /* strace knows no more than we do and prints registers */
                for (size_t i = 0; i < args->n && i < EVENT_N_ARGS; i++)
                        put(event, i, NULL, args->args[i], arch);
                return;
        }
        n = registers_of(row, args, values, index);
        for (size_t i = 0; i < n; i++)
                if (index[i] >= 0 && row->args[index[i]].kind != ARG_CASE)
                        put(event, (size_t)index[i], row->args + index[i], values[i], arch);
        for (size_t i = 0; i < n; i++) {
                const struct syscall_arg *arg = index[i] >= 0 ? row->args + index[i] : NULL;

                if (!arg || arg->kind != ARG_CASE)
                        continue;
                if (event->flags & EVENT_UNKNOWN_ARG(arg->link))
                        put(event, (size_t)index[i], NULL, values[i], arch);
                else
                        put(event, (size_t)index[i], syscall_arg_resolve(arg, event->args), values[i], arch);
        }
}

/* ---- results ---- */

static bool errno_value(struct strace_text name, int64_t *ret) {
        static const char number[] = "(errno ";
        uint64_t value;

        if (starts(name, number) && import_number(name.bytes + 7, name.n - 7, 10, &value)) {
                *ret = (int64_t)value;
                return true;
        }
        for (int i = 1; i < 134; i++) {
                const char *known = strerrorname_np(i);

                if (known && text_is(name, known)) {
                        *ret = i;
                        return true;
                }
        }
        return false;
}

void strace_result_fill(struct strace_text result, struct event *event) {
        struct strace_text word = trim(result), rest;
        uint64_t value;
        size_t n = 0;

        while (n < word.n && (is_name(word.bytes[n]) || word.bytes[n] == '-'))
                n++;
        rest = trim(behind(word, n));
        word.n = n;
        if (!literal(word, &value))
                return; /* "?": it never returns, or returns to something else */
        if (value == UINT64_MAX && rest.n > 0) {
                n = 0;
                while (n < rest.n && is_name(rest.bytes[n]))
                        n++;
                if (n > 0)
                        rest.n = n;
                if (errno_value(rest, &event->value)) {
                        event->answer = EVENT_ANSWER_ERRNO;
                        return;
                }
        }
        event->answer = EVENT_ANSWER_VALUE;
        event->value = (int64_t)value;
}
