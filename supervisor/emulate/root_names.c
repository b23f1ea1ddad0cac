/* SPDX-License-Identifier: Apache-2.0 */

/* Names that come and go: devices that are empty files, modes that their owner could not work with, and what
 * is forgotten with the last name of a file. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "supervisor/emulate/paths.h"
#include "supervisor/emulate/root.h"

/* ---- making ---- */

static int umask_of(struct call *call, uint32_t *ret) {
        char text[32];
        int r = view_status(call, "Umask", text, sizeof(text));

        if (r)
                return error_trace(r);
        *ret = (uint32_t)strtoul(text, NULL, 8) & 0777;
        return 0;
}

/* The kernel's 32-bit device numbers. */
static void decode_device(uint64_t device, struct root_change *ret) {
        ret->rdev_major = (uint32_t)(device >> 8 & 0xfff);
        ret->rdev_minor = (uint32_t)((device & 0xff) | (device >> 12 & 0xfff00));
}

/* The last component, with its slash: the kernel has its own word on that. */
static void name_of(const struct resolved *path, char ret[sizeof(path->name) + 1]) {
        snprintf(ret, sizeof(path->name) + 1, "%s%s", path->name,
                 path->slash && strcmp(path->name, "/") != 0 ? "/" : "");
}

/* Whose file it is that is made here: the file system ids, or the group of a directory that passes it on. */
static int new_owner(struct call *call, struct root *root, int parent_fd, struct root_change *change,
                     bool *ret_inherits) {
        struct identity identity;
        struct statx real, shown;
        int r = root_identity(call, root, &identity);

        if (!r)
                r = root_look(call, root, parent_fd, &real, &shown);
        if (r)
                return r;
        *ret_inherits = shown.stx_mode & S_ISGID;
        change->uid = identity.uid[ID_FS];
        change->gid = *ret_inherits ? shown.stx_gid : identity.gid[ID_FS];
        return 0;
}

/* What is made, and how: mode with its type, under the task's umask. shown is what the mode is to look like;
 * ROOT_REAL: as it came out. */
struct new_file {
        mode_t mode;
        uint32_t mask;
        struct root_change change;
};

/* The modes that an ordinary user could not go on with, or may not set, are pretended. */
static void decide_mode(struct new_file *file, uint64_t wanted) {
        uint32_t owner = S_ISDIR(file->mode) ? 0700 : 0600, plain = S_ISDIR(file->mode) ? 01777 : 0777;

        file->mode |= (wanted & plain) | owner;
        if ((wanted & owner & ~(uint64_t)file->mask) != owner || wanted & 07777 & ~(uint64_t)plain)
                file->change.mode = (uint32_t)wanted & 07777 & ~file->mask;
}

/* Makes the file and opens it. 0 or a positive errno; *ret_fd is -1 where somebody was quick to take it away
 * again. */
static int make(const struct resolved *at, const struct new_file *file, int *ret_fd) {
        char name[sizeof(at->name) + 1], link[32];
        int made;

        name_of(at, name);
        made = S_ISDIR(file->mode) ? mkdirat(at->parent_fd, name, file->mode & 07777)
                                   : mknodat(at->parent_fd, name, file->mode, 0);
        if (made < 0)
                return errno;
        *ret_fd = openat(at->parent_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        snprintf(link, sizeof(link), "/proc/self/fd/%d", *ret_fd);
        if (*ret_fd >= 0 && file->mask & 0700)
                chmod(link, file->mode & 07777 & ~(file->mask & 077));
        return 0;
}

static int make_and_remember(struct call *call, struct new_file *file) {
        struct root *root = emulation_state(call);
        struct statx real, shown;
        cleanup_fd int fd = -1;
        bool inherits;
        int error, r = new_owner(call, root, call->paths[0].parent_fd, &file->change, &inherits);

        if (!r)
                r = authority_assume(call);
        if (r)
                return error_trace(r);
        error = make(&call->paths[0], file, &fd);
        authority_return(call);
        if (error || fd < 0)
                return answer_errno(call, error);
        r = root_look(call, root, fd, &real, &shown);
        if (r)
                return r;
        if (file->change.mode == ROOT_REAL)
                file->change.mode = real.stx_mode & 07777;
        if (inherits && S_ISDIR(file->mode))
                file->change.mode |= S_ISGID;
        file->change.new = true;
        /* Somebody may have put another thing in its place. */
        if ((real.stx_mode & S_IFMT) == (file->mode & S_IFMT))
                r = root_remember(root, &real, &file->change);
        if (r == -ENOSPC)
                return answer_errno(call, ENOSPC);
        return r ? r : answer_value(call, 0);
}

static bool has_dirfd(const struct call *call) {
        size_t n = strlen(call->name);

        return n > 2 && strcmp(call->name + n - 2, "at") == 0;
}

/* Which type is meant, or 0 with the errno that the kernel has for it. */
static uint32_t node_type(uint64_t mode, int *ret_error) {
        switch (mode & S_IFMT) {
        case 0:
                return S_IFREG;
        case S_IFREG:
        case S_IFIFO:
        case S_IFSOCK:
        case S_IFCHR:
        case S_IFBLK:
                return (uint32_t)mode & S_IFMT;
        case S_IFDIR:
                *ret_error = EPERM;
                return 0;
        default:
                *ret_error = EINVAL;
                return 0;
        }
}

/* Paths and parent; false: the task was told, or *ret_r says why not. */
static bool has_parent(struct call *call, int *ret_r) {
        *ret_r = paths_need(call);
        if (*ret_r || paths_answered(call))
                return false;
        for (size_t i = 0; i < call->n_paths; i++)
                if (call->paths[i].parent_fd < 0) {
                        int error = call->paths[i].error;

                        *ret_r = answer_errno(call, error ? error : ENOENT);
                        return false;
                } else if (call->paths[i].remote && !call->may_wait) {
                        *ret_r = CALL_E_SLOW;
                        return false;
                }
        return true;
}

int root_mknod(struct call *call) {
        uint64_t mode = call->args[has_dirfd(call) ? 2 : 1], device = call->args[has_dirfd(call) ? 3 : 2];
        struct new_file file = { .change = ROOT_CHANGE_NONE };
        struct identity identity;
        int error = 0, r;

        file.mode = node_type(mode, &error);
        if (!file.mode)
                return answer_errno(call, error);
        r = root_identity(call, emulation_state(call), &identity);
        if (!r)
                r = umask_of(call, &file.mask);
        if (r)
                return r;
        if (!has_parent(call, &r))
                return r;
        if (S_ISCHR(file.mode) || S_ISBLK(file.mode)) {
                /* Character device 0:0 is an overlay's whiteout, which anybody may make. */
                if (!identity_may(&identity, IDENTITY_MKNOD) && !(S_ISCHR(file.mode) && device == 0))
                        return answer_errno(call, EPERM);
                file.change.type = file.mode;
                decode_device(device, &file.change);
                file.mode = S_IFREG;
        }
        decide_mode(&file, mode);
        return make_and_remember(call, &file);
}

int root_mkdir(struct call *call) {
        uint64_t mode = call->args[has_dirfd(call) ? 2 : 1] & 01777;
        struct new_file file = { .mode = S_IFDIR, .change = ROOT_CHANGE_NONE };
        int r = umask_of(call, &file.mask);

        if (r || !has_parent(call, &r))
                return r;
        decide_mode(&file, mode);
        return make_and_remember(call, &file);
}

/* ---- opening what was not there ---- */

struct opening {
        uint64_t flags, mode;
        int parent_fd; /* borrowed; -1: the file was there before */
};

static struct opening opening_of(const struct call *call) {
        struct opening opening = { .flags = call->args[1], .mode = call->args[2], .parent_fd = -1 };

        if (strcmp(call->name, "creat") == 0)
                opening = (struct opening){ O_CREAT, call->args[1], -1 };
        else if (strcmp(call->name, "openat") == 0)
                opening = (struct opening){ call->args[2], call->args[3], -1 };
        else if (strcmp(call->name, "openat2") == 0)
                opening = (struct opening){ call->how.flags, call->how.mode, -1 };
        if ((opening.flags & O_TMPFILE) == O_TMPFILE)
                opening.parent_fd = call->paths[0].fd;
        else if (opening.flags & O_CREAT && call->paths[0].fd < 0)
                opening.parent_fd = call->paths[0].parent_fd;
        return opening;
}

/* The new file, still in our hands: 0 with it remembered, or as emulators return. */
static int adopt(struct call *call, const struct opening *opening) {
        struct root *root = emulation_state(call);
        struct new_file file = { .mode = S_IFREG, .change = ROOT_CHANGE_NONE };
        struct statx real, shown;
        bool inherits;
        int r = new_owner(call, root, opening->parent_fd, &file.change, &inherits);

        if (!r)
                r = umask_of(call, &file.mask);
        if (r)
                return r;
        decide_mode(&file, opening->mode);
        if (file.change.mode != ROOT_REAL) {
                r = authority_assume(call);
                if (r)
                        return error_trace(r);
                fchmod(call->answer.fd, file.mode & 0777 & ~(file.mask & 077));
                authority_return(call);
        }
        r = root_look(call, root, call->answer.fd, &real, &shown);
        if (r || !S_ISREG(real.stx_mode))
                return r;
        file.change.new = true;
        r = root_remember(root, &real, &file.change);
        return r == -ENOSPC ? 0
                            : r; /* it is open, and belongs to root: better than an error after the deed */
}

/* Only opens that may make a file get here. */
int root_creat(struct call *call) {
        struct opening opening;
        int r = paths_need(call);

        if (r || paths_answered(call))
                return error_trace(r);
        opening = opening_of(call);
        r = root_perform(call);
        if (r || opening.parent_fd < 0 || call->answer.kind != ANSWER_FD)
                return r;
        r = adopt(call, &opening);
        if (r) { /* the descriptor is not handed over then */
                call->answer.fd = fd_close(call->answer.fd);
                call->answer.kind = ANSWER_NONE;
        }
        return r;
}

/* ---- removing ---- */

/* What has a name, to hold on to it; -1 where there is nothing. */
static int open_named(struct call *call, const struct resolved *at) {
        int fd, r = authority_assume(call);

        if (r)
                return -1;
        fd = openat(at->parent_fd, at->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        authority_return(call);
        return fd;
}

/* The call takes the name of path number `which` away. */
static int perform_and_forget(struct call *call, size_t which) {
        struct root *root = emulation_state(call);
        cleanup_fd int fd = -1;
        struct statx real;
        int r;

        if (!has_parent(call, &r))
                return r;
        fd = open_named(call, &call->paths[which]);
        r = root_perform(call);
        if (r || fd < 0 || !root_answered_well(call))
                return r;
        if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &real) == 0 && real.stx_nlink == 0)
                root_forget(root, &real);
        return 0;
}

/* A link is made already when it gets its owner: what goes wrong then leaves it to root. */
static void adopt_link(struct call *call) {
        struct root *root = emulation_state(call);
        struct root_change change = ROOT_CHANGE_NONE;
        cleanup_fd int fd = open_named(call, &call->paths[0]);
        struct statx real, shown;
        bool inherits;

        if (fd < 0 || new_owner(call, root, call->paths[0].parent_fd, &change, &inherits) != 0 ||
            root_look(call, root, fd, &real, &shown) != 0 || !S_ISLNK(real.stx_mode))
                return;
        change.new = true;
        root_remember(root, &real, &change);
}

int root_symlink(struct call *call) {
        int r;

        if (!has_parent(call, &r))
                return r;
        r = root_perform(call);
        if (!r && root_answered_well(call))
                adopt_link(call);
        return r;
}

int root_unlink(struct call *call) {
        return perform_and_forget(call, 0);
}

int root_rename(struct call *call) {
        return perform_and_forget(call, 1);
}
