/* SPDX-License-Identifier: Apache-2.0 */

/* What goes over the wire and into files, byte by byte. */

#include <criterion/criterion.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "policy/sha256.h"
#include "proto/codec.h"
#include "supervisor/service/forward_chunk.h"
#include "supervisor/service/forward_record.h"

static void expect_bytes(const struct buf *buf, const char *bytes, size_t n) {
        cr_assert_eq(buf->n, n, "%zu bytes, not %zu", buf->n, n);
        for (size_t i = 0; i < n; i++)
                cr_assert_eq(buf->data[i], bytes[i], "byte %zu is %02x, not %02x", i,
                             (unsigned char)buf->data[i], (unsigned char)bytes[i]);
}

#define EXPECT_BYTES(buf, bytes) expect_bytes(buf, bytes, sizeof(bytes) - 1)

Test(forward_chunk, a_message_is_tag_entries_and_options) {
        struct buf head = BUF_INIT(0), tail = BUF_INIT(0), plain = BUF_INIT(0);

        cr_assert_eq(forward_chunk_head(&head, "app.callgate", 300), 0);
        EXPECT_BYTES(&head, "\x93\xac"
                            "app.callgate\xc5\x01\x2c");
        cr_assert_eq(forward_chunk_tail(&tail, 2, "AAECAwQFBgcICQoLDA0ODw=="), 0);
        EXPECT_BYTES(&tail, "\x82\xa4size\x02\xa5"
                            "chunk\xb8"
                            "AAECAwQFBgcICQoLDA0ODw==");
        cr_assert_eq(forward_chunk_tail(&plain, 200, NULL), 0);
        EXPECT_BYTES(&plain, "\x81\xa4size\xcc\xc8");
        buf_deinit(&head);
        buf_deinit(&tail);
        buf_deinit(&plain);
}

Test(forward_chunk, ids_are_base64_and_differ) {
        struct forward_chunk *chunks[100];

        for (size_t i = 0; i < 100; i++) {
                struct buf entries = BUF_INIT(0);

                buf_puts(&entries, "x");
                cr_assert_eq(forward_chunk_new(&entries, 1, &chunks[i]), 0);
                cr_expect_eq(entries.n, 0);
                cr_expect_eq(strlen(chunks[i]->id), 24);
                cr_expect_str_eq(chunks[i]->id + 22, "==");
                /* 128 bits: the last digit has four unused ones. */
                cr_expect(strchr("AQgw", chunks[i]->id[21]), "%s", chunks[i]->id);
                for (size_t j = 0; j < i; j++)
                        cr_expect_str_neq(chunks[i]->id, chunks[j]->id);
        }
        for (size_t i = 0; i < 100; i++)
                forward_chunk_free(chunks[i]);
}

static struct forward_chunk *chunk_of(const char *text, uint32_t n_records) {
        struct buf entries = BUF_INIT(0);
        struct forward_chunk *chunk;

        buf_puts(&entries, text);
        cr_assert_eq(forward_chunk_new(&entries, n_records, &chunk), 0);
        return chunk;
}

static void file_of(struct buf *to, const struct forward_chunk *chunk) {
        cr_assert_eq(forward_chunk_file_head(to, chunk), 0);
        buf_put(to, chunk->payload->buf.data + chunk->payload->from, chunk->payload->n);
}

Test(forward_chunk, a_file_comes_back) {
        struct forward_chunk *chunk = chunk_of("entries", 3);
        struct forward_payload *payload;
        struct buf file = BUF_INIT(0);
        char id[FORWARD_ID_SIZE], digest[SHA256_TEXT_SIZE], wanted[200];
        uint32_t n_records;
        int n;

        file_of(&file, chunk);
        n = snprintf(wanted, sizeof(wanted), "\x96\xae%s\x01\xb8%s\x03\xd9\x47%s\xc4\x07%s",
                     "callgate-chunk", chunk->id, sha256_text("entries", 7, digest), "entries");
        expect_bytes(&file, wanted, (size_t)n);
        cr_assert_eq(forward_chunk_file_read(&file, id, &n_records, &payload), 0);
        cr_expect_str_eq(id, chunk->id);
        cr_expect_eq(n_records, 3);
        cr_expect_eq(payload->n, 7);
        cr_expect_arr_eq(payload->buf.data + payload->from, "entries", 7);
        forward_payload_free(payload);
        forward_chunk_free(chunk);
        buf_deinit(&file);
}

/* Every byte of a file matters, and so does its end. */
Test(forward_chunk, broken_files_are_known) {
        struct forward_chunk *chunk = chunk_of("some entries", 1);
        struct buf file = BUF_INIT(0);

        file_of(&file, chunk);
        for (size_t i = 0; i < 3 * file.n; i++) {
                struct forward_payload *payload = NULL;
                struct buf broken = BUF_INIT(0);
                char id[FORWARD_ID_SIZE];
                uint32_t n_records;
                int r;

                buf_put(&broken, file.data, i < file.n ? i : file.n);
                if (i >= 2 * file.n)
                        broken.data[i % file.n] ^= 0x20;
                else if (i >= file.n)
                        buf_put(&broken, "\xc0", 1);
                r = forward_chunk_file_read(&broken, id, &n_records, &payload);
                /* Another id or number that is one as well is not for the digest of the entries to find. */
                if (i >= 2 * file.n && r == 0)
                        cr_expect(strcmp(id, chunk->id) != 0 || n_records != 1, "byte %zu", i % file.n);
                else
                        cr_expect_eq(r, FORWARD_CHUNK_E_BROKEN, "%zu gave %d", i, r);
                forward_payload_free(payload);
                buf_deinit(&broken);
        }
        buf_deinit(&file);
        forward_chunk_free(chunk);
}

/* ---- records ---- */

static void put_entry(struct buf *to, const struct publication *publication) {
        struct forward_scratch scratch = FORWARD_SCRATCH_INIT;

        cr_assert_eq(forward_record_put(to, &scratch, publication), 0);
        forward_scratch_deinit(&scratch);
}

Test(forward_record, an_entry_is_a_time_and_a_map) {
        const struct publication_source source = { .number = 7, .uid = 1000, .mode = WIRE_MODE_DRY_RUN };
        const struct publication publication = { .kind = PUBLICATION_LOST,
                                                 .now_ns = UINT64_C(1700000000123456789),
                                                 .source = &source,
                                                 .lost = 5 };
        struct buf entry = BUF_INIT(0);

        put_entry(&entry, &publication);
        EXPECT_BYTES(&entry, "\x92\xd7\x00\x65\x53\xf1\x00\x07\x5b\xcd\x15"
                             "\x84\xa4kind\xa4lost\xa7session\x07\xa4mode\xa7"
                             "dry-run\xa4lost\x05");
        buf_deinit(&entry);
}

/* The text of one key, "" if there is none; numbers as text. */
static const char *field(const struct buf *entry, const char *wanted) {
        static char text[8192];
        struct codec_reader reader;
        size_t n_pairs;

        codec_reader_init(&reader, entry->data, entry->n);
        codec_get_array(&reader);
        codec_skip(&reader);
        n_pairs = codec_get_map(&reader);
        for (size_t i = 0; i < n_pairs; i++) {
                size_t n;
                const char *key = codec_get_bytes(&reader, 1000, &n);
                bool found = n == strlen(wanted) && memcmp(key, wanted, n) == 0;

                if (!found)
                        codec_skip(&reader);
                else if (codec_peek(&reader) == CODEC_BYTES) {
                        const char *value = codec_get_bytes(&reader, sizeof(text) - 1, &n);

                        snprintf(text, sizeof(text), "%.*s", (int)n, value);
                        return text;
                } else if (codec_peek(&reader) == CODEC_BOOL)
                        return codec_get_bool(&reader) ? "true" : "false";
                else {
                        snprintf(text, sizeof(text), "%lld", (long long)codec_get_int(&reader));
                        return text;
                }
        }
        cr_expect_eq(codec_reader_finish(&reader), CODEC_OK);
        return "";
}

static const struct {
        const char *key, *value;
} fields[] = {
        { "kind", "row" },
        { "session", "12" },
        { "mode", "policy" },
        { "profile", "web" },
        { "node", "n1" },
        { "pod", "web-0" },
        { "namespace", "" },
        { "container_id", "abc" },
        { "oci_runtime", "runc" },
        { "count", "3" },
        { "comm", "a\\xffb\\\\c" },
        { "exe", "/usr/bin/a\\n" },
        { "pid", "10" },
        { "tid", "11" },
        { "uid", "" },
        { "arch", "x86_64" },
        { "syscall", "mkdir" },
        { "nr", "83" },
        { "args", "\"/tmp/\\x20\", 0777\\xc3" }, /* escaped by the decoder, and cut in a character */
        { "verdict", "SECCOMP_RET_ERRNO(EPERM)" },
        { "answer", "errno" },
        { "errno", "13" },
        { "errno_name", "EACCES" },
        { "ip", "0x1234" },
        { "runtime", "true" },
        { "gone", "" },
        { "first", "2023-11-14T22:13:20.000000000Z" },
};

Test(forward_record, fields_of_a_row) {
        struct labels labels = LABELS_INIT;
        struct event event = {
                .first_ns = UINT64_C(1700000000000000000),
                .last_ns = UINT64_C(1700000001000000000),
                .count = 3,
                .pid = 10,
                .tid = 11,
                .uid = UINT32_MAX,
                .arch = AUDIT_ARCH_X86_64,
                .nr = SYS_mkdir,
                .flags = EVENT_RUNTIME,
                .ip = 0x1234,
                .verdict = SECCOMP_RET_ERRNO | 1,
                .answer = EVENT_ANSWER_ERRNO,
                .value = 13,
                .comm = "a\xff"
                        "b\\c",
                .exe = "/usr/bin/a\n",
                .detail = "\"/tmp/\\x20\", 0777\xc3",
        };
        const struct publication_source source = {
                .number = 12, .mode = WIRE_MODE_POLICY, .profile = "web", .labels = &labels
        };
        const struct publication publication = { .kind = PUBLICATION_ROW,
                                                 .source = &source,
                                                 .event = &event };
        struct buf entry = BUF_INIT(0);

        labels_set(&labels, "node", "n1");
        labels_set(&labels, "pod", "web-0");
        labels_set(&labels, "container-id", "abc");
        labels_set(&labels, "runtime", "runc");
        labels_set(&labels, "annotation.x", "y");
        put_entry(&entry, &publication);
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
                cr_expect_str_eq(field(&entry, fields[i].key), fields[i].value, "%s is %s, not %s",
                                 fields[i].key, field(&entry, fields[i].key), fields[i].value);
        buf_deinit(&entry);
        labels_deinit(&labels);
}

/* Labels are of strangers: whatever they are, an entry stays small. */
Test(forward_record, an_entry_is_bounded) {
        static char value[LABEL_VALUE_MAX + 1], name[LABEL_NAME_MAX + 1];
        static const char *const known[] = { "node",      "namespace",    "pod",     "pod-uid",
                                             "container", "container-id", "image",   "sandbox-id",
                                             "unit",      "runtime",      "manager", "command" };
        struct labels labels = LABELS_INIT;
        const struct publication_source source = { .number = 1,
                                                   .mode = WIRE_MODE_RECORD,
                                                   .labels = &labels };
        const struct publication publication = { .kind = PUBLICATION_BEGIN, .source = &source };
        struct buf entry = BUF_INIT(0);

        memset(value, 1, sizeof(value) - 1);
        memset(name, 2, sizeof(name) - 1);
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
                labels_set(&labels, known[i], value);
        for (char c = 'a'; c <= 'z'; c++) {
                name[0] = c;
                labels_set(&labels, name, value);
        }
        put_entry(&entry, &publication);
        cr_expect_lt(entry.n, FORWARD_RECORD_MAX);
        cr_expect_eq(strlen(field(&entry, "node")), 4096);
        buf_deinit(&entry);
        labels_deinit(&labels);
}

Test(forward_record, a_hole_is_told) {
        const struct forward_hole hole = { .records = 9,
                                           .calls = 1000,
                                           .since_ns = UINT64_C(1700000000000000000) };
        struct forward_scratch scratch = FORWARD_SCRATCH_INIT;
        struct buf entry = BUF_INIT(0);

        cr_assert_eq(forward_record_put_hole(&entry, &scratch, "n1", UINT64_C(1700000001000000000), &hole),
                     0);
        cr_expect_str_eq(field(&entry, "kind"), "dropped");
        cr_expect_str_eq(field(&entry, "node"), "n1");
        cr_expect_str_eq(field(&entry, "records"), "9");
        cr_expect_str_eq(field(&entry, "calls"), "1000");
        cr_expect_str_eq(field(&entry, "first"), "2023-11-14T22:13:20.000000000Z");
        forward_scratch_deinit(&scratch);
        buf_deinit(&entry);
}
