/* SPDX-License-Identifier: Apache-2.0 */

#include <sys/utsname.h>

#include "tests/unit/emulate_fixture.h"

static struct utsname real;

static void begin(void) {
        uname(&real);
        fixture_begin("do: { emulate: { uname: { release: 2.4.18-legacy, machine: i686 } } }",
                      "do: { emulate: hostname }");
}

TestSuite(emulate_uname, .init = begin, .fini = fixture_end);

static const struct utsname *shown(void) {
        return (const struct utsname *)(fake.memory + 100);
}

Test(emulate_uname, given_fields_only) {
        memset(fake.memory, 'x', sizeof(fake.memory));
        cr_assert_eq(made("uname", AT(100)), 0);
        cr_assert_str_eq(shown()->release, "2.4.18-legacy");
        cr_assert_str_eq(shown()->machine, "i686");
        cr_assert_str_eq(shown()->sysname, real.sysname);
        cr_assert_str_eq(shown()->nodename, real.nodename);
        cr_assert_str_eq(shown()->version, real.version);
        cr_assert_str_eq(shown()->domainname, real.domainname);
        cr_assert_eq(fake.memory[99], 'x');
        cr_assert_eq(fake.memory[100 + 6 * 65], 'x');
}

Test(emulate_uname, every_layout_of_32_bit_programs) {
        static const struct {
                const char *call;
                size_t size, width;
        } rows[] = { { "uname", 390, 65 }, { "olduname", 325, 65 }, { "oldolduname", 45, 9 } };

        for (size_t i = 0; i < 3; i++) {
                char wanted[65] = "";

                memset(fake.memory, 'x', sizeof(fake.memory));
                cr_assert_eq(made32(rows[i].call, AT(100)), 0, "%s", rows[i].call);
                memcpy(wanted, "2.4.18-legacy", rows[i].width - 1 < 14 ? rows[i].width - 1 : 14);
                cr_expect_str_eq(fake.memory + 100 + 2 * rows[i].width, wanted, "%s", rows[i].call);
                cr_expect_str_eq(fake.memory + 100 + 4 * rows[i].width, "i686");
                cr_expect_neq(fake.memory[100 + rows[i].size - 1], 'x');
                cr_expect_eq(fake.memory[100 + rows[i].size], 'x', "%s", rows[i].call);
        }
}

Test(emulate_uname, hostile_pointers) {
        cr_assert_eq(made("uname", NOWHERE), -EFAULT);
        cr_assert_eq(made("uname", 0), -EFAULT);
        cr_assert_eq(made("uname", AT(sizeof(fake.memory) - 389)), -EFAULT);
        cr_assert_eq(made("uname", AT(sizeof(fake.memory) - 390)), 0);
        cr_assert_eq(made("sethostname", NOWHERE, 3), -EFAULT);
        cr_assert_eq(made("sethostname", NOWHERE, 0), 0, "nothing is always readable");
        cr_assert_eq(made("sethostname", AT(0), 65), -EINVAL);
        cr_assert_eq(made("sethostname", AT(0), (uint64_t)-1), -EINVAL);
        cr_assert_eq(fixture_call_of(TASK, AUDIT_ARCH_X86_64, "uname", (uint64_t[6]){ AT(0) },
                                     FAKE_GONE_AT_CONFIRM),
                     CALL_E_GONE);
}

Test(emulate_uname, what_a_program_sets_is_seen_whichever_rule_answers) {
        strcpy(fake.memory, "newname-and-more");
        cr_assert_eq(made("sethostname", AT(0), 7), 0);
        cr_assert_eq(made32("setdomainname", AT(4), 4), 0);
        cr_assert_eq(made("uname", AT(100)), 0);
        cr_assert_str_eq(shown()->nodename, "newname");
        cr_assert_str_eq(shown()->domainname, "ame-");
        cr_assert_str_eq(shown()->release, "2.4.18-legacy");
        /* A shorter name leaves nothing of the longer one. */
        cr_assert_eq(made("sethostname", AT(0), 1), 0);
        cr_assert_eq(made("uname", AT(100)), 0);
        cr_assert_str_eq(shown()->nodename, "n");
        cr_assert_eq(shown()->nodename[3], 0);
}

Test(emulate_hostname, alone_and_before_a_rule_of_uname, .fini = fixture_end) {
        fixture_begin("do: { emulate: hostname }",
                      "do: { emulate: { uname: { nodename: told, sysname: X } } }");
        cr_assert_eq(made("uname", AT(100)), 0);
        cr_assert_str_eq(shown()->nodename, "told");
        cr_assert_str_eq(shown()->sysname, "X");
        strcpy(fake.memory, "later");
        cr_assert_eq(made("sethostname", AT(0), 5), 0);
        cr_assert_eq(made("uname", AT(100)), 0);
        cr_assert_str_eq(shown()->nodename, "later");
}

Test(emulate_uname_options, too_long) {
        cr_assert(strstr(
                fixture_refusal("do: { emulate: { uname: { release: "
                                "x23456789012345678901234567890123456789012345678901234567890123456 } } }"),
                "release is longer than 64 bytes"));
}
