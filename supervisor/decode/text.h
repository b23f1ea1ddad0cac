/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Text in a buffer of fixed size. What does not fit is left out whole (never half an escape or half a UTF-8
 * sequence) and the text ends in "...". Nothing is allocated.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
        char *data; /* always NUL-terminated when size > 0 */
        size_t n, size;
        bool cut; /* something was left out; all that follows is left out, too */
};

void text_init(struct text *text, char *data, size_t size);
void text_put(struct text *text, const char *bytes, size_t n);
void text_puts(struct text *text, const char *string);
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_unsigned(struct text *text, uint64_t value);
void text_signed(struct text *text, int64_t value);
void text_hex(struct text *text, uint64_t value);     /* 0x1f, and 0 for zero */
void text_pointer(struct text *text, uint64_t value); /* 0x1f, and NULL for zero */
/* Bytes of a stranger, escaped: \n, \t, \r, \", \\, \xNN for other control characters and broken UTF-8. */
void text_escape(struct text *text, const char *bytes, size_t n);
/* The same in double quotes; more: the string was longer, so "..." follows. */
void text_quote(struct text *text, const char *bytes, size_t n, bool more);
