/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A walk on its way, for the parts of supervisor/walk.c. */

#include "supervisor/walk.h"

#define PATH_BYTES 4096

struct walk {
        struct call *call;
        unsigned flags;
        uint64_t scope;
        struct place top; /* ".." stays here; with RESOLVE_BENEATH it is an error */
        int top_fd;       /* borrowed */
        bool knows_root;
        int fd; /* where we stand, O_PATH; owned */
        struct stat st;
        bool proc; /* fd lies in a procfs */
        /* Below the own directory of the task in a procfs. */
        bool own;
        bool own_fds; /* it is fd or fdinfo */
        char *rest;   /* what is left of the text; owned */
        char *at;     /* in rest */
        unsigned n_links;
};

/* A name where we stand, with our own authority instead of the task's. */
int walk_open_as_ourselves(struct walk *walk, const char *name, int flags, int *ret_fd, int *ret_error);
/* RESOLVE_NO_XDEV: EXDEV where fd is on another mount than we are. */
int walk_leaves_mount(const struct walk *walk, int fd);
int walk_go_to_root(struct walk *walk, int *ret_error);

/* ---- links (walk_links.c) ---- */

/* Follows the link that *fd is: *fd is -1 afterwards when its text has been put before the rest, and what a
 * magic link leads to otherwise. */
int walk_follow(struct walk *walk, int *fd, const char *name, const struct stat *link, bool last,
                int *ret_error);

/* ---- what procfs makes of it (walk_links.c) ---- */

bool walk_in_proc_root(const struct walk *walk);
/* The task's numbers in the procfs that is this device. 0, CALL_E_GONE, -errno. */
int walk_own_numbers_on(struct call *call, dev_t device, uint32_t *ret_tgid, uint32_t *ret_tid);
/*
 * Where we stand is below another process's directory of a procfs, and that process is outside of the task's
 * user namespace. Then it is closed to the task, though not to us: we may be outside as well, with the same
 * user. (Of namespaces that the task itself made below its own too much is refused.)
 */
bool walk_stands_outside(struct walk *walk);
/* What of a process is for those only who might trace it. */
bool walk_is_private(const char *name);
