/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One connection of a callgate command and the session it handed over. The session outlives the connection:
 * when callgate is killed or detaches, the program's calls are still answered until its last task is gone.
 */

#include <uv.h>

#include "supervisor/kernel.h"

struct client;

/* Takes over fd. on_closed is called once, when connection and session are both gone; the client is freed
 * after it returns. 0 or -errno (fd is closed then). */
int client_new(uv_loop_t *loop, const struct kernel *kernel, int fd, void (*on_closed)(void *data),
               void *data);
