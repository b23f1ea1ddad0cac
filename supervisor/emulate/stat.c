/* SPDX-License-Identifier: Apache-2.0 */

/* The stat family, carried out for the task: one question to the kernel, and the layouts that the callers of
 * each architecture want it in. */

#include "supervisor/emulate/files.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <stddef.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"
#include "supervisor/emulate/paths.h"
#include "supervisor/emulate/root.h"
#include "supervisor/emulate/substitute.h"
#include "syscalls/names.h"

#define STAT_FLAGS     (AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE)
#define STATX_RESERVED 0x80000000u
#define OVERFLOW_ID    65534 /* fs.overflowuid, for owners that 16 bits do not hold */

/* x86_64 and x32. */
struct stat_x86_64 {
        uint64_t dev, ino, nlink;
        uint32_t mode, uid, gid, pad;
        uint64_t rdev;
        int64_t size, blksize, blocks;
        uint64_t atime, atime_ns, mtime, mtime_ns, ctime, ctime_ns;
        int64_t unused[3];
};
static_assert(sizeof(struct stat_x86_64) == 144, "struct stat of the kernel");

/* asm-generic: aarch64, riscv64. */
struct stat_generic {
        uint64_t dev, ino;
        uint32_t mode, nlink, uid, gid;
        uint64_t rdev, pad;
        int64_t size;
        int32_t blksize, pad2;
        int64_t blocks, atime;
        uint64_t atime_ns;
        int64_t mtime;
        uint64_t mtime_ns;
        int64_t ctime;
        uint64_t ctime_ns;
        uint32_t unused[2];
};
static_assert(sizeof(struct stat_generic) == 128, "struct stat of the kernel");

/* stat of i386. */
struct stat_i386 {
        uint32_t dev, ino;
        uint16_t mode, nlink, uid, gid;
        uint32_t rdev, size, blksize, blocks;
        uint32_t atime, atime_ns, mtime, mtime_ns, ctime, ctime_ns;
        uint32_t unused[2];
};
static_assert(sizeof(struct stat_i386) == 64, "struct compat_stat of the kernel");

/* oldstat of i386. */
struct oldstat_i386 {
        uint16_t dev, ino, mode, nlink, uid, gid, rdev;
        uint16_t pad;
        uint32_t size, atime, mtime, ctime;
};
static_assert(sizeof(struct oldstat_i386) == 32, "struct __old_kernel_stat of the kernel");

/* stat64 of i386: 64-bit fields are aligned to 4 bytes there. */
struct stat64_i386 {
        uint64_t dev;
        uint32_t pad, short_ino, mode, nlink, uid, gid;
        uint64_t rdev;
        uint32_t pad2;
        int64_t size;
        uint32_t blksize;
        uint64_t blocks;
        uint32_t atime, atime_ns, mtime, mtime_ns, ctime, ctime_ns;
        uint64_t ino;
} __attribute__((packed));
static_assert(sizeof(struct stat64_i386) == 96, "struct stat64 of the kernel");

union layout {
        struct stat_x86_64 x86_64;
        struct stat_generic generic;
        struct stat_i386 i386;
        struct oldstat_i386 old;
        struct stat64_i386 i386_64;
};

/* Each fills one layout: its size, or -EOVERFLOW. */

static long fill_x86_64(const struct stat *st, union layout *ret) {
        ret->x86_64 = (struct stat_x86_64){
                .dev = st->st_dev,
                .ino = st->st_ino,
                .nlink = st->st_nlink,
                .mode = st->st_mode,
                .uid = st->st_uid,
                .gid = st->st_gid,
                .rdev = st->st_rdev,
                .size = st->st_size,
                .blksize = st->st_blksize,
                .blocks = st->st_blocks,
                .atime = (uint64_t)st->st_atim.tv_sec,
                .atime_ns = (uint64_t)st->st_atim.tv_nsec,
                .mtime = (uint64_t)st->st_mtim.tv_sec,
                .mtime_ns = (uint64_t)st->st_mtim.tv_nsec,
                .ctime = (uint64_t)st->st_ctim.tv_sec,
                .ctime_ns = (uint64_t)st->st_ctim.tv_nsec,
        };
        return sizeof(ret->x86_64);
}

static long fill_generic(const struct stat *st, union layout *ret) {
        ret->generic = (struct stat_generic){
                .dev = st->st_dev,
                .ino = st->st_ino,
                .mode = st->st_mode,
                .nlink = (uint32_t)st->st_nlink,
                .uid = st->st_uid,
                .gid = st->st_gid,
                .rdev = st->st_rdev,
                .size = st->st_size,
                .blksize = (int32_t)st->st_blksize,
                .blocks = st->st_blocks,
                .atime = st->st_atim.tv_sec,
                .atime_ns = (uint64_t)st->st_atim.tv_nsec,
                .mtime = st->st_mtim.tv_sec,
                .mtime_ns = (uint64_t)st->st_mtim.tv_nsec,
                .ctime = st->st_ctim.tv_sec,
                .ctime_ns = (uint64_t)st->st_ctim.tv_nsec,
        };
        return sizeof(ret->generic);
}

static bool old_device(dev_t device) {
        return major(device) < 256 && minor(device) < 256;
}

static uint16_t old_encode(dev_t device) {
        return (uint16_t)(major(device) << 8 | minor(device));
}

static uint16_t short_id(uint32_t id) {
        return id > UINT16_MAX ? OVERFLOW_ID : (uint16_t)id;
}

static bool fits_i386(const struct stat *st) {
        return old_device(st->st_dev) && old_device(st->st_rdev) && st->st_ino <= UINT32_MAX &&
               st->st_nlink <= UINT16_MAX && st->st_size <= INT32_MAX;
}

static long fill_i386(const struct stat *st, union layout *ret) {
        if (!fits_i386(st))
                return -EOVERFLOW;
        ret->i386 = (struct stat_i386){
                .dev = old_encode(st->st_dev),
                .ino = (uint32_t)st->st_ino,
                .mode = (uint16_t)st->st_mode,
                .nlink = (uint16_t)st->st_nlink,
                .uid = short_id(st->st_uid),
                .gid = short_id(st->st_gid),
                .rdev = old_encode(st->st_rdev),
                .size = (uint32_t)st->st_size,
                .blksize = (uint32_t)st->st_blksize,
                .blocks = (uint32_t)st->st_blocks,
                .atime = (uint32_t)st->st_atim.tv_sec,
                .atime_ns = (uint32_t)st->st_atim.tv_nsec,
                .mtime = (uint32_t)st->st_mtim.tv_sec,
                .mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
                .ctime = (uint32_t)st->st_ctim.tv_sec,
                .ctime_ns = (uint32_t)st->st_ctim.tv_nsec,
        };
        return sizeof(ret->i386);
}

static long fill_old(const struct stat *st, union layout *ret) {
        if (!fits_i386(st) || st->st_ino > UINT16_MAX)
                return -EOVERFLOW;
        ret->old = (struct oldstat_i386){
                .dev = old_encode(st->st_dev),
                .ino = (uint16_t)st->st_ino,
                .mode = (uint16_t)st->st_mode,
                .nlink = (uint16_t)st->st_nlink,
                .uid = short_id(st->st_uid),
                .gid = short_id(st->st_gid),
                .rdev = old_encode(st->st_rdev),
                .size = (uint32_t)st->st_size,
                .atime = (uint32_t)st->st_atim.tv_sec,
                .mtime = (uint32_t)st->st_mtim.tv_sec,
                .ctime = (uint32_t)st->st_ctim.tv_sec,
        };
        return sizeof(ret->old);
}

static long fill_i386_64(const struct stat *st, union layout *ret) {
        ret->i386_64 = (struct stat64_i386){
                .dev = st->st_dev,
                .short_ino = (uint32_t)st->st_ino,
                .mode = st->st_mode,
                .nlink = (uint32_t)st->st_nlink,
                .uid = st->st_uid,
                .gid = st->st_gid,
                .rdev = st->st_rdev,
                .size = st->st_size,
                .blksize = (uint32_t)st->st_blksize,
                .blocks = (uint64_t)st->st_blocks,
                .atime = (uint32_t)st->st_atim.tv_sec,
                .atime_ns = (uint32_t)st->st_atim.tv_nsec,
                .mtime = (uint32_t)st->st_mtim.tv_sec,
                .mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
                .ctime = (uint32_t)st->st_ctim.tv_sec,
                .ctime_ns = (uint32_t)st->st_ctim.tv_nsec,
                .ino = st->st_ino,
        };
        return sizeof(ret->i386_64);
}

static long fill(const struct call *call, const struct stat *st, union layout *ret) {
        memset(ret, 0, sizeof(*ret));
        switch (call->arch->audit) {
        case AUDIT_ARCH_X86_64:
        case ARCH_X32:
                return fill_x86_64(st, ret);
        case AUDIT_ARCH_I386:
                if (strncmp(call->name, "old", 3) == 0)
                        return fill_old(st, ret);
                return strstr(call->name, "64") ? fill_i386_64(st, ret) : fill_i386(st, ret);
        case AUDIT_ARCH_AARCH64:
        case AUDIT_ARCH_RISCV64:
                return fill_generic(st, ret);
        default:
                return -ENOSYS; /* a layout nobody has told us */
        }
}

int stat_answer(struct call *call, uint64_t address, const struct stat *st) {
        union layout layout;
        long n = fill(call, st, &layout);
        int r;

        if (n == -EOVERFLOW)
                return answer_errno(call, EOVERFLOW);
        if (n < 0)
                return error_origin((int)n);
        r = target_write(call, address, &layout, (size_t)n);
        return r ? target_error(call, r) : answer_value(call, 0);
}

/* ---- the calls ---- */

static bool is_statx(const struct call *call) {
        return strcmp(call->name, "statx") == 0;
}

static bool takes_flags(const struct call *call) {
        return strcmp(call->name, "newfstatat") == 0 || strcmp(call->name, "fstatat64") == 0;
}

uint64_t stat_address(const struct call *call) {
        return call->args[is_statx(call) ? 4 : takes_flags(call) ? 2 : 1];
}

static int flags_of(const struct call *call) {
        return (int)(is_statx(call) ? call->args[2] : takes_flags(call) ? call->args[3] : 0);
}

/* Paths and flags; *ret_answered where that was the end of it. */
static int begin(struct call *call, bool *ret_answered) {
        int flags = flags_of(call), r;

        *ret_answered = true;
        if ((flags & ~STAT_FLAGS) || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE ||
            (is_statx(call) && (call->args[3] & STATX_RESERVED)))
                return answer_errno(call, EINVAL);
        r = paths_need(call);
        if (r || paths_answered(call))
                return error_trace(r);
        if (call->verdict.action != POLICY_SUBSTITUTE) {
                if (call->paths[0].error)
                        return answer_errno(call, call->paths[0].error);
                if (call->paths[0].remote && !call->may_wait)
                        return CALL_E_SLOW;
        } else if (call->n_paths > 0 && call->paths[0].slash)
                return answer_errno(call, ENOTDIR);
        *ret_answered = false;
        return 0;
}

static int ask_kernel(struct call *call, struct stat *ret, struct statx *ret_x) {
        int flags = (flags_of(call) & AT_STATX_SYNC_TYPE) | AT_EMPTY_PATH | AT_NO_AUTOMOUNT, fd, r = 0, done;
        bool remote = call->paths[0].remote;

        if (call->verdict.action == POLICY_SUBSTITUTE) {
                fd = -1;
                r = substitute_content(call, &fd);
                if (r)
                        return error_trace(r);
        } else
                fd = call->paths[0].fd;
        /* Only servers look at who asks. */
        if (remote)
                r = authority_assume(call);
        if (r)
                return error_trace(r);
        if (ret_x)
                done = statx(fd, "", flags, (unsigned)call->args[3], ret_x);
        else
                done = fstatat(fd, "", ret, AT_EMPTY_PATH);
        if (done < 0)
                done = -errno;
        if (remote)
                authority_return(call);
        if (call->verdict.action == POLICY_SUBSTITUTE)
                close(fd);
        return done < 0 ? answer_errno(call, -done) : 0;
}

int stat_fetch(struct call *call, struct stat *ret, bool *ret_answered) {
        int r = begin(call, ret_answered);

        if (r || *ret_answered)
                return r;
        r = ask_kernel(call, ret, NULL);
        *ret_answered = paths_answered(call);
        return r;
}

/* Other contents have no owner but ours. */
static bool is_pretended(const struct call *call) {
        return call->verdict.action != POLICY_SUBSTITUTE;
}

static int stat_run(struct call *call) {
        struct stat st;
        bool answered;
        int r = stat_fetch(call, &st, &answered);

        if (r || answered)
                return r;
        if (is_pretended(call))
                r = root_show_stat(call, call->paths[0].fd, &st);
        return r ? r : stat_answer(call, stat_address(call), &st);
}

static int statx_run(struct call *call) {
        struct statx stx;
        bool answered;
        int r = begin(call, &answered);

        if (r || answered)
                return r;
        r = ask_kernel(call, NULL, &stx);
        if (r || paths_answered(call))
                return r;
        if (is_pretended(call))
                r = root_show_statx(call, call->paths[0].fd, &stx);
        if (r)
                return r;
        r = target_write(call, stat_address(call), &stx, sizeof(stx));
        return r ? target_error(call, r) : answer_value(call, 0);
}

const struct emulator perform_stat[] = {
        { "newfstatat", stat_run }, { "stat", stat_run },
        { "lstat", stat_run },      { "statx", statx_run },
        { "stat64", stat_run },     { "lstat64", stat_run },
        { "fstatat64", stat_run },  { "oldstat", stat_run },
        { "oldlstat", stat_run },   { 0 },
};
