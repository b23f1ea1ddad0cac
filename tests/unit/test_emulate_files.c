/* SPDX-License-Identifier: Apache-2.0 */

/* Calls on paths, carried out for a child that is a copy of ours: its memory lies where ours lies. */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/native/calls.h"
#include "supervisor/emulate/emulate.h"
#include "supervisor/emulate/files.h"
#include "supervisor/emulate/paths.h"
#include "syscalls/names.h"

static struct kernel kernel;
static pid_t child;
static struct policy_rule rule;

/* What the child's memory holds. */
static char file[PATH_MAX], link_path[PATH_MAX], missing[] = "/nothing/x", text_of_link[] = "the text";
static struct open_how how = { .flags = O_RDONLY };
static char result[512];

static int confirm(void *data, int listener, uint64_t id) {
        return 0;
}

/* The names are those without symbolic links on the way: what calls are told is compared with them. */
static void setup(void) {
        char folder[] = "/tmp/test-files.XXXXXX";

        cr_assert_eq(kernel_linux(&kernel), 0);
        kernel.confirm = confirm;
        cr_assert(mkdtemp(folder));
        cr_assert(realpath(folder, link_path));
        strcpy(file, link_path);
        strcat(file, "/file");
        close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        strcat(link_path, "/link");
        cr_assert_eq(symlink(text_of_link, link_path), 0);
        child = fork();
        cr_assert_geq(child, 0);
        if (child == 0)
                for (;;)
                        pause();
}

static void teardown(void) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        unlink(link_path);
        unlink(file);
        *strrchr(link_path, '/') = 0;
        cr_expect_eq(rmdir(link_path), 0);
}

TestSuite(emulate_files, .init = setup, .fini = teardown);

static struct call call_of(const char *name, const uint64_t args[6]) {
        struct call call = {
                .kernel = &kernel,
                .listener_fd = -1,
                .tid = (uint32_t)child,
                .arch = arch_by_audit(AUDIT_ARCH_X86_64),
                .name = name,
                .may_wait = true,
                .view = VIEW_INIT,
                .answer = { .fd = -1, .fd_at = -1 },
                .verdict = { .action = POLICY_ALLOW, .judged = true },
        };

        if (args)
                memcpy(call.args, args, sizeof(call.args));
        call.paths[0] = call.paths[1] = (struct resolved)RESOLVED_INIT;
        return call;
}

static void finish(struct call *call) {
        for (size_t i = 0; i < call->n_paths; i++)
                resolved_deinit(&call->paths[i]);
        view_deinit(&call->view);
        if (call->answer.fd >= 0)
                close(call->answer.fd);
}

static uint64_t at(const void *address) {
        return (uint64_t)(uintptr_t)address;
}

static void read_result(void) {
        struct iovec here = { result, sizeof(result) };

        cr_assert_eq(process_vm_readv(child, &here, 1, &here, 1, 0), (ssize_t)sizeof(result));
}

Test(emulate_files, every_call_with_a_path_is_known) {
        for (size_t i = 0; i < policy_calls_n; i++) {
                const char *name = policy_calls[i].name;
                bool two = strncmp(name, "rename", 6) == 0 || (strncmp(name, "link", 4) == 0);
                struct call call = call_of(name, NULL);
                int r;

                if (!(policy_calls[i].flags & POLICY_CALL_PATH))
                        continue;
                for (size_t k = 0; k < 6; k++)
                        call.args[k] = at(file);
                if (strcmp(name, "openat2") == 0) {
                        call.args[2] = at(&how);
                        call.args[3] = sizeof(how);
                }
                r = paths_fetch(&call);
                cr_assert_eq(r, 0, "%s: %d", name, r);
                cr_assert_eq(call.n_paths, two ? 2 : 1, "%s has %zu paths", name, call.n_paths);
                cr_assert_eq(call.facts.n_paths, call.n_paths);
                for (size_t k = 0; k < call.n_paths; k++)
                        cr_assert_str_eq(call.facts.paths[k], file, "%s", name);
                finish(&call);
        }
}

Test(emulate_files, every_performed_call_of_ours_has_a_performer) {
        for (size_t i = 0; i < policy_calls_n; i++)
                if (policy_calls[i].flags & POLICY_CALL_PERFORMED)
                        cr_expect(performer_of(policy_calls[i].name), "%s", policy_calls[i].name);
}

Test(emulate_files, flags_say_how_links_are_taken) {
        static const struct {
                const char *call;
                size_t path, flags_at;
                uint64_t flags;
                bool followed;
        } rows[] = {
                { "open", 0, 1, O_RDONLY, true },
                { "open", 0, 1, O_NOFOLLOW, false },
                { "open", 0, 1, O_CREAT, true },
                { "open", 0, 1, O_CREAT | O_EXCL, false },
                { "open", 0, 1, O_PATH | O_CREAT | O_EXCL, true },
                { "openat", 1, 2, O_NOFOLLOW, false },
                { "creat", 0, 5, 0, true },
                { "stat", 0, 5, 0, true },
                { "lstat", 0, 5, 0, false },
                { "newfstatat", 1, 3, 0, true },
                { "newfstatat", 1, 3, AT_SYMLINK_NOFOLLOW, false },
                { "statx", 1, 2, AT_SYMLINK_NOFOLLOW, false },
                { "faccessat", 1, 3, AT_SYMLINK_NOFOLLOW, true },
                { "faccessat2", 1, 3, AT_SYMLINK_NOFOLLOW, false },
                { "readlink", 0, 5, 0, false },
                { "linkat", 1, 4, 0, false },
                { "linkat", 1, 4, AT_SYMLINK_FOLLOW, true },
                { "lchown", 0, 5, 0, false },
                { "fchmodat", 1, 3, AT_SYMLINK_NOFOLLOW, true },
                { "fchmodat2", 1, 3, AT_SYMLINK_NOFOLLOW, false },
                { "lgetxattr", 0, 5, 0, false },
                { "chmod", 0, 5, 0, true },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                uint64_t args[6] = { (uint64_t)AT_FDCWD, at(file), (uint64_t)AT_FDCWD, at(file) };
                struct call call;

                args[rows[i].path] = at(link_path);
                args[rows[i].flags_at] = rows[i].flags;
                call = call_of(rows[i].call, args);
                cr_assert_eq(paths_fetch(&call), 0);
                cr_assert_eq(strcmp(call.facts.paths[0], link_path) != 0, rows[i].followed, "%s %lx: %s",
                             rows[i].call, (unsigned long)rows[i].flags, call.facts.paths[0]);
                finish(&call);
        }
}

Test(emulate_files, bad_memory_is_the_tasks_mistake) {
        static char endless[5000];
        struct call call = call_of("open", (uint64_t[6]){ 8 });

        cr_assert_eq(paths_fetch(&call), CALL_E_FAULT);
        finish(&call);
        /* The child has what we had when it began: zeros there. */
        call = call_of("open", (uint64_t[6]){ at(endless) });
        cr_assert_eq(paths_fetch(&call), 0);
        cr_assert_eq(call.paths[0].error, ENOENT);
        finish(&call);
        call = call_of("openat2", (uint64_t[6]){ (uint64_t)AT_FDCWD, at(file), 8, sizeof(how) });
        cr_assert_eq(paths_need(&call), 0);
        cr_assert_eq(call.answer.value, EFAULT);
        finish(&call);
        call = call_of("openat2", (uint64_t[6]){ (uint64_t)AT_FDCWD, at(file), at(&how), 8 });
        cr_assert_eq(paths_need(&call), 0);
        cr_assert_eq(call.answer.value, EINVAL);
        finish(&call);
}

Test(emulate_files, memory_arguments_of_openat2) {
        struct call call =
                call_of("openat2", (uint64_t[6]){ (uint64_t)AT_FDCWD, at(file), at(&how), sizeof(how) });

        cr_assert_eq(paths_fetch_memory_args(&call), 0);
        cr_assert_eq(call.facts.n_memory_args, 3);
        cr_assert_str_eq(call.facts.memory_args[0].name, "flags");
        cr_assert_eq(call.facts.memory_args[0].value, O_RDONLY);
        finish(&call);
        call = call_of("openat", NULL);
        cr_assert_eq(paths_fetch_memory_args(&call), 0);
        cr_assert_eq(call.facts.n_memory_args, 0);
}

static int run(struct call *call) {
        return performer_of(call->name)->run(call);
}

Test(emulate_files, an_open_gives_a_descriptor) {
        struct call call =
                call_of("openat", (uint64_t[6]){ (uint64_t)AT_FDCWD, at(file), O_RDONLY | O_CLOEXEC });
        struct stat a, b;

        cr_assert_eq(run(&call), 0);
        cr_assert_eq(call.answer.kind, ANSWER_FD);
        cr_assert(call.answer.cloexec);
        cr_assert_eq(fstat(call.answer.fd, &a), 0);
        cr_assert_eq(stat(file, &b), 0);
        cr_assert(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
        cr_assert_eq(fcntl(call.answer.fd, F_GETFL) & ~0100000, O_RDONLY);
        finish(&call);
        call = call_of("openat", (uint64_t[6]){ (uint64_t)AT_FDCWD, at(missing), O_RDONLY });
        cr_assert_eq(run(&call), 0);
        cr_assert_eq(call.answer.kind, ANSWER_ERRNO);
        cr_assert_eq(call.answer.value, ENOENT);
        finish(&call);
}

/* What may wait is not begun on the session's thread. */
Test(emulate_files, a_fifo_is_opened_by_a_worker) {
        static const struct {
                int flags;
                bool slow;
        } rows[] = {
                { O_RDONLY, true }, { O_WRONLY, true }, { O_RDWR, false }, { O_RDONLY | O_NONBLOCK, false }
        };
        char path[sizeof(link_path) + 8];

        /* The child has to know the name: its link leads there. */
        unlink(link_path);
        strcpy(path, link_path);
        strcpy(strrchr(path, '/'), "/fifo");
        cr_assert_eq(mkfifo(path, 0600), 0);
        cr_assert_eq(symlink("fifo", link_path), 0);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                int r = CALL_E_SLOW;

                /* A mount anywhere at this moment makes the quick way fail, once. */
                for (int k = 0; k < (rows[i].slow ? 1 : 5) && r == CALL_E_SLOW; k++) {
                        struct call call =
                                call_of("openat", (uint64_t[6]){ (uint64_t)AT_FDCWD, at(link_path),
                                                                 (uint64_t)rows[i].flags });

                        call.may_wait = false;
                        r = run(&call);
                        cr_assert_eq(call.answer.kind, r ? ANSWER_NONE : ANSWER_FD);
                        finish(&call);
                }
                cr_assert_eq(r, rows[i].slow ? CALL_E_SLOW : 0, "row %zu", i);
        }
        unlink(path);
}

Test(emulate_files, readlink_is_cut_and_not_ended) {
        struct call call = call_of("readlink", (uint64_t[6]){ at(link_path), at(result), 5 });

        cr_assert_eq(run(&call), 0);
        cr_assert_eq(call.answer.value, 5);
        read_result();
        cr_assert_eq(memcmp(result, "the t\0", 6), 0);
        finish(&call);
        call = call_of("readlink", (uint64_t[6]){ at(link_path), at(result), 0 });
        cr_assert_eq(run(&call), 0);
        cr_assert_eq(call.answer.value, EINVAL);
        finish(&call);
}

/* ---- layouts ---- */

static const struct stat example = {
        .st_dev = 0xfd01,
        .st_ino = 0x01234567,
        .st_nlink = 3,
        .st_mode = S_IFREG | 0640,
        .st_uid = 70000,
        .st_gid = 34,
        .st_rdev = 0,
        .st_size = 0x11223344,
        .st_blksize = 4096,
        .st_blocks = 77,
        .st_atim = { 1000000001, 11 },
        .st_mtim = { 1000000002, 22 },
        .st_ctim = { 1000000003, 33 },
};

static uint64_t field(size_t offset, size_t n) {
        uint64_t value = 0;

        memcpy(&value, result + offset, n);
        return value;
}

Test(emulate_files, stat_layouts) {
        static const struct {
                uint32_t arch;
                const char *call;
                size_t size;
                /* offset and width: ino, mode, nlink, uid, size, blocks, mtime */
                struct {
                        size_t at, n;
                } ino, mode, nlink, uid, size_at, blocks, mtime;
        } rows[] = {
                { AUDIT_ARCH_X86_64,
                  "newfstatat",
                  144,
                  { 8, 8 },
                  { 24, 4 },
                  { 16, 8 },
                  { 28, 4 },
                  { 48, 8 },
                  { 64, 8 },
                  { 88, 8 } },
                { ARCH_X32,
                  "stat",
                  144,
                  { 8, 8 },
                  { 24, 4 },
                  { 16, 8 },
                  { 28, 4 },
                  { 48, 8 },
                  { 64, 8 },
                  { 88, 8 } },
                { AUDIT_ARCH_AARCH64,
                  "newfstatat",
                  128,
                  { 8, 8 },
                  { 16, 4 },
                  { 20, 4 },
                  { 24, 4 },
                  { 48, 8 },
                  { 64, 8 },
                  { 88, 8 } },
                { AUDIT_ARCH_I386,
                  "stat",
                  64,
                  { 4, 4 },
                  { 8, 2 },
                  { 10, 2 },
                  { 12, 2 },
                  { 20, 4 },
                  { 28, 4 },
                  { 40, 4 } },
                { AUDIT_ARCH_I386,
                  "fstatat64",
                  96,
                  { 88, 8 },
                  { 16, 4 },
                  { 20, 4 },
                  { 24, 4 },
                  { 44, 8 },
                  { 56, 8 },
                  { 72, 4 } },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct call call = call_of(rows[i].call, NULL);

                call.arch = arch_by_audit(rows[i].arch);
                cr_assert(call.arch);
                cr_assert_eq(stat_answer(&call, at(result), &example), 0);
                cr_assert_eq(call.answer.kind, ANSWER_VALUE);
                read_result();
                cr_assert_eq(field(rows[i].ino.at, rows[i].ino.n), example.st_ino, "row %zu", i);
                cr_assert_eq(field(rows[i].mode.at, rows[i].mode.n), example.st_mode, "row %zu", i);
                cr_assert_eq(field(rows[i].nlink.at, rows[i].nlink.n), 3, "row %zu", i);
                cr_assert_eq(field(rows[i].uid.at, rows[i].uid.n), rows[i].uid.n == 2 ? 65534 : 70000,
                             "row %zu", i);
                cr_assert_eq(field(rows[i].size_at.at, rows[i].size_at.n), 0x11223344, "row %zu", i);
                cr_assert_eq(field(rows[i].blocks.at, rows[i].blocks.n), 77, "row %zu", i);
                cr_assert_eq(field(rows[i].mtime.at, rows[i].mtime.n), 1000000002, "row %zu", i);
                finish(&call);
        }
}

Test(emulate_files, what_does_not_fit_is_an_overflow) {
        static const struct {
                const char *call;
                int64_t size;
                uint64_t ino, nlink;
                dev_t dev;
                bool fits;
        } rows[] = {
                { "stat", INT32_MAX, 1, 1, 0xfd01, true },
                { "stat", INT32_MAX + 1ll, 1, 1, 0xfd01, false },
                { "stat", 1, 1ull << 32, 1, 0xfd01, false },
                { "stat", 1, 1, 65536, 0xfd01, false },
                { "stat", 1, 1, 1, 1ull << 44, false },
                { "oldstat", 1, 65536, 1, 0xfd01, false },
                { "oldstat", 1, 65535, 1, 0xfd01, true },
                { "stat64", 1ll << 40, 1ull << 40, 1, 0xfd01, true },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct call call = call_of(rows[i].call, NULL);
                struct stat st = example;

                call.arch = arch_by_audit(AUDIT_ARCH_I386);
                st.st_size = rows[i].size;
                st.st_ino = rows[i].ino;
                st.st_nlink = rows[i].nlink;
                st.st_dev = rows[i].dev;
                cr_assert_eq(stat_answer(&call, at(result), &st), 0);
                cr_assert_eq(call.answer.kind, rows[i].fits ? ANSWER_VALUE : ANSWER_ERRNO, "row %zu", i);
                if (!rows[i].fits)
                        cr_assert_eq(call.answer.value, EOVERFLOW);
                finish(&call);
        }
        {
                struct call call = call_of("stat", NULL);

                cr_assert_eq(stat_answer(&call, 8, &example), 0);
                cr_assert_eq(call.answer.value, EFAULT);
        }
}

/* ---- other contents ---- */

static void expect_content(struct call *call, const char *wanted) {
        char text[64] = "";

        cr_assert_eq(run(call), 0);
        cr_assert_eq(call->answer.kind, ANSWER_FD);
        cr_assert_eq(read(call->answer.fd, text, sizeof(text) - 1), (ssize_t)strlen(wanted));
        cr_assert_str_eq(text, wanted);
}

Test(emulate_files, substituted_contents) {
        static const struct {
                int flags, error;
        } rows[] = {
                { O_WRONLY, EROFS },          { O_RDWR, EROFS },        { O_TRUNC, EROFS },
                { O_CREAT | O_EXCL, EEXIST }, { O_DIRECTORY, ENOTDIR },
        };
        struct call first, second;
        struct stat st;

        rule = (struct policy_rule){ .text = (char *)"content", .content = POLICY_TEXT };
        first = call_of("open", (uint64_t[6]){ at(file) });
        second = call_of("open", (uint64_t[6]){ at(missing) });
        first.verdict = second.verdict =
                (struct policy_verdict){ .rule = &rule, .action = POLICY_SUBSTITUTE, .judged = true };
        expect_content(&first, "content");
        expect_content(&second, "content");
        cr_assert_eq(fstat(first.answer.fd, &st), 0);
        cr_assert_eq(st.st_mode, S_IFREG | 0444);
        cr_assert_eq(write(first.answer.fd, "x", 1), -1);
        finish(&first);
        finish(&second);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct call call = call_of("open", (uint64_t[6]){ at(file), (uint64_t)rows[i].flags });

                call.verdict = (struct policy_verdict){ .rule = &rule, .action = POLICY_SUBSTITUTE };
                cr_assert_eq(run(&call), 0);
                cr_assert_eq(call.answer.value, rows[i].error, "row %zu: %d", i, (int)call.answer.value);
                finish(&call);
        }
}

/* Nobody can do it with another path: then it is not done, whatever got past the checks of policies. */
Test(emulate_files, another_path_without_a_performer) {
        static const enum policy_action actions[] = { POLICY_REDIRECT, POLICY_SUBSTITUTE };

        for (size_t i = 0; i < 2; i++) {
                struct call call = call_of("execve", (uint64_t[6]){ at(file) });

                cr_assert_null(performer_of("execve"));
                call.verdict.rule = &rule;
                call.verdict.action = actions[i];
                cr_assert_lt(emulate_call(&call), 0);
                cr_assert_eq(call.answer.kind, ANSWER_NONE);
                finish(&call);
        }
}

/* What nobody can carry out goes on only where memory had no say, whatever got past the checks of policies.
 */
Test(emulate_files, what_was_judged_without_a_performer_does_not_go_on) {
        static const struct {
                bool judged, multiplexed;
                enum policy_action action;
                bool trouble;
                enum answer_kind answer;
        } rows[] = {
                { true, false, POLICY_ALLOW, true, ANSWER_NONE },
                { true, false, POLICY_LOG, true, ANSWER_NONE },
                { true, true, POLICY_ALLOW, false, ANSWER_ERRNO },
                { false, false, POLICY_ALLOW, false, ANSWER_CONTINUE },
                { false, false, POLICY_LOG, false, ANSWER_CONTINUE },
                { true, false, POLICY_ERRNO, false, ANSWER_ERRNO },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct call call = call_of("execve", (uint64_t[6]){ at(file) });

                call.verdict = (struct policy_verdict){ .action = rows[i].action, .judged = rows[i].judged };
                call.multiplexed = rows[i].multiplexed;
                cr_expect_eq(emulate_call(&call) < 0, rows[i].trouble, "row %zu", i);
                cr_expect_eq(call.answer.kind, rows[i].answer, "row %zu: %d", i, call.answer.kind);
                finish(&call);
        }
}
