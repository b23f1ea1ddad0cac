/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jansson keeps integers as signed 64 bits, but conditions of real profiles go up to 2^64-1. So the text is
 * scanned once before jansson sees it: integers of 19 digits and more are put in quotes behind a mark that
 * no string of the file may begin with. The same pass bounds nesting and the number of values, and notes the
 * lines of rules. It follows JSON only as far as it must: whatever it lets through by mistake jansson still
 * refuses, and positions in jansson's complaints are carried back to the text as it was written.
 */

#include "policy/read_json.h"

#include "base/buf.h"
#include "base/error.h"
#include "policy/model.h"
#include "policy/syntax_hint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK           "\\u0001"
#define MARK_BYTE      '\x01'
#define LONG_DIGITS    19 /* 2^63 has nineteen */
#define LONGEST_NUMBER 64 /* digits; more than any number that could mean something here */
#define SYSCALLS       "syscalls"

/* A number of n bytes at at_written in the file begins, with its quote, at `at` in the rewritten text. */
struct rewrite {
        size_t at, at_written, n;
};

struct scan {
        const char *bytes;
        size_t n, at;
        unsigned line;
        size_t line_start;
        struct diags *diags;

        struct buf text; /* the rewritten text, once something had to be rewritten */
        size_t copied;   /* of bytes, into text */
        struct rewrite *rewrites;
        size_t n_rewrites;

        size_t n_values;
        unsigned depth;
        bool is_array[PROFILE_DEPTH_MAX + 1];
        bool is_rules[PROFILE_DEPTH_MAX + 1]; /* an array called "syscalls" */
        bool key_is_syscalls;                 /* the last string was "syscalls" */
        unsigned n_rule_arrays;
        struct json_document *document;

        bool placed;
        struct json_place *begins; /* of every key and value, in the order of the text */
        size_t n_begins;
};

static int complain(struct scan *scan, const char *text, unsigned long long number) {
        int r = diag_syntax(scan->diags, scan->line, (unsigned)(scan->at - scan->line_start) + 1, text,
                            number);

        return r ? error_trace(r) : PROFILE_E_INVALID;
}

static int note_line(struct scan *scan) {
        struct json_document *document = scan->document;

        if (!(document->n_lines & (document->n_lines - 1))) {
                unsigned *grown = reallocarray(
                        document->lines, document->n_lines ? document->n_lines * 2 : 1, sizeof(*grown));

                if (!grown)
                        return error_origin(-ENOMEM);
                document->lines = grown;
        }
        document->lines[document->n_lines++] = scan->line;
        return 0;
}

/* Every key and value passes here when it begins. */
static int scan_value(struct scan *scan) {
        if (++scan->n_values > JSON_VALUES_MAX)
                return complain(scan, "more than %llu values; a file with so many is not read",
                                JSON_VALUES_MAX);
        if (scan->placed) {
                int r = json_places_add(&scan->begins, &scan->n_begins, NULL, scan->line,
                                        (unsigned)(scan->at - scan->line_start) + 1);

                if (r)
                        return error_trace(r);
        }
        if (scan->is_rules[scan->depth] && scan->n_rule_arrays == 1)
                return error_trace(note_line(scan));
        return 0;
}

static int scan_open(struct scan *scan, bool is_array) {
        int r;

        r = scan_value(scan);
        if (r)
                return r;
        if (scan->depth == PROFILE_DEPTH_MAX)
                return complain(scan, "nested deeper than %llu levels; a profile has a handful",
                                PROFILE_DEPTH_MAX);
        scan->depth++;
        scan->is_array[scan->depth] = is_array;
        scan->is_rules[scan->depth] = is_array && scan->key_is_syscalls;
        scan->n_rule_arrays += scan->is_rules[scan->depth];
        scan->key_is_syscalls = false;
        return 0;
}

static int scan_string(struct scan *scan) {
        size_t start = scan->at + 1;
        int r;

        if (scan->n - scan->at > sizeof(MARK) - 1 && !memcmp(scan->bytes + start, MARK, sizeof(MARK) - 1))
                return complain(scan, "a string that begins with a control character%.0llu; remove it", 0);
        r = scan_value(scan);
        if (r)
                return r;
        for (scan->at = start; scan->at < scan->n; scan->at++) {
                char c = scan->bytes[scan->at];

                if (c == '\\')
                        scan->at++;
                else if (c == '"')
                        break;
                else if (c == '\n')
                        break; /* jansson says what is wrong with it */
        }
        /* An escape may have led past the end; jansson says that the string is not closed. */
        if (scan->at >= scan->n) {
                scan->at = scan->n;
                scan->key_is_syscalls = false;
                return 0;
        }
        scan->key_is_syscalls = scan->at - start == sizeof(SYSCALLS) - 1 &&
                                !memcmp(scan->bytes + start, SYSCALLS, sizeof(SYSCALLS) - 1);
        if (scan->bytes[scan->at] == '"')
                scan->at++;
        return 0;
}

static int scan_number(struct scan *scan) {
        size_t start = scan->at, digits;
        struct rewrite *grown;
        int r;

        r = scan_value(scan);
        if (r)
                return r;
        digits = start + (scan->bytes[start] == '-');
        scan->at = digits;
        while (scan->at < scan->n && scan->bytes[scan->at] >= '0' && scan->bytes[scan->at] <= '9')
                scan->at++;
        if (scan->at - digits < LONG_DIGITS || scan->bytes[digits] == '0')
                return 0;
        if (scan->at < scan->n && memchr(".eE", scan->bytes[scan->at], 3))
                return 0;
        if (scan->at - digits > LONGEST_NUMBER) {
                scan->at = start;
                return complain(scan, "a number of more than %llu digits", LONGEST_NUMBER);
        }

        if (!(scan->n_rewrites & (scan->n_rewrites - 1))) {
                grown = reallocarray(scan->rewrites, scan->n_rewrites ? scan->n_rewrites * 2 : 1,
                                     sizeof(*grown));
                if (!grown)
                        return error_origin(-ENOMEM);
                scan->rewrites = grown;
        }
        buf_put(&scan->text, scan->bytes + scan->copied, start - scan->copied);
        scan->rewrites[scan->n_rewrites++] =
                (struct rewrite){ .at = scan->text.n, .at_written = start, .n = scan->at - start };
        buf_puts(&scan->text, "\"" MARK);
        buf_put(&scan->text, scan->bytes + start, scan->at - start);
        buf_putc(&scan->text, '"');
        scan->copied = scan->at;
        return 0;
}

static int scan_text(struct scan *scan) {
        while (scan->at < scan->n) {
                char c = scan->bytes[scan->at];
                int r = 0;

                switch (c) {
                case '\n':
                        scan->line++;
                        scan->line_start = ++scan->at;
                        break;
                case '{':
                case '[':
                        r = scan_open(scan, c == '[');
                        scan->at++;
                        break;
                case '}':
                case ']':
                        if (scan->depth)
                                scan->depth--;
                        scan->at++;
                        break;
                case '"':
                        r = scan_string(scan);
                        break;
                case '-':
                case '0' ... '9':
                        r = scan_number(scan);
                        break;
                case 't':
                case 'f':
                case 'n':
                        r = scan_value(scan);
                        while (scan->at < scan->n && scan->bytes[scan->at] >= 'a' &&
                               scan->bytes[scan->at] <= 'z')
                                scan->at++;
                        break;
                case ':':
                        scan->at++;
                        break;
                case ',':
                        scan->key_is_syscalls = false;
                        scan->at++;
                        break;
                default:
                        scan->at++;
                }
                if (r)
                        return r;
        }
        return 0;
}

/* Offset in the rewritten text -> offset in the file. Before a rewritten number stand a quote and the mark,
 * after it a quote. */
static size_t offset_as_written(const struct scan *scan, size_t offset) {
        const size_t before = 1 + sizeof(MARK) - 1;
        const struct rewrite *last = NULL;
        size_t inside, shown;

        for (size_t i = 0; i < scan->n_rewrites && scan->rewrites[i].at < offset; i++)
                last = &scan->rewrites[i];
        if (!last)
                return offset;
        inside = offset - last->at;
        shown = inside > before ? inside - before : 0;
        if (shown > last->n)
                shown -= 1;
        return last->at_written + shown;
}

static void place_as_written(const struct scan *scan, const json_error_t *error, unsigned *ret_line,
                             unsigned *ret_column) {
        size_t offset = error->position > 0 ? offset_as_written(scan, (size_t)error->position) : 0;
        unsigned line = 1;
        size_t start = 0;

        if (offset > scan->n)
                offset = scan->n;
        for (size_t i = 0; i < offset; i++)
                if (scan->bytes[i] == '\n' && i + 1 < offset) {
                        line++;
                        start = i + 1;
                }
        *ret_line = line;
        *ret_column = (unsigned)(offset - start);
        if (!*ret_column)
                *ret_column = 1;
}

static int parse(struct scan *scan) {
        const char *text = scan->bytes;
        size_t n = scan->n;
        unsigned line, column;
        json_error_t error;
        int r;

        if (scan->n_rewrites) {
                buf_put(&scan->text, scan->bytes + scan->copied, scan->n - scan->copied);
                if (buf_error(&scan->text))
                        return error_origin(buf_error(&scan->text));
                text = scan->text.data;
                n = scan->text.n;
        }
        scan->document->root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
        if (scan->document->root)
                return 0;
        place_as_written(scan, &error, &line, &column);
        if (json_error_code(&error) == json_error_duplicate_key) {
                r = diag_add(scan->diags, DIAG_WARNING, "duplicate-key", NULL,
                             "line %u, column %u: %s; runtimes take the last one, remove the others", line,
                             column, error.text);
                if (r)
                        return error_trace(r);
                scan->document->root = json_loadb(text, n, 0, &error);
                if (scan->document->root)
                        return 0;
                place_as_written(scan, &error, &line, &column);
        }
        if (json_error_code(&error) == json_error_out_of_memory)
                return error_origin(-ENOMEM);
        r = diag_syntax(scan->diags, line, column, "%s%s", error.text,
                        syntax_hint(scan->bytes, scan->n, line, column, false));
        return r ? error_trace(r) : PROFILE_E_INVALID;
}

/* A singleton stands in many places at once. */
static bool has_place(const json_t *value) {
        return !json_is_null(value) && !json_is_boolean(value);
}

/* Gives the beginnings to the values, in the same order. False: they are not as many, since a key was there
 * twice. */
static bool give_places(struct scan *scan, const json_t *value, size_t *next) {
        const char *key;
        json_t *item;
        size_t i;

        if (*next >= scan->n_begins)
                return false;
        scan->begins[*next].value = has_place(value) ? value : NULL;
        (*next)++;
        json_array_foreach(value, i, item) {
                if (!give_places(scan, item, next))
                        return false;
        }
        json_object_foreach((json_t *)value, key, item) {
                (*next)++;
                if (!give_places(scan, item, next))
                        return false;
        }
        return true;
}

static void keep_places(struct scan *scan) {
        struct json_document *document = scan->document;
        size_t next = 0;

        if (!give_places(scan, document->root, &next) || next != scan->n_begins)
                return;
        for (size_t i = 0; i < scan->n_begins; i++)
                if (scan->begins[i].value)
                        scan->begins[document->n_places++] = scan->begins[i];
        document->places = scan->begins;
        scan->begins = NULL;
        json_places_sort(document->places, document->n_places);
}

int json_places_add(struct json_place **places, size_t *n, const json_t *value, unsigned line,
                    unsigned column) {
        if (!(*n & (*n - 1))) {
                struct json_place *grown = reallocarray(*places, *n ? *n * 2 : 1, sizeof(*grown));

                if (!grown)
                        return error_origin(-ENOMEM);
                *places = grown;
        }
        (*places)[(*n)++] = (struct json_place){ .value = value, .line = line, .column = column };
        return 0;
}

static int compare_places(const void *a, const void *b) {
        const struct json_place *x = a, *y = b;

        if (x->value != y->value)
                return (uintptr_t)x->value < (uintptr_t)y->value ? -1 : 1;
        if (x->line != y->line)
                return x->line < y->line ? -1 : 1;
        return x->column < y->column ? -1 : x->column > y->column;
}

void json_places_sort(struct json_place *places, size_t n) {
        if (n)
                qsort(places, n, sizeof(*places), compare_places);
}

/* A value that was dropped for a later one of the same key may have had the same address: the last counts.
 */
const struct json_place *json_place_of(const struct json_place *places, size_t n, const json_t *value) {
        size_t low = 0, high = n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if ((uintptr_t)places[middle].value <= (uintptr_t)value)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low && places[low - 1].value == value ? &places[low - 1] : NULL;
}

static int read_document(const char *bytes, size_t n, bool placed, struct diags *diags,
                         struct json_document *ret) {
        struct json_document document = JSON_DOCUMENT_INIT;
        struct scan scan = {
                .bytes = bytes,
                .n = n,
                .line = 1,
                .diags = diags,
                .text = BUF_INIT(2 * PROFILE_BYTES_MAX),
                .document = &document,
                .placed = placed,
        };
        int r;

        document.line = 1;
        if (n > PROFILE_BYTES_MAX)
                r = complain(&scan, "longer than %llu MiB; a file that long is not read",
                             PROFILE_BYTES_MAX >> 20);
        else if (n >= 3 && !memcmp(bytes, "\xef\xbb\xbf", 3))
                r = complain(
                        &scan,
                        "begins with a byte order mark%.0llu, which runtimes refuse; save it without one",
                        0);
        else
                r = scan_text(&scan);
        if (!r)
                r = parse(&scan);
        if (scan.n_rule_arrays != 1)
                document.n_lines = 0;
        if (!r && placed)
                keep_places(&scan);
        buf_deinit(&scan.text);
        free(scan.rewrites);
        free(scan.begins);
        if (r) {
                json_document_deinit(&document);
                return error_trace(r);
        }
        *ret = document;
        return 0;
}

int json_document_read(const char *bytes, size_t n, struct diags *diags, struct json_document *ret) {
        return error_trace(read_document(bytes, n, false, diags, ret));
}

int json_document_read_placed(const char *bytes, size_t n, struct diags *diags, struct json_document *ret) {
        return error_trace(read_document(bytes, n, true, diags, ret));
}

void json_document_deinit(struct json_document *document) {
        json_decref(document->root);
        free(document->lines);
        free(document->texts);
        free(document->places);
        *document = JSON_DOCUMENT_INIT;
}

bool json_is_number_text(const json_t *value) {
        return json_is_string(value) && json_string_value(value)[0] == MARK_BYTE;
}

enum json_number json_uint64(const json_t *value, uint64_t *ret) {
        const char *text;
        char *end;

        if (json_is_real(value))
                return json_real_value(value) < 0 ? JSON_NUMBER_NEGATIVE : JSON_NUMBER_FRACTION;
        if (json_is_integer(value)) {
                if (json_integer_value(value) < 0)
                        return JSON_NUMBER_NEGATIVE;
                *ret = (uint64_t)json_integer_value(value);
                return JSON_NUMBER_OK;
        }
        if (!json_is_number_text(value))
                return JSON_NUMBER_OTHER;
        text = json_string_value(value) + 1;
        if (text[0] == '-')
                return JSON_NUMBER_NEGATIVE;
        errno = 0;
        *ret = strtoull(text, &end, 10);
        return errno || *end ? JSON_NUMBER_LARGE : JSON_NUMBER_OK;
}

const char *json_show(const json_t *value, char *buf, size_t size) {
        struct buf text = BUF_INIT(4096);
        const char *bytes;

        if (json_is_number_text(value)) {
                snprintf(buf, size, "%s", json_string_value(value) + 1);
        } else if (json_is_string(value)) {
                size_t n = json_string_length(value);

                bytes = json_string_value(value);
                buf_putc(&text, '"');
                buf_escape(&text, bytes, n > 40 ? 40 : n);
                buf_puts(&text, n > 40 ? "…\"" : "\"");
                snprintf(buf, size, "%s", buf_string(&text));
        } else if (json_is_integer(value)) {
                snprintf(buf, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        } else if (json_is_real(value)) {
                snprintf(buf, size, "%.15g", json_real_value(value));
                if (strtod(buf, NULL) != json_real_value(value))
                        snprintf(buf, size, "%.17g", json_real_value(value));
        } else {
                snprintf(buf, size, "%s",
                         json_is_object(value)  ? "an object"
                         : json_is_array(value) ? "an array"
                         : json_is_true(value)  ? "true"
                         : json_is_false(value) ? "false"
                                                : "null");
        }
        buf_deinit(&text);
        return buf;
}
