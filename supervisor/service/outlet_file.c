/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Event files (proto/event_file.h) or JSON lines, rotated (rotation.h).
 *
 * What must stay true: a file that is not NAME any more is whole, unless its writer was killed; NAME ends
 * with a whole record at every tick, also when the disk is full; a file that a predecessor left is never
 * written to again. What cannot be written waits up to a bound and is counted.
 *
 * Records are handed to the kernel at every tick, and a finished file is synced: when we crash a tick is
 * lost at most, when the machine does, what it had not yet written of the newest file.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fd.h"
#include "proto/event_file.h"
#include "proto/event_json.h"
#include "supervisor/service/outlet.h"
#include "supervisor/service/rotation.h"

#define WAITING_MAX  (8u << 20)           /* bytes not yet written */
#define WRITE_BYTES  (1u << 20)           /* so many are written at once, without waiting for the tick */
#define CLOSING_ROOM 512                  /* for the ledger at the end */
#define RETRY_NS     UINT64_C(1000000000) /* after trouble: 1 s */
#define LOOK_NS      UINT64_C(1000000000) /* how often it is looked whether somebody moved NAME away */

struct outlet_file {
        struct outlet outlet;
        uv_loop_t *loop;
        struct rotation rotation;
        bool json;
        uint64_t rotate_bytes, rotate_ns;
        char label[256];

        int fd;             /* -1: not open */
        uint64_t size;      /* bytes of whole records in the file */
        uint64_t began_ns;  /* CLOCK_REALTIME, of the first event; 0: there is none yet */
        uint64_t n_records; /* in it, and to go into it */
        struct ledger ledger;
        uint64_t *sources; /* owned; numbers, sorted: those that the file knows */
        size_t n_sources, size_sources;

        struct buf waiting; /* whole records; the header first where there is no file yet */
        uint64_t n_waiting, n_taken, n_delivered, n_dropped;
        uint64_t calls_waiting;     /* that its events stand for */
        uint64_t retry_ns, look_ns; /* uv_hrtime() */
        struct outlet_health health;
        unsigned n_syncing;
        bool closed;
};

static struct outlet_file *of(const struct outlet *outlet) {
        return (struct outlet_file *)(uintptr_t)outlet;
}

static void ill(struct outlet_file *file, const char *what, int error) {
        file->retry_ns = uv_hrtime() + RETRY_NS;
        outlet_ill(&file->health, file->outlet.name, "%s/%s %s: %s", file->rotation.folder,
                   file->rotation.base, what, strerror(error));
}

/* ---- finished files ---- */

struct syncing {
        uv_fs_t request;
        struct outlet_file *file;
        int fd;
};

static void file_free(struct outlet_file *file) {
        rotation_deinit(&file->rotation);
        free(file->outlet.name);
        free(file->sources);
        buf_deinit(&file->waiting);
        free(file);
}

static void on_synced(uv_fs_t *request) {
        struct syncing *syncing = request->data;
        struct outlet_file *file = syncing->file;

        uv_fs_req_cleanup(request);
        fd_close(syncing->fd);
        free(syncing);
        if (--file->n_syncing == 0 && file->closed)
                file_free(file);
}

/* On a thread of the loop's pool: a disk may take its time. Eats fd. */
static void sync_and_close(struct outlet_file *file, int fd) {
        struct syncing *syncing = calloc(1, sizeof(*syncing));

        if (!syncing) {
                fd_close(fd);
                return;
        }
        *syncing = (struct syncing){ .file = file, .fd = fd };
        syncing->request.data = syncing;
        if (uv_fs_fdatasync(file->loop, &syncing->request, fd, on_synced) != 0) {
                fd_close(fd);
                free(syncing);
                return;
        }
        file->n_syncing++;
}

/* ---- a file begins ---- */

static void begin_ledger(struct outlet_file *file) {
        file->ledger = (struct ledger){ 0 };
        file->n_sources = 0;
        file->n_records = 0;
        file->began_ns = 0;
        file->size = 0;
}

/* What stands before everything else; in memory, until it can be written. */
static void put_header(struct outlet_file *file, uint64_t now_ns) {
        begin_ledger(file);
        if (!file->json)
                event_file_put_header(&file->waiting, file->label, now_ns);
}

static int open_file(struct outlet_file *file) {
        const char *problem;

        file->fd = rotation_begin(&file->rotation, &problem);
        if (file->fd < 0) {
                int r = file->fd;

                file->fd = -1;
                ill(file, problem, -r);
                return r;
        }
        event_file_claim(file->fd); /* without it readers take the file for one that was cut, no more */
        file->size = 0;
        return 0;
}

/* ---- writing ---- */

/* What waits belongs to a file that cannot go on. */
static void abandon(struct outlet_file *file) {
        uint64_t calls = file->calls_waiting;

        sync_and_close(file, fd_take(&file->fd));
        file->n_dropped += file->n_waiting;
        file->n_waiting = file->calls_waiting = 0;
        buf_reset(&file->waiting);
        put_header(file, file->began_ns);
        file->ledger.unwritten = calls;
}

/* All of it or nothing: a part is taken back. */
static int write_whole(struct outlet_file *file, const struct buf *bytes) {
        int r = fd_write_all(file->fd, bytes->data, bytes->n);

        if (r == 0)
                file->size += bytes->n;
        else if (ftruncate(file->fd, (off_t)file->size) < 0)
                abandon(file); /* it ends inside a record; who reads it sees that it was cut */
        return r;
}

/* Did all that waited arrive? */
static bool write_waiting(struct outlet_file *file) {
        int r;

        if (file->waiting.n == 0)
                return true;
        if (file->retry_ns > uv_hrtime() || (file->fd < 0 && open_file(file) != 0))
                return false;
        r = write_whole(file, &file->waiting);
        if (r) {
                ill(file, "cannot be written", -r);
                return false;
        }
        file->n_delivered += file->n_waiting;
        file->n_waiting = file->calls_waiting = 0;
        file->retry_ns = 0;
        buf_reset(&file->waiting);
        outlet_well(&file->health, file->outlet.name);
        return true;
}

/* The last record; everything else has been written. */
static void write_ledger(struct outlet_file *file) {
        struct ledger *ledger = &file->ledger;
        struct buf bytes = BUF_INIT(CLOSING_ROOM);
        int r;

        ledger->recorded = ledger->written + ledger->unwritten;
        ledger->received = ledger->recorded + ledger->dropped;
        ledger->answered = ledger->received - ledger->gone;
        if (file->json) {
                buf_puts(&bytes, "{\"ledger\":");
                ledger_json(&bytes, ledger);
                buf_puts(&bytes, "}\n");
        } else {
                event_file_put_ledger(&bytes, ledger);
        }
        r = buf_error(&bytes) ? buf_error(&bytes) : write_whole(file, &bytes);
        if (r)
                ill(file, "could not be ended and will look cut short", -r);
        buf_deinit(&bytes);
}

/* Ends the file and begins another one in memory; whoever writes next makes it. */
static void rotate(struct outlet_file *file, uint64_t now_ns) {
        write_ledger(file);
        if (file->fd < 0)
                return; /* abandoned */
        sync_and_close(file, fd_take(&file->fd));
        put_header(file, now_ns);
}

/* ---- records ---- */

static size_t source_position(const struct outlet_file *file, uint64_t number, bool *ret_found) {
        size_t low = 0, high = file->n_sources;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (file->sources[middle] < number)
                        low = middle + 1;
                else
                        high = middle;
        }
        *ret_found = low < file->n_sources && file->sources[low] == number;
        return low;
}

static void forget_source(struct outlet_file *file, uint64_t number) {
        bool found;
        size_t position = source_position(file, number, &found);

        if (!found)
                return;
        file->n_sources--;
        memmove(file->sources + position, file->sources + position + 1,
                (file->n_sources - position) * sizeof(*file->sources));
}

static int know_source(struct outlet_file *file, uint64_t number, size_t position) {
        if (file->n_sources == file->size_sources) {
                size_t size = file->size_sources ? file->size_sources * 2 : 64;
                uint64_t *sources = reallocarray(file->sources, size, sizeof(*sources));

                if (!sources)
                        return error_origin(-ENOMEM);
                file->sources = sources;
                file->size_sources = size;
        }
        memmove(file->sources + position + 1, file->sources + position,
                (file->n_sources - position) * sizeof(*file->sources));
        file->sources[position] = number;
        file->n_sources++;
        return 0;
}

/* Borrows everything. */
static struct event_source source_of(const struct publication_source *source) {
        return (struct event_source){
                .number = source->number,
                .uid = source->uid,
                .mode = source->mode,
                .profile = (char *)(uintptr_t)source->profile,
                .labels = *source->labels,
        };
}

static int put_source(struct outlet_file *file, const struct publication_source *source) {
        struct event_source from = source_of(source);
        bool found;
        size_t position = source_position(file, source->number, &found);
        int r;

        if (file->json || found)
                return 0;
        r = event_file_put_source(&file->waiting, &from);
        return r ? r : know_source(file, source->number, position);
}

static int put_event(struct outlet_file *file, const struct publication *publication) {
        struct event_source from = source_of(publication->source);
        int r = put_source(file, publication->source);

        if (!file->json)
                return r ? r : event_file_put_event(&file->waiting, publication->event);
        event_json_of(&file->waiting, publication->event, NULL, &from);
        buf_putc(&file->waiting, '\n');
        return buf_error(&file->waiting);
}

static int put_end(struct outlet_file *file, const struct publication *publication) {
        struct event_source from = source_of(publication->source);
        int r = put_source(file, publication->source);

        if (!file->json)
                return r ? r
                         : event_file_put_ended(&file->waiting, publication->source->number,
                                                publication->ledger);
        event_source_json(&file->waiting, &from, publication->ledger);
        buf_putc(&file->waiting, '\n');
        return buf_error(&file->waiting);
}

/* Whole or not at all. */
static int put_record(struct outlet_file *file, const struct publication *publication) {
        size_t mark = file->waiting.n;
        int r = publication->kind == PUBLICATION_END ? put_end(file, publication)
                                                     : put_event(file, publication);

        if (r) {
                file->waiting.n = mark;
                file->waiting.error = 0;
                /* Was its source in it? It is put again. */
                forget_source(file, publication->source->number);
        }
        return r;
}

/* With what was put last, which is taken out again if not. */
static bool fits(const struct outlet_file *file) {
        return file->rotate_bytes == 0 || file->size + file->waiting.n + CLOSING_ROOM <= file->rotate_bytes;
}

static int put(struct outlet_file *file, const struct publication *publication) {
        size_t mark = file->waiting.n;
        int r = put_record(file, publication);

        if (r || fits(file) || file->n_records == 0)
                return r;
        /* Without it the file is full. */
        file->waiting.n = mark;
        forget_source(file, publication->source->number);
        if (write_waiting(file) && file->fd >= 0)
                rotate(file, publication->now_ns);
        return put_record(file, publication);
}

static void count(struct outlet_file *file, const struct publication *publication, bool lost) {
        uint64_t calls = publication->event ? publication->event->count : 0;
        struct ledger *ledger = &file->ledger;

        if (publication->kind == PUBLICATION_END) {
                ledger->dropped += publication->ledger->dropped;
                ledger->interrupted += publication->ledger->interrupted;
                ledger->errors += publication->ledger->errors;
                ledger->merged += publication->ledger->merged;
                forget_source(file, publication->source->number);
        }
        if (lost) {
                ledger->unwritten += calls;
                file->n_dropped++;
                return;
        }
        ledger->written += calls;
        if (calls == 1 && publication->event->flags & EVENT_GONE)
                ledger->gone++;
        if (file->began_ns == 0)
                file->began_ns = publication->now_ns;
        file->n_waiting++;
        file->n_records++;
        file->calls_waiting += calls;
}

static void file_take(struct outlet *outlet, const struct publication *publication) {
        struct outlet_file *file = of(outlet);

        switch (publication->kind) {
        case PUBLICATION_BEGIN:
                /* Said again before the next event: it may have changed. */
                forget_source(file, publication->source->number);
                return;
        case PUBLICATION_LOST:
                file->ledger.unwritten += publication->lost;
                return;
        default:
                file->n_taken++;
                count(file, publication, put(file, publication) != 0);
                if (file->waiting.n > WRITE_BYTES)
                        write_waiting(file);
        }
}

/* Somebody else's logrotate may have moved or removed it: a new one begins then, and theirs ends. */
static bool moved_away(struct outlet_file *file) {
        if (uv_hrtime() < file->look_ns)
                return false;
        file->look_ns = uv_hrtime() + LOOK_NS;
        return rotation_lost(&file->rotation);
}

static void file_flush(struct outlet *outlet) {
        struct outlet_file *file = of(outlet);
        struct timespec now;
        uint64_t now_ns;

        clock_gettime(CLOCK_REALTIME, &now);
        now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
        if (!write_waiting(file))
                return;
        if (file->fd < 0)
                return;
        if (moved_away(file) || (file->rotate_ns > 0 && file->began_ns > 0 && now_ns > file->began_ns &&
                                 now_ns - file->began_ns >= file->rotate_ns))
                rotate(file, now_ns);
}

static void file_counts(const struct outlet *outlet, struct outlet_counts *ret) {
        const struct outlet_file *file = of(outlet);

        *ret = (struct outlet_counts){
                .taken = file->n_taken,
                .delivered = file->n_delivered,
                .dropped = file->n_dropped,
                .waiting = file->n_waiting,
                .bytes_waiting = file->waiting.n,
                .healthy = !file->health.ill,
        };
        memcpy(ret->problem, file->health.problem, sizeof(ret->problem));
}

static void file_close(struct outlet *outlet) {
        struct outlet_file *file = of(outlet);

        file->retry_ns = 0;
        if (write_waiting(file) && file->fd >= 0)
                write_ledger(file);
        if (file->fd >= 0)
                sync_and_close(file, fd_take(&file->fd));
        file->closed = true;
        if (file->n_syncing == 0)
                file_free(file);
}

/* ---- life ---- */

static void label(struct outlet_file *file) {
        char host[128] = "";

        gethostname(host, sizeof(host) - 1);
        snprintf(file->label, sizeof(file->label), "callgated on %s", host);
}

int outlet_file_new(uv_loop_t *loop, const struct config_outlet *config, struct outlet **ret) {
        struct outlet_file *file = calloc(1, sizeof(*file));
        struct timespec now;
        int r;

        if (!file)
                return error_origin(-ENOMEM);
        *file = (struct outlet_file){
                .outlet = { .take = file_take,
                            .flush = file_flush,
                            .counts = file_counts,
                            .close = file_close },
                .loop = loop,
                .json = config->json,
                .rotate_bytes = config->rotate_bytes,
                .rotate_ns = config->rotate_ns,
                .rotation = { .folder_fd = -1 },
                .fd = -1,
                .waiting = BUF_INIT(WAITING_MAX),
        };
        file->outlet.name = strdup(config->name ? config->name : "file");
        r = file->outlet.name ? rotation_init(&file->rotation, config->path, config->rotate_count)
                              : error_origin(-ENOMEM);
        if (r) {
                file_free(file);
                return error_trace(r);
        }
        label(file);
        clock_gettime(CLOCK_REALTIME, &now);
        put_header(file, (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
        /* What is wrong with the folder is said now, and not with the first event. */
        if (!open_file(file))
                write_waiting(file);
        *ret = &file->outlet;
        return 0;
}
