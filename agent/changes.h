/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a program changed in an overlaid tree, found by comparing the folder that took the changes with the
 * original. Both are read as they are on disk, outside of the overlay.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/buf.h"

struct mounts_overlay;

enum change_kind {
        CHANGE_MADE,     /* was not there */
        CHANGE_MOVED,    /* a folder that was elsewhere: from */
        CHANGE_CHANGED,  /* the same kind of thing, with other contents or attributes */
        CHANGE_REPLACED, /* removed, and another made in its place */
        CHANGE_REMOVED,
};

enum change_what {
        CHANGE_CONTENT = 1u << 0, /* of a file; where a symbolic link leads */
        CHANGE_MODE = 1u << 1,
        CHANGE_OWNER = 1u << 2,
        CHANGE_TIME = 1u << 3,
};

struct change {
        enum change_kind kind;
        unsigned what;        /* CHANGED: enum change_what */
        mode_t before, after; /* modes with type; 0: was, is not there */
        uint64_t size_before, size_after;
        char *path; /* below the tree, "bin/tool" */
        char *from; /* MOVED */
};

struct changes {
        struct change *changes; /* sorted by path */
        size_t n;
        size_t n_unread; /* folders and files that could not be looked at: more may have changed there */
};

#define CHANGES_MAX 1000000u /* more are counted as unread */

void changes_deinit(struct changes *changes);
/* 0 or -errno. Files that only were opened for writing, and are as they were, are left out. */
int changes_list(const struct mounts_overlay *overlay, struct changes *ret);
/* "opt/vendor: 3 made, 1 removed", then a line for each, at most limit (0: all). */
void changes_print(const struct changes *changes, const struct mounts_overlay *overlay, size_t limit,
                   FILE *to);
/* One JSON object on one line, without newline. */
void changes_json(const struct changes *changes, const struct mounts_overlay *overlay, struct buf *to);
