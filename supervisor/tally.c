/* SPDX-License-Identifier: Apache-2.0 */

/* Distinct calls, in a hash table that grows by doubling. The hash is seeded by nothing: a task that builds
 * collisions slows itself down, and the table's bound keeps that small. */

#include "supervisor/tally.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

void tally_init(struct tally *tally) {
        *tally = (struct tally){ 0 };
}

void tally_deinit(struct tally *tally) {
        for (size_t i = 0; i < tally->n; i++)
                free(tally->rows[i]);
        free(tally->rows);
        free(tally->taken);
        free(tally->slots);
        free(tally->hashes);
        free(tally->keys);
        tally_init(tally);
}

static uint64_t key_hash(const struct tally_key *key) {
        uint64_t words[sizeof(*key) / sizeof(uint64_t)], hash = 0x9e3779b97f4a7c15u;

        static_assert(sizeof(*key) % sizeof(uint64_t) == 0, "the key is hashed word by word");
        memcpy(words, key, sizeof(words));
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
                hash = (hash ^ words[i]) * 0xff51afd7ed558ccdu;
                hash ^= hash >> 32;
        }
        return hash;
}

static int grow(struct tally *tally) {
        size_t size = tally->size ? tally->size * 2 : 64, n_slots = size * 2;
        struct event **rows = realloc(tally->rows, size * sizeof(*rows));
        uint64_t *hashes, *taken;
        struct tally_key *keys;
        uint32_t *slots;

        if (!rows)
                return error_origin(-ENOMEM);
        tally->rows = rows;
        taken = realloc(tally->taken, size * sizeof(*taken));
        if (!taken)
                return error_origin(-ENOMEM);
        tally->taken = taken;
        hashes = realloc(tally->hashes, size * sizeof(*hashes));
        if (!hashes)
                return error_origin(-ENOMEM);
        tally->hashes = hashes;
        keys = realloc(tally->keys, size * sizeof(*keys));
        if (!keys)
                return error_origin(-ENOMEM);
        tally->keys = keys;
        slots = calloc(n_slots, sizeof(*slots));
        if (!slots)
                return error_origin(-ENOMEM);
        for (size_t i = 0; i < tally->n; i++) {
                size_t at = tally->hashes[i] & (n_slots - 1);

                while (slots[at])
                        at = (at + 1) & (n_slots - 1);
                slots[at] = (uint32_t)i + 1;
        }
        free(tally->slots);
        tally->slots = slots;
        tally->n_slots = n_slots;
        tally->size = size;
        return 0;
}

static struct event *lookup(const struct tally *tally, const struct tally_key *key, uint64_t hash) {
        size_t at;

        if (tally->n_slots == 0)
                return NULL;
        for (at = hash & (tally->n_slots - 1); tally->slots[at]; at = (at + 1) & (tally->n_slots - 1)) {
                uint32_t i = tally->slots[at] - 1;

                if (tally->hashes[i] == hash && memcmp(&tally->keys[i], key, sizeof(*key)) == 0)
                        return tally->rows[i];
        }
        return NULL;
}

static int insert(struct tally *tally, const struct tally_key *key, uint64_t hash, struct event **ret_row) {
        struct event *row;
        size_t at;
        int r;

        if (tally->n == tally->size) {
                r = grow(tally);
                if (r)
                        return error_trace(r);
        }
        row = calloc(1, sizeof(*row));
        if (!row)
                return error_origin(-ENOMEM);
        at = hash & (tally->n_slots - 1);
        while (tally->slots[at])
                at = (at + 1) & (tally->n_slots - 1);
        tally->rows[tally->n] = row;
        tally->taken[tally->n] = 0;
        tally->hashes[tally->n] = hash;
        tally->keys[tally->n] = *key;
        tally->slots[at] = (uint32_t)++tally->n;
        *ret_row = row;
        return TALLY_E_NEW;
}

int tally_find(struct tally *tally, const struct tally_key *key, struct event **ret_row) {
        struct tally_key folded = *key;
        uint64_t hash = key_hash(key);

        *ret_row = lookup(tally, key, hash);
        if (*ret_row)
                return 0;
        if (tally->n < TALLY_ROWS)
                return error_trace(insert(tally, key, hash, ret_row));

        tally->merged++;
        folded.flags |= EVENT_MERGED_ARGS;
        memset(folded.args, 0, sizeof(folded.args));
        for (int with_comm = 1; with_comm >= 0; with_comm--) {
                size_t limit = with_comm ? TALLY_ROWS + TALLY_ROWS / 2 : TALLY_ROWS_MAX;
                int r;

                if (!with_comm) {
                        memset(folded.comm, 0, sizeof(folded.comm));
                        memcpy(folded.comm, "*", 1);
                }
                hash = key_hash(&folded);
                *ret_row = lookup(tally, &folded, hash);
                if (*ret_row)
                        return 0;
                if (tally->n < limit) {
                        r = insert(tally, &folded, hash, ret_row);
                        if (r == TALLY_E_NEW)
                                (*ret_row)->flags = EVENT_MERGED_ARGS;
                        return error_trace(r);
                }
        }
        return TALLY_E_FULL;
}

bool tally_take(struct tally *tally, size_t index, struct event *ret, bool *ret_new) {
        const struct event *row = tally->rows[index];
        uint64_t taken = tally->taken[index];

        if (row->count == taken)
                return false;
        *ret = *row;
        ret->count = row->count - taken;
        *ret_new = taken == 0;
        tally->taken[index] = row->count;
        return true;
}
