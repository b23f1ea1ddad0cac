/* SPDX-License-Identifier: Apache-2.0 */

/* Text in a buffer of fixed size; see text.h. Three bytes are held back for the dots until the end. */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "supervisor/decode/text.h"

#define DOTS "..."

void text_init(struct text *text, char *data, size_t size) {
        *text = (struct text){ .data = data, .size = size };
        if (size)
                data[0] = '\0';
}

static void text_cut(struct text *text) {
        size_t dots = sizeof(DOTS) - 1;

        if (text->cut)
                return;
        text->cut = true;
        if (text->size <= dots)
                return;
        if (text->n > text->size - 1 - dots)
                text->n = text->size - 1 - dots;
        memcpy(text->data + text->n, DOTS, dots + 1);
        text->n += dots;
}

void text_put(struct text *text, const char *bytes, size_t n) {
        if (text->cut)
                return;
        if (text->size < sizeof(DOTS) || n > text->size - sizeof(DOTS) - text->n) {
                text_cut(text);
                return;
        }
        memcpy(text->data + text->n, bytes, n);
        text->n += n;
        text->data[text->n] = '\0';
}

void text_puts(struct text *text, const char *string) {
        text_put(text, string, strlen(string));
}

void text_printf(struct text *text, const char *format, ...) {
        char piece[128];
        va_list args;
        int n;

        va_start(args, format);
        n = vsnprintf(piece, sizeof(piece), format, args);
        va_end(args);
        if (n > 0)
                text_put(text, piece, (size_t)n < sizeof(piece) ? (size_t)n : sizeof(piece) - 1);
}

void text_unsigned(struct text *text, uint64_t value) {
        char digits[20];
        size_t at = sizeof(digits);

        do
                digits[--at] = (char)('0' + value % 10);
        while (value /= 10);
        text_put(text, digits + at, sizeof(digits) - at);
}

void text_signed(struct text *text, int64_t value) {
        if (value < 0)
                text_put(text, "-", 1);
        text_unsigned(text, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void text_hex(struct text *text, uint64_t value) {
        char digits[18];
        size_t at = sizeof(digits);

        if (!value) {
                text_put(text, "0", 1);
                return;
        }
        for (; value; value >>= 4)
                digits[--at] = "0123456789abcdef"[value & 15];
        digits[--at] = 'x';
        digits[--at] = '0';
        text_put(text, digits + at, sizeof(digits) - at);
}

void text_pointer(struct text *text, uint64_t value) {
        if (value)
                text_hex(text, value);
        else
                text_puts(text, "NULL");
}

/* Length of the well-formed, printable UTF-8 sequence at bytes; 0 if there is none. C1 controls and the
 * marks that turn the direction of text are not printable: they can make a terminal show something else. */
static size_t printable(const unsigned char *bytes, size_t n) {
        uint32_t code;
        size_t length;

        if (bytes[0] < 0x80)
                return bytes[0] >= 0x20 && bytes[0] != 0x7f;
        if (bytes[0] >= 0xc2 && bytes[0] < 0xe0) {
                length = 2;
                code = bytes[0] & 0x1f;
        } else if (bytes[0] >= 0xe0 && bytes[0] < 0xf0) {
                length = 3;
                code = bytes[0] & 0x0f;
        } else if (bytes[0] >= 0xf0 && bytes[0] < 0xf5) {
                length = 4;
                code = bytes[0] & 0x07;
        } else {
                return 0;
        }
        if (length > n)
                return 0;
        for (size_t i = 1; i < length; i++) {
                if ((bytes[i] & 0xc0) != 0x80)
                        return 0;
                code = code << 6 | (bytes[i] & 0x3f);
        }
        if (code < 0xa0 || (length == 3 && code < 0x800) || (length == 4 && code < 0x10000) ||
            code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
                return 0;
        if ((code >= 0x200e && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
            (code >= 0x2066 && code <= 0x2069) || code == 0x061c || code == 0xfeff)
                return 0;
        return length;
}

void text_escape(struct text *text, const char *string, size_t n) {
        const unsigned char *bytes = (const unsigned char *)string;

        for (size_t i = 0; i < n && !text->cut;) {
                size_t length = printable(bytes + i, n - i);

                if (bytes[i] == '"' || bytes[i] == '\\') {
                        text_put(text, (char[]){ '\\', (char)bytes[i] }, 2);
                } else if (length) {
                        text_put(text, string + i, length);
                } else if (bytes[i] == '\n') {
                        text_put(text, "\\n", 2);
                } else if (bytes[i] == '\t') {
                        text_put(text, "\\t", 2);
                } else if (bytes[i] == '\r') {
                        text_put(text, "\\r", 2);
                } else {
                        char escape[4] = { '\\', 'x', "0123456789abcdef"[bytes[i] >> 4],
                                           "0123456789abcdef"[bytes[i] & 15] };

                        text_put(text, escape, sizeof(escape));
                }
                i += length ? length : 1;
        }
}

void text_quote(struct text *text, const char *bytes, size_t n, bool more) {
        text_put(text, "\"", 1);
        text_escape(text, bytes, n);
        text_puts(text, more ? "\"..." : "\"");
}
