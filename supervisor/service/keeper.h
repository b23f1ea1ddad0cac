/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Holds what must survive us: of every session its listener and its journal (supervisor/journal.h), and the
 * listening sockets. As long as somebody holds a listener its tasks wait instead of getting ENOSYS. Two
 * kinds: a process of ours (`callgated --keeper`, which does nothing else and so has no reason to die), and
 * the descriptor store of systemd. A successor takes everything over by name.
 */

#include <stdint.h>
#include <uv.h>

#include "supervisor/service/config.h"

#define KEEPER_NAME_MAX 200
#define KEEPER_FDS_MAX  2
#define KEEPER_FD       3 /* where the keeper's own program finds its first connection */

struct keeper;

/* One thing that a predecessor left. */
struct kept {
        char name[KEEPER_NAME_MAX]; /* "session-17", "socket-agent", … */
        int fds[KEEPER_FDS_MAX];    /* the taker's */
        size_t n_fds;
};

/*
 * Finds the keeper at STATE/keeper.sock or starts one; with systemd, takes what the manager handed us. Only
 * one callgated at a time is served: -EBUSY while a predecessor is connected. 0 or -errno; *ret NULL with
 * CONFIG_KEEPER_NONE.
 */
int keeper_new(const struct config *config, struct keeper **ret);
/* Leaves what is kept where it is. */
struct keeper *keeper_free(struct keeper *keeper);

/* Everything left by a predecessor, one after the other: 0, or 1 when there is no more, or -errno. */
int keeper_take(struct keeper *keeper, struct kept *ret);
/* Returns when it is safe with the keeper: only then may a task be told to go. fds are borrowed. 0 or
 * -errno. */
int keeper_put(struct keeper *keeper, const char *name, const int *fds, size_t n_fds);
int keeper_drop(struct keeper *keeper, const char *name);
/* Tells the keeper that nobody will come: it lets go of everything and ends. */
int keeper_dismiss(struct keeper *keeper);

/* From now on its death is noticed by the loop, and not with the next request; NULL: no longer. */
int keeper_watch(struct keeper *keeper, uv_loop_t *loop);

/* The keeper's own program: serves the connection on fd, then whoever comes to the socket at path, until it
 * is dismissed, or until nobody came for wait_ns. Returns an exit code. */
int keeper_main(int fd, const char *path, uint64_t wait_ns);

/* `--replace`: asks the service that runs with this configuration to hand over and waits until it has ended.
 * 0 (also when none runs) or -errno. */
int keeper_replace(const struct config *config);
