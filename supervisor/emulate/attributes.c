/* SPDX-License-Identifier: Apache-2.0 */

/* Mode, owner and times, changed for the task on the object that was judged. */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "supervisor/emulate/paths.h"
#include "supervisor/emulate/trees.h"

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452 /* kernel 6.6 */
#endif

static bool named(const struct call *call, const char *name) {
        return strcmp(call->name, name) == 0;
}

/* ---- mode ---- */

static int run_chmod(struct call *call) {
        bool with_flags = named(call, "fchmodat2");
        mode_t mode = (mode_t)call->args[named(call, "chmod") ? 1 : 2];
        char link[TREE_LINK_MAX];
        bool answered;
        int r;

        if (with_flags && ((int)call->args[3] & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
                return answer_errno(call, EINVAL);
        r = tree_paths(call, &answered);
        if (r || answered)
                return error_trace(r);
        r = tree_begin(call);
        if (r)
                return error_trace(r);
        if (with_flags)
                return tree_end(call, syscall(SYS_fchmodat2, call->paths[0].fd, "", mode, AT_EMPTY_PATH));
        return tree_end(call, chmod(tree_link(&call->paths[0], link), mode));
}

/* ---- owner ---- */

/* i386 has calls from the time of 16 bits: chown is one, chown32 is not. */
static uint32_t id_of(const struct call *call, uint64_t arg, bool narrow) {
        return !narrow || !call_is_32bit(call) ? (uint32_t)arg
               : (uint16_t)arg == UINT16_MAX   ? UINT32_MAX
                                               : (uint16_t)arg;
}

static int run_chown(struct call *call) {
        bool at = named(call, "fchownat"), narrow = named(call, "chown") || named(call, "lchown"), answered;
        uint32_t uid, gid;
        bool known_uid, known_gid;
        int r;

        if (at && ((int)call->args[4] & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
                return answer_errno(call, EINVAL);
        r = tree_paths(call, &answered);
        if (r || answered)
                return error_trace(r);
        r = tree_owner(call, "uid_map", id_of(call, call->args[1 + at], narrow), &uid, &known_uid);
        if (!r)
                r = tree_owner(call, "gid_map", id_of(call, call->args[2 + at], narrow), &gid, &known_gid);
        if (r)
                return error_trace(r);
        if (!known_uid || !known_gid)
                return answer_errno(call, EINVAL);
        r = tree_begin(call);
        if (r)
                return error_trace(r);
        return tree_end(call, fchownat(call->paths[0].fd, "", uid, gid, AT_EMPTY_PATH));
}

/* ---- times ---- */

/* How the task gives times: how wide a number is, and what the second one counts. */
struct layout {
        const char *call;
        unsigned argument;
        bool wide; /* 64 bits also for 32-bit callers */
        enum { SECONDS, MICROSECONDS, NANOSECONDS } unit;
};
static const struct layout layouts[] = {
        { "utime", 1, false, SECONDS },
        { "utimes", 1, false, MICROSECONDS },
        { "futimesat", 2, false, MICROSECONDS },
        { "utimensat", 2, false, NANOSECONDS },
        { "utimensat_time64", 2, true, NANOSECONDS },
};

static const struct layout *layout_of(const struct call *call) {
        size_t i = 0;

        while (!named(call, layouts[i].call))
                i++;
        return &layouts[i];
}

static int read_numbers(struct call *call, const struct layout *layout, size_t n, int64_t numbers[4]) {
        uint64_t address = call->args[layout->argument];
        int32_t narrow[4];
        int r;

        if (!call_is_32bit(call) || layout->wide)
                return target_read(call, address, numbers, n * sizeof(*numbers));
        r = target_read(call, address, narrow, n * sizeof(*narrow));
        for (size_t i = 0; !r && i < n; i++)
                numbers[i] = narrow[i];
        return r;
}

/* 0, CALL_E_*; -EINVAL as the task's mistake. No times at all: now, and *ret_now. */
static int read_times(struct call *call, const struct layout *layout, struct timespec ret[2],
                      bool *ret_now) {
        int64_t numbers[4] = { 0 };
        int r;

        *ret_now = call->args[layout->argument] == 0;
        if (*ret_now)
                return 0;
        r = read_numbers(call, layout, layout->unit == SECONDS ? 2 : 4, numbers);
        if (r)
                return r;
        for (size_t i = 0; i < 2; i++) {
                if (layout->unit == SECONDS) {
                        ret[i] = (struct timespec){ .tv_sec = numbers[i] };
                        continue;
                }
                ret[i] = (struct timespec){ numbers[2 * i], numbers[2 * i + 1] };
                /* The upper half of a 32-bit caller's nanoseconds is padding. */
                if (call_is_32bit(call) && layout->wide)
                        ret[i].tv_nsec &= UINT32_MAX;
                if (layout->unit == MICROSECONDS) {
                        if (ret[i].tv_nsec < 0 || ret[i].tv_nsec >= 1000000)
                                return -EINVAL;
                        ret[i].tv_nsec *= 1000;
                }
        }
        return 0;
}

/* Without a path it is about the descriptor, which must be more than a name, and flags are none of its. */
static int check_descriptor(struct call *call, unsigned flags) {
        cleanup_fd int fd = -1;
        int error = 0, r = view_take_fd(call, (int)call->args[0], &fd, &error);

        if (r)
                return error_trace(r);
        if (flags)
                return answer_errno(call, EINVAL);
        return fd < 0 || (fcntl(fd, F_GETFL) & O_PATH) ? answer_errno(call, EBADF) : 0;
}

static int run_utime(struct call *call) {
        const struct layout *layout = layout_of(call);
        bool with_flags = layout->unit == NANOSECONDS, now, answered;
        struct timespec times[2];
        int r = read_times(call, layout, times, &now);

        if (r == -EINVAL)
                return answer_errno(call, EINVAL);
        if (r)
                return target_error(call, r);
        /* Then the kernel does not look at the path either. */
        if (with_flags && !now && times[0].tv_nsec == UTIME_OMIT && times[1].tv_nsec == UTIME_OMIT)
                return answer_value(call, 0);
        if (with_flags && ((int)call->args[3] & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
                return answer_errno(call, EINVAL);
        if (layout->argument == 2 && call->args[1] == 0 && (int)call->args[0] != AT_FDCWD) {
                r = check_descriptor(call, with_flags ? (unsigned)call->args[3] : 0);
                if (r || paths_answered(call))
                        return error_trace(r);
        }
        r = tree_paths(call, &answered);
        if (r || answered)
                return error_trace(r);
        r = tree_begin(call);
        if (r)
                return error_trace(r);
        return tree_end(call,
                        syscall(SYS_utimensat, call->paths[0].fd, "", now ? NULL : times, AT_EMPTY_PATH));
}

const struct emulator perform_attributes[] = {
        { "chmod", run_chmod },
        { "fchmodat", run_chmod },
        { "fchmodat2", run_chmod },
        { "chown", run_chown },
        { "lchown", run_chown },
        { "chown32", run_chown },
        { "lchown32", run_chown },
        { "fchownat", run_chown },
        { "utime", run_utime },
        { "utimes", run_utime },
        { "futimesat", run_utime },
        { "utimensat", run_utime },
        { "utimensat_time64", run_utime },
        { 0 },
};
