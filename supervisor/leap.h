/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A path taken in one step, by the kernel: what most paths need. Where only a walk, component by component,
 * can tell what the task would find (supervisor/walk.h), it says so. Used by view.c alone.
 */

#include <stdint.h>

#include "supervisor/view.h"

struct call;

enum {
        LEAP_E_WALK = 1, /* the kernel's answer may not be the task's */
};

struct leap_base {
        int fd;
        uint64_t scope;  /* RESOLVE_IN_ROOT and the like: what keeps the kernel inside the task's root */
        uint64_t wanted; /* those that the task asked for, part of scope */
};

/* The authority is assumed. 0 with *ret filled, path but for RESOLVE_NO_TEXT; LEAP_E_WALK with something in
 * *ret that is to be deinitialized; CALL_E_*, or -errno. */
int leap(struct call *call, const struct leap_base *base, const char *path, unsigned flags,
         struct resolved *ret);
