/* SPDX-License-Identifier: Apache-2.0 */

#include <sys/resource.h>

#include "tests/unit/emulate_fixture.h"

static uint64_t *memory64(size_t offset) {
        return (uint64_t *)(fake.memory + offset);
}

static uint32_t *memory32(size_t offset) {
        return (uint32_t *)(fake.memory + offset);
}

#define FOREVER 99999999999u /* ticks after boot, later than now: a task that begins only then */

static void begin(void) {
        fixture_begin(
                "do: { emulate: { limits: { limits: { nofile: [1000, 100000], as: 5G, core: unlimited, "
                "memlock: [64K, unlimited] } } } }");
        fixture_process(TASK, TASK, 1, 5, 100);
}

TestSuite(emulate_limits, .init = begin, .fini = fixture_end);

static void expect(uint64_t soft, uint64_t hard) {
        cr_assert_eq(memory64(0)[0], soft, "soft is %llu", (unsigned long long)memory64(0)[0]);
        cr_assert_eq(memory64(0)[1], hard, "hard is %llu", (unsigned long long)memory64(0)[1]);
}

Test(emulate_limits, shown_as_written) {
        cr_assert_eq(made("getrlimit", RLIMIT_NOFILE, AT(0)), 0);
        expect(1000, 100000);
        cr_assert_eq(made("prlimit64", 0, RLIMIT_AS, 0, AT(0)), 0);
        expect(5ull << 30, 5ull << 30);
        cr_assert_eq(made("prlimit64", TASK, RLIMIT_CORE, 0, AT(0)), 0);
        expect(UINT64_MAX, UINT64_MAX);
        cr_assert_eq(made("prlimit64", 0, RLIMIT_MEMLOCK, 0, 0), 0, "asking for nothing is fine");
}

Test(emulate_limits, what_is_not_named_is_the_kernels) {
        cr_assert_eq(made("getrlimit", RLIMIT_STACK, AT(0)), FIXTURE_CONTINUE);
        cr_assert_eq(made("setrlimit", RLIMIT_STACK, NOWHERE), FIXTURE_CONTINUE);
        cr_assert_eq(made("prlimit64", 0, 99, 0, AT(0)), FIXTURE_CONTINUE, "EINVAL is the kernel's to say");
        cr_assert_eq(made("getrlimit", (uint64_t)1 << 32 | RLIMIT_STACK, AT(0)), FIXTURE_CONTINUE);
        cr_assert_eq(made("getrlimit", (uint64_t)1 << 32 | RLIMIT_NOFILE, AT(0)), 0);
}

Test(emulate_limits, layouts_of_32_bit_programs) {
        cr_assert_eq(made32("ugetrlimit", RLIMIT_AS, AT(0)), 0);
        cr_assert_eq(memory32(0)[0], UINT32_MAX, "5G is as good as infinity");
        cr_assert_eq(made32("getrlimit", RLIMIT_AS, AT(0)), 0);
        cr_assert_eq(memory32(0)[0], 0x7fffffff, "the old call knows no more");
        cr_assert_eq(memory32(0)[2], 0);
        cr_assert_eq(made32("prlimit64", 0, RLIMIT_AS, 0, AT(0)), 0);
        expect(5ull << 30, 5ull << 30);
        memory32(0)[0] = 512;
        memory32(0)[1] = UINT32_MAX;
        cr_assert_eq(made32("setrlimit", RLIMIT_NOFILE, AT(0)), 0);
        cr_assert_eq(made("getrlimit", RLIMIT_NOFILE, AT(0)), 0);
        expect(512, UINT64_MAX);
}

Test(emulate_limits, raising_is_remembered) {
        memory64(0)[0] = memory64(0)[1] = 1u << 20;
        cr_assert_eq(made("setrlimit", RLIMIT_NOFILE, AT(0)), 0);
        memory64(16)[0] = 4;
        memory64(16)[1] = 8;
        memory64(0)[0] = 0;
        cr_assert_eq(made("prlimit64", 0, RLIMIT_NOFILE, AT(16), AT(0)), 0);
        expect(1u << 20, 1u << 20);
        cr_assert_eq(made("getrlimit", RLIMIT_NOFILE, AT(0)), 0);
        expect(4, 8);
}

Test(emulate_limits, soft_above_hard_and_bad_pointers) {
        memory64(0)[0] = 9;
        memory64(0)[1] = 8;
        cr_assert_eq(made("setrlimit", RLIMIT_NOFILE, AT(0)), -EINVAL);
        cr_assert_eq(made("prlimit64", 0, RLIMIT_NOFILE, AT(0), 0), -EINVAL);
        cr_assert_eq(made("getrlimit", RLIMIT_NOFILE, NOWHERE), -EFAULT);
        cr_assert_eq(made("setrlimit", RLIMIT_NOFILE, AT(sizeof(fake.memory) - 15)), -EFAULT);
        cr_assert_eq(made32("setrlimit", RLIMIT_NOFILE, AT(sizeof(fake.memory) - 8)), 0);
        cr_assert_eq(made("prlimit64", 0, RLIMIT_NOFILE, NOWHERE, 0), -EFAULT);
        cr_assert_eq(made("prlimit64", 4711, RLIMIT_NOFILE, NOWHERE, 0), -EFAULT,
                     "before the process is looked for");
        cr_assert_eq(made("prlimit64", (uint64_t)-5, RLIMIT_NOFILE, 0, AT(0)), -ESRCH);
        cr_assert_eq(made("getrlimit", RLIMIT_NOFILE, AT(0)), 0);
        expect(0, 0); /* set by the 32-bit call above, from memory that is all zeros */
}

/* Children have what their parent had when they began. */
Test(emulate_limits, children_inherit_and_go_their_own_ways) {
        fixture_process(801, 801, TASK, 5, FOREVER);
        fixture_process(802, 802, TASK, 5, 100);
        fixture_process(803, 803, 801, 5, FOREVER + 1);
        memory64(32)[0] = 77;
        memory64(32)[1] = 78;
        cr_assert_eq(made("setrlimit", RLIMIT_NOFILE, AT(32)), 0);
        cr_assert_eq(fixture_call_of(803, AUDIT_ARCH_X86_64, "getrlimit",
                                     (uint64_t[6]){ RLIMIT_NOFILE, AT(0) }, FAKE_LIVES),
                     0);
        expect(77, 78);
        cr_assert_eq(fixture_call_of(802, AUDIT_ARCH_X86_64, "getrlimit",
                                     (uint64_t[6]){ RLIMIT_NOFILE, AT(0) }, FAKE_LIVES),
                     0);
        expect(1000, 100000); /* began before its parent changed its mind */
        memory64(32)[0] = 5;
        cr_assert_eq(fixture_call_of(803, AUDIT_ARCH_X86_64, "setrlimit",
                                     (uint64_t[6]){ RLIMIT_NOFILE, AT(32) }, FAKE_LIVES),
                     0);
        cr_assert_eq(made("getrlimit", RLIMIT_NOFILE, AT(0)), 0);
        expect(77, 78); /* nothing goes up */
}

Test(emulate_limits, strangers_are_out_of_reach) {
        fixture_process(900, 900, 1, 6, 50);
        cr_assert_eq(made("prlimit64", 900, RLIMIT_NOFILE, 0, AT(0)), -EPERM);
        cr_assert_eq(made("prlimit64", 901, RLIMIT_NOFILE, 0, AT(0)), -ESRCH);
}

Test(emulate_limits_options, what_is_wrong_is_said) {
        cr_assert(strstr(fixture_refusal("do: { emulate: { limits: { limits: { files: 3 } } } }"),
                         "limits.files is no resource"));
        cr_assert(strstr(fixture_refusal("do: { emulate: { limits: { limits: { nofile: [5, 3] } } } }"),
                         "limits.nofile: expected"));
        cr_assert(strstr(fixture_refusal("do: { emulate: { limits: { limits: { nofile: lots } } } }"),
                         "limits.nofile: expected"));
        cr_assert(strstr(fixture_refusal("do: { emulate: { limits: { limits: { nofile: [] } } } }"),
                         "limits.nofile: expected"));
}
