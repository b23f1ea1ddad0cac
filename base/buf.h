/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A bounded, growing buffer of bytes. Once it failed (memory or limit) it stays failed and ignores writes,
 * so that a writer checks once, at the end: buf_error(). */

#include <stdarg.h>
#include <stddef.h>

struct buf {
        char *data; /* owned; NUL-terminated whenever n > 0 or after buf_string() */
        size_t n, size, limit;
        int error; /* 0, -ENOMEM or -E2BIG */
};

/* limit 0: 64 MiB. */
#define BUF_INIT(bytes_limit) ((struct buf){ .limit = (bytes_limit) })

void buf_deinit(struct buf *buf);
void buf_reset(struct buf *buf); /* empty, memory kept, error cleared */
void buf_put(struct buf *buf, const void *bytes, size_t n);
void buf_puts(struct buf *buf, const char *text);
void buf_putc(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *buf, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
/* Text of strangers: control characters and broken UTF-8 as \xNN, \n, \t …; '"' and '\' with a backslash. */
void buf_escape(struct buf *buf, const char *bytes, size_t n);
/* Text that was escaped when it was made: quotes and backslashes stay. */
void buf_clean(struct buf *buf, const char *bytes, size_t n);
const char *buf_string(struct buf *buf); /* never NULL; "" when empty or failed */
static inline int buf_error(const struct buf *buf) {
        return buf->error;
}

/* Read a whole file of at most limit bytes into buf. "-" is standard input.
 * 0, -EFBIG when longer than limit, or -errno. */
int buf_read_file(struct buf *buf, const char *path, size_t limit);
int buf_read_fd(struct buf *buf, int fd, size_t limit);
