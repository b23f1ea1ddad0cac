/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Numbers of sessions, never used twice by one state folder: they are taken from the file STATE/numbers in
 * blocks, so that not every session costs a write; a service that was killed leaves the rest of its block
 * unused.
 */

#include <stdint.h>

#define NUMBERS_BLOCK 1000u

struct numbers {
        const char *state;  /* folder, borrowed; NULL: nothing is written, they begin at 1 */
        uint64_t next, end; /* of the block that is ours */
};

#define NUMBERS_INIT(folder) ((struct numbers){ .state = (folder) })

/* The next one. 0, -EBADMSG (the file makes no sense), or another -errno. */
int numbers_next(struct numbers *numbers, uint64_t *ret);
