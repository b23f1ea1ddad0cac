/* SPDX-License-Identifier: Apache-2.0 */

#include "supervisor/service/adopt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "policy/simulate.h"
#include "proto/codec.h"
#include "supervisor/policing.h"

#define FIELDS 23

enum adopt_flag {
        ADOPT_ALL = 1u << 0,
        ADOPT_INCLUDE_RUNTIME = 1u << 1,
        ADOPT_DECODE_ALL = 1u << 2,
        ADOPT_RUNTIME = 1u << 3,
        ADOPT_CHOSEN = 1u << 4,
};

/* ---- writing ---- */

static void put_text(struct codec_writer *writer, const char *text) {
        if (text)
                codec_put_bytes(writer, text, strlen(text));
        else
                codec_put_nil(writer);
}

static void put_labels(struct codec_writer *writer, const struct labels *labels) {
        codec_put_array(writer, 2 * labels->n);
        for (size_t i = 0; i < labels->n; i++) {
                put_text(writer, labels->items[i].name);
                put_text(writer, labels->items[i].value);
        }
}

static void put_policing_labels(struct codec_writer *writer, const struct policing *policing) {
        const char *name, *value;
        size_t n = 0;

        while (policing && policing_label(policing, n, &name, &value))
                n++;
        codec_put_array(writer, 2 * n);
        for (size_t i = 0; i < n; i++) {
                policing_label(policing, i, &name, &value);
                put_text(writer, name);
                put_text(writer, value);
        }
}

static uint32_t flags_of(const struct registered *registered) {
        const struct session_options *options = &registered->session->options;

        return (registered->all ? ADOPT_ALL : 0u) |
               (registered->include_runtime ? ADOPT_INCLUDE_RUNTIME : 0u) |
               (registered->chosen ? ADOPT_CHOSEN : 0u) | (options->decode_all ? ADOPT_DECODE_ALL : 0u) |
               (options->runtime ? ADOPT_RUNTIME : 0u);
}

static void put(struct codec_writer *writer, const struct registered *registered) {
        struct session *session = registered->session;
        const struct session_options *options = &session->options;
        bool policed = atomic_load(&session->policed);

        codec_put_array(writer, FIELDS);
        codec_put_uint(writer, registered->number);
        codec_put_uint(writer, registered->began_ns);
        codec_put_uint(writer, registered->origin);
        codec_put_uint(writer, registered->uid);
        codec_put_uint(writer, registered->pid);
        put_labels(writer, &registered->labels);
        codec_put_uint(writer, registered->labels.n_left_out);
        codec_put_uint(writer, registered->mode);
        codec_put_uint(writer, flags_of(registered));
        codec_put_uint(writer, options->runtime_pid);
        codec_put_uint(writer, options->launcher);
        put_text(writer, registered->metadata);
        put_text(writer, registered->rule);
        put_text(writer, registered->profile);
        put_text(writer, registered->problem);
        put_text(writer, session->label);
        codec_put_bytes(writer, session->filter.insns, session->filter.n * sizeof(*session->filter.insns));
        put_text(writer, policed ? policing_source(session->policing) : NULL);
        put_text(writer, registered->policy_path);
        put_policing_labels(writer, policed ? session->policing : NULL);
        for (int i = 20; i < FIELDS; i++)
                codec_put_nil(writer); /* for later versions: ignored */
}

int adopt_write(const struct registered *registered) {
        struct buf bytes = BUF_INIT(JOURNAL_META_MAX);
        struct codec_writer writer;
        int r;

        codec_writer_init(&writer, &bytes);
        put(&writer, registered);
        r = codec_writer_finish(&writer);
        if (!r)
                r = journal_set_meta(registered->session->journal, bytes.data, bytes.n);
        buf_deinit(&bytes);
        return error_trace(r);
}

/* ---- reading ---- */

static char *get_text(struct codec_reader *reader, int *r) {
        const char *bytes;
        char *text;
        size_t n;

        if (codec_peek(reader) == CODEC_NIL) {
                codec_get_nil(reader);
                return NULL;
        }
        bytes = codec_get_bytes(reader, JOURNAL_META_MAX, &n);
        if (reader->error || memchr(bytes, 0, n)) {
                codec_fail(reader);
                return NULL;
        }
        text = strndup(bytes, n);
        if (!text)
                *r = error_origin(-ENOMEM);
        return text;
}

static void get_labels(struct codec_reader *reader, struct labels *labels, int *r) {
        size_t n = codec_get_array(reader);

        if (n % 2 != 0)
                codec_fail(reader);
        for (size_t i = 0; i < n / 2 && !*r && !reader->error; i++) {
                char *name = get_text(reader, r), *value = get_text(reader, r);

                if (name && value)
                        *r = labels_set(labels, name, value);
                else
                        codec_fail(reader);
                free(name);
                free(value);
        }
}

/* One that the kernel would load, or none. */
static void get_filter(struct codec_reader *reader, struct filter *filter, int *r) {
        const char *bytes;
        size_t n;

        bytes = codec_get_bytes(reader, FILTER_MAX * sizeof(*filter->insns), &n);
        if (reader->error || n % sizeof(*filter->insns) != 0) {
                codec_fail(reader);
                return;
        }
        if (n == 0)
                return;
        filter->insns = malloc(n);
        if (!filter->insns) {
                *r = error_origin(-ENOMEM);
                return;
        }
        memcpy(filter->insns, bytes, n);
        filter->n = n / sizeof(*filter->insns);
        if (filter_check(filter) != 0)
                codec_fail(reader);
}

static void get_flags(struct codec_reader *reader, struct adopted *ret) {
        uint64_t flags = codec_get_uint(reader, UINT32_MAX);

        ret->all = flags & ADOPT_ALL;
        ret->include_runtime = flags & ADOPT_INCLUDE_RUNTIME;
        ret->decode_all = flags & ADOPT_DECODE_ALL;
        ret->runtime = flags & ADOPT_RUNTIME;
        ret->chosen = flags & ADOPT_CHOSEN;
}

static int get(struct codec_reader *reader, struct adopted *ret) {
        size_t n = codec_get_array(reader);
        int r = 0;

        if (n < FIELDS)
                codec_fail(reader);
        ret->number = codec_get_uint(reader, UINT64_MAX);
        ret->began_ns = codec_get_uint(reader, UINT64_MAX);
        ret->origin = (enum origin)codec_get_uint(reader, ORIGIN_OCI);
        ret->uid = (uint32_t)codec_get_uint(reader, UINT32_MAX);
        ret->pid = (uint32_t)codec_get_uint(reader, UINT32_MAX);
        get_labels(reader, &ret->labels, &r);
        ret->labels.n_left_out = (size_t)codec_get_uint(reader, SIZE_MAX);
        ret->mode = (enum wire_mode)codec_get_uint(reader, WIRE_MODE_POLICY);
        get_flags(reader, ret);
        ret->runtime_pid = (uint32_t)codec_get_uint(reader, UINT32_MAX);
        ret->launcher = (uint32_t)codec_get_uint(reader, UINT32_MAX);
        ret->metadata = get_text(reader, &r);
        ret->rule = get_text(reader, &r);
        ret->profile = get_text(reader, &r);
        ret->problem = get_text(reader, &r);
        ret->label = get_text(reader, &r);
        get_filter(reader, &ret->filter, &r);
        ret->policy = get_text(reader, &r);
        ret->policy_path = get_text(reader, &r);
        get_labels(reader, &ret->policing_labels, &r);
        for (size_t i = 20; i < n && !reader->error; i++)
                codec_skip(reader);
        if (ret->mode == 0 || ret->number == 0 || (ret->mode == WIRE_MODE_POLICY) != (ret->policy != NULL))
                codec_fail(reader);
        return r;
}

int adopt_read_bytes(const void *bytes, size_t n, struct adopted *ret) {
        struct codec_reader reader;
        int r;

        *ret = (struct adopted){ .listener_fd = -1 };
        codec_reader_init(&reader, bytes, n);
        r = get(&reader, ret);
        if (!r && codec_reader_finish(&reader) != CODEC_OK)
                r = 1;
        if (r)
                adopted_deinit(ret);
        else
                ret->described = true;
        return r < 0 ? error_trace(r) : r;
}

void adopted_deinit(struct adopted *adopted) {
        labels_deinit(&adopted->labels);
        labels_deinit(&adopted->policing_labels);
        free(adopted->metadata);
        free(adopted->rule);
        free(adopted->profile);
        free(adopted->problem);
        free(adopted->label);
        free(adopted->policy);
        free(adopted->policy_path);
        filter_deinit(&adopted->filter);
        fd_close(adopted->listener_fd);
        journal_free(adopted->journal);
        *adopted = (struct adopted){ .listener_fd = -1 };
}

/* The number that the thing was kept under; 0: it is no session. */
static uint64_t number_in(const char *name) {
        static const char prefix[] = "session-";
        char *end;
        unsigned long long number;

        if (strncmp(name, prefix, sizeof(prefix) - 1) != 0)
                return 0;
        number = strtoull(name + sizeof(prefix) - 1, &end, 10);
        return *end ? 0 : number;
}

int adopt_read(struct kept *kept, const struct kernel *kernel, struct adopted *ret) {
        uint64_t number = number_in(kept->name);
        struct journal *journal = NULL;
        enum journal_kept how = JOURNAL_LOST;
        int listener = -1, memory = -1, r = 0;
        const void *meta;
        size_t n;

        *ret = (struct adopted){ .listener_fd = -1 };
        /* A store may have lost or swapped them. */
        for (size_t i = 0; i < kept->n_fds; i++)
                if (kernel->is_listener(kernel->data, kept->fds[i]))
                        listener = fd_take(&kept->fds[i]);
                else if (memory < 0)
                        memory = fd_take(&kept->fds[i]);
        for (size_t i = 0; i < kept->n_fds; i++)
                kept->fds[i] = fd_close(kept->fds[i]);
        if (number == 0 || listener < 0) {
                fd_close(listener);
                fd_close(memory);
                return 1;
        }
        r = journal_adopt(memory, &journal, &how);
        if (r) {
                fd_close(listener);
                return error_trace(r);
        }
        meta = journal_meta(journal, &n);
        if (meta)
                r = adopt_read_bytes(meta, n, ret);
        if (r >= 0) {
                ret->number = number;
                ret->listener_fd = listener;
                ret->journal = journal;
                ret->kept = how;
                return 0;
        }
        fd_close(listener);
        journal_free(journal);
        return error_trace(r);
}
