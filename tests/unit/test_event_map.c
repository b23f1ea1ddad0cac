/* SPDX-License-Identifier: Apache-2.0 */

/* Events as maps: every map has as many pairs as it says, whatever is known of the call. */

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/syscall.h>

#include "proto/event_map.h"
#include "proto/rpc.h"

struct seen {
        struct rpc_value name, detail, proc, answer, value, rule, args;
        uint64_t count;
        bool observed, runtime, has_value, has_rule;
};

static struct seen put_and_get(const struct event *event) {
        struct seen seen = { 0 };
        const struct rpc_field fields[] = {
                { "syscall_name", RPC_TEXT, &seen.name, NULL },
                { "detail", RPC_TEXT, &seen.detail, NULL },
                { "proc", RPC_VALUE, &seen.proc, NULL },
                { "answer", RPC_TEXT, &seen.answer, NULL },
                { "value", RPC_VALUE, &seen.value, &seen.has_value },
                { "rule", RPC_TEXT, &seen.rule, &seen.has_rule },
                { "args", RPC_VALUE, &seen.args, NULL },
                { "count", RPC_UINT, &seen.count, NULL },
                { "observed", RPC_BOOL, &seen.observed, NULL },
                { "runtime", RPC_BOOL, &seen.runtime, NULL },
        };
        static struct buf buf;
        struct codec_writer writer;
        struct codec_reader reader;

        buf_deinit(&buf);
        buf = BUF_INIT(0);
        codec_writer_init(&writer, &buf);
        event_put_map(&writer, event);
        cr_assert_eq(codec_writer_finish(&writer), 0);
        codec_reader_init(&reader, buf.data, buf.n);
        rpc_get_fields(&reader, fields, sizeof(fields) / sizeof(fields[0]), NULL);
        cr_assert_eq(codec_reader_finish(&reader), CODEC_OK, "pairs are miscounted");
        return seen;
}

static bool is(struct rpc_value value, const char *text) {
        return value.n == strlen(text) && memcmp(value.bytes, text, value.n) == 0;
}

Test(event_map, what_is_known_and_what_is_not) {
        struct event event = {
                .first_ns = 1,
                .last_ns = 9,
                .count = 3,
                .pid = 7,
                .tid = 7,
                .uid = 33,
                .arch = AUDIT_ARCH_X86_64,
                .nr = SYS_mkdir,
                .flags = EVENT_OBSERVED | EVENT_UNKNOWN_ARG(1),
                .verdict = SECCOMP_RET_ERRNO | EACCES,
                .answer = EVENT_ANSWER_ERRNO,
                .value = EACCES,
                .comm = "sh",
                .exe = "/bin/sh",
                .detail = "\"a\xff\", 0777",
                .rule = "no dirs",
        };
        struct seen seen = put_and_get(&event);

        cr_expect(is(seen.name, "mkdir"));
        cr_expect(is(seen.detail, "\"a\\xff\", 0777"));
        cr_expect(is(seen.answer, "errno") && seen.has_value && is(seen.value, "\x0d"));
        cr_expect(is(seen.rule, "no dirs"));
        cr_expect(seen.observed && !seen.runtime && seen.count == 3);
        cr_expect(is(seen.args, "\x96\xa3"
                                "0x0"
                                "\xc0"
                                "\xa3"
                                "0x0"
                                "\xa3"
                                "0x0"
                                "\xa3"
                                "0x0"
                                "\xa3"
                                "0x0"));
        cr_expect(is(seen.proc, "\x85\xa4"
                                "comm"
                                "\xa2"
                                "sh"
                                "\xa3"
                                "pid"
                                "\x07"
                                "\xa3"
                                "tid"
                                "\x07"
                                "\xa5"
                                "creds"
                                "\x81\xa3"
                                "uid"
                                "\x21\xa3"
                                "exe"
                                "\xa7/bin/sh"));

        event = (struct event){ .count = 1, .uid = UINT32_MAX, .nr = 5000, .verdict = 0x12340000 };
        seen = put_and_get(&event);
        cr_expect(is(seen.name, "syscall_0x1388"));
        cr_expect(!seen.has_value && !seen.has_rule && !seen.detail.bytes);
        cr_expect_eq(seen.proc.n, 17);
        event.flags |= EVENT_RUNTIME;
        cr_expect(put_and_get(&event).runtime);
}

Test(event_map, a_ledger) {
        const struct ledger ledger = { .received = 5, .merged = 2 };
        struct buf buf = BUF_INIT(0);
        struct codec_writer writer;
        struct codec_reader reader;
        uint64_t received = 0, merged = 0, dropped = 1;
        const struct rpc_field fields[] = { { "received", RPC_UINT, &received, NULL },
                                            { "merged", RPC_UINT, &merged, NULL },
                                            { "dropped", RPC_UINT, &dropped, NULL } };

        codec_writer_init(&writer, &buf);
        ledger_put_map(&writer, &ledger);
        codec_writer_finish(&writer);
        codec_reader_init(&reader, buf.data, buf.n);
        rpc_get_fields(&reader, fields, 3, NULL);
        cr_expect_eq(codec_reader_finish(&reader), CODEC_OK);
        cr_expect(received == 5 && merged == 2 && dropped == 0);
        buf_deinit(&buf);
}
