/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Chunks that nobody has acknowledged yet, oldest first, bounded over all. With a folder they are files and
 * survive us, kill -9 included: the next process sends them. Without one, or as long as the folder cannot be
 * used, they are in memory, under the same bound.
 *
 * When it is full nothing more goes in: what is already there stays. The oldest chunks hold what was seen
 * for the first time, later ones mostly counts of the same; nobody can push the beginning of a story out by
 * making noise; and what is missing is one stretch with a known beginning and size.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/service/forward_chunk.h"

#define FORWARD_BLOCK      4096 /* every chunk costs whole blocks, as on disk */
#define FORWARD_BROKEN_MAX 8    /* files set aside that are kept to be looked at */

enum {
        FORWARD_BUFFER_E_BROKEN = 1, /* the file is not a chunk: set aside and counted, chunk is gone */
        FORWARD_BUFFER_E_BUSY = 2,   /* another process (a predecessor?) has the folder: try again */
};

struct forward_buffer {
        char *path; /* owned; NULL: memory only */
        int folder_fd, lock_fd;
        uint64_t limit, bytes;
        struct forward_chunk *first, *last; /* owned */
        uint64_t sequence;                  /* of the newest chunk */
        uint64_t n_records;                 /* in all of them */
        bool unwritten;                     /* a chunk is in memory that should be on disk */
        uint64_t n_adopted;                 /* records that a predecessor left */
        uint64_t n_broken, n_broken_records;
        char broken[64];   /* name of the last of them */
        char problem[160]; /* of the disk; empty: none */
};

/* path NULL: memory only. 0 or -ENOMEM. */
int forward_buffer_init(struct forward_buffer *buffer, const char *path, uint64_t limit);
void forward_buffer_deinit(struct forward_buffer *buffer);

/* Takes the folder (made if it is missing, 0700) and what a predecessor left in it; what was in memory goes
 * to disk behind that. 0, FORWARD_BUFFER_E_BUSY or -errno (problem says it as well). */
int forward_buffer_open(struct forward_buffer *buffer);
bool forward_buffer_is_open(const struct forward_buffer *buffer);

/* Is there room for a chunk with so many bytes more? */
bool forward_buffer_has_room(const struct forward_buffer *buffer, size_t n_bytes);
/* Eats the chunk. What cannot be written stays in memory and is tried again with the next one. */
void forward_buffer_add(struct forward_buffer *buffer, struct forward_chunk *chunk);
/* Writes what is still in memory, as far as the disk takes it. Returns how many records stay unwritten. */
uint64_t forward_buffer_keep(struct forward_buffer *buffer);
/* The chunk to be sent next: the oldest, but one that failed often lets the others go first, so that no
 * chunk that a receiver cannot take holds up the rest. NULL: none. */
struct forward_chunk *forward_buffer_next(struct forward_buffer *buffer);
/* Makes chunk->payload be there. 0, FORWARD_BUFFER_E_BROKEN, or -errno for what may be better later. */
int forward_buffer_load(struct forward_buffer *buffer, struct forward_chunk *chunk);
/* It is on its way, or is to wait: only the file is needed, if there is one. */
void forward_buffer_unload(struct forward_buffer *buffer, struct forward_chunk *chunk);
/* It has arrived. */
void forward_buffer_done(struct forward_buffer *buffer, struct forward_chunk *chunk);
