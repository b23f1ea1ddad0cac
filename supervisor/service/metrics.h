/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Metrics for Prometheus in its text format, health and readiness, over HTTP (libmicrohttpd) on a loopback
 * address or a unix socket: /metrics, /healthz, /readyz. Served on a thread of the library.
 */

#include <stdbool.h>

#include "supervisor/service/publisher.h"
#include "supervisor/service/registry.h"

struct metrics;

struct metrics_options {
        const char *address; /* "127.0.0.1:9464", "[::1]:9464" or "unix:/path" */
        struct registry *registry;
        struct publisher *publisher; /* may be NULL */
        bool (*ready)(void *data);   /* any thread */
        bool (*healthy)(void *data);
        void *data;
};

/* Only loopback addresses: what is told is not for the network. 0, CONFIG_E_INVALID (not such an address) or
 * -errno. */
int metrics_new(const struct metrics_options *options, struct metrics **ret);
struct metrics *metrics_free(struct metrics *metrics);
