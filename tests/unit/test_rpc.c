/* SPDX-License-Identifier: Apache-2.0 */

/* msgpack-rpc: messages in and out, in pieces, and peers that send something else. */

#include <criterion/criterion.h>
#include <string.h>

#include "proto/rpc.h"

static bool is(struct rpc_value value, const char *text) {
        return value.n == strlen(text) && memcmp(value.bytes, text, value.n) == 0;
}

/* A request, a notification, a response and an error, one after the other. */
static void put_all(struct buf *to) {
        struct codec_writer writer;

        codec_writer_init(&writer, to);
        rpc_put_request(&writer, 7, "session", 1);
        codec_put_uint(&writer, 300);
        rpc_put_notification(&writer, "lost", 2);
        codec_put_uint(&writer, 1);
        codec_put_uint(&writer, 70000);
        rpc_put_response(&writer, UINT32_MAX);
        codec_put_map(&writer, 1);
        codec_put_string(&writer, "pid");
        codec_put_uint(&writer, 4711);
        rpc_put_error(&writer, 9, RPC_ERROR_SESSION, "there is no session \xff");
        cr_assert_eq(codec_writer_finish(&writer), 0);
}

Test(rpc, messages_come_back_whatever_the_pieces) {
        struct buf buf = BUF_INIT(0);

        put_all(&buf);
        for (size_t step = 1; step <= buf.n; step++) {
                struct rpc_stream stream;
                struct rpc_message messages[4], message;
                struct rpc_value sentence;
                size_t n = 0;
                int code, r;

                rpc_stream_init(&stream, RPC_REQUEST_MAX);
                for (size_t at = 0; at < buf.n; at += step) {
                        cr_assert_eq(rpc_stream_put(&stream, buf.data + at,
                                                    at + step < buf.n ? step : buf.n - at),
                                     0);
                        while ((r = rpc_stream_next(&stream, &message)) == RPC_OK) {
                                cr_assert_lt(n, 4);
                                if (n == 0)
                                        cr_expect(is(message.method, "session") &&
                                                  is(message.params, "\x91\xcd\x01\x2c"));
                                if (n == 1)
                                        cr_expect(is(message.method, "lost"));
                                if (n == 2)
                                        cr_expect(is(message.error, "\xc0"));
                                if (n == 3) {
                                        cr_expect(rpc_error_get(&message, &code, &sentence));
                                        cr_expect_eq(code, RPC_ERROR_SESSION);
                                        cr_expect(is(sentence, "there is no session \\xff"));
                                }
                                messages[n++] = message;
                        }
                        cr_assert_eq(r, RPC_E_AGAIN, "step %zu", step);
                }
                cr_assert_eq(n, 4, "step %zu", step);
                cr_expect(messages[0].kind == RPC_REQUEST && messages[0].id == 7);
                cr_expect(messages[1].kind == RPC_NOTIFICATION);
                cr_expect(messages[2].kind == RPC_RESPONSE && messages[2].id == UINT32_MAX);
                cr_expect(messages[3].kind == RPC_RESPONSE && messages[3].id == 9);
                rpc_stream_deinit(&stream);
        }
        buf_deinit(&buf);
}

struct broken_row {
        const char *what, *bytes;
        size_t n;
        int outcome;
};

#define ROW(what, text, outcome)                                                                            \
        { what, text, sizeof(text) - 1, outcome }

static const struct broken_row broken[] = {
        ROW("a number", "\x07", RPC_E_INVALID),
        ROW("HTTP", "GET / HTTP/1.1\r\n", RPC_E_INVALID),
        ROW("a map", "\x80", RPC_E_INVALID),
        ROW("another kind", "\x94\x03\x00\xa1x\x90", RPC_E_INVALID),
        ROW("a request of three", "\x93\x00\x00\xa1x", RPC_E_INVALID),
        ROW("an id below 0", "\x94\x00\xff\xa1x\x90", RPC_E_INVALID),
        ROW("an id too large", "\x94\x00\xcf\x00\x00\x00\x01\x00\x00\x00\x00\xa1x\x90", RPC_E_INVALID),
        ROW("a method that is a number", "\x94\x00\x00\x01\x90", RPC_E_INVALID),
        ROW("params that are a map", "\x94\x00\x00\xa1x\x80", RPC_E_INVALID),
        ROW("a method of 65 bytes",
            "\x94\x00\x00\xd9\x41"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "\x90",
            RPC_E_INVALID),
        ROW("nested too deep",
            "\x94\x00\x00\xa1x\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x90",
            RPC_E_INVALID),
        ROW("100 MB announced", "\x94\x00\x00\xc6\x05\xf5\xe1\x00", RPC_E_LONG),
        ROW("a length that never comes",
            "\x94\x00\x00\xa1x\x91\xc6\x00\x00\xff\x00"
            "aaa",
            RPC_E_AGAIN),
};

Test(rpc, what_is_not_ours_ends_the_stream) {
        for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
                struct rpc_stream stream;
                struct rpc_message message;

                rpc_stream_init(&stream, RPC_REQUEST_MAX);
                cr_assert_eq(rpc_stream_put(&stream, broken[i].bytes, broken[i].n), 0);
                cr_expect_eq(rpc_stream_next(&stream, &message), broken[i].outcome, "%s", broken[i].what);
                if (broken[i].outcome != RPC_E_AGAIN) {
                        rpc_stream_put(&stream, "\x93\x02\xa1x\x90", 5);
                        cr_expect_eq(rpc_stream_next(&stream, &message), broken[i].outcome,
                                     "%s: stays failed", broken[i].what);
                }
                rpc_stream_deinit(&stream);
        }
}

/* A request of almost a megabyte, byte by byte: no byte is looked at twice, or this would take minutes. */
Test(rpc, a_slow_peer_costs_what_it_sends, .timeout = 300) {
        struct rpc_stream stream;
        struct rpc_message message;
        static const char head[] = "\x94\x00\x00\xa1x\xdc\xff\xff";

        rpc_stream_init(&stream, RPC_REQUEST_MAX);
        rpc_stream_put(&stream, head, sizeof(head) - 1);
        for (size_t i = 0; i < 0xffff; i++) {
                cr_assert_eq(rpc_stream_next(&stream, &message), RPC_E_AGAIN);
                rpc_stream_put(&stream, "\x01", 1);
        }
        cr_expect_eq(rpc_stream_next(&stream, &message), RPC_OK);
        cr_expect_eq(message.params.n, 3 + 0xffff);
        rpc_stream_deinit(&stream);
}

Test(rpc, fields_of_a_map) {
        static const char bytes[] = "\x85\xa1"
                                    "a\xc3\xa1"
                                    "b\x2a\xa1"
                                    "c\xa2hi\xa1z\x91\x01\xa1"
                                    "d\xc0";
        struct codec_reader reader;
        bool a = false, has_c = false, has_d = false;
        uint64_t b = 0, d = 5;
        struct rpc_value c = { 0 }, unknown;
        const struct rpc_field fields[] = {
                { "a", RPC_BOOL, &a, NULL },
                { "b", RPC_UINT, &b, NULL },
                { "c", RPC_TEXT, &c, &has_c },
                { "d", RPC_UINT, &d, &has_d },
        };

        codec_reader_init(&reader, bytes, sizeof(bytes) - 1);
        rpc_get_fields(&reader, fields, 4, &unknown);
        cr_expect_eq(codec_reader_finish(&reader), CODEC_OK);
        cr_expect(a && b == 42 && has_c && is(c, "hi"));
        cr_expect(!has_d && d == 5, "nil leaves it as it is");
        cr_expect(is(unknown, "z"));
        codec_reader_init(&reader,
                          "\x81\xa1"
                          "a\x01",
                          4);
        rpc_get_fields(&reader, fields, 4, NULL);
        cr_expect_eq(codec_reader_finish(&reader), CODEC_E_INVALID, "a number is no bool");
}
