/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Files of events, read in one pass through a window of fixed size.
 *
 * What must stay true: every complete record before a cut is delivered; a cut, a broken byte and a whole
 * file are told apart; a record larger than the window can hold is broken, so no file makes us use more
 * memory.
 */

#include "proto/event_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "proto/codec.h"
#include "proto/event_codec.h"

#define WINDOW (4u * EVENT_FILE_RECORD_MAX)

struct event_file {
        int fd;
        bool at_end;     /* read(2) said so */
        int outcome;     /* EVENT_FILE_OK while there may be more */
        uint64_t offset; /* of window[start] in the file */
        size_t start, end;
        uint64_t start_ns;
        char label[EVENT_FILE_LABEL_MAX + 1];
        struct ledger ledger;
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

/* One record out of the window. *ret_kind is its kind, or -1 for one of a later version. */
static int record_get(struct event_file *file, struct event *event, int *ret_kind) {
        struct codec_reader reader;
        size_t n_elements, n_fields;
        bool newer = false;

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
                default:
                        *ret_kind = -1;
                        codec_skip(&reader);
                }
        }
        for (size_t i = 2; i < n_elements && !reader.error; i++)
                codec_skip(&reader);

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
