/* SPDX-License-Identifier: Apache-2.0 */

#include <sys/sysinfo.h>

#include "tests/unit/emulate_fixture.h"

struct sysinfo32 {
        int32_t uptime;
        uint32_t loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
        uint16_t procs, pad;
        uint32_t totalhigh, freehigh, mem_unit;
        char rest[8];
};

static const struct sysinfo *shown(void) {
        return (const struct sysinfo *)(fake.memory + 128);
}

static const struct sysinfo32 *shown32(void) {
        return (const struct sysinfo32 *)(fake.memory + 128);
}

Test(emulate_sysinfo, given_amounts_and_what_follows_from_them, .fini = fixture_end) {
        fixture_begin("do: { emulate: { sysinfo: { memory: 64M, swap: 0, uptime: 30d, processes: 7 } } }");
        memset(fake.memory, 'x', sizeof(fake.memory));
        cr_assert_eq(made("sysinfo", AT(128)), 0);
        cr_assert_eq(shown()->totalram * shown()->mem_unit, 64u << 20);
        cr_assert_leq(shown()->freeram, shown()->totalram);
        cr_assert_leq(shown()->freeram + shown()->sharedram, shown()->totalram);
        cr_assert_leq(shown()->freeram + shown()->bufferram, shown()->totalram);
        cr_assert_eq(shown()->totalswap, 0);
        cr_assert_eq(shown()->freeswap, 0);
        cr_assert(shown()->uptime >= 30 * 86400 && shown()->uptime < 30 * 86400 + 600, "%ld",
                  shown()->uptime);
        cr_assert_eq(shown()->procs, 7);
        cr_assert_eq(fake.memory[127], 'x');
        cr_assert_eq(fake.memory[128 + 112], 'x');
}

Test(emulate_sysinfo, nothing_given_is_the_kernels_own, .fini = fixture_end) {
        struct sysinfo real, later;

        fixture_begin("do: { emulate: sysinfo }");
        /* Memory and swap come and go on virtual machines. */
        do {
                sysinfo(&real);
                cr_assert_eq(made("sysinfo", AT(128)), 0);
                sysinfo(&later);
        } while (real.totalram != later.totalram || real.totalswap != later.totalswap);
        cr_assert_eq(shown()->totalram, real.totalram);
        cr_assert_eq(shown()->totalswap, real.totalswap);
        cr_assert_eq(shown()->mem_unit, real.mem_unit);
        cr_assert(shown()->uptime >= real.uptime && shown()->uptime <= later.uptime);
}

Test(emulate_sysinfo, small_amounts_of_32_bit_programs_are_bytes, .fini = fixture_end) {
        fixture_begin("do: { emulate: { sysinfo: { memory: 1G, free: 512M, swap: 16M, swap-free: 8M } } }");
        memset(fake.memory, 'x', sizeof(fake.memory));
        cr_assert_eq(made32("sysinfo", AT(128)), 0);
        cr_assert_eq(shown32()->mem_unit, 1);
        cr_assert_eq(shown32()->totalram, 1u << 30);
        cr_assert_eq(shown32()->freeram, 512u << 20);
        cr_assert_eq(shown32()->totalswap, 16u << 20);
        cr_assert_eq(shown32()->freeswap, 8u << 20);
        cr_assert_eq(fake.memory[128 + 64], 'x');
}

Test(emulate_sysinfo, large_amounts_of_32_bit_programs_are_pages, .fini = fixture_end) {
        fixture_begin("do: { emulate: { sysinfo: { memory: 64G, free: 32G } } }");
        cr_assert_eq(made32("sysinfo", AT(128)), 0);
        cr_assert_eq(shown32()->mem_unit, 4096);
        cr_assert_eq(shown32()->totalram, (64ull << 30) / 4096);
        cr_assert_eq(shown32()->freeram, (32ull << 30) / 4096);
}

Test(emulate_sysinfo, hostile_pointers, .fini = fixture_end) {
        fixture_begin("do: { emulate: sysinfo }");
        cr_assert_eq(made("sysinfo", 0), -EFAULT);
        cr_assert_eq(made("sysinfo", AT(sizeof(fake.memory) - 111)), -EFAULT);
        cr_assert_eq(made32("sysinfo", AT(sizeof(fake.memory) - 63)), -EFAULT);
        cr_assert_eq(made32("sysinfo", AT(sizeof(fake.memory) - 64)), 0);
        /* The upper half of a register means nothing to a 32-bit call. */
        cr_assert_eq(made32("sysinfo", AT(128) | 0xdead00000000), 0);
}

Test(emulate_sysinfo, options_out_of_range) {
        cr_assert(strstr(fixture_refusal("do: { emulate: { sysinfo: { processes: 70000 } } }"),
                         "processes is 70000"));
        cr_assert(strstr(fixture_refusal("do: { emulate: { sysinfo: { uptime: -1h } } }"), "negative"));
}
