/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sizes of file systems: statfs and its siblings carried out for the task, and with other numbers where a
 * policy gives them. Blocks stay as large as they are; what is not named stays real, but is never more than
 * what it is a part of.
 */

#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/error.h"
#include "base/fd.h"
#include "supervisor/emulate/options.h"
#include "supervisor/emulate/paths.h"
#include "supervisor/emulate/system.h"

#define ALL_ONES UINT64_MAX /* "unknown" of file systems without inodes; fits into 32 bits all the same */

/* What 32-bit programs get: statfs, and statfs64 (packed to 4 bytes on i386). x32 has the 64-bit one. */
struct statfs32 {
        uint32_t type, bsize, blocks, bfree, bavail, files, ffree;
        int32_t fsid[2];
        uint32_t namelen, frsize, flags, spare[4];
};
struct statfs32_64 {
        uint32_t type, bsize;
        uint64_t blocks, bfree, bavail, files, ffree;
        int32_t fsid[2];
        uint32_t namelen, frsize, flags, spare[4];
} __attribute__((packed, aligned(4)));
_Static_assert(sizeof(struct statfs32) == 64, "compat_statfs of the kernel");
_Static_assert(sizeof(struct statfs32_64) == 84, "compat_statfs64 of the kernel");
_Static_assert(sizeof(struct statfs) == 120 || sizeof(long) == 4, "struct statfs of the kernel");

static const struct {
        const char *name;
        uint32_t magic;
} types[] = {
        { "ext2", EXT2_SUPER_MAGIC }, { "ext3", EXT3_SUPER_MAGIC },         { "ext4", EXT4_SUPER_MAGIC },
        { "xfs", XFS_SUPER_MAGIC },   { "btrfs", BTRFS_SUPER_MAGIC },       { "tmpfs", TMPFS_MAGIC },
        { "nfs", NFS_SUPER_MAGIC },   { "overlay", OVERLAYFS_SUPER_MAGIC }, { "vfat", MSDOS_SUPER_MAGIC },
        { "f2fs", F2FS_SUPER_MAGIC }, { "squashfs", SQUASHFS_MAGIC },       { "iso9660", ISOFS_SUPER_MAGIC },
};

struct sizes {
        bool size_set, free_set, files_set, type_set;
        uint64_t size, free;
        int64_t files;
        uint32_t type;
};

static int read_type(const struct options *options, struct sizes *sizes) {
        const struct option *option = options_get(options, "type");
        const char *text = option_text(option);
        int64_t number;
        char *end;

        if (!option)
                return 0;
        sizes->type_set = true;
        for (size_t i = 0; text && i < sizeof(types) / sizeof(types[0]); i++)
                if (strcmp(types[i].name, text) == 0) {
                        sizes->type = types[i].magic;
                        return 0;
                }
        errno = 0;
        number = text ? strtoll(text, &end, 0) : -1;
        if (text ? errno || end == text || *end : option_number(option, &number) != 0)
                number = -1;
        if (number < 0 || number > UINT32_MAX)
                return options_wrong(
                        options,
                        "type: expected ext4, xfs, btrfs, tmpfs, nfs, overlay, vfat … or the number "
                        "of a file system (statfs(2))");
        sizes->type = (uint32_t)number;
        return 0;
}

static int statfs_open(const struct policy_rule *rule, void **ret_state, char *error, size_t n_error) {
        cleanup_options struct options *options = NULL;
        struct sizes *sizes;
        int r = options_new(rule->options, error, n_error, &options);

        if (r)
                return r;
        sizes = calloc(1, sizeof(*sizes));
        if (!sizes)
                return error_origin(-ENOMEM);
        sizes->size_set = options_has(options, "size");
        sizes->free_set = options_has(options, "free");
        sizes->files_set = options_has(options, "files");
        r = options_size(options, "size", &sizes->size);
        if (!r)
                r = options_size(options, "free", &sizes->free);
        if (!r)
                r = options_number(options, "files", &sizes->files);
        if (!r && sizes->files < 0)
                r = options_wrong(options, "files is negative");
        if (!r)
                r = read_type(options, sizes);
        if (r)
                free(sizes);
        else
                *ret_state = sizes;
        return r;
}

static void change(const struct sizes *sizes, struct statfs *fs) {
        uint64_t unit = fs->f_frsize > 0  ? (uint64_t)fs->f_frsize
                        : fs->f_bsize > 0 ? (uint64_t)fs->f_bsize
                                          : 1;

        if (sizes->size_set)
                fs->f_blocks = sizes->size / unit;
        if (sizes->free_set)
                fs->f_bfree = fs->f_bavail = sizes->free / unit;
        if (fs->f_bfree > fs->f_blocks)
                fs->f_bfree = fs->f_blocks;
        if (fs->f_bavail > fs->f_bfree)
                fs->f_bavail = fs->f_bfree;
        if (sizes->files_set)
                fs->f_files = (uint64_t)sizes->files;
        if (sizes->files_set && fs->f_ffree > fs->f_files)
                fs->f_ffree = fs->f_files;
        if (sizes->type_set)
                fs->f_type = sizes->type;
}

/* ---- layouts ---- */

static bool wide(uint64_t value) {
        return value > UINT32_MAX;
}

static int write_32(struct call *call, uint64_t address, const struct statfs *fs) {
        struct statfs32 fs32 = {
                .type = (uint32_t)fs->f_type,
                .bsize = (uint32_t)fs->f_bsize,
                .blocks = (uint32_t)fs->f_blocks,
                .bfree = (uint32_t)fs->f_bfree,
                .bavail = (uint32_t)fs->f_bavail,
                .files = (uint32_t)fs->f_files,
                .ffree = (uint32_t)fs->f_ffree,
                .namelen = (uint32_t)fs->f_namelen,
                .frsize = (uint32_t)fs->f_frsize,
                .flags = (uint32_t)fs->f_flags,
        };

        if (wide(fs->f_blocks | fs->f_bfree | fs->f_bavail | (uint64_t)fs->f_bsize |
                 (uint64_t)fs->f_frsize) ||
            (fs->f_files != ALL_ONES && wide(fs->f_files)) || (fs->f_ffree != ALL_ONES && wide(fs->f_ffree)))
                return answer_errno(call, EOVERFLOW);
        memcpy(fs32.fsid, &fs->f_fsid, sizeof(fs32.fsid));
        return target_write(call, address, &fs32, sizeof(fs32));
}

static int write_32_64(struct call *call, uint64_t address, const struct statfs *fs) {
        struct statfs32_64 fs32 = {
                .type = (uint32_t)fs->f_type,
                .bsize = (uint32_t)fs->f_bsize,
                .blocks = fs->f_blocks,
                .bfree = fs->f_bfree,
                .bavail = fs->f_bavail,
                .files = fs->f_files,
                .ffree = fs->f_ffree,
                .namelen = (uint32_t)fs->f_namelen,
                .frsize = (uint32_t)fs->f_frsize,
                .flags = (uint32_t)fs->f_flags,
        };

        if (wide((uint64_t)fs->f_bsize | (uint64_t)fs->f_frsize))
                return answer_errno(call, EOVERFLOW);
        memcpy(fs32.fsid, &fs->f_fsid, sizeof(fs32.fsid));
        return target_write(call, address, &fs32, sizeof(fs32));
}

static int write_native(struct call *call, uint64_t address, const struct statfs *fs) {
        return target_write(call, address, fs, sizeof(*fs));
}

/* ---- calls ---- */

/* One row per call: where the result goes, and whether its size is an argument (statfs64, 32-bit only). */
struct form {
        const char *call;
        bool by_path, sized;
        unsigned buffer;
};
static const struct form forms[] = {
        { "statfs", true, false, 1 },
        { "statfs64", true, true, 2 },
        { "fstatfs", false, false, 1 },
        { "fstatfs64", false, true, 2 },
};

static const struct form *form_of(const struct call *call) {
        const struct form *form = forms;

        while (strcmp(form->call, call->name) != 0)
                form++;
        return form;
}

/* What the kernel says of the file system. One behind a network, or in another process, may take long, and
 * nothing tells beforehand. */
static int look(struct call *call, const struct form *form, struct statfs *ret) {
        cleanup_fd int taken = -1;
        int fd, error, r;

        if (!call->may_wait)
                return CALL_E_SLOW;
        if (form->by_path) {
                r = paths_need(call);
                if (r || paths_answered(call))
                        return r;
                if (call->paths[0].error)
                        return answer_errno(call, call->paths[0].error);
                fd = call->paths[0].fd;
        } else {
                r = view_take_fd(call, (int)call->args[0], &taken, &error);
                if (r)
                        return r;
                if (taken < 0)
                        return answer_errno(call, error);
                fd = taken;
        }
        if (fstatfs(fd, ret) < 0)
                return answer_errno(call, errno);
        return 0;
}

static int run(struct call *call, const struct sizes *sizes) {
        const struct form *form = form_of(call);
        uint64_t address = call->args[form->buffer];
        struct statfs fs;
        int r;

        if (form->sized && call->args[1] != sizeof(struct statfs32_64))
                return answer_errno(call, EINVAL);
        r = look(call, form, &fs);
        if (r || call->answer.kind != ANSWER_NONE)
                return r;
        if (sizes)
                change(sizes, &fs);
        if (!call_is_32bit(call))
                r = write_native(call, address, &fs);
        else
                r = form->sized ? write_32_64(call, address, &fs) : write_32(call, address, &fs);
        if (r)
                return target_error(call, r);
        return call->answer.kind != ANSWER_NONE ? 0 : answer_errno(call, 0);
}

static int carry_out(struct call *call) {
        return run(call, NULL);
}

static int emulate_statfs(struct call *call) {
        return run(call, emulation_state(call));
}

static const struct emulator statfs_rows[] = {
        { "statfs", emulate_statfs },
        { "statfs64", emulate_statfs },
        { "fstatfs", emulate_statfs },
        { "fstatfs64", emulate_statfs },
        { 0 },
};

const struct emulation emulation_statfs = {
        .name = "statfs",
        .rows = statfs_rows,
        .open = statfs_open,
        .close = free,
};

const struct emulator perform_statfs[] = {
        { "statfs", carry_out },
        { "statfs64", carry_out },
        { 0 },
};
