/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a policy lets be mounted for programs (`emulate: mount-allowed`), and what has been. */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct policy_pattern;
struct policy_rule;

#define MOUNTS_MAX    1024 /* of a session at one time */
#define N_PATTERNS    64
#define N_FILESYSTEMS 13

struct filesystem {
        const char *type;
        bool device; /* lies on a block device */
        const char *options;
};

struct patterns {
        struct policy_pattern *items[N_PATTERNS];
        size_t n;
};

struct mounting {
        bool types[N_FILESYSTEMS];
        struct patterns targets, sources;
        bool suid, dev;
        pthread_mutex_t lock; /* guards mounts */
        uint64_t mounts[MOUNTS_MAX];
        size_t n;
};

/* State of the emulation. */
int mounting_open(const struct policy_rule *rule, void **ret_state, char *error, size_t n_error);
void mounting_close(void *state);

const struct filesystem *mounting_filesystem(const char *type); /* NULL: none that is mounted for programs */
bool mounting_takes(const struct mounting *mounting, const struct filesystem *filesystem);
bool mounting_matches(const struct patterns *patterns, const char *path);

/* Numbers of mounts; 0 is none. Whether there is room for it, and whether it is one; really: no longer. */
bool mounting_remember(struct mounting *mounting, uint64_t number);
bool mounting_forget(struct mounting *mounting, uint64_t number, bool really);
