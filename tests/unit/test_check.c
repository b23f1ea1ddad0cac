/* SPDX-License-Identifier: Apache-2.0 */
/* Each finding has a profile that earns it and one that does not. */

#include "policy/check.h"
#include "policy_fixture.h"

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
        { "{\"defaultAction\": \"SCMP_ACT_LOG\", \"architectures\": [\"SCMP_ARCH_X86\"]}",
          "sub-architecture-missing", "architectures", "list SCMP_ARCH_X32 as well", DIAG_INFO },
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
          "errno-breaks-fallback", "syscalls", "clone3", DIAG_WARNING },
        { PROFILE(", {\"names\": [\"statx\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 1}"),
          "errno-breaks-fallback", "syscalls", "try statx fall", DIAG_WARNING },
};

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
                        cr_expect_eq(diags.n, 0, "%s", row->text);
                        if (diags.n)
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
