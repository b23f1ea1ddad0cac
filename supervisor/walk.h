/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A path taken component by component, where one openat2() cannot be asked: /proc/self would be ours, ".."
 * would leave the task's root, magic links of procfs lead out of any root. Used by view.c alone.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "supervisor/view.h"

struct call;

/* What place fd is. 0 or -errno. */
int place_of(int fd, struct place *ret);
bool place_same(const struct place *a, const struct place *b);

/* Does it lie in a procfs? st is of fd. */
bool walk_in_procfs(int fd, const struct stat *st);

/*
 * openat2() for the task, O_CLOEXEC: 0 with *ret_fd or *ret_error (positive); CALL_E_SLOW where the answer
 * is not in the kernel's caches and the call may not wait; -EMFILE and the like: trouble of ours.
 */
int walk_open(struct call *call, int dirfd, const char *name, int flags, uint64_t resolve, int *ret_fd,
              int *ret_error);

/* From base_fd, borrowed. The authority is assumed; it still is when this returns 0. All of *ret is filled,
 * path but for RESOLVE_NO_TEXT. */
int walk(struct call *call, int base_fd, const char *path, unsigned flags, struct resolved *ret);
