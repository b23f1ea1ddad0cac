/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Seccomp records inside lines of JSON: the text of one in any string (a container's log, the journal's
 * MESSAGE), also as an array of bytes, which is how the journal writes what is no clean text, and JSON in a
 * string again; or its parts as members of their own.
 *
 * It is read as a sequence of strings, each with the key before it, not as a tree: lines of logs are cut
 * anywhere, and a record that is whole counts although the line around it is not.
 */

#include "policy/import_audit.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define DEPTH_MAX 4 /* JSON inside a string inside JSON */

/* Members by the last word of their key; the texts are copied, for they are unescaped in passing. */
enum member { ARCH, SYSCALL, CODE, PID, UID, COMM, EXE, IP, COMPAT, TIMESTAMP, N_MEMBERS };

static const struct {
        const char *key;
        enum member member;
} keys[] = {
        { "_AUDIT_FIELD_ARCH", ARCH },
        { "_AUDIT_FIELD_SYSCALL", SYSCALL },
        { "_AUDIT_FIELD_CODE", CODE },
        { "_AUDIT_FIELD_IP", IP },
        { "_AUDIT_FIELD_COMPAT", COMPAT },
        { "_AUDIT_FIELD_COMM", COMM },
        { "_AUDIT_FIELD_EXE", EXE },
        { "_PID", PID },
        { "_UID", UID },
        { "_COMM", COMM },
        { "_EXE", EXE },
        { "__REALTIME_TIMESTAMP", TIMESTAMP },
        { "_SOURCE_REALTIME_TIMESTAMP", TIMESTAMP },
        { "arch", ARCH },
        { "syscall", SYSCALL },
        { "code", CODE },
        { "ip", IP },
        { "compat", COMPAT },
        { "pid", PID },
        { "uid", UID },
        { "comm", COMM },
        { "exe", EXE },
};

struct walk {
        struct import *import;
        struct audit_problem *problem;
        char members[N_MEMBERS][AUDIT_TEXT_MAX];
        size_t n_members[N_MEMBERS];
        struct event event; /* the last record found; given on when the line has been read */
        size_t n_found;
        bool said, part;
};

static size_t put_utf8(uint32_t c, char *to) {
        if (c < 0x80) {
                to[0] = (char)c;
                return 1;
        }
        if (c < 0x800) {
                to[0] = (char)(0xc0 | c >> 6);
                to[1] = (char)(0x80 | (c & 0x3f));
                return 2;
        }
        if (c < 0x10000) {
                to[0] = (char)(0xe0 | c >> 12);
                to[1] = (char)(0x80 | (c >> 6 & 0x3f));
                to[2] = (char)(0x80 | (c & 0x3f));
                return 3;
        }
        to[0] = (char)(0xf0 | c >> 18);
        to[1] = (char)(0x80 | (c >> 12 & 0x3f));
        to[2] = (char)(0x80 | (c >> 6 & 0x3f));
        to[3] = (char)(0x80 | (c & 0x3f));
        return 4;
}

/* \uXXXX behind the u, and its second half where there is one. Never longer in UTF-8 than escaped. */
static size_t unescape_unicode(const char *text, size_t n, char *to, size_t *ret_n) {
        uint64_t high, low;

        if (n < 4 || import_number(text, 4, 16, &high) != 4) {
                *ret_n = 0;
                return 0;
        }
        if (high >= 0xd800 && high < 0xdc00 && n >= 10 && text[4] == '\\' && text[5] == 'u' &&
            import_number(text + 6, 4, 16, &low) == 4 && low >= 0xdc00 && low < 0xe000) {
                *ret_n = put_utf8((uint32_t)(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)), to);
                return 10;
        }
        *ret_n = put_utf8((uint32_t)high, to);
        return 4;
}

/* The string behind an opening quote. Returns how much was read, its closing quote included. */
static size_t unescape(const char *text, size_t n, char *to, size_t *ret_n) {
        size_t i = 0, n_to = 0, n_put;

        while (i < n && text[i] != '"') {
                char c = text[i++];

                if (c == '\\' && i < n) {
                        c = text[i++];
                        if (c == 'u') {
                                i += unescape_unicode(text + i, n - i, to + n_to, &n_put);
                                n_to += n_put;
                                continue;
                        }
                        c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c == 'b' ? '\b' : c;
                }
                to[n_to++] = c;
        }
        *ret_n = n_to;
        return i < n ? i + 1 : i;
}

/* [83,69,67,…] behind its bracket. Returns how much was read; *ret_n = 0 when it is another kind of array.
 */
static size_t unescape_bytes(const char *text, size_t n, char *to, size_t *ret_n) {
        size_t i = 0;
        uint64_t value;

        *ret_n = 0;
        while (i < n) {
                size_t digits;

                while (i < n && (isspace((unsigned char)text[i]) || text[i] == ','))
                        i++;
                digits = i < n ? import_number(text + i, n - i, 10, &value) : 0;
                if (digits == 0 || value > 255)
                        break;
                to[(*ret_n)++] = (char)value;
                i += digits;
        }
        return i;
}

static void remember(struct walk *walk, const char *key, const char *text, size_t n) {
        if ((n == 4 && memcmp(text, "1326", 4) == 0) || (n == 7 && strncasecmp(text, "SECCOMP", 7) == 0))
                walk->said = true;
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
                if (strcmp(keys[i].key, key) == 0 && n > 0 && n <= AUDIT_TEXT_MAX &&
                    walk->n_members[keys[i].member] == 0) {
                        memcpy(walk->members[keys[i].member], text, n);
                        walk->n_members[keys[i].member] = n;
                }
}

static int found(struct walk *walk, const struct event *event) {
        int r = walk->n_found > 0 ? import_emit(walk->import, &walk->event) : 0;

        walk->event = *event;
        walk->n_found++;
        return error_trace(r);
}

static int walk_text(struct walk *walk, const char *text, size_t n, unsigned depth);

/* One string that is a value, unescaped. */
static int value(struct walk *walk, const char *key, const char *text, size_t n, unsigned depth) {
        struct event event;
        size_t used, n_parts = 0, n_before = walk->n_found;
        int r = 0;

        remember(walk, key, text, n);
        if (n > 0 && (text[0] == '{' || import_find(text, n, "{\"")) && depth < DEPTH_MAX) {
                r = walk_text(walk, text, n, depth + 1);
                if (r || walk->n_found > n_before)
                        return error_trace(r);
        }
        if (!import_find(text, n, "arch=") && !import_find(text, n, "ARCH=") &&
            !import_find(text, n, "type=1326"))
                return 0;
        for (size_t at = 0; !r && at < n && n_parts < AUDIT_RECORDS_MAX; at += used) {
                enum audit_outcome outcome = audit_record(text + at, n - at, &event, walk->problem, &used);

                if (outcome == AUDIT_RECORD)
                        r = found(walk, &event);
                else if (outcome == AUDIT_E_PART)
                        walk->part = true;
                n_parts++;
        }
        return error_trace(r);
}

static int walk_text(struct walk *walk, const char *text, size_t n, unsigned depth) {
        char *scratch = malloc(n + 4), key[64] = "";
        int r = 0;

        if (!scratch)
                return error_origin(-ENOMEM);
        for (size_t i = 0; !r && i < n;) {
                size_t length, digits;
                uint64_t number;

                if (text[i] == '"') {
                        size_t behind = i + 1 + unescape(text + i + 1, n - i - 1, scratch, &length);

                        while (behind < n && isspace((unsigned char)text[behind]))
                                behind++;
                        if (behind < n && text[behind] == ':') {
                                length = length < sizeof(key) ? length : 0;
                                memcpy(key, scratch, length);
                                key[length] = 0;
                        } else {
                                r = value(walk, key, scratch, length, depth);
                        }
                        i = behind;
                } else if (text[i] == '[') {
                        i += 1 + unescape_bytes(text + i + 1, n - i - 1, scratch, &length);
                        if (length > 0)
                                r = value(walk, key, scratch, length, depth);
                } else if (isdigit((unsigned char)text[i])) {
                        digits = import_number(text + i, n - i, 10, &number);
                        if (digits > 0)
                                remember(walk, key, text + i, digits);
                        i += digits > 0 ? digits : 1;
                } else {
                        i++;
                }
        }
        free(scratch);
        return error_trace(r);
}

static struct audit_text member(const struct walk *walk, enum member which) {
        return (struct audit_text){ walk->members[which], walk->n_members[which] };
}

int audit_json(struct import *import, const char *text, size_t n, struct audit_problem *ret_problem) {
        struct walk walk = { .import = import, .problem = ret_problem };
        struct audit_text timestamp;
        uint64_t microseconds;
        int r = walk_text(&walk, text, n, 0);

        if (r)
                return error_trace(r);
        if (walk.n_found == 0) {
                struct audit_fields fields = {
                        .arch = member(&walk, ARCH),
                        .syscall = member(&walk, SYSCALL),
                        .code = member(&walk, CODE),
                        .pid = member(&walk, PID),
                        .uid = member(&walk, UID),
                        .comm = member(&walk, COMM),
                        .exe = member(&walk, EXE),
                        .ip = member(&walk, IP),
                        .compat = member(&walk, COMPAT),
                        .interpreted = true, /* collectors have undone the kernel's hexadecimal names */
                };

                if (!walk.said || fields.arch.n == 0 || fields.syscall.n == 0)
                        return walk.part ? AUDIT_E_PART : AUDIT_E_OTHER;
                fields.said = true;
                r = (int)audit_fields_event(&fields, &walk.event, ret_problem);
                if (r != AUDIT_RECORD)
                        return r;
        }
        timestamp = member(&walk, TIMESTAMP);
        if (walk.event.first_ns == 0 && timestamp.n > 0 &&
            import_number(timestamp.bytes, timestamp.n, 10, &microseconds) == timestamp.n &&
            microseconds < UINT64_MAX / 1000)
                walk.event.first_ns = walk.event.last_ns = microseconds * 1000;
        r = import_emit(import, &walk.event);
        return r ? error_trace(r) : AUDIT_RECORD;
}
