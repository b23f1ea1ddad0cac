/* SPDX-License-Identifier: Apache-2.0 */

#include "import_fixture.h"

#include <linux/seccomp.h>

#include "policy/import_audit.h"

#define BODY                                                                                                \
        "auid=4294967295 uid=1000 gid=1000 ses=1 pid=77 comm=\"worker\" exe=\"/opt/worker\" sig=0 "         \
        "arch=c000003e syscall=165 compat=0 ip=0x7f0000001234 code=0x7ffc0000"
#define QUOTED                                                                                              \
        "auid=4294967295 uid=1000 gid=1000 ses=1 pid=77 comm=\\\"worker\\\" exe=\\\"/opt/worker\\\" sig=0 " \
        "arch=c000003e syscall=165 compat=0 ip=0x7f0000001234 code=0x7ffc0000"
#define STAMP "audit(1700000000.250:9): "
#define AT    UINT64_C(1700000000250000000)

static void one(const char *line, struct event *ret) {
        cleanup_taken struct taken taken = { 0 };
        struct import import = IMPORT_INIT(take_event, &taken);

        cr_assert_eq(import_audit_line(&import, line, strlen(line)), 0);
        cr_assert_eq(taken.n, 1, "%zu events in: %s (%s)", taken.n, line,
                     import.n_notes ? import.notes[0].text : "");
        cr_assert_eq(import.n_records, 1);
        cr_assert_eq(import.n_skipped, 0);
        *ret = taken.events[0];
}

/* ---- one record in every outer form ---- */

static const struct {
        const char *line;
        uint64_t ns;
} forms[] = {
        { "audit: type=1326 " STAMP BODY, AT },
        { "[   12.000001] audit: type=1326 " STAMP BODY, AT },
        { "[   12.000001][   T55] audit: type=1326 " STAMP BODY, AT },
        { "[Sat Nov 21 21:30:51 2026] audit: type=1326 " STAMP BODY, AT },
        { "<5>[   12.000001] audit: type=1326 " STAMP BODY, AT },
        { "5,7467,3798902524,-;audit: type=1326 " STAMP BODY, AT },
        { "kern  :notice: [   12.000001] audit: type=1326 " STAMP BODY, AT },
        { "Dec 21 15:35:05 node kernel: [   12.000001] audit: type=1326 " STAMP BODY, AT },
        { "2026-11-21T21:30:51.123456+00:00 node kernel: audit: type=1326 " STAMP " " BODY, AT },
        { "type=SECCOMP msg=" STAMP BODY, AT },
        { "node=a.example type=SECCOMP msg=" STAMP BODY, AT },
        { "Feb 03 09:15:42 host audispd[61]: node=a.example type=SECCOMP msg=" STAMP BODY, AT },
        { "type=SECCOMP msg=" STAMP BODY "\x1d"
          "AUID=\"unset\" UID=\"me\" ARCH=x86_64 SYSCALL=mount",
          AT },
        { "type=SECCOMP msg=" STAMP BODY "AUID=\"unset\" UID=\"me\" ARCH=x86_64 SYSCALL=mount", AT },
        { "type=SECCOMP msg=" STAMP BODY "#035AUID=\"unset\"", AT },
        { "Oct 26 18:47:40 vm audit[77]: SECCOMP " BODY, 0 },
        { "14:02:39 app: SECCOMP " BODY, 0 },
        { "audit[77]: SECCOMP " BODY, 0 },
        { "MESSAGE=SECCOMP " BODY, 0 },
        { "Log: " BODY, 0 },
        { "\x1b[32m[   12.0] \x1b[0m\x1b[33maudit: \x1b[0mtype=1326 " STAMP BODY, AT },
        { "{\"MESSAGE\":\"SECCOMP " QUOTED "\",\"__REALTIME_TIMESTAMP\":\"1700000000250000\"}", AT },
        { "{\"__REALTIME_TIMESTAMP\":\"1700000000250000\", \"MESSAGE\" : \"SECCOMP " QUOTED "\"}", AT },
        { "{\"log\":\"audit: type=1326 " STAMP QUOTED "\\n\",\"stream\":\"stderr\"}", AT },
        { "2026-11-21T21:30:51Z stdout F {\"log\":\"audit: type=1326 " STAMP QUOTED "\\n\"}", AT },
        { "time=\"now\" level=info pid=3 msg=\"audit: type=1326 " STAMP QUOTED "\"", AT },
        { "{\"_AUDIT_TYPE\":\"1326\",\"_AUDIT_FIELD_ARCH\":\"c000003e\",\"_AUDIT_FIELD_SYSCALL\":\"165\","
          "\"_AUDIT_FIELD_CODE\":\"0x7ffc0000\",\"_AUDIT_FIELD_IP\":\"0x7f0000001234\",\"_PID\":\"77\","
          "\"_UID\":\"1000\",\"_COMM\":\"worker\",\"_EXE\":\"/opt/worker\","
          "\"_SOURCE_REALTIME_TIMESTAMP\":\"1700000000250000\"}",
          AT },
        { "type=SECCOMP msg=audit(11/21/2026 21:30:51.250:9) : auid=unset uid=1000 pid=77 comm=worker "
          "exe=/opt/worker sig=SIGSYS arch=x86_64 syscall=mount compat=0 ip=0x7f0000001234 code=log",
          0 },
        { "Log: uid=1000 pid=77 comm=\"worker\" exe=\"/opt/worker\" sig=0 arch=c000003e 165(mount) compat=0 "
          "ip=0x7f0000001234 code=0x7ffc0000",
          0 },
};

Test(import_audit, outer_forms) {
        for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
                struct event event;

                one(forms[i].line, &event);
                cr_assert_eq(event.arch, AUDIT_ARCH_X86_64, "%s", forms[i].line);
                cr_assert_eq(event.nr, 165, "%s", forms[i].line);
                cr_assert_eq(event.verdict, SECCOMP_RET_LOG, "%s", forms[i].line);
                cr_assert_eq(event.pid, 77, "%s: %u", forms[i].line, event.pid);
                cr_assert_eq(event.uid, 1000, "%s", forms[i].line);
                cr_assert_eq(event.ip, 0x7f0000001234u, "%s", forms[i].line);
                cr_assert_str_eq(event.comm, "worker", "%s", forms[i].line);
                cr_assert_str_eq(event.exe, "/opt/worker", "%s", forms[i].line);
                cr_assert_eq(event.first_ns, forms[i].ns, "%s: %" PRIu64, forms[i].line, event.first_ns);
                cr_assert_eq(event.last_ns, event.first_ns);
                cr_assert_eq(event.count, 1);
        }
}

Test(import_audit, journal_message_as_bytes) {
        static const char message[] = "SECCOMP " BODY "\x1d"
                                      "AUID=\"unset\"";
        struct buf line = BUF_INIT(0);
        struct event event;

        buf_puts(&line, "{\"A\":[\"x\",[1]],\"MESSAGE\":[");
        for (size_t i = 0; i < sizeof(message) - 1; i++)
                buf_printf(&line, "%s%u", i > 0 ? "," : "", (unsigned char)message[i]);
        buf_puts(&line, "],\"_PID\":\"5\"}");
        one(buf_string(&line), &event);
        cr_assert_eq(event.nr, 165);
        cr_assert_str_eq(event.comm, "worker");
        buf_deinit(&line);
}

Test(import_audit, json_in_json) {
        static const char line[] = "{\"outer\":\"{\\\"inner\\\":\\\"audit: type=1326 " STAMP
                                   "pid=77 comm=\\\\\\\"worker\\\\\\\" arch=c000003e syscall=165 "
                                   "code=0x7ffc0000\\\"}\"}";
        struct event event;

        one(line, &event);
        cr_assert_eq(event.nr, 165);
        cr_assert_str_eq(event.comm, "worker");
}

Test(import_audit, several_records_in_one_line) {
        static const char line[] = "type=SECCOMP arch=c000003e syscall=1 code=0x0 type=1326 " STAMP
                                   "arch=c00000b7 syscall=2 code=0x50000";
        cleanup_taken struct taken taken = { 0 };
        struct import import = IMPORT_INIT(take_event, &taken);

        cr_assert_eq(import_audit_line(&import, line, strlen(line)), 0);
        cr_assert_eq(taken.n, 2);
        cr_assert_eq(taken.events[0].arch, AUDIT_ARCH_X86_64);
        cr_assert_eq(taken.events[1].arch, AUDIT_ARCH_AARCH64);
        cr_assert_eq(taken.events[1].verdict, SECCOMP_RET_ERRNO);
        cr_assert_eq(import.n_records, 1);
        cr_assert_eq(import.n_events, 2);
}

/* ---- values ---- */

static const struct {
        const char *words;
        uint32_t arch, nr, code;
        const char *comm, *exe;
} values[] = {
        { "comm=444F4D20576F726B6572202332 exe=2F746D702F612062 arch=c000003e syscall=1 code=0x0",
          AUDIT_ARCH_X86_64, 1, SECCOMP_RET_KILL_THREAD, "DOM Worker #2", "/tmp/a b" },
        { "comm=C3BC6EC3AF exe=\"?\" arch=c000003e syscall=1 code=0x0", AUDIT_ARCH_X86_64, 1, 0,
          "\xc3\xbcn\xc3\xaf", "" },
        { "comm=\"FACE\" exe=(null) arch=c000003e syscall=1 code=0x0", AUDIT_ARCH_X86_64, 1, 0, "FACE", "" },
        { "comm=\"runc:[2:INIT]\" exe=\"/\" arch=c00000b7 syscall=24 code=0x80000000", AUDIT_ARCH_AARCH64,
          24, SECCOMP_RET_KILL_PROCESS, "runc:[2:INIT]", "/" },
        { "comm=\"a-name-of-fifteen-and-more\" exe=\"/x\" arch=40000028 syscall=983045 code=0x30000",
          AUDIT_ARCH_ARM, 983045, SECCOMP_RET_TRAP, "a-name-of-fifte", "/x" },
        /* A program cannot forge a key: the kernel would write such a name in hexadecimal. */
        { "comm=\"code=0x1\" exe=\"syscall=9\" arch=c000003e syscall=1 code=0x7ff00000", AUDIT_ARCH_X86_64,
          1, SECCOMP_RET_TRACE, "code=0x1", "syscall=9" },
        { "subj==a.profile (enforce) comm=\"x\" arch=40000003 syscall=102 code=0x7fc00000", AUDIT_ARCH_I386,
          102, SECCOMP_RET_USER_NOTIF, "x", "" },
        { "comm=\"x\" arch=c000003e syscall=1073741863 code=0x7ffc0000", AUDIT_ARCH_X86_64, 1073741863,
          SECCOMP_RET_LOG, "x", "" },
        { "comm=\"x\" arch=c000003e syscall=4000000000 code=0x12340000", AUDIT_ARCH_X86_64, 4000000000u,
          0x12340000, "x", "" },
        { "comm=\"x\" arch=c000003e syscall=-1 code=0x0", AUDIT_ARCH_X86_64, UINT32_MAX, 0, "x", "" },
        /* Of an architecture that is not in the table: kept as a number. */
        { "comm=\"x\" arch=c0009026 syscall=5 code=0x0", 0xc0009026, 5, 0, "x", "" },
        { "comm=\"x\" arch=0xc000003e syscall=5 code=0x0", AUDIT_ARCH_X86_64, 5, 0, "x", "" },
        { "comm=my app exe=/tmp/my app sig=SIGSYS arch=i386 syscall=socketcall code=kill-process",
          AUDIT_ARCH_I386, 102, SECCOMP_RET_KILL_PROCESS, "my app", "/tmp/my app" },
        { "comm=FACE exe=/x sig=0 arch=x86_64 syscall=unknown-syscall(999) code=user_notif",
          AUDIT_ARCH_X86_64, 999, SECCOMP_RET_USER_NOTIF, "FACE", "/x" },
        { "comm=\"x\" code=0x50000 ARCH=aarch64 SYSCALL=dup3", AUDIT_ARCH_AARCH64, 24, SECCOMP_RET_ERRNO,
          "x", "" },
        { "comm=\"x\" arch=c000003e syscall=1 code=0x0AUID=\"me\" UID=\"me\"", AUDIT_ARCH_X86_64, 1, 0, "x",
          "" },
        { "comm=\"x\" arch=c000003e syscall=1 code=0x80000000AUID=\"me\"", AUDIT_ARCH_X86_64, 1,
          SECCOMP_RET_KILL_PROCESS, "x", "" },
        { "comm=\"x\" arch=c000003e syscall=1 code=0x7FFC0000", AUDIT_ARCH_X86_64, 1, SECCOMP_RET_LOG, "x",
          "" },
};

Test(import_audit, values) {
        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
                struct event event;
                char line[512];

                snprintf(line, sizeof(line), "type=SECCOMP msg=" STAMP "pid=7 %s", values[i].words);
                one(line, &event);
                cr_assert_eq(event.arch, values[i].arch, "%s: %08x", line, event.arch);
                cr_assert_eq(event.nr, values[i].nr, "%s: %u", line, event.nr);
                cr_assert_eq(event.verdict, values[i].code, "%s: %08x", line, event.verdict);
                cr_assert_str_eq(event.comm, values[i].comm, "%s: '%s'", line, event.comm);
                cr_assert_str_eq(event.exe, values[i].exe, "%s: '%s'", line, event.exe);
                for (unsigned k = 0; k < EVENT_N_ARGS; k++)
                        cr_assert(event.flags & EVENT_UNKNOWN_ARG(k));
        }
}

Test(import_audit, ids_that_are_not_known) {
        static const struct {
                const char *words;
                uint32_t pid, uid;
        } rows[] = {
                { "pid=1 uid=0", 1, 0 },
                { "pid=1 uid=root", 1, 0 },
                { "pid=1 uid=4294967295", 1, UINT32_MAX },
                { "pid=1 uid=invalid", 1, UINT32_MAX },
                { "pid=1 uid=somebody", 1, UINT32_MAX },
                { "uid=5", 0, 5 },
                { "pid=99999999999 uid=5", 0, 5 },
                { "auid=7 pid=1", 1, UINT32_MAX },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct event event;
                char line[256];

                snprintf(line, sizeof(line), "type=SECCOMP %s arch=c000003e syscall=1 code=0x0",
                         rows[i].words);
                one(line, &event);
                cr_assert_eq(event.pid, rows[i].pid, "%s", line);
                cr_assert_eq(event.uid, rows[i].uid, "%s", line);
        }
}

/* ---- what is no record ---- */

static const struct {
        const char *line;
        bool part; /* meant as one, but not whole */
        const char *note;
} others[] = {
        { "audit: type=1326 ... comm=\"x\" sig=31 arch=c00000b7 syscall=439", true, "code= is missing" },
        { "type=1326 syscall=1", true, "arch= is missing" },
        { "type=SECCOMP arch=c000003e code=0x0", true, "syscall= is missing" },
        { "type=SECCOMP arch=c000003e syscall=1 code=", true, "code= is missing" },
        { "type=SECCOMP arch=c000003e syscall=nosuchcall code=0x0", true,
          "syscall=nosuchcall is no call of its architecture" },
        { "type=SECCOMP arch=klingon syscall=1 code=0x0", true,
          "arch=klingon is no architecture known here" },
        { "type=SECCOMP arch=c000003e syscall=1 code=soon", true, "code=soon is no action" },
        { "type=SECCOMP arch=c000003e syscall=4294967296 code=0x0", true,
          "syscall=4294967296 is no call of its architecture" },
        { "type=SYSCALL msg=" STAMP "arch=c00000b7 syscall=208 success=yes exit=0 a0=4 items=0", false,
          NULL },
        { "audit: type=1300 " STAMP "arch=c00000f3 syscall=64 success=yes exit=1 a0=4", false, NULL },
        { "audit: type=13260 " STAMP BODY, false, NULL },
        { "audit: type=1400 " STAMP "apparmor=\"DENIED\" operation=\"mknod\" comm=57656220436F6E74", false,
          NULL },
        { "Bluetooth: hci0 command 0x0c39 tx timeout", false, NULL },
        { "{\"MESSAGE\":\"Started.\",\"_PID\":\"1\"}", false, NULL },
        { "{\"MESSAGE\":\"SECCOMP\",\"code\":\"x\"}", false, NULL },
        { "arch=c000003e syscall=1", false, NULL },
        { "arch=c000003e syscall=1 code=0x0", false, NULL },
};

Test(import_audit, lines_that_are_no_record) {
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
                cleanup_taken struct taken taken = { 0 };
                struct import import = IMPORT_INIT(take_event, &taken);

                cr_assert_eq(import_audit_line(&import, others[i].line, strlen(others[i].line)), 0);
                cr_assert_eq(taken.n, 0, "%s", others[i].line);
                cr_assert_eq(import.n_skipped, 1, "%s", others[i].line);
                cr_assert_eq(import.n_notes, others[i].part, "%s", others[i].line);
                if (others[i].note)
                        cr_assert_str_eq(import.notes[0].text, others[i].note, "%s", import.notes[0].text);
        }
}

Test(import_audit, every_line_is_counted_once) {
        static const char text[] = "type=SECCOMP arch=c000003e syscall=1 code=0x0\n"
                                   "\n"
                                   "noise\n"
                                   "kauditd_printk_skb: 12 callbacks suppressed\n"
                                   "[1.0] audit_printk_skb: 30 callbacks suppressed\n"
                                   "type=SECCOMP arch=c000003e\n"
                                   "type=SECCOMP arch=c000003e syscall=2 code=0x0";
        cleanup_taken struct taken taken = { 0 };
        struct import import = IMPORT_INIT(take_event, &taken);
        int fd = file_of_text(text, sizeof(text) - 1);

        cr_assert_eq(import_audit(&import, fd, "log"), 0);
        close(fd);
        cr_assert_eq(import.n_lines, 7);
        cr_assert_eq(import.n_records, 2);
        cr_assert_eq(import.n_other, 1);
        cr_assert_eq(import.n_skipped, 4);
        cr_assert_eq(import.n_suppressed, 42);
        cr_assert_eq(import.n_notes, 1);
        cr_assert_eq(import.notes[0].line, 6);
}

/* Hostile lines must not cost more than their length. */
Test(import_audit, long_lines_of_openings, .timeout = 120) {
        static const char *const pieces[] = { "type=1326 ", "comm=x ", "1(a ",   "SECCOMP", "\"{\\\"",
                                              "[1,",        "{\"",     "exe=y ", "audit(" };

        for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
                cleanup_taken struct taken taken = { 0 };
                struct import import = IMPORT_INIT(take_event, &taken);
                struct buf line = BUF_INIT(0);

                buf_puts(&line, "type=SECCOMP {\"");
                while (line.n < IMPORT_LINE_MAX - 16)
                        buf_puts(&line, pieces[i]);
                cr_assert_eq(import_audit_line(&import, line.data, line.n), 0);
                cr_assert_eq(taken.n, 0);
                buf_deinit(&line);
        }
}

/* ---- real ones ---- */

#define X   UINT32_C(0xc000003e)
#define A   UINT32_C(0xc00000b7)
#define LOG UINT32_C(0x7ffc0000)
static const struct {
        uint32_t arch, nr, code;
} corpus[] = {
        { X, 1, LOG },
        { X, 3, LOG },
        { X, 0, LOG },
        { X, 0, LOG },
        { X, 72, LOG },
        { X, 268, LOG },
        { X, 268, LOG },
        { X, 268, LOG },
        { X, 257, LOG },
        { X, 233, LOG },
        { X, 4, 0 },
        { X, 330, 0x50000 },
        { X, 257, LOG },
        { 0x40000003, 265, 0 },
        { X, 202, 0 },
        { X, 59, 0 },
        { X, 165, 0 },
        { 0x40000028, 983045, 0 },
        { A, 24, 0 },
        { A, 198, LOG },
        { A, 227, 0x80000000 },
        { X, 13, LOG },
        { X, 5, LOG },
        { X, 51, LOG },
        { X, 319, LOG },
        { X, 41, 0 },
        { X, 101, LOG },
        { X, 314, LOG },
        { X, 41, 0x80000000 },
        { X, 83, LOG },
        { X, 435, 0x50000 },
        { X, 101, 0 },
        { X, 169, 0x7ff00000 },
        { X, 0x40000027, LOG },
        { 0x40000003, 102, 0x80000000 },
        { X, 425, 0x80000000 },
        { X, 57, LOG },
        { X, 59, 0x12340000 },
        { X, 41, LOG },
        { X, 12, 0 },
        { X, 141, 0 },
        { X, 39, LOG },
};

Test(import_audit, corpus) {
        cleanup_taken struct taken taken = { 0 }, noise = { 0 };
        struct import import = IMPORT_INIT(take_event, &taken);
        int fd = corpus_open("audit-lines.txt");

        if (fd < 0)
                cr_skip("CALLGATE_CORPUS is not set");
        cr_assert_eq(import_audit(&import, fd, "audit-lines.txt"), 0);
        close(fd);
        cr_assert_eq(import.n_skipped, 0);
        cr_assert_eq(taken.n, sizeof(corpus) / sizeof(corpus[0]));
        for (size_t i = 0; i < taken.n; i++) {
                cr_assert_eq(taken.events[i].arch, corpus[i].arch, "line %zu", i + 1);
                cr_assert_eq(taken.events[i].nr, corpus[i].nr, "line %zu", i + 1);
                cr_assert_eq(taken.events[i].verdict, corpus[i].code, "line %zu", i + 1);
        }

        import = IMPORT_INIT(take_event, &noise);
        fd = corpus_open("audit-noise.txt");
        cr_assert(fd >= 0);
        cr_assert_eq(import_audit(&import, fd, "audit-noise.txt"), 0);
        close(fd);
        cr_assert_eq(noise.n, 0);
        cr_assert_eq(import.n_skipped, 10);
}
