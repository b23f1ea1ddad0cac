/* SPDX-License-Identifier: Apache-2.0 */
/* callgate profile diff: what it prints, and its exit codes. */

#include "verb_fixture.h"

#include "cli/exit.h"
#include "cli/profile_verbs.h"

#define PROFILE(rules)                                                                                      \
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86_64\"],\"syscalls\":"      \
        "[" rules "]}"
#define ALLOW(names) "{\"names\":[" names "],\"action\":\"SCMP_ACT_ALLOW\"}"
#define SOCKET(domain)                                                                                      \
        "{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":" #domain   \
        ",\"op\":\"SCMP_CMP_EQ\"}]}"

static void redirect(void) {
        cr_redirect_stdout();
        cr_redirect_stderr();
}

TestSuite(profile_diff, .init = redirect);

Test(profile_diff, says_what_changed) {
        const char *a = verb_file(PROFILE(ALLOW("\"read\",\"ptrace\"") "," SOCKET(1)));
        const char *b = verb_file(PROFILE(ALLOW("\"read\",\"bpf\"") "," SOCKET(1) "," SOCKET(2)));

        cr_expect_eq(VERB_RUN(profile_verb_diff, "diff", "--arch", "x86_64", a, b), 1);
        cr_expect_stdout_eq_str("x86_64:\n"
                                "  newly allowed (1):\n"
                                "    SECCOMP_RET_ERRNO(EPERM) -> SECCOMP_RET_ALLOW:\n"
                                "      bpf\n"
                                "  newly refused (1):\n"
                                "    SECCOMP_RET_ALLOW -> SECCOMP_RET_ERRNO(EPERM):\n"
                                "      ptrace\n"
                                "  allowed with other arguments (1):\n"
                                "    socket\n"
                                "      was  SECCOMP_RET_ALLOW if arg0 == 1; else SECCOMP_RET_ERRNO(EPERM)\n"
                                "      is   SECCOMP_RET_ALLOW if arg0 == 1, or arg0 == 2; else "
                                "SECCOMP_RET_ERRNO(EPERM)\n"
                                "      more: arg0 == 2\n");
}

Test(profile_diff, no_difference) {
        const char *a = verb_file(PROFILE(ALLOW("\"read\",\"write\"")));
        const char *b = verb_file(PROFILE(ALLOW("\"write\"") "," ALLOW("\"read\"")));

        cr_expect_eq(VERB_RUN(profile_verb_diff, "diff", "--arch", "x86_64", a, b), 0);
        cr_expect_stdout_eq_str("no difference\n");
}

Test(profile_diff, as_json) {
        const char *a = verb_file(PROFILE(SOCKET(1))), *b = verb_file(PROFILE(SOCKET(2)));
        char text[1024];

        cr_expect_eq(VERB_RUN(profile_verb_diff, "diff", "--arch", "x86_64", "--json", a, b), 1);
        snprintf(text, sizeof(text),
                 "{\"a\":\"%s\",\"b\":\"%s\",\"equal\":false,\"differences\":[\n"
                 "{\"arch\":\"x86_64\",\"kind\":\"conditions-changed\",\"call\":\"socket\",\"nr\":41,"
                 "\"before\":{\"cases\":[{\"action\":\"SECCOMP_RET_ALLOW\",\"alternatives\":[[{\"index\":0,"
                 "\"op\":\"SCMP_CMP_EQ\",\"value\":\"0x1\"}]]}],\"otherwise\":\"SECCOMP_RET_ERRNO(EPERM)\"},"
                 "\"after\":{\"cases\":[{\"action\":\"SECCOMP_RET_ALLOW\",\"alternatives\":[[{\"index\":0,"
                 "\"op\":\"SCMP_CMP_EQ\",\"value\":\"0x2\"}]]}],\"otherwise\":\"SECCOMP_RET_ERRNO(EPERM)\"},"
                 "\"gained\":[[{\"index\":0,\"op\":\"SCMP_CMP_EQ\",\"value\":\"0x2\"}]],"
                 "\"lost\":[[{\"index\":0,\"op\":\"SCMP_CMP_EQ\",\"value\":\"0x1\"}]]}]}\n",
                 a, b);
        cr_expect_stdout_eq_str(text);
}

Test(profile_diff, subset_with_a_counter_example) {
        const char *a = verb_file(PROFILE(SOCKET(1) "," SOCKET(16))), *b = verb_file(PROFILE(SOCKET(1)));
        char text[1024];

        cr_expect_eq(VERB_RUN(profile_verb_diff, "diff", "--arch", "x86_64", "--subset", b, a), 0);
        cr_expect_eq(VERB_RUN(profile_verb_diff, "diff", "--arch", "x86_64", "--subset", a, b), 1);
        snprintf(text, sizeof(text),
                 "a subset: %s lets nothing through that %s refuses\n"
                 "not a subset: socket(0x10, 0x0, 0x0) on x86_64\n"
                 "  %s: SECCOMP_RET_ALLOW by syscalls[1]\n"
                 "  %s: SECCOMP_RET_ERRNO(EPERM) by defaultAction\n"
                 "  both compiled filters say so\n",
                 b, a, a, b);
        cr_expect_stdout_eq_str(text);
}

Test(profile_diff, mistakes) {
        const char *a = verb_file(PROFILE("")), *broken = verb_file("{");

        cr_expect_eq(VERB_RUN(profile_verb_diff, "diff", a), EXIT_USAGE);
        cr_expect_eq(VERB_RUN(profile_verb_diff, "diff", a, broken), EXIT_USAGE);
        cr_expect_eq(VERB_RUN(profile_verb_diff, "diff", a, "/nonexistent"), EXIT_USAGE);
        cr_expect_eq(VERB_RUN(profile_verb_diff, "diff", "--nope", a, a), EXIT_USAGE);
}
