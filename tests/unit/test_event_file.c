/* SPDX-License-Identifier: Apache-2.0 */

/* Event files: whole, cut at every byte, broken, of another version, and larger than the window. */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "proto/codec.h"
#include "proto/event_file.h"

static const struct ledger ledger = { .received = 3, .answered = 3, .recorded = 3, .written = 3 };

static struct event nth_event(unsigned i) {
        struct event event = { .count = 1, .nr = i, .first_ns = i };

        snprintf(event.detail, sizeof(event.detail), "event number %u", i);
        return event;
}

static void put_events(struct buf *buf, unsigned n) {
        for (unsigned i = 0; i < n; i++) {
                struct event event = nth_event(i);

                cr_assert_eq(event_file_put_event(buf, &event), 0);
        }
}

static int file_of(const void *bytes, size_t n) {
        int fd = memfd_create("events", MFD_CLOEXEC);

        cr_assert_geq(fd, 0);
        cr_assert_eq(fd_write_all(fd, bytes, n), 0);
        lseek(fd, 0, SEEK_SET);
        return fd;
}

/* Opens the bytes and reads on to the end: how many events, and how it ended. */
static int read_bytes(const void *bytes, size_t n, unsigned *ret_n_events, uint64_t *ret_offset) {
        struct event_file *file;
        struct event event;
        int r = event_file_open(file_of(bytes, n), &file);

        *ret_n_events = 0;
        *ret_offset = 0;
        if (r)
                return r;
        while ((r = event_file_next(file, &event)) == EVENT_FILE_OK) {
                struct event expected = nth_event(*ret_n_events);

                cr_assert_eq(event.nr, expected.nr);
                cr_assert_str_eq(event.detail, expected.detail);
                ++*ret_n_events;
        }
        cr_expect_eq(event_file_next(file, &event), r, "the end must stay the end");
        *ret_offset = event_file_offset(file);
        event_file_close(file);
        return r;
}

Test(event_file, a_whole_file) {
        struct buf buf = BUF_INIT(0);
        struct event_file *file;
        struct event event;

        cr_assert_eq(event_file_put_header(&buf, "nginx -g x", 1234), 0);
        put_events(&buf, 3);
        cr_assert_eq(event_file_put_ledger(&buf, &ledger), 0);
        cr_assert_eq(event_file_open(file_of(buf.data, buf.n), &file), 0);
        cr_expect_str_eq(event_file_label(file), "nginx -g x");
        cr_expect_eq(event_file_start_ns(file), 1234);
        cr_expect_null(event_file_ledger(file));
        for (unsigned i = 0; i < 3; i++) {
                cr_assert_eq(event_file_next(file, &event), EVENT_FILE_OK);
                cr_expect_eq(event.nr, i);
        }
        cr_assert_eq(event_file_next(file, &event), EVENT_FILE_E_END);
        cr_assert_not_null(event_file_ledger(file));
        cr_expect_arr_eq(event_file_ledger(file), &ledger, sizeof(ledger));
        cr_expect_eq(event_file_offset(file), buf.n);
        event_file_close(file);
        buf_deinit(&buf);
}

/* Many windows long; the records lie across their borders in every way. */
Test(event_file, a_long_file) {
        struct buf buf = BUF_INIT(0);
        unsigned n_events;
        uint64_t offset;

        event_file_put_header(&buf, "", 0);
        put_events(&buf, 30000);
        event_file_put_ledger(&buf, &ledger);
        cr_assert_gt(buf.n, 5 * 4 * EVENT_FILE_RECORD_MAX);
        cr_expect_eq(read_bytes(buf.data, buf.n, &n_events, &offset), EVENT_FILE_E_END);
        cr_expect_eq(n_events, 30000);
        cr_expect_eq(read_bytes(buf.data, buf.n - 1, &n_events, &offset), EVENT_FILE_E_TRUNCATED);
        cr_expect_eq(n_events, 30000);
        buf_deinit(&buf);
}

/* A pipe hands over as little as it likes at a time. */
Test(event_file, from_a_pipe, .timeout = 60) {
        struct event_file *file;
        struct buf buf = BUF_INIT(0);
        struct event event;
        int fds[2], r;
        unsigned n = 0;

        event_file_put_header(&buf, "", 0);
        put_events(&buf, 40);
        event_file_put_ledger(&buf, &ledger);
        cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
        if (fork() == 0) {
                for (size_t i = 0; i < buf.n; i += 7)
                        if (write(fds[1], buf.data + i, buf.n - i < 7 ? buf.n - i : 7) < 0)
                                _exit(1);
                _exit(0);
        }
        close(fds[1]);
        cr_assert_eq(event_file_open(fds[0], &file), 0);
        while ((r = event_file_next(file, &event)) == EVENT_FILE_OK)
                n++;
        cr_expect_eq(r, EVENT_FILE_E_END);
        cr_expect_eq(n, 40);
        event_file_close(file);
        buf_deinit(&buf);
}

/* A writer killed at any byte: every complete record is there, and the cut is said. */
Test(event_file, every_cut_delivers_what_is_complete) {
        struct buf buf = BUF_INIT(0);
        size_t ends[5], n_ends = 0;

        event_file_put_header(&buf, "label", 1);
        ends[n_ends++] = buf.n;
        for (unsigned i = 0; i < 3; i++) {
                struct event event = nth_event(i);

                event_file_put_event(&buf, &event);
                ends[n_ends++] = buf.n;
        }
        event_file_put_ledger(&buf, &ledger);
        ends[n_ends++] = buf.n;
        for (size_t n = 0; n < buf.n; n++) {
                unsigned n_events, expected = 0;
                uint64_t offset;

                for (size_t i = 1; i < 4; i++)
                        expected += ends[i] <= n;
                cr_expect_eq(read_bytes(buf.data, n, &n_events, &offset), EVENT_FILE_E_TRUNCATED,
                             "cut at %zu", n);
                cr_expect_eq(n_events, expected, "cut at %zu", n);
                if (n >= ends[0])
                        cr_expect_eq(offset, ends[expected], "cut at %zu", n);
        }
        buf_deinit(&buf);
}

Test(event_file, a_broken_record_is_located) {
        struct buf buf = BUF_INIT(0);
        unsigned n_events;
        uint64_t offset;
        size_t at;

        event_file_put_header(&buf, "", 0);
        put_events(&buf, 2);
        at = buf.n;
        put_events(&buf, 1);
        event_file_put_ledger(&buf, &ledger);
        buf.data[at] = (char)0xc1;
        cr_expect_eq(read_bytes(buf.data, buf.n, &n_events, &offset), EVENT_FILE_E_INVALID);
        cr_expect_eq(n_events, 2);
        cr_expect_eq(offset, at);
        buf_deinit(&buf);
}

Test(event_file, other_things_are_no_event_files) {
        static const char *const texts[] = { "{\"a\": 1}",
                                             "\x7f"
                                             "ELF....................",
                                             "\x92\x01\x92", "hello" };
        unsigned n_events;
        uint64_t offset;

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                cr_expect_eq(read_bytes(texts[i], strlen(texts[i]), &n_events, &offset),
                             EVENT_FILE_E_INVALID, "%s", texts[i]);
}

Test(event_file, bytes_after_the_ledger_are_refused) {
        struct buf buf = BUF_INIT(0);
        unsigned n_events;
        uint64_t offset;

        event_file_put_header(&buf, "", 0);
        event_file_put_ledger(&buf, &ledger);
        put_events(&buf, 1);
        cr_expect_eq(read_bytes(buf.data, buf.n, &n_events, &offset), EVENT_FILE_E_INVALID);
        buf_reset(&buf);
        event_file_put_header(&buf, "", 0);
        event_file_put_header(&buf, "", 0);
        cr_expect_eq(read_bytes(buf.data, buf.n, &n_events, &offset), EVENT_FILE_E_INVALID);
        buf_deinit(&buf);
}

Test(event_file, records_of_a_later_version_are_skipped) {
        struct codec_writer writer;
        struct buf buf = BUF_INIT(0);
        unsigned n_events;
        uint64_t offset;

        event_file_put_header(&buf, "", 0);
        codec_writer_init(&writer, &buf);
        codec_put_array(&writer, 3); /* kind, body, something more */
        codec_put_uint(&writer, 77);
        codec_put_array(&writer, 1);
        codec_put_bool(&writer, true);
        codec_put_uint(&writer, 5);
        codec_writer_finish(&writer);
        put_events(&buf, 1);
        event_file_put_ledger(&buf, &ledger);
        cr_expect_eq(read_bytes(buf.data, buf.n, &n_events, &offset), EVENT_FILE_E_END);
        cr_expect_eq(n_events, 1);
        buf_deinit(&buf);
}

Test(event_file, a_later_version_is_said) {
        struct codec_writer writer;
        struct buf buf = BUF_INIT(0);
        unsigned n_events;
        uint64_t offset;

        codec_writer_init(&writer, &buf);
        codec_put_array(&writer, 2);
        codec_put_uint(&writer, EVENT_FILE_HEADER);
        codec_put_array(&writer, 4);
        codec_put_text(&writer, EVENT_FILE_MAGIC, strlen(EVENT_FILE_MAGIC));
        codec_put_uint(&writer, EVENT_FILE_VERSION + 1);
        codec_put_bool(&writer, true);
        codec_put_bool(&writer, true);
        codec_writer_finish(&writer);
        cr_expect_eq(read_bytes(buf.data, buf.n, &n_events, &offset), EVENT_FILE_E_VERSION);
        buf_deinit(&buf);
}

/* A record announced longer than any of ours is broken, not waited for. */
Test(event_file, huge_records_are_refused) {
        static char zeros[2 * EVENT_FILE_RECORD_MAX];
        struct buf buf = BUF_INIT(0);
        unsigned n_events;
        uint64_t offset;

        event_file_put_header(&buf, "", 0);
        buf_put(&buf, "\x92\x4d\xc6\x00\x01\xff\x00", 7);
        buf_put(&buf, zeros, sizeof(zeros));
        cr_expect_eq(read_bytes(buf.data, buf.n, &n_events, &offset), EVENT_FILE_E_INVALID);
        buf_deinit(&buf);
}

Test(event_file, trouble_of_the_descriptor_comes_up) {
        struct event_file *file;

        cr_expect_eq(event_file_open(open("/", O_RDONLY | O_CLOEXEC), &file), -EISDIR);
        cr_expect_null(file);
}

/* ---- sources ---- */

static void put_source(struct buf *buf, uint64_t number, const char *pod) {
        struct event_source source = { .number = number, .uid = 5, .mode = WIRE_MODE_RECORD };

        cr_assert_eq(labels_set(&source.labels, "pod", pod), 0);
        cr_assert_eq(event_file_put_source(buf, &source), 0);
        event_source_deinit(&source);
}

static void on_source(void *data, const struct event_source *source, const struct ledger *last) {
        struct buf *log = data;
        const char *pod = event_source_label(source, "pod");

        buf_printf(log, "%s%u:%s ", last ? "-" : "+", (unsigned)source->number, pod ? pod : "?");
}

Test(event_file, sources_are_known_until_they_end) {
        struct buf buf = BUF_INIT(0), log = BUF_INIT(0);
        struct event event = { .count = 1, .source = 9 };
        struct event_file *file;

        event_file_put_header(&buf, "", 0);
        put_source(&buf, 9, "nine");
        put_source(&buf, 2, "two");
        event_file_put_event(&buf, &event);
        put_source(&buf, 9, "other");
        event_file_put_event(&buf, &event);
        event_file_put_ended(&buf, 9, &ledger);
        event.source = 2;
        event_file_put_event(&buf, &event);
        event_file_put_ended(&buf, 77, &ledger);
        event_file_put_ledger(&buf, &ledger);
        cr_assert_eq(event_file_open(file_of(buf.data, buf.n), &file), 0);
        event_file_watch(file, on_source, &log);
        cr_assert_eq(event_file_next(file, &event), EVENT_FILE_OK);
        cr_expect_eq(event.source, 9);
        cr_expect_str_eq(event_source_label(event_file_source(file, 9), "pod"), "nine");
        cr_expect_str_eq(event_source_label(event_file_source(file, 2), "pod"), "two");
        cr_expect_null(event_file_source(file, 3));
        cr_assert_eq(event_file_next(file, &event), EVENT_FILE_OK);
        cr_expect_str_eq(event_source_label(event_file_source(file, 9), "pod"), "other");
        cr_assert_eq(event_file_next(file, &event), EVENT_FILE_OK);
        cr_expect_eq(event.source, 2);
        cr_expect_null(event_file_source(file, 9));
        cr_assert_eq(event_file_next(file, &event), EVENT_FILE_E_END);
        cr_expect_str_eq(buf_string(&log), "+9:nine +2:two +9:other -9:other -77:? ");
        cr_expect_eq(event_file_sources_forgotten(file), 0);
        event_file_close(file);
        buf_deinit(&buf);
        buf_deinit(&log);
}

/* A hostile file names as many as it likes. */
Test(event_file, sources_are_remembered_up_to_a_bound) {
        struct buf buf = BUF_INIT(0);
        struct event_file *file;
        struct event event;

        event_file_put_header(&buf, "", 0);
        for (unsigned i = EVENT_FILE_SOURCES_MAX + 10; i > 0; i--)
                put_source(&buf, i, "p");
        event_file_put_ledger(&buf, &ledger);
        cr_assert_eq(event_file_open(file_of(buf.data, buf.n), &file), 0);
        cr_assert_eq(event_file_next(file, &event), EVENT_FILE_E_END);
        cr_expect_eq(event_file_sources_forgotten(file), 10);
        cr_expect_null(event_file_source(file, 1));
        cr_expect_not_null(event_file_source(file, 11));
        event_file_close(file);
        buf_deinit(&buf);
}

Test(event_file, records_in_memory) {
        struct buf buf = BUF_INIT(0);
        struct event event;
        size_t at = 0;

        put_events(&buf, 2);
        cr_expect_eq(event_file_take(buf.data, buf.n, &at, &event), 0);
        cr_expect_eq(event.nr, 0);
        cr_expect_eq(event_file_take(buf.data, buf.n - 1, &(size_t){ at }, &event), EVENT_FILE_E_INVALID);
        cr_expect_eq(event_file_take(buf.data, buf.n, &at, &event), 0);
        cr_expect_eq(event.nr, 1);
        cr_expect_eq(event_file_take(buf.data, buf.n, &at, &event), EVENT_FILE_E_END);
        buf_deinit(&buf);
}

Test(event_file, a_claim_ends_with_the_writer) {
        char path[] = "/tmp/callgate-event-file.XXXXXX";
        int fd = mkstemp(path), reader = open(path, O_RDONLY | O_CLOEXEC), copy, pipes[2];

        cr_assert(fd >= 0 && reader >= 0 && pipe(pipes) == 0);
        cr_expect_not(event_file_is_claimed(reader));
        cr_assert_eq(event_file_claim(fd), 0);
        cr_expect(event_file_is_claimed(reader));
        cr_expect_not(event_file_is_claimed(fd), "one's own is none");
        cr_expect_lt(event_file_claim(reader), 0, "a claim is for writers");
        copy = dup(fd);
        close(fd);
        cr_expect(event_file_is_claimed(reader));
        close(copy);
        cr_expect_not(event_file_is_claimed(reader));
        cr_expect_not(event_file_is_claimed(pipes[0]));
        close(reader);
        unlink(path);
}
