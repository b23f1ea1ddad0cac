/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Extended attributes by path, read and written for the task on the object that was judged. What must stay
 * true: no size of the task's makes us take more memory than the kernel would (64 KiB).
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/error.h"
#include "supervisor/emulate/paths.h"
#include "supervisor/emulate/trees.h"

#define AT_FLAGS (AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)

/* 6.13: setxattrat and getxattrat have the rest in a struct. */
struct xattr_arguments {
        uint64_t value;
        uint32_t size, flags;
};

/* What any of the calls wants. */
struct request {
        char name[XATTR_NAME_MAX + 1];
        uint64_t address; /* of value or list */
        uint64_t size;
        uint32_t flags;
        void *buffer;
};

static void request_deinit(struct request *request) {
        free(request->buffer);
}
#define cleanup_request __attribute__((cleanup(request_deinit)))

static bool is_at(const struct call *call) {
        size_t n = strlen(call->name);

        return strcmp(call->name + n - 2, "at") == 0;
}

/* As import_xattr_name(): neither empty nor too long. */
static int read_name(struct call *call, struct request *request) {
        int r = target_string(call, call->args[is_at(call) ? 3 : 1], request->name, sizeof(request->name));

        if (r == -ENAMETOOLONG || (!r && request->name[0] == 0))
                return answer_errno(call, ERANGE);
        return target_error(call, r);
}

/* copy_struct_from_user(): a longer struct must be zero where we know nothing of it. */
static int read_struct(struct call *call, struct request *request) {
        struct xattr_arguments arguments;
        uint64_t n = call->args[5];
        char rest[4096];
        int r;

        if (n < sizeof(arguments))
                return answer_errno(call, EINVAL);
        if (n > sizeof(rest))
                return answer_errno(call, E2BIG);
        r = target_read(call, call->args[4], rest, n);
        if (r)
                return target_error(call, r);
        memcpy(&arguments, rest, sizeof(arguments));
        for (size_t i = sizeof(arguments); i < n; i++)
                if (rest[i])
                        return answer_errno(call, E2BIG);
        request->address = arguments.value;
        request->size = arguments.size;
        request->flags = arguments.flags;
        return 0;
}

/* The arguments, looked at in the kernel's order. */
static int read_request(struct call *call, struct request *request, bool has_name, unsigned first) {
        int r = 0;

        if (is_at(call) && ((int)call->args[2] & ~AT_FLAGS))
                return answer_errno(call, EINVAL);
        if (is_at(call) && strcmp(call->name, "listxattrat") == 0) {
                request->address = call->args[3];
                request->size = call->args[4];
        } else if (is_at(call) && strcmp(call->name, "removexattrat") != 0)
                r = read_struct(call, request);
        else if (first) {
                request->address = call->args[first];
                request->size = call->args[first + 1];
                request->flags = strstr(call->name, "setxattr") ? (uint32_t)call->args[first + 2] : 0;
        }
        if (!r && !paths_answered(call) && strstr(call->name, "setxattr") &&
            (request->flags & ~(uint32_t)(XATTR_CREATE | XATTR_REPLACE)))
                return answer_errno(call, EINVAL);
        if (!r && !paths_answered(call) && strcmp(call->name, "getxattrat") == 0 && request->flags)
                return answer_errno(call, EINVAL);
        return r || paths_answered(call) || !has_name ? r : read_name(call, request);
}

static int begin(struct call *call, bool *ret_answered) {
        int r = tree_paths(call, ret_answered);

        if (r || *ret_answered)
                return error_trace(r);
        return tree_begin(call);
}

static int run_set(struct call *call) {
        cleanup_request struct request request = { 0 };
        char link[TREE_LINK_MAX];
        bool answered;
        int r = read_request(call, &request, true, 2);

        if (r || paths_answered(call))
                return error_trace(r);
        if (request.size > XATTR_SIZE_MAX)
                return answer_errno(call, E2BIG);
        if (request.size > 0) {
                request.buffer = malloc(request.size);
                if (!request.buffer)
                        return error_origin(-ENOMEM);
                r = target_read(call, request.address, request.buffer, request.size);
                if (r)
                        return target_error(call, r);
        }
        r = begin(call, &answered);
        if (r || answered)
                return error_trace(r);
        return tree_end(call, setxattr(tree_link(&call->paths[0], link), request.name, request.buffer,
                                       request.size, (int)request.flags));
}

/* getxattr and listxattr: size 0 asks how much there is. */
static int answer_bytes(struct call *call, struct request *request, long n) {
        int r;

        if (n < 0)
                return answer_errno(call, (int)-n);
        if (request->size > 0 && n > 0) {
                r = target_write(call, request->address, request->buffer, (size_t)n);
                if (r)
                        return target_error(call, r);
        }
        return answer_value(call, n);
}

static int make_room(struct request *request, size_t max) {
        if (request->size > max)
                request->size = max;
        request->buffer = request->size > 0 ? malloc(request->size) : NULL;
        return request->size > 0 && !request->buffer ? error_origin(-ENOMEM) : 0;
}

static int run_get(struct call *call) {
        cleanup_request struct request request = { 0 };
        char link[TREE_LINK_MAX];
        bool answered;
        long n;
        int r = read_request(call, &request, true, 2);

        if (r || paths_answered(call))
                return error_trace(r);
        r = make_room(&request, XATTR_SIZE_MAX);
        if (!r)
                r = begin(call, &answered);
        if (r || answered)
                return error_trace(r);
        n = tree_return(call, getxattr(tree_link(&call->paths[0], link), request.name, request.buffer,
                                       request.size));
        return answer_bytes(call, &request, n);
}

static int run_list(struct call *call) {
        cleanup_request struct request request = { 0 };
        char link[TREE_LINK_MAX];
        bool answered;
        long n;
        int r = read_request(call, &request, false, 1);

        if (r || paths_answered(call))
                return error_trace(r);
        r = make_room(&request, XATTR_LIST_MAX);
        if (!r)
                r = begin(call, &answered);
        if (r || answered)
                return error_trace(r);
        n = tree_return(call, listxattr(tree_link(&call->paths[0], link), request.buffer, request.size));
        return answer_bytes(call, &request, n);
}

static int run_remove(struct call *call) {
        cleanup_request struct request request = { 0 };
        char link[TREE_LINK_MAX];
        bool answered;
        int r = read_request(call, &request, true, 0);

        if (r || paths_answered(call))
                return error_trace(r);
        r = begin(call, &answered);
        if (r || answered)
                return error_trace(r);
        return tree_end(call, removexattr(tree_link(&call->paths[0], link), request.name));
}

const struct emulator perform_xattr[] = {
        { "setxattr", run_set },
        { "lsetxattr", run_set },
        { "setxattrat", run_set },
        { "getxattr", run_get },
        { "lgetxattr", run_get },
        { "getxattrat", run_get },
        { "listxattr", run_list },
        { "llistxattr", run_list },
        { "listxattrat", run_list },
        { "removexattr", run_remove },
        { "lremovexattr", run_remove },
        { "removexattrat", run_remove },
        { 0 },
};
