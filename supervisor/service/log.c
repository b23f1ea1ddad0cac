/* SPDX-License-Identifier: Apache-2.0 */

#include "supervisor/service/log.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"

#define LINE_MAX_BYTES 2048

/* One write(2), so that lines of several threads do not mix. */
static void put_line(enum log_level level, const char *text, unsigned n_left_out) {
        struct buf line = BUF_INIT(2 * LINE_MAX_BYTES);

        if (getenv("JOURNAL_STREAM"))
                buf_printf(&line, "<%d>", (int)level);
        else
                buf_puts(&line, "callgated: ");
        buf_puts(&line, text);
        if (n_left_out > 0)
                buf_printf(&line, " (and %u more since the last line)", n_left_out);
        buf_putc(&line, '\n');
        if (!buf_error(&line) && write(STDERR_FILENO, line.data, line.n) < 0) {
                /* Nobody listens; there is nobody to tell. */
        }
        buf_deinit(&line);
}

static void say(enum log_level level, unsigned n_left_out, const char *format, va_list args) {
        struct buf text = BUF_INIT(LINE_MAX_BYTES);

        buf_vprintf(&text, format, args);
        /* A newline inside would look like another line of ours. */
        for (size_t i = 0; i < text.n; i++)
                if ((unsigned char)text.data[i] < 0x20)
                        text.data[i] = ' ';
        put_line(level, buf_string(&text), n_left_out);
        buf_deinit(&text);
}

void log_say(enum log_level level, const char *format, ...) {
        va_list args;

        va_start(args, format);
        say(level, 0, format, args);
        va_end(args);
}

void log_limited(struct log_limiter *limiter, enum log_level level, const char *format, ...) {
        struct timespec now;
        uint64_t now_ns;
        va_list args;

        clock_gettime(CLOCK_MONOTONIC, &now);
        now_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
        if (limiter->last_ns != 0 && now_ns - limiter->last_ns < 1000000000u) {
                limiter->n_left_out++;
                return;
        }
        va_start(args, format);
        say(level, limiter->n_left_out, format, args);
        va_end(args);
        limiter->last_ns = now_ns;
        limiter->n_left_out = 0;
}
