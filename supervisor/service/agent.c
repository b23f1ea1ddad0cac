/* SPDX-License-Identifier: Apache-2.0 */

#include "supervisor/service/agent.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/fd.h"
#include "supervisor/client.h"
#include "supervisor/service/log.h"
#include "supervisor/service/sockets.h"

/* A connection, counted for its user until it and its session are gone. */
struct charge {
        struct agent *agent;
        uint32_t uid;
        struct charge *next;
};

struct agent {
        struct agent_options options;
        int fd;
        uv_poll_t listening;
        struct charge *charges;
        struct log_limiter turned_away;
        bool closed; /* the listening socket is; the last charge frees */
};

static void agent_destroy(struct agent *agent) {
        if (agent->closed && !agent->charges)
                free(agent);
}

static void on_client_closed(void *data) {
        struct charge *charge = data, **link = &charge->agent->charges;
        struct agent *agent = charge->agent;

        while (*link != charge)
                link = &(*link)->next;
        *link = charge->next;
        free(charge);
        agent_destroy(agent);
}

/* Sessions have limits of their own; these are for connections, each of which may become one. */
static bool has_room(const struct agent *agent, uint32_t uid) {
        const struct config_limits *limits = &agent->options.config->limits;
        size_t n = 0, n_uid = 0;

        for (const struct charge *at = agent->charges; at; at = at->next) {
                n++;
                n_uid += at->uid == uid;
        }
        return n < limits->connections + limits->sessions &&
               n_uid < limits->connections_per_uid + limits->sessions_per_uid;
}

static void welcome(struct agent *agent, int fd, uint32_t uid) {
        struct charge *charge = calloc(1, sizeof(*charge));
        const struct client_options options = {
                .loop = agent->options.loop,
                .registry = agent->options.registry,
                .all = agent->options.clients,
                .on_closed = on_client_closed,
                .data = charge,
        };

        if (!charge) {
                fd_close(fd);
                return;
        }
        *charge = (struct charge){ .agent = agent, .uid = uid, .next = agent->charges };
        agent->charges = charge;
        if (client_new(&options, fd) != 0)
                on_client_closed(charge);
}

static void on_connection(uv_poll_t *poll, int status, int events) {
        struct agent *agent = poll->data;
        uint32_t uid = 0, pid = 0;
        int fd = status < 0 ? -1 : accept4(agent->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        (void)events;
        if (fd < 0)
                return;
        if (!sockets_may(&agent->options.config->agent, fd, &uid, &pid))
                log_limited(&agent->turned_away, LOG_LEVEL_WARNING,
                            "agent socket: turned away process %u of uid %u, who may not hand over sessions",
                            pid, uid);
        else if (!has_room(agent, uid))
                log_limited(&agent->turned_away, LOG_LEVEL_WARNING,
                            "agent socket: turned away process %u of uid %u: too many connections", pid,
                            uid);
        else {
                welcome(agent, fd, uid);
                return;
        }
        fd_close(fd);
}

void agent_configure(struct agent *agent, const struct config *config) {
        agent->options.config = config;
}

static void on_closed(uv_handle_t *handle) {
        struct agent *agent = handle->data;

        agent->fd = fd_close(agent->fd);
        agent->closed = true;
        agent_destroy(agent);
}

struct agent *agent_free(struct agent *agent) {
        if (agent)
                uv_close((uv_handle_t *)&agent->listening, on_closed);
        return NULL;
}

int agent_new(const struct agent_options *options, int listening_fd, struct agent **ret) {
        struct agent *agent = calloc(1, sizeof(*agent));
        int r = agent ? 0 : -ENOMEM;

        if (!r) {
                agent->options = *options;
                agent->fd = listening_fd;
                agent->listening.data = agent;
                r = uv_poll_init(options->loop, &agent->listening, listening_fd);
        }
        if (r) {
                fd_close(listening_fd);
                free(agent);
                return error_origin(r);
        }
        uv_poll_start(&agent->listening, UV_READABLE, on_connection);
        *ret = agent;
        return 0;
}
