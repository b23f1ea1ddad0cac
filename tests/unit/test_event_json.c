/* SPDX-License-Identifier: Apache-2.0 */

/* Events as JSON, read back by jansson: valid whatever bytes are in them, keys as documented. */

#include <criterion/criterion.h>
#include <errno.h>
#include <jansson.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <string.h>

#include "proto/event_json.h"

static json_t *parsed(struct buf *buf) {
        json_error_t error;
        json_t *root;

        cr_assert_eq(buf_error(buf), 0);
        cr_assert_null(strchr(buf_string(buf), '\n'), "one line");
        root = json_loads(buf_string(buf), JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
        cr_assert_not_null(root, "%s in %s", error.text, buf_string(buf));
        buf_deinit(buf);
        return root;
}

static json_t *json_of(const struct event *event, const char *rule) {
        struct buf buf = BUF_INIT(0);

        event_json(&buf, event, rule);
        return parsed(&buf);
}

static const char *text(json_t *root, const char *key) {
        const char *value = json_string_value(json_object_get(root, key));

        cr_assert_not_null(value, "no %s", key);
        return value;
}

static struct event sample(void) {
        struct event event = { .count = 2,
                               .first_ns = UINT64_C(1700000000123456789),
                               .last_ns = UINT64_C(1700000001000000000),
                               .pid = 812,
                               .tid = 815,
                               .uid = 1000,
                               .arch = AUDIT_ARCH_X86_64,
                               .nr = 257,
                               .flags = EVENT_DETAIL_OK,
                               .args = { 0xffffffffffffff9c, 0x1000 },
                               .verdict = SECCOMP_RET_ERRNO | EPERM,
                               .answer = EVENT_ANSWER_ERRNO,
                               .value = 2 };

        strcpy(event.comm, "nginx");
        strcpy(event.exe, "/usr/sbin/nginx");
        strcpy(event.detail, "AT_FDCWD, \"a.txt\", O_RDONLY");
        return event;
}

Test(event_json, documented_keys) {
        struct event event = sample();
        json_t *root = json_of(&event, "syscalls[3]"), *proc = json_object_get(root, "proc");

        cr_expect_str_eq(text(root, "timestamp"), "2023-11-14T22:13:20.123456789Z");
        cr_expect_eq(json_integer_value(json_object_get(root, "timestamp_raw")), 1700000000123456789);
        cr_expect_str_eq(text(root, "last_timestamp"), "2023-11-14T22:13:21.000000000Z");
        cr_expect_str_eq(text(proc, "comm"), "nginx");
        cr_expect_str_eq(text(proc, "exe"), "/usr/sbin/nginx");
        cr_expect_eq(json_integer_value(json_object_get(proc, "pid")), 812);
        cr_expect_eq(json_integer_value(json_object_get(proc, "tid")), 815);
        cr_expect_eq(json_integer_value(json_object_get(json_object_get(proc, "creds"), "uid")), 1000);
        cr_expect_str_eq(text(root, "syscall"), "SYS_OPENAT");
        cr_expect_str_eq(text(root, "syscall_name"), "openat");
        cr_expect_eq(json_integer_value(json_object_get(root, "syscall_raw")), 257);
        cr_expect_str_eq(text(root, "code"), "SECCOMP_RET_ERRNO");
        cr_expect_eq(json_integer_value(json_object_get(root, "code_raw")), SECCOMP_RET_ERRNO | EPERM);
        cr_expect_str_eq(text(root, "verdict"), "SECCOMP_RET_ERRNO(EPERM)");
        cr_expect_str_eq(text(root, "arch"), "x86_64");
        cr_expect_str_eq(json_string_value(json_array_get(json_object_get(root, "args"), 0)),
                         "0xffffffffffffff9c");
        cr_expect_eq(json_array_size(json_object_get(root, "args")), 6);
        cr_expect_str_eq(text(root, "detail"), "AT_FDCWD, \"a.txt\", O_RDONLY");
        cr_expect(json_is_true(json_object_get(root, "detail_confirmed")));
        cr_expect_str_eq(text(root, "answer"), "errno");
        cr_expect_eq(json_integer_value(json_object_get(root, "value")), 2);
        cr_expect_str_eq(text(root, "rule"), "syscalls[3]");
        cr_expect_eq(json_integer_value(json_object_get(root, "count")), 2);
        json_decref(root);
}

Test(event_json, calls_of_a_runtime_say_so) {
        struct event event = sample();
        json_t *root;

        event.flags |= EVENT_RUNTIME;
        root = json_of(&event, NULL);
        cr_expect(json_is_true(json_object_get(root, "runtime")));
        json_decref(root);
}

Test(event_json, what_is_unknown_is_left_out) {
        struct event event = {
                .count = 1, .uid = UINT32_MAX, .arch = 5, .nr = 4000000000, .verdict = 0x12340000
        };
        json_t *root = json_of(&event, NULL);

        cr_expect_null(json_object_get(root, "rule"));
        cr_expect_null(json_object_get(root, "detail"));
        cr_expect_null(json_object_get(root, "object"));
        cr_expect_null(json_object_get(root, "value"));
        cr_expect_null(json_object_get(root, "last_timestamp"));
        cr_expect_null(json_object_get(root, "runtime"));
        cr_expect_null(json_object_get(json_object_get(root, "proc"), "creds"));
        cr_expect_str_eq(text(root, "arch"), "unknown");
        cr_expect_str_eq(text(root, "syscall_name"), "syscall_0xee6b2800");
        cr_expect_str_eq(text(root, "code"), "unknown");
        json_decref(root);
}

/* Every pair of bytes as a text, and an event full of the worst of them. */
Test(event_json, any_bytes_are_valid_json) {
        struct event event = { .count = 1 };

        for (unsigned a = 0; a < 256; a++) {
                struct buf buf = BUF_INIT(0);
                json_t *root;

                for (unsigned b = 0; b < 256; b++) {
                        buf_putc(&buf, b == 0 ? '[' : ',');
                        json_put_text(&buf, (char[]){ (char)a, (char)b }, 2);
                }
                buf_putc(&buf, ']');
                root = json_loads(buf_string(&buf), JSON_ALLOW_NUL, NULL);
                cr_expect_eq(json_array_size(root), 256, "byte %u", a);
                json_decref(root);
                buf_deinit(&buf);
        }
        memset(&event, 0xff, sizeof(event));
        event.comm[15] = event.exe[255] = event.detail[511] = event.object[191] = 0;
        json_decref(json_of(&event, "\xff"));
}

static const struct {
        const char *bytes, *expected;
} texts[] = {
        { "plain", "\"plain\"" },
        { "quote\" back\\", "\"quote\\\" back\\\\\"" },
        { "\n\t\x1b\x7f", "\"\\n\\t\\u001b\\u007f\"" },
        { "h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\"h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"" },
        { "\xc2\x85", "\"\\u0085\"" },                              /* a control character in two bytes */
        { "\xff", "\"\\\\xff\"" },                                  /* never in UTF-8 */
        { "\xc0\xaf", "\"\\\\xc0\\\\xaf\"" },                       /* overlong */
        { "\xed\xa0\x80", "\"\\\\xed\\\\xa0\\\\x80\"" },            /* surrogate */
        { "\xf4\x90\x80\x80", "\"\\\\xf4\\\\x90\\\\x80\\\\x80\"" }, /* beyond the last */
        { "cut \xe2\x82", "\"cut \\\\xe2\\\\x82\"" },
        { "", "\"\"" },
};

Test(event_json, texts) {
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                struct buf buf = BUF_INIT(0);

                json_put_text(&buf, texts[i].bytes, strlen(texts[i].bytes));
                cr_expect_str_eq(buf_string(&buf), texts[i].expected, "row %zu", i);
                buf_deinit(&buf);
        }
}

Test(event_json, ledger) {
        struct ledger ledger = { .received = UINT64_C(1) << 62, .unwritten = 3 };
        struct buf buf = BUF_INIT(0);
        json_t *root;

        ledger_json(&buf, &ledger);
        root = parsed(&buf);
        cr_expect_eq(json_object_size(root), 11);
        cr_expect_eq(json_integer_value(json_object_get(root, "received")), INT64_C(1) << 62);
        cr_expect_eq(json_integer_value(json_object_get(root, "unwritten")), 3);
        json_decref(root);
}

static struct event_source web(void) {
        struct event_source source = { .number = 17, .mode = WIRE_MODE_DRY_RUN };

        labels_set(&source.labels, "node", "n1");
        labels_set(&source.labels, "pod", "web-0");
        labels_set(&source.labels, "a \"quoted\" name", "\xff");
        return source;
}

Test(event_json, where_it_comes_from) {
        struct event_source source = web();
        struct event event = sample();
        struct buf buf = BUF_INIT(0);
        json_t *root, *k8s;

        event_json_of(&buf, &event, NULL, &source);
        root = parsed(&buf);
        cr_expect_eq(json_integer_value(json_object_get(root, "session")), 17);
        cr_expect_str_eq(text(root, "mode"), "dry-run");
        k8s = json_object_get(root, "k8s");
        cr_expect_str_eq(text(k8s, "node"), "n1");
        cr_expect_str_eq(text(k8s, "podName"), "web-0");
        cr_expect_eq(json_object_size(k8s), 2);
        cr_expect_str_eq(text(json_object_get(root, "labels"), "a \"quoted\" name"), "\\xff");
        json_decref(root);
        event.source = 3;
        root = json_of(&event, NULL);
        cr_expect_eq(json_integer_value(json_object_get(root, "session")), 3);
        cr_expect_null(json_object_get(root, "labels"));
        json_decref(root);
        event_source_deinit(&source);
}

Test(event_json, a_session_that_ended) {
        struct event_source source = web();
        struct ledger ledger = { .received = 4 };
        struct buf buf = BUF_INIT(0);
        json_t *root;

        event_source_json(&buf, &source, &ledger);
        root = parsed(&buf);
        cr_expect_eq(json_integer_value(json_object_get(root, "session")), 17);
        cr_expect_eq(json_integer_value(json_object_get(json_object_get(root, "ledger"), "received")), 4);
        json_decref(root);
        event_source_deinit(&source);
}
