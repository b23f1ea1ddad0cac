/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a service and its keeper say to each other, over a SOCK_SEQPACKET socket: one request, one reply,
 * descriptors alongside. The keeper may be years older than the service; so these two structs stay as they
 * are, and a new operation gets a new number.
 */

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/service/keeper.h"

#define KEEPER_MAGIC 0x63676b70u
#define KEEPER_ITEMS 65536u /* held at once */

enum keeper_operation {
        KEEPER_HELLO = 1,   /* -EBUSY: another is served */
        KEEPER_PUT = 2,     /* name, descriptors: in place of those that had the name */
        KEEPER_DROP = 3,    /* name */
        KEEPER_TAKE = 4,    /* index: name and copies of the descriptors; -ENOENT: there are no more */
        KEEPER_DISMISS = 5, /* everything is let go */
};

struct keeper_request {
        uint32_t magic, operation;
        uint64_t index;
        uint64_t wait_ns; /* HELLO: how long a successor is waited for from now on */
        char name[KEEPER_NAME_MAX];
};

struct keeper_reply {
        uint32_t magic;
        int32_t result; /* 0 or -errno */
        char name[KEEPER_NAME_MAX];
};

/* Items by name: the keeper's own store, and the service's copy of it, should the keeper die. */
struct keeper_items {
        struct kept *items; /* owned, with their descriptors */
        size_t n, size;
};

void keeper_items_deinit(struct keeper_items *items);
/* Eats the descriptors, also on failure. */
int keeper_items_put(struct keeper_items *items, const char *name, const int *fds, size_t n_fds);
/* False: there was none of that name. */
bool keeper_items_drop(struct keeper_items *items, const char *name);
