/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * msgpack in and out, bounded. The writer appends to a struct buf; the reader walks bytes in place and
 * allocates nothing. Both are sticky: after the first failure every further call does nothing (a read gives
 * 0 or ""), so that users check once, at the end.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

#define CODEC_AREA      512
#define CODEC_DEPTH_MAX 16 /* of what codec_skip() walks through */

enum codec_outcome {
        CODEC_OK,
        CODEC_E_INVALID, /* wrong type, out of range, too deep, or bytes left over */
        CODEC_E_SHORT,   /* the bytes ended inside a value */
};

/* Small values are gathered in area and go to the buf in one piece. */
struct codec_writer {
        struct buf *buf;
        size_t n;
        char area[CODEC_AREA];
};

void codec_writer_init(struct codec_writer *writer, struct buf *to);
void codec_put_array(struct codec_writer *writer, size_t n_elements);
void codec_put_uint(struct codec_writer *writer, uint64_t value);
void codec_put_int(struct codec_writer *writer, int64_t value);
void codec_put_bool(struct codec_writer *writer, bool value);
void codec_put_text(struct codec_writer *writer, const char *text, size_t n);   /* str: must be UTF-8 */
void codec_put_bytes(struct codec_writer *writer, const void *bytes, size_t n); /* bin */
/* Hands everything to the buf; its error (0, -ENOMEM, -E2BIG). */
int codec_writer_finish(struct codec_writer *writer);

struct codec_reader {
        const uint8_t *start, *at, *end;
        int error; /* enum codec_outcome */
};

void codec_reader_init(struct codec_reader *reader, const void *bytes, size_t n);
size_t codec_get_array(struct codec_reader *reader); /* never more elements than bytes are left */
uint64_t codec_get_uint(struct codec_reader *reader, uint64_t max);
int64_t codec_get_int(struct codec_reader *reader);
bool codec_get_bool(struct codec_reader *reader);
/* str or bin of at most max bytes; a pointer into the bytes, not NUL-terminated. Never NULL. */
const char *codec_get_bytes(struct codec_reader *reader, size_t max, size_t *ret_n);
void codec_skip(struct codec_reader *reader); /* one value of any type */
void codec_fail(struct codec_reader *reader); /* what was read makes no sense to the caller */
/* Everything well and nothing left? */
int codec_reader_finish(struct codec_reader *reader);
