/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The list of outlets.
 *
 * What must stay true: one that cannot be made has its place and says why; outlets of the configuration get
 * of every call one publication and not two.
 */

#include "supervisor/service/outlets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "supervisor/service/log.h"

/* ---- configurations ---- */

static const size_t texts[] = {
        offsetof(struct config_outlet, name),        offsetof(struct config_outlet, path),
        offsetof(struct config_outlet, address),     offsetof(struct config_outlet, tag),
        offsetof(struct config_outlet, buffer_path), offsetof(struct config_outlet, shared_key),
};
#define N_TEXTS (sizeof(texts) / sizeof(texts[0]))

static char **text_of(const struct config_outlet *config, size_t i) {
        return (char **)((char *)(uintptr_t)config + texts[i]);
}

static void config_deinit(struct config_outlet *config) {
        for (size_t i = 0; i < N_TEXTS; i++)
                free(*text_of(config, i));
        *config = (struct config_outlet){ 0 };
}

static int config_copy(const struct config_outlet *from, struct config_outlet *to) {
        int r = 0;

        *to = *from;
        for (size_t i = 0; i < N_TEXTS; i++) {
                const char *text = *text_of(from, i);

                *text_of(to, i) = text ? strdup(text) : NULL;
                if (text && !*text_of(to, i))
                        r = -ENOMEM;
        }
        if (r)
                config_deinit(to);
        return r ? error_origin(r) : 0;
}

static bool config_same(const struct config_outlet *one, const struct config_outlet *other) {
        for (size_t i = 0; i < N_TEXTS; i++) {
                const char *a = *text_of(one, i), *b = *text_of(other, i);

                if (!a != !b || (a && strcmp(a, b) != 0))
                        return false;
        }
        return one->kind == other->kind && one->only_refusals == other->only_refusals &&
               one->json == other->json && one->rotate_bytes == other->rotate_bytes &&
               one->rotate_ns == other->rotate_ns && one->rotate_count == other->rotate_count &&
               one->acknowledge == other->acknowledge && one->buffer_bytes == other->buffer_bytes &&
               one->chunk_bytes == other->chunk_bytes && one->flush_ns == other->flush_ns &&
               one->ack_ns == other->ack_ns;
}

int outlet_configs_copy(const struct config *config, struct outlet_configs *ret) {
        int r = 0;

        *ret = (struct outlet_configs){ 0 };
        ret->items = calloc(config->n_outlets + 1, sizeof(*ret->items));
        if (!ret->items)
                return error_origin(-ENOMEM);
        for (size_t i = 0; i < config->n_outlets && !r; i++) {
                r = config_copy(config->outlets + i, ret->items + i);
                ret->n += !r;
        }
        if (r)
                outlet_configs_deinit(ret);
        return error_trace(r);
}

void outlet_configs_deinit(struct outlet_configs *configs) {
        for (size_t i = 0; i < configs->n; i++)
                config_deinit(configs->items + i);
        free(configs->items);
        *configs = (struct outlet_configs){ 0 };
}

/* ---- slots ---- */

void outlets_init(struct outlets *outlets, uv_loop_t *loop) {
        *outlets = (struct outlets){ .loop = loop };
        pthread_mutex_init(&outlets->lock, NULL);
}

static void slot_deinit(struct outlet_slot *slot) {
        if (slot->outlet)
                slot->outlet->close(slot->outlet);
        if (slot->config)
                config_deinit(slot->config);
        free(slot->config);
        *slot = (struct outlet_slot){ 0 };
}

void outlets_close(struct outlets *outlets) {
        pthread_mutex_lock(&outlets->lock);
        for (size_t i = 0; i < outlets->n; i++)
                slot_deinit(outlets->slots + i);
        free(outlets->slots);
        outlets->slots = NULL;
        outlets->n = outlets->n_configured = 0;
        pthread_mutex_unlock(&outlets->lock);
}

void outlets_deinit(struct outlets *outlets) {
        outlets_close(outlets);
        pthread_mutex_destroy(&outlets->lock);
}

static int make(struct outlets *outlets, const struct config_outlet *config, struct outlet **ret) {
        switch (config->kind) {
        case CONFIG_OUTLET_FILE:
                return outlet_file_new(outlets->loop, config, ret);
        case CONFIG_OUTLET_JOURNAL:
                return outlet_journal_new(outlets->loop, config, ret);
        case CONFIG_OUTLET_FORWARD:
                return outlet_forward_new(outlets->loop, config, ret);
        }
        return error_origin(-EINVAL);
}

/* Takes over the outlet that has this configuration already, or makes one. Is it new? */
static bool slot_fill(struct outlets *outlets, struct outlet_slot *slot) {
        int r;

        for (size_t i = 0; i < outlets->n_configured; i++) {
                struct outlet_slot *old = outlets->slots + i;

                if (old->outlet && config_same(old->config, slot->config)) {
                        slot->outlet = old->outlet;
                        slot->counts = old->counts;
                        old->outlet = NULL;
                        return false;
                }
        }
        r = make(outlets, slot->config, &slot->outlet);
        if (r) {
                slot->outlet = NULL;
                snprintf(slot->counts.problem, sizeof(slot->counts.problem), "could not be begun: %s",
                         strerror(-r));
                log_say(LOG_LEVEL_ERROR, "outlet %s: %s", slot->config->name, slot->counts.problem);
                return false;
        }
        slot->outlet->counts(slot->outlet, &slot->counts);
        return true;
}

void outlets_become(struct outlets *outlets, struct outlet_configs *configs,
                    void (*on_new)(void *data, struct outlet *outlet), void *data) {
        size_t n_attached = outlets->n - outlets->n_configured, n_old = outlets->n_configured;
        struct outlet_slot *slots = calloc(configs->n + n_attached + 1, sizeof(*slots)), *old;
        size_t n = 0;

        for (size_t i = 0; slots && i < configs->n; i++) {
                slots[n].config = malloc(sizeof(*slots[n].config));
                if (!slots[n].config)
                        break;
                *slots[n].config = configs->items[i];
                configs->items[i] = (struct config_outlet){ 0 };
                n++;
        }
        if (!slots) {
                log_say(LOG_LEVEL_ERROR, "no memory for other outlets; the old ones stay");
                return;
        }
        /* Those that go are closed first: two of them may mean the same file. */
        for (size_t k = 0; k < n_old; k++) {
                bool stays = false;

                for (size_t i = 0; i < n && !stays; i++)
                        stays = config_same(outlets->slots[k].config, slots[i].config);
                if (!stays && outlets->slots[k].outlet) {
                        outlets->slots[k].outlet->close(outlets->slots[k].outlet);
                        outlets->slots[k].outlet = NULL;
                }
        }
        for (size_t i = 0; i < n; i++)
                if (slot_fill(outlets, slots + i) && on_new)
                        on_new(data, slots[i].outlet);
        if (n_attached > 0)
                memcpy(slots + n, outlets->slots + n_old, n_attached * sizeof(*slots));
        pthread_mutex_lock(&outlets->lock);
        old = outlets->slots;
        outlets->slots = slots;
        outlets->n = n + n_attached;
        outlets->n_configured = n;
        pthread_mutex_unlock(&outlets->lock);
        for (size_t k = 0; k < n_old; k++)
                slot_deinit(old + k);
        free(old);
}

int outlets_attach(struct outlets *outlets, struct outlet *outlet) {
        struct outlet_slot *slots = reallocarray(NULL, outlets->n + 1, sizeof(*slots)), *old;

        if (!slots) {
                outlet->close(outlet);
                return error_origin(-ENOMEM);
        }
        if (outlets->n > 0)
                memcpy(slots, outlets->slots, outlets->n * sizeof(*slots));
        slots[outlets->n] = (struct outlet_slot){ .outlet = outlet };
        pthread_mutex_lock(&outlets->lock);
        old = outlets->slots;
        outlets->slots = slots;
        outlets->n++;
        pthread_mutex_unlock(&outlets->lock);
        free(old);
        return 0;
}

void outlets_detach(struct outlets *outlets, struct outlet *outlet) {
        for (size_t i = outlets->n_configured; i < outlets->n; i++) {
                if (outlets->slots[i].outlet != outlet)
                        continue;
                outlets->n--;
                memmove(outlets->slots + i, outlets->slots + i + 1,
                        (outlets->n - i) * sizeof(*outlets->slots));
                outlet->close(outlet);
                return;
        }
}

/* ---- what they are for ---- */

static bool wanted(const struct config_outlet *config, const struct publication *publication) {
        switch (publication->kind) {
        case PUBLICATION_ROW:
                if (publication->source->all)
                        return false;
                break;
        case PUBLICATION_EVENT:
                if (!publication->source->all)
                        return false;
                break;
        case PUBLICATION_LOST:
                return publication->source->all;
        default:
                return true;
        }
        return !config->only_refusals || publication_refused(publication);
}

void outlets_take(struct outlets *outlets, const struct publication *publication) {
        for (size_t i = 0; i < outlets->n; i++) {
                const struct outlet_slot *slot = outlets->slots + i;

                if (slot->outlet && (!slot->config || wanted(slot->config, publication)))
                        slot->outlet->take(slot->outlet, publication);
        }
}

void outlets_flush(struct outlets *outlets) {
        for (size_t i = 0; i < outlets->n; i++) {
                struct outlet_slot *slot = outlets->slots + i;
                struct outlet_counts counts;

                if (!slot->outlet)
                        continue;
                slot->outlet->flush(slot->outlet);
                if (!slot->config)
                        continue;
                slot->outlet->counts(slot->outlet, &counts);
                pthread_mutex_lock(&outlets->lock);
                slot->counts = counts;
                pthread_mutex_unlock(&outlets->lock);
        }
}

bool outlets_wait(struct outlets *outlets) {
        for (size_t i = 0; i < outlets->n_configured; i++)
                if (outlets->slots[i].outlet && outlets->slots[i].counts.waiting > 0)
                        return true;
        return false;
}

bool outlets_counts(struct outlets *outlets, size_t index, char *name, size_t n_name,
                    struct outlet_counts *ret) {
        bool there;

        pthread_mutex_lock(&outlets->lock);
        there = index < outlets->n_configured;
        if (there) {
                *ret = outlets->slots[index].counts;
                snprintf(name, n_name, "%s", outlets->slots[index].config->name);
        }
        pthread_mutex_unlock(&outlets->lock);
        return there;
}
