/* SPDX-License-Identifier: Apache-2.0 */

/* Events as lines: every part of them, and nothing of a task's bytes that could move a cursor. */

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/event_text.h"

static struct event openat_event(void) {
        struct event event = { .count = 1,
                               .first_ns = UINT64_C(1700000000123456789),
                               .pid = 812,
                               .tid = 815,
                               .arch = AUDIT_ARCH_X86_64,
                               .nr = 257,
                               .flags = EVENT_DETAIL_OK,
                               .verdict = SECCOMP_RET_ERRNO | EPERM,
                               .answer = EVENT_ANSWER_CONTINUE };

        strcpy(event.comm, "nginx");
        strcpy(event.detail, "AT_FDCWD, \"a.txt\", O_RDONLY");
        return event;
}

static void expect_text(const struct event *event, const char *expected) {
        struct buf buf = BUF_INIT(0);

        setenv("TZ", "UTC", 1);
        tzset();
        event_text(&buf, event);
        cr_expect_str_eq(buf_string(&buf), expected);
        buf_deinit(&buf);
}

Test(event_text, a_line) {
        struct event event = openat_event();

        expect_text(&event, "22:13:20.123456 nginx[812/815] openat(AT_FDCWD, \"a.txt\", O_RDONLY) "
                            "SECCOMP_RET_ERRNO(EPERM) -> continue");
        event.tid = 812;
        event.count = 12;
        event.answer = EVENT_ANSWER_ERRNO;
        event.value = ENOENT;
        event.flags = EVENT_OBSERVED | EVENT_MERGED_ARGS;
        expect_text(&event, "22:13:20.123456 nginx[812] openat(AT_FDCWD, \"a.txt\", O_RDONLY) "
                            "SECCOMP_RET_ERRNO(EPERM) -> ENOENT x12 (observed) (unlike arguments merged) "
                            "(memory not confirmed)");
        event.tid = 0;
        event.count = 1;
        event.flags = 0;
        expect_text(&event, "22:13:20.123456 nginx[812] openat(AT_FDCWD, \"a.txt\", O_RDONLY) "
                            "SECCOMP_RET_ERRNO(EPERM) -> ENOENT (memory not confirmed)");
}

Test(event_text, other_architectures_and_unknown_numbers) {
        struct event event = openat_event();

        event.detail[0] = 0;
        event.arch = AUDIT_ARCH_I386;
        event.nr = 11;
        event.args[0] = 0xabc;
        expect_text(&event, "22:13:20.123456 nginx[812/815] {i386} execve(0xabc, 0x0, 0x0) "
                            "SECCOMP_RET_ERRNO(EPERM) -> continue");
        event.nr = 20; /* getpid: registers mean nothing */
        expect_text(&event,
                    "22:13:20.123456 nginx[812/815] {i386} getpid() SECCOMP_RET_ERRNO(EPERM) -> continue");
        event.arch = 0x12345678;
        event.nr = 5000;
        event.flags = EVENT_GONE;
        event.answer = EVENT_ANSWER_NONE;
        expect_text(
                &event,
                "22:13:20.123456 nginx[812/815] {0x12345678} syscall_0x1388(0xabc, 0x0, 0x0, 0x0, 0x0, 0x0) "
                "SECCOMP_RET_ERRNO(EPERM) -> no answer (gone)");
}

Test(event_text, control_characters_do_not_come_through) {
        struct event event = openat_event();
        struct buf buf = BUF_INIT(0);

        strcpy(event.comm, "a\x1b[2J\n");
        strcpy(event.detail, "\x1b]0;x\x07\r");
        event_text(&buf, &event);
        for (size_t i = 0; i < buf.n; i++)
                cr_expect((unsigned char)buf.data[i] >= 0x20 && buf.data[i] != 0x7f, "byte %zu", i);
        cr_expect_not_null(strstr(buf_string(&buf), "(\\x1b]0;x\\x07\\x0d)"));
        buf_deinit(&buf);
}

static const struct {
        uint32_t verdict;
        const char *text;
} codes[] = {
        { SECCOMP_RET_KILL_PROCESS, "SECCOMP_RET_KILL_PROCESS" },
        { SECCOMP_RET_KILL_THREAD, "SECCOMP_RET_KILL_THREAD" },
        { SECCOMP_RET_TRAP, "SECCOMP_RET_TRAP" },
        { SECCOMP_RET_TRAP | 5, "SECCOMP_RET_TRAP" },
        { SECCOMP_RET_ERRNO | ENOSYS, "SECCOMP_RET_ERRNO(ENOSYS)" },
        { SECCOMP_RET_ERRNO, "SECCOMP_RET_ERRNO(0)" },
        { SECCOMP_RET_ERRNO | 4000, "SECCOMP_RET_ERRNO(4000)" },
        { SECCOMP_RET_USER_NOTIF, "SECCOMP_RET_USER_NOTIF" },
        { SECCOMP_RET_TRACE, "SECCOMP_RET_TRACE" },
        { SECCOMP_RET_TRACE | 7, "SECCOMP_RET_TRACE(7)" },
        { SECCOMP_RET_LOG, "SECCOMP_RET_LOG" },
        { SECCOMP_RET_ALLOW, "SECCOMP_RET_ALLOW" },
        { 0x12340000, "0x12340000" },
};

Test(event_text, codes) {
        char buf[48];

        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
                cr_expect_str_eq(event_text_code(codes[i].verdict, buf, sizeof(buf)), codes[i].text);
        cr_expect_null(event_text_action(0x12340000));
        cr_expect_str_eq(event_text_action(SECCOMP_RET_ERRNO | 1), "SECCOMP_RET_ERRNO");
}
