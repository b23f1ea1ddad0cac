/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The control socket of the service: msgpack-rpc ([0, id, method, [params]] → [1, id, error, result], and
 * notifications [2, method, [params]]). Methods are a table in rpc.c; proto/PROTOCOL.md describes them. A
 * message that is too long, too deep or not msgpack-rpc ends that connection only; a peer that does not read
 * loses events, which are counted and told, and never holds up another.
 */

#include <uv.h>

#include "supervisor/service/registry.h"

struct rpc;
struct publisher;

/* What only the service itself can do. */
struct rpc_service {
        /* Reads the configuration again; lines say what changed or what is wrong. Is the new one in force?
         */
        bool (*reload)(void *data, struct buf *lines);
        /* Takes no more sessions; ends when the last one is gone. */
        void (*drain)(void *data);
        /* Another process takes over: stop at a call's border, leave all to the keeper, then done(). */
        void (*hand_over)(void *data, void (*done)(void *data, int r), void *done_data);
        const struct config *(*config)(void *data);
        void *data;
};

struct rpc_options {
        uv_loop_t *loop;
        struct registry *registry;
        struct publisher *publisher;
        struct rpc_service service;
        bool (*may)(void *data, uint32_t uid, uint32_t gid, int fd); /* may this peer control? */
        void *data;
};

/* listening_fd: bound and listening; eaten, also on failure. */
int rpc_new(const struct rpc_options *options, int listening_fd, struct rpc **ret);
struct rpc *rpc_free(struct rpc *rpc);
