/* SPDX-License-Identifier: Apache-2.0 */
/* callgate profile merge: what it writes, and its exit codes. */

#include "verb_fixture.h"

#include "base/buf.h"
#include "cli/exit.h"
#include "cli/profile_verbs.h"

#define HEAD(archs) "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[" archs "],\"syscalls\":["
#define ALLOW(name) "{\"names\":[\"" name "\"],\"action\":\"SCMP_ACT_ALLOW\"}"
#define X86_64      "\"SCMP_ARCH_X86_64\""

static void redirect(void) {
        cr_redirect_stdout();
        cr_redirect_stderr();
}

TestSuite(profile_merge, .init = redirect);

Test(profile_merge, union_on_standard_output) {
        const char *a = verb_file(HEAD(X86_64) ALLOW("write") "]}");
        const char *b = verb_file(HEAD(X86_64) ALLOW("read") "]}");

        cr_expect_eq(VERB_RUN(profile_verb_merge, "merge", "--arch", "x86_64", a, b), 0);
        cr_expect_stdout_eq_str("{\n"
                                "\t\"defaultAction\": \"SCMP_ACT_ERRNO\",\n"
                                "\t\"defaultErrnoRet\": 1,\n"
                                "\t\"architectures\": [\n"
                                "\t\t\"SCMP_ARCH_X86_64\"\n"
                                "\t],\n"
                                "\t\"syscalls\": [\n"
                                "\t\t{\n"
                                "\t\t\t\"names\": [\n"
                                "\t\t\t\t\"read\",\n"
                                "\t\t\t\t\"write\"\n"
                                "\t\t\t],\n"
                                "\t\t\t\"action\": \"SCMP_ACT_ALLOW\"\n"
                                "\t\t}\n"
                                "\t]\n"
                                "}\n");
}

static void assert_same_file(const char *a, const char *b) {
        struct buf x = BUF_INIT(0), y = BUF_INIT(0);

        cr_assert_eq(buf_read_file(&x, a, 1 << 20), 0);
        cr_assert_eq(buf_read_file(&y, b, 1 << 20), 0);
        cr_assert_str_eq(buf_string(&x), buf_string(&y));
        buf_deinit(&x);
        buf_deinit(&y);
}

Test(profile_merge, order_does_not_matter) {
        const char *files[3] = { verb_file(HEAD(X86_64) ALLOW("write") "]}"),
                                 verb_file(HEAD(X86_64) ALLOW("read") "]}"),
                                 verb_file(HEAD(X86_64) ALLOW("open") "]}") };
        char folder[] = "/tmp/test-merge-XXXXXX", one[64], two[64], part[64];

        cr_assert_not_null(mkdtemp(folder));
        snprintf(one, sizeof(one), "%s/one", folder);
        snprintf(two, sizeof(two), "%s/two", folder);
        snprintf(part, sizeof(part), "%s/part", folder);
        cr_expect_eq(VERB_RUN(profile_verb_merge, "merge", files[0], files[1], files[2], "-o", one), 0);
        cr_expect_eq(VERB_RUN(profile_verb_merge, "merge", files[2], files[0], "-o", part), 0);
        cr_expect_eq(VERB_RUN(profile_verb_merge, "merge", "-o", two, part, files[1]), 0);
        assert_same_file(one, two);
        unlink(one);
        unlink(two);
        unlink(part);
        rmdir(folder);
}

Test(profile_merge, what_cannot_be_written_leaves_no_file) {
        const char *a = verb_file(HEAD(X86_64) ALLOW("ptrace") "]}");
        const char *b = verb_file(HEAD(X86_64 ",\"SCMP_ARCH_X86\"") ALLOW("read") "]}");
        char folder[] = "/tmp/test-merge-XXXXXX", out[64];

        cr_assert_not_null(mkdtemp(folder));
        snprintf(out, sizeof(out), "%s/out", folder);
        cr_expect_eq(VERB_RUN(profile_verb_merge, "merge", "--arch", "x86_64", a, b, "-o", out), EXIT_USAGE);
        cr_expect_neq(access(out, F_OK), 0);
        cr_expect_eq(
                VERB_RUN(profile_verb_merge, "merge", "--arch", "x86_64", "--approximate", a, b, "-o", out),
                0);
        cr_expect_eq(access(out, F_OK), 0);
        cr_expect_eq(
                VERB_RUN(profile_verb_merge, "merge", "--arch", "x86_64", "--intersect", a, b, "-o", out),
                0);
        unlink(out);
        rmdir(folder);
}

Test(profile_merge, mistakes) {
        const char *a = verb_file(HEAD(X86_64) ALLOW("ptrace") "]}"), *empty = verb_file("{}");

        cr_expect_eq(VERB_RUN(profile_verb_merge, "merge"), EXIT_USAGE);
        cr_expect_eq(VERB_RUN(profile_verb_merge, "merge", a, "/nonexistent"), EXIT_USAGE);
        cr_expect_eq(VERB_RUN(profile_verb_merge, "merge", a, empty), EXIT_USAGE);
        cr_expect_eq(VERB_RUN(profile_verb_merge, "merge", "--max-alternatives", "0", a), EXIT_USAGE);
        cr_expect_eq(VERB_RUN(profile_verb_merge, "merge", "--max-alternatives", "12x", a), EXIT_USAGE);
        cr_expect_eq(VERB_RUN(profile_verb_merge, "merge", a, "-o", "/nonexistent/x"), EXIT_USAGE);
}
