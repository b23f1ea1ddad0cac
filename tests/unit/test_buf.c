/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

Test(buf, pieces_make_one_string) {
        struct buf buf = BUF_INIT(0);

        cr_assert_str_eq(buf_string(&buf), "");
        buf_puts(&buf, "one ");
        buf_putc(&buf, '2');
        buf_printf(&buf, " %s %d", "three", 4);
        buf_put(&buf, "\0x", 2);
        cr_assert_eq(buf.n, 15);
        cr_assert_eq(memcmp(buf.data, "one 2 three 4\0x", 16), 0);
        cr_assert_eq(buf_error(&buf), 0);
        buf_reset(&buf);
        cr_assert_eq(buf.n, 0);
        cr_assert_str_eq(buf_string(&buf), "");
        buf_deinit(&buf);
        cr_assert_null(buf.data);
}

Test(buf, grows_as_needed) {
        struct buf buf = BUF_INIT(0);

        for (int i = 0; i < 100000; i++)
                buf_printf(&buf, "%d,", i % 10);
        cr_assert_eq(buf_error(&buf), 0);
        cr_assert_eq(buf.n, 200000);
        for (size_t i = 0; i < buf.n; i += 2)
                cr_assert(buf.data[i] == (char)('0' + i / 2 % 10) && buf.data[i + 1] == ',');
        buf_deinit(&buf);
}

Test(buf, limit_is_exact_and_sticks) {
        struct buf buf = BUF_INIT(10);

        buf_puts(&buf, "0123456789");
        cr_assert_eq(buf_error(&buf), 0);
        cr_assert_str_eq(buf_string(&buf), "0123456789");
        buf_putc(&buf, 'x');
        cr_assert_eq(buf_error(&buf), -E2BIG);
        /* Failed is failed: a shorter piece is not let in afterwards. */
        buf_put(&buf, "", 0);
        buf_printf(&buf, "%s", "");
        cr_assert_eq(buf_error(&buf), -E2BIG);
        cr_assert_str_eq(buf_string(&buf), "");
        buf_reset(&buf);
        buf_puts(&buf, "again");
        cr_assert_str_eq(buf_string(&buf), "again");
        buf_deinit(&buf);
        cr_assert_eq(buf.limit, 10);
}

Test(buf, a_piece_larger_than_the_limit_changes_nothing) {
        struct buf buf = BUF_INIT(8);

        buf_puts(&buf, "abc");
        buf_printf(&buf, "%20d", 1);
        cr_assert_eq(buf_error(&buf), -E2BIG);
        cr_assert_eq(buf.n, 3);
        buf_deinit(&buf);
}

/* What strangers wrote, and how it may be shown. */
static const struct {
        const char *bytes;
        size_t n;
        const char *text;
} escapes[] = {
        { "plain", 5, "plain" },
        { "", 0, "" },
        { "a\nb\tc\rd", 7, "a\\nb\\tc\\rd" },
        { "say \"hi\" \\", 10, "say \\\"hi\\\" \\\\" },
        { "\0\1\x1b[31m\x7f", 8, "\\x00\\x01\\x1b[31m\\x7f" },
        { "gr\xc3\xbc\xc3\x9f", 6, "gr\xc3\xbc\xc3\x9f" },
        { "\xe2\x82\xac", 3, "\xe2\x82\xac" },
        { "\xf0\x9f\x90\xa7", 4, "\xf0\x9f\x90\xa7" },
        { "\xc3", 1, "\\xc3" },                            /* cut short */
        { "\xe2\x82", 2, "\\xe2\\x82" },                   /* cut short */
        { "\xc3(", 2, "\\xc3(" },                          /* no continuation */
        { "\xc0\xaf", 2, "\\xc0\\xaf" },                   /* overlong */
        { "\xe0\x80\xaf", 3, "\\xe0\\x80\\xaf" },          /* overlong */
        { "\xed\xa0\x80", 3, "\\xed\\xa0\\x80" },          /* surrogate */
        { "\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80" }, /* beyond U+10FFFF */
        { "\xf5\x80\x80\x80", 4, "\\xf5\\x80\\x80\\x80" }, /* beyond U+10FFFF */
        { "\xc2\x9b"
          "31m",
          5,
          "\\xc2\\x9b"
          "31m" },                     /* C1: a terminal's CSI */
        { "\xc2\xa0", 2, "\xc2\xa0" }, /* the first that is not C1 */
        { "\x80\xff", 2, "\\x80\\xff" },
};

Test(buf, escape) {
        for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
                struct buf buf = BUF_INIT(0);

                buf_escape(&buf, escapes[i].bytes, escapes[i].n);
                cr_assert_str_eq(buf_string(&buf), escapes[i].text, "row %zu: %s", i, buf_string(&buf));
                buf_deinit(&buf);
        }
}

/* Whatever the bytes: what comes out is printable, and no byte before the end of a page's worth is read. */
Test(buf, escape_of_random_bytes_is_printable) {
        srandom(1);
        for (int round = 0; round < 2000; round++) {
                struct buf buf = BUF_INIT(0);
                size_t n = (size_t)random() % 40;
                char *bytes = malloc(n + 1);

                for (size_t i = 0; i < n; i++)
                        bytes[i] = (char)random();
                bytes = realloc(bytes, n ? n : 1); /* a sanitizer sees one byte too many */
                buf_escape(&buf, bytes, n);
                for (size_t i = 0; i < buf.n; i++)
                        cr_assert((unsigned char)buf.data[i] >= 0x20 && buf.data[i] != 0x7f);
                free(bytes);
                buf_deinit(&buf);
        }
}

static void write_file(char *path, size_t n) {
        int fd;

        strcpy(path, "/tmp/callgate-unit-XXXXXX");
        fd = mkstemp(path);
        cr_assert_geq(fd, 0);
        cr_assert_eq(ftruncate(fd, (off_t)n), 0);
        close(fd);
}

Test(buf, read_file_to_its_limit) {
        static const struct {
                size_t size, limit;
                int r;
        } rows[] = {
                { 0, 0, 0 },
                { 0, 10, 0 },
                { 10, 10, 0 },
                { 11, 10, -EFBIG },
                { 16384, 16384, 0 },
                { 16385, 16384, -EFBIG },
                { 100000, 1 << 20, 0 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct buf buf = BUF_INIT(0);
                char path[64];

                write_file(path, rows[i].size);
                cr_assert_eq(buf_read_file(&buf, path, rows[i].limit), rows[i].r, "row %zu", i);
                if (rows[i].r == 0)
                        cr_assert_eq(buf.n, rows[i].size, "row %zu", i);
                unlink(path);
                buf_deinit(&buf);
        }
}

Test(buf, read_file_that_cannot_be_read) {
        struct buf buf = BUF_INIT(0);

        cr_assert_eq(buf_read_file(&buf, "/nothing/here", 10), -ENOENT);
        cr_assert_eq(buf_read_file(&buf, "/", 10), -EISDIR);
        cr_assert_eq(buf_read_fd(&buf, -1, 10), -EBADF);
        buf_deinit(&buf);
}

Test(buf, read_pipe_that_comes_in_pieces) {
        struct buf buf = BUF_INIT(0);
        int fds[2];

        cr_assert_eq(pipe(fds), 0);
        if (fork() == 0) {
                close(fds[0]);
                for (int i = 0; i < 50; i++) {
                        if (write(fds[1], "piece ", 6) != 6)
                                _exit(1);
                        usleep(200);
                }
                _exit(0);
        }
        close(fds[1]);
        cr_assert_eq(buf_read_fd(&buf, fds[0], 1000), 0);
        cr_assert_eq(buf.n, 300);
        close(fds[0]);
        buf_deinit(&buf);
}
