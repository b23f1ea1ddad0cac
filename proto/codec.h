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
        CODEC_E_LONG,    /* codec_scan(): the value is longer than the limit */
};

enum codec_type {
        CODEC_NUMBER, /* integers of either sign */
        CODEC_BOOL,
        CODEC_NIL,
        CODEC_FLOAT,
        CODEC_BYTES, /* str or bin */
        CODEC_EXTENSION,
        CODEC_ARRAY,
        CODEC_MAP,
        CODEC_NOTHING, /* the end, or no value */
};

/* Small values are gathered in area and go to the buf in one piece. */
struct codec_writer {
        struct buf *buf;
        size_t n;
        char area[CODEC_AREA];
};

void codec_writer_init(struct codec_writer *writer, struct buf *to);
void codec_put_array(struct codec_writer *writer, size_t n_elements);
void codec_put_map(struct codec_writer *writer, size_t n_pairs); /* a key and a value each follow */
void codec_put_nil(struct codec_writer *writer);
void codec_put_uint(struct codec_writer *writer, uint64_t value);
void codec_put_int(struct codec_writer *writer, int64_t value);
void codec_put_bool(struct codec_writer *writer, bool value);
void codec_put_text(struct codec_writer *writer, const char *text, size_t n);   /* str: must be UTF-8 */
void codec_put_bytes(struct codec_writer *writer, const void *bytes, size_t n); /* bin */
void codec_put_string(struct codec_writer *writer, const char *text);           /* as codec_put_text() */
/* str out of bytes of strangers: \xNN stands for each byte that is not UTF-8. */
void codec_put_stranger(struct codec_writer *writer, const char *bytes, size_t n);
void codec_put_value(struct codec_writer *writer, const void *bytes, size_t n); /* msgpack already */
/* The head of a bin whose n bytes the caller puts behind it himself. */
void codec_put_bytes_head(struct codec_writer *writer, size_t n);
void codec_put_extension(struct codec_writer *writer, int8_t type, const void *bytes, size_t n);
/* Hands everything to the buf; its error (0, -ENOMEM, -E2BIG). */
int codec_writer_finish(struct codec_writer *writer);

struct codec_reader {
        const uint8_t *start, *at, *end;
        int error; /* enum codec_outcome */
};

void codec_reader_init(struct codec_reader *reader, const void *bytes, size_t n);
size_t codec_get_array(struct codec_reader *reader); /* never more elements than bytes are left */
size_t codec_get_map(struct codec_reader *reader);   /* pairs; never more than bytes for them are left */
void codec_get_nil(struct codec_reader *reader);
uint64_t codec_get_uint(struct codec_reader *reader, uint64_t max);
int64_t codec_get_int(struct codec_reader *reader);
bool codec_get_bool(struct codec_reader *reader);
/* str or bin of at most max bytes; a pointer into the bytes, not NUL-terminated. Never NULL. */
const char *codec_get_bytes(struct codec_reader *reader, size_t max, size_t *ret_n);
void codec_skip(struct codec_reader *reader); /* one value of any type */
/* One value of any type, as the bytes it is made of. */
const void *codec_get_value(struct codec_reader *reader, size_t *ret_n);
/* The type of what comes next; reads nothing. */
enum codec_type codec_peek(const struct codec_reader *reader);
void codec_fail(struct codec_reader *reader); /* what was read makes no sense to the caller */
/* Everything well and nothing left? */
int codec_reader_finish(struct codec_reader *reader);

/* Finds the end of a value whose bytes come in pieces. Every byte is looked at once, however small they are.
 */
struct codec_scanner {
        uint64_t pending[CODEC_DEPTH_MAX]; /* values still to come, by depth */
        size_t depth;
        size_t at; /* so far */
};

#define CODEC_SCANNER_INIT ((struct codec_scanner){ .pending = { 1 } })

/*
 * bytes: from the first one of the value on, n of them have arrived. 0: it is whole and has scanner->at
 * bytes; CODEC_E_SHORT: come again with more; CODEC_E_LONG as soon as it is certain, CODEC_E_INVALID.
 */
int codec_scan(struct codec_scanner *scanner, const void *bytes, size_t n, size_t limit);
