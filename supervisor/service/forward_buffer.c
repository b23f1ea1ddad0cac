/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The folder: SEQUENCE-RECORDS.chunk are chunks, *.broken what could not be read as one, "lock" is locked by
 * whoever uses it, ".new" is being written. Names hold what must be known of a chunk before it is read, so
 * that starting with a full buffer costs a directory, not its contents.
 *
 * What must stay true: a name that ends in .chunk is a whole file, since it got the name by rename(2) once
 * all was written. There is no fsync: a process that is killed loses nothing by that, and a chunk that a
 * power cut left empty fails its digest.
 */

#include "supervisor/service/forward_buffer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

#define ATTEMPTS_MAX  4 /* in turn, before others go first */
#define NAME_SIZE     sizeof(((struct forward_buffer *)0)->broken)
#define NAME_NEW      ".new"
#define NAME_LOCK     "lock"
#define CHUNK_SUFFIX  ".chunk"
#define BROKEN_SUFFIX ".broken"

static void set_problem(struct forward_buffer *buffer, int r, const char *what) {
        snprintf(buffer->problem, sizeof(buffer->problem), "%s: %s", what, strerror(-r));
}

static uint64_t cost_of(size_t n_bytes) {
        return (n_bytes + FORWARD_CHUNK_FILE / 8 + FORWARD_BLOCK - 1) / FORWARD_BLOCK * FORWARD_BLOCK;
}

static void name_of(const struct forward_chunk *chunk, const char *suffix, char name[static NAME_SIZE]) {
        snprintf(name, NAME_SIZE, "%016" PRIx64 "-%" PRIu32 "%s", chunk->sequence, chunk->n_records, suffix);
}

/* ---- the list ---- */

static void append(struct forward_buffer *buffer, struct forward_chunk *chunk) {
        chunk->next = NULL;
        if (buffer->last)
                buffer->last->next = chunk;
        else
                buffer->first = chunk;
        buffer->last = chunk;
        buffer->bytes += cost_of(chunk->n_bytes);
        buffer->n_records += chunk->n_records;
}

static void forget(struct forward_buffer *buffer, struct forward_chunk *chunk) {
        struct forward_chunk **at = &buffer->first, *before = NULL;

        while (*at != chunk) {
                before = *at;
                at = &before->next;
        }
        *at = chunk->next;
        if (buffer->last == chunk)
                buffer->last = before;
        buffer->bytes -= cost_of(chunk->n_bytes);
        buffer->n_records -= chunk->n_records;
        forward_chunk_free(chunk);
}

/* ---- files ---- */

static int write_file(int fd, const struct forward_chunk *chunk) {
        struct buf head = BUF_INIT(FORWARD_CHUNK_FILE);
        int r = forward_chunk_file_head(&head, chunk);

        if (!r)
                r = fd_write_all(fd, head.data, head.n);
        if (!r)
                r = fd_write_all(fd, chunk->payload->buf.data + chunk->payload->from, chunk->payload->n);
        buf_deinit(&head);
        return error_trace(r);
}

static int store(struct forward_buffer *buffer, struct forward_chunk *chunk) {
        cleanup_fd int fd = -1;
        char name[NAME_SIZE];
        int r;

        fd = openat(buffer->folder_fd, NAME_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                    0600);
        if (fd < 0)
                return error_origin(-errno);
        name_of(chunk, CHUNK_SUFFIX, name);
        r = write_file(fd, chunk);
        if (!r && renameat(buffer->folder_fd, NAME_NEW, buffer->folder_fd, name) < 0)
                r = error_origin(-errno);
        if (r) {
                unlinkat(buffer->folder_fd, NAME_NEW, 0);
                return error_trace(r);
        }
        chunk->stored = true;
        return 0;
}

static bool try_store(struct forward_buffer *buffer, struct forward_chunk *chunk) {
        int r;

        if (buffer->folder_fd < 0)
                return false;
        r = store(buffer, chunk);
        if (r) {
                set_problem(buffer, r, "writing a chunk");
                buffer->unwritten = true;
                return false;
        }
        chunk->payload = forward_payload_free(chunk->payload);
        return true;
}

uint64_t forward_buffer_keep(struct forward_buffer *buffer) {
        uint64_t n_unwritten = 0;
        bool full = false;

        for (struct forward_chunk *chunk = buffer->first; chunk; chunk = chunk->next)
                if (!chunk->stored) {
                        full = full || !try_store(buffer, chunk);
                        n_unwritten += chunk->stored ? 0 : chunk->n_records;
                }
        buffer->unwritten = n_unwritten > 0;
        if (!buffer->unwritten)
                buffer->problem[0] = 0;
        return n_unwritten;
}

static bool has_suffix(const char *name, const char *suffix) {
        size_t n = strlen(name), n_suffix = strlen(suffix);

        return n > n_suffix && strcmp(name + n - n_suffix, suffix) == 0;
}

static bool parse_name(const char *name, const char *suffix, uint64_t *ret_sequence,
                       uint32_t *ret_n_records) {
        char canonical[NAME_SIZE];
        struct forward_chunk chunk = { 0 };

        if (sscanf(name, "%16" SCNx64 "-%9" SCNu32, &chunk.sequence, &chunk.n_records) != 2 ||
            chunk.n_records == 0 || chunk.n_records > FORWARD_CHUNK_RECORDS)
                return false;
        name_of(&chunk, suffix, canonical);
        *ret_sequence = chunk.sequence;
        *ret_n_records = chunk.n_records;
        return strcmp(name, canonical) == 0;
}

static size_t count_broken(struct forward_buffer *buffer) {
        int fd = openat(buffer->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *folder = fd < 0 ? NULL : fdopendir(fd);
        const struct dirent *entry;
        size_t n = 0;

        if (!folder) {
                fd_close(fd);
                return FORWARD_BROKEN_MAX;
        }
        while ((entry = readdir(folder)))
                n += has_suffix(entry->d_name, BROKEN_SUFFIX);
        closedir(folder);
        return n;
}

static void set_aside(struct forward_buffer *buffer, struct forward_chunk *chunk) {
        char name[NAME_SIZE], broken[NAME_SIZE];

        name_of(chunk, CHUNK_SUFFIX, name);
        name_of(chunk, BROKEN_SUFFIX, broken);
        if (count_broken(buffer) >= FORWARD_BROKEN_MAX ||
            renameat(buffer->folder_fd, name, buffer->folder_fd, broken) < 0)
                unlinkat(buffer->folder_fd, name, 0);
        buffer->n_broken++;
        buffer->n_broken_records += chunk->n_records;
        memcpy(buffer->broken, broken, sizeof(buffer->broken));
        forget(buffer, chunk);
}

/* ---- the folder ---- */

static int open_folder(const char *path) {
        cleanup_fd int fd = -1;
        struct stat st;

        if (mkdir(path, 0700) < 0 && errno != EEXIST)
                return error_origin(-errno);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return error_origin(-errno);
        /* What others may write into is nothing to send on. */
        if (st.st_uid != geteuid())
                return error_origin(-EPERM);
        if ((st.st_mode & 0077) && fchmod(fd, 0700) < 0)
                return error_origin(-errno);
        return fd_take(&fd);
}

static int by_sequence(const void *a, const void *b) {
        const struct forward_chunk *const *left = a, *const *right = b;

        return ((*left)->sequence > (*right)->sequence) - ((*left)->sequence < (*right)->sequence);
}

struct found {
        struct forward_chunk **items;
        size_t n, size;
        uint64_t sequence; /* the highest of files set aside */
};

static int found_add(struct found *found, int folder_fd, const char *name) {
        struct forward_chunk *chunk;
        uint64_t sequence;
        uint32_t n_records;
        struct stat st;

        /* What was set aside keeps its name, so the name is not given again. */
        if (parse_name(name, BROKEN_SUFFIX, &sequence, &n_records) && sequence > found->sequence)
                found->sequence = sequence;
        if (!parse_name(name, CHUNK_SUFFIX, &sequence, &n_records) ||
            fstatat(folder_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        if (found->n == found->size) {
                size_t size = found->size ? 2 * found->size : 64;
                struct forward_chunk **items = reallocarray(found->items, size, sizeof(*items));

                if (!items)
                        return error_origin(-ENOMEM);
                found->items = items;
                found->size = size;
        }
        chunk = calloc(1, sizeof(*chunk));
        if (!chunk)
                return error_origin(-ENOMEM);
        chunk->sequence = sequence;
        chunk->n_records = n_records;
        chunk->n_bytes = (size_t)st.st_size; /* with the file's own few bytes */
        chunk->stored = true;
        found->items[found->n++] = chunk;
        return 0;
}

static int find(int folder_fd, struct found *found) {
        int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
        DIR *folder = fd < 0 ? NULL : fdopendir(fd);
        const struct dirent *entry;

        if (!folder) {
                r = error_origin(-errno);
                fd_close(fd);
                return r;
        }
        while (!r && (entry = readdir(folder)))
                r = found_add(found, folder_fd, entry->d_name);
        closedir(folder);
        if (found->n > 0)
                qsort(found->items, found->n, sizeof(*found->items), by_sequence);
        return error_trace(r);
}

/* A predecessor's chunks go first, ours follow. */
static void adopt(struct forward_buffer *buffer, struct found *found) {
        struct forward_chunk *ours = buffer->first;

        buffer->first = buffer->last = NULL;
        buffer->bytes = buffer->n_records = 0;
        for (size_t i = 0; i < found->n; i++) {
                append(buffer, found->items[i]);
                buffer->sequence = found->items[i]->sequence;
                buffer->n_adopted += found->items[i]->n_records;
        }
        if (buffer->sequence < found->sequence)
                buffer->sequence = found->sequence;
        found->n = 0;
        while (ours) {
                struct forward_chunk *next = ours->next;

                ours->sequence = ++buffer->sequence;
                append(buffer, ours);
                ours = next;
        }
        forward_buffer_keep(buffer);
}

int forward_buffer_open(struct forward_buffer *buffer) {
        cleanup_fd int folder_fd = -1, lock_fd = -1;
        struct found found = { 0 };
        int r;

        folder_fd = open_folder(buffer->path);
        if (folder_fd < 0) {
                set_problem(buffer, folder_fd, "opening the buffer's folder");
                return error_trace(folder_fd);
        }
        lock_fd = openat(folder_fd, NAME_LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (lock_fd < 0 || flock(lock_fd, LOCK_EX | LOCK_NB) < 0) {
                r = -errno;
                if (r == -EWOULDBLOCK) {
                        snprintf(buffer->problem, sizeof(buffer->problem),
                                 "another process uses the buffer's folder");
                        return FORWARD_BUFFER_E_BUSY;
                }
                set_problem(buffer, r, "locking the buffer's folder");
                return error_origin(r);
        }
        unlinkat(folder_fd, NAME_NEW, 0);
        r = find(folder_fd, &found);
        if (r)
                set_problem(buffer, r, "reading the buffer's folder");
        else {
                buffer->problem[0] = 0;
                buffer->folder_fd = fd_take(&folder_fd);
                buffer->lock_fd = fd_take(&lock_fd);
                adopt(buffer, &found);
        }
        for (size_t i = 0; i < found.n; i++)
                forward_chunk_free(found.items[i]);
        free(found.items);
        return error_trace(r);
}

/* ---- use ---- */

bool forward_buffer_is_open(const struct forward_buffer *buffer) {
        return !buffer->path || buffer->folder_fd >= 0;
}

bool forward_buffer_has_room(const struct forward_buffer *buffer, size_t n_bytes) {
        return buffer->bytes + cost_of(n_bytes) <= buffer->limit;
}

void forward_buffer_add(struct forward_buffer *buffer, struct forward_chunk *chunk) {
        chunk->sequence = ++buffer->sequence;
        append(buffer, chunk);
        if (try_store(buffer, chunk) && buffer->unwritten)
                forward_buffer_keep(buffer);
}

struct forward_chunk *forward_buffer_next(struct forward_buffer *buffer) {
        struct forward_chunk *best = buffer->first;

        for (struct forward_chunk *chunk = best; chunk && best->attempts >= ATTEMPTS_MAX;
             chunk = chunk->next)
                if (chunk->attempts / ATTEMPTS_MAX < best->attempts / ATTEMPTS_MAX)
                        best = chunk;
        return best;
}

static int read_chunk(struct forward_buffer *buffer, struct forward_chunk *chunk) {
        struct buf file = BUF_INIT(FORWARD_CHUNK_MAX + FORWARD_CHUNK_FILE);
        cleanup_fd int fd = -1;
        uint32_t n_records = 0;
        char name[NAME_SIZE];
        struct stat st;
        int r;

        name_of(chunk, CHUNK_SUFFIX, name);
        fd = openat(buffer->folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return FORWARD_CHUNK_E_BROKEN;
        r = buf_read_fd(&file, fd, FORWARD_CHUNK_MAX + FORWARD_CHUNK_FILE);
        if (!r)
                r = forward_chunk_file_read(&file, chunk->id, &n_records, &chunk->payload);
        if (!r && n_records != chunk->n_records) {
                chunk->payload = forward_payload_free(chunk->payload);
                r = FORWARD_CHUNK_E_BROKEN;
        }
        buf_deinit(&file);
        return r;
}

int forward_buffer_load(struct forward_buffer *buffer, struct forward_chunk *chunk) {
        int r;

        if (chunk->payload)
                return 0;
        r = read_chunk(buffer, chunk);
        if (r == -ENOMEM || r == -EMFILE || r == -ENFILE) {
                set_problem(buffer, r, "reading a chunk");
                return error_trace(r);
        }
        if (r) {
                set_aside(buffer, chunk);
                return FORWARD_BUFFER_E_BROKEN;
        }
        return 0;
}

void forward_buffer_unload(struct forward_buffer *buffer, struct forward_chunk *chunk) {
        (void)buffer;
        if (chunk->stored)
                chunk->payload = forward_payload_free(chunk->payload);
}

void forward_buffer_done(struct forward_buffer *buffer, struct forward_chunk *chunk) {
        char name[NAME_SIZE];

        if (chunk->stored) {
                name_of(chunk, CHUNK_SUFFIX, name);
                unlinkat(buffer->folder_fd, name, 0);
        }
        forget(buffer, chunk);
}

int forward_buffer_init(struct forward_buffer *buffer, const char *path, uint64_t limit) {
        *buffer = (struct forward_buffer){ .folder_fd = -1, .lock_fd = -1, .limit = limit };
        if (path) {
                buffer->path = strdup(path);
                if (!buffer->path)
                        return error_origin(-ENOMEM);
        }
        return 0;
}

void forward_buffer_deinit(struct forward_buffer *buffer) {
        while (buffer->first) {
                struct forward_chunk *next = buffer->first->next;

                forward_chunk_free(buffer->first);
                buffer->first = next;
        }
        buffer->last = NULL;
        buffer->folder_fd = fd_close(buffer->folder_fd);
        buffer->lock_fd = fd_close(buffer->lock_fd);
        free(buffer->path);
        buffer->path = NULL;
}
