/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the service says to whoever runs it: one line each on standard error, with the priority in front
 * where the journal reads it (sd-daemon(3)). Texts of strangers are escaped. Any thread.
 */

#include <stdint.h>

enum log_level {
        LOG_LEVEL_ERROR = 3,
        LOG_LEVEL_WARNING = 4,
        LOG_LEVEL_INFO = 6,
};

void log_say(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same at most once a second for each place that owns a limiter; what was left out is said with the
 * next. */
struct log_limiter {
        uint64_t last_ns;
        unsigned n_left_out;
};
void log_limited(struct log_limiter *limiter, enum log_level level, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
