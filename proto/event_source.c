/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sources as arrays, like events.
 *
 * What must stay true: a record of a source fits into EVENT_FILE_RECORD_MAX, whatever labels a container
 * has; what was left out is counted in it.
 */

#include "proto/event_source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define N_FIELDS    6
#define LEAST       5
#define PROFILE_MAX 4096

void event_source_deinit(struct event_source *source) {
        free(source->profile);
        labels_deinit(&source->labels);
        *source = (struct event_source){ 0 };
}

const char *event_source_label(const struct event_source *source, const char *name) {
        return source ? labels_get(&source->labels, name) : NULL;
}

const char *event_source_mode(enum wire_mode mode) {
        switch (mode) {
        case WIRE_MODE_DRY_RUN:
                return "dry-run";
        case WIRE_MODE_RECORD:
                return "record";
        case WIRE_MODE_ENFORCE:
                return "enforce";
        case WIRE_MODE_POLICY:
                return "policy";
        }
        return "unknown";
}

bool event_source_keeps(const struct label *label) {
        return strncmp(label->name, "annotation.", 11) != 0 &&
               strlen(label->value) <= EVENT_SOURCE_LABEL_MAX;
}

static size_t kept(const struct labels *labels, size_t *bytes, size_t i) {
        size_t n = strlen(labels->items[i].name) + strlen(labels->items[i].value);

        if (!event_source_keeps(&labels->items[i]) || *bytes + n > EVENT_SOURCE_LABELS_MAX)
                return 0;
        *bytes += n;
        return 1;
}

void event_source_put(struct codec_writer *writer, const struct event_source *source) {
        const struct labels *labels = &source->labels;
        const char *profile = source->profile ? source->profile : "";
        size_t n = 0, bytes = 0;

        for (size_t i = 0; i < labels->n; i++)
                n += kept(labels, &bytes, i);
        codec_put_array(writer, N_FIELDS);
        codec_put_uint(writer, source->number);
        codec_put_uint(writer, source->uid);
        codec_put_uint(writer, source->mode);
        codec_put_bytes(writer, profile, strnlen(profile, PROFILE_MAX));
        codec_put_array(writer, 2 * n);
        bytes = 0;
        for (size_t i = 0; i < labels->n; i++)
                if (kept(labels, &bytes, i)) {
                        codec_put_bytes(writer, labels->items[i].name, strlen(labels->items[i].name));
                        codec_put_bytes(writer, labels->items[i].value, strlen(labels->items[i].value));
                }
        codec_put_uint(writer, labels->n_left_out + labels->n - n);
}

static int label_get(struct codec_reader *reader, struct labels *labels) {
        size_t n_name, n_value;
        const char *name = codec_get_bytes(reader, LABEL_NAME_MAX, &n_name);
        const char *value = codec_get_bytes(reader, LABEL_VALUE_MAX, &n_value);
        char copy[LABEL_NAME_MAX + 1];

        if (memchr(name, 0, n_name) || memchr(value, 0, n_value))
                codec_fail(reader);
        if (reader->error)
                return 0;
        memcpy(copy, name, n_name);
        copy[n_name] = 0;
        return error_trace(labels_set_bytes(labels, copy, value, n_value));
}

int event_source_get(struct codec_reader *reader, struct event_source *ret) {
        size_t n = codec_get_array(reader), n_labels, n_profile;
        const char *profile;
        int r = 0;

        *ret = (struct event_source){ 0 };
        if (n < LEAST)
                codec_fail(reader);
        ret->number = codec_get_uint(reader, UINT64_MAX);
        ret->uid = (uint32_t)codec_get_uint(reader, UINT32_MAX);
        ret->mode = (enum wire_mode)codec_get_uint(reader, INT32_MAX);
        profile = codec_get_bytes(reader, PROFILE_MAX, &n_profile);
        if (memchr(profile, 0, n_profile))
                codec_fail(reader);
        n_labels = codec_get_array(reader);
        if (n_labels % 2 != 0 || (!reader->error && ret->number == 0))
                codec_fail(reader);
        for (size_t i = 0; i < n_labels && !reader->error && !r; i += 2)
                r = label_get(reader, &ret->labels);
        if (n >= N_FIELDS)
                ret->labels.n_left_out += codec_get_uint(reader, UINT32_MAX);
        for (size_t i = N_FIELDS; i < n && !reader->error; i++)
                codec_skip(reader);
        if (!r && !reader->error && n_profile > 0) {
                ret->profile = strndup(profile, n_profile);
                r = ret->profile ? 0 : error_origin(-ENOMEM);
        }
        return error_trace(r);
}
