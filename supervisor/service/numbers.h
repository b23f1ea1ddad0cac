/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Numbers of sessions, never used twice by one state folder: they are taken from the file STATE/numbers in
 * blocks, so that not every session costs a write, and a service that was killed skips the rest of its
 * block.
 */

#include <stdint.h>

#define NUMBERS_BLOCK 1000u

/* The first number of a block that is ours alone. 0 or -errno; a file that makes no sense is -EBADMSG. */
int numbers_take(const char *state, uint64_t *ret);
