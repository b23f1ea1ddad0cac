/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A path taken component by component, where one openat2() cannot be asked: /proc/self would be ours, ".."
 * would leave the task's root, magic links of procfs lead out of any root. Used by view.c and leap.c alone.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "supervisor/view.h"

struct call;

/* What place fd is. 0 or -errno. */
int place_of(int fd, struct place *ret);
int place_of_path(const char *path, struct place *ret);
bool place_same(const struct place *a, const struct place *b);

/* What the file system of fd means for us; st is of fd. */
enum file_system {
        FILE_SYSTEM_LOCAL,
        FILE_SYSTEM_PROC,
        FILE_SYSTEM_REMOTE, /* somebody else answers: another machine, or a process, the task's own perhaps
                             */
};
enum file_system file_system_of(int fd, const struct stat *st);

/*
 * openat2() for the task, O_CLOEXEC: 0 with *ret_fd or *ret_error (positive); CALL_E_SLOW where the answer
 * is not in the kernel's caches and the call may not wait; -EMFILE and the like: trouble of ours.
 */
int walk_open(struct call *call, int dirfd, const char *name, int flags, uint64_t resolve, int *ret_fd,
              int *ret_error);

/* From base_fd, borrowed, within scope (RESOLVE_* of openat2(2)). The authority is assumed; it still is when
 * this returns 0. All of *ret is filled, path but for RESOLVE_NO_TEXT. */
int walk(struct call *call, int base_fd, const char *path, unsigned flags, uint64_t scope,
         struct resolved *ret);

/* The task's numbers in the procfs that fd lies in. 0, CALL_E_GONE, -errno. */
int walk_own_numbers(struct call *call, int fd, uint32_t *ret_tgid, uint32_t *ret_tid);
