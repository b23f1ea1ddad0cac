/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the two kinds of keepers have in common. */

#include "supervisor/service/keeper.h"

struct keeper_kind {
        int (*take)(struct keeper *keeper, struct kept *ret);
        int (*put)(struct keeper *keeper, const char *name, const int *fds, size_t n_fds);
        int (*drop)(struct keeper *keeper, const char *name);
        int (*dismiss)(struct keeper *keeper);
        int (*watch)(struct keeper *keeper, uv_loop_t *loop); /* may be NULL */
        void (*free)(struct keeper *keeper);
};

struct keeper { /* the first member of each kind */
        const struct keeper_kind *kind;
};

/* 0 or -errno; -EBUSY as keeper_new(). */
int keeper_process_new(const struct config *config, struct keeper **ret);
int keeper_systemd_new(struct keeper **ret);
/* Does the manager keep descriptors for us? */
bool keeper_systemd_offered(void);
