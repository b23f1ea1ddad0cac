/* SPDX-License-Identifier: Apache-2.0 */

/* access(2) and its kin for the task: with its real ids, which authority_assume() gives us as well. */

#include "supervisor/emulate/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "supervisor/emulate/paths.h"
#include "supervisor/emulate/substitute.h"

#define MODES (R_OK | W_OK | X_OK)

static int ask_kernel(struct call *call, int fd, int mode, int flags) {
        int r = authority_assume(call);
        long done;

        if (r)
                return error_trace(r);
        /*
         * With real ids the kernel takes the permitted capabilities, and those are ours. Where the task's
         * real and effective ids are the same, the effective ones say the same.
         */
        if (getuid() == geteuid() && getgid() == getegid())
                flags |= AT_EACCESS;
        done = syscall(SYS_faccessat2, fd, "", mode, flags | AT_EMPTY_PATH);
        r = done < 0 ? errno : 0;
        authority_return(call);
        return answer_errno(call, r);
}

static int access_run(struct call *call) {
        bool has_dirfd = strcmp(call->name, "access") != 0,
             has_flags = strcmp(call->name, "faccessat2") == 0;
        int mode = (int)call->args[has_dirfd ? 2 : 1], flags = has_flags ? (int)call->args[3] : 0, r;

        /* What it says of these two comes before it looks at the path. */
        if ((mode & ~MODES) || (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
                return answer_errno(call, EINVAL);
        r = paths_need(call);
        if (r || paths_answered(call))
                return error_trace(r);
        if (call->verdict.action == POLICY_SUBSTITUTE)
                return substitute_access(call, mode);
        if (call->paths[0].error)
                return answer_errno(call, call->paths[0].error);
        if (mode == F_OK)
                return answer_value(call, 0);
        if (call->paths[0].remote && !call->may_wait)
                return CALL_E_SLOW;
        return ask_kernel(call, call->paths[0].fd, mode, flags & AT_EACCESS);
}

const struct emulator perform_access[] = {
        { "access", access_run },
        { "faccessat", access_run },
        { "faccessat2", access_run },
        { 0 },
};
