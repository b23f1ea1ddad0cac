/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/emulate/root_files.h"

static struct root_file_key key_of(uint64_t ino, int64_t born) {
        return (struct root_file_key){ .dev_major = 8, .dev_minor = 1, .ino = ino, .born_s = born };
}

static struct root_file *get(struct root_files *files, uint64_t ino, int64_t born) {
        struct root_file_key key = key_of(ino, born);
        struct root_file *file;

        cr_assert_eq(root_files_get(files, &key, &file), 0);
        return file;
}

static struct root_file *find(const struct root_files *files, uint64_t ino, int64_t born) {
        struct root_file_key key = key_of(ino, born);

        return root_files_find(files, &key);
}

static char *text_of(const struct root_files *files) {
        char *text = NULL;
        size_t n;
        FILE *stream = open_memstream(&text, &n);

        root_files_write(files, stream);
        fclose(stream);
        return text;
}

Test(root_files, many_are_found_and_forgotten) {
        struct root_files files = ROOT_FILES_INIT;

        for (uint64_t i = 0; i < 5000; i++)
                get(&files, i, 1)->uid = (uint32_t)i;
        cr_assert_eq(files.n, 5000);
        for (uint64_t i = 0; i < 5000; i++)
                cr_assert_eq(find(&files, i, 1)->uid, i);
        for (uint64_t i = 0; i < 5000; i += 2) {
                struct root_file_key key = key_of(i, 1);

                root_files_drop(&files, &key);
        }
        cr_assert_eq(files.n, 2500);
        cr_assert_null(find(&files, 4, 1));
        cr_assert_not_null(find(&files, 5, 1));
        root_files_deinit(&files);
}

Test(root_files, an_inode_used_again_inherits_nothing) {
        struct root_files files = ROOT_FILES_INIT;
        struct root_file_key key = key_of(7, 200);

        get(&files, 7, 100)->uid = 33;
        cr_assert_null(find(&files, 7, 200));
        root_files_drop(&files, &key); /* another file: nothing happens */
        cr_assert_eq(files.n, 1);
        cr_assert_eq(get(&files, 7, 200)->uid, ROOT_REAL);
        cr_assert_eq(files.n, 1);
        cr_assert_null(find(&files, 7, 100));
        root_files_deinit(&files);
}

Test(root_files, what_says_nothing_is_forgotten) {
        struct root_files files = ROOT_FILES_INIT;
        struct root_file_key key = key_of(7, 1);
        struct root_file *file = get(&files, 7, 1);

        file->gid = 5;
        root_files_tidy(&files, &key);
        cr_assert_eq(files.n, 1);
        file->gid = ROOT_REAL;
        root_files_tidy(&files, &key);
        cr_assert_eq(files.n, 0);
        root_files_deinit(&files);
}

Test(root_files, shows) {
        struct statx stx = { .stx_uid = 1000, .stx_gid = 1001, .stx_mode = S_IFREG | 0600, .stx_size = 5 };
        struct statx other = { .stx_uid = 2, .stx_gid = 3, .stx_mode = S_IFREG | 0644 }, folder = stx;
        struct root_file device = {
                .uid = ROOT_REAL, .gid = 6, .mode = 0660, .type = S_IFBLK, .rdev_major = 8, .rdev_minor = 2
        };

        root_file_show(NULL, 1000, 1001, &other);
        cr_assert_eq(other.stx_uid, 2);
        cr_assert_eq(other.stx_gid, 3);
        folder.stx_mode = S_IFDIR | 0700;
        root_file_show(&device, 1000, 1001, &folder);
        cr_assert_eq(folder.stx_mode, S_IFDIR | 0660, "no directory turns into a device");
        root_file_show(&device, 1000, 1001, &stx);
        cr_assert_eq(stx.stx_uid, 0);
        cr_assert_eq(stx.stx_gid, 6);
        cr_assert_eq(stx.stx_mode, S_IFBLK | 0660);
        cr_assert_eq(stx.stx_rdev_major, 8);
        cr_assert_eq(stx.stx_rdev_minor, 2);
        cr_assert_eq(stx.stx_size, 0);
}

Test(root_files, xattrs) {
        struct root_files files = ROOT_FILES_INIT;
        struct root_file *file = get(&files, 1, 1);
        struct root_file_key key = key_of(1, 1);
        char name[16];

        cr_assert_eq(root_file_set_xattr(&files, file, "trusted.a", "abc", 3), 0);
        cr_assert_eq(root_file_set_xattr(&files, file, "trusted.a", "", 0), 0);
        cr_assert_eq(file->n_xattrs, 1);
        cr_assert_eq(files.xattr_bytes, 0);
        cr_assert_eq(root_file_xattr(file, "trusted.a")->n, 0);
        cr_assert_null(root_file_xattr(file, "trusted.b"));
        for (unsigned i = 1; i < ROOT_XATTRS_MAX; i++) {
                snprintf(name, sizeof(name), "trusted.%u", i);
                cr_assert_eq(root_file_set_xattr(&files, file, name, "x", 1), 0);
        }
        cr_assert_eq(root_file_set_xattr(&files, file, "trusted.more", "x", 1), -ENOSPC);
        cr_assert_eq(root_file_set_xattr(&files, file, "trusted.a", "xy", 2), 0, "in the place of another");
        cr_assert(root_file_remove_xattr(&files, file, "trusted.a"));
        cr_assert(!root_file_remove_xattr(&files, file, "trusted.a"));
        root_files_tidy(&files, &key);
        cr_assert_eq(files.n, 1);
        root_files_drop(&files, &key);
        cr_assert_eq(files.xattr_bytes, 0);
        root_files_deinit(&files);
}

Test(root_files, written_and_read_again) {
        struct root_files files = ROOT_FILES_INIT, again = ROOT_FILES_INIT;
        struct root_file *file = get(&files, 12, -3);
        char *text, *text_again, error[100];
        unsigned line;

        file->uid = 33;
        file->mode = 04755;
        file = get(&files, 3, 5);
        file->gid = 4294967294u;
        file->mode = 0;
        root_file_set_device(&files, file, S_IFCHR, 1, 1048575);
        cr_assert_eq(root_file_set_xattr(&files, file, "trusted.odd name%\n\xff", "\0\xff", 2), 0);
        cr_assert_eq(root_file_set_xattr(&files, file, "trusted.empty", "", 0), 0);
        text = text_of(&files);
        cr_assert_str_eq(text, "callgate-root 1\n"
                               "file 8:1 3 5.000000000 gid=4294967294 mode=0 char=1:1048575\n"
                               "xattr trusted.empty -\n"
                               "xattr trusted.odd%20name%25%0a%ff 00ff\n"
                               "file 8:1 12 -3.000000000 uid=33 mode=4755\n"
                               "end 2\n");
        cr_assert_eq(root_files_read(&again, text, strlen(text), &line, error, sizeof(error)), 0, "%u: %s",
                     line, error);
        cr_assert_eq(again.n, 2);
        file = find(&again, 3, 5);
        cr_assert_eq(root_file_xattr(file, "trusted.odd name%\n\xff")->n, 2);
        cr_assert_eq(file->type, S_IFCHR);
        cr_assert_eq(again.n_devices, 1);
        cr_assert_eq(root_files_type_of(&again, 8, 1, 3), S_IFCHR);
        cr_assert_eq(root_files_type_of(&again, 8, 1, 12), 0);
        cr_assert_eq(root_files_type_of(&again, 8, 2, 3), 0);
        cr_assert_eq(find(&again, 12, -3)->gid, ROOT_REAL);
        text_again = text_of(&again);
        cr_assert_eq(strlen(text), strlen(text_again));
        free(text);
        free(text_again);
        root_files_deinit(&files);
        root_files_deinit(&again);
}

Test(root_files, nothing_is_an_empty_store) {
        struct root_files files = ROOT_FILES_INIT;
        char error[100];
        unsigned line;

        cr_assert_eq(root_files_read(&files, "", 0, &line, error, sizeof(error)), 0);
        cr_assert_eq(files.n, 0);
}

struct broken {
        char text[160];
        unsigned line;
        char says[48];
};

ParameterizedTestParameters(root_files, broken) {
        static struct broken rows[] = {
                { "x", 1, "cut off" },
                { "\n", 1, "not a state" },
                { "callgate-root 2\n", 1, "another version" },
                { "callgate-root 1", 1, "cut off" },
                { "callgate-root 1\n", 2, "cut off" },
                { "callgate-root 1\nend 0", 2, "cut off" },
                { "callgate-root 1\nend 1\n", 2, "number of files" },
                { "callgate-root 1\nend 0 \n", 2, "number of files" },
                { "callgate-root 1\nend 0\n\n", 2, "follows" },
                { "callgate-root 1\nfoo\n", 2, "neither" },
                { "callgate-root 1\n\nend 0\n", 2, "neither" },
                { "callgate-root 1\nfile 8 1 1.000000000\n", 2, "not a device" },
                { "callgate-root 1\nfile 8:1 18446744073709551616 1.000000000\n", 2, "not a device" },
                { "callgate-root 1\nfile 8:1 1 1.5\n", 2, "not a device" },
                { "callgate-root 1\nfile 8:1 1 1.1000000000\n", 2, "not a device" },
                { "callgate-root 1\nfile 4294967296:1 1 1.000000000\n", 2, "not a device" },
                { "callgate-root 1\nfile 8:1 1 1.000000000 uid=4294967295\n", 2, "not one of" },
                { "callgate-root 1\nfile 8:1 1 1.000000000 mode=10000\n", 2, "not one of" },
                { "callgate-root 1\nfile 8:1 1 1.000000000 mode=8\n", 2, "not one of" },
                { "callgate-root 1\nfile 8:1 1 1.000000000 uid=1 uid=2\n", 2, "not one of" },
                { "callgate-root 1\nfile 8:1 1 1.000000000 char=1:2 block=1:2\n", 2, "not one of" },
                { "callgate-root 1\nfile 8:1 1 1.000000000  uid=1\n", 2, "not one of" },
                { "callgate-root 1\nfile 8:1 1 1.000000000 uid=1\nfile 8:1 1 2.000000000 uid=1\n", 3,
                  "before" },
                { "callgate-root 1\nxattr trusted.a 00\n", 2, "first file" },
                { "callgate-root 1\nfile 8:1 1 1.000000000\nxattr trusted.a\n", 3, "not a name" },
                { "callgate-root 1\nfile 8:1 1 1.000000000\nxattr trusted.a \n", 3, "no value" },
                { "callgate-root 1\nfile 8:1 1 1.000000000\nxattr trusted.a 0\n", 3, "hexadecimal" },
                { "callgate-root 1\nfile 8:1 1 1.000000000\nxattr trusted.a 0G\n", 3, "hexadecimal" },
                { "callgate-root 1\nfile 8:1 1 1.000000000\nxattr a%00 00\n", 3, "not a name" },
                { "callgate-root 1\nfile 8:1 1 1.000000000\nxattr a%0\n", 3, "not a name" },
                { "callgate-root 1\nfile 8:1 1 1.000000000\nxattr a 00\nxattr a 00\n", 4, "before" },
        };

        return cr_make_param_array(struct broken, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct broken *row, root_files, broken) {
        struct root_files files = ROOT_FILES_INIT;
        char error[100] = "";
        unsigned line;

        cr_assert_eq(root_files_read(&files, row->text, strlen(row->text), &line, error, sizeof(error)),
                     -EINVAL, "%s", row->text);
        cr_assert_eq(line, row->line, "%s: line %u", row->text, line);
        cr_assert_not_null(strstr(error, row->says), "%s: %s", row->text, error);
        cr_assert_eq(files.n, 0);
}
