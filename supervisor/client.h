/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One connection of a callgate command and the session it handed over. The session outlives the connection:
 * when callgate is killed or detaches, the program's calls are still answered until its last task is gone.
 */

#include <stdbool.h>
#include <uv.h>

#include "proto/labels.h"
#include "supervisor/service/registry.h"

struct client;

struct client_options {
        uv_loop_t *loop;
        struct registry *registry;
        bool private;        /* a supervisor of this client's own */
        struct client **all; /* a list that it is in as long as it is there; NULL: none */
        /* Closes descriptors that the peer sent and nobody wants, where that may take its time; NULL: here
         * and now. */
        void (*dispose)(void *data, const int *fds, size_t n_fds);
        void (*on_closed)(void *data);
        void *data;
};

/* Takes over fd. on_closed is called once, when connection and session are both gone; the client is freed
 * by then. 0 or -errno: fd is closed and on_closed is not called. */
int client_new(const struct client_options *options, int fd);

/* Ends all connections of a list, whatever is on its way; their sessions go on, and who has handed nothing
 * over yet is told to ask a successor. The loop runs once more before the registry is freed. */
void client_end_all(struct client *all);
