/* SPDX-License-Identifier: Apache-2.0 */

/* Paths of a real task (a child of ours, or a thread), with the kernel as the oracle. */

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/call.h"
#include "supervisor/view.h"

static struct kernel kernel;
static char place[PATH_MAX]; /* our directory, canonical */
static pid_t child;

/* The notification is nobody's: the task lives as long as the test. */
static int confirm(void *data, int listener, uint64_t id) {
        return 0;
}

static struct call call_of(pid_t tid) {
        return (struct call){
                .kernel = &kernel,
                .listener_fd = -1,
                .tid = (uint32_t)tid,
                .name = "stat",
                .may_wait = true,
                .view = VIEW_INIT,
                .answer = { .fd = -1 },
        };
}

static void setup(void) {
        cr_assert_eq(kernel_linux(&kernel), 0);
        kernel.confirm = confirm;
        strcpy(place, "/tmp/test-view.XXXXXX");
        cr_assert(mkdtemp(place));
        cr_assert_eq(chdir(place), 0);
        cr_assert(getcwd(place, sizeof(place)));
        mkdir("d", 0755);
        mkdir("d/e", 0755);
        close(open("d/file", O_CREAT | O_WRONLY, 0644));
        close(open("plain", O_CREAT | O_WRONLY, 0644));
        cr_assert_eq(symlink("d/file", "link"), 0);
        cr_assert_eq(symlink("d", "dlink"), 0);
        cr_assert_eq(symlink("nowhere", "dangling"), 0);
        cr_assert_eq(symlink("d/new", "dangling2"), 0);
        cr_assert_eq(symlink("loop", "loop"), 0);
        cr_assert_eq(symlink("/", "slash"), 0);
        cr_assert_eq(symlink("d/", "dslash"), 0);
        cr_assert_eq(symlink("plain/", "pslash"), 0);
        cr_assert_eq(symlink("/proc/self/status", "status"), 0);
        cr_assert_eq(symlink("/proc/self", "me"), 0);
}

static void teardown(void) {
        char command[PATH_MAX + 16];

        if (child > 0) {
                kill(child, SIGKILL);
                waitpid(child, NULL, 0);
        }
        snprintf(command, sizeof(command), "rm -rf %s", place);
        cr_assert_eq(system(command), 0);
}

TestSuite(view, .init = setup, .fini = teardown);

/* A child that stands where prepare() left it; it waits for its end. Skips where it may not stand there. */
static pid_t start_child(void (*prepare)(void)) {
        int ready[2];
        char c;

        cr_assert_eq(pipe(ready), 0);
        child = fork();
        if (child == 0) {
                int say = fcntl(ready[1], F_DUPFD, 100); /* out of prepare()'s way */

                close(ready[0]);
                close(ready[1]);
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (prepare)
                        prepare();
                (void)!write(say, "x", 1);
                for (;;)
                        pause();
        }
        close(ready[1]);
        if (read(ready[0], &c, 1) != 1)
                cr_skip_test("not allowed here");
        close(ready[0]);
        return child;
}

static void same_object(const char *path, int fd, int oracle) {
        struct stat a, b;

        cr_assert_eq(fstat(fd, &a), 0);
        cr_assert_eq(fstat(oracle, &b), 0);
        cr_assert(a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_mode == b.st_mode, "%s", path);
}

/* What open(O_PATH) says here, against what is resolved for a child that stands here too. */
Test(view, as_the_kernel_has_it) {
        static const char *const rows[] = {
                "d",
                "d/",
                "d//",
                "./d",
                "d/.",
                "d/..",
                "d/../d/e",
                "d/e/../..",
                "plain",
                "plain/",
                "plain/.",
                "plain/..",
                "plain/x",
                "link",
                "link/",
                "link/x",
                "dlink",
                "dlink/",
                "dlink/e",
                "dlink/..",
                "dangling",
                "dangling/",
                "dangling/x",
                "dangling2",
                "loop",
                "loop/",
                "loop/x",
                "slash",
                "slash/",
                "slash/etc/passwd",
                "slash/..",
                "slash/../..",
                "dslash",
                "dslash/file",
                "pslash",
                "nothing",
                "nothing/",
                "nothing/x",
                "d/nothing",
                "d/nothing/..",
                "/",
                "//",
                "/.",
                "/..",
                "/../..",
                "/../../etc",
                "/etc/passwd",
                "/etc/passwd/",
                "/nothing",
                "/nothing/x",
                ".",
                "..",
                "./",
                "../",
                "/proc/cpuinfo",
                "/proc/nothing",
                "/proc/1/status",
                "/proc/mounts/x",
                "/dev/null",
                "/dev/null/",
                "/dev/null/x",
                "d/./e/.././file",
                "",
        };
        pid_t pid = start_child(NULL);

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                for (unsigned flags = 0; flags <= RESOLVE_FOLLOW; flags++) {
                        int oracle = open(rows[i], O_PATH | O_CLOEXEC | (flags ? 0 : O_NOFOLLOW));
                        int error = oracle < 0 ? errno : 0;
                        struct call call = call_of(pid);
                        struct resolved resolved;
                        int r;

                        call.may_wait = false;
                        r = view_resolve(&call, AT_FDCWD, rows[i], flags, &resolved);
                        if (r == CALL_E_SLOW) {
                                call.may_wait = true;
                                r = view_resolve(&call, AT_FDCWD, rows[i], flags, &resolved);
                        }
                        cr_assert_eq(r, 0, "%s: %d", rows[i], r);
                        cr_assert_eq(resolved.error, error, "%s (%u): %d instead of %d", rows[i], flags,
                                     resolved.error, error);
                        cr_assert_eq(resolved.fd >= 0, error == 0, "%s", rows[i]);
                        cr_assert(resolved.path, "%s", rows[i]);
                        if (!error)
                                same_object(rows[i], resolved.fd, oracle);
                        resolved_deinit(&resolved);
                        view_deinit(&call.view);
                        close(oracle);
                }
}

static void expect_path(pid_t pid, const char *path, unsigned flags, const char *wanted) {
        struct call call = call_of(pid);
        struct resolved resolved;
        char text[PATH_MAX + 64];

        cr_assert_eq(view_resolve(&call, AT_FDCWD, path, flags, &resolved), 0);
        if (wanted[0] == '/')
                snprintf(text, sizeof(text), "%s", wanted);
        else if (wanted[0] == '.')
                snprintf(text, sizeof(text), "%s", place);
        else
                snprintf(text, sizeof(text), "%s/%s", place, wanted);
        cr_assert_str_eq(resolved.path, text, "%s: %s instead of %s", path, resolved.path, text);
        resolved_deinit(&resolved);
        view_deinit(&call.view);
}

Test(view, paths_are_canonical) {
        static const struct {
                const char *path;
                unsigned flags;
                const char *wanted; /* below our directory, "." for itself, or absolute */
        } rows[] = {
                { "link", RESOLVE_FOLLOW, "d/file" },
                { "link", 0, "link" },
                { "dlink/../dlink/file", 0, "d/file" },
                { "d/e/..", 0, "d" },
                { "nothing", 0, "nothing" },
                { "dlink/nothing", 0, "d/nothing" },
                { "dangling2", RESOLVE_FOLLOW, "d/new" },
                { "nothing/x//y/./z/", 0, "nothing/x/y/z" },
                { "nothing/../../../../../etc/shadow", 0, "/etc/shadow" },
                { "nothing/x/../y", RESOLVE_FOLLOW, "nothing/y" },
                { "plain/x", 0, "plain/x" },
                { "dlink/new", RESOLVE_PARENT, "d/new" },
                { "/../etc/./passwd", 0, "/etc/passwd" },
                { "/", 0, "/" },
                { "/", RESOLVE_PARENT, "/" },
                { "/nothing/x", 0, "/nothing/x" },
                { ".", 0, "." },
                { "slash/nothing", RESOLVE_FOLLOW, "/nothing" },
        };
        pid_t pid = start_child(NULL);

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                expect_path(pid, rows[i].path, rows[i].flags, rows[i].wanted);
}

Test(view, a_scope_is_no_root) {
        struct resolved resolved;
        struct call call;
        char wanted[PATH_MAX + 16];
        pid_t pid = start_child(NULL);

        snprintf(wanted, sizeof(wanted), "%s/plain", place);
        for (unsigned missing = 0; missing < 2; missing++) {
                call = call_of(pid);
                cr_assert_eq(view_resolve_scoped(&call, AT_FDCWD, missing ? "/missing" : "/plain",
                                                 RESOLVE_NO_PARENT, RESOLVE_IN_ROOT, &resolved),
                             0);
                cr_assert_eq(resolved.error, missing ? ENOENT : 0);
                if (missing)
                        snprintf(wanted, sizeof(wanted), "%s/missing", place);
                cr_assert_str_eq(resolved.path, wanted);
                resolved_deinit(&resolved);
                view_deinit(&call.view);
        }
}

Test(view, parents) {
        static const struct {
                const char *path, *parent, *name;
                bool slash;
                int error;
        } rows[] = {
                { "new", ".", "new", false, 0 },
                { "new/", ".", "new", true, 0 },
                { "dlink/new//", "d", "new", true, 0 },
                { "loop", ".", "loop", false, 0 },
                { "d/.", "d", ".", false, 0 },
                { "d/e/..", "d/e", "..", false, 0 },
                { "/", "/", "/", false, 0 },
                { "/new", "/", "new", false, 0 },
                { "plain/new", NULL, NULL, false, ENOTDIR },
                { "nothing/new", NULL, NULL, false, ENOENT },
                { "loop/new", NULL, NULL, false, ELOOP },
        };
        pid_t pid = start_child(NULL);

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct call call = call_of(pid);
                struct resolved resolved;

                cr_assert_eq(view_resolve(&call, AT_FDCWD, rows[i].path, RESOLVE_PARENT, &resolved), 0);
                cr_assert_eq(resolved.error, rows[i].error, "%s: %d", rows[i].path, resolved.error);
                cr_assert_eq(resolved.parent_fd >= 0, rows[i].parent != NULL, "%s", rows[i].path);
                cr_assert_eq(resolved.fd, -1);
                if (rows[i].parent) {
                        int oracle = open(rows[i].parent, O_PATH);

                        same_object(rows[i].path, resolved.parent_fd, oracle);
                        cr_assert_str_eq(resolved.name, rows[i].name);
                        cr_assert_eq(resolved.slash, rows[i].slash, "%s", rows[i].path);
                        close(oracle);
                }
                resolved_deinit(&resolved);
                view_deinit(&call.view);
        }
}

/* Reads the first line that a path of the child leads to. */
static void expect_text(struct call *call, const char *path, const char *key, long number) {
        struct resolved resolved;
        char name[64], text[4096], *at;
        ssize_t n;
        int fd;

        cr_assert_eq(view_resolve(call, AT_FDCWD, path, RESOLVE_FOLLOW, &resolved), 0);
        cr_assert_eq(resolved.error, 0, "%s: %d", path, resolved.error);
        cr_assert(resolved.proc, "%s", path);
        snprintf(name, sizeof(name), "/proc/self/fd/%d", resolved.fd);
        fd = open(name, O_RDONLY);
        n = read(fd, text, sizeof(text) - 1);
        cr_assert_gt(n, 0);
        text[n] = 0;
        at = strstr(text, key);
        cr_assert(at);
        cr_assert_eq(strtol(at + strlen(key), NULL, 10), number, "%s is of another process: %s", path, at);
        close(fd);
        resolved_deinit(&resolved);
}

static void hold_descriptors(void) {
        int pair[2];

        close(39);
        close(90);
        dup2(open("d/file", O_RDONLY), 40);
        (void)!pipe(pair);
        dup2(pair[0], 41);
        (void)!socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
        dup2(pair[0], 42);
        dup2(open("gone", O_CREAT | O_RDWR, 0600), 43);
        unlink("gone");
        dup2(open("d", O_RDONLY), 44);
}

Test(view, self_is_the_task) {
        pid_t pid = start_child(hold_descriptors);
        static const char *const paths[] = { "/proc/self/status",
                                             "/proc/thread-self/status",
                                             "/proc/./self/../self/status",
                                             "status",
                                             "me/status",
                                             "/proc/self/task/../status",
                                             "/proc/self/root/proc/self/status" };
        static const struct {
                const char *path;
                int number;
        } links[] = { { "/proc/self/fd/40", 40 }, { "/dev/fd/40", 40 }, { "me/fd/41", 41 },
                      { "/dev/fd/42", 42 },       { "/dev/fd/43", 43 }, { "/proc/thread-self/fd/44", 44 },
                      { "/dev/fd/44/file", 40 } };
        struct resolved resolved;
        struct call call;

        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
                call = call_of(pid);
                expect_text(&call, paths[i], "\nTgid:", pid);
                view_deinit(&call.view);
        }
        for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
                char name[64];
                int oracle;

                snprintf(name, sizeof(name), "/proc/%d/fd/%d", pid, links[i].number);
                oracle = open(name, O_PATH);
                call = call_of(pid);
                cr_assert_eq(view_resolve(&call, AT_FDCWD, links[i].path, RESOLVE_FOLLOW, &resolved), 0);
                cr_assert_eq(resolved.error, 0, "%s: %d", links[i].path, resolved.error);
                same_object(links[i].path, resolved.fd, oracle);
                close(oracle);
                resolved_deinit(&resolved);
                view_deinit(&call.view);
        }
        expect_path(pid, "/dev/fd/40", RESOLVE_FOLLOW, "d/file");
        expect_path(pid, "/dev/fd/43", RESOLVE_FOLLOW, "gone");
        /* One that we have and the task has not. */
        dup2(open("/dev/null", O_RDONLY), 90);
        call = call_of(pid);
        cr_assert_eq(view_resolve(&call, AT_FDCWD, "/proc/self/fd/90", RESOLVE_FOLLOW, &resolved), 0);
        cr_assert_eq(resolved.error, ENOENT);
        cr_assert_eq(resolved.fd, -1);
        resolved_deinit(&resolved);
        /* The link itself. */
        cr_assert_eq(view_resolve(&call, AT_FDCWD, "/proc/self", 0, &resolved), 0);
        cr_assert(S_ISLNK(resolved.mode));
        resolved_deinit(&resolved);
        view_deinit(&call.view);
}

Test(view, descriptors_of_the_task_are_bases) {
        pid_t pid = start_child(hold_descriptors);
        static const struct {
                int dirfd;
                const char *path;
                unsigned flags;
                int error;
                const char *oracle;
        } rows[] = {
                { 44, "file", 0, 0, "d/file" },
                { 44, "../plain", 0, 0, "plain" },
                { 44, "", RESOLVE_EMPTY, 0, "d" },
                { 40, "", RESOLVE_EMPTY, 0, "d/file" },
                { AT_FDCWD, "", RESOLVE_EMPTY, 0, "." },
                { 44, "", 0, ENOENT, NULL },
                { 40, "x", 0, ENOTDIR, NULL },
                { 41, "x", 0, ENOTDIR, NULL },
                { 39, "x", 0, EBADF, NULL },
                { 39, "", RESOLVE_EMPTY, EBADF, NULL },
                { -1, "x", 0, EBADF, NULL },
                { -7, "/etc/passwd", 0, 0, "/etc/passwd" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct call call = call_of(pid);
                struct resolved resolved;

                cr_assert_eq(view_resolve(&call, rows[i].dirfd, rows[i].path, rows[i].flags, &resolved), 0);
                cr_assert_eq(resolved.error, rows[i].error, "row %zu: %d", i, resolved.error);
                if (rows[i].oracle) {
                        int oracle = open(rows[i].oracle, O_PATH);

                        same_object(rows[i].path, resolved.fd, oracle);
                        close(oracle);
                }
                resolved_deinit(&resolved);
                view_deinit(&call.view);
        }
}

Test(view, forty_links_and_no_more) {
        pid_t pid = start_child(NULL);
        struct resolved resolved;
        char name[32], to[32];

        for (int i = 0; i < 41; i++) {
                snprintf(name, sizeof(name), "l%d", i);
                snprintf(to, sizeof(to), i == 0 ? "plain" : "l%d", i - 1);
                cr_assert_eq(symlink(to, name), 0);
        }
        for (int i = 39; i < 41; i++) {
                struct call call = call_of(pid);

                snprintf(name, sizeof(name), "l%d", i);
                cr_assert_eq(view_resolve(&call, AT_FDCWD, name, RESOLVE_FOLLOW, &resolved), 0);
                cr_assert_eq(resolved.error, i == 39 ? 0 : ELOOP);
                resolved_deinit(&resolved);
                /* The same by the walk. */
                snprintf(name, sizeof(name), "self/l%d", i);
                if (i == 39)
                        cr_assert_eq(symlink(".", "self"), 0);
                cr_assert_eq(view_resolve(&call, AT_FDCWD, name, RESOLVE_FOLLOW, &resolved), 0);
                cr_assert_eq(resolved.error, ELOOP, "the way to it counts, too");
                resolved_deinit(&resolved);
                view_deinit(&call.view);
        }
}

Test(view, long_names) {
        pid_t pid = start_child(NULL);
        struct resolved resolved;
        char name[300];
        struct call call = call_of(pid);

        memset(name, 'x', sizeof(name));
        name[256] = 0;
        for (unsigned flags = 0; flags <= RESOLVE_PARENT; flags++) {
                cr_assert_eq(view_resolve(&call, AT_FDCWD, name, flags, &resolved), 0);
                cr_assert_eq(resolved.error, ENAMETOOLONG);
                resolved_deinit(&resolved);
        }
        name[255] = 0;
        cr_assert_eq(view_resolve(&call, AT_FDCWD, name, 0, &resolved), 0);
        cr_assert_eq(resolved.error, ENOENT);
        cr_assert_geq(resolved.parent_fd, 0);
        resolved_deinit(&resolved);
        view_deinit(&call.view);
}

static void change_root(void) {
        char name[PATH_MAX + 16];

        /* What is there is also to be found outside, and is another. */
        mkdir("jail", 0755);
        mkdir("jail/d", 0755);
        close(open("jail/plain", O_CREAT | O_WRONLY, 0600));
        (void)!symlink("/plain", "jail/absolute");
        (void)!symlink("../../../../../plain", "jail/d/up");
        snprintf(name, sizeof(name), "jail%s", place);
        for (char *slash = strchr(name + 5, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = 0;
                mkdir(name, 0755);
                *slash = '/';
        }
        mkdir(name, 0755);
        if (chroot("jail") < 0 || chdir("/d") < 0)
                _exit(1);
}

Test(view, no_way_out_of_another_root) {
        static const struct {
                const char *path, *wanted;
        } rows[] = {
                { "/plain", "jail/plain" },
                { "/../plain", "jail/plain" },
                { "/../../../../plain", "jail/plain" },
                { "../plain", "jail/plain" },
                { "../../../../../../plain", "jail/plain" },
                { "..", "jail" },
                { "../..", "jail" },
                { "up", "jail/plain" },
                { "../absolute", "jail/plain" },
                { "/absolute", "jail/plain" },
                { "/d/up", "jail/plain" },
                { "/", "jail" },
                { ".", "jail/d" },
        };
        pid_t pid;

        if (geteuid() != 0)
                cr_skip("chroot is root's");
        pid = start_child(change_root);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct call call = call_of(pid);
                struct resolved resolved;
                int oracle = open(rows[i].wanted, O_PATH);

                cr_assert_eq(view_resolve(&call, AT_FDCWD, rows[i].path, RESOLVE_FOLLOW, &resolved), 0);
                cr_assert_eq(resolved.error, 0, "%s: %d", rows[i].path, resolved.error);
                same_object(rows[i].path, resolved.fd, oracle);
                cr_assert_str_eq(resolved.path, rows[i].wanted[4] ? rows[i].wanted + 4 : "/", "%s: %s",
                                 rows[i].path, resolved.path);
                cr_assert_not(call.view.own_root);
                resolved_deinit(&resolved);
                view_deinit(&call.view);
                close(oracle);
        }
}

Test(view, a_root_left_by_a_rename_is_out_of_reach_as_in_the_kernel) {
        struct resolved resolved;
        struct call call;
        pid_t pid;

        if (geteuid() != 0)
                cr_skip("chroot is root's");
        pid = start_child(change_root);
        cr_assert_eq(rename("jail/d", "outside"), 0);
        call = call_of(pid);
        cr_assert_eq(view_resolve(&call, AT_FDCWD, "../plain", 0, &resolved), 0);
        cr_assert_eq(resolved.error, 0);
        cr_assert(strncmp(resolved.path, "(unreachable)/", 14) == 0, "%s", resolved.path);
        resolved_deinit(&resolved);
        view_deinit(&call.view);
}

/* Links flip while they are looked at: whatever comes out is one of both, and named as what it is. */
static volatile int stop;

static void *flip(void *data) {
        while (!stop) {
                symlink("d/file", "t1");
                rename("t1", "flip");
                symlink("plain", "t2");
                rename("t2", "flip");
                rename("d", "moved");
                rename("moved", "d");
        }
        return NULL;
}

Test(view, races_give_one_object_and_its_name) {
        pid_t pid = start_child(NULL);
        struct stat file, plain;
        pthread_t thread;

        stat("d/file", &file);
        stat("plain", &plain);
        pthread_create(&thread, NULL, flip, NULL);
        for (int i = 0; i < 3000; i++) {
                struct call call = call_of(pid);
                struct resolved resolved;
                struct stat st;

                cr_assert_eq(view_resolve(&call, AT_FDCWD, i % 2 ? "flip" : "me/cwd/flip", RESOLVE_FOLLOW,
                                          &resolved),
                             0);
                if (resolved.error) {
                        cr_assert(resolved.error == ENOENT, "%d", resolved.error);
                } else {
                        cr_assert_eq(fstat(resolved.fd, &st), 0);
                        if (st.st_ino == plain.st_ino)
                                cr_assert(strstr(resolved.path, "/plain"), "%s", resolved.path);
                        else {
                                cr_assert_eq(st.st_ino, file.st_ino);
                                cr_assert(strstr(resolved.path, "/file"), "%s", resolved.path);
                        }
                }
                resolved_deinit(&resolved);
                view_deinit(&call.view);
        }
        stop = 1;
        pthread_join(thread, NULL);
}

static size_t count_fds(void) {
        DIR *directory = opendir("/proc/self/fd");
        size_t n = 0;

        while (readdir(directory))
                n++;
        closedir(directory);
        return n;
}

Test(view, nothing_stays_open) {
        pid_t pid = start_child(hold_descriptors);
        static const char *const rows[] = {
                "d/file",  "link",   "loop/x",    "/proc/self/fd/40/x", "/proc/self/fd/44/file",
                "nothing", "plain/", "dangling2", "/dev/fd/90",         "slash/.."
        };
        struct call first = call_of(pid);
        struct resolved root;
        size_t before;

        /* Our own root is opened once and kept. */
        cr_assert_eq(view_resolve(&first, AT_FDCWD, "/", 0, &root), 0);
        resolved_deinit(&root);
        view_deinit(&first.view);
        before = count_fds();

        for (unsigned flags = 0; flags < 8; flags++)
                for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                        struct call call = call_of(pid);
                        struct resolved resolved;

                        cr_assert_eq(view_resolve(&call, i % 2 ? AT_FDCWD : 44, rows[i], flags, &resolved),
                                     0);
                        resolved_deinit(&resolved);
                        view_deinit(&call.view);
                }
        cr_assert_eq(count_fds(), before);
}

Test(view, status_lines_and_copies_of_descriptors) {
        pid_t pid = start_child(hold_descriptors);
        struct call call = call_of(pid);
        char text[64], wanted[64];
        int fd, error;

        cr_assert_eq(view_status(&call, "Umask", text, sizeof(text)), 0);
        snprintf(wanted, sizeof(wanted), "%04o", umask(022));
        cr_assert_str_eq(text, wanted);
        cr_assert_eq(view_status(&call, "Nothing", text, sizeof(text)), -ENOENT);
        cr_assert_eq(view_tgid(&call), pid);
        cr_assert_eq(view_take_fd(&call, 43, &fd, &error), 0);
        cr_assert_geq(fd, 0);
        close(fd);
        cr_assert_eq(view_take_fd(&call, 39, &fd, &error), 0);
        cr_assert_eq(fd, -1);
        cr_assert_eq(error, EBADF);
        view_deinit(&call.view);
}
