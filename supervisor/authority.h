/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Credentials of tasks as /proc shows them. authority_assume() and authority_return() of supervisor/call.h
 * take them on for one thread; that thread needs a file system context of its own (unshare(CLONE_FS)), since
 * the umask belongs to it.
 */

#include <stddef.h>
#include <stdint.h>

#include "supervisor/call.h"

#define CREDENTIALS_GROUPS_MAX 256 /* more of them are not taken on: less authority, never more */

struct credentials {
        uint32_t uid, euid, fsuid, gid, egid, fsgid; /* in our user namespace */
        uint32_t groups[CREDENTIALS_GROUPS_MAX];
        size_t n_groups;
        uint64_t caps; /* effective, in the task's user namespace */
        uint32_t umask;
};

/* -ESRCH: the task is gone. To be believed only after the call was confirmed. */
int authority_read(const struct kernel *kernel, uint32_t tid, struct credentials *ret);
