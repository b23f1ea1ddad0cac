/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What files are pretended to be: owner, group, mode, device, extended attributes, kept beside what they
 * are. A file is its device, inode and time of birth, so that whoever gets the inode next inherits nothing;
 * file systems that know no birth leave it 0. Not locked: whoever holds the store does that.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#define ROOT_REAL             UINT32_MAX /* uid, gid, mode: nothing is pretended */
#define ROOT_FILES_MAX        (1u << 21)
#define ROOT_XATTRS_MAX       64 /* of one file */
#define ROOT_XATTR_NAME_MAX   255
#define ROOT_XATTR_SIZE_MAX   65536
#define ROOT_XATTRS_BYTES_MAX (64u << 20) /* of all files */

struct root_file_key {
        uint32_t dev_major, dev_minor;
        uint64_t ino;
        int64_t born_s;
        uint32_t born_ns;
};

struct root_xattr {
        struct root_xattr *next;
        size_t n;
        char *name;
        unsigned char value[];
};

struct root_file {
        struct root_file *next; /* in its bucket */
        struct root_file_key key;
        uint32_t uid, gid, mode; /* mode: 07777; or ROOT_REAL */
        uint32_t type;           /* S_IFCHR, S_IFBLK; 0: the real one */
        uint32_t rdev_major, rdev_minor;
        struct root_xattr *xattrs;
        size_t n_xattrs;
};

struct root_files {
        struct root_file **buckets;
        size_t n_buckets, n, n_devices, xattr_bytes;
        uint64_t seed; /* of the buckets: a state file may come from anybody */
};
#define ROOT_FILES_INIT ((struct root_files){ 0 })
void root_files_deinit(struct root_files *files);

struct root_file_key root_file_key(const struct statx *stx);

/* NULL: nothing is pretended. */
struct root_file *root_files_find(const struct root_files *files, const struct root_file_key *key);
/* The same, made where there is none: 0, -ENOMEM, -ENOSPC (too many). What was said of an earlier file of
 * the same inode is forgotten. */
int root_files_get(struct root_files *files, const struct root_file_key *key, struct root_file **ret);
/* Forgets files of which nothing is pretended any more. */
void root_files_tidy(struct root_files *files, const struct root_file_key *key);
void root_files_drop(struct root_files *files, const struct root_file_key *key);

void root_file_set_device(struct root_files *files, struct root_file *file, uint32_t type, uint32_t major,
                          uint32_t minor);
/* S_IFCHR, S_IFBLK or 0 of what is known only by its number, as folders list it. */
uint32_t root_files_type_of(const struct root_files *files, uint32_t dev_major, uint32_t dev_minor,
                            uint64_t ino);

const struct root_xattr *root_file_xattr(const struct root_file *file, const char *name);
/* Takes the place of an older value: 0, -ENOMEM, -ENOSPC. */
int root_file_set_xattr(struct root_files *files, struct root_file *file, const char *name,
                        const void *value, size_t n);
bool root_file_remove_xattr(struct root_files *files, struct root_file *file, const char *name);

/* Rewrites what the kernel says of a file. file NULL: nothing is pretended of it. Files of own_uid and
 * own_gid (who really runs the program) belong to root:root. */
void root_file_show(const struct root_file *file, uint32_t own_uid, uint32_t own_gid, struct statx *stx);

/* ---- as text, to be kept ----
 *
 *      callgate-root 1
 *      file 8:1 131074 1700000000.123456789 uid=33 gid=33 mode=4755
 *      file 8:1 131075 1700000001.000000000 mode=666 char=1:3
 *      xattr security.capability 0000000201040000…
 *      end 2
 */
#define ROOT_STATE_BYTES_MAX (512u << 20)

void root_files_write(const struct root_files *files, FILE *to);
/* 0; -ENOMEM; -EINVAL with line and sentence. files is empty before, and after errors. Nothing at all is an
 * empty store. */
int root_files_read(struct root_files *files, const char *text, size_t n, unsigned *ret_line, char *error,
                    size_t n_error);
