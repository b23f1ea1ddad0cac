/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/output.h"

static char folder[64];

static void setup(void) {
        strcpy(folder, "/tmp/callgate-unit-XXXXXX");
        cr_assert_not_null(mkdtemp(folder));
        cr_assert_eq(chdir(folder), 0);
}

static void teardown(void) {
        char command[128];

        snprintf(command, sizeof(command), "rm -rf %s", folder);
        cr_assert_eq(system(command), 0);
}

TestSuite(output, .init = setup, .fini = teardown, .timeout = 300);

static int n_entries(void) {
        DIR *directory = opendir(".");
        int n = -2;

        while (readdir(directory))
                n++;
        closedir(directory);
        return n;
}

static void expect_content(const char *path, const char *text) {
        char got[256] = "";
        FILE *file = fopen(path, "r");

        cr_assert_not_null(file, "%s", path);
        got[fread(got, 1, sizeof(got) - 1, file)] = 0;
        fclose(file);
        cr_assert_str_eq(got, text);
}

static void put(const char *path, const char *text) {
        FILE *file = fopen(path, "w");

        fputs(text, file);
        fclose(file);
}

Test(output, appears_on_commit) {
        struct output output;

        cr_assert_eq(output_open(&output, "result"), 0);
        fputs("text", output.stream);
        fflush(output.stream);
        cr_assert_neq(access("result", F_OK), 0);
        cr_assert_eq(output_commit(&output), 0);
        expect_content("result", "text");
        cr_assert_eq(n_entries(), 1);
        cr_assert_null(output.stream);
}

Test(output, replaces_as_a_whole) {
        struct output output;

        put("result", "an older and longer text");
        chmod("result", 0640);
        cr_assert_eq(output_open(&output, "result"), 0);
        fputs("new", output.stream);
        expect_content("result", "an older and longer text");
        cr_assert_eq(output_commit(&output), 0);
        expect_content("result", "new");
        cr_assert_eq(n_entries(), 1);
}

Test(output, abort_leaves_no_trace) {
        struct output output = OUTPUT_INIT;

        output_abort(&output);
        cr_assert_eq(output_open(&output, "result"), 0);
        fputs("text", output.stream);
        output_abort(&output);
        output_abort(&output);
        cr_assert_eq(n_entries(), 0);
        put("result", "old");
        cr_assert_eq(output_open(&output, "result"), 0);
        output_abort(&output);
        expect_content("result", "old");
        cr_assert_eq(n_entries(), 1);
}

/* Killed with its text written, its name not yet taken. */
Test(output, killed_leaves_no_trace) {
        int status, nameless = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        pid_t pid;

        if (nameless < 0)
                cr_skip_test("this file system has no nameless files");
        close(nameless);
        put("result", "old");
        pid = fork();
        if (pid == 0) {
                struct output output;

                if (output_open(&output, "result") != 0)
                        _exit(1);
                fputs("new", output.stream);
                fflush(output.stream);
                raise(SIGKILL);
        }
        waitpid(pid, &status, 0);
        cr_assert(WIFSIGNALED(status));
        expect_content("result", "old");
        cr_assert_eq(n_entries(), 1);
}

Test(output, mode_follows_umask_or_the_old_file) {
        struct output output;
        struct stat st;

        umask(027);
        output_open(&output, "fresh");
        output_commit(&output);
        cr_assert_eq(stat("fresh", &st), 0);
        cr_assert_eq(st.st_mode & 07777, 0640);
        cr_assert_eq(umask(022), 027);
        put("old", "");
        chmod("old", 0600);
        output_open(&output, "old");
        output_commit(&output);
        cr_assert_eq(stat("old", &st), 0);
        cr_assert_eq(st.st_mode & 07777, 0600);
}

Test(output, folders) {
        struct output output;

        mkdir("sub", 0755);
        cr_assert_eq(output_open(&output, "sub/result"), 0);
        fputs("text", output.stream);
        cr_assert_eq(output_commit(&output), 0);
        expect_content("sub/result", "text");
        cr_assert_eq(output_open(&output, "nowhere/result"), -ENOENT);
        cr_assert_eq(output_open(&output, ""), -ENOENT);
        cr_assert_eq(output_open(&output, "sub/"), -EISDIR);
        cr_assert_eq(output_open(&output, "fresh/"), -EISDIR);
        put("file", "");
        cr_assert_eq(output_open(&output, "file/result"), -ENOTDIR);
}

Test(output, a_directory_is_not_replaced) {
        struct output output;

        mkdir("directory", 0755);
        cr_assert_eq(output_open(&output, "directory"), -EISDIR);
        cr_assert_eq(n_entries(), 1);
}

/* Of root: to write where the mode does not let its owner. */
static int give_up_privilege(void) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct none[2] = { 0 };

        return (int)syscall(SYS_capset, &header, none);
}

Test(output, a_folder_that_may_not_be_written) {
        int status;
        pid_t pid;

        mkdir("closed", 0555);
        pid = fork();
        if (pid == 0) {
                struct output output;

                if (give_up_privilege() != 0)
                        _exit(1);
                _exit(output_open(&output, "closed/result") == -EACCES ? 0 : 2);
        }
        waitpid(pid, &status, 0);
        cr_assert_eq(status, 0);
}

Test(output, standard_output_stays_open) {
        struct output output;

        cr_assert_eq(output_open(&output, "-"), 0);
        cr_assert_eq(output.stream, stdout);
        cr_assert_eq(output_commit(&output), 0);
        cr_assert_geq(fcntl(STDOUT_FILENO, F_GETFD), 0);
        cr_assert_neq(access("-", F_OK), 0);
}

/* What is no regular file is written to, not replaced. */
Test(output, fifo_is_written_in_place) {
        struct stat st;
        int status;
        pid_t pid;

        cr_assert_eq(mkfifo("fifo", 0600), 0);
        pid = fork();
        if (pid == 0) {
                struct output output;

                if (output_open(&output, "fifo") != 0)
                        _exit(1);
                fputs("text", output.stream);
                _exit(output_commit(&output) == 0 ? 0 : 2);
        }
        expect_content("fifo", "text");
        waitpid(pid, &status, 0);
        cr_assert_eq(status, 0);
        cr_assert_eq(stat("fifo", &st), 0);
        cr_assert(S_ISFIFO(st.st_mode));
        cr_assert_eq(n_entries(), 1);
}

Test(output, a_full_device_is_an_error) {
        struct output output;

        cr_assert_eq(output_open(&output, "/dev/full"), 0);
        fputs("text", output.stream);
        cr_assert_eq(output_commit(&output), -ENOSPC);
}

Test(output, a_file_system_limit_is_an_error_and_the_old_file_stays) {
        struct output output;
        int status;
        pid_t pid;

        put("result", "old");
        pid = fork();
        if (pid == 0) {
                struct rlimit limit = { 8192, 8192 };
                char block[4096] = { 0 };

                signal(SIGXFSZ, SIG_IGN);
                if (output_open(&output, "result") != 0)
                        _exit(1);
                if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
                        _exit(2);
                for (int i = 0; i < 10; i++)
                        fwrite(block, 1, sizeof(block), output.stream);
                _exit(output_commit(&output) == -EFBIG ? 0 : 3);
        }
        waitpid(pid, &status, 0);
        cr_assert_eq(status, 0);
        expect_content("result", "old");
        cr_assert_eq(n_entries(), 1);
}
