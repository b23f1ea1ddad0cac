/* SPDX-License-Identifier: Apache-2.0 */

/* Names made, removed and moved for the task: in the directories that were judged, under the names it wrote.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "supervisor/emulate/paths.h"
#include "supervisor/emulate/trees.h"

#define TEXT_MAX 4096 /* of a symbolic link */

/* Siblings differ in whether directories come as descriptors. */
static unsigned with_dirfd(const struct call *call) {
        size_t n = strlen(call->name);

        return n > 2 && strcmp(call->name + n - 2, "at") == 0;
}

/* ---- making ---- */

static int run_mkdir(struct call *call) {
        char name[TREE_NAME_MAX];
        bool answered;
        int r = tree_paths(call, &answered);

        if (r || answered)
                return error_trace(r);
        r = tree_begin(call);
        if (r)
                return error_trace(r);
        return tree_end(call, mkdirat(call->paths[0].parent_fd, tree_name(&call->paths[0], name),
                                      (mode_t)call->args[1 + with_dirfd(call)]));
}

static int run_mknod(struct call *call) {
        unsigned at = with_dirfd(call);
        mode_t mode = (mode_t)call->args[1 + at];
        char name[TREE_NAME_MAX];
        bool answered;
        int r;

        switch (mode & S_IFMT) {
        case S_IFREG:
        case S_IFCHR:
        case S_IFBLK:
        case S_IFIFO:
        case S_IFSOCK:
        case 0:
                break;
        default:
                return answer_errno(call, S_ISDIR(mode) ? EPERM : EINVAL);
        }
        r = tree_paths(call, &answered);
        if (r || answered)
                return error_trace(r);
        r = tree_begin(call);
        if (r)
                return error_trace(r);
        /* Raw: the number of the device is the kernel's, not the C library's. */
        return tree_end(call, syscall(SYS_mknodat, call->paths[0].parent_fd,
                                      tree_name(&call->paths[0], name), mode, (unsigned)call->args[2 + at]));
}

static int run_symlink(struct call *call) {
        char name[TREE_NAME_MAX], text[TEXT_MAX];
        bool answered;
        int r = target_string(call, call->args[0], text, sizeof(text));

        if (r)
                return target_error(call, r);
        if (text[0] == 0)
                return answer_errno(call, ENOENT);
        r = tree_paths(call, &answered);
        if (r || answered)
                return error_trace(r);
        r = tree_begin(call);
        if (r)
                return error_trace(r);
        return tree_end(call, symlinkat(text, call->paths[0].parent_fd, tree_name(&call->paths[0], name)));
}

/*
 * The object is named through our descriptor, by which the kernel cannot arrive anywhere else. For an empty
 * path it has a rule of its own (6.10: only for whoever opened the descriptor, before: CAP_DAC_READ_SEARCH),
 * which it applies to one that is opened anew here.
 */
static int run_link(struct call *call) {
        int flags = with_dirfd(call) ? (int)call->args[4] : 0, r;
        char name[TREE_NAME_MAX], link[TREE_LINK_MAX];
        bool answered;
        cleanup_fd int own = -1;
        long result;

        if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
                return answer_errno(call, EINVAL);
        r = tree_paths(call, &answered);
        if (r || answered)
                return error_trace(r);
        r = tree_begin(call);
        if (r)
                return error_trace(r);
        tree_name(&call->paths[1], name);
        tree_link(&call->paths[0], link);
        if (call->paths[0].empty) {
                own = open(link, O_PATH | O_CLOEXEC);
                result = own < 0 ? -1 : linkat(own, "", call->paths[1].parent_fd, name, AT_EMPTY_PATH);
        } else
                result = linkat(AT_FDCWD, link, call->paths[1].parent_fd, name, AT_SYMLINK_FOLLOW);
        return tree_end(call, result);
}

/* ---- removing ---- */

static int remove_name(struct call *call, int flags) {
        char name[TREE_NAME_MAX];
        bool answered;
        int r = tree_paths(call, &answered);

        if (r || answered)
                return error_trace(r);
        r = tree_begin(call);
        if (r)
                return error_trace(r);
        return tree_end(call, unlinkat(call->paths[0].parent_fd, tree_name(&call->paths[0], name), flags));
}

static int run_rmdir(struct call *call) {
        return remove_name(call, AT_REMOVEDIR);
}

static int run_unlink(struct call *call) {
        int flags = with_dirfd(call) ? (int)call->args[2] : 0;

        return flags & ~AT_REMOVEDIR ? answer_errno(call, EINVAL) : remove_name(call, flags);
}

/* ---- moving ---- */

static int run_rename(struct call *call) {
        unsigned flags = strcmp(call->name, "renameat2") == 0 ? (unsigned)call->args[4] : 0;
        char from[TREE_NAME_MAX], to[TREE_NAME_MAX];
        bool answered;
        int r;

        if ((flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)) ||
            ((flags & RENAME_EXCHANGE) && flags != RENAME_EXCHANGE))
                return answer_errno(call, EINVAL);
        r = tree_paths(call, &answered);
        if (r || answered)
                return error_trace(r);
        r = tree_begin(call);
        if (r)
                return error_trace(r);
        return tree_end(call,
                        syscall(SYS_renameat2, call->paths[0].parent_fd, tree_name(&call->paths[0], from),
                                call->paths[1].parent_fd, tree_name(&call->paths[1], to), flags));
}

const struct emulator perform_names[] = {
        { "mkdir", run_mkdir },     { "mkdirat", run_mkdir },    { "mknod", run_mknod },
        { "mknodat", run_mknod },   { "symlink", run_symlink },  { "symlinkat", run_symlink },
        { "link", run_link },       { "linkat", run_link },      { "rmdir", run_rmdir },
        { "unlink", run_unlink },   { "unlinkat", run_unlink },  { "rename", run_rename },
        { "renameat", run_rename }, { "renameat2", run_rename }, { 0 },
};
