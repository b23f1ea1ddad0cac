/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a receiver of the Forward protocol says: receipts of chunks, and its part of the greeting. Its bytes
 * come in pieces, from a stranger. */

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "proto/codec.h"

#define FORWARD_REPLY_MAX 4096 /* bytes of one message; a receipt has about 40 */
#define FORWARD_TEXT_MAX  512  /* of a nonce, an id, a name */

enum {
        FORWARD_REPLY_E_MORE = 1,    /* nothing whole is there */
        FORWARD_REPLY_E_INVALID = 2, /* not a message of the protocol, or too long */
};

enum forward_reply_kind {
        FORWARD_REPLY_ACK,
        FORWARD_REPLY_HELO,
        FORWARD_REPLY_PONG,
};

struct forward_text {
        const char *bytes; /* borrowed; not NUL-terminated */
        size_t n;
};

struct forward_reply {
        enum forward_reply_kind kind;
        struct forward_text id;                       /* ACK */
        struct forward_text nonce;                    /* HELO */
        bool wants_user;                              /* HELO: a user's name and password are asked for */
        bool accepted;                                /* PONG */
        struct forward_text reason, hostname, digest; /* PONG */
};

struct forward_replies {
        struct buf bytes;
        size_t at; /* of the next message */
        struct codec_scanner scanner;
};

void forward_replies_init(struct forward_replies *replies);
void forward_replies_deinit(struct forward_replies *replies);
/* 0 or -ENOMEM, -E2BIG. What forward_replies_next() gave before is no longer valid. */
int forward_replies_feed(struct forward_replies *replies, const void *bytes, size_t n);
/* 0, or FORWARD_REPLY_E_*: after INVALID nothing more can be read. */
int forward_replies_next(struct forward_replies *replies, struct forward_reply *ret);
