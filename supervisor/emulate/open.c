/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Opens carried out for the task. What must stay true: what is opened is what was resolved (and judged),
 * through the descriptor that we hold; nothing is created but in the parent that was resolved; no open of
 * ours waits on the session's thread, and none gives us a controlling terminal.
 */

#include "supervisor/emulate/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "supervisor/emulate/paths.h"
#include "supervisor/emulate/substitute.h"

#define MAJOR_MEMORY    1 /* null, zero, random … */
#define MAJOR_TTY       4
#define MAJOR_TTY_AUX   5 /* tty, console, ptmx */
#define MAJOR_PTS_FIRST 136
#define MAJOR_PTS_LAST  143
#define CREATE_TRIES    32
#define SMALL_FILE_MAX  0x7fffffff /* what 32-bit callers may open without O_LARGEFILE */

/* glibc has none where the kernel always adds it. */
#if defined(__x86_64__) || defined(__i386__)
#define LARGE_FILE 0100000
#elif defined(__aarch64__) || defined(__arm__)
#define LARGE_FILE 0400000
#else
#define LARGE_FILE O_LARGEFILE
#endif

/* What is left of flags that only say how the name is looked up. */
#define LOOKUP_FLAGS (O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC)

struct opening {
        int flags;
        mode_t mode;
        bool large; /* O_LARGEFILE, also where it goes without saying */
};

static void read_arguments(const struct call *call, struct opening *ret) {
        bool has_dirfd = strcmp(call->name, "openat") == 0;

        if (strcmp(call->name, "openat2") == 0) {
                *ret = (struct opening){ (int)call->how.flags, (mode_t)call->how.mode, true };
        } else if (strcmp(call->name, "creat") == 0) {
                *ret = (struct opening){ O_CREAT | O_WRONLY | O_TRUNC, (mode_t)call->args[1], false };
        } else {
                ret->flags = (int)call->args[has_dirfd ? 2 : 1];
                ret->mode = (mode_t)call->args[has_dirfd ? 3 : 2];
        }
        ret->large = ret->large || !call_is_32bit(call) || (ret->flags & LARGE_FILE);
        ret->flags &= ~LARGE_FILE;
        if (ret->flags & O_PATH)
                ret->flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
}

/* The kernel looks at flags before it looks at names, and what it takes changes with its version: ask it,
 * with a name that never is one. */
static int check_flags(struct call *call, const struct opening *opening) {
        long r;

        if (strcmp(call->name, "openat2") == 0)
                r = syscall(SYS_openat2, AT_FDCWD, "", &call->how, sizeof(call->how));
        else if (opening->flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)))
                r = syscall(SYS_openat, AT_FDCWD, "", opening->flags, opening->mode);
        else
                return 0;
        return r < 0 && errno != ENOENT ? answer_errno(call, errno) : 0;
}

static int answer_opened(struct call *call, int fd, const struct opening *opening) {
        if (fd == -EMFILE)
                return error_origin(fd); /* our own limit */
        if (fd < 0)
                return answer_errno(call, -fd);
        return answer_fd(call, fd, (opening->flags & O_CLOEXEC) != 0);
}

/* ---- what is there ---- */

/* Can the open of such an object wait for somebody? */
static bool may_block(const struct resolved *object, int flags) {
        unsigned number = major(object->rdev);

        if (object->remote || S_ISBLK(object->mode))
                return true;
        if (S_ISFIFO(object->mode))
                return !(flags & O_NONBLOCK) && (flags & O_ACCMODE) != O_RDWR;
        if (!S_ISCHR(object->mode))
                return false;
        return number != MAJOR_MEMORY && (number < MAJOR_PTS_FIRST || number > MAJOR_PTS_LAST) &&
               object->rdev != makedev(MAJOR_TTY_AUX, 2);
}

/*
 * A new description of the object, with the task's authority. A lease that somebody holds makes an open wait
 * until it is given back; without waiting the kernel says so.
 */
static int reopen(struct call *call, const struct resolved *object, int flags, mode_t mode, int *ret_fd) {
        bool quick = !call->may_wait && S_ISREG(object->mode) && !(flags & O_NONBLOCK);
        int r = authority_assume(call);
        char name[32];

        if (r)
                return error_trace(r);
        snprintf(name, sizeof(name), "/proc/self/fd/%d", object->fd);
        *ret_fd =
                open(name, (flags & ~LOOKUP_FLAGS) | O_CLOEXEC | O_NOCTTY | (quick ? O_NONBLOCK : 0), mode);
        if (*ret_fd < 0)
                *ret_fd = -errno;
        authority_return(call);
        if (!quick)
                return 0;
        if (*ret_fd == -EWOULDBLOCK)
                return CALL_E_SLOW;
        if (*ret_fd >= 0 && fcntl(*ret_fd, F_SETFL, flags & ~O_NONBLOCK) < 0) {
                *ret_fd = fd_close(*ret_fd);
                return error_origin(-errno);
        }
        return 0;
}

/*
 * Descriptors of O_PATH cannot be handed over (SECCOMP_IOCTL_NOTIF_ADDFD refuses them, seen up to 6.18). As
 * long as nothing in memory was judged, the kernel may do it; after that a descriptor that can be read
 * stands for it, where there can be one.
 */
static int open_path(struct call *call, const struct resolved *object, const struct opening *opening) {
        int fd, r;

        if (!call->verdict.judged && call->verdict.action != POLICY_REDIRECT)
                return answer_continue(call);
        if (S_ISLNK(object->mode))
                return answer_errno(call, ELOOP);
        if (!S_ISREG(object->mode) && !S_ISDIR(object->mode))
                return answer_errno(call, EACCES);
        r = reopen(call, object, O_RDONLY | (opening->flags & O_DIRECTORY), 0, &fd);
        return r ? r : answer_opened(call, fd, opening);
}

/* The task's controlling terminal as a device number, 0 for none. */
static int terminal_of(struct call *call, unsigned *ret) {
        char text[1024], *at;
        long n = call->kernel->read_proc(call->kernel->data, call->tid, "stat", text, sizeof(text) - 1, 0);
        int confirmed = target_confirm(call);

        if (confirmed)
                return confirmed;
        if (n < 0)
                return error_origin((int)n);
        text[n] = 0;
        /* Behind the name, which may hold anything: state, ppid, pgrp, session, tty_nr. */
        at = strrchr(text, ')');
        if (!at || sscanf(at + 1, " %*c %*d %*d %*d %u", ret) != 1)
                return error_origin(-EINVAL);
        return 0;
}

/* /dev/tty is whoever opens it: ours would be another terminal, or none. */
static int open_terminal(struct call *call, const struct opening *opening) {
        static const struct {
                unsigned major, first;
                const char *format;
        } rows[] = {
                { MAJOR_PTS_FIRST, 0, "/dev/pts/%u" },
                { MAJOR_TTY, 64, "/dev/ttyS%u" },
                { MAJOR_TTY, 0, "/dev/tty%u" },
                { MAJOR_TTY_AUX, 1, "/dev/console" },
        };
        struct resolved terminal = RESOLVED_INIT;
        unsigned number;
        dev_t device;
        int r, fd = -ENXIO;

        if (!call->verdict.judged && call->verdict.action != POLICY_REDIRECT)
                return answer_continue(call);
        r = terminal_of(call, &number);
        if (r)
                return r;
        /* As the kernel writes it into stat: major in bits 8 to 15, minor in the rest. */
        device = makedev(number >> 8 & 0xfff, (number & 0xff) | (number >> 12 & 0xfff00));
        for (size_t i = 0; number && fd == -ENXIO && i < sizeof(rows) / sizeof(rows[0]); i++) {
                char name[32];

                if (major(device) != rows[i].major || minor(device) < rows[i].first)
                        continue;
                snprintf(name, sizeof(name), rows[i].format, minor(device) - rows[i].first);
                r = view_resolve(call, AT_FDCWD, name, RESOLVE_FOLLOW | RESOLVE_NO_TEXT, &terminal);
                if (r)
                        return error_trace(r);
                /* A process may use its terminal whoever owns it. */
                if (terminal.fd >= 0 && S_ISCHR(terminal.mode) && terminal.rdev == device)
                        fd = paths_reopen(terminal.fd, (opening->flags & ~LOOKUP_FLAGS) | O_NOCTTY);
                resolved_deinit(&terminal);
        }
        return answer_opened(call, fd, opening);
}

static bool too_large(const struct resolved *object, const struct opening *opening) {
        struct stat st;

        return !opening->large && S_ISREG(object->mode) && fstat(object->fd, &st) == 0 &&
               st.st_size > SMALL_FILE_MAX;
}

static int open_object(struct call *call, const struct resolved *object, const struct opening *opening) {
        int flags = opening->flags, fd, r;

        if (flags & O_CREAT) {
                if (flags & O_EXCL)
                        return answer_errno(call, EEXIST);
                if (S_ISDIR(object->mode))
                        return answer_errno(call, EISDIR);
        }
        if ((flags & O_DIRECTORY) && !S_ISDIR(object->mode))
                return answer_errno(call, ENOTDIR);
        if (flags & O_PATH)
                return open_path(call, object, opening);
        if (S_ISLNK(object->mode))
                return answer_errno(call, ELOOP);
        if (S_ISCHR(object->mode) && object->rdev == makedev(MAJOR_TTY_AUX, 0))
                return open_terminal(call, opening);
        if (!call->may_wait && may_block(object, flags))
                return CALL_E_SLOW;
        if (too_large(object, opening)) {
                r = reopen(call, object, flags & ~O_TRUNC, 0, &fd);
                if (r)
                        return error_trace(r);
                if (fd >= 0) {
                        fd_close(fd);
                        fd = -EOVERFLOW;
                }
        } else {
                r = reopen(call, object, flags, opening->mode, &fd);
                if (r)
                        return error_trace(r);
        }
        return answer_opened(call, fd, opening);
}

/* ---- what is made ---- */

/* Somebody else made the name meanwhile: it takes the place of the name that was not there. */
static int take_new(struct call *call, struct resolved *resolved, int *ret_error) {
        struct stat st;
        int fd, r = authority_assume(call);

        if (r)
                return error_trace(r);
        fd = openat(resolved->parent_fd, resolved->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        *ret_error = fd < 0 ? errno : 0;
        authority_return(call);
        if (fd < 0)
                return 0;
        if (fstat(fd, &st) < 0) {
                fd_close(fd);
                return error_origin(-errno);
        }
        resolved->fd = fd;
        resolved->mode = st.st_mode;
        resolved->rdev = st.st_rdev;
        resolved->error = 0;
        return 0;
}

/*
 * The name was missing when it was resolved. It is made only if it still is: what is there otherwise could
 * be a link to where nobody has looked. (Such a link, made in this moment, is ELOOP: with O_CREAT alone the
 * kernel would have followed it.)
 */
static int create(struct call *call, struct resolved *resolved, const struct opening *opening) {
        int flags = (opening->flags & ~O_TRUNC) | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY;
        int fd, error = EEXIST;

        if (resolved->remote && !call->may_wait)
                return CALL_E_SLOW;
        for (unsigned i = 0; i < CREATE_TRIES; i++) {
                int r = authority_assume(call);

                if (r)
                        return error_trace(r);
                fd = openat(resolved->parent_fd, resolved->name, flags, opening->mode);
                error = fd < 0 ? errno : 0;
                authority_return(call);
                if (error != EEXIST || (opening->flags & O_EXCL))
                        return answer_opened(call, fd < 0 ? -error : fd, opening);
                r = take_new(call, resolved, &error);
                if (r)
                        return error_trace(r);
                if (!error)
                        return open_object(call, resolved, opening);
                if (error != ENOENT)
                        break;
        }
        return answer_errno(call, error);
}

static int open_run(struct call *call) {
        struct resolved *path = &call->paths[0];
        struct opening opening = { 0 };
        int r = paths_need_how(call);

        if (r || paths_answered(call))
                return error_trace(r);
        read_arguments(call, &opening);
        r = check_flags(call, &opening);
        if (!r && !paths_answered(call))
                r = paths_need(call);
        if (r || paths_answered(call))
                return error_trace(r);
        if (call->verdict.action == POLICY_SUBSTITUTE)
                return substitute_open(call, opening.flags);
        if ((opening.flags & O_CREAT) && path->slash &&
            (path->error == 0 || path->error == ENOTDIR || path->parent_fd >= 0))
                return answer_errno(call, EISDIR);
        if (path->error == ENOENT && path->parent_fd >= 0 && (opening.flags & O_CREAT))
                return create(call, path, &opening);
        if (path->error)
                return answer_errno(call, path->error);
        return open_object(call, path, &opening);
}

const struct emulator perform_open[] = {
        { "open", open_run }, { "openat", open_run }, { "openat2", open_run }, { "creat", open_run }, { 0 },
};
