/* SPDX-License-Identifier: Apache-2.0 */

#include "policy/model.h"
#include "syscalls/names.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

Test(model, conditions_hold) {
        static const struct {
                enum condition_op op;
                uint64_t value, value_two, arg;
                bool holds;
        } rows[] = {
                { CONDITION_NE, 5, 0, 5, false },
                { CONDITION_NE, 5, 0, 6, true },
                { CONDITION_LT, 5, 0, 4, true },
                { CONDITION_LT, 5, 0, 5, false },
                { CONDITION_LT, 0, 0, 0, false },
                { CONDITION_LE, 5, 0, 5, true },
                { CONDITION_LE, 5, 0, 6, false },
                { CONDITION_EQ, UINT64_MAX, 0, UINT64_MAX, true },
                { CONDITION_EQ, 5, 0, 0x100000005, false },
                { CONDITION_GE, 5, 0, 5, true },
                { CONDITION_GE, UINT64_C(1) << 63, 0, (UINT64_C(1) << 63) - 1, false },
                { CONDITION_GT, 5, 0, 5, false },
                { CONDITION_GT, 5, 0, UINT64_MAX, true },
                { CONDITION_MASKED_EQ, 0xf0, 0x10, 0x1f, true },
                { CONDITION_MASKED_EQ, 0xf0, 0x10, 0x2f, false },
                /* libseccomp masks the datum too */
                { CONDITION_MASKED_EQ, 0xf0, 0x1f, 0x1f, true },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct condition condition = { .index = (uint8_t)(i % 6),
                                               .op = (uint8_t)rows[i].op,
                                               .value = rows[i].value,
                                               .value_two = rows[i].value_two };
                uint64_t args[6] = { 0 };

                args[i % 6] = rows[i].arg;
                cr_expect_eq(condition_holds(&condition, args), rows[i].holds, "row %zu", i);
        }
}

Test(model, names_of_actions_and_comparisons) {
        uint32_t action;
        enum condition_op op;

        for (size_t i = 0; i < action_names_n; i++) {
                cr_assert(action_by_name(action_names[i], &action), "%s", action_names[i]);
                if (strcmp(action_names[i], "SCMP_ACT_KILL_THREAD"))
                        cr_expect_str_eq(action_name(action), action_names[i]);
                else
                        cr_expect_str_eq(action_name(action), "SCMP_ACT_KILL", "the same action");
        }
        cr_expect_not(action_by_name("SCMP_ACT_NONE", &action));
        cr_expect_str_eq(action_name(SECCOMP_RET_ERRNO | 38), "SCMP_ACT_ERRNO");
        cr_expect(action_has_errno(SECCOMP_RET_TRACE | 3));
        cr_expect_not(action_has_errno(SECCOMP_RET_TRAP));
        for (size_t i = 0; i < CONDITION_N_OPS; i++) {
                cr_assert(op_by_name(op_names[i], &op));
                cr_expect_eq(op, i);
                cr_expect_str_eq(op_name(op), op_names[i]);
        }
        cr_expect_not(op_by_name("SCMP_CMP_XX", &op));
}

Test(model, conditions_as_text) {
        static const struct {
                struct condition condition;
                const char *text;
        } rows[] = {
                { { 0, CONDITION_EQ, 5, 0 }, "arg0 == 5" },
                { { 1, CONDITION_NE, 255, 0 }, "arg1 != 0xff" },
                { { 2, CONDITION_LT, 3, 0 }, "arg2 < 3" },
                { { 3, CONDITION_LE, 16, 0 }, "arg3 <= 0x10" },
                { { 4, CONDITION_GE, 1, 0 }, "arg4 >= 1" },
                { { 5, CONDITION_GT, UINT64_MAX, 0 }, "arg5 > 0xffffffffffffffff" },
                { { 0, CONDITION_MASKED_EQ, UINT64_MAX, UINT64_MAX - 1 },
                  "arg0 & 0xffffffffffffffff == 0xfffffffffffffffe" },
        };
        char buf[80];

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                cr_expect_str_eq(condition_text(&rows[i].condition, buf, sizeof(buf)), rows[i].text);
}

Test(model, rules_are_copied_whole) {
        struct rule rule = { .action = SECCOMP_RET_ERRNO | 2, .errno_set = true, .line = 7 }, copy = { 0 };

        for (unsigned i = 0; i < 100; i++) {
                char name[16];

                snprintf(name, sizeof(name), "name%u", i);
                cr_assert_eq(rule_add_name(&rule, name), 0);
                cr_assert_eq(rule_add_condition(&rule, i % 6, CONDITION_MASKED_EQ, i, i + 1), 0);
        }
        cr_assert_eq(rule_when_add_cap(&rule.includes, "CAP_KILL"), 0);
        cr_assert_eq(rule_when_add_arch(&rule.excludes, "arm"), 0);
        rule.comment = strdup("why");
        rule.place = strdup("syscalls[4]");
        cr_assert_eq(rule_copy(&rule, &copy), 0);
        rule_deinit(&rule);
        cr_expect_eq(rule.n_names, 0);

        cr_expect_eq(copy.n_names, 100);
        cr_expect(rule_has_name(&copy, "name99"));
        cr_expect_not(rule_has_name(&copy, "name100"));
        cr_expect_eq(copy.n_conditions, 100);
        cr_expect_eq(copy.conditions[99].value_two, 100);
        cr_expect_str_eq(copy.includes.caps[0], "CAP_KILL");
        cr_expect_str_eq(copy.excludes.arches[0], "arm");
        cr_expect_str_eq(copy.comment, "why");
        cr_expect_str_eq(copy.place, "syscalls[4]");
        cr_expect_eq(copy.line, 7);
        cr_expect(copy.errno_set);
        cr_expect(rule_is_conditional(&copy));
        rule_forget_when(&copy);
        cr_expect_not(rule_is_conditional(&copy));
        rule_deinit(&copy);
        rule_deinit(&copy); /* harmless */
}

Test(model, repeated_argument_splits) {
        struct rule rule = { 0 };

        cr_expect_not(rule_is_split(&rule));
        cr_assert_eq(rule_add_condition(&rule, 0, CONDITION_EQ, 1, 9), 0);
        cr_expect_eq(rule.conditions[0].value_two, 0, "only MASKED_EQ has two values");
        cr_assert_eq(rule_add_condition(&rule, 5, CONDITION_EQ, 1, 0), 0);
        cr_expect_not(rule_is_split(&rule));
        cr_assert_eq(rule_add_condition(&rule, 5, CONDITION_EQ, 2, 0), 0);
        cr_expect(rule_is_split(&rule));
        cr_expect_eq(rule_add_condition(&rule, 6, CONDITION_EQ, 2, 0), -EINVAL);
        rule_deinit(&rule);
}

Test(model, profiles_own_their_parts) {
        struct profile *profile = NULL;
        struct rule *rule, made = { .action = SECCOMP_RET_LOG };

        cr_assert_eq(profile_new(&profile), 0);
        for (int i = 0; i < 50; i++) {
                cr_assert_eq(profile_add_rule(profile, &rule), 0);
                cr_expect_eq(rule->action, SECCOMP_RET_ALLOW);
                cr_assert_eq(rule_add_name(rule, "read"), 0);
        }
        cr_assert_eq(rule_add_name(&made, "write"), 0);
        cr_assert_eq(profile_take_rule(profile, &made), 0);
        cr_expect_null(made.names);
        cr_expect_eq(profile->n_rules, 51);
        cr_expect_str_eq(profile->rules[50].names[0], "write");

        cr_assert_eq(profile_add_arch(profile, arch_by_scmp("SCMP_ARCH_ARM")), 0);
        cr_assert_eq(profile_add_arch(profile, arch_by_scmp("SCMP_ARCH_ARM")), 0);
        cr_expect_eq(profile->n_archs, 1, "once is enough");
        cr_expect(profile_has_arch(profile, arch_by_scmp("SCMP_ARCH_ARM")));
        cr_expect_not(profile_has_arch(profile, arch_by_scmp("SCMP_ARCH_AARCH64")));
        cr_expect_null(profile_free(profile));
        cr_expect_null(profile_free(NULL));
}

Test(model, word_sizes_are_those_of_libseccomp) {
        cr_expect_eq(profile_arch_bits(arch_by_scmp("SCMP_ARCH_X86_64")), 64);
        cr_expect_eq(profile_arch_bits(arch_by_scmp("SCMP_ARCH_X86")), 32);
        cr_expect_eq(profile_arch_bits(arch_by_scmp("SCMP_ARCH_X32")), 32);
        cr_expect_eq(profile_arch_bits(arch_by_scmp("SCMP_ARCH_MIPSEL64N32")), 32);
}
