/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The agent that OCI runtimes hand listeners to (linux.seccomp.listenerPath). One connection per filter; it
 * may send late (crun connects at create and sends at start), in pieces, nothing at all, and be kept open as
 * long as the container runs. Nothing is ever answered to it: neither runtime reads.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
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
        /* A connection that is still to speak is to survive us: somebody keeps its descriptor (borrowed), by
         * a name that no other connection of this machine has. 0 or -errno. Both NULL: nothing survives. */
        int (*keep)(void *data, const char *name, int fd);
        void (*drop)(void *data, const char *name);
        void *data;
};

/* listening_fd: a bound and listening stream socket, nonblocking; eaten, also on failure. */
int oci_new(const struct oci_options *options, int listening_fd, struct oci **ret);
/* A connection that a predecessor kept; fd is eaten. */
void oci_adopt(struct oci *oci, int fd);
/* Memory is freed once the loop has closed its handles. Sessions go on; connections that are still to speak
 * are kept for a successor, if one is to come. */
struct oci *oci_free(struct oci *oci, bool successor);
/* Connections that have not said anything yet. */
size_t oci_silent(const struct oci *oci);
/* Connections now open, and those ended without a session, for status and metrics. */
void oci_counts(const struct oci *oci, uint64_t *ret_open, uint64_t *ret_broken);
