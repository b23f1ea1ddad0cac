/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Collects what was seen, by name.
 *
 * What must stay true: every call added is allowed by the profile made later. So whatever is doubtful (rows
 * merged for want of room, an architecture that orders the arguments differently, too many alternatives)
 * makes a call unconditional, never refused. Nothing depends on the order of events.
 */

#include "policy/learn.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "policy/learn_seen.h"
#include "policy/match.h"
#include "syscalls/names.h"
#include "syscalls/table.h"

int learn_new(const struct learn_options *options, struct learn **ret) {
        struct learn *learn = calloc(1, sizeof(*learn));

        if (!learn)
                return error_origin(-ENOMEM);
        learn->options = *options;
        places_init(&learn->places);
        *ret = learn;
        return 0;
}

struct learn *learn_free(struct learn *learn) {
        if (!learn)
                return NULL;
        for (size_t i = 0; i < learn->n_names; i++) {
                free(learn->names[i]->values);
                free(learn->names[i]->samples);
                place_set_deinit(&learn->names[i]->places);
                free(learn->names[i]);
        }
        free(learn->names);
        free(learn->keys);
        free(learn->unnamed);
        free(learn->new_names);
        places_deinit(&learn->places);
        free(learn);
        return NULL;
}

/* Place of name among the sorted names; *ret_found says whether it is there already. */
static size_t name_position(const struct learn *learn, const char *name, bool *ret_found) {
        size_t low = 0, high = learn->n_names;

        *ret_found = false;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = strcmp(learn->names[middle]->name, name);

                if (order == 0) {
                        *ret_found = true;
                        return middle;
                }
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

const struct seen *learn_seen(const struct learn *learn, const char *name) {
        bool found;
        size_t position = name_position(learn, name, &found);

        return found ? learn->names[position] : NULL;
}

/* Room for one more item of the given size at position; *array, *n and *size are updated. */
static void *insert(void **array, size_t *n, size_t *size, size_t position, size_t item) {
        char *items = *array;

        if (*n == *size) {
                size_t grown = *size ? *size * 2 : 32;

                items = reallocarray(items, grown, item);
                if (!items)
                        return NULL;
                *array = items;
                *size = grown;
        }
        memmove(items + (position + 1) * item, items + position * item, (*n - position) * item);
        memset(items + position * item, 0, item);
        (*n)++;
        return items + position * item;
}

static int seen_get(struct learn *learn, const char *name, struct seen **ret) {
        struct seen *seen, **slot;
        bool found;
        size_t position = name_position(learn, name, &found);

        if (found) {
                *ret = learn->names[position];
                return 0;
        }
        seen = calloc(1, sizeof(*seen));
        if (!seen)
                return error_origin(-ENOMEM);
        slot = insert((void **)&learn->names, &learn->n_names, &learn->size_names, position, sizeof(*slot));
        if (!slot) {
                free(seen);
                return error_origin(-ENOMEM);
        }
        seen->name = name;
        *slot = *ret = seen;
        return 0;
}

static int compare_key(uint32_t arch_a, uint32_t nr_a, uint32_t arch_b, uint32_t nr_b) {
        if (arch_a != arch_b)
                return arch_a < arch_b ? -1 : 1;
        return nr_a < nr_b ? -1 : nr_a > nr_b;
}

static int unnamed_add(struct learn *learn, const struct event *event) {
        struct learn_unnamed *grown;
        size_t position = 0;

        while (position < learn->n_unnamed) {
                struct learn_unnamed *unnamed = learn->unnamed + position;
                int order = compare_key(unnamed->arch, unnamed->nr, event->arch, event->nr);

                if (order == 0) {
                        unnamed->count += event->count;
                        if (event->first_ns < unnamed->first_ns)
                                unnamed->first_ns = event->first_ns;
                        if (event->last_ns > unnamed->last_ns)
                                unnamed->last_ns = event->last_ns;
                        return 0;
                }
                if (order > 0)
                        break;
                position++;
        }
        if (learn->n_unnamed == SEEN_UNNAMED_MAX) {
                learn->unnamed_more += event->count;
                return 0;
        }
        grown = reallocarray(learn->unnamed, learn->n_unnamed + 1, sizeof(*grown));
        if (!grown)
                return error_origin(-ENOMEM);
        learn->unnamed = grown;
        memmove(grown + position + 1, grown + position, (learn->n_unnamed - position) * sizeof(*grown));
        grown[position] = (struct learn_unnamed){ .arch = event->arch,
                                                  .nr = event->nr,
                                                  .count = event->count,
                                                  .first_ns = event->first_ns,
                                                  .last_ns = event->last_ns };
        memcpy(grown[position].comm, event->comm, sizeof(grown[position].comm));
        learn->n_unnamed++;
        return 0;
}

/* The record of an event's name, through the table of numbers; NULL when it has none. */
static int key_get(struct learn *learn, const struct event *event, struct seen **ret) {
        const struct arch *arch = arch_of_call(event->arch, event->nr);
        const char *name;
        size_t low = 0, high = learn->n_keys;
        struct seen_key *key;
        int r;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = compare_key(learn->keys[middle].arch, learn->keys[middle].nr, event->arch,
                                        event->nr);

                if (order == 0) {
                        *ret = learn->keys[middle].seen;
                        return 0;
                }
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        name = arch ? syscall_name(arch, event->nr) : NULL;
        *ret = NULL;
        if (!name)
                return 0; /* not kept here: a hostile file could name four billion of them */
        r = seen_get(learn, name, ret);
        if (r)
                return error_trace(r);
        key = insert((void **)&learn->keys, &learn->n_keys, &learn->size_keys, low, sizeof(*key));
        if (!key)
                return error_origin(-ENOMEM);
        *key = (struct seen_key){ .arch = event->arch, .nr = event->nr, .seen = *ret };
        return 0;
}

static void add_program(struct seen *seen, const struct event *event) {
        for (size_t i = 0; i < seen->n_programs; i++)
                if (strncmp(seen->programs[i].comm, event->comm, EVENT_COMM_MAX) == 0) {
                        seen->programs[i].count += event->count;
                        return;
                }
        if (seen->n_programs == SEEN_PROGRAMS_MAX) {
                seen->other_programs += event->count;
                return;
        }
        memcpy(seen->programs[seen->n_programs].comm, event->comm, EVENT_COMM_MAX);
        seen->programs[seen->n_programs].comm[EVENT_COMM_MAX - 1] = 0;
        seen->programs[seen->n_programs++].count = event->count;
}

static int add_sample(struct seen *seen, const struct event *event) {
        if (seen->n_samples == SEEN_SAMPLES_MAX)
                return 0;
        for (size_t i = 0; i < seen->n_samples; i++) {
                const struct event *sample = seen->samples + i;

                if (strcmp(sample->detail, event->detail) == 0 && strcmp(sample->comm, event->comm) == 0 &&
                    memcmp(sample->args, event->args, sizeof(sample->args)) == 0)
                        return 0;
        }
        if (!seen->samples) {
                seen->samples = calloc(SEEN_SAMPLES_MAX, sizeof(*seen->samples));
                if (!seen->samples)
                        return error_origin(-ENOMEM);
        }
        seen->samples[seen->n_samples++] = *event;
        return 0;
}

/* How this architecture reads the arguments; joined with what other architectures made of them. */
static void add_masks(struct seen *seen, const struct event *event, uint64_t ret_mask[EVENT_N_ARGS]) {
        const struct syscall_row *row = syscall_row_of(event->arch, event->nr);
        uint8_t learn[EVENT_N_ARGS] = { 0 };

        syscall_class_mask(event->arch, event->nr, ret_mask);
        for (size_t i = 0; row && i < row->n_args; i++)
                if (ret_mask[i])
                        learn[i] = row->args[i].learn;
        if (seen->count == 0) {
                memcpy(seen->learn, learn, sizeof(learn));
                memcpy(seen->mask, ret_mask, sizeof(seen->mask));
                return;
        }
        if (memcmp(seen->learn, learn, sizeof(learn)) != 0)
                seen->blurred = true;
        for (size_t i = 0; i < EVENT_N_ARGS; i++)
                seen->mask[i] &= ret_mask[i];
}

static int add_args(struct seen *seen, const struct event *event) {
        uint64_t mask[EVENT_N_ARGS], tuple[EVENT_N_ARGS] = { 0 }, (*grown)[EVENT_N_ARGS];
        bool has_values = false;

        add_masks(seen, event, mask);
        if (event->flags & EVENT_MERGED_ARGS)
                seen->blurred = true;
        for (unsigned i = 0; i < EVENT_N_ARGS; i++)
                if (mask[i] && event->flags & EVENT_UNKNOWN_ARG(i))
                        seen->blurred = true;
        if (seen->blurred)
                return 0;
        for (size_t i = 0; i < EVENT_N_ARGS; i++) {
                if (seen->learn[i] == LEARN_BITS)
                        seen->bits[i] |= event->args[i] & mask[i];
                if (seen->learn[i] == LEARN_VALUES) {
                        tuple[i] = event->args[i] & mask[i];
                        has_values = true;
                }
        }
        if (!has_values || seen->too_many)
                return 0;
        for (size_t i = 0; i < seen->n_values; i++)
                if (memcmp(seen->values[i], tuple, sizeof(tuple)) == 0)
                        return 0;
        if (seen->n_values == LEARN_ALTERNATIVES_MAX) {
                seen->too_many = true;
                return 0;
        }
        grown = reallocarray(seen->values, seen->n_values + 1, sizeof(*grown));
        if (!grown)
                return error_origin(-ENOMEM);
        seen->values = grown;
        memcpy(grown[seen->n_values++], tuple, sizeof(tuple));
        return 0;
}

static bool allowed_by(const struct profile *resolved, const struct event *event) {
        return resolved &&
               match_call(resolved, event->arch, event->nr, event->args, NULL) == SECCOMP_RET_ALLOW;
}

int learn_at(struct learn *learn, const struct learn_place *place) {
        struct places *places = &learn->places;
        int r = 0;

        places->current = PLACES_NOWHERE;
        if (place)
                r = places_find(places, place, &places->current);
        if (!r && places->current != PLACES_NOWHERE && !places->items[places->current].asked) {
                places->items[places->current].asked = true;
                places->n_places++;
        }
        return error_trace(r);
}

void learn_places(const struct learn *learn, size_t *ret_nodes, size_t *ret_places) {
        *ret_nodes = learn->places.n_nodes;
        *ret_places = learn->places.n_places;
}

int learn_add(struct learn *learn, const struct event *event) {
        const struct arch *arch = arch_of_call(event->arch, event->nr);
        struct seen *seen;
        int r;

        if (event->flags & EVENT_ASSUMED)
                return 0; /* nobody saw it; learn_assumed[] speaks for it */
        if ((event->flags & EVENT_RUNTIME) && !learn->options.with_runtime &&
            learn->options.runtime == LEARN_FOR_NOTHING) {
                learn->left_out += event->count;
                return 0;
        }
        r = key_get(learn, event, &seen);
        if (r)
                return error_trace(r);
        if (arch)
                learn->archs |= 1u << (arch - arch_table);
        if (!seen)
                return error_trace(unnamed_add(learn, event));
        r = add_args(seen, event);
        if (!r)
                r = add_sample(seen, event);
        if (!r && learn->places.current != PLACES_NOWHERE)
                r = place_set_add(&seen->places, learn->places.current);
        if (r)
                return error_trace(r);
        add_program(seen, event);
        if (seen->count == 0 || event->first_ns < seen->first_ns)
                seen->first_ns = event->first_ns;
        if (event->last_ns > seen->last_ns)
                seen->last_ns = event->last_ns;
        seen->count += event->count;
        seen->archs |= 1u << (arch - arch_table);
        seen->is_new |= !allowed_by(learn->options.base_resolved, event) &&
                        !allowed_by(learn->options.merge_resolved, event);
        return 0;
}

uint64_t learn_left_out(const struct learn *learn) {
        return learn->left_out;
}

size_t learn_unnamed(const struct learn *learn, const struct learn_unnamed **ret) {
        *ret = learn->unnamed;
        return learn->n_unnamed;
}

int learn_new_names(struct learn *learn, const char *const **ret, size_t *ret_n) {
        const char **names = reallocarray(learn->new_names, learn->n_names + 1, sizeof(*names));
        size_t n = 0;

        if (!names)
                return error_origin(-ENOMEM);
        learn->new_names = names;
        for (size_t i = 0; i < learn->n_names; i++) {
                if (learn->names[i]->is_new)
                        names[n++] = learn->names[i]->name;
        }
        *ret = names;
        *ret_n = n;
        return 0;
}

struct completeness learn_completeness(const struct learn *learn) {
        struct completeness completeness = COMPLETENESS_INIT;

        for (size_t i = 0; i < learn->n_names; i++)
                completeness_add(&completeness, learn->names[i]->count, learn->names[i]->first_ns,
                                 learn->names[i]->last_ns);
        for (size_t i = 0; i < learn->n_unnamed; i++)
                completeness_add(&completeness, learn->unnamed[i].count, learn->unnamed[i].first_ns,
                                 learn->unnamed[i].last_ns);
        return completeness;
}
