/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The agent that OCI runtimes hand listeners to (linux.seccomp.listenerPath). One connection per filter; it
 * may send late (crun connects at create and sends at start), in pieces, nothing at all, and stays open as
 * long as the container runs. Nothing is ever answered to it: neither runtime reads.
 */

#include <uv.h>

#include "supervisor/service/registry.h"

struct oci;

struct oci_options {
        uv_loop_t *loop;
        struct registry *registry;
        unsigned connections_max, connections_per_uid;
        bool (*may)(void *data, uint32_t uid, uint32_t gid, int fd); /* may this peer hand over? */
        void *data;
};

/* listening_fd: a bound and listening stream socket; eaten, also on failure. */
int oci_new(const struct oci_options *options, int listening_fd, struct oci **ret);
struct oci *oci_free(struct oci *oci);
/* Connections now open, and those ended without a session, for status and metrics. */
void oci_counts(const struct oci *oci, uint64_t *ret_open, uint64_t *ret_broken);
