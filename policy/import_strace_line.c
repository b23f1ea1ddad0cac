/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The shape of one line of strace: what stands before the call, what kind of line it is, where its arguments
 * begin and end.
 *
 * What must stay true: arguments are split where strace separates them, never inside a string, a structure
 * or the name of a file that a descriptor stands for; names of files hold any character.
 */

#include "policy/import_strace_parts.h"

#include <ctype.h>
#include <string.h>

#define PID_MAX    4194304 /* the kernel's own limit: a larger number is a time */
#define SUFFIX_MAX 64      /* of "<pid changed to 4194304 ...>" */

static struct strace_text behind(struct strace_text text, size_t n) {
        return (struct strace_text){ text.bytes + n, text.n - n };
}

static struct strace_text skip_spaces(struct strace_text text) {
        while (text.n > 0 && (*text.bytes == ' ' || *text.bytes == '\t'))
                text = behind(text, 1);
        return text;
}

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

static bool is_name(char c) {
        return isalnum((unsigned char)c) || c == '_';
}

static bool starts(struct strace_text text, const char *prefix) {
        return import_starts(text.bytes, text.n, prefix);
}

/* ---- before the call ---- */

/* "<comm>" with which -Y follows a number. */
static struct strace_text take_comm(struct strace_text text, struct strace_prefix *prefix) {
        size_t limit = text.n < 80 ? text.n : 80;

        if (text.n == 0 || *text.bytes != '<')
                return text;
        for (size_t i = 1; i < limit; i++) {
                char next = i + 1 < text.n ? text.bytes[i + 1] : ' ';

                if (text.bytes[i] != '>' || (next != ' ' && next != ']'))
                        continue;
                memset(prefix->comm, 0, sizeof(prefix->comm));
                memcpy(prefix->comm, text.bytes + 1,
                       i - 1 < EVENT_COMM_MAX - 1 ? i - 1 : EVENT_COMM_MAX - 1);
                prefix->has_comm = true;
                return behind(text, i + 1);
        }
        return text;
}

/* [pid 123], [00007f…] or [ 257]. Returns text itself when it is none of them. */
static struct strace_text take_bracket(struct strace_text text, struct strace_prefix *prefix) {
        struct strace_text inner = skip_spaces(behind(text, 1));
        uint64_t value;
        size_t n;

        if (starts(inner, "pid ")) {
                inner = skip_spaces(behind(inner, 4));
                n = import_number(inner.bytes, inner.n, 10, &value);
                if (n == 0 || value > UINT32_MAX)
                        return text;
                prefix->has_pid = true;
                prefix->pid = (uint32_t)value;
                inner = take_comm(behind(inner, n), prefix);
                return inner.n > 0 && *inner.bytes == ']' ? behind(inner, 1) : text;
        }
        for (n = 0; n < inner.n && inner.bytes[n] == '?'; n++)
                ;
        if (n > 0)
                return n < inner.n && inner.bytes[n] == ']' ? behind(inner, n + 1) : text;
        n = import_number(inner.bytes, inner.n, 16, &value);
        if (n == 0 || n == inner.n || inner.bytes[n] != ']')
                return text;
        if (n == 8 || n == 16) {
                prefix->has_ip = true;
                prefix->ip = value;
                return behind(inner, n + 1);
        }
        if (import_number(inner.bytes, inner.n, 10, &value) != n)
                return text;
        prefix->has_nr = true;
        prefix->nr = value;
        return behind(inner, n + 1);
}

/* A number of a task, a time of day, a time since the epoch or since the line before. */
static struct strace_text take_number(struct strace_text text, struct strace_prefix *prefix) {
        uint64_t value, ns = 0;
        size_t n = import_number(text.bytes, text.n, 10, &value);
        struct strace_text rest = behind(text, n);

        if (n == 0 || rest.n == 0)
                return text;
        switch (*rest.bytes) {
        case ':':
                while (rest.n > 0 && (is_digit(*rest.bytes) || *rest.bytes == ':' || *rest.bytes == '.'))
                        rest = behind(rest, 1);
                return rest;
        case '.':
                n = import_fraction(rest.bytes + 1, rest.n - 1, &ns);
                if (value > PID_MAX && value < UINT64_MAX / 1000000000 - 1)
                        prefix->time_ns = value * 1000000000 + ns;
                return behind(rest, 1 + n);
        case '<':
                prefix->has_pid = value <= UINT32_MAX;
                prefix->pid = (uint32_t)value;
                return take_comm(rest, prefix);
        case ' ':
        case '\t':
                if (value > PID_MAX && value < UINT64_MAX / 1000000000 - 1) {
                        prefix->time_ns = value * 1000000000;
                } else {
                        prefix->has_pid = true;
                        prefix->pid = (uint32_t)value;
                }
                return rest;
        default:
                return text;
        }
}

struct strace_text strace_prefix(const char *line, size_t n, struct strace_prefix *ret) {
        struct strace_text text = { line, n }, next;

        memset(ret, 0, sizeof(*ret));
        for (;;) {
                text = skip_spaces(text);
                if (text.n == 0)
                        return text;
                if (is_digit(*text.bytes)) {
                        next = take_number(text, ret);
                } else if (*text.bytes == '[') {
                        next = take_bracket(text, ret);
                } else if (starts(text, "(+")) {
                        const char *end = memchr(text.bytes, ')', text.n < 40 ? text.n : 40);

                        next = end ? behind(text, (size_t)(end + 1 - text.bytes)) : text;
                } else if (starts(text, "/* ")) {
                        const char *end = import_find(text.bytes, text.n < 80 ? text.n : 80, "*/");

                        next = end ? behind(text, (size_t)(end + 2 - text.bytes)) : text;
                } else {
                        return text;
                }
                if (next.n == text.n)
                        return text;
                text = next;
        }
}

/* ---- what it is ---- */

static bool mode_of(struct strace_text text, enum strace_mode *ret) {
        if (starts(text, "64 bit") || starts(text, "n64"))
                *ret = STRACE_MODE_64;
        else if (starts(text, "32 bit") || starts(text, "31 bit") || starts(text, "o32"))
                *ret = STRACE_MODE_32;
        else if (starts(text, "x32") || starts(text, "n32"))
                *ret = STRACE_MODE_X32;
        else
                return false;
        return true;
}

static bool shape_mode(struct strace_text text, struct strace_shape *ret) {
        static const char head[] = "[ Process PID=", middle[] = " runs in ";
        uint64_t pid;
        size_t n;

        if (!starts(text, head))
                return false;
        text = behind(text, strlen(head));
        n = import_number(text.bytes, text.n, 10, &pid);
        text = behind(text, n);
        if (n == 0 || pid > UINT32_MAX)
                return false;
        if (text.n > 0 && *text.bytes == '<') { /* -Y */
                const char *end = import_find(text.bytes, text.n < 80 ? text.n : 80, "> ");

                text = end ? behind(text, (size_t)(end + 1 - text.bytes)) : text;
        }
        if (!starts(text, middle) || !mode_of(behind(text, strlen(middle)), &ret->mode))
                return false;
        ret->pid = (uint32_t)pid;
        ret->kind = STRACE_MODE;
        return true;
}

static bool shape_resumed(struct strace_text text, struct strace_shape *ret) {
        static const char tail[] = " resumed>";
        size_t n = 0;

        text = behind(text, 4);
        text = skip_spaces(text);
        while (n < text.n && is_name(text.bytes[n]))
                n++;
        if (n == 0 || !import_starts(text.bytes + n, text.n - n, tail))
                return false;
        ret->name = (struct strace_text){ text.bytes, n };
        ret->rest = behind(text, n + strlen(tail));
        ret->kind = STRACE_RESUMED;
        return true;
}

/* ") = 0": what is left of a call when its program printed into the line. */
static bool shape_rest(struct strace_text text, struct strace_shape *ret) {
        struct strace_text next = skip_spaces(behind(text, 1));

        if (!starts(next, "= "))
                return false;
        ret->rest = text;
        ret->kind = STRACE_REST;
        return true;
}

static bool is_heading(struct strace_text text) {
        return import_find(text.bytes, text.n < 200 ? text.n : 200, "calls") &&
               import_find(text.bytes, text.n < 200 ? text.n : 200, "syscall") &&
               !memchr(text.bytes, '(', text.n < 200 ? text.n : 200) && !starts(text, "strace:");
}

/* Lines that tell of no call: tasks attached, stacks (-k), dumps (-e write=). */
static bool is_quiet(struct strace_text text) {
        static const char *const starts_of[] = {
                "strace: ", "Process ", "> ", "| 0", "<... ", "[ Process "
        };

        for (size_t i = 0; i < sizeof(starts_of) / sizeof(starts_of[0]); i++)
                if (starts(text, starts_of[i]))
                        return true;
        return starts(text, "* ") && import_find(text.bytes, text.n < 80 ? text.n : 80, " bytes in buffer ");
}

void strace_shape(struct strace_text text, struct strace_shape *ret) {
        static const char summary[] = "System call usage summary for ";
        size_t n = 0;

        *ret = (struct strace_shape){ .kind = STRACE_OTHER };
        while (n < text.n && n < STRACE_NAME_MAX && is_name(text.bytes[n]))
                n++;
        if (n > 0 && n < text.n && text.bytes[n] == '(' && !is_digit(*text.bytes)) {
                ret->name = (struct strace_text){ text.bytes, n };
                ret->rest = behind(text, n + 1);
                ret->kind = STRACE_CALL;
        } else if (text.n == 0) {
                ret->kind = STRACE_QUIET;
        } else if (starts(text, "<... ") && shape_resumed(text, ret)) {
        } else if (*text.bytes == ')' && shape_rest(text, ret)) {
        } else if (*text.bytes == '[' && shape_mode(text, ret)) {
        } else if (starts(text, "--- ")) {
                ret->kind = STRACE_SIGNAL;
                ret->rest = behind(text, 4);
        } else if (starts(text, "+++ ")) {
                ret->kind = STRACE_EXIT;
        } else if (starts(text, summary) && mode_of(behind(text, strlen(summary)), &ret->mode)) {
                ret->kind = STRACE_SUMMARY;
        } else if (is_heading(text)) {
                ret->kind = STRACE_HEADING;
                ret->rest = text;
        } else if (is_quiet(text)) {
                ret->kind = STRACE_QUIET;
        }
}

/* ---- arguments ---- */

/* Behind the string that opens at text, which may be cut. */
static size_t string_length(struct strace_text text) {
        size_t i = 1;

        while (i < text.n && text.bytes[i] != '"')
                i += text.bytes[i] == '\\' ? 2 : 1;
        return i < text.n ? i + 1 : text.n;
}

/*
 * Behind the <…> with which -y follows a descriptor. strace escapes angles in names of files, but not the
 * arrow in TCP:[a->b]; so an arrow does not end it.
 */
static size_t decoration_length(struct strace_text text) {
        for (size_t i = 1; i < text.n; i++) {
                if (text.bytes[i] == '\\')
                        i++;
                else if (text.bytes[i] == '"')
                        i += string_length(behind(text, i)) - 1;
                else if (text.bytes[i] == '>' && text.bytes[i - 1] != '-')
                        return i + 1;
        }
        return 0;
}

/* What was looked for in vain is not looked for again: a line may hold a million openings. */
struct endless {
        bool decoration, comment;
};

/* Length of what must not be looked into, at a character that may begin such a thing; else 1. */
static size_t opaque_length(struct strace_text all, size_t at, struct endless *endless) {
        struct strace_text text = behind(all, at);
        const char *end;
        size_t n;

        if (*text.bytes == '"')
                return string_length(text);
        if (starts(text, "/* ") && !endless->comment) {
                end = import_find(text.bytes, text.n, "*/");
                endless->comment = !end;
                return end ? (size_t)(end + 2 - text.bytes) : 1;
        }
        if (*text.bytes == '<' && at > 0 && is_name(all.bytes[at - 1]) && text.n > 1 &&
            text.bytes[1] != '<' && text.bytes[1] != ' ' && !endless->decoration) {
                n = decoration_length(text);
                endless->decoration = n == 0;
                return n > 0 ? n : 1;
        }
        if (*text.bytes == '\'' && text.n > 2) { /* a character */
                if (text.bytes[2] == '\'')
                        return 3;
                if (text.bytes[1] == '\\' && text.n > 3 && text.bytes[3] == '\'')
                        return 4;
        }
        return 1;
}

/* Cuts "<unfinished ...>" and its like off the end. */
static struct strace_text cut_interruption(struct strace_text text, struct strace_args *ret) {
        static const struct {
                const char *word;
                bool awaited;
        } words[] = {
                { "<unfinished", true },      { "<detached", false }, { "<no return", false },
                { "<pid changed to", false }, { "<untraced", false }, { "<ptrace(", false },
        };
        size_t from;

        while (text.n > 0 && isspace((unsigned char)text.bytes[text.n - 1]))
                text.n--;
        if (text.n == 0 || text.bytes[text.n - 1] != '>')
                return text;
        from = text.n > SUFFIX_MAX ? text.n - SUFFIX_MAX : 0;
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
                const char *at = import_find(text.bytes + from, text.n - from, words[i].word);

                if (!at)
                        continue;
                ret->interrupted = true;
                ret->awaited = words[i].awaited;
                text.n = (size_t)(at - text.bytes);
                break;
        }
        return text;
}

static void put_arg(struct strace_args *args, struct strace_text text) {
        text = skip_spaces(text);
        while (text.n > 0 && text.bytes[text.n - 1] == ' ')
                text.n--;
        if (args->n < STRACE_ARGS_MAX)
                args->args[args->n++] = text;
}

void strace_args_split(struct strace_text rest, struct strace_args *ret) {
        struct endless endless = { 0 };
        struct strace_text text;
        size_t depth = 0, from = 0, i = 0;

        *ret = (struct strace_args){ 0 };
        text = cut_interruption(rest, ret);
        while (i < text.n) {
                char c = text.bytes[i];

                if (c == '(' || c == '[' || c == '{') {
                        depth++;
                } else if (c == ')' && depth == 0) {
                        ret->closed = true;
                        break;
                } else if ((c == ')' || c == ']' || c == '}') && depth > 0) {
                        depth--;
                } else if (c == ',' && depth == 0) {
                        put_arg(ret, (struct strace_text){ text.bytes + from, i - from });
                        from = i + 1;
                } else {
                        i += opaque_length(text, i, &endless);
                        continue;
                }
                i++;
        }
        ret->whole = (struct strace_text){ text.bytes, i };
        while (ret->whole.n > 0 && strchr(" ,", ret->whole.bytes[ret->whole.n - 1]))
                ret->whole.n--;
        if (skip_spaces((struct strace_text){ text.bytes + from, i - from }).n > 0)
                put_arg(ret, (struct strace_text){ text.bytes + from, i - from });
        if (!ret->closed)
                return;
        text = skip_spaces(behind(text, i + 1));
        if (text.n > 0 && *text.bytes == '=') {
                ret->returned = true;
                ret->result = skip_spaces(behind(text, 1));
        }
}
