/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The control socket of a private supervisor: PID.sock below a folder of the user's own. One request a
 * connection: RELOAD, answered by RELOADED. Who may connect: the same user and root, by the peer's
 * credentials.
 */

#include <stdbool.h>
#include <uv.h>

#include "base/buf.h"

struct control;

/* on_reload fills lines and says whether the new policy is in force. 0 or -errno. */
int control_new(uv_loop_t *loop, const char *path, bool (*on_reload)(void *data, struct buf *lines),
                void *data, struct control **ret);
/* Closes and removes the socket; memory is freed once the loop has closed its handles. NULL is fine. */
struct control *control_free(struct control *control);
