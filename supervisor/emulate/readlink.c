/* SPDX-License-Identifier: Apache-2.0 */

/* readlink(2) for the task. Some links of procfs say who reads them: those say the task. */

#include "supervisor/emulate/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "supervisor/emulate/paths.h"

#define LINK_BYTES 4096 /* a page: what procfs gives at most, and more than file systems have */

/* Text of the link, n bytes: its length, or -errno. */
static ssize_t read_text(struct call *call, const struct resolved *link, char text[LINK_BYTES]) {
        ssize_t n;
        int r = authority_assume(call);

        if (r)
                return r < 0 ? r : -ESRCH;
        n = readlinkat(link->fd, "", text, LINK_BYTES);
        if (n < 0)
                n = -errno;
        authority_return(call);
        /* A process may read its own, dumpable or not. */
        if (n == -EACCES && link->own) {
                n = readlinkat(link->fd, "", text, LINK_BYTES);
                if (n < 0)
                        n = -errno;
        }
        return n;
}

static int read_link(struct call *call, char text[LINK_BYTES], ssize_t *ret_n) {
        const struct resolved *link = &call->paths[0];
        char *translated = NULL;
        int r;

        *ret_n = read_text(call, link, text);
        if (*ret_n < 0 || !link->proc)
                return 0;
        r = view_link(call, link->fd, text, (size_t)*ret_n, &translated);
        if (r || !translated)
                return error_trace(r);
        *ret_n = (ssize_t)strlen(translated);
        if (*ret_n > LINK_BYTES)
                *ret_n = LINK_BYTES;
        memcpy(text, translated, (size_t)*ret_n);
        free(translated);
        return 0;
}

static int readlink_run(struct call *call) {
        bool has_dirfd = strcmp(call->name, "readlinkat") == 0;
        uint64_t buffer = call->args[has_dirfd ? 2 : 1];
        int size = (int)call->args[has_dirfd ? 3 : 2], r;
        const struct resolved *link = &call->paths[0];
        char text[LINK_BYTES];
        ssize_t n;

        if (size <= 0)
                return answer_errno(call, EINVAL);
        r = paths_need(call);
        if (r || paths_answered(call))
                return error_trace(r);
        if (link->error)
                return answer_errno(call, link->error);
        if (!S_ISLNK(link->mode))
                return answer_errno(call, link->empty ? ENOENT : EINVAL);
        if (link->remote && !call->may_wait)
                return CALL_E_SLOW;
        r = read_link(call, text, &n);
        if (r)
                return error_trace(r);
        if (n < 0)
                return answer_errno(call, (int)-n);
        if (n > size)
                n = size;
        r = target_write(call, buffer, text, (size_t)n);
        return r ? target_error(call, r) : answer_value(call, n);
}

const struct emulator perform_readlink[] = {
        { "readlink", readlink_run },
        { "readlinkat", readlink_run },
        { 0 },
};
