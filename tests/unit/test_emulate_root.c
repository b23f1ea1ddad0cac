/* SPDX-License-Identifier: Apache-2.0 */

/* Who processes believe to be, over the scripted kernel: widths, forks, program images, and what is said
 * when something is not to be had. */

#include <elf.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <sys/resource.h>

#include "supervisor/emulate/root.h"
#include "tests/unit/emulate_fixture.h"

#define CHILD   (TASK + 1)
#define RULE    "{ do: { emulate: root } }"
#define I386    AUDIT_ARCH_I386
#define X86_64  AUDIT_ARCH_X86_64
#define MINUS_1 0xffffffffu

/* An auxiliary vector whose random bytes lie at offset 1000. */
static void begin_image(char random) {
        static uint64_t auxv[] = { AT_PAGESZ, 4096, AT_RANDOM, AT(1000), AT_NULL, 0 };

        memset(fake.memory + 1000, random, 16);
        fake.auxv = auxv;
        fake.n_auxv = sizeof(auxv);
}

static void start(void) {
        fixture_begin(RULE);
        begin_image('-');
}

TestSuite(emulate_root, .init = start, .fini = fixture_end);

static int64_t made_by(uint32_t tid, const char *name, uint64_t a, uint64_t b, uint64_t c) {
        cr_assert_eq(fixture_call_of(tid, X86_64, name, (uint64_t[6]){ a, b, c }, FAKE_LIVES), 0);
        return fixture_answer();
}

/* What fork does for us. */
static void fork_child(void) {
        fake.limits[CHILD % FAKE_TASKS] = fake.limits[TASK % FAKE_TASKS];
}

static void read_back(size_t offset, void *ret, size_t n) {
        memcpy(ret, fake.memory + offset, n);
}

Test(emulate_root, ids_of_every_width) {
        uint16_t narrow[3];
        uint32_t wide[3];

        cr_assert_eq(made("getuid", 0), 0);
        cr_assert_eq(made("setresuid", 70000, MINUS_1, 5), 0);
        cr_assert_eq(made("getuid", 0), 70000);
        cr_assert_eq(made("geteuid", 0), 0);
        cr_assert_eq(made32("getuid", 0), 65534);
        cr_assert_eq(made32("getuid32", 0), 70000);
        cr_assert_eq(made("getresuid", AT(0), AT(4), AT(8)), 0);
        read_back(0, wide, sizeof(wide));
        cr_assert(wide[0] == 70000 && wide[1] == 0 && wide[2] == 5);
        cr_assert_eq(made32("getresuid", AT(0), AT(2), AT(4)), 0);
        read_back(0, narrow, sizeof(narrow));
        cr_assert(narrow[0] == 65534 && narrow[1] == 0 && narrow[2] == 5);
        cr_assert_eq(made("getresuid", AT(0), NOWHERE, AT(8)), -EFAULT);
        /* 16 bits of ones mean: as it is. */
        cr_assert_eq(made32("setreuid", 0xffff, 0x10021), 0);
        cr_assert_eq(made("getuid", 0), 70000);
        cr_assert_eq(made("geteuid", 0), 33);
        cr_assert_eq(made("setuid", MINUS_1), -EINVAL);
}

Test(emulate_root, groups_of_every_width) {
        static const uint16_t narrow[] = { 9, 8 };
        static const uint32_t wide[] = { 100000, 7 };
        uint32_t got[2];

        cr_assert_eq(made("getgroups", 0, 0), 1);
        memcpy(fake.memory, wide, sizeof(wide));
        cr_assert_eq(made("setgroups", 2, AT(0)), 0);
        cr_assert_eq(made("getgroups", 1, AT(16)), -EINVAL);
        cr_assert_eq(made("getgroups", 2, AT(16)), 2);
        read_back(16, got, sizeof(got));
        cr_assert(got[0] == 7 && got[1] == 100000);
        cr_assert_eq(made("getgroups", 2, NOWHERE), -EFAULT);
        cr_assert_eq(made("getgroups", MINUS_1, AT(16)), -EINVAL);
        memcpy(fake.memory, narrow, sizeof(narrow));
        cr_assert_eq(made32("setgroups", 2, AT(0)), 0);
        cr_assert_eq(made32("getgroups32", 2, AT(16)), 2);
        read_back(16, got, sizeof(got));
        cr_assert(got[0] == 8 && got[1] == 9);
        cr_assert_eq(made("setgroups", 65537, AT(0)), -EINVAL);
        cr_assert_eq(made("setgroups", 2, NOWHERE), -EFAULT);
        cr_assert_eq(made("setgroups", 0, 0), 0);
        cr_assert_eq(made("getgroups", 0, 0), 0);
        cr_assert_eq(made("setuid", 5), 0);
        cr_assert_eq(made("setgroups", 2, NOWHERE), -EPERM, "before anything is read");
}

Test(emulate_root, a_child_has_what_its_parent_had_then) {
        cr_assert_eq(made("setresuid", 1, 2, 0), 0);
        fork_child();
        cr_assert_eq(made("setresuid", MINUS_1, 0, MINUS_1), 0);
        cr_assert_eq(made_by(CHILD, "getuid", 0, 0, 0), 1);
        cr_assert_eq(made_by(CHILD, "geteuid", 0, 0, 0), 2);
        cr_assert_eq(made("geteuid", 0), 0);
        /* A process that took the number later inherits nothing. */
        fake.limits[CHILD % FAKE_TASKS].soft = RLIM64_INFINITY;
        cr_assert_eq(made_by(CHILD, "getuid", 0, 0, 0), 0);
}

Test(emulate_root, execve_is_known_by_its_image) {
        begin_image('a');
        cr_assert_eq(made("setresuid", 0, 33, 44), 0);
        cr_assert_eq(made("getresuid", AT(0), AT(4), AT(8)), 0);
        cr_assert_eq(*(uint32_t *)(void *)(fake.memory + 8), 44);
        begin_image('b');
        cr_assert_eq(made("getresuid", AT(0), AT(4), AT(8)), 0);
        cr_assert_eq(*(uint32_t *)(void *)(fake.memory + 8), 33, "the saved one is the effective one");
        cr_assert_eq(made("getuid", 0), 0);
}

Test(emulate_root, an_image_in_32_bits) {
        static uint32_t auxv[] = { AT_PAGESZ, 4096, AT_RANDOM, AT(1000), AT_NULL, 0 };

        begin_image('a');
        fake.auxv = auxv;
        fake.n_auxv = sizeof(auxv);
        cr_assert_eq(made32("setresuid32", 0, 33, 44), 0);
        memset(fake.memory + 1000, 'b', 16);
        cr_assert_eq(made32("getresuid32", AT(0), AT(4), AT(8)), 0);
        cr_assert_eq(*(uint32_t *)(void *)(fake.memory + 8), 33);
}

Test(emulate_root, what_cannot_be_known_is_no_execve) {
        fake.n_auxv = 0;
        cr_assert_eq(made("setresuid", 0, 33, 44), 0);
        cr_assert_eq(made("getresuid", AT(0), AT(4), AT(8)), 0);
        cr_assert_eq(*(uint32_t *)(void *)(fake.memory + 8), 44);
}

Test(emulate_root, capabilities_by_version) {
        struct __user_cap_header_struct header = { .version = 5 };
        struct __user_cap_data_struct data[2];

        memcpy(fake.memory, &header, sizeof(header));
        cr_assert_eq(made("capget", AT(0), 0), 0, "asks for the version");
        read_back(0, &header, sizeof(header));
        cr_assert_eq(header.version, _LINUX_CAPABILITY_VERSION_3);
        cr_assert_eq(made("capget", AT(0), AT(64)), 0);
        read_back(64, data, sizeof(data));
        cr_assert_eq(data[0].effective, UINT32_MAX);
        cr_assert_neq(data[1].effective, 0);
        data[0].effective = data[0].permitted = 1;
        data[1].effective = data[1].permitted = 0;
        memcpy(fake.memory + 64, data, sizeof(data));
        cr_assert_eq(made("capset", AT(0), AT(64)), 0);
        data[0].permitted = 3;
        memcpy(fake.memory + 64, data, sizeof(data));
        cr_assert_eq(made("capset", AT(0), AT(64)), -EPERM);
        cr_assert_eq(made("setuid", 5), -EPERM, "the capability to do so is gone");
        header.version = _LINUX_CAPABILITY_VERSION_1;
        memcpy(fake.memory, &header, sizeof(header));
        memset(fake.memory + 64, 7, sizeof(data));
        cr_assert_eq(made("capget", AT(0), AT(64)), 0);
        read_back(64, data, sizeof(data));
        cr_assert_eq(data[0].effective, 1);
        cr_assert_eq(data[1].effective, 0x07070707, "one word in version 1");
        cr_assert_eq(made("capget", NOWHERE, AT(64)), -EFAULT);
}

Test(emulate_root, prctl_where_it_is_about_us) {
        cr_assert_eq(made("prctl", PR_SET_KEEPCAPS, 1), 0);
        cr_assert_eq(made("prctl", PR_GET_KEEPCAPS), 1);
        cr_assert_eq(made("prctl", PR_CAPBSET_READ, 1), 1);
        cr_assert_eq(made("prctl", PR_SET_NAME, AT(0)), FIXTURE_CONTINUE);
}

Test(emulate_root, the_limit_that_carries_it_is_not_seen) {
        uint32_t narrow[2];
        uint64_t wide[2];

        cr_assert_eq(made("setuid", 5), 0);
        cr_assert_lt(fake.limits[TASK % FAKE_TASKS].soft, RLIM64_INFINITY);
        cr_assert_eq(made("prlimit64", 0, RLIMIT_LOCKS, 0, AT(0)), 0);
        read_back(0, wide, sizeof(wide));
        cr_assert_eq(wide[0], RLIM64_INFINITY);
        cr_assert_eq(made32("getrlimit", RLIMIT_LOCKS, AT(0)), 0);
        read_back(0, narrow, sizeof(narrow));
        cr_assert_eq(narrow[0], INT32_MAX);
        cr_assert_eq(made32("ugetrlimit", RLIMIT_LOCKS, AT(0)), 0);
        read_back(0, narrow, sizeof(narrow));
        cr_assert_eq(narrow[0], UINT32_MAX);
        wide[0] = 3;
        memcpy(fake.memory, wide, sizeof(wide));
        cr_assert_eq(made("setrlimit", RLIMIT_LOCKS, AT(0)), 0);
        cr_assert_eq(made("getuid", 0), 5, "nor can it be overwritten");
        wide[1] = 2;
        memcpy(fake.memory, wide, sizeof(wide));
        cr_assert_eq(made("setrlimit", RLIMIT_LOCKS, AT(0)), -EINVAL);
        cr_assert_eq(made("getrlimit", RLIMIT_LOCKS, NOWHERE), -EFAULT);
}

Test(emulate_root, a_task_that_is_gone) {
        fake.limit_error = -ESRCH;
        cr_assert_eq(fixture_call_of(TASK, X86_64, "getuid", (uint64_t[6]){ 0 }, FAKE_LIVES), CALL_E_GONE);
        fake.limit_error = 0;
        cr_assert_eq(fixture_call_of(TASK, X86_64, "setuid", (uint64_t[6]){ 5 }, FAKE_GONE_AT_CONFIRM),
                     CALL_E_GONE);
        cr_assert_eq(fake.limits[TASK % FAKE_TASKS].soft, RLIM64_INFINITY,
                     "nothing is set for whoever has the number now");
        fake.limit_error = -EPERM;
        cr_assert_eq(fixture_call_of(TASK, X86_64, "getuid", (uint64_t[6]){ 0 }, FAKE_LIVES), -EPERM,
                     "trouble of ours is not the task's errno");
}

Test(emulate_root, descriptors_that_are_none) {
        cr_assert_eq(made("fchown", 77, 1, 1), -EBADF);
        cr_assert_eq(made("fstat", 77, AT(0)), -EBADF);
        cr_assert_eq(made("fchmod", 77, 0600), -EBADF);
        strcpy(fake.memory, "trusted.a");
        cr_assert_eq(made("fgetxattr", 77, AT(0), 0, 0), -EBADF);
        cr_assert_eq(made("fsetxattr", 77, NOWHERE, AT(0), 1, 0), -EFAULT);
        cr_assert_eq(made("fsetxattr", 77, AT(0), AT(0), 1, 4), -EINVAL);
        memset(fake.memory, 'x', 300);
        cr_assert_eq(made("fgetxattr", 77, AT(0), 0, 0), -ERANGE);
        cr_assert_eq(made("getdents64", 77, AT(0), 100), FIXTURE_CONTINUE,
                     "nothing pretends to be a device");
}

Test(emulate_root, too_many_identities_are_the_tasks_own_trouble) {
        int64_t answer = 0;

        /* Each takes 60000 bytes of the 16 MiB that there are for groups. */
        memset(fake.memory, 0, 60000);
        for (uint32_t i = 0; i < 300 && answer == 0; i++) {
                memcpy(fake.memory, &i, sizeof(i));
                answer = made("setgroups", 15000, AT(0));
        }
        cr_assert_eq(answer, -EAGAIN);
        cr_assert_eq(made("setgroups", 1, AT(8)), 0, "small ones go on");
}

/* Whoever is told that a session is over may start the next one with its state at once. */
Test(emulate_root, state_is_kept_before_the_end_is_told) {
        char folder[] = "/tmp/callgate-emulate-root.XXXXXX", path[64], rule[128], error[512];
        struct root_files files = ROOT_FILES_INIT;
        struct root_state state;

        cr_assert_not_null(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/state", folder);
        snprintf(rule, sizeof(rule), "{ do: { emulate: { root: { state: \"%s\" } } } }", path);
        fixture_end();
        fixture_begin(rule);
        cr_assert_eq(root_state_open(&state, path, &files, error, sizeof(error)), -EBUSY);
        session_finish(session);
        cr_assert_str_eq(session->trouble, "");
        cr_assert_eq(root_state_open(&state, path, &files, error, sizeof(error)), 0, "%s", error);
        root_state_deinit(&state);

        fixture_end();
        fixture_begin(rule);
        cr_assert_eq(unlink(path), 0);
        cr_assert_eq(rmdir(folder), 0);
        session_finish(session);
        cr_assert_not_null(strstr(session->trouble, "cannot be kept: No such file or directory"), "%s",
                           session->trouble);
        cr_assert_eq(strncmp(session->trouble, path, strlen(path)), 0);
}
