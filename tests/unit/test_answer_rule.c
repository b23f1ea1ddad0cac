/* SPDX-License-Identifier: Apache-2.0 */

/* A rule made of an answer, read as a policy: it decides the call that was asked about, and no other. */

#include "cli/answer_rule.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/ioctl.h>

#include "tests/unit/question_fixture.h"

static struct policy *policy;

static void setup(void) {
        static const char *const rules[] = { "{ syscalls: [read], do: ask }" };

        policy = fixture_rules("", rules, 1);
}

static void teardown(void) {
        policy_free(policy);
}

TestSuite(answer_rule, .init = setup, .fini = teardown);

static struct policy *policy_of(const struct asked *asked, bool allow) {
        struct buf text = BUF_INIT(0), key = BUF_INIT(QUESTION_KEY_MAX);
        struct call *call = asked_call(asked, &policy->rules[0]);
        struct ask_question question;
        struct message_question sent;
        struct policy *made;

        question_of(call, &question, &key);
        cr_assert(question.is_rule, "%s", asked->name);
        sent = (struct message_question){
                .call = question.call,
                .n_call = strlen(question.call),
                .program = question.program,
                .n_program = strlen(question.program),
                .object = question.object,
                .n_object = strlen(question.object),
                .n_args = question.n_args,
                .error = EACCES,
        };
        for (size_t i = 0; i < question.n_args; i++)
                sent.args[i] =
                        (struct message_question_arg){ question.args[i].name, strlen(question.args[i].name),
                                                       question.args[i].mask, question.args[i].value };
        buf_puts(&text, "version: 1\nrules:\n");
        answer_rule(&text, &sent, allow);
        made = fixture_policy(buf_string(&text));
        buf_deinit(&text);
        buf_deinit(&key);
        free(call);
        return made;
}

static bool decides(const struct policy *made, const struct asked *asked) {
        struct call *call = asked_call(asked, NULL);
        struct policy_verdict verdict;

        cr_assert_eq(policy_match(made, &call->facts, &verdict), 0);
        free(call);
        return verdict.rule;
}

static const struct sockaddr_in web = { .sin_family = AF_INET,
                                        .sin_port = 0x5000,
                                        .sin_addr = { 0x0100000a } };
static const struct sockaddr_in mail = { .sin_family = AF_INET,
                                         .sin_port = 0x1900,
                                         .sin_addr = { 0x0100000a } };
static const struct sockaddr_un bus = { AF_UNIX, "\0b*s" }, bush = { AF_UNIX, "\0bus" };
#define INET(a)     (const struct sockaddr *)&a, sizeof(a)
#define ABSTRACT(a) (const struct sockaddr *)&a, offsetof(struct sockaddr_un, sun_path) + 4

Test(answer_rule, this_call_and_no_other) {
        static const struct {
                struct asked asked, other;
        } rows[] = {
                { { "mkdirat", "/p", { "/f" }, { 0, 0, 0755 } },
                  { "mkdirat", "/p", { "/g" }, { 0, 0, 0755 } } },
                { { "mkdirat", "/p", { "/f" }, { 0, 0, 0755 } },
                  { "mkdirat", "/q", { "/f" }, { 0, 0, 0755 } } },
                { { "mkdirat", "/p", { "/f" }, { 0, 0, 0755 } },
                  { "mkdirat", "/p", { "/f" }, { 0, 0, 0777 } } },
                { { "openat", "/p", { "/f" }, { 0, 0, O_RDONLY } },
                  { "openat", "/p", { "/f" }, { 0, 0, O_RDWR } } },
                { { "openat2", "/p", { "/f" }, .how_flags = O_RDONLY },
                  { "openat2", "/p", { "/f" }, .how_flags = O_RDWR } },
                { { "ioctl", "/p", { NULL }, { 3, 0xc0045877 } },
                  { "ioctl", "/p", { NULL }, { 3, TIOCSTI } } },
                { { "chown", "/p", { "/f" }, { 0, 0xffffffff, 5 } },
                  { "chown", "/p", { "/f" }, { 0, 0, 5 } } },
                { { "clone", "/p", { NULL }, { 0x8000000000000011 } },
                  { "clone", "/p", { NULL }, { 0x11 } } },
                { { "connect", "/p", { NULL }, { 3 }, INET(web) },
                  { "connect", "/p", { NULL }, { 3 }, INET(mail) } },
                { { "connect", "/p", { NULL }, { 3 }, ABSTRACT(bus) },
                  { "connect", "/p", { NULL }, { 3 }, ABSTRACT(bush) } },
                /* names made to be something else in YAML, in patterns, as variables */
                { { "mkdir", "/p", { "/*" }, { 0, 1 } }, { "mkdir", "/p", { "/f" }, { 0, 1 } } },
                { { "mkdir", "/*", { "/f" }, { 0, 1 } }, { "mkdir", "/p", { "/f" }, { 0, 1 } } },
                { { "mkdir", "/p", { "/${env:HOME}$$x" }, { 0, 1 } },
                  { "mkdir", "/p", { "/root$x" }, { 0, 1 } } },
                { { "mkdir", "/p", { "/\"\n    do: allow\n  - syscalls: [mkdir]\n#" }, { 0, 1 } },
                  { "mkdir", "/p", { "/f" }, { 0, 1 } } },
                { { "mkdir", "/p", { "/~(a|b){c,d}[e-f]?\\*\\\\\x01\x7f\t\r" }, { 0, 1 } },
                  { "mkdir", "/p", { "/~acef" }, { 0, 1 } } },
                { { "mkdir",
                    "/p",
                    { "/\xc2\x85\xc3\xa4\xe2\x80\xa8\xef\xbb\xbf\xf0\x9f\x98\x80\xc2\x9f" },
                    { 0, 1 } },
                  { "mkdir", "/p", { "/\xc3\xa4" }, { 0, 1 } } },
                { { "mkdir", "/.*", { "/f" }, { 0, 1 } }, { "mkdir", "/p", { "/f" }, { 0, 1 } } },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct policy *made = policy_of(&rows[i].asked, true);

                cr_expect_eq(made->n_rules, 1, "row %zu", i);
                cr_expect_eq(made->rules[0].action, POLICY_ALLOW, "row %zu", i);
                cr_expect(decides(made, &rows[i].asked), "row %zu", i);
                cr_expect_not(decides(made, &rows[i].other), "row %zu", i);
                policy_free(made);
        }
}

Test(answer_rule, a_denial_has_the_errno_of_the_rule_that_asked) {
        const struct asked asked = { "mkdir", "/p", { "/f" } };
        struct policy *made = policy_of(&asked, false);

        cr_expect_eq(made->rules[0].action, POLICY_ERRNO);
        cr_expect_eq(made->rules[0].value, EACCES);
        policy_free(made);
}
