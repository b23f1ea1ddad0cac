/* SPDX-License-Identifier: Apache-2.0 */
/* callgate profile simulate: what it prints, and its exit codes. */

#include "verb_fixture.h"

#include "base/buf.h"
#include "cli/exit.h"
#include "cli/profile_verbs.h"
#include "proto/event_file.h"

static const char profile_text[] =
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\"],\n"
        "\"syscalls\":[\n"
        "{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"},\n"
        "{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":1,"
        "\"op\":\"SCMP_CMP_EQ\"}]}]}";

static void redirect(void) {
        cr_redirect_stdout();
        cr_redirect_stderr();
}

TestSuite(profile_simulate, .init = redirect);

Test(profile_simulate, calls) {
        const char *file = verb_file(profile_text);

        cr_expect_eq(VERB_RUN(profile_verb_simulate, "simulate", "--arch", "x86_64", file, "read",
                              "socket AF_UNIX SOCK_STREAM", "socket", "AF_INET", "-1", "i386:read", "500"),
                     0);
        cr_expect_stdout_eq_str(
                "read(0x0, 0x0, 0x0)  SECCOMP_RET_ALLOW  by syscalls[0] (line 3)\n"
                "socket(0x1, 0x1, 0x0)  SECCOMP_RET_ALLOW  by syscalls[1] (line 4): arg0 == 1\n"
                "socket(0x2, 0xffffffffffffffff, 0x0)  SECCOMP_RET_ERRNO(EPERM)  by defaultAction\n"
                "i386:read(0x1f4, 0x0, 0x0)  SECCOMP_RET_ALLOW  by syscalls[0] (line 3)\n");
}

Test(profile_simulate, as_json) {
        const char *file = verb_file(profile_text);

        cr_expect_eq(
                VERB_RUN(profile_verb_simulate, "simulate", "--arch", "x86_64", file, "socket 1", "--json"),
                0);
        cr_expect_stdout_eq_str(
                "{\"arch\":\"x86_64\",\"call\":\"socket\",\"nr\":41,\"args\":[\"0x1\",\"0x0\",\"0x0\","
                "\"0x0\","
                "\"0x0\",\"0x0\"],\"by_rules\":\"SECCOMP_RET_ALLOW\",\"by_filter\":\"SECCOMP_RET_ALLOW\","
                "\"rule\":\"syscalls[1]\",\"line\":4,\"on_arguments\":true,\"ambiguous\":false,"
                "\"agree\":true}\n");
}

static struct buf recording(void) {
        struct ledger ledger = { .received = 3, .answered = 3, .recorded = 3 };
        struct event event = { .count = 2, .pid = 5, .tid = 5, .arch = 0xc000003e, .nr = 41, .args = { 1 } };
        struct buf buf = BUF_INIT(0);

        cr_assert_eq(event_file_put_header(&buf, "sh", 1), 0);
        cr_assert_eq(event_file_put_event(&buf, &event), 0);
        event.args[0] = 10;
        event.count = 1;
        cr_assert_eq(event_file_put_event(&buf, &event), 0);
        event.args[0] = 1;
        cr_assert_eq(event_file_put_event(&buf, &event), 0);
        cr_assert_eq(event_file_put_ledger(&buf, &ledger), 0);
        return buf;
}

Test(profile_simulate, events) {
        const char *file = verb_file(profile_text), *events;
        struct buf buf = recording();

        events = verb_file_bytes(buf.data, buf.n);
        cr_expect_eq(
                VERB_RUN(profile_verb_simulate, "simulate", "--arch", "x86_64", file, "--events", events),
                0);
        cr_expect_stdout_eq_str(
                "       3  socket(0x1, 0x0, 0x0)  SECCOMP_RET_ALLOW  by syscalls[1] (line 4): arg0 == 1\n"
                "       1  socket(0xa, 0x0, 0x0)  SECCOMP_RET_ERRNO(EPERM)  by defaultAction\n");
        buf_deinit(&buf);
}

Test(profile_simulate, a_recording_without_its_end) {
        struct buf buf = recording();

        cr_expect_eq(VERB_RUN(profile_verb_simulate, "simulate", verb_file(profile_text), "--events",
                              verb_file_bytes(buf.data, buf.n - 1)),
                     EXIT_INCOMPLETE);
        buf_deinit(&buf);
}

Test(profile_simulate, mistakes) {
        const char *file = verb_file(profile_text);

        cr_expect_eq(VERB_RUN(profile_verb_simulate, "simulate"), EXIT_USAGE);
        cr_expect_eq(VERB_RUN(profile_verb_simulate, "simulate", file), EXIT_USAGE);
        cr_expect_eq(VERB_RUN(profile_verb_simulate, "simulate", file, "opanat"), EXIT_USAGE);
        cr_expect_eq(VERB_RUN(profile_verb_simulate, "simulate", file, "read", "--events", file),
                     EXIT_USAGE);
        cr_expect_eq(VERB_RUN(profile_verb_simulate, "simulate", file, "--events", file), EXIT_USAGE);
        cr_expect_eq(VERB_RUN(profile_verb_simulate, "simulate", file, "--nope", "read"), EXIT_USAGE);
        cr_expect_eq(VERB_RUN(profile_verb_simulate, "simulate", "/nonexistent", "read"), EXIT_USAGE);
}
