/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * For hash tables whose keys are bytes of strangers: each table has a seed of its own, so that nobody who
 * writes a file can make all of it fall into one place. Nothing that is written down depends on it.
 */

#include <stdint.h>
#include <sys/random.h>

/* Each bit of the result depends on all of value (the last step of MurmurHash3). */
static inline uint64_t hash_mix(uint64_t value) {
        value = (value ^ value >> 33) * UINT64_C(0xff51afd7ed558ccd);
        value = (value ^ value >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
        return value ^ value >> 33;
}

/* Never 0. */
static inline uint64_t hash_seed(void) {
        uint64_t seed;

        if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
                return 1; /* early in the machine's life: just as right */
        return seed | 1;
}
