/* SPDX-License-Identifier: Apache-2.0 */

#include "policy/explain.h"
#include "policy_fixture.h"

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
                                    " == 9 (syscalls[14]);",
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
