/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Closes descriptors that strangers sent, on a thread of its own: close(2) of a file waits for whoever
 * serves it (FUSE, network file systems), and a stranger may serve it himself. Whoever sent them is to be
 * charged until they are closed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "supervisor/kernel.h"

#define CLOSER_FDS_MAX 512 /* at a time; more are closed here and now */

struct closer;

/* on_closed: on the loop's thread, once for every closer_add(). 0 or -errno. */
int closer_new(uv_loop_t *loop, void (*on_closed)(void *data), struct closer **ret);
/* What is still to be closed is closed later, by the thread alone: on_closed() is not called any more. */
struct closer *closer_free(struct closer *closer);
/* Eats fds. 0; or -errno: then they were closed here and now. */
int closer_add(struct closer *closer, const int *fds, size_t n_fds, void *data);
/* The same for whatever came (-1: nothing), but listeners are closed at once: tasks wait for it. True:
 * on_closed() will be called. */
bool closer_dispose(struct closer *closer, const struct kernel *kernel, const int *fds, size_t n_fds,
                    void *data);
