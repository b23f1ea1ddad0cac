/* SPDX-License-Identifier: Apache-2.0 */

/* Which questions are equal, which are never remembered, and what a person is shown. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>

#include "tests/unit/question_fixture.h"

static struct policy *policy;

static void setup(void) {
        static const char *const rules[] = {
                "{ name: one, syscalls: [read], do: { ask: { timeout: 1s, otherwise: { errno: ENOENT } } } "
                "}",
                "{ name: two, syscalls: [read], do: { ask: { timeout: 2s, otherwise: allow } }, message: "
                "why }",
        };

        policy = fixture_rules("", rules, 2);
}

static void teardown(void) {
        policy_free(policy);
}

TestSuite(question, .init = setup, .fini = teardown);

static const struct ask_question *question_with(const struct asked *asked, size_t rule, struct buf *key) {
        static struct ask_question question;
        struct call *call = asked_call(asked, &policy->rules[rule]);

        question_of(call, &question, key);
        free(call);
        return &question;
}

static bool equal(const struct asked *a, const struct asked *b) {
        struct buf one = BUF_INIT(QUESTION_KEY_MAX), other = BUF_INIT(QUESTION_KEY_MAX);
        bool same;

        question_with(a, 0, &one);
        question_with(b, 0, &other);
        cr_assert(one.n > 0 && other.n > 0);
        cr_assert_null(memchr(one.data, 0, one.n));
        same = one.n == other.n && memcmp(one.data, other.data, one.n) == 0;
        buf_deinit(&one);
        buf_deinit(&other);
        return same;
}

static const struct sockaddr_in web = { .sin_family = AF_INET,
                                        .sin_port = 0x5000,
                                        .sin_addr = { 0x0100000a } };
static const struct sockaddr_in mail = { .sin_family = AF_INET,
                                         .sin_port = 0x1900,
                                         .sin_addr = { 0x0100000a } };
static const struct sockaddr_un nul = { AF_UNIX, "\0a\0b" }, sign = { AF_UNIX, "\0a@b" };
#define INET(a)     (const struct sockaddr *)&a, sizeof(a)
#define ABSTRACT(a) (const struct sockaddr *)&a, offsetof(struct sockaddr_un, sun_path) + 4

Test(question, what_is_not_the_same) {
        static const struct {
                struct asked a, b;
        } rows[] = {
                { { "openat", "/p", { "/f" }, { 0, 0, O_RDONLY } },
                  { "openat", "/p", { "/g" }, { 0, 0, O_RDONLY } } },
                { { "openat", "/p", { "/f" }, { 0, 0, O_RDONLY } },
                  { "openat", "/q", { "/f" }, { 0, 0, O_RDONLY } } },
                { { "openat", "/p", { "/f" }, { 0, 0, O_RDONLY } },
                  { "openat", "/p", { "/f" }, { 0, 0, O_RDWR } } },
                { { "openat", "/p", { "/f" } }, { "open", "/p", { "/f" } } },
                { { "openat", "/p", { "/f" } }, { "openat", "/p", { "/f" }, .audit = AUDIT_ARCH_I386 } },
                { { "openat", "/p", { "/f" }, { 0, 0, O_CREAT, 0600 } },
                  { "openat", "/p", { "/f" }, { 0, 0, O_CREAT, 04777 } } },
                { { "openat2", "/p", { "/f" } }, { "openat2", "/p", { "/f" }, .how_flags = O_RDWR } },
                { { "chmod", "/p", { "/f" }, { 0, 0644 } }, { "chmod", "/p", { "/f" }, { 0, 04755 } } },
                { { "chown", "/p", { "/f" }, { 0, 1, 1 } }, { "chown", "/p", { "/f" }, { 0, 0, 1 } } },
                { { "rename", "/p", { "/f", "/g" } }, { "rename", "/p", { "/f", "/h" } } },
                { { "ioctl", "/p", { NULL }, { 0, TIOCSTI } },
                  { "ioctl", "/p", { NULL }, { 0, TIOCGWINSZ } } },
                { { "kill", "/p", { NULL }, { 5, SIGKILL } }, { "kill", "/p", { NULL }, { 6, SIGKILL } } },
                { { "kill", "/p", { NULL }, { 5, SIGKILL } }, { "kill", "/p", { NULL }, { 5, SIGTERM } } },
                { { "connect", "/p", { NULL }, { 3 }, INET(web) },
                  { "connect", "/p", { NULL }, { 3 }, INET(mail) } },
                { { "connect", "/p", { NULL }, { 3 }, ABSTRACT(nul) },
                  { "connect", "/p", { NULL }, { 3 }, ABSTRACT(sign) } },
                /* names that imitate what comes after them */
                { { "rename", "/p", { "/f", "/g2:/h" } }, { "rename", "/p", { "/f2:/g", "/h" } } },
                { { "rename", "/p\n/f", { "/f", "/g" } }, { "rename", "/p", { "/f\n/f", "/g" } } },
                { { "openat", "/p2:/f", { "/f" } }, { "openat", "/p", { "2:/f/f" } } },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                cr_expect_not(equal(&rows[i].a, &rows[i].b), "row %zu", i);
                cr_expect(equal(&rows[i].a, &rows[i].a), "row %zu", i);
        }
}

Test(question, what_is_the_same) {
        static const struct {
                struct asked a, b;
        } rows[] = {
                /* addresses of strings, descriptors, a mode that is not looked at */
                { { "openat", "/p", { "/f" }, { 5, 0x1000, O_RDWR, 0777 } },
                  { "openat", "/p", { "/f" }, { 6, 0x2000, O_RDWR, 0123 } } },
                /* upper halves of what the kernel takes for an int */
                { { "ioctl", "/p", { NULL }, { 3, TIOCSTI, 0x1000 } },
                  { "ioctl", "/p", { NULL }, { 4, TIOCSTI | 1ull << 40, 0x2000 } } },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                cr_expect(equal(&rows[i].a, &rows[i].b), "row %zu", i);
}

/* Rules that only stand in the same place are not the same. */
Test(question, of_another_rule) {
        const struct asked asked = { "openat", "/p", { "/f" } };
        struct buf one = BUF_INIT(QUESTION_KEY_MAX), other = BUF_INIT(QUESTION_KEY_MAX);

        question_with(&asked, 0, &one);
        question_with(&asked, 1, &other);
        cr_expect_str_neq(buf_string(&one), buf_string(&other));
        buf_deinit(&one);
        buf_deinit(&other);
}

static const char *long_path(size_t n, char last) {
        char *path = malloc(n + 1);

        memset(path, 'x', n);
        path[0] = '/';
        path[n - 1] = last;
        path[n] = 0;
        return path;
}

Test(question, what_is_never_remembered) {
        static const struct asked rows[] = {
                { "execve", "/p", { NULL } }, /* the program can change what was looked at */
                { "chdir", "/p", { NULL } },
                { "openat", NULL, { "/f" } },   /* nobody knows whose wish it is */
                { "symlink", "/p", { "/f" } },  /* where it leads is the program's to change */
                { "setxattr", "/p", { "/f" } }, /* so is which attribute */
                { "mount", "/p", { NULL } },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct buf key = BUF_INIT(QUESTION_KEY_MAX);
                const struct ask_question *question = question_with(&rows[i], 0, &key);

                cr_expect_not(question->remembered, "row %zu", i);
                cr_expect_not(question->is_rule, "row %zu", i);
                cr_expect_eq(key.n, 0, "row %zu", i);
                buf_deinit(&key);
        }
}

Test(question, what_does_not_fit_is_never_remembered) {
        for (size_t n = 3900; n < 4300; n += 13) {
                const struct asked path = { "openat", "/p", { long_path(n, 'a') } };
                const struct asked program = { "openat", long_path(n, 'a'), { "/f" } };
                struct buf key = BUF_INIT(QUESTION_KEY_MAX);
                const struct ask_question *question = question_with(&path, 0, &key);

                cr_expect(!question->remembered || strcmp(question->object, path.paths[0]) == 0, "%zu", n);
                cr_expect(!question->remembered || strstr(question->text, path.paths[0]), "%zu", n);
                cr_expect(n < 4096 || key.n == 0, "%zu", n);
                buf_reset(&key);
                question = question_with(&program, 0, &key);
                cr_expect(!question->remembered || strcmp(question->program, program.program) == 0, "%zu",
                          n);
                cr_expect(n < 4096 || key.n == 0, "%zu", n);
                buf_deinit(&key);
                free((char *)(uintptr_t)path.paths[0]);
                free((char *)(uintptr_t)program.program);
        }
}

/* What is in the question, as a rule may say it. */
Test(question, what_cannot_be_a_rule) {
        static const struct asked rows[] = {
                { "rename", "/p", { "/f", "/g" } }, /* a rule would be about either */
                { "openat", "/p", { "pipe:[7]" } },
                { "kill", "/p", { NULL }, { 4711, SIGTERM } }, /* another process, next time */
                { "sendto", "/p", { NULL } },                  /* a rule without an address is about any */
                { "connect", "/p", { NULL }, { 3 }, ABSTRACT(nul) },
                { "openat", "/p", { "/f\xff" } }, /* no text of a YAML file */
                { "openat", "/p\xc3", { "/f" } },
                { "openat", "(unreachable)/p", { "/f" } },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct buf key = BUF_INIT(QUESTION_KEY_MAX);
                const struct ask_question *question = question_with(&rows[i], 0, &key);

                cr_expect(question->remembered, "row %zu", i);
                cr_expect_not(question->is_rule, "row %zu", i);
                buf_deinit(&key);
        }
}

Test(question, what_a_person_sees) {
        static const struct asked odd = { "rename", "/p", { "/a\" \n", "/b" } },
                                  plain = { "openat", "/p", { "/f" } };
        struct buf key = BUF_INIT(QUESTION_KEY_MAX);

        cr_expect_str_eq(question_with(&plain, 1, &key)->text,
                         "sh (pid 7) wants openat \"/f\" (\"detail\"): why");
        cr_expect_str_eq(question_with(&odd, 0, &key)->text,
                         "sh (pid 7) wants rename \"/a\\\" \\n\" and \"/b\" (\"detail\")");
        cr_expect_eq(question_with(&plain, 0, &key)->error, ENOENT);
        cr_expect_eq(question_with(&plain, 1, &key)->error, EPERM);
        buf_deinit(&key);
}
