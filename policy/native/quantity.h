/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Sizes, durations and dates as people write them: "512M", "30d", "1h30m", "-2h", "2019-03-01". One grammar
 * for policies, options of emulations and case files. */

#include <stdint.h>

/* A number with nothing, K, M, G, T or P behind it (powers of 1024; "KiB" and "KB" are the same). Fractions
 * are allowed: "1.5G". 0, or -EINVAL (no such text) or -ERANGE (beyond 64 bits). */
int quantity_size(const char *text, uint64_t *ret_bytes);

/* One or more numbers with ns, us, ms, s, m, h, d or w behind each, largest or smallest first as one likes;
 * a bare number is seconds. A sign in front holds for all. 0, -EINVAL, or -ERANGE beyond 292 years. */
int quantity_duration(const char *text, int64_t *ret_ns);

/* "2019-03-01", "2019-03-01T12:30:00Z", "2019-03-01 12:30:00+02:00", "@1551398400"; UTC where nothing else
 * is said. Seconds since 1970. 0 or -EINVAL. */
int quantity_date(const char *text, int64_t *ret_s);
