/* SPDX-License-Identifier: Apache-2.0 */

/* What must stay true: a receiver makes us keep at most one message of FORWARD_REPLY_MAX bytes beyond what
 * it sent in one piece. Keys and elements that we do not know are skipped, since later versions add some. */

#include "supervisor/service/forward_reply.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"

void forward_replies_init(struct forward_replies *replies) {
        *replies = (struct forward_replies){ .bytes = BUF_INIT(1u << 20), .scanner = CODEC_SCANNER_INIT };
}

void forward_replies_deinit(struct forward_replies *replies) {
        buf_deinit(&replies->bytes);
}

int forward_replies_feed(struct forward_replies *replies, const void *bytes, size_t n) {
        struct buf *buf = &replies->bytes;

        if (replies->at > 0) {
                memmove(buf->data, buf->data + replies->at, buf->n - replies->at);
                buf->n -= replies->at;
                replies->at = 0;
        }
        buf_put(buf, bytes, n);
        return error_trace(buf_error(buf));
}

static struct forward_text get_text(struct codec_reader *reader) {
        struct forward_text text;

        text.bytes = codec_get_bytes(reader, FORWARD_TEXT_MAX, &text.n);
        return text;
}

static bool is(const struct forward_text *text, const char *word) {
        return text->n == strlen(word) && memcmp(text->bytes, word, text->n) == 0;
}

/* {"ack": id} */
static void get_ack(struct codec_reader *reader, struct forward_reply *ret) {
        size_t n = codec_get_map(reader);
        bool found = false;

        ret->kind = FORWARD_REPLY_ACK;
        for (size_t i = 0; i < n && !reader->error; i++) {
                struct forward_text key = get_text(reader);

                if (is(&key, "ack")) {
                        ret->id = get_text(reader);
                        found = true;
                } else
                        codec_skip(reader);
        }
        if (!found)
                codec_fail(reader);
}

/* ["HELO", {"nonce": …, "auth": …, "keepalive": …}] */
static void get_helo(struct codec_reader *reader, struct forward_reply *ret) {
        size_t n = codec_get_map(reader);

        ret->kind = FORWARD_REPLY_HELO;
        for (size_t i = 0; i < n && !reader->error; i++) {
                struct forward_text key = get_text(reader);

                if (is(&key, "nonce"))
                        ret->nonce = get_text(reader);
                else if (is(&key, "auth"))
                        ret->wants_user = get_text(reader).n > 0;
                else
                        codec_skip(reader);
        }
}

/* ["PONG", accepted, reason, hostname, digest] */
static void get_pong(struct codec_reader *reader, struct forward_reply *ret) {
        ret->kind = FORWARD_REPLY_PONG;
        ret->accepted = codec_get_bool(reader);
        ret->reason = get_text(reader);
        ret->hostname = get_text(reader);
        ret->digest = get_text(reader);
}

static void get_greeting(struct codec_reader *reader, struct forward_reply *ret) {
        size_t n = codec_get_array(reader), known = 0;
        struct forward_text word = get_text(reader);

        if (is(&word, "HELO") && n >= 2) {
                get_helo(reader, ret);
                known = 2;
        } else if (is(&word, "PONG") && n >= 5) {
                get_pong(reader, ret);
                known = 5;
        } else
                codec_fail(reader);
        for (size_t i = known; i < n && !reader->error; i++)
                codec_skip(reader);
}

int forward_replies_next(struct forward_replies *replies, struct forward_reply *ret) {
        const char *bytes = replies->bytes.data ? replies->bytes.data + replies->at : "";
        size_t n = replies->bytes.n - replies->at;
        struct codec_reader reader;
        int r;

        if (n == 0)
                return FORWARD_REPLY_E_MORE;
        r = codec_scan(&replies->scanner, bytes, n, FORWARD_REPLY_MAX);
        if (r == CODEC_E_SHORT)
                return FORWARD_REPLY_E_MORE;
        if (r != CODEC_OK)
                return FORWARD_REPLY_E_INVALID;
        *ret = (struct forward_reply){ 0 };
        codec_reader_init(&reader, bytes, replies->scanner.at);
        if (codec_peek(&reader) == CODEC_MAP)
                get_ack(&reader, ret);
        else
                get_greeting(&reader, ret);
        if (codec_reader_finish(&reader) != CODEC_OK)
                return FORWARD_REPLY_E_INVALID;
        replies->at += replies->scanner.at;
        replies->scanner = CODEC_SCANNER_INIT;
        return 0;
}
