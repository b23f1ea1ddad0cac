/* SPDX-License-Identifier: Apache-2.0 */

/* What must stay true: what comes out is what a walk would have found. Where the kernel, which sees us and
 * not the task, could answer otherwise (procfs, magic links), the answer is LEAP_E_WALK. */

#include "supervisor/leap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "supervisor/call.h"
#include "supervisor/walk.h"

#define PATH_BYTES 4096

/* Is there a component of this name in the path? */
static bool has_component(const char *path, const char *name) {
        size_t n = strlen(name);

        for (const char *at = strstr(path, name); at; at = strstr(at + 1, name))
                if ((at == path || at[-1] == '/') && (at[n] == '/' || at[n] == 0))
                        return true;
        return false;
}

/* Opens one path in one step. LEAP_E_WALK where only a walk can tell. */
static int leap_open(struct call *call, const struct leap_base *base, const char *path, int flags,
                     int *ret_fd, int *ret_error) {
        uint64_t resolve =
                base->scope | RESOLVE_NO_MAGICLINKS | (call->may_wait ? 0 : (uint64_t)RESOLVE_CACHED);
        int r = walk_open(call, base->fd, path, O_PATH | flags, resolve, ret_fd, ret_error);

        if (r == CALL_E_SLOW)
                return LEAP_E_WALK; /* some links (/proc/self) are never at hand; the walk knows them */
        if (r || *ret_fd >= 0)
                return r;
        return *ret_error == ENOENT ? 0 : LEAP_E_WALK;
}

/* The last component and what stands before it. false: there is none that is a name. */
static bool split(const char *path, char ret_directory[PATH_BYTES], char ret_name[256], bool *ret_slash) {
        size_t n = strlen(path), start;

        *ret_slash = n > 0 && path[n - 1] == '/';
        while (n > 0 && path[n - 1] == '/')
                n--;
        for (start = n; start > 0 && path[start - 1] != '/'; start--)
                ;
        if (n == start || n - start > 255 || start >= PATH_BYTES)
                return false;
        memcpy(ret_name, path + start, n - start);
        ret_name[n - start] = 0;
        memcpy(ret_directory, path, start);
        ret_directory[start] = 0;
        if (start == 0)
                strcpy(ret_directory, ".");
        return strcmp(ret_name, ".") != 0 && strcmp(ret_name, "..") != 0;
}

static int join(const char *directory, const char *name, char **ret) {
        if (asprintf(ret, "%s/%s", strcmp(directory, "/") == 0 ? "" : directory, name) < 0) {
                *ret = NULL;
                return error_origin(-ENOMEM);
        }
        return 0;
}

/* The parent: for what only wants it, and for what is missing. */
static int leap_to_parent(struct call *call, const struct leap_base *base, const char *path, unsigned flags,
                          struct resolved *ret) {
        char place[PATH_BYTES], *directory = NULL;
        cleanup_fd int fd = -1;
        struct stat st;
        int error, r;

        if (!split(path, place, ret->name, &ret->slash))
                return LEAP_E_WALK;
        r = leap_open(call, base, place, O_DIRECTORY, &fd, &error);
        if (r)
                return r;
        if (fd < 0)
                return LEAP_E_WALK;
        if (fstat(fd, &st) < 0)
                return error_origin(-errno);
        if (file_system_of(fd, &st) == FILE_SYSTEM_PROC)
                return LEAP_E_WALK;
        if (!(flags & RESOLVE_PARENT)) {
                /* Missing indeed, or is it a link that leads nowhere? */
                cleanup_fd int found = -1;

                r = walk_open(call, fd, ret->name, O_PATH | O_NOFOLLOW,
                              call->may_wait ? 0 : (uint64_t)RESOLVE_CACHED, &found, &error);
                if (r)
                        return error_trace(r);
                if (found >= 0 || error != ENOENT)
                        return LEAP_E_WALK;
                ret->error = ENOENT;
        }
        if (!(flags & RESOLVE_NO_TEXT)) {
                r = view_path(call, fd, &directory);
                if (r)
                        return r == -ENAMETOOLONG ? LEAP_E_WALK : error_trace(r);
                r = join(directory, ret->name, &ret->path);
                free(directory);
                if (r)
                        return error_trace(r);
        }
        ret->parent_fd = fd_take(&fd);
        return 0;
}

/* After a name, that is. */
static bool ends_in_slash(const char *path) {
        char directory[PATH_BYTES], name[256];
        bool slash;

        return path[0] && path[strlen(path) - 1] == '/' && split(path, directory, name, &slash);
}

/* Neither "." nor ".." nor a slash more than it takes: without symbolic links on the way such a path is
 * canonical. */
static bool is_plain(const char *path) {
        for (const char *at = path; *at; at += strcspn(at, "/")) {
                if (*at == '/' && at++ > path && at[-2] == '/')
                        return false;
                if (*at == '/' || *at == 0)
                        return false;
                if (at[0] == '.' &&
                    (at[1] == '/' || at[1] == 0 || (at[1] == '.' && (at[2] == '/' || at[2] == 0))))
                        return false;
        }
        return true;
}

static int text_of(struct call *call, int fd, const char *path, bool canonical, unsigned flags, char **ret) {
        if (flags & RESOLVE_NO_TEXT)
                return 0;
        if (!canonical)
                return view_path(call, fd, ret);
        *ret = strdup(path);
        return *ret ? 0 : error_origin(-ENOMEM);
}

/*
 * Most paths have no links in them, and that can be asked for: then the path is its own canonical text, and
 * what is missing is missing for everybody. *ret_fd -1 and *ret_error 0: there are links, ask again.
 */
static int open_without_links(struct call *call, const struct leap_base *base, const char *path,
                              unsigned flags, int *ret_fd, int *ret_error) {
        struct leap_base strict = { base->fd, base->scope | RESOLVE_NO_SYMLINKS, base->wanted };
        int r;

        *ret_fd = -1;
        *ret_error = 0;
        if (!is_plain(path))
                return 0;
        r = leap_open(call, &strict, path, flags & RESOLVE_FOLLOW ? 0 : O_NOFOLLOW, ret_fd, ret_error);
        if (r == LEAP_E_WALK && *ret_error == ELOOP) {
                *ret_error = 0;
                return 0;
        }
        return r;
}

static int leap_to_object(struct call *call, const struct leap_base *base, const char *path, unsigned flags,
                          struct resolved *ret) {
        cleanup_fd int fd = -1;
        enum file_system file_system;
        struct stat st;
        bool canonical;
        int error, r = open_without_links(call, base, path, flags, &fd, &error);

        if (r)
                return r;
        /* With RESOLVE_IN_ROOT "/" is not the root. */
        canonical = path[0] == '/' && !(base->wanted & RESOLVE_IN_ROOT) && (fd >= 0 || error);
        if (fd < 0 && !error)
                r = leap_open(call, base, path, flags & RESOLVE_FOLLOW ? 0 : O_NOFOLLOW, &fd, &error);
        else if (error && (flags & RESOLVE_NO_PARENT) && (canonical || (flags & RESOLVE_NO_TEXT))) {
                ret->error = error;
                return text_of(call, -1, path, canonical, flags, &ret->path);
        }
        if (r)
                return r;
        if (fd < 0)
                return leap_to_parent(call, base, path, flags, ret);
        if (fstat(fd, &st) < 0)
                return error_origin(-errno);
        file_system = file_system_of(fd, &st);
        if (file_system == FILE_SYSTEM_PROC)
                return LEAP_E_WALK;
        ret->remote = file_system == FILE_SYSTEM_REMOTE;
        r = text_of(call, fd, path, canonical, flags, &ret->path);
        if (r)
                return r == -ENAMETOOLONG ? LEAP_E_WALK : error_trace(r);
        ret->mode = st.st_mode;
        ret->rdev = st.st_rdev;
        ret->slash = ends_in_slash(path);
        ret->fd = fd_take(&fd);
        return 0;
}

int leap(struct call *call, const struct leap_base *base, const char *path, unsigned flags,
         struct resolved *ret) {
        if (has_component(path, "self") || has_component(path, "thread-self"))
                return LEAP_E_WALK;
        return flags & RESOLVE_PARENT ? leap_to_parent(call, base, path, flags, ret)
                                      : leap_to_object(call, base, path, flags, ret);
}
