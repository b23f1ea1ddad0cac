/* SPDX-License-Identifier: Apache-2.0 */

/* What programs see of files: the stat family and access. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "base/error.h"
#include "supervisor/emulate/files.h"
#include "supervisor/emulate/paths.h"
#include "supervisor/emulate/root.h"

#define SECURE_NO_SETUID_FIXUP (1u << 2)

/* ---- showing ---- */

int root_show_stat(struct call *call, int fd, struct stat *st) {
        struct root *root = emulation_state_of(call, "root");
        struct statx real, shown;
        int r;

        if (!root)
                return 0;
        r = root_look(call, root, fd, &real, &shown);
        if (r)
                return r;
        st->st_uid = shown.stx_uid;
        st->st_gid = shown.stx_gid;
        st->st_mode = shown.stx_mode;
        st->st_rdev = makedev(shown.stx_rdev_major, shown.stx_rdev_minor);
        if (S_ISCHR(shown.stx_mode) || S_ISBLK(shown.stx_mode)) {
                st->st_size = (off_t)shown.stx_size;
                st->st_blocks = (blkcnt_t)shown.stx_blocks;
        }
        return 0;
}

int root_show_statx(struct call *call, int fd, struct statx *stx) {
        struct root *root = emulation_state_of(call, "root");
        struct statx real, shown;
        int r;

        if (!root)
                return 0;
        r = root_look(call, root, fd, &real, &shown);
        if (r)
                return r;
        stx->stx_uid = shown.stx_uid;
        stx->stx_gid = shown.stx_gid;
        stx->stx_mode = shown.stx_mode;
        stx->stx_rdev_major = shown.stx_rdev_major;
        stx->stx_rdev_minor = shown.stx_rdev_minor;
        if (S_ISCHR(shown.stx_mode) || S_ISBLK(shown.stx_mode)) {
                stx->stx_size = shown.stx_size;
                stx->stx_blocks = shown.stx_blocks;
        }
        return 0;
}

/* ---- descriptors; what is asked by path, stat.c shows ---- */

int root_fstat(struct call *call) {
        cleanup_fd int fd = -1;
        struct stat st;
        int error = 0, r = view_take_fd(call, (int)call->args[0], &fd, &error);

        if (r)
                return error_trace(r);
        if (fd < 0)
                return answer_errno(call, error);
        if (root_is_slow(call, fd))
                return CALL_E_SLOW;
        if (fstat(fd, &st) < 0)
                return answer_errno(call, errno);
        r = root_show_stat(call, fd, &st);
        return r ? r : stat_answer(call, call->args[1], &st);
}

/* ---- access ---- */

/* access(2) asks for the real user, and gives it the capabilities that it would have. */
static uint64_t capabilities_for(const struct identity *identity, bool effective) {
        if (effective || identity->securebits & SECURE_NO_SETUID_FIXUP)
                return identity->effective;
        return identity->uid[ID_REAL] == 0 ? identity->permitted : 0;
}

/* Root may all that the file system and the mode leave to anybody. */
static int access_of_root(struct call *call, int mode) {
        int fd = call->paths[0].fd;
        struct statx real, shown;
        struct statvfs fs;
        int r = root_look(call, emulation_state(call), fd, &real, &shown);
        bool device = S_ISCHR(shown.stx_mode) || S_ISBLK(shown.stx_mode) || S_ISFIFO(shown.stx_mode) ||
                      S_ISSOCK(shown.stx_mode);

        if (r)
                return r;
        if (fstatvfs(fd, &fs) < 0)
                fs.f_flag = 0;
        if (mode & X_OK && S_ISREG(shown.stx_mode) && fs.f_flag & ST_NOEXEC)
                return answer_errno(call, EACCES);
        if (mode & X_OK && !S_ISDIR(shown.stx_mode) && !(shown.stx_mode & 0111))
                return answer_errno(call, EACCES);
        if (mode & W_OK && !device && fs.f_flag & ST_RDONLY)
                return answer_errno(call, EROFS);
        return answer_value(call, 0);
}

int root_access(struct call *call) {
        bool has_dirfd = strcmp(call->name, "access") != 0;
        int flags = strcmp(call->name, "faccessat2") == 0 ? (int)call->args[3] : 0;
        int mode = (int)call->args[has_dirfd ? 2 : 1];
        struct identity identity;
        int r = root_identity(call, emulation_state(call), &identity);

        if (r)
                return r;
        if (!(capabilities_for(&identity, flags & AT_EACCESS) >> IDENTITY_DAC_OVERRIDE & 1) || mode == F_OK)
                return root_perform(call);
        if (mode & ~(R_OK | W_OK | X_OK) || flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
                return answer_errno(call, EINVAL);
        r = paths_need(call);
        if (r || paths_answered(call))
                return error_trace(r);
        if (call->paths[0].error)
                return answer_errno(call, call->paths[0].error);
        if (call->paths[0].remote && !call->may_wait)
                return CALL_E_SLOW;
        return access_of_root(call, mode);
}
