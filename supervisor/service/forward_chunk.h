/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Entries that travel together (PackedForward): sent, acknowledged, kept on disk and sent again as one. Its
 * id stays the same over all of that, so that a receiver can know a chunk that came twice.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define FORWARD_ID_SIZE       25          /* 128 random bits in base64, NUL included */
#define FORWARD_CHUNK_MAX     (16u << 20) /* bytes of the entries of one chunk */
#define FORWARD_CHUNK_FILE    4096        /* what a file has besides its entries: less than this */
#define FORWARD_CHUNK_RECORDS (1u << 24)

enum {
        FORWARD_CHUNK_E_BROKEN = 1, /* not what forward_chunk_file_head() and the entries are */
};

/* The entries, shared by a chunk and the writes under way. */
struct forward_payload {
        unsigned n_users;
        struct buf buf;
        size_t from, n; /* of the entries in buf */
};

struct forward_chunk {
        char id[FORWARD_ID_SIZE];
        uint32_t n_records;
        size_t n_bytes;                  /* of the entries */
        struct forward_payload *payload; /* NULL: on disk only */

        /* Owned by the buffer. */
        uint64_t sequence; /* order of sending */
        bool stored;       /* there is a file */
        unsigned attempts;
        struct forward_chunk *next;
};

/* Takes what entries holds and leaves it empty. 0 or -errno, entries as before then. */
int forward_chunk_new(struct buf *entries, uint32_t n_records, struct forward_chunk **ret);
struct forward_chunk *forward_chunk_free(struct forward_chunk *chunk);

struct forward_payload *forward_payload_share(struct forward_payload *payload);
struct forward_payload *forward_payload_free(struct forward_payload *payload); /* one user less */

/* The message is: head, the entries, tail. id NULL: no receipt is asked for. */
int forward_chunk_head(struct buf *to, const char *tag, size_t n_bytes);
int forward_chunk_tail(struct buf *to, uint32_t n_records, const char *id);

/* The file is: this, and the entries. chunk->payload is there. */
int forward_chunk_file_head(struct buf *to, const struct forward_chunk *chunk);
/* Reads a whole file into a payload of its own; the bytes of file are taken. 0, FORWARD_CHUNK_E_BROKEN or
 * -errno. */
int forward_chunk_file_read(struct buf *file, char id[static FORWARD_ID_SIZE], uint32_t *ret_n_records,
                            struct forward_payload **ret);
