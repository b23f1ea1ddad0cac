/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <errno.h>

#include "policy/native/quantity.h"

Test(quantity, sizes) {
        static const struct {
                const char *text;
                int r;
                uint64_t bytes;
        } rows[] = {
                { "0", 0, 0 },
                { "4096", 0, 4096 },
                { "512M", 0, 512ull << 20 },
                { "512m", 0, 512ull << 20 },
                { "1.5G", 0, 3ull << 29 },
                { "2KiB", 0, 2048 },
                { "2KB", 0, 2048 },
                { "7b", 0, 7 },
                { "16383P", 0, 16383ull << 50 },
                { "16384P", -ERANGE, 0 },
                { "18446744073709551615", 0, UINT64_MAX },
                { "18446744073709551616", -ERANGE, 0 },
                { "0.0000000001G", 0, 0 },
                { "", -EINVAL, 0 },
                { "M", -EINVAL, 0 },
                { "-1", -EINVAL, 0 },
                { "1.", -EINVAL, 0 },
                { "1Q", -EINVAL, 0 },
                { "1 M", -EINVAL, 0 },
                { "1Mx", -EINVAL, 0 },
                { "1i", -EINVAL, 0 },
                { "1bb", -EINVAL, 0 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                uint64_t bytes = 0;

                cr_expect_eq(quantity_size(rows[i].text, &bytes), rows[i].r, "%s", rows[i].text);
                cr_expect_eq(bytes, rows[i].bytes, "%s", rows[i].text);
        }
}

Test(quantity, durations) {
        static const struct {
                const char *text;
                int r;
                int64_t ns;
        } rows[] = {
                { "0", 0, 0 },
                { "10", 0, 10000000000 },
                { "1.5", 0, 1500000000 },
                { "10ms", 0, 10000000 },
                { "30d", 0, 30 * 86400000000000 },
                { "-30d", 0, -30 * 86400000000000 },
                { "+2h", 0, 7200000000000 },
                { "1h30m", 0, 5400000000000 },
                { "-1h30m", 0, -5400000000000 },
                { "1.5h", 0, 5400000000000 },
                { "7NS", 0, 7 },
                { "2w", 0, 14 * 86400000000000 },
                { "15250w", 0, 15250 * 7 * 86400000000000 },
                { "15251w", -ERANGE, 0 },
                { "99999999999999999999s", -ERANGE, 0 },
                { "", -EINVAL, 0 },
                { "-", -EINVAL, 0 },
                { "d", -EINVAL, 0 },
                { "1h30", 0, 3630000000000 },
                { "1y", -EINVAL, 0 },
                { "1h-30m", -EINVAL, 0 },
                { "1 h", -EINVAL, 0 },
                { "1hours", -EINVAL, 0 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                int64_t ns = 0;

                cr_expect_eq(quantity_duration(rows[i].text, &ns), rows[i].r, "%s", rows[i].text);
                cr_expect_eq(ns, rows[i].ns, "%s", rows[i].text);
        }
}
