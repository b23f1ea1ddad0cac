/* SPDX-License-Identifier: Apache-2.0 */
/* Policies that cannot hold are refused, with a place and a way out. */

#include "policy/native/check.h"

#include "policy/native/calls.h"
#include "policy/native/read.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
        return "leak:libseccomp.so\n";
}

static int read_rule(const char *rule, struct diags *diags) {
        struct policy *policy = NULL;
        char text[512];
        int r;

        snprintf(text, sizeof(text), "rules: [ %s ]", rule);
        *diags = DIAGS_INIT;
        r = policy_read(text, strlen(text), NULL, diags, &policy);
        policy_free(policy);
        return r;
}

Test(native_check, what_cannot_hold) {
        static const struct {
                const char *rule, *place, *words;
        } rows[] = {
                /* memory that the kernel would read again */
                { "{syscalls: execve, where: {path: /bin/sh}, do: {errno: EPERM}}", "where.path", "binds" },
                { "{syscalls: execveat, where: {path: /bin/sh}, do: allow}", "where.path",
                  "another thread" },
                { "{syscalls: chdir, where: {path: /x}, do: {delay: 1s}}", "where.path", "overlays" },
                { "{syscalls: clone3, where: {args: {flags: {has: CLONE_NEWUSER}}}, do: kill}", "where.args",
                  "this argument" },
                /* conditions that never match */
                { "{syscalls: [open, read], where: {path: /x}, do: log}", "where.path",
                  "read takes no path" },
                { "{syscalls: open, where: {address: '*:1'}, do: log}", "where.address", "address" },
                { "{syscalls: openat, where: {args: {flgs: 1}}, do: log}", "where.args.flgs",
                  "did you mean flags?" },
                { "{syscalls: openat, where: {args: {flags: O_CRAET}}, do: log}", "where.args.flags",
                  "did you mean O_CREAT?" },
                { "{syscalls: openat, where: {args: {flags: SOCK_STREAM}}, do: log}", "where.args.flags",
                  "SOCK_STREAM" },
                /* pretences that would show */
                { "{syscalls: [time, clock_gettime], do: {emulate: {time: {offset: 1h}}}}", "syscalls",
                  "arch_prctl" },
                { "{do: {emulate: {time: {offset: 1h}}}, where: {args: {clockid: 0}}}", "where.args",
                  "consistent" },
                /* what is done */
                { "{syscalls: open, do: {redirect: '10.0.0.1:5'}}", "do.redirect", "begins with '/'" },
                { "{syscalls: connect, do: {redirect: /etc/x}}", "do.redirect", "takes an address" },
                { "{syscalls: [open, connect], do: {redirect: /etc/x}}", "do.redirect", "each kind" },
                { "{syscalls: execve, do: {redirect: /x}}", "do.redirect", "cannot be redirected" },
                { "{syscalls: getpid, do: {redirect: /x}}", "do.redirect", "cannot be redirected" },
                { "{syscalls: open, do: {redirect: /x/$1}}", "do.redirect", "the rule has none" },
                { "{syscalls: open, where: {path: ['/a/(*)', /b]}, do: {redirect: /x/$1}}", "do.redirect",
                  "/b" },
                { "{syscalls: [open, unlink], do: {substitute: {text: x}}}", "do.substitute", "unlink" },
                { "{syscalls: [uname, open], do: {emulate: uname}}", "syscalls", "does not take open" },
                { "{syscalls: execve, do: {emulate: identity}}", "syscalls", "execve" },
                { "{where: {args: {arg0: 1}}, do: {emulate: time}}", "where.args", "consistent" },
                { "{syscalls: rt_sigreturn, do: {errno: EPERM}}", "syscalls", "signal handler" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct diags diags;
                char place[64];

                cr_expect_eq(read_rule(rows[i].rule, &diags), POLICY_E_INVALID, "%s", rows[i].rule);
                cr_assert_gt(diags.n, 0, "%s", rows[i].rule);
                snprintf(place, sizeof(place), "rules[0].%s", rows[i].place);
                cr_expect_str_eq(diags.items[0].place, place, "%s", rows[i].rule);
                cr_expect(strstr(diags.items[0].text, rows[i].words), "%s: %s", rows[i].rule,
                          diags.items[0].text);
                cr_expect_gt(diags.items[0].line, 0, "%s", rows[i].rule);
                diags_deinit(&diags);
        }
}

Test(native_check, what_holds) {
        static const char *const rows[] = {
                "{syscalls: execve, where: {path: /bin/sh}, do: log}",
                "{syscalls: execve, where: {path: /bin/sh}, do: {errno: EPERM}, advisory: true}",
                "{syscalls: [execve, execveat], do: {errno: EPERM}}",
                "{syscalls: openat2, where: {args: {flags: {has: O_CREAT}}}, do: {errno: EROFS}}",
                "{family: open, where: {args: {flags: {has: O_CREAT}}}, do: {errno: EROFS}}",
                "{syscalls: openat, where: {args: {dirfd: AT_FDCWD, flags: {mask: O_ACCMODE, is: 0}}}, do: "
                "log}",
                "{syscalls: open, where: {path: '/a/(*)'}, do: {redirect: '/x/$1$$2'}}",
                "{syscalls: open, do: {redirect: /x$$1}}",
                "{syscalls: connect, do: {redirect: 'unix:/run/x.sock'}}",
                "{syscalls: connect, do: {redirect: '*:8080'}}",
                "{family: open, do: {substitute: {text: ''}}}",
                "{where: {path: /x}, do: {emulate: identity}}",
                "{syscalls: fcntl, where: {args: {cmd: [F_SETFL, F_GETFL]}}, do: log}",
                "{syscalls: socket, where: {args: {type: {mask: 0xf, is: SOCK_RAW}}}, do: {errno: EPERM}}",
                "{syscalls: prctl, where: {args: {option: PR_SET_NAME}}, do: log}",
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct diags diags;
                int r = read_rule(rows[i], &diags);

                cr_expect_eq(r, 0, "%s: %s", rows[i], diags.n ? diags.items[0].text : "");
                diags_deinit(&diags);
        }
}

Test(native_check, authority_is_asked_for) {
        static const char text[] = "authority: [mont]\nrules: []\n";
        struct policy *policy = NULL;
        struct diags diags = DIAGS_INIT;

        cr_expect_eq(policy_read(text, strlen(text), NULL, &diags, &policy), POLICY_E_INVALID);
        cr_expect(strstr(diags.items[0].text, "did you mean mount?"));
        diags_deinit(&diags);
        for (size_t i = 0; i < policy_emulations_n; i++) {
                bool known = !policy_emulations[i].authority;

                for (size_t k = 0; policy_authorities[k] && !known; k++)
                        known = !strcmp(policy_authorities[k], policy_emulations[i].authority);
                cr_expect(known, "%s", policy_emulations[i].name);
        }
}

Test(native_check, rules_above_that_give_a_pretence_away) {
        struct diags diags;

        cr_assert_eq(
                read_rule("{syscalls: arch_prctl, do: log}, {do: {emulate: {time: {offset: 1h}}}}", &diags),
                POLICY_E_INVALID);
        cr_assert_not_null(strstr(diags.items[0].text, "move the rule up"), "%s", diags.items[0].text);
        diags_deinit(&diags);
        cr_assert_eq(
                read_rule("{syscalls: clock_settime, do: {errno: 0}}, {do: {emulate: {time: {offset: 1h}}}}",
                          &diags),
                0);
        diags_deinit(&diags);
}

/* ---- doubts ---- */

/* The ids of what is said of a policy, one after the other. */
static void doubts_of(const char *rules, char *ret, size_t size) {
        struct policy *policy = NULL;
        struct diags diags = DIAGS_INIT;
        char text[1024];
        size_t n = 0;

        snprintf(text, sizeof(text), "%s", rules);
        cr_assert_eq(policy_read(text, strlen(text), NULL, &diags, &policy), 0, "%s: %s", rules,
                     diags.n ? diags.items[0].text : "");
        cr_assert_eq(policy_check_doubts(policy, &diags), 0);
        ret[0] = '\0';
        for (size_t i = 0; i < diags.n && n < size; i++)
                n += (size_t)snprintf(ret + n, size - n, "%s%s", i ? " " : "",
                                      diags.items[i].id ? diags.items[i].id : "-");
        policy_free(policy);
        diags_deinit(&diags);
}

Test(native_check, doubts) {
        static const struct {
                const char *rules, *ids;
        } rows[] = {
                { "rules: [{syscalls: [reboot], do: {errno: EPERM}}]", "" },
                { "rules: [{family: files, where: {path: /x}, do: {errno: EPERM}}]", "" },
                { "rules: [{syscalls: [openat], where: {path: /x}, do: {errno: EPERM}}]",
                  "policy-siblings policy-siblings" },
                { "rules: [{family: open, where: {path: /x}, do: {errno: EPERM}}]", "policy-siblings" },
                { "rules: [{family: open, where: {path: /x}, do: log}]", "" },
                { "rules: [{family: [open, stat], where: {path: /x}, do: {errno: EPERM}}]",
                  "policy-siblings-left" },
                { "rules: [{syscalls: [mkdir], do: {errno: EPERM}}]", "policy-siblings" },
                { "rules: [{family: open, where: {path: /x}, do: {errno: EPERM}},"
                  " {family: files, where: {path: /x}, do: {errno: EPERM}}]",
                  "" },
                { "rules: [{family: files, where: {path: /x}, do: {errno: EPERM}},"
                  " {family: open, where: {path: /x, uid: 5}, do: log}]",
                  "policy-unreachable" },
                { "rules: [{family: files, where: {path: /x}, do: {delay: 1s}},"
                  " {family: open, where: {path: /x, uid: 5}, do: log}]",
                  "" },
                { "rules: [{family: exec, where: {path: /x}, do: log},"
                  " {family: exec, where: {path: /x, uid: 5}, do: log}]",
                  "" },
                { "rules: [{family: exec, where: {path: /x}, do: log, advisory: true},"
                  " {family: exec, where: {path: /x, uid: 5}, do: log}]",
                  "policy-advisory policy-unreachable" },
                { "rules: [{family: files, where: {path: [/x, /y]}, do: {errno: EPERM}},"
                  " {family: open, where: {path: /x}, do: log}]",
                  "" },
                { "rules: [{syscalls: getpid, do: log}, {syscalls: getpid, do: {errno: EPERM}}]",
                  "policy-unreachable" },
                { "rules: [{syscalls: getpid, where: {bits: 32}, do: log},"
                  " {syscalls: getpid, do: {errno: EPERM}}]",
                  "" },
                { "rules: [{syscalls: [open, creat], where: {args: {flags: {has: O_CREAT}}}, do: log}]",
                  "policy-never" },
                { "rules: [{syscalls: execve, where: {path: /x}, do: allow, advisory: true}]",
                  "policy-advisory" },
                { "rules: [{syscalls: getpid, do: log, advisory: true}]", "policy-advisory-needless" },
                { "rules: [{family: open, where: {path: /x}, do: {substitute: {text: x}}}]",
                  "policy-siblings-left" },
                { "rules: [{syscalls: open, do: {substitute: {file: /nonexistent/x}}}]",
                  "policy-siblings policy-file" },
                { "binds: [{from: /nonexistent/x, to: /y}]", "policy-file" },
                { "authority: mount", "policy-authority" },
                { "rules: [{syscalls: execve, do: ask}]", "policy-ask" },
                { "rules: [{syscalls: write, where: {args: {buf: 4096}}, do: log}]", "policy-pointer" },
                { "rules: [{syscalls: write, where: {args: {buf: 0, fd: 1}}, do: log}]", "" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char ids[256];

                doubts_of(rows[i].rules, ids, sizeof(ids));
                cr_expect_str_eq(ids, rows[i].ids, "%s", rows[i].rules);
        }
}
