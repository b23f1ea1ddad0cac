/* SPDX-License-Identifier: Apache-2.0 */

/* A growing buffer with a limit. Errors stick, so that writers need not check every call. */

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/utf8.h"

#define BUF_LIMIT_DEFAULT (64u << 20)

void buf_deinit(struct buf *buf) {
        free(buf->data);
        *buf = BUF_INIT(buf->limit);
}

void buf_reset(struct buf *buf) {
        buf->n = 0;
        buf->error = 0;
        if (buf->data)
                buf->data[0] = 0;
}

/* Room for n more bytes and a NUL. */
static bool reserve(struct buf *buf, size_t n) {
        size_t limit = buf->limit ? buf->limit : BUF_LIMIT_DEFAULT;
        size_t size = buf->size ? buf->size : 256;
        char *data;

        if (buf->error)
                return false;
        if (n > limit - buf->n) {
                buf->error = -E2BIG;
                return false;
        }
        if (buf->size > buf->n + n)
                return true;
        while (size <= buf->n + n)
                size *= 2;
        data = realloc(buf->data, size);
        if (!data) {
                buf->error = -ENOMEM;
                return false;
        }
        buf->data = data;
        buf->size = size;
        return true;
}

void buf_put(struct buf *buf, const void *bytes, size_t n) {
        if (n == 0 || !reserve(buf, n))
                return;
        memcpy(buf->data + buf->n, bytes, n);
        buf->n += n;
        buf->data[buf->n] = 0;
}

void buf_puts(struct buf *buf, const char *text) {
        buf_put(buf, text, strlen(text));
}

void buf_putc(struct buf *buf, char c) {
        buf_put(buf, &c, 1);
}

void buf_vprintf(struct buf *buf, const char *format, va_list args) {
        va_list again;
        int n;

        va_copy(again, args);
        n = vsnprintf(NULL, 0, format, args);
        if (n < 0)
                buf->error = buf->error ? buf->error : -EINVAL;
        else if (reserve(buf, (size_t)n)) {
                vsnprintf(buf->data + buf->n, (size_t)n + 1, format, again);
                buf->n += (size_t)n;
        }
        va_end(again);
}

void buf_printf(struct buf *buf, const char *format, ...) {
        va_list args;

        va_start(args, format);
        buf_vprintf(buf, format, args);
        va_end(args);
}

/* Length of the UTF-8 sequence at bytes; 0 for C1 control characters: they move cursors on some terminals
 * just as C0 ones do. */
static size_t printable_length(const unsigned char *bytes, size_t n) {
        size_t length = utf8_length(bytes, n);

        return length == 2 && bytes[0] == 0xc2 && bytes[1] < 0xa0 ? 0 : length;
}

static void put_printable(struct buf *buf, const char *text, size_t n, bool escaped) {
        const unsigned char *bytes = (const unsigned char *)text;

        for (size_t i = 0; i < n;) {
                size_t length = printable_length(bytes + i, n - i);

                switch (bytes[i]) {
                case '\n':
                        buf_puts(buf, "\\n");
                        break;
                case '\t':
                        buf_puts(buf, "\\t");
                        break;
                case '\r':
                        buf_puts(buf, "\\r");
                        break;
                case '"':
                case '\\':
                        if (!escaped)
                                buf_putc(buf, '\\');
                        buf_putc(buf, (char)bytes[i]);
                        break;
                default:
                        if (length == 0 || bytes[i] < 0x20 || bytes[i] == 0x7f) {
                                buf_printf(buf, "\\x%02x", bytes[i]);
                                length = 1;
                        } else
                                buf_put(buf, bytes + i, length);
                }
                i += length ? length : 1;
        }
}

void buf_escape(struct buf *buf, const char *text, size_t n) {
        put_printable(buf, text, n, false);
}

void buf_clean(struct buf *buf, const char *text, size_t n) {
        put_printable(buf, text, n, true);
}

const char *buf_string(struct buf *buf) {
        if (buf->error || buf->n == 0 || !buf->data)
                return "";
        return buf->data;
}

int buf_read_fd(struct buf *buf, int fd, size_t limit) {
        char chunk[16384];

        for (;;) {
                ssize_t n = read(fd, chunk, sizeof(chunk));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_origin(-errno);
                if (n == 0)
                        return error_trace(buf_error(buf));
                if (buf->n + (size_t)n > limit)
                        return -EFBIG;
                buf_put(buf, chunk, (size_t)n);
        }
}

int buf_read_file(struct buf *buf, const char *path, size_t limit) {
        cleanup_fd int fd = -1;

        if (strcmp(path, "-") == 0)
                return error_trace(buf_read_fd(buf, STDIN_FILENO, limit));
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return error_origin(-errno);
        return error_trace(buf_read_fd(buf, fd, limit));
}
