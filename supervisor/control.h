/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The control socket of a private supervisor: PID.sock below a folder of the user's own. It takes RELOAD,
 * answered by RELOADED, and ATTEND: then QUESTIONs go to that connection and ANSWERs come back. Who may
 * connect: the same user and root, by the peer's credentials.
 */

#include <stdbool.h>
#include <uv.h>

#include "base/buf.h"
#include "proto/message.h"

struct control;

struct control_options {
        const char *path;
        bool (*on_reload)(void *data, struct buf *lines); /* fills lines; is the new policy in force? */
        void (*on_attended)(void *data);                  /* somebody came to answer, or left */
        void (*on_answer)(void *data, uint64_t id, enum message_word word);
        void *data;
};

/* path is copied. 0 or -errno. */
int control_new(uv_loop_t *loop, const struct control_options *options, struct control **ret);
/* Closes and removes the socket; memory is freed once the loop has closed its handles. NULL is fine. */
struct control *control_free(struct control *control);

/* Is somebody there to answer? NULL: nobody. */
bool control_attended(const struct control *control);
/* To whoever attends. -errno: they are gone. */
int control_question(struct control *control, const struct message *question);
