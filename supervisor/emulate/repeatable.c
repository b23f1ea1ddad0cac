/* SPDX-License-Identifier: Apache-2.0 */

/* Calls by name; whatever does not stand here is done once or not at all. What is pretended for a task by an
 * emulation is here only where it tells and changes nothing. */

#include "supervisor/emulate/repeatable.h"

#include <fcntl.h>
#include <string.h>

#include "supervisor/call.h"

/* Which argument holds what decides; 0: nothing does. */
struct repeatable {
        const char *name;
        unsigned flags_at; /* 1 is the first argument */
        uint64_t unless;   /* any of these in it */
};

static const struct repeatable calls[] = {
        { "open", 2, O_EXCL },
        { "openat", 3, O_EXCL },
        { "creat" },
        { "stat" },
        { "lstat" },
        { "stat64" },
        { "lstat64" },
        { "newfstatat" },
        { "fstatat64" },
        { "statx" },
        { "fstat" },
        { "fstat64" },
        { "access" },
        { "faccessat" },
        { "faccessat2" },
        { "readlink" },
        { "readlinkat" },
        { "statfs" },
        { "statfs64" },
        { "fstatfs" },
        { "fstatfs64" },
        { "truncate" },
        { "truncate64" },
        { "chmod" },
        { "fchmodat" },
        { "fchmodat2" },
        { "chown" },
        { "lchown" },
        { "chown32" },
        { "lchown32" },
        { "fchownat" },
        { "getxattr" },
        { "lgetxattr" },
        { "listxattr" },
        { "llistxattr" },
        { "getxattrat" },
        { "listxattrat" },
        { "inotify_add_watch" },
        { "uname" },
        { "sysinfo" },
        { "getuid" },
        { "geteuid" },
        { "getgid" },
        { "getegid" },
        { "getresuid" },
        { "getresgid" },
        { "getgroups" },
        { "getsockname" },
        { "getpeername" },
        { "getrlimit" },
        { "sched_getaffinity" },
        { "clock_gettime" },
        { "clock_getres" },
        { "gettimeofday" },
        { "time" },
};

bool repeatable(const struct call *call) {
        /* Its flags are in memory, of which we have a copy. */
        if (strcmp(call->name, "openat2") == 0)
                return call->has_how && !(call->how.flags & O_EXCL);
        for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
                if (strcmp(calls[i].name, call->name) == 0)
                        return calls[i].flags_at == 0 ||
                               !(call->args[calls[i].flags_at - 1] & calls[i].unless);
        return false;
}
