/* SPDX-License-Identifier: Apache-2.0 */

/* The result of a dry run: what is merged, how it is laid out, what it means. */

#include <criterion/criterion.h>
#include <errno.h>
#include <jansson.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "cli/report.h"
#include "policy/read.h"

static const char *rule_text(void *data, const struct event *event) {
        return event->arch == AUDIT_ARCH_X86_64 ? data : "architectures";
}

static struct report *new_report(unsigned width) {
        static char place[] = "syscalls[3]";
        struct report_options options = { .width = width, .rule_text = rule_text, .rule_data = place };
        struct report *report;

        cr_assert_eq(report_new(&options, &report), 0);
        return report;
}

static struct event call(const char *comm, uint32_t nr, uint32_t verdict, uint64_t count) {
        struct event event = { .count = count,
                               .first_ns = 1000,
                               .last_ns = 2000,
                               .pid = 100,
                               .tid = 100,
                               .arch = AUDIT_ARCH_X86_64,
                               .nr = nr,
                               .verdict = verdict };

        snprintf(event.comm, sizeof(event.comm), "%s", comm);
        return event;
}

static void add(struct report *report, struct event event) {
        cr_assert_eq(report_add(report, &event), 0);
}

static char *printed(struct report *report) {
        struct buf buf = BUF_INIT(0);

        cr_assert_eq(report_print(report, &buf), 0);
        return buf.data;
}

static char *sentence(struct report *report) {
        struct buf buf = BUF_INIT(0);

        report_sentence(report, &buf);
        return buf.data;
}

#define MOUNT         165
#define PTRACE        101
#define SOCKET        41
#define OPENAT        257
#define EPERM_VERDICT (SECCOMP_RET_ERRNO | EPERM)

Test(report, a_table) {
        struct report *report = new_report(REPORT_WIDTH_WHOLE);
        struct event event = call("sh", MOUNT, EPERM_VERDICT, 2);
        struct ledger ledger = { .received = 14, .answered = 14, .recorded = 14 };
        char *text;

        snprintf(event.detail, sizeof(event.detail), "\"a\", \"/mnt\", \"ext4\", 0, NULL");
        add(report, event);
        event = call("nginx", SOCKET, SECCOMP_RET_KILL_PROCESS, 12);
        event.pid = 9;
        event.tid = 11;
        add(report, event);
        report_ledger(report, &ledger);
        text = printed(report);
        cr_expect_str_eq(text,
                         "COMM  PID TID CODE                     SYSCALL COUNT RULE        ARGS\n"
                         "nginx   9  11 SECCOMP_RET_KILL_PROCESS socket     12 syscalls[3] 0x0, 0x0, 0x0\n"
                         "sh    100 100 SECCOMP_RET_ERRNO(EPERM) mount       2 syscalls[3] \"a\", \"/mnt\", "
                         "\"ext4\", 0, "
                         "NULL\n"
                         "\n"
                         "ledger: received 14 = answered 14 + gone 0 + pending 0; recorded 14, dropped 0\n"
                         "would not have survived: SECCOMP_RET_KILL_PROCESS on socket (12 calls)\n"
                         "calls to allow: mount, socket\n"
                         "refused by name, so take them out of that rule: socket (syscalls[3]), mount "
                         "(syscalls[3])\n");
        free(text);
        report_free(report);
}

static const char *rule_of_pid(void *data, const struct event *event) {
        static const char *const places[] = { "defaultAction", "linux.seccomp.syscalls[1]", "syscalls[2]" };

        (void)data;
        return places[event->pid % 3];
}

Test(report, every_rule_that_names_a_call_is_said_once) {
        static const struct {
                const char *comm;
                uint32_t pid, nr;
        } rows[] = { { "a", 3, SOCKET },
                     { "b", 5, SOCKET },
                     { "c", 4, SOCKET },
                     { "d", 7, SOCKET },
                     { "e", 3, MOUNT } };
        struct report_options options = { .width = REPORT_WIDTH_WHOLE, .rule_text = rule_of_pid };
        struct report *report;
        char *text;

        cr_assert_eq(report_new(&options, &report), 0);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct event event = call(rows[i].comm, rows[i].nr, EPERM_VERDICT, 9 - i);

                event.pid = event.tid = rows[i].pid;
                add(report, event);
        }
        text = printed(report);
        cr_expect(strstr(text, "that rule: socket (syscalls[2], linux.seccomp.syscalls[1])\n"), "%s", text);
        free(text);
        report_free(report);
}

Test(report, equal_calls_are_one_row) {
        struct report *report = new_report(REPORT_WIDTH_WHOLE);
        struct event event = call("sh", OPENAT, EPERM_VERDICT, 3);

        event.args[2] = 0; /* flags do not tell rows apart */
        add(report, event);
        event.args[2] = 0x80000;
        event.pid = 7;
        add(report, event);
        cr_expect_eq(report_n_rows(report), 1);
        event.verdict = SECCOMP_RET_ERRNO | ENOSYS;
        add(report, event);
        snprintf(event.comm, sizeof(event.comm), "bash");
        add(report, event);
        event.arch = AUDIT_ARCH_AARCH64;
        add(report, event);
        cr_expect_eq(report_n_rows(report), 4);
        cr_expect_eq(report_n_violations(report), 15);
        report_free(report);
}

/* The variant of a call does: a socket of another domain is another matter. */
Test(report, enumerations_tell_rows_apart) {
        struct report *report = new_report(REPORT_WIDTH_WHOLE);
        struct event event = call("sh", SOCKET, EPERM_VERDICT, 1);

        event.args[0] = 1;
        add(report, event);
        event.args[0] = 2;
        add(report, event);
        event.args[0] = 2 | UINT64_C(0x100000000); /* the kernel does not look at these bits */
        add(report, event);
        cr_expect_eq(report_n_rows(report), 2);
        report_free(report);
}

static char *report_of(const struct event *events, const size_t *order, size_t n) {
        struct report *report = new_report(REPORT_WIDTH_WHOLE);
        char *text;

        for (size_t i = 0; i < n; i++)
                add(report, events[order[i]]);
        text = printed(report);
        report_free(report);
        return text;
}

Test(report, the_order_of_rows_does_not_show) {
        struct event events[4] = { call("a", MOUNT, EPERM_VERDICT, 1), call("b", MOUNT, EPERM_VERDICT, 1),
                                   call("a", SOCKET, EPERM_VERDICT, 1), call("a", MOUNT, EPERM_VERDICT, 4) };
        char *one, *other;

        events[3].first_ns = 5; /* earlier: becomes the example */
        events[3].pid = 77;
        one = report_of(events, (size_t[]){ 0, 1, 2, 3 }, 4);
        other = report_of(events, (size_t[]){ 3, 2, 1, 0 }, 4);
        cr_expect_str_eq(one, other);
        cr_expect_not_null(strstr(one, "a     77"));
        free(one);
        free(other);
}

/* Many rows: the hash table grows, counts add up. */
Test(report, thousands_of_rows) {
        struct report *report = new_report(REPORT_WIDTH_WHOLE);
        uint64_t sum = 0;

        for (unsigned round = 0; round < 2; round++)
                for (uint32_t i = 0; i < 5000; i++) {
                        add(report, call("x", 100000 + i, EPERM_VERDICT, i + 1));
                        sum += i + 1;
                }
        cr_expect_eq(report_n_rows(report), 5000);
        cr_expect_eq(report_n_violations(report), sum);
        report_free(report);
}

static size_t columns_of(const char *line, size_t n) {
        size_t columns = 0;

        for (size_t i = 0; i < n; i++)
                columns += (line[i] & 0xc0) != 0x80;
        return columns;
}

Test(report, the_table_fits_the_width) {
        static const unsigned widths[] = { 60, 72, 80, 100, 120, 200 };

        for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
                struct report *report = new_report(widths[i]);
                struct event event = call("a-longer-name-x", MOUNT, SECCOMP_RET_KILL_PROCESS, 123456);
                char *text, *line;

                event.pid = event.tid = 4194303;
                event.tid -= i & 1;
                for (size_t k = 0; k < sizeof(event.detail) - 1; k++)
                        event.detail[k] = "\xc3\xa9"[k % 2];
                event.detail[sizeof(event.detail) - 2] = 0;
                add(report, event);
                text = printed(report);
                line = text;
                for (int k = 0; k < 2; k++) {
                        size_t n = strcspn(line, "\n");

                        cr_expect_leq(columns_of(line, n), widths[i], "width %u: %.*s", widths[i], (int)n,
                                      line);
                        line += n + 1;
                }
                cr_expect_not_null(strstr(text, "KILL_PROCESS"));
                cr_expect_not_null(strstr(text, "mount"));
                cr_expect_not_null(strstr(text, "…"));
                free(text);
                report_free(report);
        }
}

struct sentence_row {
        size_t n;
        uint32_t verdicts[3]; /* on mount once, on ptrace twice, on socket three times */
        enum report_outcome outcome;
        const char *text;
};

static const struct sentence_row sentences[] = {
        { 0, { 0 }, REPORT_CLEAN, "nothing would have been refused" },
        { 1,
          { SECCOMP_RET_LOG },
          REPORT_CLEAN,
          "nothing would have been refused, 1 call would have been logged" },
        { 1,
          { EPERM_VERDICT },
          REPORT_ERRORS,
          "would have survived the filter, but 1 call would have failed: SECCOMP_RET_ERRNO(EPERM) on mount "
          "(1 call)" },
        { 3,
          { EPERM_VERDICT, SECCOMP_RET_ERRNO | ENOSYS, SECCOMP_RET_LOG },
          REPORT_ERRORS,
          "would have survived the filter, but 3 calls would have failed: SECCOMP_RET_ERRNO(ENOSYS) on "
          "ptrace (2 calls); "
          "SECCOMP_RET_ERRNO(EPERM) on mount "
          "(1 call)" },
        { 2,
          { SECCOMP_RET_TRAP, EPERM_VERDICT },
          REPORT_SIGNALS,
          "would have been interrupted, and survived only with a handler or a tracer of its own: "
          "SECCOMP_RET_TRAP on "
          "mount (1 call)" },
        { 3,
          { SECCOMP_RET_TRAP, EPERM_VERDICT, SECCOMP_RET_KILL_THREAD },
          REPORT_KILLED,
          "would not have survived: SECCOMP_RET_KILL_THREAD on socket (3 calls)" },
};

Test(report, the_sentence_says_the_worst) {
        static const uint32_t numbers[] = { MOUNT, PTRACE, SOCKET };

        for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++) {
                struct report *report = new_report(0);
                char *text;

                for (size_t k = 0; k < sentences[i].n; k++)
                        add(report, call("sh", numbers[k], sentences[i].verdicts[k], k + 1));
                cr_expect_eq(report_outcome(report), sentences[i].outcome, "row %zu", i);
                text = sentence(report);
                cr_expect_str_eq(text, sentences[i].text);
                free(text);
                report_free(report);
        }
}

Test(report, holes_are_said) {
        struct ledger good = { .received = 5, .answered = 3, .gone = 2, .recorded = 5 };
        struct ledger dropped = { .received = 5, .answered = 5, .recorded = 4, .dropped = 1 };
        struct ledger unbalanced = { .received = 5, .answered = 4, .recorded = 5 };
        struct report *report = new_report(0);
        struct buf buf = BUF_INIT(0);
        char *text;

        cr_expect(report_complete(report));
        report_ledger(report, &good);
        cr_expect(report_complete(report));
        report_ledger(report, &unbalanced);
        cr_expect_not(report_complete(report));
        report_ledger(report, &dropped);
        cr_expect_not(report_complete(report));
        text = sentence(report);
        cr_expect_str_eq(text, "nothing would have been refused; the result is incomplete");
        free(text);
        unbalanced.errors = 3;
        report_ledger_text(&unbalanced, &buf);
        cr_expect_str_eq(buf_string(&buf),
                         "ledger: received 5 = answered 4 + gone 0 + pending 0; recorded 5, dropped 0, "
                         "errors 3 (does not balance)");
        buf_deinit(&buf);
        report_free(report);
}

Test(report, what_was_only_observed_stands_apart) {
        struct report *report = new_report(0);
        struct event event = call("sh", SOCKET, SECCOMP_RET_ALLOW, 50);
        char *text;

        event.flags = EVENT_OBSERVED;
        add(report, event);
        add(report, call("sh", MOUNT, EPERM_VERDICT, 1));
        cr_expect_eq(report_n_rows(report), 1);
        cr_expect_eq(report_n_violations(report), 1);
        text = printed(report);
        cr_expect_lt(strstr(text, "mount"), strstr(text, "notified only to be seen"));
        cr_expect_lt(strstr(text, "notified only to be seen"), strstr(text, "socket"));
        cr_expect_not_null(strstr(text, "calls to allow: mount\n"));
        free(text);
        report_free(report);
}

/* A refusal stays one whoever is refused: under the profile the container would not start. */
Test(report, the_runtimes_own_calls_stand_apart_and_count) {
        struct report *report = new_report(0);
        struct event runtime = call("runc:[2:INIT]", SOCKET, EPERM_VERDICT, 50),
                     observed = call("runc:[2:INIT]", MOUNT, SECCOMP_RET_ALLOW, 70);
        const char *titles[] = { "sh ", "by the container runtime itself, before it started the program:",
                                 "runc:[2:INIT] ",
                                 "allowed by the profile, by the container runtime itself" };
        char *text, *at;

        runtime.flags = EVENT_RUNTIME;
        observed.flags = EVENT_RUNTIME | EVENT_OBSERVED;
        add(report, runtime);
        add(report, observed);
        runtime.flags = 0; /* the same call of the same name by the workload is another row */
        add(report, runtime);
        add(report, call("sh", SOCKET, EPERM_VERDICT, 1));
        cr_expect_eq(report_n_rows(report), 3);
        cr_expect_eq(report_n_violations(report), 101);
        cr_expect_eq(report_outcome(report), REPORT_ERRORS);
        text = printed(report);
        at = text;
        for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
                at = strstr(at, titles[i]);
                cr_assert_not_null(at, "%s in %s", titles[i], text);
        }
        cr_expect_not_null(strstr(text, "calls to allow: socket\n"));
        free(text);
        report_free(report);
}

Test(report, the_fix_can_be_pasted) {
        struct report *report = new_report(0);
        struct diags diags = DIAGS_INIT;
        struct buf fix = BUF_INIT(0), whole = BUF_INIT(0);
        struct profile *profile = NULL;
        size_t n_unnamed;

        add(report, call("sh", SOCKET, EPERM_VERDICT, 50));
        add(report, call("bash", SOCKET, EPERM_VERDICT, 50));
        add(report, call("sh", MOUNT, EPERM_VERDICT, 1));
        add(report, call("sh", PTRACE, SECCOMP_RET_LOG, 1));
        add(report, call("sh", 4000, EPERM_VERDICT, 1));
        cr_assert_eq(report_fix(report, &fix, &n_unnamed), 0);
        cr_expect_eq(n_unnamed, 1);
        buf_printf(&whole, "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [%s]}", buf_string(&fix));
        cr_assert_eq(profile_read(whole.data, whole.n, &diags, &profile), 0, "%s", whole.data);
        cr_assert_eq(profile->n_rules, 1);
        cr_assert_eq(profile->rules[0].n_names, 2);
        cr_expect_str_eq(profile->rules[0].names[0], "mount");
        cr_expect_str_eq(profile->rules[0].names[1], "socket");
        profile_free(profile);
        diags_deinit(&diags);
        buf_deinit(&fix);
        buf_deinit(&whole);
        report_free(report);
}

Test(report, an_architecture_that_is_not_listed_is_named) {
        struct report *report = new_report(0);
        struct event event = call("sh", 11, SECCOMP_RET_KILL_THREAD, 1);
        char *text;

        event.arch = AUDIT_ARCH_I386;
        add(report, event);
        text = printed(report);
        cr_expect_not_null(strstr(text, "i386:execve"));
        cr_expect_not_null(strstr(text, "does not list SCMP_ARCH_X86:"));
        free(text);
        report_free(report);
}

Test(report, json_document) {
        struct report_options options = { .rule_text = rule_text,
                                          .rule_data = (char[]){ "defaultAction" },
                                          .profile = "strict.json",
                                          .command = "sh -c \"x\"" };
        struct ledger ledger = { .received = 4, .answered = 4, .recorded = 4 };
        struct event event = call("s\xffh", MOUNT, EPERM_VERDICT, 3);
        struct buf buf = BUF_INIT(0);
        struct report *report;
        json_t *root, *row;

        cr_assert_eq(report_new(&options, &report), 0);
        add(report, event);
        event = call("sh", SOCKET, SECCOMP_RET_ALLOW, 1);
        event.flags = EVENT_OBSERVED;
        add(report, event);
        report_ledger(report, &ledger);
        cr_assert_eq(report_print_json(report, &buf), 0);
        root = json_loads(buf_string(&buf), JSON_REJECT_DUPLICATES, NULL);
        cr_assert_not_null(root, "%s", buf_string(&buf));
        cr_expect_str_eq(json_string_value(json_object_get(root, "outcome")), "errors");
        cr_expect_str_eq(json_string_value(json_object_get(root, "profile")), "strict.json");
        cr_expect_str_eq(json_string_value(json_object_get(root, "command")), "sh -c \"x\"");
        cr_expect_eq(json_integer_value(json_object_get(root, "violations")), 3);
        cr_expect(json_is_true(json_object_get(root, "complete")));
        cr_assert_eq(json_array_size(json_object_get(root, "rows")), 1);
        cr_expect_eq(json_array_size(json_object_get(root, "observed")), 1);
        row = json_array_get(json_object_get(root, "rows"), 0);
        cr_expect_str_eq(json_string_value(json_object_get(row, "syscall")), "SYS_MOUNT");
        cr_expect_str_eq(json_string_value(json_object_get(row, "rule")), "defaultAction");
        cr_expect_str_eq(json_string_value(json_array_get(json_object_get(root, "allow"), 0)), "mount");
        cr_expect_eq(json_integer_value(json_object_get(json_object_get(root, "ledger"), "received")), 4);
        json_decref(root);
        buf_deinit(&buf);
        report_free(report);
}

Test(report, control_characters_do_not_come_through) {
        struct report *report = new_report(0);
        struct event event = call("\x1b[2J", MOUNT, EPERM_VERDICT, 1);
        char *text;

        snprintf(event.detail, sizeof(event.detail), "\x1b]0;x\x07");
        add(report, event);
        text = printed(report);
        for (const char *at = text; *at; at++)
                cr_expect((unsigned char)*at >= 0x20 || *at == '\n');
        free(text);
        report_free(report);
}

Test(report, width_of_what_is_no_terminal) {
        FILE *file = tmpfile();

        unsetenv("COLUMNS");
        cr_expect_eq(report_width(fileno(file)), REPORT_WIDTH_WHOLE);
        setenv("COLUMNS", "72", 1);
        cr_expect_eq(report_width(fileno(file)), 72);
        setenv("COLUMNS", "nonsense", 1);
        cr_expect_eq(report_width(fileno(file)), REPORT_WIDTH_WHOLE);
        fclose(file);
}
