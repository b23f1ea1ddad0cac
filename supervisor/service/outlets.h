/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The outlets of a publisher, on its thread: those of the configuration, and those that were attached. */

#include <pthread.h>

#include "supervisor/service/outlet.h"

/* Outlets as the configuration has them, copied: a configuration lives shorter than what was made of it. */
struct outlet_configs {
        struct config_outlet *items; /* owned, with their texts */
        size_t n;
};

int outlet_configs_copy(const struct config *config, struct outlet_configs *ret);
void outlet_configs_deinit(struct outlet_configs *configs);

struct outlet_slot {
        struct outlet *outlet;        /* owned; NULL: it could not be made */
        struct config_outlet *config; /* owned; NULL: attached */
        struct outlet_counts counts;  /* as of the last tick; under the lock */
};

struct outlets {
        uv_loop_t *loop;
        pthread_mutex_t lock;      /* guards the configured slots against outlets_counts() */
        struct outlet_slot *slots; /* owned; those of the configuration first, in its order */
        size_t n, n_configured;
};

void outlets_init(struct outlets *outlets, uv_loop_t *loop);
void outlets_deinit(struct outlets *outlets);

/* Keeps those whose configuration is the same, closes the rest, and calls on_new for each that was made.
 * Eats configs. */
void outlets_become(struct outlets *outlets, struct outlet_configs *configs,
                    void (*on_new)(void *data, struct outlet *outlet), void *data);
/* 0 or -ENOMEM; the outlet is closed then. */
int outlets_attach(struct outlets *outlets, struct outlet *outlet);
/* Closes it. */
void outlets_detach(struct outlets *outlets, struct outlet *outlet);

void outlets_take(struct outlets *outlets, const struct publication *publication);
void outlets_flush(struct outlets *outlets);
/* Does any of the configuration wait for its peer? */
bool outlets_wait(struct outlets *outlets);
void outlets_close(struct outlets *outlets);

/* Any thread. */
bool outlets_counts(struct outlets *outlets, size_t index, char *name, size_t n_name,
                    struct outlet_counts *ret);
