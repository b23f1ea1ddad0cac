/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Paths as the task sees them. What must stay true: an answer is about objects that we hold, found below the
 * task's root with the task's permissions; what the kernel can do in one step it does (leap.c), and where
 * that step could have seen us instead of the task (procfs, magic links, ".." at another root) walk.c does
 * it again.
 */

#include "supervisor/view.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "supervisor/call.h"
#include "supervisor/leap.h"
#include "supervisor/walk.h"

#define PATH_BYTES   4096
#define STATUS_BYTES 4096
#define DELETED      " (deleted)"

void view_deinit(struct view *view) {
        *view = (struct view){ .root_fd = fd_close(view->root_fd), .cwd_fd = fd_close(view->cwd_fd) };
}

void resolved_deinit(struct resolved *resolved) {
        fd_close(resolved->parent_fd);
        fd_close(resolved->fd);
        free(resolved->path);
        *resolved = (struct resolved)RESOLVED_INIT;
}

/* ---- the task ---- */

/* An entry of the task's /proc directory that is missing: the task is gone, or error is what it means. */
static int missing_entry(struct call *call, int r, int error, int *ret_error) {
        int confirmed = target_confirm(call);

        if (confirmed)
                return confirmed;
        if (r != -ENOENT || error == 0)
                return error_origin(r);
        *ret_error = error;
        return 0;
}

int view_status(struct call *call, const char *key, char *buffer, size_t size) {
        char status[STATUS_BYTES + 1], *line;
        long n = call->kernel->read_proc(call->kernel->data, call->tid, "status", status, STATUS_BYTES, 0);
        size_t n_key = strlen(key), n_value;
        int confirmed = target_confirm(call);

        if (confirmed)
                return confirmed;
        if (n < 0)
                return error_origin((int)n);
        status[n] = 0;
        /* The first line is the task's own name; it may hold any text, but no newline (it is escaped). */
        for (line = strchr(status, '\n'); line; line = strchr(line, '\n')) {
                line++;
                if (strncmp(line, key, n_key) != 0 || line[n_key] != ':')
                        continue;
                line += n_key + 1;
                line += strspn(line, " \t");
                n_value = strcspn(line, "\n");
                while (n_value > 0 && (line[n_value - 1] == ' ' || line[n_value - 1] == '\t'))
                        n_value--;
                if (n_value >= size)
                        n_value = size - 1;
                memcpy(buffer, line, n_value);
                buffer[n_value] = 0;
                return 0;
        }
        return -ENOENT;
}

uint32_t view_tgid(struct call *call) {
        char text[32];

        if (call->view.tgid == 0 && view_status(call, "Tgid", text, sizeof(text)) == 0)
                call->view.tgid = (uint32_t)strtoul(text, NULL, 10);
        return call->view.tgid;
}

int view_take_fd(struct call *call, int fd, int *ret_fd, int *ret_error) {
        int r = fd < 0 ? -EBADF : call->kernel->take_fd(call->kernel->data, call->tid, fd), confirmed;

        *ret_fd = -1;
        *ret_error = 0;
        confirmed = target_confirm(call);
        if (confirmed) {
                fd_close(r);
                return confirmed;
        }
        if (r == -EBADF) {
                *ret_error = EBADF;
                return 0;
        }
        if (r == -ESRCH)
                return CALL_E_GONE;
        if (r < 0)
                return error_origin(r);
        *ret_fd = r;
        return 0;
}

/* Our own root, which stays what it is. */
static struct {
        int fd;
        struct place place;
} own_root = { .fd = -1 };

static void find_own_root(void) {
        own_root.fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (own_root.fd >= 0 && place_of(own_root.fd, &own_root.place) < 0)
                own_root.fd = fd_close(own_root.fd);
}

/* One question is enough where the task's root is our own, which is the rule. */
static bool has_own_root(struct call *call) {
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        char name[32];

        pthread_once(&once, find_own_root);
        snprintf(name, sizeof(name), "/proc/%u/root", call->tid);
        return own_root.fd >= 0 && place_of_path(name, &call->view.root) == 0 &&
               place_same(&call->view.root, &own_root.place);
}

static int know_root(struct call *call) {
        struct view *view = &call->view;
        int fd, r, error;

        if (view->own_root_known)
                return 0;
        if (call->tid == 0)
                return error_origin(-ESRCH); /* not visible from our pid namespace */
        view->own_root = has_own_root(call);
        if (!view->own_root) {
                fd = call->kernel->open_proc(call->kernel->data, call->tid, "root", O_PATH | O_DIRECTORY);
                if (fd < 0)
                        return missing_entry(call, fd, 0, &error);
                r = place_of(fd, &view->root);
                if (r) {
                        fd_close(fd);
                        return error_trace(r);
                }
                view->root_fd = fd;
        }
        view->own_root_known = true;
        return 0;
}

int view_root(const struct call *call) {
        return call->view.own_root ? own_root.fd : call->view.root_fd;
}

static int open_cwd(struct call *call) {
        int fd, error;

        if (call->view.cwd_fd >= 0)
                return 0;
        fd = call->kernel->open_proc(call->kernel->data, call->tid, "cwd", O_PATH | O_DIRECTORY);
        if (fd < 0)
                return missing_entry(call, fd, 0, &error);
        call->view.cwd_fd = fd;
        return 0;
}

/* What dirfd refers to. *ret_owned is closed by the caller, *ret_fd is only looked at. */
static int open_dirfd(struct call *call, int dirfd, int *ret_owned, int *ret_fd, int *ret_error) {
        char name[32];
        int fd, r;

        if (dirfd == AT_FDCWD) {
                r = open_cwd(call);
                *ret_fd = call->view.cwd_fd;
                return r;
        }
        if (dirfd < 0) {
                *ret_error = EBADF;
                return 0;
        }
        snprintf(name, sizeof(name), "fd/%d", dirfd);
        fd = call->kernel->open_proc(call->kernel->data, call->tid, name, O_PATH);
        if (fd < 0)
                return missing_entry(call, fd, EBADF, ret_error);
        *ret_fd = *ret_owned = fd;
        return 0;
}

/* ---- text ---- */

static int read_fd_link(int fd, char buffer[PATH_BYTES]) {
        char name[32];
        ssize_t n;

        snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
        n = readlink(name, buffer, PATH_BYTES - 1);
        if (n < 0)
                return errno == ENAMETOOLONG ? -ENAMETOOLONG : error_origin(-errno);
        if (n == PATH_BYTES - 1)
                return -ENAMETOOLONG;
        buffer[n] = 0;
        return 0;
}

/* The kernel marks names that were removed. One that was only judged a moment later must still match. */
static void strip_deleted(int fd, char *path) {
        size_t n = strlen(path), n_mark = strlen(DELETED);
        struct stat st, named;

        if (n <= n_mark || strcmp(path + n - n_mark, DELETED) != 0 || path[0] != '/' || fstat(fd, &st) < 0)
                return;
        if (lstat(path, &named) == 0 && named.st_ino == st.st_ino && named.st_dev == st.st_dev)
                return; /* that is its name */
        path[n - n_mark] = 0;
}

/* path, as we see it, without the way to the task's root. NULL: it is outside. */
static int inside_root(struct call *call, const char *path, const char **ret) {
        char root[PATH_BYTES];
        size_t n;
        int r;

        *ret = path;
        if (call->view.own_root || path[0] != '/')
                return 0;
        r = read_fd_link(call->view.root_fd, root);
        if (r)
                return r;
        n = strcmp(root, "/") == 0 ? 0 : strlen(root);
        if (strncmp(path, root, n) == 0 && (path[n] == '/' || path[n] == 0))
                *ret = path[n] ? path + n : "/";
        else
                *ret = NULL;
        return 0;
}

int view_path(struct call *call, int fd, char **ret) {
        char path[PATH_BYTES];
        const char *inside;
        int r = read_fd_link(fd, path);

        if (r)
                return r;
        strip_deleted(fd, path);
        r = inside_root(call, path, &inside);
        if (r)
                return r;
        if (inside)
                *ret = strdup(inside);
        else if (asprintf(ret, "(unreachable)%s", path) < 0)
                *ret = NULL;
        return *ret ? 0 : error_origin(-ENOMEM);
}

int view_link(struct call *call, int fd, const char *text, size_t n, char **ret) {
        char name[PATH_BYTES], own[64], copy[PATH_BYTES + 1], *last;
        const char *inside;
        uint32_t tgid, tid;
        bool self;
        int r;

        *ret = NULL;
        if (n >= sizeof(copy))
                return 0;
        memcpy(copy, text, n);
        copy[n] = 0;
        r = read_fd_link(fd, name);
        if (r)
                return r == -ENAMETOOLONG ? 0 : r;
        last = strrchr(name, '/');
        self = last && strcmp(last, "/self") == 0;
        if (self || (last && strcmp(last, "/thread-self") == 0)) {
                r = walk_own_numbers(call, fd, &tgid, &tid);
                if (r)
                        return r;
                snprintf(own, sizeof(own), self ? "%u" : "%u/task/%u", tgid, tid);
                *ret = strdup(own);
                return *ret ? 0 : error_origin(-ENOMEM);
        }
        /* The kernel, too, shows what is outside as it is. */
        r = inside_root(call, copy, &inside);
        if (r || !inside || inside == copy)
                return r == -ENAMETOOLONG ? 0 : r;
        *ret = strdup(inside);
        return *ret ? 0 : error_origin(-ENOMEM);
}

/* ---- resolving ---- */

/* With the task's authority. */
static int resolve_from(struct call *call, const struct leap_base *base, const char *path, unsigned flags,
                        struct resolved *ret) {
        int r = leap(call, base, path, flags, ret);

        if (r != LEAP_E_WALK)
                return error_trace(r);
        resolved_deinit(ret);
        return error_trace(walk(call, base->fd, path, flags, base->wanted, ret));
}

/* The descriptor itself. */
static int resolve_empty(struct call *call, int fd, unsigned flags, struct resolved *ret) {
        enum file_system file_system;
        struct stat st;
        int r;

        ret->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (ret->fd < 0 || fstat(ret->fd, &st) < 0)
                return error_origin(-errno);
        ret->mode = st.st_mode;
        ret->rdev = st.st_rdev;
        file_system = file_system_of(ret->fd, &st);
        ret->proc = file_system == FILE_SYSTEM_PROC;
        ret->remote = file_system == FILE_SYSTEM_REMOTE;
        ret->empty = true;
        if (flags & RESOLVE_NO_TEXT)
                return 0;
        r = view_path(call, ret->fd, &ret->path);
        if (r != -ENAMETOOLONG)
                return error_trace(r);
        ret->path = strdup("(too long)");
        return ret->path ? 0 : error_origin(-ENOMEM);
}

static int end_early(struct resolved *ret, int error, const char *path) {
        ret->error = error;
        ret->path = strdup(path);
        return ret->path ? 0 : error_origin(-ENOMEM);
}

/* What keeps the kernel inside the task's root, beside what the task asked for. */
static uint64_t scope_for(const struct call *call, const char *path, uint64_t scope) {
        if (call->view.own_root || (scope & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)))
                return scope;
        return scope | (path[0] == '/' ? RESOLVE_IN_ROOT : RESOLVE_BENEATH);
}

static int resolve(struct call *call, int dirfd, const char *path, unsigned flags, uint64_t scope,
                   struct resolved *ret) {
        bool from_dirfd = path[0] != '/' || (scope & (RESOLVE_BENEATH | RESOLVE_IN_ROOT));
        struct leap_base base = { .fd = -1 };
        cleanup_fd int owned = -1;
        int error = 0, r;

        if (path[0] == 0 && !(flags & RESOLVE_EMPTY))
                return end_early(ret, ENOENT, path);
        if (path[0] == '/' && (scope & RESOLVE_BENEATH))
                return end_early(ret, EXDEV, path);
        r = know_root(call);
        if (!r && from_dirfd)
                r = open_dirfd(call, dirfd, &owned, &base.fd, &error);
        if (!r)
                r = target_confirm(call); /* what we opened is the task's */
        if (r)
                return error_trace(r);
        if (error)
                return end_early(ret, error, path);
        if (path[0] == 0)
                return resolve_empty(call, base.fd, flags, ret);
        if (!from_dirfd)
                base.fd = view_root(call);
        base.scope = scope_for(call, path, scope);
        base.wanted = scope;
        r = authority_assume(call);
        if (r)
                return error_trace(r);
        r = resolve_from(call, &base, path, flags, ret);
        authority_return(call);
        return error_trace(r);
}

int view_resolve_scoped(struct call *call, int dirfd, const char *path, unsigned flags, uint64_t scope,
                        struct resolved *ret) {
        bool may_wait = call->may_wait, cached = (scope & RESOLVE_CACHED) != 0;
        int r;

        *ret = (struct resolved)RESOLVED_INIT;
        if (cached)
                call->may_wait = false;
        r = resolve(call, dirfd, path, flags, scope & ~(uint64_t)RESOLVE_CACHED, ret);
        call->may_wait = may_wait;
        if (r == CALL_E_SLOW && cached) {
                resolved_deinit(ret);
                r = end_early(ret, EAGAIN, path);
        }
        if (r)
                resolved_deinit(ret);
        return error_trace(r);
}

int view_resolve(struct call *call, int dirfd, const char *path, unsigned flags, struct resolved *ret) {
        return view_resolve_scoped(call, dirfd, path, flags, 0, ret);
}
