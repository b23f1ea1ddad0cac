/* SPDX-License-Identifier: Apache-2.0 */

/* Frames between two ends of a socket pair, with peers that do everything wrong. */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "proto/frame.h"

static int pair[2];
static struct frame_reader reader;

static void setup(void) {
        cr_assert_eq(fd_socketpair(pair), 0);
        frame_reader_init(&reader);
}

static void teardown(void) {
        frame_reader_deinit(&reader);
        fd_close(pair[0]);
        fd_close(pair[1]);
}

TestSuite(frame, .init = setup, .fini = teardown, .timeout = 60);

static void send_text(const char *text, const int *fds, size_t n_fds) {
        struct buf payload = BUF_INIT(0);

        buf_puts(&payload, text);
        cr_assert_eq(frame_send(pair[0], &payload, fds, n_fds), 0);
        buf_deinit(&payload);
}

static bool same_file(int a, int b) {
        struct stat one, other;

        return fstat(a, &one) == 0 && fstat(b, &other) == 0 && one.st_dev == other.st_dev &&
               one.st_ino == other.st_ino;
}

static size_t n_open(void) {
        size_t n = 0;

        for (int fd = 0; fd < 256; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        return n;
}

Test(frame, payload_and_descriptors_arrive_together) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC), fds[WIRE_FDS_MAX];
        struct buf payload = BUF_INIT(0);
        size_t n_fds;

        send_text("hello", (int[]){ null, pair[0] }, 2);
        cr_assert_eq(frame_recv(pair[1], &payload, fds, WIRE_FDS_MAX, &n_fds), 0);
        cr_expect_str_eq(buf_string(&payload), "hello");
        cr_assert_eq(n_fds, 2);
        cr_expect(same_file(fds[0], null));
        cr_expect(same_file(fds[1], pair[0]));
        cr_expect(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
        for (size_t i = 0; i < n_fds; i++)
                fd_close(fds[i]);
        fd_close(null);
        buf_deinit(&payload);
}

/* Descriptors belong to the frame they were sent with, although both frames wait in the socket. */
Test(frame, descriptors_stay_with_their_frame) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC), zero = open("/dev/zero", O_RDWR | O_CLOEXEC), fd;

        fcntl(pair[1], F_SETFL, O_NONBLOCK);
        send_text("first", &null, 1);
        send_text("second", NULL, 0);
        send_text("third", &zero, 1);
        cr_assert_eq(frame_reader_next(&reader, pair[1]), FRAME_OK);
        cr_expect_str_eq(buf_string(&reader.payload), "first");
        cr_assert_eq(reader.n_fds, 1);
        fd = frame_reader_take_fd(&reader, 0);
        cr_expect(same_file(fd, null));
        cr_expect_eq(frame_reader_take_fd(&reader, 0), -1);
        fd_close(fd);
        cr_assert_eq(frame_reader_next(&reader, pair[1]), FRAME_OK);
        cr_expect_str_eq(buf_string(&reader.payload), "second");
        cr_expect_eq(reader.n_fds, 0);
        cr_assert_eq(frame_reader_next(&reader, pair[1]), FRAME_OK);
        cr_expect_str_eq(buf_string(&reader.payload), "third");
        cr_assert_eq(reader.n_fds, 1);
        cr_expect(same_file(reader.fds[0], zero));
        cr_expect_eq(frame_reader_next(&reader, pair[1]), FRAME_E_AGAIN);
        fd_close(null);
        fd_close(zero);
}

Test(frame, descriptors_nobody_took_are_closed) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        size_t n = n_open();

        send_text("x", &null, 1);
        send_text("y", NULL, 0);
        cr_assert_eq(frame_reader_next(&reader, pair[1]), FRAME_OK);
        cr_expect_eq(n_open(), n + 1);
        cr_assert_eq(frame_reader_next(&reader, pair[1]), FRAME_OK);
        cr_expect_eq(n_open(), n);
        fd_close(null);
}

/* However the bytes are cut, the frame comes out whole, and nothing before its last byte. */
Test(frame, bytes_one_by_one) {
        static const uint8_t bytes[] = { 3, 0, 0, 0, 'a', 'b', 'c', 1, 0, 0, 0, 'd' };

        fcntl(pair[1], F_SETFL, O_NONBLOCK);
        for (size_t i = 0; i < sizeof(bytes); i++) {
                int r;

                cr_assert_eq(write(pair[0], bytes + i, 1), 1);
                r = frame_reader_next(&reader, pair[1]);
                cr_expect_eq(r, i == 6 || i == 11 ? FRAME_OK : FRAME_E_AGAIN, "byte %zu", i);
                if (i == 6)
                        cr_expect_str_eq(buf_string(&reader.payload), "abc");
        }
        cr_expect_str_eq(buf_string(&reader.payload), "d");
}

Test(frame, largest_frame_passes) {
        struct buf payload = BUF_INIT(0), read = BUF_INIT(0);
        size_t n_fds;
        pid_t child;

        for (size_t i = 0; i < WIRE_FRAME_MAX; i++)
                buf_putc(&payload, (char)(i * 31));
        child = fork();
        cr_assert_geq(child, 0);
        if (child == 0)
                _exit(frame_send(pair[0], &payload, NULL, 0));
        cr_assert_eq(frame_recv(pair[1], &read, NULL, 0, &n_fds), 0);
        cr_assert_eq(read.n, payload.n);
        cr_expect_eq(memcmp(read.data, payload.data, read.n), 0);
        buf_putc(&payload, 'x');
        cr_expect_eq(frame_send(pair[0], &payload, NULL, 0), FRAME_E_LENGTH);
        buf_deinit(&payload);
        buf_deinit(&read);
}

struct broken_row {
        const char *what;
        const uint8_t bytes[8];
        size_t n;
        int outcome;
};

static const struct broken_row broken[] = {
        { "end at the border", { 0 }, 0, FRAME_E_END },
        { "end inside the length", { 1, 0 }, 2, FRAME_E_TRUNCATED },
        { "end before the payload", { 1, 0, 0, 0 }, 4, FRAME_E_TRUNCATED },
        { "end inside the payload", { 9, 0, 0, 0, 1, 2, 3 }, 7, FRAME_E_TRUNCATED },
        { "empty frame", { 0, 0, 0, 0 }, 4, FRAME_E_LENGTH },
        { "a byte too long", { 1, 0, 0x40, 0 }, 4, FRAME_E_LENGTH },
        { "four gigabytes", { 0xff, 0xff, 0xff, 0xff }, 4, FRAME_E_LENGTH },
};

Test(frame, broken_streams_are_told_apart) {
        for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
                struct frame_reader row_reader;
                int row_pair[2];

                cr_assert_eq(fd_socketpair(row_pair), 0);
                frame_reader_init(&row_reader);
                cr_assert_eq(write(row_pair[0], broken[i].bytes, broken[i].n), (ssize_t)broken[i].n);
                fd_close(row_pair[0]);
                cr_expect_eq(frame_reader_next(&row_reader, row_pair[1]), broken[i].outcome, "%s",
                             broken[i].what);
                /* A failed reader stays failed. */
                cr_expect_eq(frame_reader_next(&row_reader, row_pair[1]), broken[i].outcome, "%s",
                             broken[i].what);
                frame_reader_deinit(&row_reader);
                fd_close(row_pair[1]);
        }
}

Test(frame, a_flood_of_descriptors_leaves_none_open) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC), fds[WIRE_FDS_MAX + 1];
        size_t n = n_open();

        for (size_t i = 0; i < WIRE_FDS_MAX + 1; i++)
                fds[i] = null;
        cr_assert_eq(fd_send_message(pair[0], "\1\0\0\0x", 5, fds, WIRE_FDS_MAX + 1), 0);
        cr_expect_eq(frame_reader_next(&reader, pair[1]), FRAME_E_FDS);
        frame_reader_deinit(&reader);
        cr_expect_eq(n_open(), n);
        frame_reader_init(&reader);
        fd_close(null);
}

/* What nobody wants may be closed by whoever knows how: of a whole frame, of half a one, and of too many. */
Test(frame, the_rest_of_the_descriptors_can_be_taken) {
        static const struct {
                const char *bytes;
                size_t n_bytes, n_fds;
                int outcome;
        } rows[] = {
                { "\1\0\0\0x", 5, 3, FRAME_OK },
                { "\2\0\0\0x", 5, 2, FRAME_E_AGAIN },
                { "\1\0\0\0x", 5, WIRE_FDS_MAX + 1, FRAME_E_FDS },
                { "\1\0\0\0x", 5, 16, FRAME_E_FDS },
                { "\0\0\0\0", 4, 1, FRAME_E_LENGTH },
        };
        int null = open("/dev/null", O_RDWR | O_CLOEXEC), fds[16], rest[WIRE_FDS_MAX + FD_MESSAGE_MAX];
        size_t n;

        for (size_t i = 0; i < 16; i++)
                fds[i] = null;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                int row_pair[2], taken = -1;

                cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, row_pair),
                             0);
                frame_reader_deinit(&reader);
                frame_reader_init(&reader);
                n = n_open();
                cr_assert_eq(
                        fd_send_message(row_pair[0], rows[i].bytes, rows[i].n_bytes, fds, rows[i].n_fds), 0);
                cr_assert_eq(frame_reader_next(&reader, row_pair[1]), rows[i].outcome, "row %zu", i);
                if (rows[i].outcome == FRAME_OK)
                        taken = frame_reader_take_fd(&reader, 1);
                cr_expect_eq(frame_reader_take_rest(&reader, rest), rows[i].n_fds - (taken >= 0), "row %zu",
                             i);
                cr_expect_eq(frame_reader_take_rest(&reader, rest + rows[i].n_fds), 0);
                cr_expect_eq(n_open(), n + rows[i].n_fds, "nothing is closed");
                for (size_t k = 0; k < rows[i].n_fds - (taken >= 0); k++)
                        fd_close(rest[k]);
                fd_close(taken);
                cr_expect_eq(n_open(), n, "row %zu: each is there once", i);
                fd_close(row_pair[0]);
                fd_close(row_pair[1]);
        }
        fd_close(null);
}

/* Some with the length, more with the payload: together too many. */
Test(frame, descriptors_are_counted_over_the_whole_frame) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC), fds[WIRE_FDS_MAX];
        size_t n = n_open();

        for (size_t i = 0; i < WIRE_FDS_MAX; i++)
                fds[i] = null;
        cr_assert_eq(fd_send_message(pair[0], "\2\0\0\0", 4, fds, WIRE_FDS_MAX), 0);
        cr_assert_eq(fd_send_message(pair[0], "xy", 2, fds, 1), 0);
        cr_expect_eq(frame_reader_next(&reader, pair[1]), FRAME_E_FDS);
        frame_reader_deinit(&reader);
        cr_expect_eq(n_open(), n);
        frame_reader_init(&reader);
        fd_close(null);
}

Test(frame, receiver_without_room_closes_all) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        struct buf payload = BUF_INIT(0);
        size_t n = n_open(), n_fds;

        send_text("x", &null, 1);
        cr_expect_eq(frame_recv(pair[1], &payload, NULL, 0, &n_fds), FRAME_E_FDS);
        cr_expect_eq(n_fds, 0);
        cr_expect_eq(n_open(), n);
        buf_deinit(&payload);
        fd_close(null);
}

Test(frame, sending_to_nobody_is_an_end) {
        struct buf payload = BUF_INIT(0);

        buf_puts(&payload, "x");
        pair[1] = fd_close(pair[1]);
        cr_expect_eq(frame_send(pair[0], &payload, NULL, 0), FRAME_E_END);
        cr_expect_eq(frame_send(pair[0], &BUF_INIT(0), NULL, 0), FRAME_E_LENGTH);
        buf_deinit(&payload);
}

Test(frame, queued_frames_equal_sent_ones) {
        struct buf queue = BUF_INIT(0);
        size_t mark;

        mark = frame_begin(&queue);
        buf_puts(&queue, "one");
        cr_assert_eq(frame_end(&queue, mark), 0);
        mark = frame_begin(&queue);
        cr_expect_eq(frame_end(&queue, mark), FRAME_E_LENGTH);
        mark = frame_begin(&queue);
        buf_puts(&queue, "three");
        cr_assert_eq(frame_end(&queue, mark), 0);
        cr_assert_eq(fd_write_all(pair[0], queue.data, queue.n), 0);
        cr_assert_eq(frame_reader_next(&reader, pair[1]), FRAME_OK);
        cr_expect_str_eq(buf_string(&reader.payload), "one");
        cr_assert_eq(frame_reader_next(&reader, pair[1]), FRAME_OK);
        cr_expect_str_eq(buf_string(&reader.payload), "three");
        buf_deinit(&queue);
}
