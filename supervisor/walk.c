/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The walk. What must stay true: each step is taken from a descriptor, so that no rename changes where we
 * stand; ".." at the task's root stays there, and anywhere else goes up, as the kernel has it (a directory
 * moved out of the root is out of it); links are followed where the kernel follows them, and as often.
 */

#include "supervisor/walk_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "supervisor/call.h"

#define RETRIES_MAX 64 /* a rename beside us makes a scoped lookup give up */

/* Not in every linux/magic.h. */
#ifndef SMB2_MAGIC_NUMBER
#define SMB2_MAGIC_NUMBER 0xfe534d42u
#endif
#ifndef CIFS_SUPER_MAGIC
#define CIFS_SUPER_MAGIC 0xff534d42u
#endif
#ifndef CEPH_SUPER_MAGIC
#define CEPH_SUPER_MAGIC 0x00c36400u
#endif
#ifndef FUSE_SUPER_MAGIC
#define FUSE_SUPER_MAGIC 0x65735546u
#endif

static void walk_cleanup(struct walk *walk) {
        fd_close(walk->fd);
        free(walk->rest);
}

static int place_at(int fd, const char *path, struct place *ret) {
        struct statx stx;

        if (statx(fd, path, AT_EMPTY_PATH, STATX_INO | STATX_MNT_ID, &stx) < 0)
                return -errno;
        *ret = (struct place){ stx.stx_dev_major, stx.stx_dev_minor, stx.stx_ino,
                               stx.stx_mask & STATX_MNT_ID ? stx.stx_mnt_id : 0 };
        return 0;
}

int place_of(int fd, struct place *ret) {
        int r = place_at(fd, "", ret);

        return r ? error_origin(r) : 0;
}

int place_of_path(const char *path, struct place *ret) {
        return place_at(AT_FDCWD, path, ret);
}

bool place_same(const struct place *a, const struct place *b) {
        return a->ino == b->ino && a->major == b->major && a->minor == b->minor && a->mount == b->mount;
}

enum file_system file_system_of(int fd, const struct stat *st) {
        static const uint32_t remote[] = { FUSE_SUPER_MAGIC,  NFS_SUPER_MAGIC,   SMB_SUPER_MAGIC,
                                           SMB2_MAGIC_NUMBER, CIFS_SUPER_MAGIC,  V9FS_MAGIC,
                                           CEPH_SUPER_MAGIC,  AFS_SUPER_MAGIC,   AFS_FS_MAGIC,
                                           CODA_SUPER_MAGIC,  AUTOFS_SUPER_MAGIC };
        struct statfs fs;

        /* File systems on devices have their numbers, all others share major 0. */
        if (major(st->st_dev) != 0 || fstatfs(fd, &fs) < 0)
                return FILE_SYSTEM_LOCAL;
        if (fs.f_type == PROC_SUPER_MAGIC)
                return FILE_SYSTEM_PROC;
        for (size_t i = 0; i < sizeof(remote) / sizeof(remote[0]); i++)
                if ((uint32_t)fs.f_type == remote[i])
                        return FILE_SYSTEM_REMOTE;
        return FILE_SYSTEM_LOCAL;
}

int walk_open(struct call *call, int dirfd, const char *name, int flags, uint64_t resolve, int *ret_fd,
              int *ret_error) {
        struct open_how how = { .flags = (uint64_t)(flags | O_CLOEXEC), .resolve = resolve };

        *ret_fd = -1;
        *ret_error = 0;
        for (unsigned i = 0; i < RETRIES_MAX; i++) {
                int fd = (int)syscall(SYS_openat2, dirfd, name, &how, sizeof(how));

                if (fd >= 0) {
                        *ret_fd = fd;
                        return 0;
                }
                if (errno == EAGAIN && (resolve & RESOLVE_CACHED))
                        return CALL_E_SLOW;
                if (errno != EAGAIN)
                        break;
        }
        if (errno == EMFILE || errno == ENOSYS)
                return error_origin(-errno);
        *ret_error = errno;
        return 0;
}

/* ---- steps ---- */

/* fd, eaten, is where we stand now. */
static int stand_on(struct walk *walk, int fd, const struct stat *st) {
        bool same_dev = walk->fd >= 0 && walk->st.st_dev == st->st_dev;

        fd_close(walk->fd);
        walk->fd = fd;
        walk->st = *st;
        if (!same_dev)
                walk->proc = file_system_of(fd, st) == FILE_SYSTEM_PROC;
        return 0;
}

static uint64_t caution(const struct walk *walk) {
        /* procfs has everything at hand, but not every kernel says so. */
        return walk->call->may_wait || walk->proc ? 0 : RESOLVE_CACHED;
}

/*
 * The kernel lets a process use its own /proc/self/fd and the links of /proc/self even where it is not
 * dumpable, and only there is nothing more than that done with our own authority.
 */
int walk_open_as_ourselves(struct walk *walk, const char *name, int flags, int *ret_fd, int *ret_error) {
        int r, assumed;

        authority_return(walk->call);
        r = walk_open(walk->call, walk->fd, name, flags, 0, ret_fd, ret_error);
        assumed = authority_assume(walk->call);
        if (assumed) {
                *ret_fd = fd_close(*ret_fd);
                return assumed;
        }
        return r;
}

static int open_name(struct walk *walk, const char *name, int *ret_fd, int *ret_error) {
        int r = walk_open(walk->call, walk->fd, name, O_PATH | O_NOFOLLOW, caution(walk), ret_fd, ret_error);

        if (!r && *ret_error == EACCES && walk->own && walk->own_fds)
                r = walk_open_as_ourselves(walk, name, O_PATH | O_NOFOLLOW, ret_fd, ret_error);
        return r;
}

int walk_leaves_mount(const struct walk *walk, int fd) {
        struct place here, there;

        if (!(walk->scope & RESOLVE_NO_XDEV) || place_of(walk->fd, &here) < 0 || place_of(fd, &there) < 0)
                return 0;
        return here.mount == there.mount ? 0 : EXDEV;
}

static int go_up(struct walk *walk, int *ret_error) {
        struct place here;
        struct stat st;
        const char *name = "..";
        int r = place_of(walk->fd, &here), fd;

        if (r)
                return error_trace(r);
        walk->knows_root = true;
        if (place_same(&here, &walk->top)) {
                if (walk->scope & RESOLVE_BENEATH) {
                        *ret_error = EXDEV;
                        return 0;
                }
                name = "."; /* asks for the permission to search as well */
        }
        r = walk_open(walk->call, walk->fd, name, O_PATH | O_DIRECTORY, caution(walk), &fd, ret_error);
        if (r || *ret_error)
                return r;
        if (fstat(fd, &st) < 0) {
                fd_close(fd);
                return error_origin(-errno);
        }
        *ret_error = walk_leaves_mount(walk, fd);
        if (*ret_error) {
                fd_close(fd);
                return 0;
        }
        walk->own = false;
        return stand_on(walk, fd, &st);
}

int walk_go_to_root(struct walk *walk, int *ret_error) {
        int fd;
        struct stat st;

        /* RESOLVE_NO_XDEV: the kernel compares with a root that it has not looked up yet, unless the path
         * began there or went up (seen on 6.18). */
        if ((walk->scope & RESOLVE_BENEATH) || ((walk->scope & RESOLVE_NO_XDEV) && !walk->knows_root)) {
                *ret_error = EXDEV;
                return 0;
        }
        fd = fcntl(walk->top_fd, F_DUPFD_CLOEXEC, 0);

        if (fd < 0)
                return error_origin(-errno);
        if (fstat(fd, &st) < 0) {
                fd_close(fd);
                return error_origin(-errno);
        }
        *ret_error = walk_leaves_mount(walk, fd);
        if (*ret_error) {
                fd_close(fd);
                return 0;
        }
        walk->own = false;
        return stand_on(walk, fd, &st);
}

/* ---- ends ---- */

/* Takes "." and ".." and doubled slashes out of what follows the first n_real bytes, as if all that is
 * missing were directories: a pattern must not be led astray by the path of something that is not there. */
static void straighten(char *path, size_t n_real) {
        char *to = path + n_real, *from = to;

        while (*from) {
                size_t n;

                from += strspn(from, "/");
                n = strcspn(from, "/");
                if (n == 2 && from[0] == '.' && from[1] == '.') {
                        while (to > path && *--to != '/')
                                ;
                } else if (n > 0 && !(n == 1 && from[0] == '.')) {
                        *to++ = '/';
                        memmove(to, from, n);
                        to += n;
                }
                from += n;
        }
        if (to == path)
                *to++ = '/';
        *to = 0;
}

/* Where we stand and what of the text could not be walked, as one path. */
static int describe_rest(struct walk *walk, const char *name, struct resolved *ret) {
        char *here = NULL;
        size_t n, n_here;
        int r;

        if (walk->flags & RESOLVE_NO_TEXT)
                return 0;
        r = view_path(walk->call, walk->fd, &here);
        if (r == -ENAMETOOLONG) {
                ret->error = ENAMETOOLONG;
                here = strdup("(too long)");
                r = here ? 0 : error_origin(-ENOMEM);
        }
        if (r)
                return error_trace(r);
        n_here = strcmp(here, "/") == 0 ? 0 : strlen(here);
        n = n_here + strlen(name) + strlen(walk->at) + 3;
        ret->path = malloc(n);
        if (!ret->path) {
                free(here);
                return error_origin(-ENOMEM);
        }
        snprintf(ret->path, n, "%.*s/%s%s", (int)n_here, here, name, walk->at);
        free(here);
        straighten(ret->path, n_here);
        return 0;
}

static int end_with_error(struct walk *walk, const char *name, int error, struct resolved *ret) {
        ret->error = error;
        ret->proc = walk->proc;
        return describe_rest(walk, name, ret);
}

/* Only the last component is missing, or only the parent is wanted. */
static int end_with_parent(struct walk *walk, const char *name, int error, struct resolved *ret) {
        size_t n = strlen(name);

        if (n >= sizeof(ret->name))
                return end_with_error(walk, name, ENAMETOOLONG, ret);
        memcpy(ret->name, name, n + 1);
        ret->error = error;
        ret->proc = walk->proc;
        if (strcmp(name, "/") == 0)
                name = "";
        walk->at += strlen(walk->at);
        if (describe_rest(walk, name, ret) < 0)
                return -ENOMEM;
        if (ret->error == error)
                ret->parent_fd = fd_take(&walk->fd);
        return 0;
}

/* Arrived: fd, eaten, is the object. */
static int end_with_object(struct walk *walk, int fd, const struct stat *st, struct resolved *ret) {
        enum file_system file_system = file_system_of(fd, st);
        int r;

        ret->fd = fd;
        ret->mode = st->st_mode;
        ret->rdev = st->st_rdev;
        ret->proc = file_system == FILE_SYSTEM_PROC;
        ret->remote = file_system == FILE_SYSTEM_REMOTE;
        ret->own = ret->proc && walk->own;
        if (ret->slash && !S_ISDIR(st->st_mode)) {
                ret->error = ENOTDIR;
        }
        if (!(walk->flags & RESOLVE_NO_TEXT)) {
                r = view_path(walk->call, fd, &ret->path);
                if (r == -ENAMETOOLONG) {
                        ret->error = ENAMETOOLONG;
                        ret->path = strdup("(too long)");
                        r = ret->path ? 0 : error_origin(-ENOMEM);
                }
                if (r)
                        return error_trace(r);
        }
        if (ret->error) {
                ret->fd = fd_close(ret->fd);
                ret->mode = 0;
        }
        return 0;
}

/* ---- the walk ---- */

/* One component that is no "." or "..". *ret_done: *ret is filled. */
static int take(struct walk *walk, const char *name, bool last, struct resolved *ret, bool *ret_done) {
        cleanup_fd int fd = -1;
        struct stat st;
        bool jumped = false;
        int error, r = open_name(walk, name, &fd, &error);

        *ret_done = true;
        if (r)
                return error_trace(r);
        if (error == ENOENT && last)
                return end_with_parent(walk, name, ENOENT, ret);
        if (!error)
                error = walk_leaves_mount(walk, fd);
        if (!error && walk->proc && !walk->own && walk_is_private(name) && walk_stands_outside(walk))
                error = EACCES;
        if (error)
                return end_with_error(walk, name, error, ret);
        if (fstat(fd, &st) < 0)
                return error_origin(-errno);
        if (S_ISLNK(st.st_mode) && (!last || ret->slash || (walk->flags & RESOLVE_FOLLOW))) {
                r = walk_follow(walk, &fd, name, &st, last, &error);
                if (r)
                        return error_trace(r);
                if (error)
                        return end_with_error(walk, name, error, ret);
                if (fd < 0) {
                        *ret_done = false;
                        return 0;
                }
                jumped = true;
                walk->own = false;
                if (fstat(fd, &st) < 0)
                        return error_origin(-errno);
        }
        if (last)
                return end_with_object(walk, fd_take(&fd), &st, ret);
        if (!S_ISDIR(st.st_mode))
                return end_with_error(walk, name, ENOTDIR, ret);
        *ret_done = false;
        if (jumped)
                return stand_on(walk, fd_take(&fd), &st);
        if (walk_in_proc_root(walk)) {
                uint32_t tgid, tid;
                unsigned long number = strtoul(name, NULL, 10);

                r = walk_own_numbers_on(walk->call, walk->st.st_dev, &tgid, &tid);
                if (r)
                        return r;
                walk->own = number == tgid || number == tid;
                walk->own_fds = false;
        } else if (walk->own)
                walk->own_fds = strcmp(name, "fd") == 0 || strcmp(name, "fdinfo") == 0;
        return stand_on(walk, fd_take(&fd), &st);
}

/* Cuts the next component off the rest: its name in walk->at's place. NULL: there is none. */
static char *next_name(struct walk *walk, char ret_cut[1]) {
        char *name = walk->at + strspn(walk->at, "/");

        if (!*name)
                return NULL;
        walk->at = name + strcspn(name, "/");
        *ret_cut = *walk->at;
        return name;
}

static int run(struct walk *walk, struct resolved *ret) {
        for (;;) {
                char name[PATH_BYTES], *start, cut;
                bool last, dots, done;
                int error = 0, r;

                start = next_name(walk, &cut);
                if (!start) {
                        /* "/", and what a link to "/" leaves. */
                        if (walk->flags & RESOLVE_PARENT)
                                return end_with_parent(walk, "/", 0, ret);
                        return end_with_object(walk, fd_take(&walk->fd), &walk->st, ret);
                }
                if (!S_ISDIR(walk->st.st_mode))
                        return end_with_error(walk, "", ENOTDIR, ret); /* the task's dirfd */
                if ((size_t)(walk->at - start) >= sizeof(name))
                        return end_with_error(walk, "", ENAMETOOLONG, ret);
                memcpy(name, start, (size_t)(walk->at - start));
                name[walk->at - start] = 0;
                last = walk->at[strspn(walk->at, "/")] == 0;
                dots = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
                ret->slash = last && cut == '/' && !dots;
                if (last && (walk->flags & RESOLVE_PARENT))
                        return end_with_parent(walk, name, 0, ret);
                if (!dots) {
                        r = take(walk, name, last, ret, &done);
                        if (r || done)
                                return error_trace(r);
                        continue;
                }
                if (name[1] == '.')
                        r = go_up(walk, &error);
                else {
                        int probe;

                        r = walk_open(walk->call, walk->fd, ".", O_PATH | O_DIRECTORY, caution(walk), &probe,
                                      &error);
                        fd_close(probe);
                }
                if (r)
                        return error_trace(r);
                if (error)
                        return end_with_error(walk, name, error, ret);
        }
}

/* Where ".." and "/" end: the task's root, or what it scoped the lookup to. */
static int set_top(struct walk *walk, int base_fd) {
        walk->top_fd = view_root(walk->call);
        walk->top = walk->call->view.root;
        if (!(walk->scope & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)))
                return 0;
        walk->top_fd = base_fd;
        return error_trace(place_of(base_fd, &walk->top));
}

int walk(struct call *call, int base_fd, const char *path, unsigned flags, uint64_t scope,
         struct resolved *ret) {
        __attribute__((cleanup(walk_cleanup))) struct walk walk = {
                .call = call, .flags = flags, .scope = scope, .knows_root = path[0] == '/', .fd = -1
        };
        struct stat st;
        int fd, r = set_top(&walk, base_fd);

        if (r)
                return error_trace(r);
        walk.rest = walk.at = strdup(path);
        if (!walk.rest)
                return error_origin(-ENOMEM);
        fd = fcntl(base_fd, F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
                return error_origin(-errno);
        if (fstat(fd, &st) < 0) {
                fd_close(fd);
                return error_origin(-errno);
        }
        stand_on(&walk, fd, &st);
        return run(&walk, ret);
}
