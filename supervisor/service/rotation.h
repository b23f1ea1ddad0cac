/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A file and its predecessors: NAME, and the older NAME.1, NAME.2 …, as logrotate and everybody who reads
 * logs expects them: the newest has no number, and a pattern finds them all.
 */

#include <stdbool.h>
#include <sys/types.h>

struct rotation {
        char *folder, *base; /* owned; of the path */
        unsigned count;      /* older ones that are kept */
        int folder_fd;       /* -1: not open */
        dev_t device;        /* of NAME as it was made */
        ino_t inode;
};

/* path is absolute. To be deinitialized also on failure: -EINVAL (it names no file), -ENOMEM. */
int rotation_init(struct rotation *rotation, const char *path, unsigned count);
void rotation_deinit(struct rotation *rotation);

/* Every file becomes one older, the oldest goes, and a new NAME is made, for appending, mode 0640. What was
 * there is neither opened nor followed. A descriptor or -errno; *ret_problem says what could not be done. */
int rotation_begin(struct rotation *rotation, const char **ret_problem);
/* Did somebody else move or remove NAME since? */
bool rotation_lost(const struct rotation *rotation);
