/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/job.h"
#include "agent/launch.h"
#include "base/fd.h"
#include "supervisor/kernel.h"

static struct job job;
static struct filter everything;

static void setup(void) {
        cr_assert_eq(job_init(&job), 0);
        cr_assert_eq(filter_notify_all(&everything), 0);
}

static void teardown(void) {
        filter_deinit(&everything);
        job_deinit(&job);
}

TestSuite(launch, .init = setup, .fini = teardown, .timeout = 180);

static int start(char *const *argv, const struct filter *filter, struct launch *launch) {
        struct launch_options options = {
                .argv = argv,
                .filter = filter,
                .listener = filter != NULL,
                .mask = &job.mask,
                .on_child = &job.on_child,
        };

        *launch = LAUNCH_INIT;
        return launch_start(&options, launch);
}

static int wait_for(pid_t pid) {
        int status;

        cr_assert_eq(waitpid(pid, &status, 0), pid);
        return status;
}

/* Answers everything with CONTINUE; returns the numbers of the first calls. */
static size_t serve(int listener, int *ret_nrs, size_t max) {
        struct kernel kernel;
        size_t n = 0;

        cr_assert_eq(kernel_linux(&kernel), 0);
        for (;;) {
                struct pollfd pollfd = { .fd = listener, .events = POLLIN };
                union kernel_notif buffer = { 0 };
                struct seccomp_notif_resp response;
                struct seccomp_notif notif;

                cr_assert_geq(poll(&pollfd, 1, 60000), 1);
                if (pollfd.revents & POLLHUP)
                        return n;
                if (kernel.receive(NULL, listener, &buffer) != 0)
                        continue;
                notif = buffer.notif;
                if (n < max)
                        ret_nrs[n] = notif.data.nr;
                n++;
                response = (struct seccomp_notif_resp){ .id = notif.id,
                                                        .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
                kernel.answer(NULL, listener, &response);
        }
}

Test(launch, nothing_is_notified_before_execve) {
        char *argv[] = { (char *)"true", NULL };
        struct launch launch;
        int nrs[4] = { 0 };

        cr_assert_eq(start(argv, &everything, &launch), 0, "%s", launch.error);
        cr_assert_geq(launch.listener_fd, 0);
        launch_go(&launch);
        cr_assert_gt(serve(launch.listener_fd, nrs, 4), 3);
        cr_assert_eq(nrs[0], SYS_execve, "the first call is execve");
        cr_assert_eq(wait_for(launch.pid), 0);
        cr_assert_eq(launch_executed(&launch), 0);
        launch_deinit(&launch);
}

Test(launch, a_child_that_may_not_go_is_gone) {
        char *argv[] = { (char *)"true", NULL };
        struct launch launch;
        pid_t pid;

        cr_assert_eq(start(argv, &everything, &launch), 0);
        pid = launch.pid;
        launch_abort(&launch);
        cr_assert_eq(waitpid(pid, NULL, WNOHANG), -1, "it was waited for");
        launch_deinit(&launch);
}

/* The supervisor is gone before it answers execve, or while it should: the child must not keep its own
 * listener open. */
Test(launch, a_listener_that_is_closed_leaves_nobody_waiting) {
        for (int received = 0; received < 2; received++) {
                struct pollfd pollfd = { .events = POLLIN };
                union kernel_notif buffer = { 0 };
                struct kernel kernel;
                struct launch launch;

                cr_assert_eq(kernel_linux(&kernel), 0);
                cr_assert_eq(start((char *[]){ (char *)"true", NULL }, &everything, &launch), 0);
                launch_go(&launch);
                pollfd.fd = launch.listener_fd;
                cr_assert_eq(poll(&pollfd, 1, -1), 1);
                if (received)
                        cr_assert_eq(kernel.receive(NULL, launch.listener_fd, &buffer), 0);
                launch.listener_fd = fd_close(launch.listener_fd);
                cr_assert(WIFSIGNALED(wait_for(launch.pid)), "exit_group is not to be had either");
                cr_assert_eq(launch_executed(&launch), LAUNCH_E_NOT_EXECUTABLE);
                launch_deinit(&launch);
        }
}

/* The launcher is killed between two lines. Who has a copy of the pipe's end is alive. */
Test(launch, a_child_whose_launcher_is_killed_does_not_wait) {
        int ends[2];
        char byte;
        pid_t launcher;

        cr_assert_eq(pipe(ends), 0);
        launcher = fork();
        if (launcher == 0) {
                struct launch launch;

                if (start((char *[]){ (char *)"true", NULL }, &everything, &launch) == 0)
                        kill(getpid(), SIGKILL);
                _exit(1);
        }
        close(ends[1]);
        cr_assert_eq(wait_for(launcher), SIGKILL);
        cr_assert_eq(read(ends[0], &byte, 1), 0);
        close(ends[0]);
}

/* As in a container under docker's default profile. */
Test(launch, where_unshare_is_refused) {
        struct sock_filter insns[] = {
                { BPF_LD | BPF_W | BPF_ABS, 0, 0, 0 },
                { BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_unshare },
                { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM },
                { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW },
        };
        struct sock_fprog program = { 4, insns };
        struct launch launch;
        int nrs[4];

        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
        cr_assert_lt(unshare(CLONE_FILES), 0);
        cr_assert_eq(start((char *[]){ (char *)"true", NULL }, &everything, &launch), 0, "%s", launch.error);
        launch_go(&launch);
        cr_assert_gt(serve(launch.listener_fd, nrs, 4), 3);
        cr_assert_eq(wait_for(launch.pid), 0);
        launch_deinit(&launch);
}

Test(launch, commands_that_cannot_be_executed) {
        char folder[] = "/tmp/launch.XXXXXX", script[64], strange[64];
        char *missing[] = { (char *)"no-such-command-here", NULL }, *directory[] = { folder, NULL };
        char *not_executable[] = { script, NULL }, *interpreter[] = { strange, NULL };
        struct launch launch;
        FILE *file;

        /* A folder of the path that cannot be entered makes "missing" something else. */
        setenv("PATH", "/usr/bin:/bin", 1);
        cr_assert_not_null(mkdtemp(folder));
        snprintf(script, sizeof(script), "%s/script", folder);
        file = fopen(script, "w");
        fputs("exit 7\n", file);
        fclose(file);
        snprintf(strange, sizeof(strange), "%s/strange", folder);
        file = fopen(strange, "w");
        fputs("#!/no/such/interpreter\n", file);
        fclose(file);
        chmod(strange, 0755);

        cr_assert_eq(start(missing, NULL, &launch), LAUNCH_E_NOT_FOUND);
        launch_deinit(&launch);
        cr_assert_eq(start(directory, NULL, &launch), LAUNCH_E_NOT_EXECUTABLE);
        launch_deinit(&launch);
        cr_assert_eq(start(not_executable, NULL, &launch), LAUNCH_E_NOT_EXECUTABLE);
        launch_deinit(&launch);
        cr_assert_eq(start(interpreter, NULL, &launch), 0);
        launch_go(&launch);
        wait_for(launch.pid);
        cr_assert_eq(launch_executed(&launch), LAUNCH_E_NOT_FOUND);
        cr_assert(strstr(launch.error, "interpreter"));
        launch_deinit(&launch);

        /* A script without #! is run by the shell, as execvp(3) does. */
        chmod(script, 0755);
        cr_assert_eq(start(not_executable, NULL, &launch), 0);
        launch_go(&launch);
        cr_assert_eq(WEXITSTATUS(wait_for(launch.pid)), 7);
        cr_assert_eq(launch_executed(&launch), 0);
        launch_deinit(&launch);
        unlink(script);
        unlink(strange);
        rmdir(folder);
}

Test(launch, a_second_listener_is_explained) {
        char *argv[] = { (char *)"true", NULL };
        struct launch second;
        pid_t pid;
        int status;

        /* In a process of its own, which stays under its listener. */
        pid = fork();
        if (pid == 0) {
                struct sock_fprog program = { (unsigned short)everything.n, everything.insns };
                struct sock_filter allow = { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW };

                program = (struct sock_fprog){ 1, &allow };
                prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
                if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                            &program) < 0)
                        _exit(9);
                _exit(start(argv, &everything, &second) == LAUNCH_E_SUPERVISED &&
                                      strstr(second.error, "EBUSY")
                              ? 0
                              : 1);
        }
        waitpid(pid, &status, 0);
        cr_assert_eq(status, 0);
}
