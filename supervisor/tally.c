/* SPDX-License-Identifier: Apache-2.0 */

/* Distinct calls, in a hash table that grows by doubling. The hash is seeded by nothing: a task that builds
 * collisions slows itself down, and the table's bound keeps that small. */

#include "supervisor/tally.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

void tally_init(struct tally *tally, struct tally_row *rows) {
        *tally = (struct tally){ .rows = rows };
}

void tally_deinit(struct tally *tally) {
        free(tally->slots);
        free(tally->hashes);
        tally_init(tally, NULL);
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

static void index_row(struct tally *tally, size_t i) {
        size_t at = tally->hashes[i] & (tally->n_slots - 1);

        while (tally->slots[at])
                at = (at + 1) & (tally->n_slots - 1);
        tally->slots[at] = (uint32_t)i + 1;
}

static int resize(struct tally *tally, size_t size) {
        size_t n_slots = size * 2;
        uint64_t *hashes = realloc(tally->hashes, size * sizeof(*hashes));
        uint32_t *slots;

        if (!hashes)
                return error_origin(-ENOMEM);
        tally->hashes = hashes;
        slots = calloc(n_slots, sizeof(*slots));
        if (!slots)
                return error_origin(-ENOMEM);
        free(tally->slots);
        tally->slots = slots;
        tally->n_slots = n_slots;
        tally->size = size;
        for (size_t i = 0; i < tally->n; i++)
                index_row(tally, i);
        return 0;
}

static struct tally_row *lookup(const struct tally *tally, const struct tally_key *key, uint64_t hash) {
        size_t at;

        if (tally->n_slots == 0)
                return NULL;
        for (at = hash & (tally->n_slots - 1); tally->slots[at]; at = (at + 1) & (tally->n_slots - 1)) {
                uint32_t i = tally->slots[at] - 1;

                if (tally->hashes[i] == hash && memcmp(&tally->rows[i].key, key, sizeof(*key)) == 0)
                        return &tally->rows[i];
        }
        return NULL;
}

static int insert(struct tally *tally, const struct tally_key *key, uint64_t hash,
                  struct tally_row **ret_row) {
        struct tally_row *row = &tally->rows[tally->n];
        int r;

        if (tally->n == tally->size) {
                r = resize(tally, tally->size ? tally->size * 2 : 64);
                if (r)
                        return error_trace(r);
        }
        memset(row, 0, sizeof(*row));
        row->key = *key;
        tally->hashes[tally->n] = hash;
        index_row(tally, tally->n++);
        *ret_row = row;
        return TALLY_E_NEW;
}

int tally_adopt(struct tally *tally, size_t n) {
        size_t size = 64;

        if (n == 0)
                return 0;
        while (size < n)
                size *= 2;
        tally->n = 0;
        if (resize(tally, size))
                return error_origin(-ENOMEM);
        for (; tally->n < n; tally->n++) {
                tally->hashes[tally->n] = key_hash(&tally->rows[tally->n].key);
                index_row(tally, tally->n);
        }
        return 0;
}

static int find(struct tally *tally, const struct tally_key *key, bool make, struct tally_row **ret_row) {
        struct tally_key folded = *key;
        uint64_t hash = key_hash(key);

        *ret_row = lookup(tally, key, hash);
        if (*ret_row)
                return 0;
        if (tally->n < TALLY_ROWS)
                return make ? error_trace(insert(tally, key, hash, ret_row)) : TALLY_E_NEW;

        tally->merged += make;
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
                        if (!make)
                                return TALLY_E_NEW;
                        r = insert(tally, &folded, hash, ret_row);
                        if (r == TALLY_E_NEW)
                                (*ret_row)->event.flags = EVENT_MERGED_ARGS;
                        return error_trace(r);
                }
        }
        return TALLY_E_FULL;
}

int tally_find(struct tally *tally, const struct tally_key *key, struct tally_row **ret_row) {
        return error_trace(find(tally, key, true, ret_row));
}

int tally_look(struct tally *tally, const struct tally_key *key, struct tally_row **ret_row) {
        return find(tally, key, false, ret_row);
}

bool tally_take(struct tally *tally, size_t index, struct event *ret, bool *ret_new) {
        struct tally_row *row = &tally->rows[index];

        if (row->event.count == row->taken)
                return false;
        *ret = row->event;
        ret->count = row->event.count - row->taken;
        *ret_new = row->taken == 0;
        row->taken = row->event.count;
        return true;
}
