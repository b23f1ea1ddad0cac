/* SPDX-License-Identifier: Apache-2.0 */

#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "tests/unit/emulate_fixture.h"

static void begin(void) {
        fixture_begin("do: { emulate: { interfaces: { addresses: { lo: \"02:00:00:00:00:07\", "
                      "licence0: \"aa:BB:c:dd:ee:ff\" } } } }");
        fake.task_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        memset(fake.memory, 'x', sizeof(fake.memory));
}

static void end(void) {
        close(fake.task_fd);
        fixture_end();
}

TestSuite(emulate_interfaces, .init = begin, .fini = end);

static void ask_for(const char *name) {
        memset(fake.memory, 0, 40);
        strcpy(fake.memory, name);
}

Test(emulate_interfaces, both_layouts) {
        ask_for("lo");
        cr_assert_eq(made("ioctl", 3, SIOCGIFHWADDR, AT(0)), 0);
        cr_assert_str_eq(fake.memory, "lo");
        cr_assert_eq(*(uint16_t *)(fake.memory + 16), ARPHRD_LOOPBACK, "the rest is the interface's own");
        cr_assert_eq(memcmp(fake.memory + 18, "\2\0\0\0\0\7", 6), 0);
        ask_for("licence0");
        memset(fake.memory + 32, 'x', 8);
        cr_assert_eq(made32("ioctl", 3, SIOCGIFHWADDR, AT(0)), 0, "not there, but in the policy");
        cr_assert_eq(*(uint16_t *)(fake.memory + 16), ARPHRD_ETHER);
        cr_assert_eq(memcmp(fake.memory + 18, "\xaa\xbb\x0c\xdd\xee\xff", 6), 0);
        cr_assert_eq(fake.memory[32], 'x');
}

Test(emulate_interfaces, names_as_the_kernel_takes_them) {
        ask_for("lo:1");
        cr_assert_eq(made("ioctl", 3, SIOCGIFHWADDR, AT(0)), 0);
        cr_assert_eq(memcmp(fake.memory + 18, "\2\0\0\0\0\7", 6), 0);
        ask_for("nosuch0");
        cr_assert_eq(made("ioctl", 3, SIOCGIFHWADDR, AT(0)), -ENODEV);
        memset(fake.memory, 'l', 40); /* a name without an end */
        cr_assert_eq(made("ioctl", 3, SIOCGIFHWADDR, AT(0)), -ENODEV);
        ask_for("l");
        cr_assert_eq(made("ioctl", 3, SIOCGIFHWADDR, AT(0)), -ENODEV);
}

Test(emulate_interfaces, other_requests_are_the_kernels) {
        cr_assert_eq(made("ioctl", 3, SIOCGIFADDR, AT(0)), FIXTURE_CONTINUE);
        cr_assert_eq(made("ioctl", 3, 0x5412, AT(0)), FIXTURE_CONTINUE);
        ask_for("lo");
        cr_assert_eq(made("ioctl", 3, (uint64_t)1 << 32 | SIOCGIFHWADDR, AT(0)), 0,
                     "a request is 32 bits wide");
}

Test(emulate_interfaces, errors_in_the_kernels_order) {
        ask_for("lo");
        cr_assert_eq(made("ioctl", 3, SIOCGIFHWADDR, NOWHERE), -EFAULT);
        cr_assert_eq(made("ioctl", 3, SIOCGIFHWADDR, AT(sizeof(fake.memory) - 39)), -EFAULT);
        cr_assert_eq(made("ioctl", (uint64_t)-1, SIOCGIFHWADDR, NOWHERE), -EBADF);
        close(fake.task_fd);
        fake.task_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        cr_assert_eq(made("ioctl", 3, SIOCGIFHWADDR, AT(0)), -ENOTTY);
        cr_assert_eq(made("ioctl", 3, SIOCGIFHWADDR, NOWHERE), -ENOTTY);
}

Test(emulate_interfaces_options, what_is_wrong_is_said) {
        static const char *const wrong[] = { "\"02:00\"",
                                             "\"02:00:00:00:00:001x\"",
                                             "\"02:00:00:00:00:00:00\"",
                                             "\"100:00:00:00:00:00\"",
                                             "\"-1:00:00:00:00:00\"",
                                             "7" };
        char rule[200];

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                snprintf(rule, sizeof(rule), "do: { emulate: { interfaces: { addresses: { eth0: %s } } } }",
                         wrong[i]);
                cr_expect(strstr(fixture_refusal(rule), "addresses.eth0: expected an address"), "%s",
                          wrong[i]);
        }
        cr_assert(strstr(fixture_refusal("do: { emulate: { interfaces: { addresses: { a234567890123456: "
                                         "\"02:00:00:00:00:07\" } } } }"),
                         "1 to 15 letters"));
}
