/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A chunk as a message and as a file:
 *
 *   message  [tag, bin of entries, {"size": n, "chunk": id}]
 *   file     ["callgate-chunk", 1, id, n, "sha256:…" of the entries, bin of entries]
 *
 * The tag is not kept: it is the configuration's at the time of sending. The digest is against files that a
 * crash or a full disk left half written, not against whoever may write into the folder.
 */

#include "supervisor/service/forward_chunk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/error.h"
#include "policy/sha256.h"
#include "proto/codec.h"

#define MAGIC        "callgate-chunk"
#define FILE_VERSION 1
#define FILE_FIELDS  6

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* ---- life ---- */

static int make_id(char *ret) {
        uint8_t bytes[18] = { 0 };

        if (getrandom(bytes, 16, 0) != 16)
                return error_origin(-errno);
        for (size_t i = 0; i < 6; i++) {
                uint32_t bits =
                        (uint32_t)bytes[3 * i] << 16 | (uint32_t)bytes[3 * i + 1] << 8 | bytes[3 * i + 2];

                for (size_t j = 0; j < 4; j++)
                        ret[4 * i + j] = digits[bits >> (18 - 6 * j) & 63];
        }
        memcpy(ret + 22, "==", 3);
        return 0;
}

static bool is_id(const char *text, size_t n) {
        return n == FORWARD_ID_SIZE - 1 && !memchr(text, 0, n) && strspn(text, digits) >= 22 &&
               memcmp(text + 22, "==", 2) == 0;
}

static int payload_new(struct buf *bytes, size_t from, size_t n, struct forward_payload **ret) {
        struct forward_payload *payload = calloc(1, sizeof(*payload));

        if (!payload)
                return error_origin(-ENOMEM);
        payload->n_users = 1;
        payload->buf = *bytes;
        payload->from = from;
        payload->n = n;
        *bytes = BUF_INIT(bytes->limit);
        *ret = payload;
        return 0;
}

struct forward_payload *forward_payload_share(struct forward_payload *payload) {
        payload->n_users++;
        return payload;
}

struct forward_payload *forward_payload_free(struct forward_payload *payload) {
        if (payload && --payload->n_users == 0) {
                buf_deinit(&payload->buf);
                free(payload);
        }
        return NULL;
}

int forward_chunk_new(struct buf *entries, uint32_t n_records, struct forward_chunk **ret) {
        struct forward_chunk *chunk = calloc(1, sizeof(*chunk));
        int r;

        if (!chunk)
                return error_origin(-ENOMEM);
        chunk->n_records = n_records;
        chunk->n_bytes = entries->n;
        r = make_id(chunk->id);
        if (!r)
                r = payload_new(entries, 0, entries->n, &chunk->payload);
        if (r) {
                free(chunk);
                return error_trace(r);
        }
        *ret = chunk;
        return 0;
}

struct forward_chunk *forward_chunk_free(struct forward_chunk *chunk) {
        if (chunk) {
                forward_payload_free(chunk->payload);
                free(chunk);
        }
        return NULL;
}

/* ---- message ---- */

int forward_chunk_head(struct buf *to, const char *tag, size_t n_bytes) {
        struct codec_writer writer;

        codec_writer_init(&writer, to);
        codec_put_array(&writer, 3);
        codec_put_string(&writer, tag);
        codec_put_bytes_head(&writer, n_bytes);
        return error_trace(codec_writer_finish(&writer));
}

int forward_chunk_tail(struct buf *to, uint32_t n_records, const char *id) {
        struct codec_writer writer;

        codec_writer_init(&writer, to);
        codec_put_map(&writer, id ? 2 : 1);
        codec_put_string(&writer, "size");
        codec_put_uint(&writer, n_records);
        if (id) {
                codec_put_string(&writer, "chunk");
                codec_put_string(&writer, id);
        }
        return error_trace(codec_writer_finish(&writer));
}

/* ---- file ---- */

int forward_chunk_file_head(struct buf *to, const struct forward_chunk *chunk) {
        const struct forward_payload *payload = chunk->payload;
        char digest[SHA256_TEXT_SIZE];
        struct codec_writer writer;

        codec_writer_init(&writer, to);
        codec_put_array(&writer, FILE_FIELDS);
        codec_put_string(&writer, MAGIC);
        codec_put_uint(&writer, FILE_VERSION);
        codec_put_string(&writer, chunk->id);
        codec_put_uint(&writer, chunk->n_records);
        codec_put_string(&writer, sha256_text(payload->buf.data + payload->from, payload->n, digest));
        codec_put_bytes_head(&writer, payload->n);
        return error_trace(codec_writer_finish(&writer));
}

static bool is_text(const char *bytes, size_t n, const char *text) {
        return n == strlen(text) && memcmp(bytes, text, n) == 0;
}

int forward_chunk_file_read(struct buf *file, char id[static FORWARD_ID_SIZE], uint32_t *ret_n_records,
                            struct forward_payload **ret) {
        const char *magic, *read_id, *digest, *entries;
        size_t n_magic, n_id, n_digest, n_entries;
        char actual[SHA256_TEXT_SIZE];
        struct codec_reader reader;
        uint32_t n_records;

        codec_reader_init(&reader, file->data, file->n);
        if (codec_get_array(&reader) != FILE_FIELDS)
                codec_fail(&reader);
        magic = codec_get_bytes(&reader, strlen(MAGIC), &n_magic);
        if (!is_text(magic, n_magic, MAGIC) || codec_get_uint(&reader, FILE_VERSION) != FILE_VERSION)
                codec_fail(&reader);
        read_id = codec_get_bytes(&reader, FORWARD_ID_SIZE - 1, &n_id);
        n_records = (uint32_t)codec_get_uint(&reader, FORWARD_CHUNK_RECORDS);
        digest = codec_get_bytes(&reader, SHA256_TEXT_SIZE, &n_digest);
        entries = codec_get_bytes(&reader, FORWARD_CHUNK_MAX, &n_entries);
        if (codec_reader_finish(&reader) != CODEC_OK || !is_id(read_id, n_id) || n_records == 0 ||
            !is_text(digest, n_digest, sha256_text(entries, n_entries, actual)))
                return FORWARD_CHUNK_E_BROKEN;
        memcpy(id, read_id, n_id);
        id[n_id] = 0;
        *ret_n_records = n_records;
        return error_trace(payload_new(file, (size_t)(entries - file->data), n_entries, ret));
}
