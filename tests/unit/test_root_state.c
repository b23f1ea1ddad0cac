/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "supervisor/emulate/root_state.h"

static char folder[] = "/tmp/callgate-root-state.XXXXXX";

static void setup(void) {
        cr_assert_not_null(mkdtemp(folder));
        cr_assert_eq(chdir(folder), 0);
}

static void teardown(void) {
        unlink("state");
        if (chdir("/") == 0)
                rmdir(folder);
}

TestSuite(root_state, .init = setup, .fini = teardown);

static void put(const char *text) {
        cleanup_fd int fd = open("state", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        cr_assert_eq(fd_write_all(fd, text, strlen(text)), 0);
}

Test(root_state, kept_from_one_to_the_next) {
        struct root_files files = ROOT_FILES_INIT;
        struct root_file_key key = { 8, 1, 77, 5, 6 };
        struct root_state state;
        struct root_file *file;
        struct stat st;
        char error[200];

        cr_assert_eq(root_state_open(&state, "state", &files, error, sizeof(error)), 0, "%s", error);
        cr_assert_eq(root_files_get(&files, &key, &file), 0);
        file->uid = 33;
        /* A change of directory in between means nothing. */
        cr_assert_eq(chdir("/"), 0);
        cr_assert_eq(root_state_save(&state, &files, error, sizeof(error)), 0);
        root_files_deinit(&files);
        cr_assert_eq(chdir(folder), 0);
        cr_assert_eq(root_state_open(&state, "state", &files, error, sizeof(error)), 0, "%s", error);
        cr_assert_eq(files.n, 1);
        cr_assert_eq(root_files_find(&files, &key)->uid, 33);
        root_state_deinit(&state);
        root_files_deinit(&files);
        cr_assert_eq(stat("state", &st), 0);
        cr_assert_eq(st.st_nlink, 1);
}

Test(root_state, one_at_a_time) {
        struct root_files files = ROOT_FILES_INIT;
        struct root_state state, second;
        char error[200];

        cr_assert_eq(root_state_open(&state, "state", &files, error, sizeof(error)), 0);
        cr_assert_eq(root_state_open(&second, "state", &files, error, sizeof(error)), -EBUSY);
        cr_assert_str_eq(error, "state: another session uses it");
        cr_assert_eq(root_state_save(&state, &files, error, sizeof(error)), 0);
        cr_assert_eq(root_state_open(&second, "state", &files, error, sizeof(error)), 0);
        root_state_deinit(&second);
}

Test(root_state, broken_is_said_with_its_place) {
        struct root_files files = ROOT_FILES_INIT;
        struct root_state state;
        char error[200];

        put("callgate-root 1\nfile 8:1 1 1.000000000 uid=1\n");
        cr_assert_eq(root_state_open(&state, "state", &files, error, sizeof(error)), -EINVAL);
        cr_assert_str_eq(error, "state:3: the file is cut off here");
        cr_assert_eq(state.fd, -1);
        cr_assert_eq(files.n, 0);
        put("");
        cr_assert_eq(root_state_open(&state, "state", &files, error, sizeof(error)), 0);
        root_state_deinit(&state);
}

Test(root_state, places_where_nothing_can_be_kept) {
        struct root_files files = ROOT_FILES_INIT;
        struct root_state state;
        char error[200];

        cr_assert_eq(root_state_open(&state, "none/state", &files, error, sizeof(error)), -ENOENT);
        cr_assert_str_eq(error, "none/state: No such file or directory");
        cr_assert_lt(root_state_open(&state, ".", &files, error, sizeof(error)), 0);
        cr_assert_eq(mkfifo("state", 0600), 0);
        cr_assert_eq(root_state_open(&state, "state", &files, error, sizeof(error)), -EINVAL);
        cr_assert_str_eq(error, "state: not a file");
}
