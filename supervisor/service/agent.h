/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The socket that launchers (callgate … --supervisor) hand their listeners to: each connection is a client
 * (supervisor/client.h). Connections beyond the limits are turned away; those that are there go on.
 */

#include <uv.h>

#include "supervisor/service/config.h"
#include "supervisor/service/registry.h"

struct agent;

struct client;

struct agent_options {
        uv_loop_t *loop;
        const struct kernel *kernel;
        struct registry *registry;
        const struct config *config; /* borrowed until agent_configure() */
        struct client **clients;     /* a list of all connections: supervisor/client.h; NULL: none */
};

/* listening_fd is eaten, also on failure. 0 or -errno. */
int agent_new(const struct agent_options *options, int listening_fd, struct agent **ret);
void agent_configure(struct agent *agent, const struct config *config);
/* Takes no more connections; those that are there end with their sessions. Returns NULL. */
struct agent *agent_free(struct agent *agent);
