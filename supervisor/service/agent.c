/* SPDX-License-Identifier: Apache-2.0 */

#include "supervisor/service/agent.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/fd.h"
#include "supervisor/client.h"
#include "supervisor/service/closer.h"
#include "supervisor/service/log.h"
#include "supervisor/service/sockets.h"

/* A connection, counted for its user until it, its session, and what it sent without being asked are gone.
 */
struct charge {
        struct agent *agent;
        uint32_t uid;
        bool open;
        unsigned n_closing; /* the closer's */
        struct charge *next;
};

struct agent {
        struct agent_options options;
        int fd;
        uv_poll_t listening;
        struct charge *charges;
        struct closer *closer;
        struct log_limiter turned_away;
        bool closed; /* the listening socket is; the last connection frees */
};

/* What hangs in the closer is nothing to wait for any more. */
static void agent_destroy(struct agent *agent) {
        for (const struct charge *at = agent->charges; at; at = at->next)
                if (at->open)
                        return;
        if (!agent->closed)
                return;
        closer_free(agent->closer);
        for (struct charge *at = agent->charges, *next; at; at = next) {
                next = at->next;
                free(at);
        }
        free(agent);
}

static void release(struct charge *charge) {
        struct charge **link = &charge->agent->charges;

        if (charge->open || charge->n_closing > 0)
                return;
        while (*link != charge)
                link = &(*link)->next;
        *link = charge->next;
        free(charge);
}

static void on_client_closed(void *data) {
        struct charge *charge = data;
        struct agent *agent = charge->agent;

        charge->open = false;
        release(charge);
        agent_destroy(agent);
}

static void dispose(void *data, const int *fds, size_t n_fds) {
        struct charge *charge = data;

        charge->n_closing +=
                closer_dispose(charge->agent->closer, charge->agent->options.kernel, fds, n_fds, charge);
}

/* Never the last of an agent that is to go: that one is destroyed with its last connection. */
static void on_disposed(void *data) {
        struct charge *charge = data;

        charge->n_closing--;
        release(charge);
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
                .dispose = dispose,
                .on_closed = on_client_closed,
                .data = charge,
        };

        if (!charge) {
                fd_close(fd);
                return;
        }
        *charge = (struct charge){ .agent = agent, .uid = uid, .open = true, .next = agent->charges };
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
        int r = agent ? closer_new(options->loop, on_disposed, &agent->closer) : -ENOMEM;

        if (!r) {
                agent->options = *options;
                agent->fd = listening_fd;
                agent->listening.data = agent;
                r = uv_poll_init(options->loop, &agent->listening, listening_fd);
        }
        if (r) {
                fd_close(listening_fd);
                if (agent)
                        closer_free(agent->closer);
                free(agent);
                return error_trace(r);
        }
        uv_poll_start(&agent->listening, UV_READABLE, on_connection);
        *ret = agent;
        return 0;
}
