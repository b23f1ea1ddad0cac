/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a predecessor left with the keeper and what is not a session: listening sockets, and connections of
 * container runtimes that have not said anything yet. It lies here until the parts that want it are there.
 */

#include <stddef.h>

#include "supervisor/service/keeper.h"

struct inheritance {
        struct kept *items;
        size_t n;
};

/* Takes the descriptors of kept, also on failure (-ENOMEM). */
int inheritance_add(struct inheritance *inheritance, struct kept *kept);
/* The descriptor, now the caller's, of the thing of that name, or of the first whose name begins so; -1:
 * there is none. */
int inheritance_take(struct inheritance *inheritance, const char *name);
int inheritance_take_any(struct inheritance *inheritance, const char *prefix);
/* Nobody wants the rest: it is closed, and the keeper lets go of it. */
void inheritance_deinit(struct inheritance *inheritance, struct keeper *keeper);
