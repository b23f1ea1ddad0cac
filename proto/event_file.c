/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Files of events, read in one pass through a window of fixed size.
 *
 * What must stay true: every complete record before a cut is delivered; a cut, a broken byte and a whole
 * file are told apart; a record larger than the window can hold is broken, and sources are remembered up to
 * a bound, so no file makes us use more memory.
 */

#include "proto/event_file.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "proto/codec.h"
#include "proto/event_codec.h"

#define WINDOW    (4u * EVENT_FILE_RECORD_MAX)
#define TEXT_COST 24 /* what malloc(3) takes beside a short text */

struct event_file {
        int fd;
        bool at_end;     /* read(2) said so */
        int outcome;     /* EVENT_FILE_OK while there may be more */
        uint64_t offset; /* of window[start] in the file */
        size_t start, end;
        uint64_t start_ns;
        char label[EVENT_FILE_LABEL_MAX + 1];
        struct ledger ledger;

        /* Those that have not ended, by number: a tree of tsearch(3), whose depth no file can choose. */
        void *sources; /* owned, with its struct event_source */
        size_t n_sources, source_bytes;
        uint64_t n_forgotten;
        event_file_on_source on_source;
        void *data;

        uint8_t window[WINDOW];
};

static int fill(struct event_file *file) {
        memmove(file->window, file->window + file->start, file->end - file->start);
        file->end -= file->start;
        file->start = 0;
        while (file->end < WINDOW && !file->at_end) {
                ssize_t n = read(file->fd, file->window + file->end, WINDOW - file->end);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_origin(-errno);
                if (n == 0)
                        file->at_end = true;
                file->end += (size_t)n;
        }
        return 0;
}

static void header_get(struct event_file *file, struct codec_reader *reader, size_t *n_fields,
                       bool *ret_newer) {
        const char *bytes;
        size_t n;

        *ret_newer = false;
        if (*n_fields < 4) {
                codec_fail(reader);
                return;
        }
        bytes = codec_get_bytes(reader, sizeof(EVENT_FILE_MAGIC) - 1, &n);
        if (n != sizeof(EVENT_FILE_MAGIC) - 1 || memcmp(bytes, EVENT_FILE_MAGIC, n) != 0) {
                codec_fail(reader);
                return;
        }
        if (codec_get_uint(reader, UINT32_MAX) != EVENT_FILE_VERSION) {
                *ret_newer = !reader->error;
                return;
        }
        bytes = codec_get_bytes(reader, EVENT_FILE_LABEL_MAX, &n);
        memcpy(file->label, bytes, n);
        file->label[n] = 0;
        file->start_ns = codec_get_uint(reader, UINT64_MAX);
        for (size_t i = 4; i < *n_fields; i++)
                codec_skip(reader);
}

static int compare_sources(const void *a, const void *b) {
        const struct event_source *one = a, *other = b;

        return one->number < other->number ? -1 : one->number > other->number;
}

static struct event_source *source_find(const struct event_file *file, uint64_t number) {
        const struct event_source key = { .number = number };
        struct event_source *const *found = tfind(&key, &file->sources, compare_sources);

        return found ? *found : NULL;
}

static size_t source_bytes(const struct event_source *source) {
        return sizeof(*source) + source->labels.bytes + source->labels.size * sizeof(struct label) +
               source->labels.n * 2 * TEXT_COST;
}

static void source_free(void *source) {
        event_source_deinit(source);
        free(source);
}

static void source_forget(struct event_file *file, struct event_source *source) {
        tdelete(source, &file->sources, compare_sources);
        file->source_bytes -= source_bytes(source);
        file->n_sources--;
        source_free(source);
}

/* Eats what *source owns. */
static int source_remember(struct event_file *file, struct event_source *source) {
        size_t bytes = source_bytes(source);
        struct event_source *kept = source_find(file, source->number);

        if (file->on_source)
                file->on_source(file->data, source, NULL);
        if (kept)
                source_forget(file, kept);
        if (file->n_sources == EVENT_FILE_SOURCES_MAX ||
            file->source_bytes + bytes > EVENT_FILE_SOURCES_BYTES) {
                file->n_forgotten++;
                event_source_deinit(source);
                return 0;
        }
        kept = malloc(sizeof(*kept));
        if (kept)
                *kept = *source;
        if (!kept || !tsearch(kept, &file->sources, compare_sources)) {
                event_source_deinit(source);
                free(kept);
                return error_origin(-ENOMEM);
        }
        file->n_sources++;
        file->source_bytes += bytes;
        return 0;
}

static int source_get(struct event_file *file, struct codec_reader *reader) {
        struct event_source source;
        int r = event_source_get(reader, &source);

        if (r || reader->error) {
                event_source_deinit(&source);
                return error_trace(r);
        }
        return error_trace(source_remember(file, &source));
}

static void ended_get(struct event_file *file, struct codec_reader *reader) {
        struct event_source unknown = { .uid = UINT32_MAX }, *source;
        size_t n = codec_get_array(reader);
        struct ledger ledger;

        if (n < 2)
                codec_fail(reader);
        unknown.number = codec_get_uint(reader, UINT64_MAX);
        ledger_get(reader, &ledger);
        for (size_t i = 2; i < n && !reader->error; i++)
                codec_skip(reader);
        if (reader->error)
                return;
        source = source_find(file, unknown.number);
        if (file->on_source)
                file->on_source(file->data, source ? source : &unknown, &ledger);
        if (source)
                source_forget(file, source);
}

/* One record out of the window. *ret_kind is its kind, or -1 for one of a later version. */
static int record_get(struct event_file *file, struct event *event, int *ret_kind) {
        struct codec_reader reader;
        size_t n_elements, n_fields;
        bool newer = false;
        int r = 0;

        codec_reader_init(&reader, file->window + file->start, file->end - file->start);
        n_elements = codec_get_array(&reader);
        *ret_kind = (int)codec_get_uint(&reader, INT32_MAX);
        if (!reader.error && n_elements < 2)
                codec_fail(&reader);
        if (!reader.error) {
                /* The header is first and nowhere else. */
                if ((*ret_kind == EVENT_FILE_HEADER) != (file->offset == 0))
                        codec_fail(&reader);
        }
        if (!reader.error) {
                switch (*ret_kind) {
                case EVENT_FILE_HEADER:
                        n_fields = codec_get_array(&reader);
                        header_get(file, &reader, &n_fields, &newer);
                        if (newer)
                                return EVENT_FILE_E_VERSION;
                        break;
                case EVENT_FILE_EVENT:
                        event_get(&reader, event);
                        break;
                case EVENT_FILE_LEDGER:
                        ledger_get(&reader, &file->ledger);
                        break;
                case EVENT_FILE_SOURCE:
                        r = source_get(file, &reader);
                        break;
                case EVENT_FILE_ENDED:
                        ended_get(file, &reader);
                        break;
                default:
                        *ret_kind = -1;
                        codec_skip(&reader);
                }
        }
        for (size_t i = 2; i < n_elements && !reader.error; i++)
                codec_skip(&reader);
        if (r)
                return error_trace(r);
        if (reader.error == CODEC_E_SHORT && reader.end - reader.start < EVENT_FILE_RECORD_MAX)
                return EVENT_FILE_E_TRUNCATED;
        if (reader.error || reader.at - reader.start > EVENT_FILE_RECORD_MAX)
                return EVENT_FILE_E_INVALID;
        file->offset += (uint64_t)(reader.at - reader.start);
        file->start += (size_t)(reader.at - reader.start);
        return EVENT_FILE_OK;
}

static int record_next(struct event_file *file, struct event *event, int *ret_kind) {
        if (file->end - file->start < EVENT_FILE_RECORD_MAX && !file->at_end) {
                int r = fill(file);

                if (r)
                        return error_trace(r);
        }
        if (file->start == file->end)
                return EVENT_FILE_E_TRUNCATED;
        return record_get(file, event, ret_kind);
}

int event_file_open(int fd, struct event_file **ret) {
        struct event_file *file;
        struct event unused;
        int kind, r;

        *ret = NULL;
        file = calloc(1, sizeof(*file));
        if (!file) {
                fd_close(fd);
                return error_origin(-ENOMEM);
        }
        file->fd = fd;
        r = record_next(file, &unused, &kind);
        /* An empty file is no recording at all, but nothing in it is wrong: whoever wrote it was killed. */
        if (r) {
                event_file_close(file);
                return error_trace(r);
        }
        *ret = file;
        return 0;
}

struct event_file *event_file_close(struct event_file *file) {
        if (!file)
                return NULL;
        tdestroy(file->sources, source_free);
        fd_close(file->fd);
        free(file);
        return NULL;
}

int event_file_next(struct event_file *file, struct event *ret) {
        int kind;

        while (file->outcome == EVENT_FILE_OK) {
                int r = record_next(file, ret, &kind);

                if (r < 0)
                        return error_trace(r);
                file->outcome = r;
                if (r == EVENT_FILE_OK && kind == EVENT_FILE_EVENT)
                        return 0;
                if (r == EVENT_FILE_OK && kind == EVENT_FILE_LEDGER) {
                        /* The ledger is the last record: more bytes are not ours. */
                        r = fill(file);
                        if (r)
                                return error_trace(r);
                        file->outcome = file->start == file->end ? EVENT_FILE_E_END : EVENT_FILE_E_INVALID;
                }
        }
        return file->outcome;
}

uint64_t event_file_offset(const struct event_file *file) {
        return file->offset;
}

const char *event_file_label(const struct event_file *file) {
        return file->label;
}

uint64_t event_file_start_ns(const struct event_file *file) {
        return file->start_ns;
}

const struct ledger *event_file_ledger(const struct event_file *file) {
        return file->outcome == EVENT_FILE_E_END ? &file->ledger : NULL;
}

const struct event_source *event_file_source(const struct event_file *file, uint64_t number) {
        return source_find(file, number);
}

uint64_t event_file_sources_forgotten(const struct event_file *file) {
        return file->n_forgotten;
}

void event_file_watch(struct event_file *file, event_file_on_source on_source, void *data) {
        file->on_source = on_source;
        file->data = data;
}

int event_file_take(const void *bytes, size_t n, size_t *at, struct event *ret) {
        struct codec_reader reader;
        size_t n_elements;

        if (*at >= n)
                return EVENT_FILE_E_END;
        codec_reader_init(&reader, (const uint8_t *)bytes + *at, n - *at);
        n_elements = codec_get_array(&reader);
        if (codec_get_uint(&reader, INT32_MAX) != EVENT_FILE_EVENT || n_elements != 2)
                codec_fail(&reader);
        event_get(&reader, ret);
        if (reader.error)
                return EVENT_FILE_E_INVALID;
        *at += (size_t)(reader.at - reader.start);
        return 0;
}

static void record_begin(struct codec_writer *writer, struct buf *to, enum event_file_kind kind) {
        codec_writer_init(writer, to);
        codec_put_array(writer, 2);
        codec_put_uint(writer, kind);
}

int event_file_put_header(struct buf *to, const char *label, uint64_t start_ns) {
        struct codec_writer writer;

        record_begin(&writer, to, EVENT_FILE_HEADER);
        codec_put_array(&writer, 4);
        codec_put_text(&writer, EVENT_FILE_MAGIC, sizeof(EVENT_FILE_MAGIC) - 1);
        codec_put_uint(&writer, EVENT_FILE_VERSION);
        codec_put_bytes(&writer, label, strnlen(label, EVENT_FILE_LABEL_MAX));
        codec_put_uint(&writer, start_ns);
        return codec_writer_finish(&writer);
}

int event_file_put_event(struct buf *to, const struct event *event) {
        struct codec_writer writer;

        record_begin(&writer, to, EVENT_FILE_EVENT);
        event_put(&writer, event);
        return codec_writer_finish(&writer);
}

int event_file_put_ledger(struct buf *to, const struct ledger *ledger) {
        struct codec_writer writer;

        record_begin(&writer, to, EVENT_FILE_LEDGER);
        ledger_put(&writer, ledger);
        return codec_writer_finish(&writer);
}

int event_file_put_source(struct buf *to, const struct event_source *source) {
        struct codec_writer writer;

        record_begin(&writer, to, EVENT_FILE_SOURCE);
        event_source_put(&writer, source);
        return codec_writer_finish(&writer);
}

int event_file_put_ended(struct buf *to, uint64_t number, const struct ledger *ledger) {
        struct codec_writer writer;

        record_begin(&writer, to, EVENT_FILE_ENDED);
        codec_put_array(&writer, 2);
        codec_put_uint(&writer, number);
        ledger_put(&writer, ledger);
        return codec_writer_finish(&writer);
}

/* ---- claims ---- */

/* A lock of the open file, which a reader can ask for without taking it. */
int event_file_claim(int fd) {
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

        return fcntl(fd, F_OFD_SETLK, &lock) < 0 ? -errno : 0;
}

bool event_file_is_claimed(int fd) {
        struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };

        return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}
