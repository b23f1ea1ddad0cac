/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain scalars of YAML by the rules that Kubernetes' reader follows: those of YAML 1.1 without base 60, and
 * with 0o17 of YAML 1.2. What must stay true: no digit of a whole number is lost, however large it is.
 */

#include "policy/read_scalar.h"

#include "policy/read_json.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_NUMBER 80

static bool is_one_of(const char *text, const char *const *words) {
        for (; *words; words++)
                if (!strcmp(*words, text))
                        return true;
        return false;
}

/* Digits of a base, with underscores between them; at least one digit. */
static bool all_digits(const char *text, unsigned base) {
        bool any = false;

        for (; *text; text++) {
                unsigned digit;

                if (*text == '_')
                        continue;
                if (*text >= '0' && *text <= '9')
                        digit = (unsigned)(*text - '0');
                else if (*text >= 'a' && *text <= 'f')
                        digit = (unsigned)(*text - 'a') + 10;
                else if (*text >= 'A' && *text <= 'F')
                        digit = (unsigned)(*text - 'A') + 10;
                else
                        return false;
                if (digit >= base)
                        return false;
                any = true;
        }
        return any;
}

/* Base of a whole number and where its digits begin; 0 when it is none. */
static unsigned integer_base(const char *text, const char **ret_digits) {
        static const struct {
                const char *prefix;
                unsigned base;
        } prefixes[] = { { "0x", 16 }, { "0X", 16 }, { "0o", 8 }, { "0O", 8 }, { "0b", 2 }, { "0B", 2 } };

        if (*text == '-' || *text == '+')
                text++;
        for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
                if (!strncmp(text, prefixes[i].prefix, 2)) {
                        *ret_digits = text + 2;
                        return all_digits(text + 2, prefixes[i].base) ? prefixes[i].base : 0;
                }
        *ret_digits = text;
        if (*text == '_')
                return 0;
        if (text[0] == '0' && text[1] && all_digits(text, 8))
                return 8;
        return all_digits(text, 10) ? 10 : 0;
}

static bool is_float(const char *text) {
        bool digit = false, dot = false, exponent = false;

        if (*text == '-' || *text == '+')
                text++;
        for (; *text; text++) {
                if (*text >= '0' && *text <= '9') {
                        digit = true;
                } else if (*text == '.' && !dot && !exponent) {
                        dot = true;
                } else if ((*text == 'e' || *text == 'E') && digit && !exponent) {
                        exponent = true;
                        if (text[1] == '-' || text[1] == '+')
                                text++;
                        if (!text[1])
                                return false;
                } else {
                        return false;
                }
        }
        return digit && (dot || exponent);
}

enum scalar_kind scalar_kind(const char *text, size_t n) {
        static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
        static const char *const trues[] = { "true", "True", "TRUE", "yes", "Yes",
                                             "YES",  "on",   "On",   "ON",  NULL };
        static const char *const falses[] = { "false", "False", "FALSE", "no",  "No",
                                              "NO",    "off",   "Off",   "OFF", NULL };
        const char *digits;

        if (n > LONGEST_NUMBER || strlen(text) != n)
                return SCALAR_TEXT;
        if (is_one_of(text, nulls))
                return SCALAR_NULL;
        if (is_one_of(text, trues))
                return SCALAR_TRUE;
        if (is_one_of(text, falses))
                return SCALAR_FALSE;
        if (integer_base(text, &digits))
                return SCALAR_INTEGER;
        return is_float(text) ? SCALAR_FLOAT : SCALAR_TEXT;
}

static json_t *integer_node(const char *text, int *ret_leading_zero) {
        char clean[LONGEST_NUMBER + 2], out[LONGEST_NUMBER + 8];
        const char *digits;
        unsigned base = integer_base(text, &digits);
        bool negative = *text == '-';
        unsigned long long value;
        size_t n = 0;

        *ret_leading_zero = digits[0] == '0' && digits[1] && (digits == text || digits == text + 1) &&
                            (base == 8 || base == 10);
        for (const char *c = digits; *c; c++)
                if (*c != '_')
                        clean[n++] = *c;
        clean[n] = '\0';
        errno = 0;
        value = strtoull(clean, NULL, (int)base);
        if (!errno && !negative && value <= INT64_MAX)
                return json_integer((json_int_t)value);
        if (!errno && negative && value <= INT64_MAX)
                return json_integer(-(json_int_t)value);
        /* As read_json.c marks it; what exceeds 64 bits stays what was written. */
        if (errno)
                snprintf(out, sizeof(out), "\x01%s", text);
        else
                snprintf(out, sizeof(out), "\x01%s%llu", negative ? "-" : "", value);
        return json_string(out);
}

json_t *scalar_node(enum scalar_kind kind, const char *text, size_t n, int *ret_leading_zero) {
        double value;

        *ret_leading_zero = 0;
        switch (kind) {
        case SCALAR_NULL:
                return json_null();
        case SCALAR_TRUE:
                return json_true();
        case SCALAR_FALSE:
                return json_false();
        case SCALAR_INTEGER:
                return integer_node(text, ret_leading_zero);
        case SCALAR_FLOAT:
                value = strtod(text, NULL);
                return isfinite(value) ? json_real(value) : json_stringn(text, n);
        case SCALAR_TEXT:
                break;
        }
        return json_stringn(text, n);
}
