/* SPDX-License-Identifier: Apache-2.0 */
/* Cases: a policy asked about calls that nobody makes, and what is said when it answers something else. */

#include "policy/native/cases.h"

#include "policy/native/read.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
        return "leak:libseccomp.so\n";
}

static const char policy_text[] =
        "on-error: { errno: EIO }\n"
        "rules:\n"
        "- { name: no-reboot, syscalls: [reboot, kexec_load], do: { errno: 0 } }\n"
        "- { name: licence, family: files, where: { path: /opt/licence }, do: { redirect: /tmp/licence } }\n"
        "- { name: data, family: files, where: { path: '/opt/data/(**)' }, do: { redirect: '/srv/$1' } }\n"
        "- { name: net, family: net, where: { address: ['10.0.0.0/8:443', 'unix:/run/*.sock', '[::1]'] },\n"
        "    do: { errno: ENETUNREACH } }\n"
        "- { name: rate, syscalls: kill, where: { rate: { above: 3/s, of: process } }, do: { errno: EAGAIN "
        "} }\n"
        "- { name: count, syscalls: tgkill, where: { count: { above: 2 } }, do: { errno: EAGAIN } }\n"
        "- { name: raw, syscalls: socket, where: { args: { type: { mask: 0xf, is: SOCK_RAW } },\n"
        "    uid: 1000-1999, capability: net_raw }, do: kill }\n"
        "- { name: slow, syscalls: getpid, where: { labels: { pod: web-* } }, do: { delay: 10ms } }\n"
        "- { name: un, do: { emulate: uname } }\n"
        "- { name: how, syscalls: openat2, where: { args: { resolve: { has: RESOLVE_IN_ROOT } } }, do: kill "
        "}\n"
        "- { name: old, family: open, where: { path: /etc/shadow, bits: 32 }, do: { substitute: { text: x } "
        "} }\n"
        "- { name: shell, syscalls: getppid, where: { program: /bin/* }, do: { return: 7 } }\n"
        "- { name: asked, syscalls: getpgid, do: ask }\n";

struct fixture {
        struct policy *policy;
        struct policy_trial *trial;
};

static struct fixture make(void) {
        struct fixture fixture = { 0 };
        struct diags diags = DIAGS_INIT;
        int r = policy_read(policy_text, strlen(policy_text), NULL, &diags, &fixture.policy);

        if (r)
                diags_print(&diags, stderr, DIAG_INFO, false);
        cr_assert_eq(r, 0);
        cr_assert_eq(policy_trial_new(fixture.policy, &fixture.trial), 0);
        diags_deinit(&diags);
        return fixture;
}

static void drop(struct fixture *fixture) {
        policy_trial_free(fixture->trial);
        policy_free(fixture->policy);
}

static struct policy_cases *read_cases(const char *text) {
        struct policy_cases *cases = NULL;
        struct diags diags = DIAGS_INIT;
        int r = policy_cases_read(text, strlen(text), &diags, &cases);

        if (r)
                diags_print(&diags, stderr, DIAG_INFO, false);
        cr_assert_eq(r, 0, "%s", text);
        diags_deinit(&diags);
        return cases;
}

Test(native_cases, pass) {
        static const char *const rows[] = {
                "{ call: reboot, expect: { errno: 0 }, rule: no-reboot, where: kernel }",
                "{ call: openat, path: /opt/licence, expect: { redirect: /tmp/licence }, where: notified }",
                "{ call: openat, path: /opt/data/a/b, expect: { redirect: /srv/a/b }, rule: data }",
                "{ call: rename, path: [/x, /opt/data/c], expect: redirect }",
                "{ call: openat, path: /etc/passwd, expect: allow, rule: none }",
                "{ call: getuid, expect: allow, where: kernel }",
                "{ call: connect, address: '10.1.2.3:443', expect: { errno: ENETUNREACH } }",
                "{ call: connect, address: '10.1.2.3:80', expect: allow }",
                "{ call: connect, address: '[::1]:80', expect: { errno: ENETUNREACH } }",
                "{ call: sendto, address: 'unix:/run/x.sock', expect: { errno: ENETUNREACH } }",
                "{ call: connect, address: 'unix:@x', expect: allow }",
                "{ call: kill, repeat: 3, expect: allow }",
                "{ call: kill, repeat: 4, every: 10ms, expect: { errno: EAGAIN }, where: notified }",
                "{ call: kill, repeat: 20, every: 1s, expect: allow }",
                "{ call: tgkill, repeat: 2, every: 1h, expect: allow }",
                "{ call: tgkill, repeat: 3, every: 1h, expect: { errno: EAGAIN } }",
                "{ call: socket, args: { domain: AF_INET, type: SOCK_RAW|SOCK_CLOEXEC }, uid: 1000, "
                "capability: CAP_NET_RAW, expect: kill }",
                "{ call: socket, args: { type: SOCK_RAW }, uid: 2000, capability: CAP_NET_RAW, expect: "
                "allow }",
                "{ call: socket, args: { type: SOCK_RAW }, uid: 1000, expect: allow }",
                "{ call: socket, args: { arg1: 1 }, uid: 1000, capability: net_raw, expect: allow, where: "
                "kernel }",
                "{ call: getpid, labels: { pod: web-3 }, expect: allow, delay: 10ms }",
                "{ call: getpid, labels: { pod: db }, expect: allow, delay: 0 }",
                "{ call: uname, expect: { emulate: uname }, rule: un }",
                "{ call: openat2, args: { resolve: RESOLVE_IN_ROOT|RESOLVE_BENEATH }, expect: kill }",
                "{ call: openat2, args: { resolve: RESOLVE_BENEATH }, expect: allow }",
                "{ call: open, bits: 32, path: /etc/shadow, expect: { substitute: { text: x } } }",
                "{ call: open, path: /etc/shadow, expect: allow }",
                "{ call: getppid, program: /bin/sh, expect: { return: 7 } }",
                "{ call: getppid, program: /usr/bin/sh, expect: allow }",
                "{ call: getpgid, expect: ask }",
        };
        struct fixture fixture = make();

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct policy_case_result result;
                char text[512];
                cleanup_policy_cases struct policy_cases *cases = NULL;

                snprintf(text, sizeof(text), "- %s", rows[i]);
                cases = read_cases(text);
                cr_assert_eq(policy_trial_run(fixture.trial, &cases->items[0], &result), 0);
                cr_expect(result.passed, "%s: expected %s, got %s", rows[i], buf_string(&result.expected),
                          buf_string(&result.got));
                cr_expect_null(result.disagreement, "%s: %s", rows[i], result.disagreement);
                policy_case_result_deinit(&result);
        }
        drop(&fixture);
}

Test(native_cases, fail) {
        static const struct {
                const char *row, *expected, *got;
        } rows[] = {
                { "{ call: reboot, expect: kill }", "kill", "errno 0, by no-reboot" },
                { "{ call: reboot, expect: { errno: EPERM } }", "errno EPERM", "errno 0, by no-reboot" },
                { "{ call: reboot, rule: other }", "by other", "errno 0, by no-reboot" },
                { "{ call: reboot, rule: none }", "by no rule", "errno 0, by no-reboot" },
                { "{ call: reboot, where: notified }", "notified", "errno 0, by no-reboot, in the kernel" },
                { "{ call: openat, path: /opt/data/x, expect: { redirect: /srv/y } }", "redirect /srv/y",
                  "redirect /srv/x, by data" },
                { "{ call: uname, expect: { emulate: hostname } }", "emulate hostname",
                  "emulate uname, by un" },
                { "{ call: getpid, expect: allow, delay: 1s }", "allow, after 1000 ms",
                  "allow, by no rule, after 0 ms" },
        };
        struct fixture fixture = make();

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct policy_case_result result;
                char text[256];
                cleanup_policy_cases struct policy_cases *cases = NULL;

                snprintf(text, sizeof(text), "cases: [ %s ]", rows[i].row);
                cases = read_cases(text);
                cr_assert_eq(policy_trial_run(fixture.trial, &cases->items[0], &result), 0);
                cr_expect_not(result.passed, "%s", rows[i].row);
                cr_expect_str_eq(buf_string(&result.expected), rows[i].expected, "%s", rows[i].row);
                cr_expect_str_eq(buf_string(&result.got), rows[i].got, "%s", rows[i].row);
                policy_case_result_deinit(&result);
        }
        drop(&fixture);
}

Test(native_cases, single_rules) {
        struct fixture fixture = make();
        cleanup_policy_cases struct policy_cases *cases =
                read_cases("- { call: openat, path: /opt/data/x, expect: allow }\n"
                           "- { call: getpid, labels: { pod: web-1 }, expect: allow }\n");
        bool holds;

        cr_assert_eq(policy_trial_rule(fixture.trial, &cases->items[0], 1, &holds), 0);
        cr_expect_not(holds);
        cr_assert_eq(policy_trial_rule(fixture.trial, &cases->items[0], 2, &holds), 0);
        cr_expect(holds);
        cr_assert_eq(policy_trial_rule(fixture.trial, &cases->items[1], 7, &holds), 0);
        cr_expect(holds, "a delay holds although it decides nothing");
        drop(&fixture);
}

Test(native_cases, mistakes) {
        static const struct {
                const char *text, *place, *words;
        } rows[] = {
                { "- { expect: allow }", "[0]", "lacks \"call\"" },
                { "- { call: opne, expect: allow }", "[0].call", "did you mean open?" },
                { "- { call: open }", "[0]", "lacks \"expect\"" },
                { "- { call: open, expect: deny }", "[0].expect", "\"deny\"" },
                { "- { call: open, args: { flgs: 1 }, expect: log }", "[0].args.flgs", "no argument" },
                { "- { call: open, args: { flags: O_NOPE }, expect: log }", "[0].args.flags", "neither" },
                { "- { call: open, path: x, expect: log }", "[0].path", "absolute" },
                { "- { call: open, path: [/a, /b, /c], expect: log }", "[0].path[2]", "third" },
                { "- { call: connect, address: 10.0.0.0/8, expect: log }", "[0].address", "10.0.0.0/8" },
                { "- { call: open, bits: 16, expect: log }", "[0].bits", "32 or 64" },
                { "- { call: open, arch: vax, expect: log }", "[0].arch", "architecture" },
                { "- { call: open, repeat: 0, expect: log }", "[0].repeat", "1 or more" },
                { "- { call: open, where: kernle, expect: log }", "[0].where", "neither" },
                { "- { call: open, expcet: log, rule: x }", "[0].expcet", "did you mean expect?" },
                { "case: []", "case", "did you mean cases?" },
                { "- 5", "[0]", "a case" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct policy_cases *cases = NULL;
                struct diags diags = DIAGS_INIT;

                cr_expect_eq(policy_cases_read(rows[i].text, strlen(rows[i].text), &diags, &cases),
                             POLICY_E_INVALID, "%s", rows[i].text);
                cr_assert_gt(diags.n, 0, "%s", rows[i].text);
                cr_expect_str_eq(diags.items[0].place ? diags.items[0].place : "", rows[i].place, "%s",
                                 rows[i].text);
                cr_expect(strstr(diags.items[0].text, rows[i].words), "%s: %s", rows[i].text,
                          diags.items[0].text);
                policy_cases_free(cases);
                diags_deinit(&diags);
        }
}
