/* SPDX-License-Identifier: Apache-2.0 */

#include "native_fixture.h"
#include "policy/compile.h"
#include "policy/native/base.h"
#include "policy/simulate.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

static uint32_t decided(const struct filter *filter, int nr) {
        struct seccomp_data data = { .nr = nr, .arch = arch_native()->audit };

        return filter_simulate(filter, &data, NULL);
}

Test(native_base, what_decides_where_no_rule_does) {
        static const struct {
                const char *text;
                uint32_t mkdir, getpid;
        } rows[] = {
                { "version: 1\nrules: []", SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
                { "default: allow\nversion: 1\nrules: []", SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
                { "default: log\nversion: 1\nrules: []", SECCOMP_RET_LOG, SECCOMP_RET_LOG },
                { "default: { errno: EACCES }\nversion: 1\nrules: []", SECCOMP_RET_ERRNO | EACCES,
                  SECCOMP_RET_ERRNO | EACCES },
                { "default: kill\nversion: 1\nrules: []", SECCOMP_RET_KILL_PROCESS,
                  SECCOMP_RET_KILL_PROCESS },
                { "base: { defaultAction: SCMP_ACT_ALLOW, syscalls: [ { names: [mkdir], action: "
                  "SCMP_ACT_ERRNO, errnoRet: 30 } ] }\nversion: 1\nrules: []",
                  SECCOMP_RET_ERRNO | EROFS, SECCOMP_RET_ALLOW },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                cleanup_policy struct policy *policy = fixture_policy(rows[i].text);
                struct diags diags = DIAGS_INIT;
                struct filter filter = FILTER_INIT;

                diags.file = "mine";
                cr_assert_eq(policy_base(policy, filter_compile, &diags, &filter), 0, "row %zu", i);
                cr_expect_eq(decided(&filter, SYS_mkdir), rows[i].mkdir, "row %zu", i);
                cr_expect_eq(decided(&filter, SYS_getpid), rows[i].getpid, "row %zu", i);
                cr_expect_str_eq(diags.file, "mine");
                filter_deinit(&filter);
                diags_deinit(&diags);
        }
}

static int asks_for_nothing(const struct profile *resolved, struct diags *diags, struct filter *ret) {
        return PROFILE_E_EMPTY;
}

static int fails(const struct profile *resolved, struct diags *diags, struct filter *ret) {
        return -ENOMEM;
}

Test(native_base, a_base_that_cannot_be_compiled) {
        cleanup_policy struct policy *policy = fixture_policy(
                "base: { defaultAction: SCMP_ACT_ALLOW, syscalls: [] }\nversion: 1\nrules: []");
        struct diags diags = DIAGS_INIT;
        struct filter filter = FILTER_INIT;

        cr_expect_eq(policy_base(policy, fails, &diags, &filter), -ENOMEM);
        cr_expect_eq(diags.n, 0);
        cr_expect_eq(policy_base(policy, asks_for_nothing, &diags, &filter), POLICY_E_INVALID);
        cr_assert_eq(diags.n, 1);
        cr_expect(strstr(diags.items[0].text, "leave 'base' out"));
        cr_expect_eq(filter.n, 0);
        diags_deinit(&diags);
}
