/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What directories say of their entries: a pretended device is listed as one, since programs that look for
 * devices ask no further where the type is said. As long as nothing pretends to be a device, the kernel
 * lists by itself.
 */

#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"
#include "supervisor/emulate/root.h"

#define LIST_MAX (1u << 20) /* more at once is listed in pieces */

/* One entry of getdents64: inode, offset, length of all, type, name. */
#define ENTRY_LENGTH 16
#define ENTRY_TYPE   18
#define ENTRY_LEAST  19

static bool any_devices(struct root *root) {
        bool any;

        pthread_mutex_lock(&root->lock);
        any = root->files.n_devices > 0;
        pthread_mutex_unlock(&root->lock);
        return any;
}

static void rewrite(struct root *root, const struct stat *folder, unsigned char *list, size_t n) {
        size_t at = 0;

        pthread_mutex_lock(&root->lock);
        while (at + ENTRY_LEAST <= n) {
                uint16_t length;
                uint64_t ino;
                uint32_t type;

                memcpy(&ino, list + at, sizeof(ino));
                memcpy(&length, list + at + ENTRY_LENGTH, sizeof(length));
                type = root_files_type_of(&root->files, major(folder->st_dev), minor(folder->st_dev), ino);
                if (type && list[at + ENTRY_TYPE] == DT_REG)
                        list[at + ENTRY_TYPE] = (unsigned char)IFTODT(type);
                if (length < ENTRY_LEAST)
                        break;
                at += length;
        }
        pthread_mutex_unlock(&root->lock);
}

/* The description is shared with the task, and so is how far it has been read. */
static int list_into(struct call *call, int fd, size_t size, unsigned char *list) {
        struct stat folder;
        long n;
        int r;

        if (root_is_slow(call, fd))
                return CALL_E_SLOW;
        if (fstat(fd, &folder) < 0)
                return answer_errno(call, errno);
        n = syscall(SYS_getdents64, fd, list, size);
        if (n < 0)
                return answer_errno(call, errno);
        rewrite(emulation_state(call), &folder, list, (size_t)n);
        r = target_write(call, call->args[1], list, (size_t)n);
        return r ? target_error(call, r) : answer_value(call, n);
}

int root_getdents(struct call *call) {
        size_t size = (uint32_t)call->args[2];
        cleanup_fd int fd = -1;
        unsigned char *list;
        int error = 0, r;

        if (!any_devices(emulation_state(call)))
                return answer_continue(call);
        r = view_take_fd(call, (int)call->args[0], &fd, &error);
        if (r)
                return error_trace(r);
        if (fd < 0)
                return answer_errno(call, error);
        list = malloc(size < LIST_MAX ? size + 1 : LIST_MAX);
        if (!list)
                return error_origin(-ENOMEM);
        r = list_into(call, fd, size < LIST_MAX ? size : LIST_MAX, list);
        free(list);
        return r;
}
