/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a policy's binds, overlays and tmpfs ask for, arranged before the program starts and seen by it
 * alone: a mount namespace of its own and, where the caller may not make one, a user namespace around it in
 * which the program is who it was. The launcher prepares, the launched child enters (agent/launch.c), and
 * afterwards the launcher knows which trees lie under the overlays, to say what was changed
 * (agent/changes.h).
 */

#include <stdbool.h>
#include <stddef.h>

#include "policy/native/policy.h"

enum {
        MOUNTS_E_REFUSED = 1, /* a sentence says which mount, why, and what would help */
};

#define MOUNTS_ERROR_MAX 768

struct mounts;

/*
 * Makes the folders that take changes and locks them, so that no two programs write through one at a time.
 * The policy's mounts are borrowed. 0 and *ret (NULL where there is nothing to mount), MOUNTS_E_REFUSED with
 * a sentence, or -errno.
 */
int mounts_prepare(const struct policy_mount *policy_mounts, size_t n, struct mounts **ret,
                   char error[MOUNTS_ERROR_MAX]);

/*
 * In the child, which must have one thread and no filter yet: afterwards everything is in its place, and the
 * capabilities are those from before. Descriptors may be shared with the launcher. 0 or -1: mounts_error().
 */
int mounts_enter(struct mounts *mounts);
const char *mounts_error(const struct mounts *mounts);
/* The program runs in a user namespace of its own. */
bool mounts_in_user_namespace(const struct mounts *mounts);

/* One overlay, after mounts_enter() in the child and for as long as *mounts lives. */
struct mounts_overlay {
        const char *path;    /* as the policy has it */
        const char *changes; /* folder of upper/ and work/ */
        int lower_fd;        /* the original tree, O_PATH; borrowed */
        int upper_fd;        /* borrowed; -1: it cannot be opened */
        bool user_xattrs;    /* marks are in user.overlay.*, not trusted.overlay.* */
};
/* false: there is no overlay of this number. */
bool mounts_overlay(const struct mounts *mounts, size_t i, struct mounts_overlay *ret);

struct mounts *mounts_free(struct mounts *mounts);
