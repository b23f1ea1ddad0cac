/* SPDX-License-Identifier: Apache-2.0 */

/* Sources through bytes and back: which labels are kept, and how much of a container with too many. */

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/event_file.h"
#include "proto/event_source.h"

static int through_bytes(const struct event_source *from, struct event_source *ret, size_t *ret_n) {
        struct codec_writer writer;
        struct codec_reader reader;
        struct buf buf = BUF_INIT(0);
        int r;

        codec_writer_init(&writer, &buf);
        event_source_put(&writer, from);
        cr_assert_eq(codec_writer_finish(&writer), 0);
        codec_reader_init(&reader, buf.data, buf.n);
        cr_assert_eq(event_source_get(&reader, ret), 0);
        r = codec_reader_finish(&reader);
        *ret_n = buf.n;
        buf_deinit(&buf);
        return r;
}

Test(event_source, comes_back_without_what_is_not_for_files) {
        struct event_source from = { .number = UINT64_MAX, .uid = 1000, .mode = WIRE_MODE_DRY_RUN }, to;
        size_t n;

        from.profile = strdup("web.json");
        cr_assert_eq(labels_set(&from.labels, "pod", "web-0"), 0);
        labels_set(&from.labels, "annotation.io.kubernetes.cri.sandbox-id", "x");
        labels_set(&from.labels, "team", "\xff");
        from.labels.n_left_out = 7;
        cr_assert_eq(through_bytes(&from, &to, &n), CODEC_OK);
        cr_expect_eq(to.number, UINT64_MAX);
        cr_expect_eq(to.uid, 1000);
        cr_expect_eq(to.mode, WIRE_MODE_DRY_RUN);
        cr_expect_str_eq(to.profile, "web.json");
        cr_expect_str_eq(event_source_label(&to, "pod"), "web-0");
        cr_expect_str_eq(event_source_label(&to, "team"), "\xff");
        cr_expect_eq(to.labels.n, 2);
        cr_expect_eq(to.labels.n_left_out, 8, "the annotation is counted");
        cr_expect_null(event_source_label(NULL, "pod"));
        event_source_deinit(&from);
        event_source_deinit(&to);
}

Test(event_source, a_container_with_too_many_labels_still_fits) {
        struct event_source from = { .number = 1 }, to;
        char name[16], *value = malloc(EVENT_SOURCE_LABEL_MAX + 2);
        size_t n;

        memset(value, 'v', EVENT_SOURCE_LABEL_MAX + 1);
        value[EVENT_SOURCE_LABEL_MAX + 1] = 0;
        labels_set(&from.labels, "long", value);
        value[EVENT_SOURCE_LABEL_MAX] = 0;
        for (unsigned i = 0; i < 100; i++) {
                snprintf(name, sizeof(name), "name-%u", i);
                labels_set(&from.labels, name, value);
        }
        cr_assert_eq(through_bytes(&from, &to, &n), CODEC_OK);
        cr_expect_lt(n, EVENT_FILE_RECORD_MAX);
        cr_expect_gt(to.labels.n, 10);
        cr_expect_null(event_source_label(&to, "long"));
        cr_expect_eq(to.labels.n + to.labels.n_left_out, 101);
        free(value);
        event_source_deinit(&from);
        event_source_deinit(&to);
}

static const struct {
        const char *what, *bytes;
        size_t n;
} wrong[] = {
        { "too few fields", "\x94\x01\x00\x01\xc4\x00", 6 },
        { "a number that none has", "\x95\x00\x00\x01\xc4\x00\x90", 7 },
        { "a name without a value", "\x95\x01\x00\x01\xc4\x00\x91\xc4\x01n", 10 },
        { "a NUL in a value", "\x95\x01\x00\x01\xc4\x00\x92\xc4\x01n\xc4\x01\x00", 13 },
        { "a NUL in the profile", "\x95\x01\x00\x01\xc4\x01\x00\x90", 8 },
};

Test(event_source, nonsense_is_refused) {
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                struct codec_reader reader;
                struct event_source source;

                codec_reader_init(&reader, wrong[i].bytes, wrong[i].n);
                cr_expect_eq(event_source_get(&reader, &source), 0);
                cr_expect_eq(codec_reader_finish(&reader), CODEC_E_INVALID, "%s", wrong[i].what);
                event_source_deinit(&source);
        }
}
