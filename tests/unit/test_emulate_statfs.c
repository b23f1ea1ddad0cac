/* SPDX-License-Identifier: Apache-2.0 */

#include <linux/magic.h>
#include <sys/vfs.h>

#include "tests/unit/emulate_fixture.h"

struct statfs32 {
        uint32_t type, bsize, blocks, bfree, bavail, files, ffree;
        int32_t fsid[2];
        uint32_t namelen, frsize, flags, spare[4];
};
struct statfs32_64 {
        uint32_t type, bsize;
        uint64_t blocks, bfree, bavail, files, ffree;
        int32_t fsid[2];
        uint32_t namelen, frsize, flags, spare[4];
} __attribute__((packed, aligned(4)));

static struct statfs real;

/* Of some file systems all numbers change while others write: of a tmpfs nothing but what is free. */
static void begin_with(const char *rule) {
        fixture_begin(rule);
        fake.task_fd = open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fake.task_fd < 0)
                fake.task_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cr_assert_eq(fstatfs(fake.task_fd, &real), 0);
}

static void end(void) {
        close(fake.task_fd);
        fixture_end();
}

static const struct statfs *shown(void) {
        return (const struct statfs *)fake.memory;
}

Test(emulate_statfs, given_numbers_only, .fini = end) {
        begin_with("do: { emulate: { statfs: { size: 1T, type: xfs } } }");
        memset(fake.memory, 'x', sizeof(fake.memory));
        cr_assert_eq(made("fstatfs", 3, AT(0)), 0);
        cr_assert_eq(shown()->f_blocks * (uint64_t)shown()->f_frsize, 1ull << 40);
        cr_assert_eq(shown()->f_type, XFS_SUPER_MAGIC);
        cr_assert_eq(shown()->f_files, real.f_files);
        cr_assert_eq(shown()->f_bsize, real.f_bsize);
        cr_assert_eq(memcmp(&shown()->f_fsid, &real.f_fsid, sizeof(real.f_fsid)), 0);
        cr_assert_eq(shown()->f_flags, real.f_flags);
        cr_assert_eq(fake.memory[sizeof(real)], 'x');
}

Test(emulate_statfs, free_is_never_more_than_there_is, .fini = end) {
        begin_with("do: { emulate: { statfs: { size: 8K, files: 2 } } }");
        cr_assert_eq(made("fstatfs", 3, AT(0)), 0);
        cr_assert_leq(shown()->f_bfree, shown()->f_blocks);
        cr_assert_leq(shown()->f_bavail, shown()->f_bfree);
        cr_assert_leq(shown()->f_ffree, 2);
}

Test(emulate_statfs, what_does_not_fit_into_32_bits, .fini = end) {
        const struct statfs32 *old = (const struct statfs32 *)fake.memory;
        const struct statfs32_64 *wide = (const struct statfs32_64 *)fake.memory;

        begin_with("do: { emulate: { statfs: { size: 32P, free: 16P, files: 5 } } }");
        memset(fake.memory, 'x', sizeof(fake.memory));
        cr_assert_eq(made32("fstatfs", 3, AT(0)), -EOVERFLOW);
        cr_assert_eq(fake.memory[0], 'x', "nothing is written then");
        cr_assert_eq(made32("fstatfs64", 3, 84, AT(0)), 0);
        cr_assert_eq(wide->blocks * wide->frsize, 32ull << 50);
        cr_assert_eq(wide->files, 5);
        cr_assert_eq(wide->namelen, real.f_namelen);
        cr_assert_eq(fake.memory[84], 'x');
        cr_assert_eq(made32("fstatfs64", 3, 88, AT(0)), -EINVAL);
        cr_assert_eq(made32("fstatfs64", 3, 84, NOWHERE), -EFAULT);
        fixture_end();
        close(fake.task_fd);
        begin_with("do: { emulate: { statfs: { size: 32G, free: 1M } } }");
        memset(fake.memory, 'x', sizeof(fake.memory));
        cr_assert_eq(made32("fstatfs", 3, AT(0)), 0);
        cr_assert_eq((uint64_t)old->blocks * old->frsize, 32ull << 30);
        cr_assert_eq(fake.memory[64], 'x');
}

Test(emulate_statfs, bad_descriptors_and_pointers, .fini = end) {
        begin_with("do: { emulate: { statfs: { size: 1G } } }");
        cr_assert_eq(made("fstatfs", 3, AT(sizeof(fake.memory) - 119)), -EFAULT);
        cr_assert_eq(made("fstatfs", (uint64_t)-1, AT(0)), -EBADF);
        close(fake.task_fd);
        fake.task_fd = -1;
        cr_assert_eq(made("fstatfs", 3, AT(0)), -EBADF);
}

Test(emulate_statfs, waits_on_a_worker_only, .fini = end) {
        begin_with("do: { emulate: { statfs: { size: 1G } } }");
        made("fstatfs", 3, AT(0));
        call.answer.kind = ANSWER_NONE;
        call.may_wait = false;
        cr_assert_eq(policing_run(session->policing, &call, SECCOMP_RET_ALLOW), CALL_E_SLOW);
}

Test(emulate_statfs_options, types) {
        cr_assert(strstr(fixture_refusal("do: { emulate: { statfs: { type: nonsense } } }"),
                         "type: expected"));
        cr_assert_null(fixture_refusal("do: { emulate: { statfs: { type: \"0x2fc12fc1\" } } }"));
        cr_assert(strstr(fixture_refusal("do: { emulate: { statfs: { files: -1 } } }"), "negative"));
}
