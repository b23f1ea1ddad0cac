/* SPDX-License-Identifier: Apache-2.0 */

/* Sizes, durations and dates. Fractions are kept exact (whole part and nine digits), never through floating
 * point. */

#include "policy/native/quantity.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

struct unit {
        const char *name;
        uint64_t factor;
};

static const struct unit sizes[] = {
        { "", 1 },           { "k", 1ull << 10 }, { "m", 1ull << 20 }, { "g", 1ull << 30 },
        { "t", 1ull << 40 }, { "p", 1ull << 50 }, { NULL, 0 },
};

static const struct unit durations[] = {
        { "", 1000000000u },
        { "ns", 1 },
        { "us", 1000 },
        { "ms", 1000000 },
        { "s", 1000000000u },
        { "m", 60 * 1000000000ull },
        { "h", 3600 * 1000000000ull },
        { "d", 86400 * 1000000000ull },
        { "w", 7 * 86400 * 1000000000ull },
        { NULL, 0 },
};

/* Digits, perhaps with a fraction of up to nine digits. */
static int read_number(const char **at, uint64_t *ret_whole, uint64_t *ret_billionths) {
        uint64_t scale = 100000000;

        *ret_whole = *ret_billionths = 0;
        if (!isdigit((unsigned char)**at))
                return -EINVAL;
        for (; isdigit((unsigned char)**at); (*at)++)
                if (__builtin_mul_overflow(*ret_whole, 10, ret_whole) ||
                    __builtin_add_overflow(*ret_whole, (uint64_t)(**at - '0'), ret_whole))
                        return -ERANGE;
        if (**at != '.')
                return 0;
        (*at)++;
        if (!isdigit((unsigned char)**at))
                return -EINVAL;
        for (; isdigit((unsigned char)**at); (*at)++, scale /= 10)
                *ret_billionths += scale * (uint64_t)(**at - '0');
        return 0;
}

static int apply(uint64_t whole, uint64_t billionths, uint64_t factor, uint64_t *ret) {
        unsigned __int128 value =
                (unsigned __int128)whole * factor + (unsigned __int128)billionths * factor / 1000000000u;

        if (value > UINT64_MAX)
                return -ERANGE;
        *ret = (uint64_t)value;
        return 0;
}

/* The unit that stands at *at, up to the next digit, sign or the end. */
static const struct unit *read_unit(const char **at, const struct unit *units) {
        char name[4] = "";
        size_t n = 0;

        for (; isalpha((unsigned char)**at) && n < sizeof(name) - 1; (*at)++)
                name[n++] = (char)tolower((unsigned char)**at);
        if (isalpha((unsigned char)**at))
                return NULL;
        for (; units->name; units++)
                if (strcmp(units->name, name) == 0)
                        return units;
        return NULL;
}

int quantity_size(const char *text, uint64_t *ret_bytes) {
        uint64_t whole, billionths;
        const struct unit *unit;
        char letter[2] = "";
        const char *at;
        int r = read_number(&text, &whole, &billionths);

        if (r)
                return r;
        /* "K", "KB" and "KiB" are one. */
        if (strcasecmp(text, "b") == 0)
                text++;
        letter[0] = *text;
        if (*text && text[1] && strcasecmp(text + 1, "b") != 0 && strcasecmp(text + 1, "ib") != 0)
                return -EINVAL;
        at = letter;
        unit = read_unit(&at, sizes);
        if (!unit || *at)
                return -EINVAL;
        return apply(whole, billionths, unit->factor, ret_bytes);
}

int quantity_duration(const char *text, int64_t *ret_ns) {
        bool negative = *text == '-';
        uint64_t total = 0;

        if (*text == '-' || *text == '+')
                text++;
        do {
                uint64_t whole, billionths, part;
                const struct unit *unit;
                int r = read_number(&text, &whole, &billionths);

                if (r)
                        return r;
                unit = read_unit(&text, durations);
                if (!unit || (unit == durations && *text))
                        return -EINVAL;
                r = apply(whole, billionths, unit->factor, &part);
                if (r || __builtin_add_overflow(total, part, &total) || total > INT64_MAX)
                        return -ERANGE;
        } while (*text);
        *ret_ns = negative ? -(int64_t)total : (int64_t)total;
        return 0;
}

/* "Z", "+02:00", "-0330" or nothing: seconds east of Greenwich. */
static int parse_zone(const char *text, int64_t *ret_s) {
        unsigned hours, minutes = 0;
        int n = 0;

        *ret_s = 0;
        if (strcmp(text, "") == 0 || strcmp(text, "Z") == 0 || strcmp(text, "z") == 0)
                return 0;
        if (*text != '+' && *text != '-')
                return -EINVAL;
        if (sscanf(text + 1, "%2u:%2u%n", &hours, &minutes, &n) < 2 &&
            sscanf(text + 1, "%2u%2u%n", &hours, &minutes, &n) < 2)
                return -EINVAL;
        if (text[1 + n] != 0 || hours > 14 || minutes > 59)
                return -EINVAL;
        *ret_s = (int64_t)(hours * 3600 + minutes * 60) * (*text == '-' ? -1 : 1);
        return 0;
}

int quantity_date(const char *text, int64_t *ret_s) {
        static const char *const layouts[] = { "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M",
                                               "%Y-%m-%d %H:%M", "%Y-%m-%d" };
        char *end;

        if (*text == '@') {
                errno = 0;
                *ret_s = strtoll(text + 1, &end, 10);
                return errno || end == text + 1 || *end ? -EINVAL : 0;
        }
        for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
                struct tm tm = { 0 };
                const char *rest = strptime(text, layouts[i], &tm);
                int64_t zone;

                if (!rest || parse_zone(rest, &zone))
                        continue;
                /* timegm() makes the 31st of February the 3rd of March: nobody meant that. */
                if (tm.tm_mday > 28) {
                        struct tm again = tm;
                        time_t s = timegm(&again);

                        if (!gmtime_r(&s, &again) || again.tm_mday != tm.tm_mday)
                                return -EINVAL;
                }
                *ret_s = timegm(&tm) - zone;
                return 0;
        }
        return -EINVAL;
}
