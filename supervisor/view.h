/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What names mean to a task: its root, working directory, descriptors, and the paths below them. Paths are
 * resolved inside the task's own root (openat2 RESOLVE_IN_ROOT, O_PATH), never by comparing strings; what
 * comes out are descriptors, so that nothing the task does afterwards changes what was decided upon.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct call;

/* One directory at one place: two with equal fields are the same for "..". */
struct place {
        uint32_t major, minor;
        uint64_t ino, mount;
};

/* Opened when first needed, closed with the call. */
struct view {
        int root_fd; /* /proc/TID/root, O_PATH; -1: not yet, or own_root: view_root() */
        int cwd_fd;
        uint32_t tgid; /* 0: not yet */
        bool own_root; /* the task's root is ours, in the same mount namespace */
        bool own_root_known;
        struct place root; /* what root_fd is */
};
#define VIEW_INIT                                                                                           \
        { .root_fd = -1, .cwd_fd = -1 }
void view_deinit(struct view *view);

enum resolve_flag {
        RESOLVE_FOLLOW = 1u << 0,    /* a symbolic link in the last place is followed */
        RESOLVE_PARENT = 1u << 1,    /* only the parent is wanted: the call makes or removes the name. The
                                        object  is not looked at: fd is -1, error 0 where there is a parent */
        RESOLVE_EMPTY = 1u << 2,     /* an empty path means the descriptor itself (AT_EMPTY_PATH) */
        RESOLVE_NO_TEXT = 1u << 3,   /* nobody wants path: NULL is fine */
        RESOLVE_NO_PARENT = 1u << 4, /* nobody makes what is missing: parent_fd may be -1 */
};

/* Where a path leads. */
struct resolved {
        /* O_PATH of the directory of the last component, with RESOLVE_PARENT and where only the last
         * component is missing (error ENOENT); else -1: who has the object needs no name. After symbolic
         * links it is the directory of what the last of them names. */
        int parent_fd;
        char name[256]; /* with parent_fd: the last component as written, "." and ".." too; "/" where the
                           path has none. Given to an *at() call with parent_fd it fails as it does for the
                           task */
        bool slash;     /* the path ended in '/' after the name: it must be a directory */
        int fd;         /* O_PATH of the object; -1: it does not exist, see error */
        int error;      /* what the kernel would say on the way; 0: resolved */
        char *path;  /* absolute, as the task sees it; owned. Where nothing is, the last directory that there
                        is and the rest of the path. "(unreachable)/…": outside the task's root; "pipe:[5]"
                        and the like: what has no place. Never NULL after a return of 0, but for NO_TEXT */
        bool proc;   /* lies in a procfs */
        bool own;    /* and there below the own directory of the task */
        bool remote; /* whatever is done with it may wait for another machine or process */
        bool empty;  /* there was no path: it is the descriptor (RESOLVE_EMPTY) */
        mode_t mode; /* of the object, with its type; 0: there is none */
        dev_t rdev;
};
#define RESOLVED_INIT                                                                                       \
        { .parent_fd = -1, .fd = -1 }
void resolved_deinit(struct resolved *resolved);

/*
 * Resolves path (our copy of the task's text) from dirfd of the task (AT_FDCWD: its working directory).
 * 0 with *ret filled, also where the path leads nowhere; CALL_E_GONE; CALL_E_SLOW (call->may_wait is false
 * and the kernel would have to ask a slow or dead file system); or -errno. /proc/self and /proc/thread-self
 * are the task's. Symbolic links: 40, as the kernel. Permissions are the task's: the authority is assumed
 * and returned inside, so that the caller must not hold it.
 */
int view_resolve(struct call *call, int dirfd, const char *path, unsigned flags, struct resolved *ret);

/* The same with RESOLVE_* of openat2(2) that the task asked for. */
int view_resolve_scoped(struct call *call, int dirfd, const char *path, unsigned flags, uint64_t scope,
                        struct resolved *ret);

/* Path of an open descriptor of ours as the task sees it, in *ret, owned by the caller: 0, or -errno,
 * -ENAMETOOLONG among them. */
int view_path(struct call *call, int fd, char **ret);

/* What the link that fd is says to the task where it says something else to us: /proc/self,
 * /proc/thread-self, and links of procfs into another root. *ret is NULL where text, n bytes, is right, else
 * owned by the caller. 0, CALL_E_GONE, -errno. */
int view_link(struct call *call, int fd, const char *text, size_t n, char **ret);

/* A copy of a descriptor of the task (pidfd_getfd, kernel 5.6), close-on-exec: the same open file
 * description. *ret_fd is owned by the caller. CALL_E_GONE, or 0 with -1 and *ret_error = EBADF; -EPERM
 * where we may not. */
int view_take_fd(struct call *call, int fd, int *ret_fd, int *ret_error);

/* The task's root, O_PATH and borrowed, after a path was resolved. */
int view_root(const struct call *call);

uint32_t view_tgid(struct call *call); /* thread group; 0 when gone */

/* A line of /proc/TID/status, "Umask" for example, without blanks around it: 0, CALL_E_GONE, -ENOENT. */
int view_status(struct call *call, const char *key, char *buffer, size_t size);
