/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/target.h"
#include "tests/fakes/fake_kernel.h"

static struct fake_kernel fake;
static struct target target;

static void setup(void) {
        fake_kernel_init(&fake);
        target = (struct target){ .kernel = &fake.kernel, .tid = 815 };
}

static void teardown(void) {
        fake_kernel_deinit(&fake);
}

TestSuite(target, .init = setup, .fini = teardown);

Test(target, names_lose_their_newline_and_nothing_else) {
        static const struct {
                const char *file, *comm;
        } rows[] = {
                { "nginx\n", "nginx" },
                { "a b\tc\n", "a b\tc" },
                { "\n", "" },
                { "", "" },
                { "fifteen-letters\n", "fifteen-letters" },
                { "with\nnewline\n", "with\nnewline" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char comm[EVENT_COMM_MAX];

                fake.comm = rows[i].file;
                cr_assert_eq(target_comm(&target, comm), 0);
                cr_assert_str_eq(comm, rows[i].comm, "row %zu", i);
        }
}

Test(target, a_name_cannot_pretend_to_be_a_status_line) {
        uint32_t pid, uid;

        fake.status = "Name:\tx\\nTgid:\t1\nUmask:\t0022\nTgid:\t812\nUid:\t1000\t0\t0\t0\n";
        cr_assert_eq(target_identify(&target, &pid, &uid), 0);
        cr_assert_eq(pid, 812);
        cr_assert_eq(uid, 1000);
}

Test(target, a_task_that_is_gone) {
        struct event event = { .ip = 0x400010, .exe = "stale", .object = "stale" };
        char comm[EVENT_COMM_MAX];
        uint32_t pid, uid;

        fake.comm = fake.status = fake.maps = fake.exe = NULL;
        cr_assert_eq(target_comm(&target, comm), -ENOENT);
        cr_assert_eq(target_identify(&target, &pid, &uid), -ENOENT);
        cr_assert_eq(pid, 815);
        cr_assert_eq(uid, UINT32_MAX);
        target_program(&target, &event);
        target_locate(&target, &event);
        cr_assert_str_eq(event.exe, "");
        cr_assert_str_eq(event.object, "");
}

Test(target, the_mapping_of_an_address) {
        static char maps[40000];
        struct event event = { 0 };
        size_t n = 0;

        /* Enough lines that the one wanted straddles a piece. */
        for (unsigned i = 0; i < 400; i++)
                n += (size_t)snprintf(maps + n, sizeof(maps) - n,
                                      "%x000-%x000 r-xp 00002000 fe:00 4%u       /usr/lib/lib %u.so\n",
                                      0x1000 + i, 0x1001 + i, i, i);
        fake.maps = maps;
        for (unsigned i = 0; i < 400; i += 7) {
                char expected[64];

                event.ip = ((uint64_t)(0x1000 + i) << 12) + 0x123;
                target_locate(&target, &event);
                snprintf(expected, sizeof(expected), "/usr/lib/lib %u.so", i);
                cr_assert_str_eq(event.object, expected);
                cr_assert_eq(event.object_offset, 0x2123);
        }
        event.ip = 0x10;
        target_locate(&target, &event);
        cr_assert_str_eq(event.object, "", "an address that no file covers");
}

Test(target, a_line_longer_than_any_buffer_is_given_up) {
        static char maps[30000];
        struct event event = { .ip = 0x400010 };

        memset(maps, 'x', sizeof(maps) - 1);
        fake.maps = maps;
        target_locate(&target, &event);
        cr_assert_str_eq(event.object, "");
}

Test(target, a_source_reads_memory_and_descriptors) {
        struct decode_source source = target_source(&target);
        char text[16];

        strcpy(fake.memory, "hello");
        cr_assert_eq(source.read(source.data, FAKE_MEMORY_BASE, text, 6), 6);
        cr_assert_str_eq(text, "hello");
        cr_assert_eq(source.read(source.data, 1, text, 6), -EFAULT);
        cr_assert_eq(source.fd_path(source.data, AT_FDCWD, text, sizeof(text)), 0);
        cr_assert_str_eq(text, "/srv");
        cr_assert_eq(source.fd_path(source.data, 7, text, sizeof(text)), -ENOENT);
}
