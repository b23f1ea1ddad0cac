/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Records out of text. A record is a run of key=value words; what stands before it belongs to whoever passed
 * it on. Only these make a record whole: architecture, number or name of the call, and code.
 *
 * What must stay true: comm and exe are chosen by the program that was watched. The kernel quotes them, or
 * writes them as hexadecimal digits when they hold a quote, a space or a control character, so a quoted
 * value ends at the next quote and nothing inside is taken for a key.
 */

#include "policy/import_audit.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Words of ausearch -i and of the sysctl. */
static const struct {
        const char *word;
        uint32_t action;
} codes[] = {
        { "kill", SECCOMP_RET_KILL_THREAD },
        { "kill-thread", SECCOMP_RET_KILL_THREAD },
        { "kill_thread", SECCOMP_RET_KILL_THREAD },
        { "kill-process", SECCOMP_RET_KILL_PROCESS },
        { "kill_process", SECCOMP_RET_KILL_PROCESS },
        { "trap", SECCOMP_RET_TRAP },
        { "errno", SECCOMP_RET_ERRNO },
        { "user-notif", SECCOMP_RET_USER_NOTIF },
        { "user_notif", SECCOMP_RET_USER_NOTIF },
        { "user-notify", SECCOMP_RET_USER_NOTIF },
        { "trace", SECCOMP_RET_TRACE },
        { "log", SECCOMP_RET_LOG },
        { "allow", SECCOMP_RET_ALLOW },
};

static bool text_is(const struct audit_text *text, const char *word) {
        return text->n == strlen(word) && strncasecmp(text->bytes, word, text->n) == 0;
}

__attribute__((format(printf, 2, 3))) static enum audit_outcome problem(struct audit_problem *ret,
                                                                        const char *format, ...) {
        va_list args;

        va_start(args, format);
        vsnprintf(ret->text, sizeof(ret->text), format, args);
        va_end(args);
        return AUDIT_E_PART;
}

/* ---- values ---- */

static bool whole_number(const struct audit_text *text, unsigned base, uint64_t *ret) {
        size_t skip = base == 16 && import_starts(text->bytes, text->n, "0x") ? 2 : 0;

        return text->n > skip &&
               import_number(text->bytes + skip, text->n - skip, base, ret) == text->n - skip;
}

static bool arch_value(const struct audit_text *text, uint32_t *ret) {
        const struct arch *arch;
        char name[24];
        uint64_t value;

        /* Any number is taken that looks like one of the kernel's; short ones only when they are one. */
        if (whole_number(text, 16, &value) && value <= UINT32_MAX &&
            (text->n >= 6 || arch_by_audit((uint32_t)value))) {
                *ret = (uint32_t)value;
                return true;
        }
        if (text->n >= sizeof(name))
                return false;
        memcpy(name, text->bytes, text->n);
        name[text->n] = 0;
        arch = arch_by_any(name);
        if (!arch)
                return false;
        *ret = arch->audit;
        return true;
}

static bool syscall_value(const struct audit_text *text, uint32_t audit, uint32_t *ret) {
        static const char unknown[] = "unknown-syscall(";
        const struct arch *arch = arch_by_audit(audit);
        struct audit_text digits = *text;
        uint64_t value;
        char name[64];
        int nr;

        if (import_starts(text->bytes, text->n, unknown)) {
                digits.bytes += strlen(unknown);
                digits.n = import_number(digits.bytes, text->n - strlen(unknown), 10, &value);
        }
        if (text_is(&digits, "-1")) { /* what a tracer leaves to skip a call */
                *ret = UINT32_MAX;
                return true;
        }
        if (digits.n > 0 && whole_number(&digits, 10, &value)) {
                *ret = (uint32_t)value;
                return value <= UINT32_MAX;
        }
        if (!arch || text->n == 0 || text->n >= sizeof(name))
                return false;
        memcpy(name, text->bytes, text->n);
        name[text->n] = 0;
        nr = syscall_number(arch, name);
        *ret = (uint32_t)nr;
        return nr >= 0;
}

static bool code_value(const struct audit_text *text, uint32_t *ret) {
        uint64_t value;

        if (whole_number(text, 16, &value) && value <= UINT32_MAX &&
            import_starts(text->bytes, text->n, "0x")) {
                *ret = (uint32_t)value;
                return true;
        }
        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
                if (text_is(text, codes[i].word)) {
                        *ret = codes[i].action;
                        return true;
                }
        return false;
}

/* A name as the kernel writes it: hexadecimal where it could not be quoted. */
static void name_value(const struct audit_text *text, bool quoted, bool interpreted, char *ret,
                       size_t size) {
        size_t n = text->n < size - 1 ? text->n : size - 1;
        bool is_hex = !quoted && !interpreted && text->n >= 2 && text->n % 2 == 0;
        uint64_t value;

        for (size_t i = 0; i < text->n && is_hex; i++)
                is_hex = isdigit((unsigned char)text->bytes[i]) ||
                         (text->bytes[i] >= 'A' && text->bytes[i] <= 'F');
        memset(ret, 0, size);
        if (!is_hex) {
                if (n == 0 || text_is(text, "(null)") || text_is(text, "?"))
                        return;
                memcpy(ret, text->bytes, n);
                return;
        }
        for (size_t i = 0; i < text->n / 2 && i < size - 1; i++) {
                import_number(text->bytes + 2 * i, 2, 16, &value);
                ret[i] = (char)value;
        }
}

static uint32_t number_or(const struct audit_text *text, uint32_t otherwise) {
        uint64_t value;

        return whole_number(text, 10, &value) && value <= UINT32_MAX ? (uint32_t)value : otherwise;
}

static uint32_t answer_of(uint32_t action) {
        switch (action & SECCOMP_RET_ACTION_FULL) {
        case SECCOMP_RET_ALLOW:
        case SECCOMP_RET_LOG:
                return EVENT_ANSWER_CONTINUE;
        default: /* an errno is not in the record, and a killed task got no answer */
                return EVENT_ANSWER_NONE;
        }
}

/* Quotes stay in the text of comm and exe, so that it is known whether there were any. */
static bool unquote(struct audit_text *text) {
        static const char *const quotes[] = { "\"", "\\\"", "'" };

        for (size_t i = 0; i < sizeof(quotes) / sizeof(quotes[0]); i++) {
                size_t n = strlen(quotes[i]);

                if (!import_starts(text->bytes, text->n, quotes[i]))
                        continue;
                text->bytes += n;
                text->n -= n;
                if (text->n >= n && memcmp(text->bytes + text->n - n, quotes[i], n) == 0)
                        text->n -= n;
                return true;
        }
        return false;
}

enum audit_outcome audit_fields_event(const struct audit_fields *fields, struct event *ret,
                                      struct audit_problem *ret_problem) {
        const struct audit_text *arch = fields->arch.n > 0 ? &fields->arch : &fields->enriched_arch;
        const struct audit_text *nr = fields->syscall.n > 0 ? &fields->syscall : &fields->enriched_syscall;
        struct audit_text comm = fields->comm, exe = fields->exe;
        uint64_t ip = 0;
        bool quoted;

        if (!fields->said && (arch->n == 0 || nr->n == 0 || fields->code.n == 0 ||
                              (fields->ip.n == 0 && fields->compat.n == 0)))
                return AUDIT_E_OTHER;
        if (arch->n == 0 && nr->n == 0 && fields->code.n == 0)
                return AUDIT_E_OTHER; /* a sentence about seccomp */
        if (arch->n == 0)
                return problem(ret_problem, "arch= is missing");
        if (nr->n == 0)
                return problem(ret_problem, "syscall= is missing");
        if (fields->code.n == 0)
                return problem(ret_problem, "code= is missing");
        import_event_init(ret);
        if (!arch_value(arch, &ret->arch))
                return problem(ret_problem, "arch=%.*s is no architecture known here",
                               (int)(arch->n < 40 ? arch->n : 40), arch->bytes);
        if (!syscall_value(nr, ret->arch, &ret->nr))
                return problem(ret_problem, "syscall=%.*s is no call of its architecture",
                               (int)(nr->n < 40 ? nr->n : 40), nr->bytes);
        if (!code_value(&fields->code, &ret->verdict))
                return problem(ret_problem, "code=%.*s is no action",
                               (int)(fields->code.n < 40 ? fields->code.n : 40), fields->code.bytes);
        /* x32 has no number of its own in the kernel. */
        if (ret->arch == ARCH_X32)
                ret->arch |= 0x80000000u;
        ret->answer = answer_of(ret->verdict);
        ret->pid = number_or(&fields->pid, 0);
        ret->uid = text_is(&fields->uid, "root") ? 0 : number_or(&fields->uid, UINT32_MAX);
        ret->first_ns = ret->last_ns = fields->time_ns;
        if (whole_number(&fields->ip, 16, &ip))
                ret->ip = ip;
        quoted = unquote(&comm);
        name_value(&comm, quoted, fields->interpreted, ret->comm, sizeof(ret->comm));
        quoted = unquote(&exe);
        name_value(&exe, quoted, fields->interpreted, ret->exe, sizeof(ret->exe));
        return AUDIT_RECORD;
}

/* ---- words of a record ---- */

static bool is_space(char c) {
        return (unsigned char)c <= ' ' || c == 0x7f; /* 0x1d stands before what auditd adds */
}

static bool is_key(char c) {
        return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* Length of an unquoted value that may hold spaces: it ends before the key that always follows. */
static size_t spaced_length(const char *text, size_t n, const char *end) {
        const size_t near = n < PATH_MAX ? n : PATH_MAX;
        const char *behind = import_find(text, near, end);
        size_t length = 0;

        if (behind)
                return (size_t)(behind - text);
        while (length < n && !is_space(text[length]))
                length++;
        return length;
}

static size_t value_length(const char *key, size_t n_key, const char *text, size_t n) {
        const char *end;
        size_t length = 0;

        if (n == 0)
                return 0;
        if (text[0] == '"') {
                end = memchr(text + 1, '"', n - 1);
                return end ? (size_t)(end + 1 - text) : n;
        }
        if (import_starts(text, n, "\\\"")) {
                end = import_find(text + 2, n - 2, "\\\"");
                return end ? (size_t)(end + 2 - text) : n;
        }
        if (import_starts(text, n, "audit(")) {
                end = memchr(text, ')', n);
                return end ? (size_t)(end + 1 - text) : n;
        }
        if (n_key == 4 && memcmp(key, "comm", 4) == 0)
                return spaced_length(text, n, " exe=");
        if (n_key == 3 && memcmp(key, "exe", 3) == 0)
                return spaced_length(text, n, " sig=");
        if (n_key == 4 && memcmp(key, "code", 4) == 0 && import_starts(text, n, "0x")) {
                /* Pasting often loses the separator before AUID=, whose first letter is a digit too. The
                 * kernel writes small letters. */
                length = 2;
                while (length < n && length < 10 &&
                       (isdigit((unsigned char)text[length]) ||
                        (text[length] >= 'a' && text[length] <= 'f')))
                        length++;
                if (length > 2 && (length == n || !isxdigit((unsigned char)text[length]) ||
                                   import_starts(text + length, n - length, "AUID")))
                        return length;
                length = 0;
        }
        while (length < n && !is_space(text[length]))
                length++;
        return length;
}

/* audit(SECONDS.MILLISECONDS:SERIAL); a date in words depends on the locale it was made in, so it is left.
 */
static uint64_t time_value(const char *text, size_t n) {
        uint64_t seconds, ns = 0;
        size_t digits = import_number(text, n, 10, &seconds);

        if (digits == 0 || digits == n || text[digits] != '.' || seconds > UINT64_MAX / 1000000000 - 1)
                return 0;
        import_fraction(text + digits + 1, n - digits - 1, &ns);
        return seconds * 1000000000 + ns;
}

static void take(struct audit_fields *fields, const char *key, size_t n_key, struct audit_text value) {
        const struct {
                const char *key;
                struct audit_text *field;
        } rows[] = {
                { "arch", &fields->arch },
                { "syscall", &fields->syscall },
                { "code", &fields->code },
                { "pid", &fields->pid },
                { "uid", &fields->uid },
                { "comm", &fields->comm },
                { "exe", &fields->exe },
                { "ip", &fields->ip },
                { "compat", &fields->compat },
                { "ARCH", &fields->enriched_arch },
                { "SYSCALL", &fields->enriched_syscall },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                if (strlen(rows[i].key) == n_key && memcmp(rows[i].key, key, n_key) == 0 &&
                    rows[i].field->n == 0)
                        *rows[i].field = value;
}

/* snappy-debug writes 314(sched_setattr) instead of syscall=314. */
static bool number_with_name(const char *text, size_t n, size_t *ret_digits) {
        uint64_t value;

        *ret_digits = import_number(text, n, 10, &value);
        return *ret_digits > 0 && *ret_digits + 2 < n && text[*ret_digits] == '(' &&
               isalpha((unsigned char)text[*ret_digits + 1]) && memchr(text, ')', n < 80 ? n : 80);
}

static void words(struct audit_fields *fields, const char *text, size_t n) {
        struct audit_text bare = { 0 };

        for (size_t i = 0; i < n;) {
                size_t n_key = 0, length;
                const char *key = text + i;

                if (is_space(*key)) {
                        i++;
                        continue;
                }
                while (i + n_key < n && is_key(key[n_key]))
                        n_key++;
                if (n_key > 0 && i + n_key < n && key[n_key] == '=') {
                        size_t from = i + n_key + 1;

                        length = value_length(key, n_key, text + from, n - from);
                        take(fields, key, n_key, (struct audit_text){ text + from, length });
                        if (fields->time_ns == 0 && import_starts(text + from, length, "audit("))
                                fields->time_ns = time_value(text + from + 6, length - 6);
                        i = from + length;
                        continue;
                }
                if (import_starts(key, n - i, "audit(") && fields->time_ns == 0)
                        fields->time_ns = time_value(key + 6, n - i - 6);
                if (bare.n == 0 && number_with_name(key, n - i, &length))
                        bare = (struct audit_text){ key, length };
                while (i < n && !is_space(text[i]))
                        i++;
        }
        if (fields->syscall.n == 0 && fields->arch.n > 0)
                fields->syscall = bare;
}

/* ---- records ---- */

/* Where a record says that it is one; NULL if nowhere. *ret_behind: behind that word. */
static const char *marker(const char *text, size_t n, const char **ret_behind) {
        static const char *const marks[] = { "type=1326", "type=SECCOMP", "SECCOMP" };
        const char *first = NULL;

        for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
                size_t length = strlen(marks[i]);

                for (const char *at = text; (at = import_find(at, n - (size_t)(at - text), marks[i]));
                     at++) {
                        const char *behind = at + length, *end = text + n;

                        if ((at > text && (isalnum((unsigned char)at[-1]) || at[-1] == '_')) ||
                            (behind < end && (isalnum((unsigned char)*behind) || *behind == '_')))
                                continue;
                        if (first && at >= first)
                                break;
                        first = at;
                        *ret_behind = behind;
                        break;
                }
        }
        return first;
}

enum audit_outcome audit_record(const char *text, size_t n, struct event *ret,
                                struct audit_problem *ret_problem, size_t *ret_n) {
        struct audit_fields fields = { 0 };
        const char *behind = text, *from = marker(text, n, &behind), *next, *type;
        uint64_t value;
        size_t rest = n;

        *ret_n = n;
        if (from) {
                fields.said = true;
                rest = n - (size_t)(behind - text);
                next = import_find(behind, rest, "type=1326");
                if (!next)
                        next = import_find(behind, rest, "type=SECCOMP");
                if (next) {
                        rest = (size_t)(next - behind);
                        *ret_n = (size_t)(next - text);
                }
        } else {
                type = import_find(text, n, "type=");
                if (type && (type == text || is_space(type[-1])))
                        return AUDIT_E_OTHER; /* a record of another type */
        }
        words(&fields, behind, rest);
        fields.interpreted = fields.arch.n > 0 && !whole_number(&fields.arch, 16, &value);
        return audit_fields_event(&fields, ret, ret_problem);
}

/* ---- lines ---- */

/* Colours of dmesg stand between words and would become part of them. */
static size_t without_colours(const char *line, size_t n, char *ret) {
        size_t n_ret = 0;

        for (size_t i = 0; i < n; i++) {
                if (line[i] == 0x1b && i + 1 < n && line[i + 1] == '[') {
                        i += 2;
                        while (i < n && !(line[i] >= 0x40 && line[i] <= 0x7e))
                                i++;
                        continue;
                }
                ret[n_ret++] = line[i];
        }
        return n_ret;
}

static uint64_t suppressed_in(const char *line, size_t n) {
        const char *at = import_find(line, n, "audit_printk_skb: ");
        uint64_t count = 0;

        if (!at)
                at = import_find(line, n, "kauditd_printk_skb: ");
        if (at) {
                at = (const char *)memchr(at, ':', n - (size_t)(at - line)) + 2;
                import_number(at, n - (size_t)(at - line), 10, &count);
                if (!import_find(at, n - (size_t)(at - line), "callbacks suppressed"))
                        count = 0;
        }
        return count;
}

static int import_text(struct import *import, const char *line, size_t n) {
        struct audit_problem trouble = { .text = "" };
        enum audit_outcome outcome = AUDIT_E_OTHER, best = AUDIT_E_OTHER;
        size_t n_records = 0, n_parts = 0, used;
        struct event event;
        int r;

        if (memchr(line, '{', n) && import_find(line, n, "{\"")) {
                const char *from = import_find(line, n, "{\"");

                r = audit_json(import, from, n - (size_t)(from - line), &trouble);
                if (r < 0)
                        return error_trace(r);
                if (r == AUDIT_RECORD) {
                        import->n_records++;
                        return 0;
                }
                if (r == AUDIT_E_PART)
                        best = AUDIT_E_PART;
        }
        for (size_t at = 0; at < n && n_parts < AUDIT_RECORDS_MAX; at += used, n_parts++) {
                outcome = audit_record(line + at, n - at, &event, &trouble, &used);
                if (outcome == AUDIT_RECORD) {
                        n_records++;
                        r = import_emit(import, &event);
                        if (r)
                                return error_trace(r);
                } else if (outcome == AUDIT_E_PART) {
                        best = AUDIT_E_PART;
                }
        }
        if (n_records > 0) {
                import->n_records++;
                return 0;
        }
        if (best == AUDIT_E_PART) {
                import_skip(import, "seccomp records that are not whole", "%s", trouble.text);
                return 0;
        }
        import->n_suppressed += suppressed_in(line, n);
        import_skip(import, "not seccomp records", NULL);
        return 0;
}

int import_audit_line(struct import *import, const char *line, size_t n) {
        char *plain;
        int r;

        import->line++;
        import->n_lines++;
        for (size_t i = 0;; i++) {
                if (i == n) { /* a blank line is nothing to complain about */
                        import->n_other++;
                        return 0;
                }
                if (!is_space(line[i]))
                        break;
        }
        if (!memchr(line, 0x1b, n))
                return error_trace(import_text(import, line, n));
        plain = malloc(n);
        if (!plain)
                return error_origin(-ENOMEM);
        r = import_text(import, plain, without_colours(line, n, plain));
        free(plain);
        return error_trace(r);
}

int import_audit(struct import *import, int fd, const char *source) {
        struct import_lines lines;
        const char *line;
        size_t n;
        int r;

        import_source(import, source);
        r = import_lines_init(&lines, fd);
        while (!r) {
                r = import_lines_next(&lines, &line, &n);
                if (r == IMPORT_LINES_OK) {
                        r = import_audit_line(import, line, n);
                } else if (r == IMPORT_LINES_LONG) {
                        import->line++;
                        import->n_lines++;
                        import_skip(import, "longer than 1 MiB", "longer than 1 MiB");
                        r = 0;
                }
        }
        import_lines_deinit(&lines);
        return r == IMPORT_LINES_END ? 0 : error_trace(r);
}
