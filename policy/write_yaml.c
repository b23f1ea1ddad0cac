/* SPDX-License-Identifier: Apache-2.0 */
/* What must stay true: every reader of YAML gets the same string back, of whatever bytes a name consists. */

#include "policy/write_yaml.h"

#include "policy/read_scalar.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool is_word(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '.' || c == '/' || c == '-';
}

static bool is_plain(const char *text) {
        size_t n = strlen(text);

        if (n == 0 || n > 200 || !(is_word(text[0]) || text[0] == '/') || text[0] == '-' || text[0] == '.')
                return false;
        for (size_t i = 0; i < n; i++)
                if (!is_word(text[i]))
                        return false;
        /* "y" and "n" are booleans in YAML 1.1, 2024-01-01 is a date. */
        return scalar_kind(text, n) == SCALAR_TEXT && n > 1 && !(text[0] >= '0' && text[0] <= '9');
}

/* Length of the UTF-8 character, 0 where there is none. */
static size_t decode(const unsigned char *bytes, size_t n, uint32_t *ret) {
        size_t length = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : bytes[0] >= 0xc2 ? 2 : 0;

        if (!length || length > n || bytes[0] > 0xf4)
                return 0;
        *ret = bytes[0] & (0xffu >> (length + 1));
        for (size_t i = 1; i < length; i++) {
                if ((bytes[i] & 0xc0) != 0x80)
                        return 0;
                *ret = *ret << 6 | (bytes[i] & 0x3f);
        }
        return length;
}

void yaml_quote(const char *text, struct buf *to) {
        const unsigned char *bytes = (const unsigned char *)text;
        size_t n = strlen(text);

        if (is_plain(text)) {
                buf_puts(to, text);
                return;
        }
        buf_putc(to, '"');
        for (size_t i = 0; i < n;) {
                uint32_t code = 0xfffd; /* for bytes that are no text */
                size_t length;

                if (bytes[i] < 0x80) {
                        if (bytes[i] == '"' || bytes[i] == '\\')
                                buf_printf(to, "\\%c", bytes[i]);
                        else if (bytes[i] < ' ' || bytes[i] == 0x7f)
                                buf_printf(to, "\\x%02x", bytes[i]);
                        else
                                buf_putc(to, (char)bytes[i]);
                        i++;
                        continue;
                }
                length = decode(bytes + i, n - i, &code);
                buf_printf(to, code > 0xffff ? "\\U%08x" : "\\u%04x", code);
                i += length ? length : 1;
        }
        buf_putc(to, '"');
}
