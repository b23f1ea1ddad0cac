/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Rows: where a call has its paths. What must stay true: the task's memory is read once; a text is resolved
 * once, with the flags that the kernel would use; what a policy judged is what performers get.
 */

#include "supervisor/emulate/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "policy/native/pattern.h"
#include "supervisor/call.h"

#define PATH_BYTES 4096
#define NONE       (-1)
#define HOW_FLAGS  (-2) /* flags are those of openat2's struct */
#define HOW_MAX    4096 /* the kernel takes no longer struct than a page */

/* How flags change the lookup. */
enum flag_style {
        FLAGS_NONE,
        FLAGS_AT,    /* AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH */
        FLAGS_LINK,  /* AT_SYMLINK_FOLLOW, AT_EMPTY_PATH */
        FLAGS_OPEN,  /* O_NOFOLLOW, O_CREAT|O_EXCL */
        FLAGS_WATCH, /* IN_DONT_FOLLOW */
};

/* What no path at all means. */
enum null_path {
        NULL_IS_BAD,
        NULL_IS_FD,    /* the descriptor, but not the working directory: utimensat */
        NULL_IS_EMPTY, /* the same as "" where AT_EMPTY_PATH stands, since 6.11 */
};

struct path_arg {
        int dirfd; /* argument; NONE: the working directory */
        int path;  /* argument; NONE: no such path */
        unsigned lookup;
};

struct path_row {
        const char *call;
        struct path_arg paths[2];
        enum flag_style style;
        int flags; /* argument; they are about paths[0] */
        enum null_path null;
};

#define NO_PATH                                                                                             \
        { NONE, NONE, 0 }
#define FOLLOW(path)                                                                                        \
        { { NONE, path, RESOLVE_FOLLOW }, NO_PATH }
#define LINK(path)                                                                                          \
        { { NONE, path, 0 }, NO_PATH }
#define NAME(path)                                                                                          \
        { { NONE, path, RESOLVE_PARENT }, NO_PATH }
#define AT_FOLLOW(dirfd, path)                                                                              \
        { { dirfd, path, RESOLVE_FOLLOW }, NO_PATH }
#define AT_LINK(dirfd, path)                                                                                \
        { { dirfd, path, 0 }, NO_PATH }
#define AT_NAME(dirfd, path)                                                                                \
        { { dirfd, path, RESOLVE_PARENT }, NO_PATH }

static const struct path_row rows[] = {
        { "open", FOLLOW(0), FLAGS_OPEN, 1, NULL_IS_BAD },
        { "openat", AT_FOLLOW(0, 1), FLAGS_OPEN, 2, NULL_IS_BAD },
        { "openat2", AT_FOLLOW(0, 1), FLAGS_OPEN, HOW_FLAGS, NULL_IS_BAD },
        { "creat", FOLLOW(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "stat", FOLLOW(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "stat64", FOLLOW(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "oldstat", FOLLOW(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "lstat", LINK(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "lstat64", LINK(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "oldlstat", LINK(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "newfstatat", AT_FOLLOW(0, 1), FLAGS_AT, 3, NULL_IS_EMPTY },
        { "fstatat64", AT_FOLLOW(0, 1), FLAGS_AT, 3, NULL_IS_EMPTY },
        { "statx", AT_FOLLOW(0, 1), FLAGS_AT, 2, NULL_IS_EMPTY },
        { "access", FOLLOW(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "faccessat", AT_FOLLOW(0, 1), FLAGS_NONE, 0, NULL_IS_BAD },
        { "faccessat2", AT_FOLLOW(0, 1), FLAGS_AT, 3, NULL_IS_BAD },
        { "readlink", LINK(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "readlinkat", { { 0, 1, RESOLVE_EMPTY }, NO_PATH }, FLAGS_NONE, 0, NULL_IS_BAD },
        { "statfs", FOLLOW(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "statfs64", FOLLOW(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "truncate", FOLLOW(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "truncate64", FOLLOW(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "mkdir", NAME(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "mkdirat", AT_NAME(0, 1), FLAGS_NONE, 0, NULL_IS_BAD },
        { "rmdir", NAME(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "unlink", NAME(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "unlinkat", AT_NAME(0, 1), FLAGS_NONE, 0, NULL_IS_BAD },
        { "rename",
          { { NONE, 0, RESOLVE_PARENT }, { NONE, 1, RESOLVE_PARENT } },
          FLAGS_NONE,
          0,
          NULL_IS_BAD },
        { "renameat", { { 0, 1, RESOLVE_PARENT }, { 2, 3, RESOLVE_PARENT } }, FLAGS_NONE, 0, NULL_IS_BAD },
        { "renameat2", { { 0, 1, RESOLVE_PARENT }, { 2, 3, RESOLVE_PARENT } }, FLAGS_NONE, 0, NULL_IS_BAD },
        { "link", { { NONE, 0, 0 }, { NONE, 1, RESOLVE_PARENT } }, FLAGS_NONE, 0, NULL_IS_BAD },
        { "linkat", { { 0, 1, 0 }, { 2, 3, RESOLVE_PARENT } }, FLAGS_LINK, 4, NULL_IS_BAD },
        { "symlink", NAME(1), FLAGS_NONE, 0, NULL_IS_BAD },
        { "symlinkat", AT_NAME(1, 2), FLAGS_NONE, 0, NULL_IS_BAD },
        { "mknod", NAME(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "mknodat", AT_NAME(0, 1), FLAGS_NONE, 0, NULL_IS_BAD },
        { "chmod", FOLLOW(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "fchmodat", AT_FOLLOW(0, 1), FLAGS_NONE, 0, NULL_IS_BAD },
        { "fchmodat2", AT_FOLLOW(0, 1), FLAGS_AT, 3, NULL_IS_BAD },
        { "chown", FOLLOW(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "chown32", FOLLOW(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "lchown", LINK(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "lchown32", LINK(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "fchownat", AT_FOLLOW(0, 1), FLAGS_AT, 4, NULL_IS_BAD },
        { "utime", FOLLOW(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "utimes", FOLLOW(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "futimesat", AT_FOLLOW(0, 1), FLAGS_NONE, 0, NULL_IS_FD },
        { "utimensat", AT_FOLLOW(0, 1), FLAGS_AT, 3, NULL_IS_FD },
        { "utimensat_time64", AT_FOLLOW(0, 1), FLAGS_AT, 3, NULL_IS_FD },
        { "setxattr", FOLLOW(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "getxattr", FOLLOW(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "listxattr", FOLLOW(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "removexattr", FOLLOW(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "lsetxattr", LINK(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "lgetxattr", LINK(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "llistxattr", LINK(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "lremovexattr", LINK(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "setxattrat", AT_FOLLOW(0, 1), FLAGS_AT, 2, NULL_IS_EMPTY },
        { "getxattrat", AT_FOLLOW(0, 1), FLAGS_AT, 2, NULL_IS_EMPTY },
        { "listxattrat", AT_FOLLOW(0, 1), FLAGS_AT, 2, NULL_IS_EMPTY },
        { "removexattrat", AT_FOLLOW(0, 1), FLAGS_AT, 2, NULL_IS_EMPTY },
        { "name_to_handle_at", AT_LINK(0, 1), FLAGS_LINK, 4, NULL_IS_BAD },
        { "inotify_add_watch", FOLLOW(1), FLAGS_WATCH, 2, NULL_IS_BAD },
        { "chdir", FOLLOW(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "chroot", FOLLOW(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "execve", FOLLOW(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "execveat", AT_FOLLOW(0, 1), FLAGS_AT, 4, NULL_IS_BAD },
        { "mount", FOLLOW(1), FLAGS_NONE, 0, NULL_IS_BAD },
        { "umount", FOLLOW(0), FLAGS_NONE, 0, NULL_IS_BAD },
        { "umount2", FOLLOW(0), FLAGS_NONE, 0, NULL_IS_BAD },
};

static const struct path_row *row_of(const struct call *call) {
        for (size_t i = 0; call->name && i < sizeof(rows) / sizeof(rows[0]); i++)
                if (strcmp(rows[i].call, call->name) == 0)
                        return &rows[i];
        return NULL;
}

/* ---- openat2's struct ---- */

/* As copy_struct_from_user(): what is longer than we know must be zero. */
static int read_how(struct call *call) {
        uint64_t n = call->args[3];
        char bytes[HOW_MAX];
        int r;

        if (call->has_how)
                return 0;
        call->how_error = n < sizeof(call->how) ? EINVAL : n > HOW_MAX ? E2BIG : 0;
        if (!call->how_error) {
                r = target_read(call, call->args[2], bytes, n);
                if (r)
                        return r;
                memcpy(&call->how, bytes, sizeof(call->how));
                for (size_t i = sizeof(call->how); i < n; i++)
                        if (bytes[i])
                                call->how_error = E2BIG;
        }
        call->has_how = true;
        return 0;
}

int paths_fetch_memory_args(struct call *call) {
        struct policy_facts *facts = &call->facts;
        int r;

        if (!call->name || strcmp(call->name, "openat2") != 0)
                return 0;
        r = read_how(call);
        if (r || call->how_error)
                return r;
        facts->n_memory_args = 3;
        facts->memory_args[0] = (struct policy_memory_arg){ "flags", call->how.flags };
        facts->memory_args[1] = (struct policy_memory_arg){ "mode", call->how.mode };
        facts->memory_args[2] = (struct policy_memory_arg){ "resolve", call->how.resolve };
        return 0;
}

/* ---- fetching ---- */

/* 6.11 takes no path for an empty one where AT_EMPTY_PATH allows it. */
static bool null_may_be_empty(void) {
        static int known = -1;
        struct stat st;

        if (known < 0)
                known = syscall(SYS_newfstatat, STDIN_FILENO, NULL, &st, AT_EMPTY_PATH) == 0 ||
                        errno != EFAULT;
        return known;
}

static unsigned lookup_of(const struct path_row *row, size_t i, uint64_t flags) {
        unsigned lookup = row->paths[i].lookup;

        if (i > 0)
                return lookup;
        if (row->style != FLAGS_OPEN && strcmp(row->call, "creat") != 0)
                lookup |= RESOLVE_NO_PARENT;
        switch (row->style) {
        case FLAGS_AT:
                if (flags & AT_SYMLINK_NOFOLLOW)
                        lookup &= ~(unsigned)RESOLVE_FOLLOW;
                if (flags & AT_EMPTY_PATH)
                        lookup |= RESOLVE_EMPTY;
                break;
        case FLAGS_LINK:
                if (flags & AT_SYMLINK_FOLLOW)
                        lookup |= RESOLVE_FOLLOW;
                if (flags & AT_EMPTY_PATH)
                        lookup |= RESOLVE_EMPTY;
                break;
        case FLAGS_OPEN:
                if (!(flags & O_CREAT))
                        lookup |= RESOLVE_NO_PARENT;
                if ((flags & O_NOFOLLOW) || ((flags & O_CREAT) && (flags & O_EXCL) && !(flags & O_PATH)))
                        lookup &= ~(unsigned)RESOLVE_FOLLOW;
                break;
        case FLAGS_WATCH:
                if (flags & IN_DONT_FOLLOW)
                        lookup &= ~(unsigned)RESOLVE_FOLLOW;
                break;
        case FLAGS_NONE:
                break;
        }
        return lookup;
}

static int fetch_one(struct call *call, const struct path_row *row, size_t i, unsigned extra) {
        const struct path_arg *arg = &row->paths[i];
        uint64_t flags = row->flags == HOW_FLAGS ? call->how.flags : call->args[row->flags];
        unsigned lookup = lookup_of(row, i, row->style == FLAGS_NONE ? 0 : flags) | extra;
        uint64_t address = call->args[arg->path];
        int dirfd = arg->dirfd == NONE ? AT_FDCWD : (int)call->args[arg->dirfd];
        char path[PATH_BYTES];
        int r = 0;

        path[0] = 0;
        if (address == 0 && row->null == NULL_IS_FD && dirfd != AT_FDCWD)
                lookup |= RESOLVE_EMPTY;
        else if (address != 0 || row->null != NULL_IS_EMPTY || !(lookup & RESOLVE_EMPTY) ||
                 !null_may_be_empty())
                r = target_string(call, address, path, sizeof(path));
        if (!r)
                r = view_resolve_scoped(call, dirfd, path, lookup,
                                        row->flags == HOW_FLAGS ? call->how.resolve : 0, &call->paths[i]);
        if (!r)
                call->n_paths = i + 1;
        return r;
}

static void forget(struct call *call) {
        for (size_t i = 0; i < call->n_paths; i++)
                resolved_deinit(&call->paths[i]);
        call->n_paths = 0;
}

static int fetch(struct call *call, unsigned extra) {
        const struct path_row *row = row_of(call);
        int r = 0;

        forget(call);
        if (!row)
                return 0;
        if (row->flags == HOW_FLAGS)
                r = read_how(call);
        if (!r && call->how_error)
                return 0;
        for (size_t i = 0; !r && i < 2 && row->paths[i].path != NONE; i++)
                r = fetch_one(call, row, i, extra);
        if (r)
                forget(call);
        else
                call->has_paths = true;
        return r;
}

static void tell_texts(struct call *call) {
        call->facts.n_paths = call->n_paths;
        for (size_t i = 0; i < call->n_paths; i++)
                call->facts.paths[i] = call->paths[i].path;
}

int paths_fetch(struct call *call) {
        int r = fetch(call, 0);

        if (!r)
                tell_texts(call);
        return r;
}

/* ---- other paths ---- */

/* Which path did the rule match? */
static size_t matched_path(const struct call *call) {
        const struct policy_where *where = &call->verdict.rule->where;

        for (size_t i = 0; i < call->facts.n_paths; i++)
                for (size_t k = 0; k < where->n_paths; k++)
                        if (pattern_match(where->paths[k], call->facts.paths[i], NULL, NULL))
                                return i;
        return 0;
}

static int redirect(struct call *call) {
        const struct path_row *row = row_of(call);
        struct resolved there;
        char *target = NULL;
        size_t i;
        int r;

        if (!row || call->redirected || call->n_paths == 0)
                return 0;
        r = policy_expand(call->verdict.rule->text, &call->verdict, &target);
        if (r)
                return error_trace(r);
        i = matched_path(call);
        r = view_resolve(call, AT_FDCWD, target,
                         lookup_of(row, i,
                                   row->style == FLAGS_NONE  ? 0
                                   : row->flags == HOW_FLAGS ? call->how.flags
                                                             : call->args[row->flags]) &
                                 ~(unsigned)RESOLVE_EMPTY,
                         &there);
        free(target);
        if (r)
                return r;
        resolved_deinit(&call->paths[i]);
        call->paths[i] = there;
        call->redirected = true;
        /* The captures pointed into the old text. */
        call->verdict.n_captures = 0;
        if (call->facts.n_paths > i)
                call->facts.paths[i] = there.path;
        return 0;
}

int paths_need_how(struct call *call) {
        int r = strcmp(call->name, "openat2") == 0 ? read_how(call) : 0;

        if (!r && call->how_error)
                return answer_errno(call, call->how_error);
        return target_error(call, r);
}

int paths_need(struct call *call) {
        int r = call->has_paths ? 0 : fetch(call, RESOLVE_NO_TEXT);

        if (!r && call->how_error)
                return answer_errno(call, call->how_error);
        if (!r && call->verdict.action == POLICY_REDIRECT)
                r = redirect(call);
        return target_error(call, r);
}

bool paths_answered(const struct call *call) {
        return call->answer.kind != ANSWER_NONE;
}

int paths_reopen(int fd, int flags) {
        char name[32];
        int opened;

        snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
        opened = open(name, flags | O_CLOEXEC);
        return opened < 0 ? -errno : opened;
}
