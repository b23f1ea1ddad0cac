/* SPDX-License-Identifier: Apache-2.0 */
/* Policies from text and files: what comes out, where mistakes are said to be, and the text that travels. */

#include "policy/native/read.h"

#include "base/buf.h"
#include "policy/native/calls.h"
#include "policy/native/pattern.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
        return "leak:libseccomp.so\n";
}

static struct policy *read_as(const char *text, const struct policy_read_options *options) {
        struct policy *policy = NULL;
        struct diags diags = DIAGS_INIT;
        int r = policy_read(text, strlen(text), options, &diags, &policy);

        if (r)
                diags_print(&diags, stderr, DIAG_INFO, false);
        cr_assert_eq(r, 0, "%s", text);
        cr_assert_eq(diags.n_errors, 0);
        diags_deinit(&diags);
        return policy;
}

static struct policy *read_text(const char *text) {
        return read_as(text, NULL);
}

/* One rule, in YAML's flow form. */
static struct policy *read_rule(const char *rule) {
        struct buf text = BUF_INIT(0);
        struct policy *policy;

        buf_printf(&text, "rules: [ %s ]", rule);
        policy = read_text(buf_string(&text));
        buf_deinit(&text);
        cr_assert_eq(policy->n_rules, 1);
        return policy;
}

/* The first sentence: "LINE:COLUMN: PLACE: TEXT" must hold all of the words. */
static void expect_error(const char *text, unsigned line, unsigned column, const char *place,
                         const char *words) {
        struct policy *policy = NULL;
        struct diags diags = DIAGS_INIT;
        int r = policy_read(text, strlen(text), NULL, &diags, &policy);

        cr_assert_eq(r, POLICY_E_INVALID, "%s is refused", text);
        cr_assert_null(policy);
        cr_assert_gt(diags.n, 0);
        cr_expect(strstr(diags.items[0].text, words), "%s: %s", text, diags.items[0].text);
        if (place)
                cr_expect_str_eq(diags.items[0].place ? diags.items[0].place : "", place, "%s", text);
        if (line) {
                cr_expect_eq(diags.items[0].line, line, "%s: line %u", text, diags.items[0].line);
                cr_expect_eq(diags.items[0].column, column, "%s: column %u", text, diags.items[0].column);
        }
        diags_deinit(&diags);
}

Test(native_read, actions) {
        static const struct {
                const char *written;
                enum policy_action action;
                int64_t value;
        } rows[] = {
                { "allow", POLICY_ALLOW, 0 },
                { "log", POLICY_LOG, 0 },
                { "kill", POLICY_KILL, 0 },
                { "{ errno: EPERM }", POLICY_ERRNO, EPERM },
                { "{ errno: EWOULDBLOCK }", POLICY_ERRNO, EAGAIN },
                { "{ errno: 0 }", POLICY_ERRNO, 0 },
                { "{ errno: 'ENOSYS' }", POLICY_ERRNO, ENOSYS },
                { "{ errno: '38' }", POLICY_ERRNO, ENOSYS },
                { "{ return: 0 }", POLICY_RETURN, 0 },
                { "{ return: 0x7fffffffffffffff }", POLICY_RETURN, INT64_MAX },
                { "{ return: -5000 }", POLICY_RETURN, -5000 },
                { "{ delay: 10ms }", POLICY_DELAY, 10000000 },
                { "{ delay: 1m30s }", POLICY_DELAY, 90000000000 },
                { "ask", POLICY_ASK, 60000000000 },
                { "{ ask: { timeout: 5s, otherwise: allow } }", POLICY_ASK, 5000000000 },
                { "{ ask: { otherwise: { errno: EACCES } } }", POLICY_ASK, 60000000000 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char rule[128];
                cleanup_policy struct policy *policy = NULL;

                snprintf(rule, sizeof(rule), "{ syscalls: getpid, do: %s }", rows[i].written);
                policy = read_rule(rule);
                cr_expect_eq(policy->rules[0].action, rows[i].action, "%s", rows[i].written);
                cr_expect_eq(policy->rules[0].value, rows[i].value, "%s: %lld", rows[i].written,
                             (long long)policy->rules[0].value);
        }
}

Test(native_read, ask_otherwise) {
        cleanup_policy struct policy *policy =
                read_rule("{ syscalls: getpid, do: { ask: { otherwise: { errno: EACCES } } } }");

        cr_expect_eq(policy->rules[0].otherwise, POLICY_ERRNO);
        cr_expect_eq(policy->rules[0].otherwise_errno, EACCES);
}

Test(native_read, arguments) {
        static const struct {
                const char *written;
                enum condition_op op;
                const char *mask, *text; /* NULL: a number */
                uint64_t number;
                size_t n;
        } rows[] = {
                { "5", CONDITION_EQ, NULL, NULL, 5, 1 },
                { "-1", CONDITION_EQ, NULL, NULL, UINT64_MAX, 1 },
                { "0x10", CONDITION_EQ, NULL, NULL, 16, 1 },
                { "'0x10'", CONDITION_EQ, NULL, NULL, 16, 1 },
                { "18446744073709551615", CONDITION_EQ, NULL, NULL, UINT64_MAX, 1 },
                { "O_RDWR|O_CREAT", CONDITION_EQ, NULL, "O_RDWR|O_CREAT", 0, 1 },
                { "[O_RDONLY, 7]", CONDITION_EQ, NULL, "O_RDONLY", 0, 2 },
                { "{ not: [1, 2, 3] }", CONDITION_NE, NULL, NULL, 1, 3 },
                { "{ mask: O_ACCMODE, is: O_RDWR }", CONDITION_MASKED_EQ, "O_ACCMODE", "O_RDWR", 0, 1 },
                { "{ has: O_CREAT }", CONDITION_MASKED_EQ, "O_CREAT", "O_CREAT", 0, 1 },
                { "{ lacks: O_CREAT }", CONDITION_MASKED_EQ, "O_CREAT", NULL, 0, 1 },
                { "{ below: 4 }", CONDITION_LT, NULL, NULL, 4, 1 },
                { "{ above: 4 }", CONDITION_GT, NULL, NULL, 4, 1 },
                { "{ at-least: 4 }", CONDITION_GE, NULL, NULL, 4, 1 },
                { "{ at-most: 4 }", CONDITION_LE, NULL, NULL, 4, 1 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char rule[192];
                const struct policy_arg *arg;
                cleanup_policy struct policy *policy = NULL;

                snprintf(rule, sizeof(rule), "{ syscalls: openat, do: log, where: { args: { flags: %s } } }",
                         rows[i].written);
                policy = read_rule(rule);
                cr_assert_eq(policy->rules[0].where.n_args, 1);
                arg = &policy->rules[0].where.args[0];
                cr_expect_str_eq(arg->name, "flags");
                cr_expect_eq(arg->op, rows[i].op, "%s", rows[i].written);
                cr_assert_eq(arg->n_values, rows[i].n, "%s", rows[i].written);
                cr_expect_eq(!arg->mask.text, !rows[i].mask, "%s", rows[i].written);
                if (rows[i].mask)
                        cr_expect_str_eq(arg->mask.text, rows[i].mask);
                cr_expect_eq(!arg->values[0].text, !rows[i].text, "%s", rows[i].written);
                if (rows[i].text)
                        cr_expect_str_eq(arg->values[0].text, rows[i].text);
                else
                        cr_expect_eq(arg->values[0].number, rows[i].number, "%s", rows[i].written);
        }
}

Test(native_read, several_comparisons_all_hold) {
        cleanup_policy struct policy *policy = read_rule(
                "{ syscalls: kill, do: log, where: { args: { pid: { at-least: 1, at-most: 9 } } } }");

        cr_assert_eq(policy->rules[0].where.n_args, 2);
        cr_expect_eq(policy->rules[0].where.args[0].op, CONDITION_GE);
        cr_expect_eq(policy->rules[0].where.args[1].op, CONDITION_LE);
}

Test(native_read, conditions) {
        cleanup_policy struct policy *policy = read_rule(
                "{ family: open, do: log, where: { path: [/etc/**, '~^/x$'], program: /usr/bin/*, uid: [0, "
                "1000-1999], gid: 5, capability: [CAP_SYS_ADMIN, net_raw], labels: { pod: web-* }, bits: "
                "32, "
                "rate: { above: 100/s, of: process } } }");
        const struct policy_where *where = &policy->rules[0].where;

        cr_expect_eq(where->n_paths, 2);
        cr_expect_str_eq(pattern_text(where->paths[1]), "~^/x$");
        cr_expect_eq(where->n_programs, 1);
        cr_assert_eq(where->n_uids, 2);
        cr_expect_eq(where->uids[1].first, 1000);
        cr_expect_eq(where->uids[1].last, 1999);
        cr_expect_eq(where->gids[0].last, 5);
        cr_expect(where->caps_set);
        cr_expect_eq(where->caps, (1ull << 21) | (1ull << 13));
        cr_expect_eq(where->n_labels, 1);
        cr_expect_str_eq(where->labels[0], "pod");
        cr_expect(where->architectures_set && where->bits == 32);
        cr_expect(where->above_set);
        cr_expect_eq(where->above, 100);
        cr_expect_eq(where->period_ns, 1000000000);
        cr_expect_eq(where->scope, POLICY_SCOPE_PROCESS);
}

Test(native_read, rates) {
        static const struct {
                const char *written;
                uint64_t above, period_ns;
        } rows[] = {
                { "100/s", 100, 1000000000 },    { "10/min", 10, 60000000000 },
                { "5/100ms", 5, 100000000 },     { "7/2h", 7, 7200000000000ull },
                { "1/d", 1, 86400000000000ull },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char rule[128];
                cleanup_policy struct policy *policy = NULL;

                snprintf(rule, sizeof(rule), "{ syscalls: kill, do: log, where: { rate: { above: %s } } }",
                         rows[i].written);
                policy = read_rule(rule);
                cr_expect_eq(policy->rules[0].where.above, rows[i].above, "%s", rows[i].written);
                cr_expect_eq(policy->rules[0].where.period_ns, rows[i].period_ns, "%s", rows[i].written);
        }
}

Test(native_read, families_and_emulations_become_calls) {
        cleanup_policy struct policy *policy =
                read_text("rules:\n"
                          "- { family: [open, readlink], syscalls: [openat, getpid], do: log }\n"
                          "- { do: { emulate: uname } }\n"
                          "- { do: { emulate: identity } }\n");

        cr_expect(policy_rule_covers(&policy->rules[0], "openat2"));
        cr_expect(policy_rule_covers(&policy->rules[0], "readlinkat"));
        cr_expect(policy_rule_covers(&policy->rules[0], "getpid"));
        cr_expect_not(policy_rule_covers(&policy->rules[0], "stat"));
        cr_expect_eq(policy->rules[0].n_calls, 7, "each once");
        cr_expect(policy_rule_covers(&policy->rules[1], "oldolduname"));
        for (size_t i = 0; i < policy_calls_n; i++)
                cr_expect_eq(policy_rule_covers(&policy->rules[2], policy_calls[i].name),
                             (policy_calls[i].flags & POLICY_CALL_PERFORMED) != 0, "%s",
                             policy_calls[i].name);
}

Test(native_read, options_of_emulations) {
        cleanup_policy struct policy *policy =
                read_text("variables: { n: '4', on: 'true' }\n"
                          "rules:\n"
                          "- do: { emulate: { processors: { count: \"${n}\" } } }\n"
                          "- do: { emulate: { sysinfo: { memory: 16G, uptime: 2h } } }\n"
                          "- do: { emulate: { limits: { limits: { nofile: [1024, unlimited] } } } }\n"
                          "- do: { emulate: { time: { offset: 1h, settable: \"${on}\" } } }\n");

        cr_expect_str_eq(policy->rules[0].options, "{\"count\":4}");
        cr_expect_str_eq(policy->rules[1].options, "{\"memory\":\"16G\",\"uptime\":\"2h\"}");
        cr_expect_str_eq(policy->rules[2].options, "{\"limits\":{\"nofile\":[1024,\"unlimited\"]}}");
        cr_expect_str_eq(policy->rules[3].options, "{\"offset\":\"1h\",\"settable\":true}");
}

Test(native_read, variables) {
        static const char *const given[] = { "opt=/given" };
        static const struct policy_read_options options = { .variables = given, .n_variables = 1 };
        cleanup_policy struct policy *policy = NULL;

        setenv("CALLGATE_TEST", "/from/$1", 1);
        policy = read_as("variables: { opt: /file, sub: \"${opt}/sub\", port: 443 }\n"
                         "rules:\n"
                         "- { syscalls: open, where: { path: \"${sub}/(*)$$\" },\n"
                         "    do: { redirect: \"${env:CALLGATE_TEST}/$1$$\" }, message: \"a $$ and $x\" }\n"
                         "- { syscalls: connect, where: { address: \"*:${port}\" }, do: log }\n"
                         "- { syscalls: open, do: { substitute: { text: \"$${no}\" } } }\n",
                         &options);
        cr_expect_str_eq(pattern_text(policy->rules[0].where.paths[0]), "/given/sub/(*)$");
        cr_expect_str_eq(policy->rules[0].text, "/from/$$1/$1$$",
                         "captures are looked for later, not in values");
        cr_expect_str_eq(policy->rules[0].message, "a $ and $x");
        cr_expect_eq(policy->rules[1].where.addresses[0].port_last, 443);
        cr_expect_str_eq(policy->rules[2].text, "${no}");
}

/* A slip in a name that is given would change nothing, unnoticed. */
Test(native_read, variables_that_nobody_asks_for) {
        static const char *const given[] = { "dat=/x", "used=/y", "date=/z" };
        static const struct policy_read_options options = { .variables = given, .n_variables = 3 };
        static const char text[] = "variables: { date: /d }\n"
                                   "rules: [{ syscalls: open, where: { path: \"${used}\" }, do: log }]\n";
        cleanup_policy struct policy *policy = NULL;
        struct diags diags = DIAGS_INIT;

        cr_assert_eq(policy_read(text, strlen(text), &options, &diags, &policy), 0);
        cr_assert_eq(diags.n, 1);
        cr_expect_eq(diags.items[0].severity, DIAG_WARNING);
        cr_expect_str_eq(diags.items[0].id, "policy-variable");
        cr_expect(strstr(diags.items[0].text, "\"dat\""), "%s", diags.items[0].text);
        cr_expect(strstr(diags.items[0].text, "did you mean date?"), "%s", diags.items[0].text);
        diags_deinit(&diags);
}

/* An alias of YAML is one value in many places: it is replaced once. */
Test(native_read, variables_behind_aliases) {
        cleanup_policy struct policy *policy =
                read_text("variables: { a: x }\n"
                          "rules:\n"
                          "- { name: one, syscalls: open, message: &m \"$$$$${a}\", do: log }\n"
                          "- { name: two, syscalls: open, message: *m, do: log }\n"
                          "- &r { syscalls: open, message: \"$$\", do: log }\n"
                          "- *r\n");

        cr_expect_str_eq(policy->rules[0].message, "$$x");
        cr_expect_str_eq(policy->rules[1].message, "$$x");
        cr_expect_str_eq(policy->rules[2].message, "$");
        cr_expect_str_eq(policy->rules[3].message, "$");
}

Test(native_read, mistakes_have_a_place) {
        static const struct {
                const char *text;
                unsigned line, column;
                const char *place, *words;
        } rows[] = {
                { "rules: 5", 1, 8, "rules", "5 is not a list of rules" },
                { "[]", 0, 0, "", "a policy is an object" },
                { "", 0, 0, "", "the file is empty; a policy is an object" },
                { "# nothing\n", 0, 0, "", "the file is empty; a policy is an object" },
                { "a: 1\n---\nb: 2\n", 0, 0, "", "2 documents" },
                { "version: 2", 1, 10, "version", "write 1" },
                { "defalut: allow", 1, 10, "defalut", "did you mean default?" },
                { "{\"rules\": [\n  {\"syscalls\": \"opneat\", \"do\": \"log\"}]}", 2, 16,
                  "rules[0].syscalls", "did you mean openat?" },
                { "rules:\n- syscalls: open\n  do: { errno: EPREM }\n", 3, 16, "rules[0].do.errno",
                  "did you mean EPERM?" },
                { "rules:\n- syscalls: [open, files]\n  do: log\n", 2, 20, "rules[0].syscalls[1]",
                  "family" },
                { "rules:\n- family: getpid\n  do: log\n", 2, 11, "rules[0].family", "syscalls" },
                { "rules:\n- { syscalls: open, do: deny }", 2, 25, "rules[0].do", "\"deny\"" },
                { "rules:\n- { syscalls: open, do: errno }", 2, 25, "rules[0].do", "{ errno: EPERM }" },
                { "rules:\n- { syscalls: open, do: { return: -1 } }", 2, 35, "rules[0].do.return",
                  "errno: EPERM" },
                { "rules:\n- { syscalls: open, do: { errno: 4096 } }", 2, 34, "rules[0].do.errno", "4095" },
                { "rules:\n- { syscalls: open, do: { delay: 10 parsecs } }", 2, 34, "rules[0].do.delay",
                  "10ms" },
                { "rules:\n- { syscalls: open, do: }", 2, 3, "rules[0].do", "no value" },
                { "rules:\n- { syscalls: open }", 2, 3, "rules[0]", "lacks \"do\"" },
                { "rules:\n- { do: allow }", 2, 3, "rules[0]", "names no calls" },
                { "rules:\n- { syscalls: [], do: allow }", 2, 15, "rules[0].syscalls", "empty" },
                { "rules:\n- { syscalls: open, do: log, where: { path: etc/x } }", 2, 45,
                  "rules[0].where.path", "**/etc/x" },
                { "rules:\n- { syscalls: open, do: log, where: { paht: /x } }", 2, 45, "rules[0].where.paht",
                  "did you mean path?" },
                { "rules:\n- { syscalls: open, do: log, where: { uid: 9-1 } }", 2, 44, "rules[0].where.uid",
                  "smaller number first" },
                { "rules:\n- { syscalls: open, do: log, where: { bits: 16 } }", 2, 45, "rules[0].where.bits",
                  "32 or 64" },
                { "rules:\n- { syscalls: open, do: log, where: { rate: { above: 5 } } }", 2, 54,
                  "rules[0].where.rate.above", "100/s" },
                { "rules:\n- { syscalls: open, do: log, where: { rate: {} } }", 2, 45, "rules[0].where.rate",
                  "lacks" },
                { "rules:\n- { syscalls: open, do: log, where: { rate: { above: 1/s }, count: { above: 2 } "
                  "} }",
                  2, 0, "rules[0].where.count", "two rules" },
                { "rules:\n- { do: { emulate: unam } }", 2, 20, "rules[0].do.emulate",
                  "did you mean uname?" },
                { "rules:\n- { do: { emulate: { uname: { relaese: x } } } }", 2, 40,
                  "rules[0].do.emulate.uname.relaese", "did you mean release?" },
                { "rules:\n- { do: { emulate: { uname: { release: 5.10 } } } }", 2, 40,
                  "rules[0].do.emulate.uname.release", "quotes" },
                { "rules:\n- { do: { emulate: { time: { start: noon } } } }", 2, 37,
                  "rules[0].do.emulate.time.start", "2019-03-01" },
                { "rules:\n- { do: { emulate: processors } }", 2, 20, "rules[0].do.emulate", "\"count\"" },
                { "rules:\n- { name: a, syscalls: open, do: log }\n- { name: a, syscalls: open, do: log }",
                  3, 11, "rules[1].name", "another rule" },
                { "rules:\n- { syscalls: open, do: log, message: \"${nope}\" }", 2, 39, "rules[0].message",
                  "no variable" },
                { "variables: { a: \"${b}\", b: \"${a}\" }\nrules:\n- { syscalls: open, do: log, message: "
                  "\"${a}\" }",
                  3, 39, "rules[0].message", "itself" },
                { "on-error: { errno: 0 }", 1, 20, "on-error.errno", "pretend" },
                { "binds: [ { from: a, to: b } ]", 1, 25, "binds[0].to", "absolute" },
                { "binds: [ { from: a, to: /x/../b } ]", 1, 25, "binds[0].to", "'..'" },
                { "tmpfs: [ / ]", 1, 10, "tmpfs[0]", "root" },
                { "overlays: [ { path: /x } ]", 1, 13, "overlays[0]", "changes" },
                { "base: /nonexistent/profile.json", 0, 0, NULL, "cannot be read" },
                { "include: nonexistent.yaml", 1, 10, "include", "cannot be read" },
                { "rules:\n- { syscalls: open, do: log, where: { args: { path: /etc/x } } }", 2, 53,
                  "rules[0].where.args.path", "beside \"args\"" },
                { "rules: [", 0, 0, "", "" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                expect_error(rows[i].text, rows[i].column ? rows[i].line : 0, rows[i].column, rows[i].place,
                             rows[i].words);
}

Test(native_read, bounds) {
        struct buf text = BUF_INIT(0);

        for (unsigned i = 0; i < 70; i++)
                buf_puts(&text, "{\"a\":");
        expect_error(buf_string(&text), 0, 0, NULL, "64");

        buf_reset(&text);
        buf_puts(&text, "rules: [");
        for (unsigned i = 0; i <= POLICY_RULES_MAX; i++)
                buf_puts(&text, "{syscalls: open, do: log},");
        buf_puts(&text, "]");
        expect_error(buf_string(&text), 0, 0, NULL, "4096 rules");

        /* Little that wants to be much. */
        buf_reset(&text);
        buf_puts(&text, "variables:\n  v0: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n");
        for (unsigned i = 1; i < 8; i++) {
                buf_printf(&text, "  v%u: \"", i);
                for (unsigned k = 0; k < 50; k++)
                        buf_printf(&text, "${v%u}", i - 1);
                buf_puts(&text, "\"\n");
        }
        buf_puts(&text, "rules:\n- { syscalls: open, do: log, message: \"${v7}\" }\n");
        expect_error(buf_string(&text), 0, 0, NULL, "");

        /* The same out of nothing. */
        buf_reset(&text);
        buf_puts(&text, "variables:\n  v0: \"\"\n");
        for (unsigned i = 1; i < 8; i++) {
                buf_printf(&text, "  v%u: \"", i);
                for (unsigned k = 0; k < 50; k++)
                        buf_printf(&text, "${v%u}", i - 1);
                buf_puts(&text, "\"\n");
        }
        buf_puts(&text, "rules:\n- { syscalls: open, do: log, message: \"${v7}\" }\n");
        expect_error(buf_string(&text), 0, 0, NULL, "more than 100000");
        buf_deinit(&text);
}

/* ---- files ---- */

static char folder[128];

static void make_folder(void) {
        snprintf(folder, sizeof(folder), "/tmp/callgate-native-XXXXXX");
        cr_assert_not_null(mkdtemp(folder));
        cr_assert_eq(chdir(folder), 0);
        cr_assert(getcwd(folder, sizeof(folder))); /* as it is told: without links */
}

static void remove_folder(void) {
        char command[160];

        snprintf(command, sizeof(command), "rm -rf '%s'", folder);
        cr_assert_eq(system(command), 0);
}

static void write_file(const char *name, const char *text) {
        FILE *file = fopen(name, "w");

        cr_assert_not_null(file);
        fputs(text, file);
        fclose(file);
}

static int read_file(const char *name, struct diags *diags, struct policy **ret) {
        *diags = DIAGS_INIT;
        *ret = NULL;
        return policy_read_file(name, NULL, diags, ret);
}

Test(native_read, includes, .init = make_folder, .fini = remove_folder) {
        cleanup_policy struct policy *policy = NULL;
        struct diags diags;
        char path[160];

        cr_assert_eq(mkdir("sub", 0755), 0);
        write_file("main.yaml",
                   "include: [ \"sub/a.yaml\", sub/b.json ]\nvariables: { v: main }\n"
                   "on-error: { errno: EIO }\n"
                   "rules:\n- { name: last, syscalls: open, do: log, message: \"${v}${w}\" }\n");
        write_file("sub/a.yaml",
                   "include: common.yaml\nvariables: { v: a, w: a }\ndefault: { errno: EPERM }\n"
                   "on-error: kill\n"
                   "rules:\n- { syscalls: open, do: { substitute: { file: data } } }\n");
        write_file("sub/b.json", "{\"include\": [\"common.yaml\"], \"default\": \"kill\", \"variables\": "
                                 "{\"w\": \"b\"}, \"tmpfs\": [\"/b\"]}");
        write_file("sub/common.yaml",
                   "rules:\n- { syscalls: open, do: log, message: \"${v}\" }\ntmpfs: [/common]\n");
        cr_assert_eq(read_file("main.yaml", &diags, &policy), 0);
        diags_deinit(&diags);
        cr_assert_eq(policy->n_rules, 3, "what is included twice counts once");
        cr_expect_str_eq(policy->rules[0].message, "main", "the including file wins");
        cr_expect_str_eq(policy->rules[0].name, "common.yaml:rules[0]");
        cr_expect_eq(policy->rules[0].line, 2);
        snprintf(path, sizeof(path), "%s/sub/data", folder);
        cr_expect_str_eq(policy->rules[1].text, path, "relative to the file it stands in");
        cr_expect_str_eq(policy->rules[2].message, "maina", "the first of two siblings wins");
        cr_expect_eq(policy->fallback, POLICY_ERRNO);
        cr_expect_eq(policy->error_errno, EIO);
        cr_expect_not(policy->error_kill);
        cr_expect_eq(policy->n_mounts, 2);
}

/* Counts live on under a rule's name: two rules never have the same one. */
Test(native_read, names_of_rules_without, .init = make_folder, .fini = remove_folder) {
        cleanup_policy struct policy *policy = NULL, *again = NULL;
        struct diags diags;

        cr_assert_eq(mkdir("a", 0755), 0);
        cr_assert_eq(mkdir("b", 0755), 0);
        write_file("main.yaml",
                   "include: [ a/x.yaml, b/x.yaml, y.yaml ]\nrules:\n- { syscalls: open, do: log }\n");
        write_file("a/x.yaml", "rules:\n- { syscalls: open, do: log }\n");
        write_file("b/x.yaml", "rules:\n- { syscalls: open, do: log }\n");
        write_file("y.yaml", "rules:\n- { syscalls: open, do: log }\n");
        cr_assert_eq(read_file("main.yaml", &diags, &policy), 0);
        cr_assert_eq(policy_read(policy->source, strlen(policy->source), NULL, &diags, &again), 0);
        diags_deinit(&diags);
        cr_assert_eq(policy->n_rules, 4);
        cr_expect(strstr(policy->rules[0].name, "/a/x.yaml:rules[0]"), "%s", policy->rules[0].name);
        cr_expect(strstr(policy->rules[1].name, "/b/x.yaml:rules[0]"), "%s", policy->rules[1].name);
        cr_expect_str_eq(policy->rules[2].name, "y.yaml:rules[0]");
        cr_expect_str_eq(policy->rules[3].name, "rules[0]");
        for (size_t i = 0; i < 4; i++)
                cr_expect_str_eq(again->rules[i].name, policy->rules[i].name);
}

Test(native_read, includes_in_circles, .init = make_folder, .fini = remove_folder) {
        struct policy *policy = NULL;
        struct diags diags;

        write_file("a.yaml", "include: b.yaml\n");
        write_file("b.yaml", "include: [ ./../a.yaml, \"../" /* the same by another name */
                             "x/a.yaml\", a.yaml ]\n");
        cr_assert_eq(read_file("a.yaml", &diags, &policy), POLICY_E_INVALID);
        cr_expect(strstr(diags.items[diags.n - 1].text, "includes itself"), "%s",
                  diags.items[diags.n - 1].text);
        cr_expect(strstr(diags.items[diags.n - 1].file, "b.yaml"));
        cr_expect_str_eq(diags.items[diags.n - 1].place, "include[2]");
        diags_deinit(&diags);
}

Test(native_read, includes_are_bounded, .init = make_folder, .fini = remove_folder) {
        struct policy *policy = NULL;
        struct diags diags;
        char name[32], text[64];

        for (unsigned i = 0; i < 12; i++) {
                snprintf(name, sizeof(name), "f%u.yaml", i);
                snprintf(text, sizeof(text), "include: f%u.yaml\n", i + 1);
                write_file(name, text);
        }
        write_file("f12.yaml", "rules: []\n");
        cr_assert_eq(read_file("f0.yaml", &diags, &policy), POLICY_E_INVALID);
        cr_expect(strstr(diags.items[0].text, "deep"), "%s", diags.items[0].text);
        diags_deinit(&diags);
        cr_assert_eq(read_file("f4.yaml", &diags, &policy), 0, "8 deep is fine");
        policy_free(policy);
        diags_deinit(&diags);
}

Test(native_read, base_profile, .init = make_folder, .fini = remove_folder) {
        cleanup_policy struct policy *policy = NULL, *again = NULL;
        struct diags diags;

        write_file("p.yaml", "base: base.json\nrules:\n- { syscalls: reboot, do: { errno: 0 } }\n");
        write_file("base.json", "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"read\"],"
                                "\"action\":\"SCMP_ACT_ALLOW\"}]}");
        cr_assert_eq(read_file("p.yaml", &diags, &policy), 0);
        cr_assert_not_null(policy->base);
        cr_expect(policy->base->resolved);
        cr_expect(strstr(policy->base_path, "/base.json"));
        /* The text that travels has it all. */
        cr_assert_eq(unlink("base.json"), 0);
        cr_assert_eq(policy_read(policy->source, strlen(policy->source), NULL, &diags, &again), 0);
        cr_assert_not_null(again->base);
        cr_expect_eq(again->base->default_action, policy->base->default_action);
        cr_expect_eq(again->base->n_rules, policy->base->n_rules);
        cr_expect_str_eq(again->base_path, policy->base_path);
        cr_expect_str_eq(again->source, policy->source);
        diags_deinit(&diags);
}

Test(native_read, default_beside_base_is_refused, .init = make_folder, .fini = remove_folder) {
        struct policy *policy = NULL;
        struct diags diags;

        write_file("p.yaml", "base: base.json\ndefault: allow\n");
        write_file("base.json", "{\"defaultAction\":\"SCMP_ACT_ERRNO\"}");
        cr_assert_eq(read_file("p.yaml", &diags, &policy), POLICY_E_INVALID);
        cr_expect(strstr(diags.items[0].text, "beside \"base\""), "%s", diags.items[0].text);
        diags_deinit(&diags);
}

Test(native_read, what_travels_is_the_same_policy, .init = make_folder, .fini = remove_folder) {
        cleanup_policy struct policy *policy = NULL, *again = NULL;
        struct diags diags;

        write_file("in.yaml", "rules:\n- { syscalls: [getpid], do: { return: 7 } }\n");
        write_file(
                "p.yaml",
                "include: in.yaml\nvariables: { d: \"$\" }\ndefault: { errno: 5 }\non-error: kill\n"
                "binds: [ { from: x, to: /y, read-only: true } ]\nauthority: mount\n"
                "rules:\n"
                "- { syscalls: open, do: { redirect: \"/x/$1${d}{a}\" }, where: { path: \"/a/(*)\" } }\n"
                "- { syscalls: open, do: { substitute: { template: t } }, message: \"é \\\"q\\\" ${d}{b}\" "
                "}\n"
                "- { syscalls: lseek, do: log, where: { args: { offset: [18446744073709551615, -2] } } }\n"
                "- { do: { emulate: { root: { state: st } } } }\n");
        cr_assert_eq(read_file("p.yaml", &diags, &policy), 0);
        cr_assert_eq(policy_read(policy->source, strlen(policy->source), NULL, &diags, &again), 0);
        diags_deinit(&diags);
        cr_expect_str_eq(again->source, policy->source);
        cr_expect_str_eq(again->file, policy->file);
        cr_expect_eq(again->error_kill, true);
        cr_expect_eq(again->fallback, policy->fallback);
        cr_expect_eq(again->n_mounts, policy->n_mounts);
        cr_expect_str_eq(again->mounts[0].from, policy->mounts[0].from);
        cr_expect_eq(again->n_authority, 1);
        cr_assert_eq(again->n_rules, policy->n_rules);
        cr_expect_str_eq(policy->rules[1].text, "/x/$1$${a}");
        cr_expect_str_eq(policy->rules[2].message, "é \"q\" ${b}");
        for (size_t i = 0; i < policy->n_rules; i++) {
                const struct policy_rule *a = &policy->rules[i], *b = &again->rules[i];

                cr_expect_str_eq(a->name, b->name);
                cr_expect_str_eq(a->file, b->file);
                cr_expect_str_eq(a->place, b->place);
                cr_expect_eq(a->line, b->line);
                cr_expect_eq(a->column, b->column);
                cr_expect_eq(a->action, b->action);
                cr_expect_eq(a->value, b->value);
                cr_expect_eq(a->n_calls, b->n_calls);
                cr_expect_str_eq(a->text ? a->text : "", b->text ? b->text : "");
                cr_expect_str_eq(a->message ? a->message : "", b->message ? b->message : "");
                cr_expect_str_eq(a->options ? a->options : "", b->options ? b->options : "");
        }
        cr_expect_eq(again->rules[3].where.args[0].values[0].number, UINT64_MAX);
        cr_expect_eq(again->rules[3].where.args[0].values[1].number, (uint64_t)-2);
}
