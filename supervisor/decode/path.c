/* SPDX-License-Identifier: Apache-2.0 */

/* Paths, other strings, and descriptors with what they refer to. */

#include <fcntl.h>
#include <string.h>
#include "supervisor/decode/decoder.h"

static void put_fd_path(struct decoder *decoder, int fd) {
        char path[DECODE_PATH_MAX];

        if (!decoder->source || !decoder->source->fd_path)
                return;
        decoder->touched = true; /* the task is asked through /proc: it may be another one by now */
        if (decoder->source->fd_path(decoder->source->data, fd, path, sizeof(path)) < 0)
                return;
        text_put(decoder->text, "<", 1);
        text_escape(decoder->text, path, strnlen(path, sizeof(path)));
        text_put(decoder->text, ">", 1);
}

void decode_fd(struct decoder *decoder, int fd) {
        text_signed(decoder->text, fd);
        if (fd >= 0)
                put_fd_path(decoder, fd);
}

void decode_dirfd(struct decoder *decoder, int fd, bool resolve) {
        if (fd == AT_FDCWD)
                text_puts(decoder->text, "AT_FDCWD");
        else
                text_signed(decoder->text, fd);
        if (resolve && (fd >= 0 || fd == AT_FDCWD))
                put_fd_path(decoder, fd);
}

void decode_string(struct decoder *decoder, uint64_t address, size_t max) {
        char string[DECODE_PATH_MAX];
        size_t n;
        int r;

        if (!address) {
                text_puts(decoder->text, "NULL");
                return;
        }
        r = decode_read_string(decoder, address, string, max < sizeof(string) ? max : sizeof(string), &n);
        if (r < 0)
                text_pointer(decoder->text,
                             address); /* no NUL before memory ended: the kernel says EFAULT */
        else
                text_quote(decoder->text, string, n, r > 0);
}

bool decode_path_is_absolute(struct decoder *decoder, uint64_t address) {
        return address && decode_read_ahead(decoder, address) == '/';
}
