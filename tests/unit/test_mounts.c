/* SPDX-License-Identifier: Apache-2.0 */

/* Mounts need the kernel: programs run behind them, as root and as an ordinary user, and what they see and
 * leave behind is compared. Skipped, with a word, where the kernel has no namespaces for us. */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/mount.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/changes.h"
#include "agent/job.h"
#include "agent/launch.h"
#include "agent/mounts.h"
#include "base/buf.h"
#include "base/fd.h"
#include "supervisor/kernel.h"

#define USER 61803

static char folder[64];
static char error[MOUNTS_ERROR_MAX];

static bool namespaces_work(void) {
        int status;
        pid_t pid = fork();

        if (pid == 0)
                _exit(unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 ? 0 : 1);
        waitpid(pid, &status, 0);
        return status == 0;
}

static void remove_all(const char *path) {
        pid_t pid = fork();

        if (pid == 0) {
                execlp("rm", "rm", "-rf", "--", path, (char *)NULL);
                _exit(127);
        }
        waitpid(pid, NULL, 0);
}

/* A folder of our own to work in, entered, as who is asked for. */
static bool begin(bool user) {
        if (user != (geteuid() != 0) && geteuid() != 0)
                return false;
        setenv("LC_ALL", "C", 1);
        umask(022);
        snprintf(folder, sizeof(folder), "/tmp/mounts.XXXXXX");
        cr_assert_not_null(mkdtemp(folder));
        chmod(folder, 0755);
        if (user && geteuid() == 0) {
                cr_assert_eq(chown(folder, USER, USER), 0);
                cr_assert_eq(setgroups(0, NULL), 0);
                cr_assert_eq(setresgid(USER, USER, USER), 0);
                cr_assert_eq(setresuid(USER, USER, USER), 0);
                prctl(PR_SET_DUMPABLE, 1);
        }
        if (!namespaces_work()) {
                rmdir(folder);
                cr_log_warn("no namespaces here");
                return false;
        }
        cr_assert_eq(chdir(folder), 0);
        return true;
}

static void end(void) {
        cr_assert_eq(chdir("/"), 0);
        remove_all(folder);
}

/* Each test as root and as an ordinary user; the former only where we are root. */
#define BOTH(suite, name)                                                                                   \
        static void name(void);                                                                             \
        Test(suite, name##_root, .timeout = 180) {                                                          \
                if (begin(false)) {                                                                         \
                        name();                                                                             \
                        end();                                                                              \
                }                                                                                           \
        }                                                                                                   \
        Test(suite, name##_user, .timeout = 180) {                                                          \
                if (begin(true)) {                                                                          \
                        name();                                                                             \
                        end();                                                                              \
                }                                                                                           \
        }                                                                                                   \
        static void name(void)

/* ---- programs behind mounts ---- */

static char *below(const char *name) {
        static char paths[64][128];
        static unsigned next;
        char *path = paths[next++ % 64];

        snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
        return path;
}

/* What `sh -c script` writes behind these mounts, and its status; -1: it could not start, see error. */
static int behind(const struct policy_mount *list, size_t n, const char *script, struct mounts **ret_mounts,
                  char *output, size_t size) {
        char *argv[] = { (char *)"sh", (char *)"-c", (char *)script, NULL };
        struct launch launch = LAUNCH_INIT;
        struct mounts *mounts;
        struct job job;
        int out, saved, status = -1, r = mounts_prepare(list, n, &mounts, error);

        cr_assert_geq(r, 0);
        if (r)
                return -1;
        out = memfd_create("output", MFD_CLOEXEC);
        saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        fflush(stdout);
        dup2(out, STDOUT_FILENO);
        cr_assert_eq(job_init(&job), 0);
        r = launch_start(
                &(struct launch_options){
                        .argv = argv, .mask = &job.mask, .on_child = &job.on_child, .mounts = mounts },
                &launch);
        if (r)
                snprintf(error, sizeof(error), "%.700s", launch.error);
        else {
                launch_go(&launch);
                cr_assert_eq(waitpid(launch.pid, &status, 0), launch.pid);
                status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
        }
        job_deinit(&job);
        dup2(saved, STDOUT_FILENO);
        fd_close(saved);
        output[pread(out, output, size - 1, 0)] = 0;
        fd_close(out);
        launch_deinit(&launch);
        if (ret_mounts && r == 0)
                *ret_mounts = mounts;
        else
                mounts_free(mounts);
        return status;
}

static const char *run(const char *script) {
        static char output[8192];
        FILE *stream = popen(script, "r");
        size_t n;

        cr_assert_not_null(stream);
        n = fread(output, 1, sizeof(output) - 1, stream);
        output[n] = 0;
        pclose(stream);
        return output;
}

/* A user namespace of an ordinary user knows no groups but his own: the others have no names there. */
#define STATUS                                                                                              \
        "grep -E '^(Uid|Gid|Cap|Sig[BIC]|Umask|NoNewPrivs|Seccomp:|Name)' /proc/self/status; pwd; "         \
        "ls /proc/self/fd | wc -l; id -u; id -g"
#define STATUS_AND_GROUPS STATUS "; grep Groups /proc/self/status; id"

BOTH(mounts, a_program_is_who_it_was) {
        struct policy_mount mount = { POLICY_TMPFS, NULL, below("t"), false };
        const char *status = geteuid() != 0 && getgroups(0, NULL) > 0 ? STATUS : STATUS_AND_GROUPS;
        char native[8192], output[8192];

        cr_assert_eq(mkdir("t", 0755), 0);
        umask(027);
        signal(SIGUSR1, SIG_IGN);
        cr_assert_eq(behind(NULL, 0, status, NULL, native, sizeof(native)), 0);
        cr_assert_eq(behind(&mount, 1, status, NULL, output, sizeof(output)), 0, "%s", error);
        cr_assert_str_eq(native, output);
        cr_assert(strstr(native, "Umask:\t0027"));
}

BOTH(mounts, binds) {
        run("echo original >file; echo other >other; mkdir -p from/sub to; echo x >from/sub/x; ln -s to "
            "link");
        struct policy_mount list[] = {
                { POLICY_BIND, below("other"), below("file"), true },
                { POLICY_BIND, below("from"), below("link"), false },
        };
        char output[8192];

        cr_assert_eq(
                behind(list, 2,
                       "cat file; (echo changed >file) 2>&1 | grep -o Read-only; cat to/sub/x; echo y >to/y",
                       NULL, output, sizeof(output)),
                0, "%s", error);
        cr_assert_str_eq(output, "other\nRead-only\nx\n");
        cr_assert_str_eq(run("cat file from/y; ls to"), "original\ny\n", "seen by nobody else");
}

BOTH(mounts, a_bind_of_what_a_later_mount_covers) {
        run("mkdir a b; echo a >a/f; echo b >b/f");
        struct policy_mount list[] = {
                { POLICY_BIND, below("b"), below("a"), false },
                { POLICY_BIND, below("a"), below("b"), false },
        };
        char output[8192];

        cr_assert_eq(behind(list, 2, "cat a/f b/f", NULL, output, sizeof(output)), 0, "%s", error);
        cr_assert_str_eq(output, "b\na\n", "from is the tree without the policy");
}

BOTH(mounts, tmpfs_has_the_mode_of_what_it_covers) {
        run("mkdir t; chmod 1770 t; touch t/file");
        struct policy_mount mount = { POLICY_TMPFS, NULL, below("t"), false };
        char output[8192], native[8192];

        cr_assert_eq(
                behind(&mount, 1, "stat -c '%a %u %g' t; ls t; touch t/new", NULL, output, sizeof(output)),
                0, "%s", error);
        snprintf(native, sizeof(native), "1770 %u %u\n", geteuid(), getegid());
        cr_assert_str_eq(output, native);
        cr_assert_str_eq(run("ls t"), "file\n");
}

BOTH(mounts, the_program_is_looked_for_behind_them) {
        run("mkdir bin from; printf '#!/bin/sh\\nexit 0\\n' >from/tool; chmod 755 from/tool");
        struct policy_mount mount = { POLICY_BIND, below("from"), below("bin"), false };
        struct job job;
        struct mounts *mounts;
        struct launch launch = LAUNCH_INIT;
        char *argv[] = { below("bin/tool"), NULL };
        int status;

        cr_assert_eq(mounts_prepare(&mount, 1, &mounts, error), 0);
        cr_assert_eq(job_init(&job), 0);
        struct launch_options options = {
                .argv = argv, .mask = &job.mask, .on_child = &job.on_child, .mounts = mounts
        };

        cr_assert_eq(launch_start(&options, &launch), 0, "%s", launch.error);
        cr_assert_str_eq(launch.path, argv[0]);
        launch_go(&launch);
        cr_assert_eq(waitpid(launch.pid, &status, 0), launch.pid);
        cr_assert_eq(status, 0);
        launch_deinit(&launch);
        argv[0] = below("bin/none");
        launch = LAUNCH_INIT;
        cr_assert_eq(launch_start(&options, &launch), LAUNCH_E_NOT_FOUND);
        cr_assert(strstr(launch.error, "bin/none: No such file"), "%s", launch.error);
        launch_deinit(&launch);
        job_deinit(&job);
        mounts_free(mounts);
}

BOTH(mounts, what_cannot_be_mounted_is_said) {
        run("mkdir -p dir/upper/in dir/work ch; touch file");
        cr_assert_eq(chdir("dir"), 0);
        struct policy_mount both[2];
        const struct {
                struct policy_mount mount;
                const char *words;
        } rows[] = {
                { { POLICY_BIND, below("file"), below("none"), false }, "binds: %s/none: No such file" },
                { { POLICY_BIND, below("none"), below("file"), false },
                  "binds: %s/file: from: %s/none: No such" },
                { { POLICY_BIND, below("file"), below("dir"), false },
                  "binds: %s/dir: is a folder and from: " },
                { { POLICY_BIND, below("dir"), below("file"), false },
                  "binds: %s/file: is a file and from: " },
                { { POLICY_TMPFS, NULL, below("file"), false }, "tmpfs: %s/file: is a file, and only" },
                { { POLICY_OVERLAY, below("ch"), below("file"), false },
                  "overlays: %s/file: is a file, and only" },
                { { POLICY_OVERLAY, below("dir"), below("dir/upper/in"), false },
                  "nor the tree inside changes" },
                { { POLICY_OVERLAY, below("x/y"), below("dir"), false },
                  "overlays: %s/dir: changes: %s/x/y: cannot" },
                { { POLICY_TMPFS, NULL, folder, false }, "start the program from another folder" },
        };
        char output[64], wanted[256];
        struct mounts *mounts;

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                error[0] = 0;
                cr_expect_eq(behind(&rows[i].mount, 1, "true", NULL, output, sizeof(output)), -1, "row %zu",
                             i);
                snprintf(wanted, sizeof(wanted), rows[i].words, folder, folder);
                cr_expect(strstr(error, wanted), "row %zu: '%s' is not in '%s'", i, wanted, error);
        }
        both[0] = both[1] = (struct policy_mount){ POLICY_OVERLAY, below("ch"), below("dir"), false };
        cr_assert_eq(mounts_prepare(both, 1, &mounts, error), 0);
        cr_assert_eq(behind(both, 1, "true", NULL, output, sizeof(output)), -1);
        cr_assert(strstr(error, "another program is running on these changes"), "%s", error);
        mounts_free(mounts);
}

/* Behind mounts too the first call that is notified is execve, and whoever holds the listener can read it.
 */
BOTH(mounts, a_supervisor_sees_through) {
        struct policy_mount mount = { POLICY_TMPFS, NULL, below("t"), false };
        char *argv[] = { (char *)"true", NULL }, path[256] = "";
        struct launch launch = LAUNCH_INIT;
        struct filter everything;
        struct kernel kernel;
        struct mounts *mounts;
        struct job job;
        size_t n = 0;
        int status;

        cr_assert_eq(mkdir("t", 0755), 0);
        cr_assert_eq(filter_notify_all(&everything), 0);
        cr_assert_eq(kernel_linux(&kernel), 0);
        cr_assert_eq(mounts_prepare(&mount, 1, &mounts, error), 0);
        cr_assert_eq(job_init(&job), 0);
        cr_assert_eq(launch_start(&(struct launch_options){ .argv = argv,
                                                            .filter = &everything,
                                                            .listener = true,
                                                            .mask = &job.mask,
                                                            .on_child = &job.on_child,
                                                            .mounts = mounts },
                                  &launch),
                     0, "%s", launch.error);
        launch_go(&launch);
        for (;; n++) {
                struct pollfd pollfd = { .fd = launch.listener_fd, .events = POLLIN };
                union kernel_notif buffer = { 0 };
                struct seccomp_notif_resp response;
                struct seccomp_notif notif;

                cr_assert_geq(poll(&pollfd, 1, 60000), 1);
                if (pollfd.revents & POLLHUP)
                        break;
                if (kernel.receive(NULL, launch.listener_fd, &buffer) != 0)
                        continue;
                notif = buffer.notif;
                if (n == 0) {
                        cr_assert_eq(notif.data.nr, SYS_execve);
                        cr_assert_gt(kernel.read_memory(NULL, notif.pid, notif.data.args[0], path, 8), 0);
                } else
                        cr_assert_gt(kernel.read_proc(NULL, notif.pid, "status", path, 64, 0), 0);
                response = (struct seccomp_notif_resp){ .id = notif.id,
                                                        .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
                kernel.answer(NULL, launch.listener_fd, &response);
        }
        cr_assert_gt(n, 3);
        cr_assert_eq(waitpid(launch.pid, &status, 0), launch.pid);
        cr_assert_eq(status, 0);
        launch_deinit(&launch);
        job_deinit(&job);
        filter_deinit(&everything);
        mounts_free(mounts);
}

/* ---- overlays ---- */

/* "+made ~changed !replaced -removed >moved<from" */
static const char *listed(struct mounts *mounts, size_t i) {
        static char text[4096];
        struct mounts_overlay overlay;
        struct changes changes;
        size_t n = 0;

        cr_assert(mounts_overlay(mounts, i, &overlay));
        cr_assert_eq(changes_list(&overlay, &changes), 0);
        text[0] = 0;
        for (size_t k = 0; k < changes.n; k++) {
                const struct change *change = &changes.changes[k];

                n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%c%s%s%s", k ? " " : "",
                                      "+>~!-"[change->kind], change -> path, change -> from ? "<" : "",
                                      change->from ? change->from : "");
        }
        cr_expect_eq(changes.n_unread, 0);
        changes_deinit(&changes);
        return text;
}

#define TREE                                                                                                \
        "mkdir -p t/a/deep t/b ch; echo one >t/a/one; echo two >t/a/deep/two; echo three >t/b/three; "      \
        "ln -s one t/a/link; chmod 750 t; touch -d 2001-01-01 t/a/one t/a/deep/two"
#define SUMS                                                                                                \
        "find t -path t/ch -prune -o -printf '%p %M %U %T@ %l\\n' | sort; "                                 \
        "find t -path t/ch -prune -o -type f -exec sha256sum {} + | sort"

BOTH(overlays, take_the_changes) {
        run(TREE);
        struct policy_mount mount = { POLICY_OVERLAY, below("ch"), below("t"), false };
        char before[8192], output[8192];
        struct mounts *mounts;

        strcpy(before, run(SUMS));
        cr_assert_eq(
                behind(&mount, 1,
                       "set -e; stat -c '%a %u' t; echo more >>t/a/one; rm -r t/b; mkdir t/b; "
                       "echo new >t/b/new; ln -sf two t/a/link; rm t/a/deep/two; touch t/a/.x; rm t/a/.x; "
                       "echo x >t/x; cat t/a/one t/b/new; ls t/b t/a/deep",
                       &mounts, output, sizeof(output)),
                0, "%s %s", error, output);
        cr_assert(strstr(output, "750"));
        cr_assert(strstr(output, "one\nmore\nnew\nt/a/deep:\n\nt/b:\nnew\n"), "%s", output);
        cr_assert_str_eq(listed(mounts, 0), "-a/deep/two ~a/link ~a/one !b +b/new +x");
        mounts_free(mounts);
        cr_assert_str_eq(run(SUMS), before, "the original is untouched");

        /* The next program finds what the first one left. */
        cr_assert_eq(behind(&mount, 1, "cat t/a/one; rm -r t/a; rm t/x", &mounts, output, sizeof(output)), 0,
                     "%s %s", error, output);
        cr_assert_str_eq(output, "one\nmore\n");
        cr_assert_str_eq(listed(mounts, 0), "-a !b +b/new");
        mounts_free(mounts);
        cr_assert_str_eq(run(SUMS), before, "the original is untouched");
}

BOTH(overlays, folders_that_move) {
        run(TREE);
        struct policy_mount mount = { POLICY_OVERLAY, below("ch"), below("t"), false };
        char before[8192], output[8192];
        struct mounts *mounts;
        const char *list;

        strcpy(before, run(SUMS));
        cr_assert_eq(behind(&mount, 1, "set -e; mv t/a t/c; echo x >t/c/deep/x; mv t/c/deep t/c/deeper",
                            &mounts, output, sizeof(output)),
                     0, "%s %s", error, output);
        list = listed(mounts, 0);
        if (mounts_in_user_namespace(mounts))
                cr_assert_str_eq(list, "-a +c +c/deeper +c/deeper/two +c/deeper/x +c/link +c/one");
        else
                cr_assert_str_eq(list, "-a >c<a -c/deep >c/deeper<a/deep +c/deeper/x");
        mounts_free(mounts);
        cr_assert_str_eq(run(SUMS), before);
}

BOTH(overlays, what_only_was_opened_is_no_change) {
        run(TREE);
        struct policy_mount mount = { POLICY_OVERLAY, below("ch"), below("t"), false };
        char output[64];
        struct mounts *mounts;

        cr_assert_eq(behind(&mount, 1, "true >>t/a/one; chmod 640 t/a/deep/two; chmod 700 t/b", &mounts,
                            output, sizeof(output)),
                     0, "%s", error);
        cr_assert_str_eq(listed(mounts, 0), "~a/deep/two ~b");
        mounts_free(mounts);
}

BOTH(overlays, the_working_directory_is_seen_through_them) {
        run(TREE);
        struct policy_mount mount = { POLICY_OVERLAY, below("ch"), below("t"), false };
        char before[8192], output[256];
        struct mounts *mounts;

        strcpy(before, run(SUMS));
        cr_assert_eq(chdir("t/a"), 0);
        cr_assert_eq(behind(&mount, 1, "pwd -P; echo x >here; ls ../a/here; rm ../b/three", &mounts, output,
                            sizeof(output)),
                     0, "%s", error);
        cr_assert_eq(chdir(folder), 0);
        cr_assert(strstr(output, "/t/a\n../a/here\n"), "%s", output);
        cr_assert_str_eq(listed(mounts, 0), "+a/here -b/three");
        mounts_free(mounts);
        cr_assert_str_eq(run(SUMS), before);
}

BOTH(overlays, changes_inside_the_tree_are_out_of_reach) {
        run(TREE "; mkdir t/ch");
        struct policy_mount mount = { POLICY_OVERLAY, below("t/ch"), below("t"), false };
        char before[8192], output[256];
        struct mounts *mounts;

        strcpy(before, run(SUMS));
        cr_assert_eq(behind(&mount, 1, "echo x >t/x; ls t/ch/upper 2>&1 | grep -o 'Too many'", &mounts,
                            output, sizeof(output)),
                     0, "%s", error);
        cr_assert_str_eq(output, "Too many\n");
        cr_assert_str_eq(listed(mounts, 0), "+x");
        mounts_free(mounts);
        cr_assert_str_eq(run(SUMS), before);
}

BOTH(overlays, a_bind_lies_on_top_whatever_the_order) {
        run(TREE "; echo licence >other");
        struct policy_mount list[] = {
                { POLICY_BIND, below("other"), below("t/a/one"), false },
                { POLICY_OVERLAY, below("ch"), below("t"), false },
        };
        char output[256];
        struct mounts *mounts;

        cr_assert_eq(behind(list, 2, "cat t/a/one; echo y >t/y", &mounts, output, sizeof(output)), 0, "%s",
                     error);
        cr_assert_str_eq(output, "licence\n");
        cr_assert_str_eq(listed(mounts, 0), "+y");
        mounts_free(mounts);
}

/* In a process and a namespace of its own, so that the folder can be removed afterwards. */
static void with_a_mount_inside(bool user) {
        struct policy_mount mount = { POLICY_OVERLAY, below("ch"), below("t"), false };
        char output[256];

        if (unshare(CLONE_NEWNS) < 0 ||
            syscall(SYS_mount, NULL, "/", NULL, (1ul << 18) | (1ul << 14), NULL) < 0 ||
            syscall(SYS_mount, below("t/b"), below("t/a/deep"), NULL, 4096ul, NULL) < 0)
                _exit(1);
        if (user &&
            (setgroups(0, NULL) < 0 || setresgid(USER, USER, USER) < 0 || setresuid(USER, USER, USER) < 0))
                _exit(2);
        if (user) {
                bool refused = behind(&mount, 1, "true", NULL, output, sizeof(output)) == -1;

                _exit(refused && strstr(error, "another file system is mounted inside, at ") ? 0 : 3);
        }
        if (behind(&mount, 1,
                   "cat t/a/deep/three; (echo x >t/a/deep/three) 2>&1 | grep -o Read-only; echo x >t/x",
                   NULL, output, sizeof(output)) != 0)
                _exit(4);
        _exit(strcmp(output, "three\nRead-only\n") == 0 ? 0 : 5);
}

Test(overlays, what_is_mounted_inside, .timeout = 180) {
        for (int user = 0; user < 2 && begin(false); user++) {
                int status;
                pid_t pid;

                run(TREE);
                if (chown("t", USER, USER) < 0 || chown("ch", USER, USER) < 0)
                        cr_assert(false);
                pid = fork();
                if (pid == 0)
                        with_a_mount_inside(user);
                waitpid(pid, &status, 0);
                cr_assert_eq(status, 0, "%d: %x", user, (unsigned)status);
                end();
        }
}

/* The whole tree as an overlay: the root of the program is its own, and /proc works in it. */
Test(overlays, of_the_root, .timeout = 180) {
        char output[256];
        struct policy_mount mount = { POLICY_OVERLAY, NULL, (char *)(uintptr_t) "/", false };
        struct mounts *mounts;

        if (!begin(false))
                return;
        run("mkdir ch; echo x >x");
        mount.from = below("ch");
        if (behind(&mount, 1, "rm x; cat /proc/self/comm; echo y >/y.callgate; pwd", &mounts, output,
                   sizeof(output)) != 0)
                cr_assert(strstr(error, "cannot be overlaid"), "%s", error);
        else {
                char wanted[256];

                snprintf(wanted, sizeof(wanted), "cat\n%s\n", folder);
                cr_assert_str_eq(output, wanted);
                snprintf(wanted, sizeof(wanted), "-%s/x +y.callgate", folder + 1);
                cr_assert_str_eq(listed(mounts, 0), wanted);
                mounts_free(mounts);
                cr_assert_eq(access("x", F_OK), 0);
                cr_assert_eq(access("/y.callgate", F_OK), -1);
        }
        end();
}
