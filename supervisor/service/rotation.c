/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What must stay true: nothing is opened that was there before and no link is followed, so whoever else may
 * write to the folder can make us fail and no more.
 */

#include "supervisor/service/rotation.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

#define NUMBER_ROOM 12 /* bytes of a dot and a number */
#define OLD_MAX     100000

int rotation_init(struct rotation *rotation, const char *path, unsigned count) {
        const char *slash = strrchr(path, '/');

        *rotation = (struct rotation){ .count = count, .folder_fd = -1 };
        if (!slash || !slash[1] || strlen(slash + 1) > NAME_MAX - NUMBER_ROOM)
                return error_origin(-EINVAL);
        rotation->folder = slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
        rotation->base = strdup(slash + 1);
        return rotation->folder && rotation->base ? 0 : error_origin(-ENOMEM);
}

void rotation_deinit(struct rotation *rotation) {
        rotation->folder_fd = fd_close(rotation->folder_fd);
        free(rotation->folder);
        free(rotation->base);
        rotation->folder = rotation->base = NULL;
}

static void name_of(const struct rotation *rotation, unsigned number, char *ret, size_t n) {
        if (number == 0)
                snprintf(ret, n, "%s", rotation->base);
        else
                snprintf(ret, n, "%s.%u", rotation->base, number);
}

static bool exists(const struct rotation *rotation, unsigned number) {
        char name[NAME_MAX + 1];
        struct stat status;

        name_of(rotation, number, name, sizeof(name));
        return fstatat(rotation->folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

static int move(const struct rotation *rotation, unsigned from, unsigned to) {
        char one[NAME_MAX + 1], other[NAME_MAX + 1];

        name_of(rotation, from, one, sizeof(one));
        name_of(rotation, to, other, sizeof(other));
        return renameat(rotation->folder_fd, one, rotation->folder_fd, other) < 0 ? -errno : 0;
}

static int remove_one(const struct rotation *rotation, unsigned number) {
        char name[NAME_MAX + 1];

        name_of(rotation, number, name, sizeof(name));
        return unlinkat(rotation->folder_fd, name, 0) < 0 ? -errno : 0;
}

/* Makes room for a new NAME. 0, or -errno when the old one stays where it is. */
static int grow_older(const struct rotation *rotation) {
        struct stat status;
        unsigned gap = 1;
        int r = 0;

        if (fstatat(rotation->folder_fd, rotation->base, &status, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;
        /* An empty one was made for us by somebody's logrotate. */
        if (rotation->count == 0 || (S_ISREG(status.st_mode) && status.st_size == 0))
                return remove_one(rotation, 0);
        while (gap <= rotation->count && exists(rotation, gap))
                gap++;
        for (unsigned i = gap > rotation->count ? rotation->count : gap; i > 0 && !r; i--)
                r = move(rotation, i - 1, i);
        /* There may be more than are to be kept: the number was larger before. */
        for (unsigned i = rotation->count + 1; !r && i < OLD_MAX && exists(rotation, i); i++)
                if (remove_one(rotation, i) != 0)
                        break;
        return r;
}

int rotation_begin(struct rotation *rotation, const char **ret_problem) {
        struct stat status;
        int fd, r;

        *ret_problem = "cannot be made";
        if (rotation->folder_fd < 0)
                rotation->folder_fd = open(rotation->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (rotation->folder_fd < 0)
                return -errno;
        r = grow_older(rotation);
        if (r) {
                *ret_problem = "is there and cannot be moved away";
                return r;
        }
        fd = openat(rotation->folder_fd, rotation->base,
                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_APPEND, 0640);
        if (fd < 0) {
                r = -errno;
                /* The folder may be another one by now. */
                rotation->folder_fd = fd_close(rotation->folder_fd);
                return r;
        }
        fchmod(fd, 0640); /* whatever our umask is */
        if (fstat(fd, &status) == 0) {
                rotation->device = status.st_dev;
                rotation->inode = status.st_ino;
        }
        return fd;
}

bool rotation_lost(const struct rotation *rotation) {
        struct stat status;

        if (fstatat(rotation->folder_fd, rotation->base, &status, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT;
        return status.st_dev != rotation->device || status.st_ino != rotation->inode;
}
