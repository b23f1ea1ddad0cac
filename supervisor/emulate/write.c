/* SPDX-License-Identifier: Apache-2.0 */

/*
 * truncate(2) for the task. The limit of file sizes is a limit of whoever makes the call, so the task's is
 * looked at here, and the signal that goes with it is sent to the task; callgated ignores it and has
 * raised its own limit as far as it may (supervisor/main.c).
 */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "supervisor/emulate/trees.h"

/* i386's truncate64 has its length in two registers. */
static int64_t length_of(const struct call *call) {
        if (!call_is_32bit(call))
                return (int64_t)call->args[1];
        return strcmp(call->name, "truncate64") == 0
                       ? (int64_t)((call->args[1] & UINT32_MAX) | call->args[2] << 32)
                       : (int32_t)call->args[1];
}

/* More than the task may: it gets the signal that it would have got. */
static int over_limit(struct call *call, int64_t length, bool *ret_over) {
        struct rlimit limit;
        struct stat st;

        *ret_over = false;
        if (prlimit((pid_t)call->tid, RLIMIT_FSIZE, NULL, &limit) < 0)
                return errno == ESRCH ? CALL_E_GONE : 0;
        if (limit.rlim_cur == RLIM_INFINITY || (uint64_t)length <= limit.rlim_cur ||
            fstat(call->paths[0].fd, &st) < 0 || length <= st.st_size)
                return 0;
        *ret_over = true;
        syscall(SYS_tgkill, view_tgid(call), call->tid, SIGXFSZ);
        return answer_errno(call, EFBIG);
}

static int run_truncate(struct call *call) {
        int64_t length = length_of(call);
        char link[TREE_LINK_MAX];
        bool answered;
        int r;

        if (length < 0)
                return answer_errno(call, EINVAL);
        r = tree_paths(call, &answered);
        if (r || answered)
                return error_trace(r);
        if (S_ISREG(call->paths[0].mode)) {
                r = over_limit(call, length, &answered);
                if (r || answered)
                        return error_trace(r);
        }
        r = tree_begin(call);
        if (r)
                return error_trace(r);
        return tree_end(call, truncate(tree_link(&call->paths[0], link), length));
}

const struct emulator perform_write[] = {
        { "truncate", run_truncate },
        { "truncate64", run_truncate },
        { 0 },
};
