/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where calls were seen: each distinct place once, known by its number from then on, and sets of such
 * numbers. Of the recordings of a fleet that says which nodes and pods a rule of the profile is for.
 */

#include "policy/learn.h"

#define PLACES_MAX     65536
#define PLACES_BYTES   (32u << 20) /* of their texts */
#define PLACES_NOWHERE UINT32_MAX

struct place {
        struct learn_place texts; /* owned */
        uint32_t node;            /* the same for the same node */
        bool asked;               /* calls were seen there, not only on its node */
};

struct places {
        struct place *items; /* owned */
        size_t n, size;
        uint32_t *slots; /* open addressing; number + 1 */
        size_t n_slots, bytes;
        uint64_t seed;              /* of the slots */
        uint32_t n_nodes, n_places; /* n_places: without the nodes that stand for themselves only */
        uint32_t current;           /* where the next call is seen; PLACES_NOWHERE */
        bool full;                  /* there were more than are told apart */
};

struct place_set {
        uint64_t *words; /* owned */
        size_t n_words;
};

void places_init(struct places *places);
void places_deinit(struct places *places);
/* The number of a place, PLACES_NOWHERE when there are too many; 0 or -ENOMEM. */
int places_find(struct places *places, const struct learn_place *place, uint32_t *ret);

void place_set_deinit(struct place_set *set);
int place_set_add(struct place_set *set, uint32_t number);
bool place_set_has(const struct place_set *set, size_t number);
