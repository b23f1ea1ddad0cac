/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The agent that OCI runtimes hand listeners to (linux.seccomp.listenerPath). One connection per filter; it
 * may send late (crun connects at create and sends at start), in pieces, nothing at all, and be kept open as
 * long as the container runs. Nothing is ever answered to it: neither runtime reads.
 */

#include <uv.h>

#include "proto/labels.h"
#include "supervisor/kernel.h"
#include "supervisor/service/registry.h"

struct oci;

struct oci_options {
        uv_loop_t *loop;
        const struct kernel *kernel;
        struct registry *registry;
        /* Root, who runs containers for all, has only the first. */
        unsigned connections_max, connections_per_uid;               /* without a session yet */
        bool (*may)(void *data, uint32_t uid, uint32_t gid, int fd); /* may this peer hand over? */
        void *data;
};

/* listening_fd: a bound and listening stream socket, nonblocking; eaten, also on failure. */
int oci_new(const struct oci_options *options, int listening_fd, struct oci **ret);
/* Memory is freed once the loop has closed its handles. Sessions go on. */
struct oci *oci_free(struct oci *oci);
/* Connections now open, and those ended without a session, for status and metrics. */
void oci_counts(const struct oci *oci, uint64_t *ret_open, uint64_t *ret_broken);
