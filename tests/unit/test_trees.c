/* SPDX-License-Identifier: Apache-2.0 */

/* Calls that change trees, carried out for a real task: a child of ours, whose memory begins as ours. What
 * the kernel would say is compared by tests/live/policy_trees.sh; here is what only we can do wrong. */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "supervisor/emulate/trees.h"
#include "syscalls/names.h"

static struct kernel kernel;
static char place[64];
static pid_t child;
static int n_confirms, gone_at; /* the id is invalid from this confirmation on; 0: never */
static int inotify_fd, null_fd;

/* The child has them where we have them. */
static char longest[300];
static char value[70000];
static struct timespec times[2] = { { 1000000001, 5 }, { 1000000002, 7 } };
static int32_t narrow_times[4] = { 1000000003, 999999, 1000000004, 1 };
static int64_t wide_times[4] = { 1000000005, INT64_C(0x700000009), 1000000006, 3 };

static int confirm(void *data, int listener, uint64_t id) {
        return gone_at && ++n_confirms >= gone_at ? -ENOENT : 0;
}

static void setup(void) {
        cr_assert_eq(kernel_linux(&kernel), 0);
        kernel.confirm = confirm;
        strcpy(place, "/tmp/test-trees.XXXXXX");
        cr_assert(mkdtemp(place));
        cr_assert_eq(chdir(place), 0);
        umask(022);
        mkdir("d", 0755);
        close(open("file", O_CREAT | O_WRONLY, 0644));
        cr_assert_eq(symlink("file", "link"), 0);
        memset(longest, 'n', sizeof(longest) - 1);
        memset(value, 'v', sizeof(value));
        inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        child = fork();
        cr_assert_geq(child, 0);
        if (child == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (;;)
                        pause();
        }
        gone_at = 0;
}

static void teardown(void) {
        char command[128];

        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        snprintf(command, sizeof(command), "rm -rf %s", place);
        cr_assert_eq(system(command), 0);
}

TestSuite(trees, .init = setup, .fini = teardown, .timeout = 300);

static const struct arch *arch_of(unsigned bits) {
        return bits == 32 ? arch_by_audit(AUDIT_ARCH_I386) : arch_native();
}

/* What the performer returns; the answer is in *ret. */
static int perform(const char *name, unsigned bits, const uint64_t args[6], struct answer *ret) {
        static const struct policy_rule rule;
        struct call call = {
                .kernel = &kernel,
                .listener_fd = -1,
                .tid = (uint32_t)child,
                .name = name,
                .arch = arch_of(bits),
                .may_wait = true,
                .view = VIEW_INIT,
                .paths = { RESOLVED_INIT, RESOLVED_INIT },
                .answer = { .fd = -1, .fd_at = -1 },
                .verdict = { .rule = &rule, .action = POLICY_ALLOW, .judged = true },
        };
        int r;

        memcpy(call.args, args, sizeof(call.args));
        n_confirms = 0;
        r = performer_of(name)->run(&call);
        if (ret)
                *ret = call.answer;
        call_deinit(&call);
        return r;
}

#define NO_FD      INT_MAX /* beyond every limit */
#define P(pointer) ((uint64_t)(uintptr_t)(pointer))
#define ARGS(...)  ((const uint64_t[6]){ __VA_ARGS__ })

static int64_t answer(const char *name, unsigned bits, const uint64_t args[6]) {
        struct answer result;

        cr_assert_eq(perform(name, bits, args, &result), 0, "%s", name);
        cr_assert_neq(result.kind, ANSWER_NONE, "%s", name);
        return result.kind == ANSWER_ERRNO ? -result.value : result.value;
}

Test(trees, names) {
        struct stat st;

        cr_assert_eq(answer("mkdir", 64, ARGS(P("d/new"), 0777)), 0);
        cr_assert_eq(stat("d/new", &st), 0);
        cr_assert_eq(st.st_mode & 07777, 0755, "the umask of the task");
        cr_assert_eq(answer("mkdir", 64, ARGS(P("d/new/"), 0777)), -EEXIST);
        cr_assert_eq(answer("mkdir", 64, ARGS(P(longest), 0777)), -ENAMETOOLONG);
        cr_assert_eq(answer("mkdir", 64, ARGS(8, 0777)), -EFAULT);
        cr_assert_eq(answer("symlink", 64, ARGS(P("d/new"), P("way"))), 0);
        cr_assert_eq(answer("rmdir", 64, ARGS(P("way/"))), -ENOTDIR);
        cr_assert_eq(answer("rename", 64, ARGS(P("file"), P("way/moved"))), 0);
        cr_assert_eq(access("d/new/moved", F_OK), 0);
        cr_assert_eq(answer("link", 64, ARGS(P("link"), P("again"))), 0);
        cr_assert_eq(lstat("again", &st), 0);
        cr_assert(S_ISLNK(st.st_mode), "link(2) does not follow");
        cr_assert_eq(answer("linkat", 64,
                            ARGS((uint64_t)AT_FDCWD, P("way/moved"), (uint64_t)AT_FDCWD, P("file"),
                                 AT_SYMLINK_FOLLOW)),
                     0);
        cr_assert_eq(answer("unlink", 64, ARGS(P("again"))), 0);
        cr_assert_eq(answer("unlinkat", 64, ARGS((uint64_t)AT_FDCWD, P("d"), 1)), -EINVAL);
        cr_assert_eq(answer("mknod", 64, ARGS(P("dev"), S_IFDIR | 0777, 0)), -EPERM);
        cr_assert_eq(
                answer("renameat2", 64, ARGS((uint64_t)AT_FDCWD, P("d"), (uint64_t)AT_FDCWD, P("file"), 3)),
                -EINVAL);
}

/* Nothing is done for a task that is gone, whenever that shows. */
Test(trees, a_task_that_is_gone_changes_nothing) {
        static const char *const calls[] = { "mkdir", "unlink", "chmod", "truncate", "symlink" };

        for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
                bool with_text = strcmp(calls[i], "symlink") == 0, makes = with_text || i == 0;
                uint64_t args[6] = { P(with_text ? "x"
                                       : makes   ? "made"
                                                 : "file"),
                                     with_text ? P("made") : 0 };
                struct answer result;
                struct stat st;
                int r = CALL_E_GONE;

                for (gone_at = 1; gone_at < 20; gone_at++) {
                        r = perform(calls[i], 64, args, &result);
                        if (r != CALL_E_GONE)
                                break;
                        cr_assert_eq(result.kind, ANSWER_NONE);
                        cr_assert_eq(access("made", F_OK), -1, "%s", calls[i]);
                        cr_assert_eq(stat("file", &st), 0, "%s", calls[i]);
                        cr_assert_eq(st.st_mode & 07777, 0644);
                }
                cr_assert_eq(r, 0, "%s", calls[i]);
                cr_assert_gt(gone_at, 1);
                unlink("made");
                rmdir("made");
                close(open("file", O_CREAT | O_WRONLY, 0644));
                chmod("file", 0644);
        }
}

Test(trees, times_in_every_layout) {
        static const struct {
                const char *call;
                unsigned bits;
                uint64_t args[6];
                struct timespec mtime;
        } rows[] = {
                { "utimensat", 64, { (uint64_t)AT_FDCWD, P("link"), P(times), 0 }, { 1000000002, 7 } },
                { "utimensat",
                  32,
                  { (uint32_t)AT_FDCWD, P("link"), P(narrow_times), 0 },
                  { 1000000004, 1 } },
                { "utimensat_time64",
                  32,
                  { (uint32_t)AT_FDCWD, P("link"), P(wide_times), 0 },
                  { 1000000006, 3 } },
                { "utimes", 32, { P("file"), P(narrow_times) }, { 1000000004, 1000 } },
                { "utime", 32, { P("file"), P(narrow_times) }, { 999999, 0 } },
                { "utimes", 64, { P("file"), P(times) }, { 1000000002, 7000 } },
        };
        const struct timespec never[2] = { { 1, 0 }, { 1, 0 } };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const struct timespec wanted[2] = { rows[i].mtime, rows[i].mtime };
                struct stat st, kept;

                /* As this file system keeps it. */
                cr_assert_eq(utimensat(AT_FDCWD, "file", wanted, 0), 0);
                cr_assert_eq(stat("file", &kept), 0);
                cr_assert_eq(kept.st_mtim.tv_sec, wanted[1].tv_sec);
                cr_assert_eq(utimensat(AT_FDCWD, "file", never, 0), 0);
                cr_assert_eq(answer(rows[i].call, rows[i].bits, rows[i].args), 0, "row %zu", i);
                cr_assert_eq(stat("file", &st), 0);
                cr_expect_eq(st.st_mtim.tv_sec, rows[i].mtime.tv_sec, "row %zu", i);
                cr_expect_eq(st.st_mtim.tv_nsec, kept.st_mtim.tv_nsec, "row %zu: %ld", i,
                             st.st_mtim.tv_nsec);
        }
        /* The padding of wide nanoseconds does not count. */
        wide_times[1] = wide_times[3] = 0;
        cr_assert_eq(answer("utimensat", 64, ARGS(NO_FD, 0, 0, AT_SYMLINK_NOFOLLOW)), -EINVAL);
        cr_assert_eq(answer("utimensat", 64, ARGS(NO_FD, 0, 0, 0)), -EBADF);
}

Test(trees, narrow_owners) {
        struct stat st, before;

        cr_assert_eq(stat("file", &before), 0);
        if (chown("file", 0x2345, 0x12345) < 0 || chown("file", before.st_uid, before.st_gid) < 0)
                cr_skip_test("these owners cannot be given here");
        cr_assert_eq(answer("chown", 32, ARGS(P("file"), 0x12345, 0xffff)), 0);
        cr_assert_eq(stat("file", &st), 0);
        cr_assert_eq(st.st_uid, 0x2345);
        cr_assert_eq(st.st_gid, before.st_gid);
        cr_assert_eq(answer("chown32", 32, ARGS(P("file"), 0xffffffff, 0x12345)), 0);
        cr_assert_eq(stat("file", &st), 0);
        cr_assert_eq(st.st_uid, 0x2345);
        cr_assert_eq(st.st_gid, 0x12345);
}

Test(trees, sizes_of_attributes_are_bounded) {
        ssize_t n_others = listxattr("file", NULL, 0); /* bytes of names that a security module gave */
        char got[8];

        if (setxattr("file", "user.a", "value", 5, 0) < 0)
                return; /* a file system without */
        cr_assert_eq(answer("setxattr", 64, ARGS(P("file"), P("user.b"), P(value), UINT64_MAX, 0)), -E2BIG);
        cr_assert_eq(answer("setxattr", 64, ARGS(P("file"), P("user.b"), P(value), 3, 16)), -EINVAL);
        cr_assert_eq(answer("setxattr", 64, ARGS(P("file"), P(longest), P(value), 3, 0)), -ERANGE);
        cr_assert_eq(answer("getxattr", 64, ARGS(P("file"), P("user.a"), 0, 0)), 5);
        cr_assert_eq(answer("getxattr", 64, ARGS(P("file"), P("user.a"), P(value), UINT64_MAX)), 5);
        cr_assert_eq(kernel.read_memory(NULL, (uint32_t)child, P(value), got, 6), 6);
        cr_assert_eq(memcmp(got, "valuev", 6), 0, "in the task's memory, and no more of it");
        cr_assert_eq(value[0], 'v', "not in ours");
        cr_assert_eq(answer("getxattr", 64, ARGS(P("file"), P("user.a"), P(value), 4)), -ERANGE);
        cr_assert_eq(answer("getxattr", 64, ARGS(P("file"), P("user.a"), 8, 100)), -EFAULT);
        cr_assert_eq(answer("listxattr", 64, ARGS(P("link"), P(value), sizeof(value))), n_others + 7);
        cr_assert_eq(answer("lremovexattr", 64, ARGS(P("file"), P("user.a"))), 0);
        cr_assert_eq(answer("listxattr", 64, ARGS(P("file"), 0, 0)), n_others);
}

Test(trees, a_watch_is_the_tasks_own) {
        struct inotify_event event[4];

        if (inotify_fd < 0)
                cr_skip_test("others have all that may be had of inotify");
        cr_assert_eq(answer("inotify_add_watch", 64, ARGS((uint64_t)inotify_fd, P("link"), IN_ATTRIB)), 1);
        cr_assert_eq(chmod("file", 0600), 0);
        cr_assert_eq(read(inotify_fd, event, sizeof(event)), (ssize_t)sizeof(event[0]));
        cr_assert_eq(event[0].mask, IN_ATTRIB);
        cr_assert_eq(answer("inotify_add_watch", 64, ARGS((uint64_t)null_fd, P("link"), IN_ATTRIB)),
                     -EINVAL);
        cr_assert_eq(answer("inotify_add_watch", 64, ARGS(NO_FD, P("link"), IN_ATTRIB)), -EBADF);
        cr_assert_eq(answer("inotify_add_watch", 64, ARGS((uint64_t)inotify_fd, P("link"), 0)), -EINVAL);
}
