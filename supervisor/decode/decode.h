/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Arguments of a call as text, as strace shows them. Reads the task's memory through struct decode_source,
 * so that tests and fuzzers play the task. Never fails on bad memory: what cannot be read stays the raw
 * number. What it returns is evidence, not something to enforce: other threads may change the memory.
 *
 * The caller confirms once, after decode_args() returned, that the notification id is still valid; until
 * then nothing of the text may be believed.
 */

#include <stddef.h>
#include <stdint.h>
#include "callgate/event.h"

struct decode_source {
        /* Bytes at address of the task: at most n, may be short at an unmapped page. Returns bytes read (>
         * 0) or -errno (-EFAULT nothing mapped, -ESRCH task gone). */
        long (*read)(void *data, uint64_t address, void *buffer, size_t n);
        /* What descriptor fd (AT_FDCWD: the working directory) refers to, as a path or "socket:[5]", NUL
         * terminated in buffer. 0 or -errno. May be NULL. */
        int (*fd_path)(void *data, int fd, char *buffer, size_t size);
        void *data;
};

/*
 * Writes "AT_FDCWD</srv>, \"a.txt\", O_RDONLY|O_CLOEXEC" into text (always NUL-terminated, cut with "..."
 * when too small). Control characters and broken UTF-8 are escaped. arch and nr as in struct seccomp_data;
 * args of 32-bit architectures are already masked. Returns 1 if task memory was read (id must be confirmed),
 * 0 if the text comes from registers alone.
 */
int decode_args(const struct decode_source *source, uint32_t arch, uint32_t nr,
                const uint64_t args[EVENT_N_ARGS], char *text, size_t size);
