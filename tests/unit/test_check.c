/* SPDX-License-Identifier: Apache-2.0 */
/* Each finding has a profile that earns it and one that does not. */

#include "policy/check.h"
#include "base/buf.h"
#include "policy_fixture.h"

#include <dirent.h>

#define ALL_ARCHES "\"architectures\": [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X86\", \"SCMP_ARCH_X32\"]"
#define START                                                                                               \
        "{\"names\": [\"execve\", \"brk\", \"mmap\", \"mprotect\", \"munmap\", \"openat\", \"read\", "      \
        "\"close\","                                                                                        \
        " \"fstat\", \"newfstatat\", \"arch_prctl\", \"set_tid_address\", \"exit_group\", "                 \
        "\"rt_sigreturn\","                                                                                 \
        " \"futex\", \"write\"], \"action\": \"SCMP_ACT_ALLOW\"}"
/* refuses with ENOSYS, so that nothing is said about fallbacks */
#define PROFILE(rules)                                                                                      \
        "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 38, " ALL_ARCHES                      \
        ", \"syscalls\": [" START rules "]}"
#define KILL(fields) ", {\"names\": [\"kill\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{" fields "}]}"

static const struct row {
        const char *text, *id, *place, *says;
        enum diag_severity severity;
} rows[] = {
        { PROFILE(""), NULL, NULL, NULL, DIAG_INFO },
        { PROFILE(KILL("\"index\": 1, \"value\": 9, \"op\": \"SCMP_CMP_EQ\"")), NULL, NULL, NULL,
          DIAG_INFO },
        { "{}", "no-filter", NULL, "no filter", DIAG_WARNING },
        { "{\"defaultAction\": \"SCMP_ACT_LOG\"}", "sub-architecture-missing", "architectures",
          "SCMP_ARCH_X86", DIAG_WARNING },
        { "{\"defaultAction\": \"SCMP_ACT_LOG\", \"architectures\": [\"SCMP_ARCH_X86\"]}", "x32-missing",
          "architectures", "list SCMP_ARCH_X32 as well", DIAG_INFO },
        { "{\"defaultAction\": \"SCMP_ACT_ERRNO\"}", "nothing-allowed", "syscalls", "not even execve",
          DIAG_WARNING },
        { "{\"defaultAction\": \"SCMP_ACT_NOTIFY\"}", "notify-default", "defaultAction", "runc",
          DIAG_WARNING },
        { PROFILE(", {\"names\": [\"mkdir\"], \"action\": \"SCMP_ACT_NOTIFY\"}"), "notify-without-listener",
          "listenerPath", "listenerPath", DIAG_WARNING },
        { "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerPath\": \"/x\", \"syscalls\": [{\"names\": "
          "[\"write\"], "
          "\"action\": \"SCMP_ACT_NOTIFY\"}]}",
          "notify-write", "syscalls[0]", "write", DIAG_WARNING },
        { "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerMetadata\": \"x\"}",
          "metadata-without-listener", "listenerMetadata", NULL, DIAG_WARNING },
        { PROFILE(KILL("\"index\": 1, \"value\": 0, \"op\": \"SCMP_CMP_LT\"")), "condition-never",
          "syscalls[1].args[0]", "arg1 < 0", DIAG_WARNING },
        { PROFILE(KILL("\"index\": 1, \"value\": 18446744073709551615, \"op\": \"SCMP_CMP_GT\"")),
          "condition-never", "syscalls[1].args[0]", NULL, DIAG_WARNING },
        { PROFILE(KILL("\"index\": 1, \"value\": 0, \"op\": \"SCMP_CMP_GE\"")), "condition-always",
          "syscalls[1].args[0]", NULL, DIAG_WARNING },
        { PROFILE(KILL("\"index\": 1, \"value\": 0, \"valueTwo\": 7, \"op\": \"SCMP_CMP_MASKED_EQ\"")),
          "condition-always", "syscalls[1].args[0]", NULL, DIAG_WARNING },
        { PROFILE(KILL("\"index\": 1, \"value\": 2, \"valueTwo\": 3, \"op\": \"SCMP_CMP_MASKED_EQ\"")),
          "masked-bits-outside", "syscalls[1].args[0]", "value is the mask", DIAG_WARNING },
        { PROFILE(KILL("\"index\": 1, \"value\": 4294967296, \"op\": \"SCMP_CMP_EQ\"")), "value-narrowed",
          "syscalls[1].args[0]", "32 bits", DIAG_INFO },
        { PROFILE(KILL("\"index\": 1, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"}, {\"index\": 1, \"value\": 2, "
                       "\"op\": \"SCMP_CMP_EQ\"")),
          "repeated-argument", "syscalls[1]", "any one", DIAG_WARNING },
        { PROFILE(", {\"names\": [\"kill\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 38}"),
          "rule-equals-default", "syscalls[1]", NULL, DIAG_INFO },
        { PROFILE(", {\"names\": [\"read\", \"kill\", \"close\"], \"action\": \"SCMP_ACT_ALLOW\"}"),
          "redundant-rule", "syscalls[1]", "read and close: syscalls[0]", DIAG_INFO },
        { PROFILE(", {\"names\": [\"read\"], \"action\": \"SCMP_ACT_KILL\"}"), "shadowed-rule",
          "syscalls[1]", "another action", DIAG_WARNING },
        { PROFILE(KILL(
                  "\"index\": 1, \"value\": 9, \"op\": \"SCMP_CMP_EQ\"") ", {\"names\": [\"kill\"], "
                                                                         "\"action\": \"SCMP_ACT_KILL\"}"),
          "shadowed-rule", "syscalls[1]", "syscalls[2]", DIAG_WARNING },
        { PROFILE(KILL(
                  "\"index\": 1, \"value\": 9, \"op\": \"SCMP_CMP_LE\"") ", {\"names\": [\"kill\"], "
                                                                         "\"action\": \"SCMP_ACT_LOG\", "
                                                                         "\"args\": [{\"index\": 1, "
                                                                         "\"value\": 9, \"op\": "
                                                                         "\"SCMP_CMP_GE\"}]}"),
          "overlapping-rules", "syscalls[2]", "for kill", DIAG_WARNING },
        { PROFILE(KILL(
                  "\"index\": 1, \"value\": 9, \"op\": \"SCMP_CMP_EQ\"") ", {\"names\": [\"kill\"], "
                                                                         "\"action\": \"SCMP_ACT_LOG\", "
                                                                         "\"args\": [{\"index\": 1, "
                                                                         "\"value\": 9, \"op\": "
                                                                         "\"SCMP_CMP_EQ\"}]}"),
          "conflicting-rules", "syscalls[2]", "kill", DIAG_ERROR },
        { PROFILE(KILL("\"index\": 1, \"value\": 9, \"op\": \"SCMP_CMP_LE\"")
                          KILL("\"index\": 1, \"value\": 20, \"op\": \"SCMP_CMP_GT\"")),
          "libseccomp-may-differ", "syscalls", "for kill", DIAG_INFO },
        { PROFILE(", {\"names\": [\"breakpoint\", \"kill\"], \"action\": \"SCMP_ACT_ALLOW\"}"),
          "name-of-other-architecture", "syscalls[1]", "has breakpoint", DIAG_INFO },
        { "{\"defaultAction\": \"SCMP_ACT_ERRNO\", " ALL_ARCHES ", \"syscalls\": [{\"names\": [\"execve\"], "
          "\"action\": \"SCMP_ACT_ALLOW\"}]}",
          "start-call-missing", "syscalls", "brk, mmap", DIAG_WARNING },
        { "{\"defaultAction\": \"SCMP_ACT_ERRNO\", " ALL_ARCHES ", \"syscalls\": [" START "]}",
          "errno-breaks-fallback", "defaultAction", "clone3", DIAG_WARNING },
        { PROFILE(", {\"names\": [\"statx\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 1}"),
          "errno-breaks-fallback", "syscalls[1]", "try statx fall", DIAG_WARNING },

        /* What a runtime refuses, or what starts under it. */
        { "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerPath\": \"/x\"}", "listener-without-notify",
          "listenerPath", "nothing is ever sent", DIAG_INFO },
        { "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerPath\": \"x.sock\"}", "listener-not-absolute",
          "listenerPath", "'x.sock'", DIAG_WARNING },
        { "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": [\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"]}",
          "flag-without-notify", "flags", "nothing is notified", DIAG_WARNING },
        { "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": [\"SECCOMP_FILTER_FLAG_LOG\"]}",
          "flags-of-newer-runtimes", "flags", "runc 1.1", DIAG_INFO },
        { PROFILE(""), "runtime-may-need", "syscalls", "crun itself makes capset", DIAG_INFO },
        { PROFILE(""), "library-call-missing", "syscalls", "writev (musl's stdio)", DIAG_INFO },
        { "{\"defaultAction\": \"SCMP_ACT_ERRNO\", " ALL_ARCHES ", \"syscalls\": [" START "]}",
          "errno-breaks-time64", "syscalls", "clock_gettime64", DIAG_WARNING },
        { "{\"defaultAction\": \"SCMP_ACT_KILL_PROCESS\", " ALL_ARCHES ", \"syscalls\": [" START "]}",
          "errno-breaks-fallback", "defaultAction", "die instead of falling back", DIAG_WARNING },

        /* The default. */
        { "{\"defaultAction\": \"SCMP_ACT_KILL_PROCESS\"}", "kill-default", "defaultAction", NULL,
          DIAG_INFO },
        { "{\"defaultAction\": \"SCMP_ACT_KILL\"}", "kill-thread", "defaultAction", "KILL_PROCESS",
          DIAG_INFO },
        { "{\"defaultAction\": \"SCMP_ACT_TRACE\"}", "trace-default", "defaultAction", "ENOSYS", DIAG_INFO },
        { "{\"defaultAction\": \"SCMP_ACT_LOG\"}", "log-default", "defaultAction", NULL, DIAG_INFO },
        { "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 0}", "pretend-default",
          "defaultAction", "look done", DIAG_WARNING },
        { "{\"defaultAction\": \"SCMP_ACT_ALLOW\"}", "nothing-refused", "syscalls", NULL, DIAG_INFO },

        /* Architectures. */
        { "{\"defaultAction\": \"SCMP_ACT_LOG\", \"architectures\": [\"SCMP_ARCH_AARCH64\"]}",
          "architecture-missing", "architectures", "SCMP_ARCH_X86_64", DIAG_WARNING },
        { PROFILE(", {\"names\": [\"stat\", \"mkdir\"], \"action\": \"SCMP_ACT_ALLOW\"}"),
          "successor-missing", "syscalls", "mkdirat", DIAG_INFO },

        /* Rules. */
        { PROFILE(", {\"names\": [\"kill\", \"tkill\"], \"action\": \"SCMP_ACT_ALLOW\"}, {\"names\": "
                  "[\"tkill\", \"kill\"], \"action\": \"SCMP_ACT_ALLOW\"}"),
          "duplicate-rule", "syscalls[2]", "syscalls[1]", DIAG_INFO },
        { PROFILE(", {\"names\": [\"kill\", \"tkill\", \"kill\"], \"action\": \"SCMP_ACT_ALLOW\"}"),
          "duplicate-name", "syscalls[1]", "names kill more than once", DIAG_INFO },
        { "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{\"names\": [\"kill\"], \"action\": "
          "\"SCMP_ACT_ALLOW\", \"includes\": {\"caps\": [\"CAP_KILL\"]}, \"excludes\": {\"caps\": "
          "[\"CAP_CHOWN\", \"CAP_KILL\"]}}]}",
          "never-applies", "syscalls[0]", "caps", DIAG_WARNING },
        { "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{\"names\": [\"kill\"], \"action\": "
          "\"SCMP_ACT_ALLOW\", \"includes\": {\"minKernel\": \"5.10\"}, \"excludes\": {\"minKernel\": "
          "\"5.4\"}}]}",
          "never-applies", "syscalls[0]", "minKernel", DIAG_WARNING },

        /* Conditions. */
        { PROFILE(", {\"names\": [\"openat\"], \"action\": \"SCMP_ACT_LOG\", \"args\": [{\"index\": 1, "
                  "\"value\": 5, \"op\": \"SCMP_CMP_EQ\"}]}"),
          "condition-on-pointer", "syscalls[1].args[0]", "address", DIAG_WARNING },
        { PROFILE(", {\"names\": [\"kill\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 4, "
                  "\"value\": 5, \"op\": \"SCMP_CMP_EQ\"}]}"),
          "condition-without-argument", "syscalls[1].args[0]", "kill has 2 arguments", DIAG_WARNING },
        { PROFILE(", {\"names\": [\"socket\", \"kill\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": "
                  "[{\"index\": 0, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"}]}"),
          "condition-meaning-differs", "syscalls[1].args[0]", "domain for socket but pid for kill",
          DIAG_WARNING },
        { PROFILE(", {\"names\": [\"socket\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, "
                  "\"value\": 16, \"op\": \"SCMP_CMP_MASKED_EQ\"}]}"),
          "masked-for-equal", "syscalls[1].args[0]", "compare with 16", DIAG_WARNING },
        { PROFILE(", {\"names\": [\"socket\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, "
                  "\"value\": 40, \"op\": \"SCMP_CMP_NE\"}]}"),
          "high-half-ignored", "syscalls[1].args[0]", "allow the wanted values", DIAG_WARNING },
        { "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"socket\"], \"action\": "
          "\"SCMP_ACT_ERRNO\", \"args\": [{\"index\": 0, \"value\": 40, \"op\": \"SCMP_CMP_EQ\"}]}]}",
          "high-half-ignored", "syscalls[0].args[0]", "4294967295", DIAG_WARNING },
        { PROFILE(", {\"names\": [\"socket\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, "
                  "\"value\": 1, \"op\": \"SCMP_CMP_EQ\"}]}"),
          "condition-behind-socketcall", "syscalls[1]", "make socket", DIAG_INFO },

        /* What gets through. */
        { PROFILE(", {\"names\": [\"bpf\"], \"action\": \"SCMP_ACT_ALLOW\"}"), "dangerous-call",
          "syscalls[1]", "loads programs into the kernel", DIAG_WARNING },
        { PROFILE(", {\"names\": [\"clone\"], \"action\": \"SCMP_ACT_ALLOW\"}"), "dangerous-call",
          "syscalls[1]", "with flags for namespaces", DIAG_WARNING },
        { PROFILE(", {\"names\": [\"mount\", \"fsopen\", \"move_mount\"], \"action\": \"SCMP_ACT_ALLOW\"}"),
          "dangerous-call", "syscalls[1]", "fsopen and move_mount are allowed", DIAG_WARNING },
        { PROFILE(", {\"names\": [\"personality\"], \"action\": \"SCMP_ACT_ALLOW\"}"), "risky-call",
          "syscalls[1]", "address randomisation", DIAG_INFO },
        { "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"mount\"], \"action\": "
          "\"SCMP_ACT_ERRNO\"}]}",
          "deny-list", "defaultAction", "later kernels", DIAG_INFO },
        { "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"mount\"], \"action\": "
          "\"SCMP_ACT_ERRNO\"}]}",
          "deny-list-dangerous", "syscalls", "bpf", DIAG_WARNING },
        { "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"open\", \"openat\"], "
          "\"action\": \"SCMP_ACT_ERRNO\"}]}",
          "sibling-allowed", "syscalls[0]", "openat2", DIAG_WARNING },
        { PROFILE(", {\"names\": [\"clone\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, "
                  "\"value\": 2114060288, \"op\": \"SCMP_CMP_MASKED_EQ\"}]}, {\"names\": [\"clone3\"], "
                  "\"action\": \"SCMP_ACT_ALLOW\"}"),
          "sibling-allowed", "syscalls[1]", "clone3 can make namespaces as well", DIAG_WARNING },
        { "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"connect\"], \"action\": "
          "\"SCMP_ACT_ERRNO\"}]}",
          "io-uring-bypasses", "defaultAction", "what connect would do", DIAG_WARNING },
};

/* Habits that are right earn none of these. */
static const struct {
        const char *text, *id;
} innocent[] = {
        { PROFILE(", {\"names\": [\"clone\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, "
                  "\"value\": 2114060288, \"op\": \"SCMP_CMP_MASKED_EQ\"}]}"),
          "dangerous-call" },
        { "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{\"names\": [\"bpf\"], \"action\": "
          "\"SCMP_ACT_ALLOW\", \"includes\": {\"caps\": [\"CAP_CHOWN\"]}}]}",
          "dangerous-call" },
        { PROFILE(", {\"names\": [\"socket\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, "
                  "\"value\": 1, \"op\": \"SCMP_CMP_EQ\"}]}"),
          "high-half-ignored" },
        { PROFILE(", {\"names\": [\"mmap\"], \"action\": \"SCMP_ACT_LOG\", \"args\": [{\"index\": 0, "
                  "\"value\": 0, \"op\": \"SCMP_CMP_EQ\"}]}"),
          "condition-on-pointer" },
        { PROFILE(", {\"names\": [\"kill\", \"tkill\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": "
                  "[{\"index\": 1, \"value\": 9, \"op\": \"SCMP_CMP_EQ\"}]}"),
          "condition-meaning-differs" },
        { "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"execveat\"], \"action\": "
          "\"SCMP_ACT_ERRNO\"}]}",
          "sibling-allowed" },
        { PROFILE(""), "errno-breaks-fallback" },
        { PROFILE(""), "errno-breaks-time64" },
        { PROFILE(""), "architecture-missing" },
        { PROFILE(", {\"names\": [\"kill\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 1, "
                  "\"value\": 1, \"op\": \"SCMP_CMP_EQ\"}]}, {\"names\": [\"kill\"], \"action\": "
                  "\"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 1, \"value\": 2, \"op\": \"SCMP_CMP_EQ\"}]}"),
          "duplicate-rule" },
};

static void check_text(const char *text, const struct check_options *options, struct diags *diags) {
        struct profile_context context = fixture_context("SCMP_ARCH_X86_64");
        cleanup_profile struct profile *profile = NULL;

        cr_assert_eq(profile_read(text, strlen(text), diags, &profile), 0, "%s", text);
        cr_assert_eq(profile_check_for(profile, &context, options, diags), 0);
}

Test(check, innocent) {
        for (size_t i = 0; i < sizeof(innocent) / sizeof(innocent[0]); i++) {
                struct diags diags = DIAGS_INIT;

                check_text(innocent[i].text, NULL, &diags);
                cr_expect_null(diags_find(&diags, innocent[i].id, NULL, NULL), "%s in %s", innocent[i].id,
                               innocent[i].text);
                diags_deinit(&diags);
        }
}

Test(check, fleet) {
        static const char text[] = "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": "
                                   "[\"SCMP_ARCH_X86_64\"], \"syscalls\": [{\"names\": [\"open\", "
                                   "\"mkdir\", \"execve\"], \"action\": \"SCMP_ACT_ALLOW\"}]}";
        const struct arch *fleet[] = { arch_by_any("amd64"), arch_by_any("arm64") };
        struct check_options options = { .fleet = fleet, .n_fleet = 2 };
        struct diags diags = DIAGS_INIT;
        size_t n_listed = 0;

        check_text(text, &options, &diags);
        cr_expect_not_null(diags_find(&diags, "architecture-missing", "architectures", "SCMP_ARCH_AARCH64"));
        cr_expect_not_null(diags_find(&diags, "sub-architecture-missing", NULL, "SCMP_ARCH_X86 "));
        cr_expect_not_null(diags_find(&diags, "sub-architecture-missing", NULL, "on aarch64: "));
        cr_expect_not_null(diags_find(&diags, "successor-needed", NULL, "openat and mkdirat")
                                   ?: diags_find(&diags, "successor-needed", NULL, "mkdirat and openat"));
        cr_expect_null(diags_find(&diags, "successor-needed", NULL, "on aarch64: on aarch64"));
        for (size_t i = 0; i < diags.n; i++)
                n_listed += !strcmp(finding_id(&diags.items[i]), "architecture-missing");
        cr_expect_eq(n_listed, 1, "said once, not once per machine");
        diags_deinit(&diags);
}

Test(check, runtime) {
        struct check_options options = { .runtime = LEARN_FOR_RUNC };
        struct diags diags = DIAGS_INIT;

        check_text(PROFILE(""), &options, &diags);
        cr_expect_not_null(diags_find(&diags, "runtime-call-missing", "syscalls", "capget"));
        cr_expect_null(diags_find(&diags, "runtime-may-need", NULL, NULL));
        diags_deinit(&diags);
        options.no_new_privs = true;
        check_text(PROFILE(""), &options, &diags);
        cr_expect_null(diags_find(&diags, "runtime-call-missing", "syscalls", "capget"));
        cr_expect_not_null(diags_find(&diags, "runtime-call-missing", "syscalls", "getdents64"));
        diags_deinit(&diags);
        options.runtime = LEARN_FOR_CRUN;
        check_text(PROFILE(""), &options, &diags);
        cr_expect_not_null(diags_find(&diags, "runtime-call-missing", "syscalls", "crun itself makes"));
        diags_deinit(&diags);
}

/* Sorting instead of comparing all with all: twenty thousand rules about one call end in time. */
Test(check, many_rules, .timeout = 180) {
        struct buf text = BUF_INIT(0);
        struct diags diags = DIAGS_INIT;

        buf_puts(&text, "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [");
        for (int i = 0; i < 20000; i++)
                buf_printf(&text, "%s{\"names\": [\"kill\"], \"action\": \"SCMP_ACT_%s\"}", i ? "," : "",
                           i % 2 ? "ALLOW" : "LOG");
        buf_puts(&text, "]}");
        check_text(buf_string(&text), NULL, &diags);
        cr_expect_gt(diags.n_warnings, 9000, "every second rule is shadowed by the first one");
        diags_deinit(&diags);
        buf_deinit(&text);
}

Test(check, rows) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const struct row *row = &rows[i];
                struct profile_context context = fixture_context("SCMP_ARCH_X86_64");
                cleanup_profile struct profile *profile = NULL;
                struct diags diags = DIAGS_INIT;
                const struct diag *found;

                cr_assert_eq(profile_read(row->text, strlen(row->text), &diags, &profile), 0, "%s",
                             row->text);
                cr_assert_eq(diags.n, 0, "%s", row->text);
                cr_assert_eq(profile_check(profile, &context, &diags), 0);
                if (!row->id) {
                        cr_expect_eq(diags.n_errors + diags.n_warnings, 0, "%s", row->text);
                        if (diags.n_errors + diags.n_warnings)
                                diags_print(&diags, stderr, DIAG_INFO, false);
                } else {
                        found = diags_find(&diags, row->id, row->place, row->says);
                        cr_expect_not_null(found, "%s in %s", row->id, row->text);
                        if (found)
                                cr_expect_eq(found->severity, row->severity, "%s", row->id);
                        else
                                diags_print(&diags, stderr, DIAG_INFO, false);
                }
                diags_deinit(&diags);
        }
}

/* Disjoint conditions with different actions are no overlap. */
Test(check, exclusive_rules_are_fine) {
        static const char *const pairs[][2] = {
                { "\"value\": 1, \"op\": \"SCMP_CMP_EQ\"", "\"value\": 2, \"op\": \"SCMP_CMP_EQ\"" },
                { "\"value\": 1, \"op\": \"SCMP_CMP_EQ\"", "\"value\": 1, \"op\": \"SCMP_CMP_NE\"" },
                { "\"value\": 5, \"op\": \"SCMP_CMP_LT\"", "\"value\": 5, \"op\": \"SCMP_CMP_GE\"" },
                { "\"value\": 5, \"op\": \"SCMP_CMP_LE\"", "\"value\": 5, \"op\": \"SCMP_CMP_GT\"" },
                { "\"value\": 16, \"valueTwo\": 16, \"op\": \"SCMP_CMP_MASKED_EQ\"",
                  "\"value\": 48, \"valueTwo\": 32, \"op\": \"SCMP_CMP_MASKED_EQ\"" },
        };

        for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
                struct profile_context context = fixture_context("SCMP_ARCH_X86_64");
                cleanup_profile struct profile *profile = NULL;
                struct diags diags = DIAGS_INIT;
                char text[2048];

                snprintf(text, sizeof(text),
                         PROFILE(", {\"names\": [\"kill\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": "
                                 "[{\"index\": 1, "
                                 "%s}]}, {\"names\": [\"kill\"], \"action\": \"SCMP_ACT_LOG\", \"args\": "
                                 "[{\"index\": "
                                 "1, %s}]}"),
                         pairs[i][0], pairs[i][1]);
                cr_assert_eq(profile_read(text, strlen(text), &diags, &profile), 0);
                cr_assert_eq(profile_check(profile, &context, &diags), 0);
                cr_expect_null(diags_find(&diags, "overlapping-rules", NULL, NULL), "pair %zu", i);
                diags_deinit(&diags);
        }
}

/* The shipped example of a strict profile has nothing to be warned of but its errno. */
Test(check, own_strict_profile) {
        cleanup_fixture struct fixture fixture;

        cr_assert_eq(fixture_file(&fixture, ROWS "strict.json", "SCMP_ARCH_X86_64"), 0);
        cr_assert_eq(profile_check(fixture.profile, &fixture.context, &fixture.diags), 0);
        cr_expect_eq(fixture.diags.n_errors, 0);
        cr_expect_null(diags_find(&fixture.diags, "start-call-missing", NULL, NULL));
        cr_expect_null(diags_find(&fixture.diags, "errno-breaks-fallback", NULL, "clone3"));
}

/* Whoever is not asked has no objection. */
static void compiles_surely(const char *path, size_t *n_sure) {
        static const char *const scmp[] = { "SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64" };

        for (size_t i = 0; i < 2; i++) {
                cleanup_profile struct profile *profile = NULL, *flat = NULL;
                struct profile_context context = fixture_context(scmp[i]);
                struct filter filter = FILTER_INIT;
                struct diags diags = DIAGS_INIT;

                if (!profile_read_file(path, &diags, &profile) &&
                    !profile_resolve(profile, &context, &diags, &flat) && check_surely_compiles(flat)) {
                        cr_expect_eq(filter_compile(flat, &diags, &filter), 0, "%s", path);
                        ++*n_sure;
                }
                filter_deinit(&filter);
                diags_deinit(&diags);
        }
}

Test(check, surely_compiles, .timeout = 200) {
        const char *corpus = getenv("CALLGATE_CORPUS");
        char folders[2][4096] = { ROWS };
        size_t n_sure = 0;

        if (corpus)
                snprintf(folders[1], sizeof(folders[1]), "%s/profiles", corpus);
        for (size_t i = 0; i < (corpus ? 2 : 1); i++) {
                DIR *dir = opendir(folders[i]);
                struct dirent *entry;

                cr_assert_not_null(dir);
                while ((entry = readdir(dir))) {
                        char path[4400];

                        snprintf(path, sizeof(path), "%s/%s", folders[i], entry->d_name);
                        if (entry->d_name[0] != '.')
                                compiles_surely(path, &n_sure);
                }
                closedir(dir);
        }
        cr_expect_gt(n_sure, corpus ? 80 : 4, "%zu", n_sure);
}
