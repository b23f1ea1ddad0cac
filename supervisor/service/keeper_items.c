/* SPDX-License-Identifier: Apache-2.0 */

#include "supervisor/service/keeper_wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"

static void let_go(struct kept *item) {
        for (size_t i = 0; i < item->n_fds; i++)
                fd_close(item->fds[i]);
        item->n_fds = 0;
}

void keeper_items_deinit(struct keeper_items *items) {
        for (size_t i = 0; i < items->n; i++)
                let_go(&items->items[i]);
        free(items->items);
        *items = (struct keeper_items){ 0 };
}

static struct kept *find(struct keeper_items *items, const char *name) {
        for (size_t i = 0; i < items->n; i++)
                if (strcmp(items->items[i].name, name) == 0)
                        return &items->items[i];
        return NULL;
}

int keeper_items_put(struct keeper_items *items, const char *name, const int *fds, size_t n_fds) {
        struct kept new = { .n_fds = n_fds }, *item = find(items, name);
        int r = n_fds == 0 || n_fds > KEEPER_FDS_MAX || !name[0] ? -EINVAL : 0;

        if (!r && !item && items->n == items->size) {
                size_t size = items->size ? 2 * items->size : 16;
                struct kept *grown =
                        size > KEEPER_ITEMS ? NULL : realloc(items->items, size * sizeof(*grown));

                if (grown) {
                        items->items = grown;
                        items->size = size;
                } else
                        r = -ENOMEM;
        }
        if (r) {
                for (size_t i = 0; i < n_fds; i++)
                        fd_close(fds[i]);
                return error_origin(r);
        }
        snprintf(new.name, sizeof(new.name), "%s", name);
        memcpy(new.fds, fds, n_fds * sizeof(*fds));
        if (item)
                let_go(item);
        else
                item = &items->items[items->n++];
        *item = new;
        return 0;
}

bool keeper_items_drop(struct keeper_items *items, const char *name) {
        struct kept *item = find(items, name);

        if (!item)
                return false;
        let_go(item);
        /* In order: listeners are adopted as they came. */
        memmove(item, item + 1, (size_t)(&items->items[--items->n] - item) * sizeof(*item));
        return true;
}
