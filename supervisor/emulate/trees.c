/* SPDX-License-Identifier: Apache-2.0 */

/* What calls that change trees have in common. */

#include "supervisor/emulate/trees.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "supervisor/emulate/paths.h"

#define MAP_MAX 4096

/* The kernel is at the end of the first path, where it wants to search the parent, before it begins with the
 * second: what is wrong there is told first. */
static int first_error(struct call *call) {
        int r, error = call->paths[0].error;

        if (error || call->n_paths < 2 || !call->paths[1].error)
                return error ? answer_errno(call, error) : 0;
        error = call->paths[1].error;
        if (call->paths[0].parent_fd >= 0) {
                r = authority_assume(call);
                if (r)
                        return error_trace(r);
                if (syscall(SYS_faccessat2, call->paths[0].parent_fd, "", X_OK, AT_EMPTY_PATH | AT_EACCESS) <
                            0 &&
                    errno == EACCES)
                        error = EACCES;
                authority_return(call);
        }
        return answer_errno(call, error);
}

int tree_paths(struct call *call, bool *ret_answered) {
        int r = paths_need(call);

        *ret_answered = true;
        if (r || paths_answered(call))
                return error_trace(r);
        r = first_error(call);
        if (r || paths_answered(call))
                return error_trace(r);
        for (size_t i = 0; i < call->n_paths; i++)
                if (call->paths[i].remote && !call->may_wait)
                        return CALL_E_SLOW;
        *ret_answered = false;
        return 0;
}

int tree_begin(struct call *call) {
        int r = target_confirm(call);

        return r ? error_trace(r) : error_trace(authority_assume(call));
}

long tree_return(struct call *call, long result) {
        int error = errno;

        authority_return(call);
        return result < 0 ? -error : result;
}

int tree_end(struct call *call, long result) {
        result = tree_return(call, result);
        return result < 0 ? answer_errno(call, (int)-result) : answer_value(call, result);
}

const char *tree_name(const struct resolved *path, char buffer[TREE_NAME_MAX]) {
        snprintf(buffer, TREE_NAME_MAX, "%s%s", path->name,
                 path->slash && strcmp(path->name, "/") != 0 ? "/" : "");
        return buffer;
}

const char *tree_link(const struct resolved *path, char buffer[TREE_LINK_MAX]) {
        snprintf(buffer, TREE_LINK_MAX, "/proc/self/fd/%d", path->fd);
        return buffer;
}

/* In one user namespace with us, or in none at all, ids are what they are. */
static bool same_user_namespace(struct call *call) {
        char own[64], other[64];
        ssize_t n = readlink("/proc/self/ns/user", own, sizeof(own) - 1);
        long m = call->kernel->read_link(call->kernel->data, call->tid, "ns/user", other, sizeof(other));

        return n < 0 || m < 0 || (n == m && memcmp(own, other, (size_t)n) == 0);
}

/* The kernel shows the map of another user namespace in the numbers of whoever reads it. */
int tree_owner(struct call *call, const char *map, uint32_t id, uint32_t *ret, bool *ret_known) {
        char text[MAP_MAX + 1];
        long n;

        *ret = id;
        *ret_known = true;
        if (id == UINT32_MAX || same_user_namespace(call))
                return 0;
        n = call->kernel->read_proc(call->kernel->data, call->tid, map, text, MAP_MAX, 0);
        if (n < 0)
                return target_confirm(call) ? CALL_E_GONE : error_origin((int)n);
        text[n] = 0;
        *ret_known = false;
        for (const char *line = text; line; line = strchr(line, '\n')) {
                uint32_t inside, outside, count;

                line += *line == '\n';
                if (sscanf(line, "%" SCNu32 " %" SCNu32 " %" SCNu32, &inside, &outside, &count) == 3 &&
                    id >= inside && id - inside < count) {
                        *ret = outside + (id - inside);
                        *ret_known = true;
                        break;
                }
        }
        return target_confirm(call);
}
