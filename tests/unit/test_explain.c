/* SPDX-License-Identifier: Apache-2.0 */

#include "base/buf.h"
#include "policy/call_text.h"
#include "policy/explain.h"
#include "policy/write_explain.h"
#include "policy_fixture.h"
#include "syscalls/table.h"

static char *explained(const char *file, const char *call, int expected) {
        cleanup_fixture struct fixture fixture;
        char *text = NULL;
        size_t size;
        FILE *to = open_memstream(&text, &size);
        int r;

        cr_assert_not_null(to);
        cr_assert_eq(fixture_file(&fixture, file, "SCMP_ARCH_X86_64"), 0);
        r = call ? profile_explain_call(fixture.flat, call, to) : profile_explain(fixture.flat, to);
        fclose(to);
        cr_expect_eq(r, expected);
        return text;
}

static void says(const char *file, const char *call, const char *const *fragments) {
        char *text = explained(file, call, 0);

        for (; *fragments; fragments++)
                cr_expect_not_null(strstr(text, *fragments), "\"%s\" is not in\n%s", *fragments, text);
        free(text);
}

Test(explain, whole_profile) {
        says(ROWS "strict.json", NULL,
             (const char *const[]){
                     "A call that no rule names is refused with EPERM.\n",
                     "Architectures: x86_64, i386, x32; a call of any other is deadly to the thread.\n",
                     "32 calls are allowed:\n", "2 calls are refused with ENOSYS:\n",
                     "1 call is deadly to the process:\n", "i386: ", NULL });
        says(ROWS "deny-list.json", NULL,
             (const char *const[]){ "A call that no rule names is allowed.\n",
                                    "2 calls are left to a supervisor:", "1 call is deadly to the thread:\n",
                                    "go to /run/callgate/listener.sock",
                                    "Depends on the arguments:\n  clone: refused with EOPNOTSUPP when ",
                                    NULL });
        says(ROWS "audit-only.json", NULL,
             (const char *const[]){ "A call that no rule names is allowed and logged.\n", NULL });
        says(ROWS "fine-grained.json", NULL,
             (const char *const[]){ "reported as done", "left to a tracer",
                                    "a SIGSYS that the program may handle", NULL });
}

Test(explain, one_call) {
        says(ROWS "strict.json", "read",
             (const char *const[]){ "read, x86_64 (number 0): allowed (syscalls[0])\n",
                                    "read, i386 (number 3): allowed (syscalls[0])\n",
                                    "read, x32 (number 1073741824): allowed (syscalls[0])\n", NULL });
        says(ROWS "strict.json", "mount",
             (const char *const[]){ "mount, x86_64 (number 165): refused with EPERM (defaultAction)\n",
                                    NULL });
        says(ROWS "fine-grained.json", "kill",
             (const char *const[]){ "kill, x86_64 (number 62): ", "allowed when ", " == 0 (syscalls[13]);",
                                    "refused with a SIGSYS that the program may handle when ",
                                    " == SIGKILL (syscalls[14]);",
                                    "otherwise refused with EACCES (defaultAction)\n", NULL });
        says(ROWS "fine-grained.json", "accept",
             (const char *const[]){ "accept, i386 (behind socketcall only): allowed (syscalls[12])\n",
                                    NULL });
        says(ROWS "newer.json", "fchmodat2",
             (const char *const[]){ "fchmodat2, x86_64 (number 452): allowed (syscalls[0])\n", NULL });
}

Test(explain, unknown_call) {
        char *text = explained(ROWS "strict.json", "opennat", PROFILE_E_INVALID);

        cr_expect_str_empty(text);
        free(text);
}

/* The words for one condition. */
Test(explain, conditions_by_name) {
        static const struct {
                const char *call;
                struct condition condition;
                const char *words;
        } conditions[] = {
                { "socket", { 0, CONDITION_EQ, 1, 0 }, "domain == AF_UNIX" },
                { "socket", { 0, CONDITION_NE, 40, 0 }, "domain != AF_VSOCK" },
                { "socket", { 0, CONDITION_MASKED_EQ, 0xffffffff, 1 }, "domain == AF_UNIX" },
                { "socket", { 0, CONDITION_MASKED_EQ, UINT64_MAX, 2 }, "domain == AF_INET" },
                { "socket", { 0, CONDITION_MASKED_EQ, 0xf, 2 }, "domain & 0xf == 0x2" },
                { "ioctl", { 1, CONDITION_EQ, 0x5401, 0 }, "request == TCGETS" },
                { "clone", { 0, CONDITION_MASKED_EQ, 0x10000000, 0 }, "flags & CLONE_NEWUSER == 0" },
                { "clone",
                  { 0, CONDITION_MASKED_EQ, 0x30000000, 0x10000000 },
                  "flags & (CLONE_NEWUSER|CLONE_NEWPID) == CLONE_NEWUSER" },
                { "openat", { 0, CONDITION_EQ, 0xffffff9c, 0 }, "dirfd == AT_FDCWD" },
                { "openat", { 2, CONDITION_EQ, 02000000 | 02, 0 }, "flags == O_RDWR|O_CLOEXEC" },
                { "kill", { 1, CONDITION_EQ, 9, 0 }, "signal == SIGKILL" },
                { "read", { 2, CONDITION_GT, 100000, 0 }, "count > 100000" },
                { "read", { 5, CONDITION_EQ, 5, 0 }, "arg5 == 5" },
        };
        const struct arch *arch = arch_by_scmp("SCMP_ARCH_X86_64");

        for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
                struct buf text = BUF_INIT(0);
                int nr = syscall_number(arch, conditions[i].call);

                explain_condition(&conditions[i].condition, NULL, arch,
                                  syscall_row_of(arch->audit, (uint32_t)nr), &text);
                cr_expect_str_eq(buf_string(&text), conditions[i].words);
                buf_deinit(&text);
        }
}

static char *with_arguments(const char *file, const char *call, bool json) {
        struct call_text parsed;
        cleanup_fixture struct fixture fixture;
        char *text = NULL;
        size_t size;
        FILE *to = open_memstream(&text, &size);

        cr_assert_eq(fixture_file(&fixture, file, "SCMP_ARCH_X86_64"), 0);
        cr_assert_eq(call_text_parse(call, arch_by_scmp("SCMP_ARCH_X86_64"), &fixture.diags, &parsed), 0);
        cr_assert_eq(json ? profile_explain_arguments_json(fixture.flat, &parsed, 1, to)
                          : profile_explain_arguments(fixture.flat, &parsed, to),
                     0);
        fclose(to);
        return text;
}

Test(explain, arguments) {
        static const struct {
                const char *call, *says, *says_not;
        } calls[] = {
                { "kill 5 0", "allowed when signal == 0 (syscalls[13])\n", "syscalls[14]" },
                { "kill 5 9", "refused with a SIGSYS that the program may handle when ", "syscalls[13]" },
                { "kill 5 15", "refused with EACCES (defaultAction)\n", "syscalls[13]" },
                { "kill 5", "allowed when signal == 0 (syscalls[13]);\n", NULL },
        };

        for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
                char *text = with_arguments(ROWS "fine-grained.json", calls[i].call, false);
                char *json = with_arguments(ROWS "fine-grained.json", calls[i].call, true);

                cr_expect_not_null(strstr(text, calls[i].says), "%s: %s", calls[i].call, text);
                if (calls[i].says_not)
                        cr_expect_null(strstr(text, calls[i].says_not), "%s: %s", calls[i].call, text);
                cr_expect_not_null(strstr(json, "\"name\": \"kill\""));
                free(text);
                free(json);
        }
}

static char *listed(const char *file, const struct explain_filter *filter, bool json) {
        cleanup_fixture struct fixture fixture;
        char *text = NULL;
        size_t size;
        FILE *to = open_memstream(&text, &size);

        cr_assert_eq(fixture_file(&fixture, file, "SCMP_ARCH_X86_64"), 0);
        cr_assert_eq(json ? profile_explain_json(fixture.flat, NULL, filter, to)
                          : profile_explain_list(fixture.flat, filter, to),
                     0);
        fclose(to);
        return text;
}

Test(explain, blocked_and_risky) {
        struct explain_filter blocked = { .blocked = true }, risky = { .risky = true };
        char *text = listed(ROWS "strict.json", &blocked, false);

        cr_expect_null(strstr(text, "calls are allowed:"), "%s", text);
        cr_expect_not_null(strstr(text, " mount "), "%s", text);
        free(text);
        text = listed(ROWS "strict.json", &risky, false);
        cr_expect_not_null(strstr(text, "\n  ptrace takes control of other processes"), "%s", text);
        cr_expect_null(strstr(text, " read "), "%s", text);
        free(text);
        text = listed(ROWS "strict.json", &blocked, true);
        cr_expect_not_null(strstr(text, "\"name\": \"mount\""));
        cr_expect_null(strstr(text, "\"name\": \"read\""));
        free(text);
}
