/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The descriptor store of the service manager (sd_pid_notify_with_fds(3), FDSTORE=1). It gives back every
 * descriptor by name when the service starts again, in no order that is promised: so those of one thing are
 * told apart by what they are, and named "17.0", "17.1".
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "supervisor/service/keeper_kind.h"
#include "supervisor/service/keeper_wire.h"
#include "supervisor/service/manager.h"

#define BARRIER_US 5000000u

struct store {
        struct keeper keeper;
        struct keeper_items items; /* that we were handed, until they are taken */
        size_t next;
        struct keeper_items names; /* that the manager has; without descriptors */
};

bool keeper_systemd_offered(void) {
        const char *room = getenv("FDSTORE"); /* since 254 */

        return getenv("NOTIFY_SOCKET") && room && atoi(room) > 0;
}

/* Tells the manager, and returns when it has read it. */
static int tell(const char *text, const int *fds, unsigned n_fds) {
        int r = sd_pid_notify_with_fds(0, 0, text, fds, n_fds);

        if (r == 0)
                r = -ENOTCONN; /* there is no manager */
        if (r > 0)
                r = sd_notify_barrier(0, BARRIER_US);
        return r < 0 ? error_origin(r) : 0;
}

static int remove_one(const char *name, size_t i) {
        char text[KEEPER_NAME_MAX + 64];

        snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s.%zu", name, i);
        return error_trace(tell(text, NULL, 0));
}

static int note_name(struct store *store, const char *name) {
        static const int none[] = { -1 };

        return error_trace(keeper_items_put(&store->names, name, none, 1));
}

static bool is_known(const struct store *store, const char *name) {
        for (size_t i = 0; i < store->names.n; i++)
                if (strcmp(store->names.items[i].name, name) == 0)
                        return true;
        return false;
}

static int store_drop(struct keeper *keeper, const char *name) {
        struct store *store = (struct store *)keeper;
        int r = 0;

        keeper_items_drop(&store->names, name);
        for (size_t i = 0; i < KEEPER_FDS_MAX; i++) {
                int one = remove_one(name, i);

                r = r ? r : one;
        }
        return error_trace(r);
}

static int store_put(struct keeper *keeper, const char *name, const int *fds, size_t n_fds) {
        struct store *store = (struct store *)keeper;
        int r = 0;

        /* It would keep both, and give them back in an order that it does not promise. */
        if (is_known(store, name))
                r = store_drop(keeper, name);
        if (!r)
                r = note_name(store, name);
        for (size_t i = 0; i < n_fds && !r; i++) {
                char text[KEEPER_NAME_MAX + 64];

                /* What has hung up is of interest still. */
                snprintf(text, sizeof(text), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s.%zu", name, i);
                r = tell(text, &fds[i], 1);
        }
        return error_trace(r);
}

/* What the manager handed us, put together again. */
static int collect(struct store *store) {
        static const char *const prefixes[] = { "session-", "socket-" };
        char name[KEEPER_NAME_MAX + 8], *dot;
        int fd, r = 0;

        for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
                while ((fd = manager_take_next(prefixes[i], name, sizeof(name))) >= 0) {
                        struct kept *items = store->items.items, *item = NULL;
                        size_t place;

                        dot = strrchr(name, '.');
                        place = dot ? strtoul(dot + 1, NULL, 10) : KEEPER_FDS_MAX;
                        if (place >= KEEPER_FDS_MAX || (size_t)(dot - name) >= KEEPER_NAME_MAX) {
                                fd_close(fd);
                                continue;
                        }
                        *dot = 0;
                        for (size_t k = 0; k < store->items.n && !item; k++)
                                if (strcmp(items[k].name, name) == 0)
                                        item = &items[k];
                        if (!item) {
                                const int none[KEEPER_FDS_MAX] = { -1, -1 };

                                r = keeper_items_put(&store->items, name, none, KEEPER_FDS_MAX);
                                if (!r)
                                        r = note_name(store, name);
                                if (r) {
                                        fd_close(fd);
                                        return error_trace(r);
                                }
                                item = &store->items.items[store->items.n - 1];
                        }
                        fd_close(item->fds[place]);
                        item->fds[place] = fd;
                }
        return 0;
}

static int store_take(struct keeper *keeper, struct kept *ret) {
        struct store *store = (struct store *)keeper;

        if (store->next == store->items.n)
                return 1;
        *ret = store->items.items[store->next];
        store->items.items[store->next++].n_fds = 0; /* the taker's */
        while (ret->n_fds > 0 && ret->fds[ret->n_fds - 1] < 0)
                ret->n_fds--;
        return 0;
}

static int store_dismiss(struct keeper *keeper) {
        struct store *store = (struct store *)keeper;
        int r = 0;

        while (store->names.n > 0) {
                char name[KEEPER_NAME_MAX];
                int one;

                memcpy(name, store->names.items[0].name, sizeof(name));
                one = store_drop(keeper, name);
                r = r ? r : one;
        }
        return error_trace(r);
}

static void store_free(struct keeper *keeper) {
        struct store *store = (struct store *)keeper;

        keeper_items_deinit(&store->items);
        keeper_items_deinit(&store->names);
        free(store);
}

int keeper_systemd_new(struct keeper **ret) {
        static const struct keeper_kind kind = {
                .take = store_take,
                .put = store_put,
                .drop = store_drop,
                .dismiss = store_dismiss,
                .free = store_free,
        };
        struct store *store;
        int r;

        if (!getenv("NOTIFY_SOCKET"))
                return error_origin(-ENOTCONN);
        store = calloc(1, sizeof(*store));
        if (!store)
                return error_origin(-ENOMEM);
        store->keeper.kind = &kind;
        r = collect(store);
        if (r) {
                store_free(&store->keeper);
                return error_trace(r);
        }
        *ret = &store->keeper;
        return 0;
}
