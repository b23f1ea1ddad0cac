/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/emulate_fixture.h"

static void begin(void) {
        fixture_begin("do: { emulate: { processors: { count: 5 } } }");
        fixture_process(TASK, TASK, 1, 5, 100);
}

TestSuite(emulate_processors, .init = begin, .fini = fixture_end);

static long kernel_size(void) {
        unsigned char mask[1024];

        return syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask);
}

Test(emulate_processors, length_is_the_kernels) {
        memset(fake.memory, 'x', sizeof(fake.memory));
        cr_assert_eq(made("sched_getaffinity", 0, 128, AT(0)), kernel_size());
        cr_assert_eq(fake.memory[0], 0x1f);
        for (long i = 1; i < kernel_size(); i++)
                cr_assert_eq(fake.memory[i], 0);
        cr_assert_eq(fake.memory[kernel_size()], 'x');
        cr_assert_eq(made("sched_getaffinity", 0, 8, AT(0)), 8);
        cr_assert_eq(made("sched_getaffinity", TASK, 8, AT(0)), 8);
        cr_assert_eq(made("sched_getaffinity", 0, 0, AT(0)), -EINVAL);
        cr_assert_eq(made("sched_getaffinity", 0, 12, AT(0)), -EINVAL);
        cr_assert_eq(made32("sched_getaffinity", 0, 12, AT(0)), kernel_size() < 12 ? kernel_size() : 12);
        cr_assert_eq(made32("sched_getaffinity", 0, 4, AT(0)), 4);
        cr_assert_eq(made32("sched_getaffinity", 0, 6, AT(0)), -EINVAL);
        cr_assert_eq(made("sched_getaffinity", 0, 128, NOWHERE), -EFAULT);
        cr_assert_eq(made("sched_getaffinity", 4711, 128, AT(0)), -ESRCH);
        cr_assert_eq(made("sched_getaffinity", (uint64_t)-1, 128, AT(0)), -ESRCH);
}

Test(emulate_many_processors, more_than_the_machine_could_have, .fini = fixture_end) {
        fixture_begin("do: { emulate: { processors: { count: 3000 } } }");
        fixture_process(TASK, TASK, 1, 5, 100);
        cr_assert_eq(made("sched_getaffinity", 0, 128, AT(0)), -EINVAL, "the mask does not fit");
        cr_assert_eq(made("sched_getaffinity", 0, 1024, AT(0)), 376);
        cr_assert_eq((unsigned char)fake.memory[374], 0xff);
        cr_assert_eq(fake.memory[375], 0);
}

Test(emulate_processors, masks_are_remembered) {
        fake.memory[0] = 0x24; /* 2, and 5, which there is not */
        cr_assert_eq(made("sched_setaffinity", 0, 8, AT(0)), 0);
        cr_assert_eq(made("sched_getaffinity", 0, 8, AT(64)), 8);
        cr_assert_eq(fake.memory[64], 0x04);
        cr_assert_eq(made("getcpu", AT(128), AT(132), 0), 0);
        cr_assert_eq(fake.memory[128], 2);
        fake.memory[0] = 0x20;
        cr_assert_eq(made("sched_setaffinity", 0, 8, AT(0)), -EINVAL);
        cr_assert_eq(made("sched_setaffinity", 0, 0, AT(0)), -EINVAL);
        cr_assert_eq(made("sched_setaffinity", 0, 8, NOWHERE), -EFAULT);
        fake.memory[0] = 1;
        cr_assert_eq(made32("sched_setaffinity", 0, 1, AT(0)), 0, "a byte is mask enough");
        cr_assert_eq(made("sched_getaffinity", 0, 8, AT(64)), 8);
        cr_assert_eq(fake.memory[64], 1);
}

Test(emulate_processors, threads_and_children_inherit) {
        fixture_process(801, TASK, 1, 5, 99999999999);
        fixture_process(802, 802, TASK, 5, 99999999999);
        fake.memory[0] = 2;
        cr_assert_eq(made("sched_setaffinity", 0, 8, AT(0)), 0);
        for (uint64_t tid = 801; tid <= 802; tid++) {
                fake.memory[64] = 0;
                cr_assert_eq(made("sched_getaffinity", tid, 8, AT(64)), 8);
                cr_assert_eq(fake.memory[64], 2, "%d", (int)tid);
        }
}

Test(emulate_processors, getcpu_of_a_machine_with_fewer) {
        cr_assert_eq(made("getcpu", 0, 0, 0), 0);
        cr_assert_eq(made("getcpu", AT(0), NOWHERE, 0), -EFAULT);
        cr_assert_eq(made("getcpu", NOWHERE, 0, 0), -EFAULT);
        memset(fake.memory, 'x', 16);
        cr_assert_eq(made32("getcpu", AT(0), AT(8), 0), 0);
        cr_assert_lt(*(unsigned *)fake.memory, 5);
        cr_assert_eq(*(unsigned *)(fake.memory + 8), 0);
        cr_assert_eq(fake.memory[4], 'x');
}

Test(emulate_processors_options, out_of_range) {
        cr_assert(strstr(fixture_refusal("do: { emulate: { processors: { count: 0 } } }"), "count is 0"));
        cr_assert(strstr(fixture_refusal("do: { emulate: { processors: { count: 9000 } } }"),
                         "count is 9000"));
}
