/* SPDX-License-Identifier: Apache-2.0 */

/* Events and ledgers through bytes and back. */

#include <criterion/criterion.h>
#include <string.h>

#include "proto/event_codec.h"

static struct event full_event(void) {
        struct event event = { .first_ns = UINT64_MAX - 5,
                               .last_ns = UINT64_MAX,
                               .count = UINT64_MAX,
                               .pid = 1,
                               .tid = UINT32_MAX,
                               .uid = UINT32_MAX,
                               .arch = 0xc00000b7,
                               .nr = 0x40000201,
                               .flags = EVENT_GONE | EVENT_DETAIL_OK,
                               .ip = 0x7fffffffffff,
                               .args = { 0, 1, UINT64_MAX, UINT64_C(1) << 63, 5, 6 },
                               .verdict = 0x80000000,
                               .answer = EVENT_ANSWER_VALUE,
                               .value = INT64_MIN,
                               .object_offset = 12345,
                               .source = UINT64_MAX };

        memset(event.comm, 0xff, sizeof(event.comm) - 1);
        memset(event.exe, 'e', sizeof(event.exe) - 1);
        memset(event.detail, '\n', sizeof(event.detail) - 1);
        memset(event.object, 'o', sizeof(event.object) - 1);
        return event;
}

static void expect_equal(const struct event *one, const struct event *other) {
        cr_expect_eq(one->first_ns, other->first_ns);
        cr_expect_eq(one->last_ns, other->last_ns);
        cr_expect_eq(one->count, other->count);
        cr_expect_eq(one->pid, other->pid);
        cr_expect_eq(one->tid, other->tid);
        cr_expect_eq(one->uid, other->uid);
        cr_expect_eq(one->arch, other->arch);
        cr_expect_eq(one->nr, other->nr);
        cr_expect_eq(one->flags, other->flags);
        cr_expect_eq(one->ip, other->ip);
        cr_expect_arr_eq(one->args, other->args, sizeof(one->args));
        cr_expect_eq(one->verdict, other->verdict);
        cr_expect_eq(one->answer, other->answer);
        cr_expect_eq(one->value, other->value);
        cr_expect_str_eq(one->comm, other->comm);
        cr_expect_str_eq(one->exe, other->exe);
        cr_expect_str_eq(one->detail, other->detail);
        cr_expect_str_eq(one->object, other->object);
        cr_expect_eq(one->object_offset, other->object_offset);
        cr_expect_eq(one->source, other->source);
}

Test(event_codec, extremes_come_back) {
        struct event from = full_event(), empty = { .count = 1 }, to;
        struct buf buf = BUF_INIT(0);

        cr_assert_eq(event_encode(&buf, &from), 0);
        memset(&to, 0xaa, sizeof(to));
        cr_assert_eq(event_decode(buf.data, buf.n, &to), CODEC_OK);
        expect_equal(&from, &to);
        buf_reset(&buf);
        cr_assert_eq(event_encode(&buf, &empty), 0);
        memset(&to, 0xaa, sizeof(to));
        cr_assert_eq(event_decode(buf.data, buf.n, &to), CODEC_OK);
        expect_equal(&empty, &to);
        cr_expect_lt(buf.n, 40, "an empty event takes %zu bytes", buf.n);
        buf_deinit(&buf);
}

/* The clock may have been set back between the first and the last occurrence. */
Test(event_codec, time_may_run_backwards) {
        struct event from = { .count = 2, .first_ns = 1000, .last_ns = 10 }, to;
        struct buf buf = BUF_INIT(0);

        event_encode(&buf, &from);
        cr_assert_eq(event_decode(buf.data, buf.n, &to), CODEC_OK);
        cr_expect_eq(to.last_ns, 10);
        buf_deinit(&buf);
}

Test(event_codec, a_text_without_an_end_is_cut) {
        struct event from = { .count = 1 }, to;
        struct buf buf = BUF_INIT(0);

        memset(from.comm, 'x', sizeof(from.comm));
        event_encode(&buf, &from);
        cr_assert_eq(event_decode(buf.data, buf.n, &to), CODEC_OK);
        cr_expect_eq(strlen(to.comm), EVENT_COMM_MAX - 1);
        buf_deinit(&buf);
}

/* An event of another writer: n_fields numbers and texts, count as given. */
static void put_foreign(struct buf *buf, size_t n_fields, uint64_t count, const char *comm, size_t n_comm) {
        struct codec_writer writer;

        codec_writer_init(&writer, buf);
        codec_put_array(&writer, n_fields);
        for (size_t i = 0; i < n_fields; i++) {
                if (i == 2)
                        codec_put_uint(&writer, count);
                else if (i == 19)
                        codec_put_text(&writer, comm, n_comm);
                else if ((i >= 20 && i <= 22) || i == 24)
                        codec_put_bytes(&writer, "t", 1);
                else
                        codec_put_uint(&writer, i);
        }
        codec_writer_finish(&writer);
}

Test(event_codec, appended_fields_are_skipped) {
        struct buf buf = BUF_INIT(0);
        struct event to;

        put_foreign(&buf, 30, 4, "later", 5);
        cr_assert_eq(event_decode(buf.data, buf.n, &to), CODEC_OK);
        cr_expect_eq(to.count, 4);
        cr_expect_eq(to.pid, 3);
        cr_expect_str_eq(to.comm, "later");
        cr_expect_eq(to.object_offset, 23);
        cr_expect_str_eq(to.rule, "t");
        cr_expect_eq(to.source, 25);
        buf_deinit(&buf);
}

Test(event_codec, longer_texts_of_a_later_version_are_cut) {
        struct buf buf = BUF_INIT(0);
        struct event to;

        put_foreign(&buf, 24, 1, "a name longer than ours", 23);
        cr_assert_eq(event_decode(buf.data, buf.n, &to), CODEC_OK);
        cr_expect_str_eq(to.comm, "a name longer t");
        cr_expect_str_eq(to.rule, "", "older files have no rule");
        cr_expect_eq(to.source, 0, "nor sources");
        buf_deinit(&buf);
}

Test(event_codec, nonsense_is_refused) {
        static const struct {
                size_t n_fields;
                uint64_t count;
                const char *comm;
                size_t n_comm;
        } rows[] = {
                { 23, 1, "x", 1 },    /* a field is missing */
                { 24, 0, "x", 1 },    /* happened never */
                { 24, 1, "a\0b", 3 }, /* text with a NUL */
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct buf buf = BUF_INIT(0);
                struct event to;

                put_foreign(&buf, rows[i].n_fields, rows[i].count, rows[i].comm, rows[i].n_comm);
                cr_expect_eq(event_decode(buf.data, buf.n, &to), CODEC_E_INVALID, "row %zu", i);
                buf_deinit(&buf);
        }
}

Test(event_codec, every_cut_is_short) {
        struct event from = full_event(), to;
        struct buf buf = BUF_INIT(0);

        event_encode(&buf, &from);
        for (size_t n = 0; n < buf.n; n++) {
                char *cut = malloc(n + 1);

                memcpy(cut, buf.data, n);
                cr_expect_eq(event_decode(cut, n, &to), CODEC_E_SHORT, "cut at %zu", n);
                free(cut);
        }
        buf_deinit(&buf);
}

Test(event_codec, ledgers_come_back) {
        struct ledger from = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, UINT64_MAX }, to;
        struct codec_writer writer;
        struct codec_reader reader;
        struct buf buf = BUF_INIT(0);

        codec_writer_init(&writer, &buf);
        ledger_put(&writer, &from);
        cr_assert_eq(codec_writer_finish(&writer), 0);
        codec_reader_init(&reader, buf.data, buf.n);
        ledger_get(&reader, &to);
        cr_assert_eq(codec_reader_finish(&reader), CODEC_OK);
        cr_expect_arr_eq(&from, &to, sizeof(from));
        buf_deinit(&buf);
}

Test(event_codec, ledgers_balance_or_not) {
        cr_expect(ledger_balances(&(struct ledger){
                .received = 10, .answered = 7, .gone = 2, .pending = 1, .recorded = 9, .dropped = 1 }));
        cr_expect_not(ledger_balances(
                &(struct ledger){ .received = 10, .answered = 7, .gone = 2, .recorded = 10 }));
        cr_expect_not(ledger_balances(&(struct ledger){ .received = 1, .answered = 1 }));
}
