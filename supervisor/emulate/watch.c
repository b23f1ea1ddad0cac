/* SPDX-License-Identifier: Apache-2.0 */

/* inotify_add_watch(2) for the task: on its own inotify descriptor, for the object that was judged. */

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "supervisor/emulate/trees.h"

#define BITS                                                                                                \
        (IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR | IN_DONT_FOLLOW |            \
         IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD | IN_ISDIR | IN_ONESHOT)

static bool is_inotify(const struct resolved *descriptor) {
        char link[TREE_LINK_MAX], text[64];
        ssize_t n = readlink(tree_link(descriptor, link), text, sizeof(text) - 1);

        if (n < 0)
                return false;
        text[n] = 0;
        return strcmp(text, "anon_inode:inotify") == 0;
}

static int run_watch(struct call *call) {
        uint32_t mask = (uint32_t)call->args[2];
        cleanup_fd int fd = -1;
        char link[TREE_LINK_MAX];
        int error = 0, r;
        bool answered;

        if (!(mask & BITS))
                return answer_errno(call, EINVAL);
        r = view_take_fd(call, (int)call->args[0], &fd, &error);
        if (r)
                return error_trace(r);
        if (fd < 0)
                return answer_errno(call, error);
        if (((mask & IN_MASK_ADD) && (mask & IN_MASK_CREATE)) || !is_inotify(&(struct resolved){ .fd = fd }))
                return answer_errno(call, EINVAL);
        r = tree_paths(call, &answered);
        if (r || answered)
                return error_trace(r);
        r = tree_begin(call);
        if (r)
                return error_trace(r);
        /* The link itself was followed or not when the path was; ours must be. */
        return tree_end(call, inotify_add_watch(fd, tree_link(&call->paths[0], link),
                                                mask & ~(uint32_t)IN_DONT_FOLLOW));
}

const struct emulator perform_watch[] = {
        { "inotify_add_watch", run_watch },
        { 0 },
};
