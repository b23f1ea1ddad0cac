/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Metrics for Prometheus in its text format, health and readiness, over HTTP (libmicrohttpd) on a loopback
 * address or a unix socket: /metrics, /healthz, /readyz. Served on a thread of the library, which shares
 * nothing with the service but counters.
 */

#include <stdbool.h>

#include "supervisor/service/publisher.h"
#include "supervisor/service/registry.h"

struct metrics;

struct metrics_options {
        const char *address; /* "127.0.0.1:9464", "[::1]:9464", "localhost:9464" or "unix:/path" */
        struct registry *registry;
        struct publisher *publisher; /* may be NULL */
        bool keeper;                 /* listeners survive us */
        bool (*ready)(void *data);   /* any thread */
        bool (*healthy)(void *data);
        void *data;
};

/* Only loopback addresses: what is told is not for the network. A predecessor that is about to go is waited
 * for. 0, CONFIG_E_INVALID (not such an address) or -errno. */
int metrics_new(const struct metrics_options *options, struct metrics **ret);
struct metrics *metrics_free(struct metrics *metrics);
