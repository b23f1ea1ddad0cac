/* SPDX-License-Identifier: Apache-2.0 */

#include "supervisor/service/inheritance.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"

static void close_fds(struct kept *kept) {
        for (size_t i = 0; i < kept->n_fds; i++)
                kept->fds[i] = fd_close(kept->fds[i]);
}

int inheritance_add(struct inheritance *inheritance, struct kept *kept) {
        struct kept *grown = reallocarray(inheritance->items, inheritance->n + 1, sizeof(*grown));

        if (!grown) {
                close_fds(kept);
                return error_origin(-ENOMEM);
        }
        inheritance->items = grown;
        inheritance->items[inheritance->n++] = *kept;
        return 0;
}

/* n: how much of the names is compared. */
static int take(struct inheritance *inheritance, const char *name, size_t n) {
        for (size_t i = 0; i < inheritance->n; i++) {
                struct kept *kept = &inheritance->items[i];

                if (kept->n_fds > 0 && kept->fds[0] >= 0 && strncmp(kept->name, name, n) == 0)
                        return fd_take(&kept->fds[0]);
        }
        return -1;
}

int inheritance_take(struct inheritance *inheritance, const char *name) {
        return take(inheritance, name, strlen(name) + 1);
}

int inheritance_take_any(struct inheritance *inheritance, const char *prefix) {
        return take(inheritance, prefix, strlen(prefix));
}

void inheritance_deinit(struct inheritance *inheritance, struct keeper *keeper) {
        for (size_t i = 0; i < inheritance->n; i++) {
                struct kept *kept = &inheritance->items[i];

                if (keeper && kept->n_fds > 0 && kept->fds[0] >= 0)
                        keeper_drop(keeper, kept->name);
                close_fds(kept);
        }
        free(inheritance->items);
        *inheritance = (struct inheritance){ 0 };
}
