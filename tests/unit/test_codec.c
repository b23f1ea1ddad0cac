/* SPDX-License-Identifier: Apache-2.0 */

/* Values in and out, and bytes that are no value. msgpack-c's own unpacker is the referee of what we skip.
 */

#include <criterion/criterion.h>
#include <errno.h>
#include <msgpack.h>
#include <string.h>

#include "proto/codec.h"

static const uint64_t numbers[] = { 0,          1,
                                    127,        128,
                                    255,        256,
                                    65535,      65536,
                                    UINT32_MAX, UINT64_C(1) << 32,
                                    INT64_MAX,  UINT64_C(1) << 63,
                                    UINT64_MAX };

Test(codec, unsigned_numbers_come_back) {
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
                struct buf buf = BUF_INIT(0);
                struct codec_writer writer;
                struct codec_reader reader;

                codec_writer_init(&writer, &buf);
                codec_put_uint(&writer, numbers[i]);
                cr_assert_eq(codec_writer_finish(&writer), 0);
                codec_reader_init(&reader, buf.data, buf.n);
                cr_expect_eq(codec_get_uint(&reader, UINT64_MAX), numbers[i]);
                cr_expect_eq(codec_reader_finish(&reader), CODEC_OK);
                codec_reader_init(&reader, buf.data, buf.n);
                if (numbers[i] > 0) {
                        cr_expect_eq(codec_get_uint(&reader, numbers[i] - 1), 0);
                        cr_expect_eq(codec_reader_finish(&reader), CODEC_E_INVALID);
                }
                buf_deinit(&buf);
        }
}

Test(codec, signed_numbers_come_back) {
        static const int64_t values[] = { 0,      -1,        -32,       -33,       -128, -129, -32768,
                                          -32769, INT32_MIN, INT64_MIN, INT64_MAX, 127,  128 };

        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
                struct buf buf = BUF_INIT(0);
                struct codec_writer writer;
                struct codec_reader reader;

                codec_writer_init(&writer, &buf);
                codec_put_int(&writer, values[i]);
                codec_writer_finish(&writer);
                codec_reader_init(&reader, buf.data, buf.n);
                cr_expect_eq(codec_get_int(&reader), values[i]);
                cr_expect_eq(codec_reader_finish(&reader), CODEC_OK);
                buf_deinit(&buf);
        }
}

/* A value that another writer made signed is the same number. */
Test(codec, positive_signed_forms_are_numbers) {
        static const uint8_t bytes[] = { 0xd1, 0x01, 0x00 };
        struct codec_reader reader;

        codec_reader_init(&reader, bytes, sizeof(bytes));
        cr_expect_eq(codec_get_uint(&reader, UINT64_MAX), 256);
        cr_expect_eq(codec_reader_finish(&reader), CODEC_OK);
}

Test(codec, texts_longer_than_the_area_pass_whole) {
        struct buf buf = BUF_INIT(0);
        struct codec_writer writer;
        struct codec_reader reader;
        char text[3 * CODEC_AREA];
        const char *read;
        size_t n;

        for (size_t i = 0; i < sizeof(text); i++)
                text[i] = (char)('a' + i % 26);
        codec_writer_init(&writer, &buf);
        codec_put_array(&writer, 3);
        codec_put_text(&writer, "x", 1);
        codec_put_bytes(&writer, text, sizeof(text));
        codec_put_bool(&writer, true);
        cr_assert_eq(codec_writer_finish(&writer), 0);
        codec_reader_init(&reader, buf.data, buf.n);
        cr_expect_eq(codec_get_array(&reader), 3);
        read = codec_get_bytes(&reader, 1, &n);
        cr_expect(n == 1 && *read == 'x');
        read = codec_get_bytes(&reader, sizeof(text), &n);
        cr_assert_eq(n, sizeof(text));
        cr_expect_arr_eq(read, text, n);
        cr_expect(codec_get_bool(&reader));
        cr_expect_eq(codec_reader_finish(&reader), CODEC_OK);
        buf_deinit(&buf);
}

Test(codec, a_failed_buf_is_reported_once_at_the_end) {
        struct buf buf = BUF_INIT(64);
        struct codec_writer writer;

        codec_writer_init(&writer, &buf);
        for (int i = 0; i < 1000; i++)
                codec_put_uint(&writer, UINT64_MAX);
        cr_expect_eq(codec_writer_finish(&writer), -E2BIG);
        buf_deinit(&buf);
}

Test(codec, every_cut_is_short) {
        struct buf buf = BUF_INIT(0);
        struct codec_writer writer;

        codec_writer_init(&writer, &buf);
        codec_put_array(&writer, 3);
        codec_put_uint(&writer, UINT64_MAX);
        codec_put_bytes(&writer, "hello", 5);
        codec_put_int(&writer, -70000);
        codec_writer_finish(&writer);
        for (size_t n = 0; n < buf.n; n++) {
                struct codec_reader reader;

                codec_reader_init(&reader, buf.data, n);
                codec_skip(&reader);
                cr_expect_eq(codec_reader_finish(&reader), CODEC_E_SHORT, "cut at %zu", n);
        }
        buf_deinit(&buf);
}

struct broken_row {
        const char *what;
        uint8_t bytes[8];
        size_t n;
        int skip, array;
};

static const struct broken_row broken[] = {
        { "never used byte", { 0xc1 }, 1, CODEC_E_INVALID, CODEC_E_INVALID },
        { "array of four billion", { 0xdd, 0xff, 0xff, 0xff, 0xff }, 5, CODEC_E_SHORT, CODEC_E_SHORT },
        { "map of four billion", { 0xdf, 0xff, 0xff, 0xff, 0xff }, 5, CODEC_E_SHORT, CODEC_E_INVALID },
        { "bin of four gigabytes", { 0xc6, 0xff, 0xff, 0xff, 0xff }, 5, CODEC_E_SHORT, CODEC_E_INVALID },
        { "ext of four gigabytes", { 0xc9, 0xff, 0xff, 0xff, 0xff }, 5, CODEC_E_SHORT, CODEC_E_INVALID },
        { "a value too many", { 0x01, 0x02 }, 2, CODEC_E_INVALID, CODEC_E_INVALID },
        { "nothing", { 0 }, 0, CODEC_E_SHORT, CODEC_E_SHORT },
};

Test(codec, broken_bytes_are_told_apart) {
        for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
                struct codec_reader reader;

                codec_reader_init(&reader, broken[i].bytes, broken[i].n);
                codec_skip(&reader);
                cr_expect_eq(codec_reader_finish(&reader), broken[i].skip, "%s", broken[i].what);
                codec_reader_init(&reader, broken[i].bytes, broken[i].n);
                codec_get_array(&reader);
                cr_expect_eq(codec_reader_finish(&reader), broken[i].array, "%s", broken[i].what);
        }
}

Test(codec, nesting_is_limited) {
        uint8_t bytes[64];
        struct codec_reader reader;

        memset(bytes, 0x91, sizeof(bytes));
        bytes[CODEC_DEPTH_MAX - 1] = 0x00;
        codec_reader_init(&reader, bytes, CODEC_DEPTH_MAX);
        codec_skip(&reader);
        cr_expect_eq(codec_reader_finish(&reader), CODEC_OK);
        memset(bytes, 0x91, sizeof(bytes));
        codec_reader_init(&reader, bytes, sizeof(bytes));
        codec_skip(&reader);
        cr_expect_eq(codec_reader_finish(&reader), CODEC_E_INVALID);
}

Test(codec, maps_and_values_come_back) {
        struct buf buf = BUF_INIT(0);
        struct codec_writer writer;
        struct codec_reader reader;
        const void *value;
        size_t n;

        codec_writer_init(&writer, &buf);
        codec_put_map(&writer, 2);
        codec_put_string(&writer, "a");
        codec_put_nil(&writer);
        codec_put_string(&writer, "b");
        codec_put_value(&writer, "\x93\x01\x02\xc3", 4);
        cr_assert_eq(codec_writer_finish(&writer), 0);
        codec_reader_init(&reader, buf.data, buf.n);
        cr_expect_eq(codec_peek(&reader), CODEC_MAP);
        cr_expect_eq(codec_get_map(&reader), 2);
        codec_get_bytes(&reader, 1, &n);
        cr_expect_eq(codec_peek(&reader), CODEC_NIL);
        codec_get_nil(&reader);
        cr_expect_eq(codec_peek(&reader), CODEC_BYTES);
        codec_get_bytes(&reader, 1, &n);
        cr_expect_eq(codec_peek(&reader), CODEC_ARRAY);
        value = codec_get_value(&reader, &n);
        cr_expect(n == 4 && memcmp(value, "\x93\x01\x02\xc3", 4) == 0);
        cr_expect_eq(codec_peek(&reader), CODEC_NOTHING);
        cr_expect_eq(codec_reader_finish(&reader), CODEC_OK);
        /* The end of the bytes is not the end of the map. */
        codec_reader_init(&reader, "\x83\x01\x02\x03\x04\x05", 6);
        cr_expect_eq(codec_get_map(&reader), 0);
        cr_expect_eq(codec_reader_finish(&reader), CODEC_E_SHORT);
        buf_deinit(&buf);
}

/* However the bytes come: one at a time, all at once with more behind them, or never all. */
Test(codec, scanning_finds_the_end_in_pieces) {
        static const char bytes[] = "\x93\x81\xa1k\xc4\x03xyz\xcd\x01\x00\x91\x91\xc0\x07";
        size_t whole = sizeof(bytes) - 2;

        for (size_t step = 1; step < sizeof(bytes); step++) {
                struct codec_scanner scanner = CODEC_SCANNER_INIT;
                size_t n = 0;
                int r;

                while ((r = codec_scan(&scanner, bytes, n, 64)) == CODEC_E_SHORT) {
                        cr_assert_lt(n, whole, "step %zu", step);
                        n = n + step < sizeof(bytes) - 1 ? n + step : sizeof(bytes) - 1;
                }
                cr_assert_eq(r, CODEC_OK, "step %zu", step);
                cr_assert_eq(scanner.at, whole, "step %zu", step);
        }
}

struct scan_row {
        const char *what;
        const char *bytes;
        size_t n, limit;
        int expected;
};

static const struct scan_row scans[] = {
        { "exactly as long as may be",
          "\xa3"
          "abc",
          4, 4, CODEC_OK },
        { "one too long, known from its head", "\xa4", 1, 4, CODEC_E_LONG },
        { "100 MB announced", "\xc6\x05\xf5\xe1\x00", 5, 1048576, CODEC_E_LONG },
        { "four billion elements announced", "\xdd\xff\xff\xff\xff", 5, 1048576, CODEC_E_LONG },
        { "many small values", "\x94\x01\x02\x03\x04", 5, 4, CODEC_E_LONG },
        { "a head that was cut", "\xdd\x00\x00", 3, 1048576, CODEC_E_SHORT },
        { "no value at all", "\xc1", 1, 4, CODEC_E_INVALID },
        { "too deep", "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91", 17, 64,
          CODEC_E_INVALID },
};

Test(codec, scanning_stops_at_limits) {
        for (size_t i = 0; i < sizeof(scans) / sizeof(scans[0]); i++) {
                struct codec_scanner scanner = CODEC_SCANNER_INIT;

                cr_expect_eq(codec_scan(&scanner, scans[i].bytes, scans[i].n, scans[i].limit),
                             scans[i].expected, "%s", scans[i].what);
        }
}

/* Random bytes: we skip exactly what the library takes for one value. It knows no limit of depth, and takes
 * a cut value for "more to come". */
Test(codec, skipping_agrees_with_the_library) {
        uint32_t state = 12345;

        for (int round = 0; round < 20000; round++) {
                uint8_t bytes[48];
                size_t n = 1 + (size_t)round % sizeof(bytes), used = 0;
                struct codec_reader reader;
                msgpack_unpacked unpacked;
                msgpack_unpack_return r;

                for (size_t i = 0; i < n; i++) {
                        state = state * 1664525 + 1013904223;
                        /* Mostly heads of small containers, or everything would be a short integer. */
                        bytes[i] = (uint8_t)(state >> 24);
                        if ((state >> 16 & 3) == 0)
                                bytes[i] = (uint8_t)(0x80 + (state >> 20 & 0x5f));
                        /* 32-bit sizes make the library ask for gigabytes; the rows above cover them. */
                        if (bytes[i] == 0xdd || bytes[i] == 0xdf || bytes[i] == 0xdc || bytes[i] == 0xde)
                                bytes[i] = 0xc0;
                }
                codec_reader_init(&reader, bytes, n);
                codec_skip(&reader);
                msgpack_unpacked_init(&unpacked);
                r = msgpack_unpack_next(&unpacked, (const char *)bytes, n, &used);
                if (reader.error == CODEC_OK) {
                        cr_assert_eq(r, MSGPACK_UNPACK_SUCCESS, "round %d", round);
                        cr_assert_eq(used, (size_t)(reader.at - reader.start), "round %d", round);
                } else if (reader.error == CODEC_E_SHORT) {
                        cr_assert_eq(r, MSGPACK_UNPACK_CONTINUE, "round %d", round);
                }
                msgpack_unpacked_destroy(&unpacked);
        }
}

Test(codec, extensions_have_their_type) {
        static const uint8_t time[8] = { 0, 0, 0, 1, 0, 0, 0, 2 };
        static const uint8_t wanted[] = { 0xd7, 0x00, 0, 0, 0, 1, 0, 0, 0, 2, 0xc7, 3, 0xff, 'a', 'b', 'c' };
        struct buf buf = BUF_INIT(0);
        struct codec_writer writer;

        codec_writer_init(&writer, &buf);
        codec_put_extension(&writer, 0, time, sizeof(time));
        codec_put_extension(&writer, -1, "abc", 3);
        cr_assert_eq(codec_writer_finish(&writer), 0);
        cr_assert_eq(buf.n, sizeof(wanted));
        cr_expect_arr_eq(buf.data, wanted, sizeof(wanted));
        buf_deinit(&buf);
}
