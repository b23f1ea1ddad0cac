/* SPDX-License-Identifier: Apache-2.0 */

#include "policy/learn_places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"

static const size_t texts[] = { offsetof(struct learn_place, node), offsetof(struct learn_place, namespace),
                                offsetof(struct learn_place, pod), offsetof(struct learn_place, container) };
#define N_TEXTS (sizeof(texts) / sizeof(texts[0]))

static const char *text_of(const struct learn_place *place, size_t i) {
        const char *text;

        memcpy(&text, (const char *)place + texts[i], sizeof(text));
        return text ? text : "";
}

static size_t hash_of(const struct places *places, const struct learn_place *place) {
        uint64_t hash = places->seed;

        for (size_t i = 0; i < N_TEXTS; i++) {
                for (const char *at = text_of(place, i); *at; at++)
                        hash = hash_mix(hash ^ (unsigned char)*at);
                hash = hash_mix(hash ^ 0xff); /* in no UTF-8: a border between texts */
        }
        return (size_t)hash;
}

static bool same(const struct learn_place *one, const struct learn_place *other) {
        for (size_t i = 0; i < N_TEXTS; i++)
                if (strcmp(text_of(one, i), text_of(other, i)) != 0)
                        return false;
        return true;
}

void places_init(struct places *places) {
        *places = (struct places){ .current = PLACES_NOWHERE, .seed = hash_seed() };
}

static void place_deinit(struct place *place) {
        for (size_t i = 0; i < N_TEXTS; i++) {
                char *text;

                memcpy(&text, (char *)&place->texts + texts[i], sizeof(text));
                free(text);
        }
}

void places_deinit(struct places *places) {
        for (size_t i = 0; i < places->n; i++)
                place_deinit(places->items + i);
        free(places->items);
        free(places->slots);
        places_init(places);
}

static size_t slot_of(const struct places *places, const struct learn_place *place) {
        size_t at = hash_of(places, place) & (places->n_slots - 1);

        while (places->slots[at] && !same(&places->items[places->slots[at] - 1].texts, place))
                at = (at + 1) & (places->n_slots - 1);
        return at;
}

static int grow(struct places *places) {
        size_t size = places->size ? places->size * 2 : 64;
        struct place *items = reallocarray(places->items, size, sizeof(*items));
        uint32_t *slots;

        if (!items)
                return error_origin(-ENOMEM);
        places->items = items;
        slots = calloc(size * 2, sizeof(*slots));
        if (!slots)
                return error_origin(-ENOMEM);
        free(places->slots);
        places->slots = slots;
        places->n_slots = size * 2;
        places->size = size;
        for (size_t i = 0; i < places->n; i++)
                places->slots[slot_of(places, &places->items[i].texts)] = (uint32_t)i + 1;
        return 0;
}

static size_t bytes_of(const struct learn_place *place) {
        size_t n = 0;

        for (size_t i = 0; i < N_TEXTS; i++)
                n += strlen(text_of(place, i));
        return n;
}

static int place_copy(const struct learn_place *from, struct place *to) {
        bool failed = false;

        *to = (struct place){ 0 };
        for (size_t i = 0; i < N_TEXTS; i++) {
                char *text = text_of(from, i)[0] ? strdup(text_of(from, i)) : NULL;

                failed |= !text && text_of(from, i)[0];
                memcpy((char *)&to->texts + texts[i], &text, sizeof(text));
        }
        if (failed)
                place_deinit(to);
        return failed ? error_origin(-ENOMEM) : 0;
}

int places_find(struct places *places, const struct learn_place *place, uint32_t *ret) {
        const struct learn_place node = { .node = place->node };
        uint32_t node_number = PLACES_NOWHERE;
        size_t at;
        int r;

        *ret = PLACES_NOWHERE;
        if (places->n > 0) {
                at = slot_of(places, place);
                if (places->slots[at]) {
                        *ret = places->slots[at] - 1;
                        return 0;
                }
        }
        if (places->n == PLACES_MAX || places->bytes + bytes_of(place) > PLACES_BYTES) {
                places->full = true;
                return 0;
        }
        /* The node alone is a place as well, and where nodes are told apart. */
        if (!same(place, &node)) {
                r = places_find(places, &node, &node_number);
                if (r)
                        return error_trace(r);
                if (node_number == PLACES_NOWHERE || places->n == PLACES_MAX) {
                        places->full = true;
                        return 0;
                }
        }
        if (places->n == places->size) {
                r = grow(places);
                if (r)
                        return error_trace(r);
        }
        r = place_copy(place, places->items + places->n);
        if (r)
                return error_trace(r);
        places->items[places->n].node =
                node_number == PLACES_NOWHERE ? places->n_nodes++ : places->items[node_number].node;
        places->bytes += bytes_of(place);
        at = slot_of(places, place);
        *ret = (uint32_t)places->n++;
        places->slots[at] = *ret + 1;
        return 0;
}

void place_set_deinit(struct place_set *set) {
        free(set->words);
        *set = (struct place_set){ 0 };
}

int place_set_add(struct place_set *set, uint32_t number) {
        size_t word = number / 64;

        if (word >= set->n_words) {
                size_t n = set->n_words ? set->n_words : 1;
                uint64_t *words;

                while (n <= word)
                        n *= 2;
                words = reallocarray(set->words, n, sizeof(*words));
                if (!words)
                        return error_origin(-ENOMEM);
                memset(words + set->n_words, 0, (n - set->n_words) * sizeof(*words));
                set->words = words;
                set->n_words = n;
        }
        set->words[word] |= UINT64_C(1) << (number % 64);
        return 0;
}

bool place_set_has(const struct place_set *set, size_t number) {
        return number / 64 < set->n_words && (set->words[number / 64] >> (number % 64) & 1);
}
