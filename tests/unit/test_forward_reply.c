/* SPDX-License-Identifier: Apache-2.0 */

/* What receivers say, in pieces of every size, and what they may not say. */

#include <criterion/criterion.h>
#include <string.h>

#include "supervisor/service/forward_key.h"
#include "supervisor/service/forward_reply.h"

#define ACK                                                                                                 \
        "\x81\xa3"                                                                                          \
        "ack\xb8"                                                                                           \
        "AAECAwQFBgcICQoLDA0ODw=="

static int read_one(const char *bytes, size_t n, size_t piece, struct forward_replies *replies,
                    struct forward_reply *ret) {
        int r = FORWARD_REPLY_E_MORE;

        forward_replies_init(replies);
        for (size_t at = 0; at < n && r == FORWARD_REPLY_E_MORE; at += piece) {
                cr_assert_eq(forward_replies_feed(replies, bytes + at, n - at < piece ? n - at : piece), 0);
                r = forward_replies_next(replies, ret);
        }
        return r;
}

Test(forward_reply, receipts_in_pieces) {
        for (size_t piece = 1; piece < sizeof(ACK); piece++) {
                struct forward_replies replies;
                struct forward_reply reply;

                cr_assert_eq(read_one(ACK, sizeof(ACK) - 1, piece, &replies, &reply), 0, "pieces of %zu",
                             piece);
                cr_expect_eq(reply.kind, FORWARD_REPLY_ACK);
                cr_expect_eq(reply.id.n, 24);
                cr_expect_arr_eq(reply.id.bytes, "AAECAwQFBgcICQoLDA0ODw==", 24);
                cr_expect_eq(forward_replies_next(&replies, &reply), FORWARD_REPLY_E_MORE);
                forward_replies_deinit(&replies);
        }
}

Test(forward_reply, many_at_once) {
        struct forward_replies replies;
        struct forward_reply reply;

        forward_replies_init(&replies);
        cr_assert_eq(forward_replies_feed(&replies, ACK ACK ACK "\x81", 3 * (sizeof(ACK) - 1) + 1), 0);
        for (int i = 0; i < 3; i++)
                cr_expect_eq(forward_replies_next(&replies, &reply), 0);
        cr_expect_eq(forward_replies_next(&replies, &reply), FORWARD_REPLY_E_MORE);
        cr_assert_eq(forward_replies_feed(&replies, ACK + 1, sizeof(ACK) - 2), 0);
        cr_expect_eq(forward_replies_next(&replies, &reply), 0);
        forward_replies_deinit(&replies);
}

#define ROW(text) text, sizeof(text) - 1

static const struct {
        const char *bytes;
        size_t n;
        int result;
        enum forward_reply_kind kind;
} rows[] = {
        { ROW("\x92\xa4HELO\x81\xa5nonce\xc4\x02\x01\x02"), 0, FORWARD_REPLY_HELO },
        { ROW("\x92\xa4HELO\x80"), 0, FORWARD_REPLY_HELO },
        { ROW("\x95\xa4PONG\xc3\xa0\xa1s\xa1"
              "d"),
          0, FORWARD_REPLY_PONG },
        { ROW("\x96\xa4PONG\xc2\xa3why\xa1s\xa1"
              "d\xc0"),
          0, FORWARD_REPLY_PONG },
        { ROW("\x82\xa1x\x91\x80\xa3"
              "ack\xa1i"),
          0, FORWARD_REPLY_ACK },
        { ROW("\x80"), FORWARD_REPLY_E_INVALID, 0 },
        { ROW("\x81\xa3"
              "ack\x01"),
          FORWARD_REPLY_E_INVALID, 0 },
        { ROW("\x81\x01\x02"), FORWARD_REPLY_E_INVALID, 0 },
        { ROW("\x91\xa4HELO"), FORWARD_REPLY_E_INVALID, 0 },
        { ROW("\x92\xa4"
              "EHLO\x80"),
          FORWARD_REPLY_E_INVALID, 0 },
        { ROW("\x94\xa4PONG\xc3\xa0\xa0"), FORWARD_REPLY_E_INVALID, 0 },
        { ROW("\x95\xa4PONG\x01\xa0\xa0\xa0"), FORWARD_REPLY_E_INVALID, 0 },
        { ROW("HTTP/1.1 400 Bad Request"), FORWARD_REPLY_E_INVALID, 0 },
        { ROW("\xc1"), FORWARD_REPLY_E_INVALID, 0 },
        { ROW("\xdb\x7f\xff\xff\xff"), FORWARD_REPLY_E_INVALID, 0 },
        { ROW("\xdd\xff\xff\xff\xff"), FORWARD_REPLY_E_INVALID, 0 },
        { ROW("\x81\xa3"
              "ack\xda\x0f\xf0"),
          FORWARD_REPLY_E_MORE, 0 },
        { ROW("\x81\xa3"
              "ack\xda\x20\x00"),
          FORWARD_REPLY_E_INVALID, 0 },
};

Test(forward_reply, messages) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct forward_replies replies;
                struct forward_reply reply;
                int r = read_one(rows[i].bytes, rows[i].n, rows[i].n, &replies, &reply);

                cr_expect_eq(r, rows[i].result, "row %zu gave %d", i, r);
                if (r == 0)
                        cr_expect_eq(reply.kind, rows[i].kind, "row %zu", i);
                forward_replies_deinit(&replies);
        }
}

Test(forward_reply, the_proof_of_a_key) {
        /* printf 'saltsaltsaltsaltmenoncekey' | sha512sum */
        const struct forward_greeting greeting = {
                .salt = "saltsaltsaltsalt", .nonce = "nonce", .n_nonce = 5, .key = "key"
        };
        char digest[FORWARD_DIGEST_SIZE];

        forward_key_digest(&greeting, "me", 2, digest);
        cr_expect_str_eq(digest, "4b1e3dba89b23dbf939f2bd86f2c6986d98911f06e089f0def902911cd460a9f"
                                 "5ef74a0417e5db28375841584df5d6f9537725b8509eee1a2cffabc612cc51e4");
}
