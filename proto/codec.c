/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The one file that knows msgpack. Writing goes through msgpack-c's packer, whose callback is inlined here,
 * so a number costs a few nanoseconds. Reading does not use its unpacker: that builds a tree on the heap
 * whose size the sender chooses (an array announced with four billion elements is allocated before the first
 * of them arrives), while our readers know what they expect and walk the bytes in place.
 *
 * What must stay true: a reader never moves past its end, never allocates, and its work is at most linear in
 * the bytes it was given.
 */

#include "proto/codec.h"

#include <msgpack.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* ---- writer ---- */

static void flush(struct codec_writer *writer) {
        buf_put(writer->buf, writer->area, writer->n);
        writer->n = 0;
}

static inline int append(void *data, const char *bytes, size_t n) {
        struct codec_writer *writer = data;

        if (n == 0)
                return 0; /* bytes may be NULL then */
        if (n > sizeof(writer->area) - writer->n) {
                flush(writer);
                if (n > sizeof(writer->area)) {
                        buf_put(writer->buf, bytes, n);
                        return 0;
                }
        }
        memcpy(writer->area + writer->n, bytes, n);
        writer->n += n;
        return 0;
}

#define PACKER(writer) (&(msgpack_packer){ .data = (writer), .callback = append })

void codec_writer_init(struct codec_writer *writer, struct buf *to) {
        writer->buf = to;
        writer->n = 0;
}

void codec_put_array(struct codec_writer *writer, size_t n_elements) {
        msgpack_pack_array(PACKER(writer), n_elements);
}

void codec_put_map(struct codec_writer *writer, size_t n_pairs) {
        msgpack_pack_map(PACKER(writer), n_pairs);
}

void codec_put_nil(struct codec_writer *writer) {
        msgpack_pack_nil(PACKER(writer));
}

void codec_put_uint(struct codec_writer *writer, uint64_t value) {
        msgpack_pack_uint64(PACKER(writer), value);
}

void codec_put_int(struct codec_writer *writer, int64_t value) {
        msgpack_pack_int64(PACKER(writer), value);
}

void codec_put_bool(struct codec_writer *writer, bool value) {
        if (value)
                msgpack_pack_true(PACKER(writer));
        else
                msgpack_pack_false(PACKER(writer));
}

void codec_put_text(struct codec_writer *writer, const char *text, size_t n) {
        msgpack_pack_str(PACKER(writer), n);
        append(writer, text, n);
}

void codec_put_bytes(struct codec_writer *writer, const void *bytes, size_t n) {
        msgpack_pack_bin(PACKER(writer), n);
        append(writer, bytes, n);
}

void codec_put_string(struct codec_writer *writer, const char *text) {
        codec_put_text(writer, text, strlen(text));
}

void codec_put_stranger(struct codec_writer *writer, const char *bytes, size_t n) {
        size_t n_wrong = 0;

        for (size_t i = 0, length; i < n; i += length ?: 1) {
                length = utf8_length(bytes + i, n - i);
                n_wrong += length == 0;
        }
        msgpack_pack_str(PACKER(writer), n + 3 * n_wrong);
        for (size_t i = 0, length; i < n; i += length ?: 1) {
                char wrong[5];

                length = utf8_length(bytes + i, n - i);
                snprintf(wrong, sizeof(wrong), "\\x%02x", (unsigned char)bytes[i]);
                append(writer, length ? bytes + i : wrong, length ?: 4);
        }
}

void codec_put_value(struct codec_writer *writer, const void *bytes, size_t n) {
        append(writer, bytes, n);
}

void codec_put_bytes_head(struct codec_writer *writer, size_t n) {
        msgpack_pack_bin(PACKER(writer), n);
}

void codec_put_extension(struct codec_writer *writer, int8_t type, const void *bytes, size_t n) {
        msgpack_pack_ext(PACKER(writer), n, type);
        append(writer, bytes, n);
}

int codec_writer_finish(struct codec_writer *writer) {
        flush(writer);
        return buf_error(writer->buf);
}

/* ---- reader ---- */

enum type {
        TYPE_UINT,
        TYPE_INT, /* negative only: what fits is TYPE_UINT */
        TYPE_BOOL,
        TYPE_NIL,
        TYPE_FLOAT,
        TYPE_BYTES, /* str, bin or ext: value is the number of bytes that follow */
        TYPE_ARRAY, /* value is the number of elements */
        TYPE_MAP,   /* value is the number of pairs */
};

struct token {
        enum type type;
        uint64_t value;
        bool extension; /* TYPE_BYTES with a type byte before the bytes */
};

void codec_reader_init(struct codec_reader *reader, const void *bytes, size_t n) {
        reader->start = reader->at = bytes;
        reader->end = reader->start + n;
        reader->error = CODEC_OK;
}

void codec_fail(struct codec_reader *reader) {
        if (reader->error == CODEC_OK)
                reader->error = CODEC_E_INVALID;
}

static size_t left(const struct codec_reader *reader) {
        return (size_t)(reader->end - reader->at);
}

/* Big-endian number of n bytes; moves on. */
static uint64_t number(struct codec_reader *reader, size_t n) {
        uint64_t value = 0;

        if (left(reader) < n) {
                reader->error = CODEC_E_SHORT;
                return 0;
        }
        for (size_t i = 0; i < n; i++)
                value = value << 8 | reader->at[i];
        reader->at += n;
        return value;
}

static uint64_t sign_extend(uint64_t value, size_t n_bytes) {
        uint64_t sign = UINT64_C(1) << (n_bytes * 8 - 1);

        return (value ^ sign) - sign;
}

/* Reads the head of a value: everything but the bytes or elements that follow it. */
static bool token_get(struct codec_reader *reader, struct token *ret) {
        uint8_t head;

        *ret = (struct token){ .type = TYPE_NIL };
        if (reader->error)
                return false;
        head = (uint8_t)number(reader, 1);
        if (reader->error)
                return false;

        if (head <= 0x7f) {
                *ret = (struct token){ .type = TYPE_UINT, .value = head };
        } else if (head >= 0xe0) {
                *ret = (struct token){ .type = TYPE_INT, .value = sign_extend(head, 1) };
        } else if (head <= 0x8f) {
                *ret = (struct token){ .type = TYPE_MAP, .value = head & 0x0f };
        } else if (head <= 0x9f) {
                *ret = (struct token){ .type = TYPE_ARRAY, .value = head & 0x0f };
        } else if (head <= 0xbf) {
                *ret = (struct token){ .type = TYPE_BYTES, .value = head & 0x1f };
        } else {
                switch (head) {
                case 0xc0:
                        break;
                case 0xc2:
                case 0xc3:
                        *ret = (struct token){ .type = TYPE_BOOL, .value = head & 1 };
                        break;
                case 0xc4: /* bin 8, 16, 32 */
                case 0xc5:
                case 0xc6:
                        *ret = (struct token){ .type = TYPE_BYTES,
                                               .value = number(reader, 1u << (head - 0xc4)) };
                        break;
                case 0xc7: /* ext 8, 16, 32 */
                case 0xc8:
                case 0xc9:
                        *ret = (struct token){ .type = TYPE_BYTES,
                                               .value = number(reader, 1u << (head - 0xc7)) + 1,
                                               .extension = true };
                        break;
                case 0xca:
                case 0xcb:
                        *ret = (struct token){ .type = TYPE_FLOAT,
                                               .value = number(reader, 4u << (head - 0xca)) };
                        break;
                case 0xcc: /* uint 8, 16, 32, 64 */
                case 0xcd:
                case 0xce:
                case 0xcf:
                        *ret = (struct token){ .type = TYPE_UINT,
                                               .value = number(reader, 1u << (head - 0xcc)) };
                        break;
                case 0xd0: /* int 8, 16, 32, 64 */
                case 0xd1:
                case 0xd2:
                case 0xd3: {
                        size_t n = 1u << (head - 0xd0);
                        uint64_t value = sign_extend(number(reader, n), n);

                        *ret = (struct token){ .type = (int64_t)value < 0 ? TYPE_INT : TYPE_UINT,
                                               .value = value };
                        break;
                }
                case 0xd4: /* fixext 1, 2, 4, 8, 16 */
                case 0xd5:
                case 0xd6:
                case 0xd7:
                case 0xd8:
                        *ret = (struct token){ .type = TYPE_BYTES,
                                               .value = (1u << (head - 0xd4)) + 1,
                                               .extension = true };
                        break;
                case 0xd9: /* str 8, 16, 32 */
                case 0xda:
                case 0xdb:
                        *ret = (struct token){ .type = TYPE_BYTES,
                                               .value = number(reader, 1u << (head - 0xd9)) };
                        break;
                case 0xdc:
                case 0xdd:
                        *ret = (struct token){ .type = TYPE_ARRAY,
                                               .value = number(reader, 2u << (head - 0xdc)) };
                        break;
                case 0xde:
                case 0xdf:
                        *ret = (struct token){ .type = TYPE_MAP,
                                               .value = number(reader, 2u << (head - 0xde)) };
                        break;
                default: /* 0xc1 */
                        codec_fail(reader);
                }
        }
        return reader->error == CODEC_OK;
}

static bool expect(struct codec_reader *reader, enum type type, struct token *ret) {
        if (!token_get(reader, ret))
                return false;
        if (ret->type != type)
                codec_fail(reader);
        return reader->error == CODEC_OK;
}

size_t codec_get_array(struct codec_reader *reader) {
        struct token token;

        if (!expect(reader, TYPE_ARRAY, &token))
                return 0;
        /* Every element takes at least one byte. */
        if (token.value > left(reader)) {
                reader->error = CODEC_E_SHORT;
                return 0;
        }
        return token.value;
}

size_t codec_get_map(struct codec_reader *reader) {
        struct token token;

        if (!expect(reader, TYPE_MAP, &token))
                return 0;
        if (token.value > left(reader) / 2) {
                reader->error = CODEC_E_SHORT;
                return 0;
        }
        return token.value;
}

void codec_get_nil(struct codec_reader *reader) {
        struct token token;

        expect(reader, TYPE_NIL, &token);
}

uint64_t codec_get_uint(struct codec_reader *reader, uint64_t max) {
        struct token token;

        if (!expect(reader, TYPE_UINT, &token))
                return 0;
        if (token.value > max) {
                codec_fail(reader);
                return 0;
        }
        return token.value;
}

int64_t codec_get_int(struct codec_reader *reader) {
        struct token token;

        if (!token_get(reader, &token))
                return 0;
        if (token.type != TYPE_INT && (token.type != TYPE_UINT || token.value > INT64_MAX)) {
                codec_fail(reader);
                return 0;
        }
        return (int64_t)token.value;
}

bool codec_get_bool(struct codec_reader *reader) {
        struct token token;

        return expect(reader, TYPE_BOOL, &token) && token.value;
}

const char *codec_get_bytes(struct codec_reader *reader, size_t max, size_t *ret_n) {
        struct token token;
        const char *bytes;

        *ret_n = 0;
        if (!expect(reader, TYPE_BYTES, &token))
                return "";
        if (token.extension || token.value > max) {
                codec_fail(reader);
                return "";
        }
        if (token.value > left(reader)) {
                reader->error = CODEC_E_SHORT;
                return "";
        }
        bytes = (const char *)reader->at;
        reader->at += token.value;
        *ret_n = token.value;
        return bytes;
}

enum codec_type codec_peek(const struct codec_reader *reader) {
        static const enum codec_type types[] = {
                [TYPE_UINT] = CODEC_NUMBER, [TYPE_INT] = CODEC_NUMBER,  [TYPE_BOOL] = CODEC_BOOL,
                [TYPE_NIL] = CODEC_NIL,     [TYPE_FLOAT] = CODEC_FLOAT, [TYPE_BYTES] = CODEC_BYTES,
                [TYPE_ARRAY] = CODEC_ARRAY, [TYPE_MAP] = CODEC_MAP,
        };
        struct codec_reader ahead = *reader;
        struct token token;

        if (!token_get(&ahead, &token))
                return CODEC_NOTHING;
        return token.extension ? CODEC_EXTENSION : types[token.type];
}

int codec_scan(struct codec_scanner *scanner, const void *bytes, size_t n, size_t limit) {
        while (scanner->at <= n) {
                struct codec_reader reader;
                struct token token;

                while (scanner->pending[scanner->depth] == 0) {
                        if (scanner->depth == 0)
                                return scanner->at > limit ? CODEC_E_LONG : CODEC_OK;
                        scanner->depth--;
                }
                codec_reader_init(&reader, (const uint8_t *)bytes + scanner->at, n - scanner->at);
                if (!token_get(&reader, &token))
                        return reader.error; /* a head that was cut is read again when there is more */
                scanner->at += (size_t)(reader.at - reader.start);
                scanner->pending[scanner->depth]--;
                /* Every element takes at least one byte. */
                if ((token.type == TYPE_BYTES || token.type == TYPE_ARRAY || token.type == TYPE_MAP) &&
                    (scanner->at > limit || token.value > limit - scanner->at))
                        return CODEC_E_LONG;
                if (token.type == TYPE_BYTES) {
                        scanner->at += token.value;
                } else if (token.type == TYPE_ARRAY || token.type == TYPE_MAP) {
                        if (++scanner->depth == CODEC_DEPTH_MAX)
                                return CODEC_E_INVALID;
                        scanner->pending[scanner->depth] =
                                token.type == TYPE_MAP ? token.value * 2 : token.value;
                }
        }
        return scanner->at > limit ? CODEC_E_LONG : CODEC_E_SHORT;
}

void codec_skip(struct codec_reader *reader) {
        struct codec_scanner scanner = CODEC_SCANNER_INIT;

        if (reader->error)
                return;
        reader->error = codec_scan(&scanner, reader->at, left(reader), SIZE_MAX);
        if (reader->error == CODEC_OK)
                reader->at += scanner.at;
}

const void *codec_get_value(struct codec_reader *reader, size_t *ret_n) {
        const uint8_t *begin = reader->at;

        codec_skip(reader);
        *ret_n = reader->error ? 0 : (size_t)(reader->at - begin);
        return begin;
}

int codec_reader_finish(struct codec_reader *reader) {
        if (reader->error == CODEC_OK && reader->at != reader->end)
                codec_fail(reader);
        return reader->error;
}
