/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The connection to a Forward endpoint: looks the name up, connects (TCP over IPv4 and IPv6, or a unix
 * socket), proves the shared key if there is one, sends one chunk at a time and tells what comes back. Made
 * once; it connects again as often as it is told to.
 */

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "supervisor/service/forward_chunk.h"

#define FORWARD_GREETING_MS 10000 /* for looking up, connecting and greeting, each */
#define FORWARD_STRAY_MAX   64    /* receipts of nothing that we sent; more is garbage */

enum {
        FORWARD_PEER_E_ADDRESS = 1, /* not "unix:/path" or "tcp:host:port" */
};

struct forward_peer;

struct forward_peer_options {
        uv_loop_t *loop;
        const char *address;    /* copied */
        const char *shared_key; /* copied; NULL: none */
        void (*on_ready)(void *data);
        void (*on_sent)(void *data);                  /* the kernel has taken the whole chunk */
        bool (*on_ack)(void *data, const char *id);   /* false: nobody waits for this one */
        void (*on_down)(void *data, const char *why); /* ended, or never came about: once per connect */
        void *data;
};

int forward_peer_new(const struct forward_peer_options *options, struct forward_peer **ret);
/* Ends the connection without telling; what is open goes with the loop's next turns. */
struct forward_peer *forward_peer_free(struct forward_peer *peer);

bool forward_peer_is_down(const struct forward_peer *peer);
bool forward_peer_is_ready(const struct forward_peer *peer);
/* Only when it is down. Trouble is told through on_down(), perhaps before this returns. */
void forward_peer_connect(struct forward_peer *peer);
void forward_peer_disconnect(struct forward_peer *peer, const char *why);
/* To be called now and then: ends what takes too long. */
void forward_peer_check(struct forward_peer *peer);

/* Only when it is ready. id NULL: without a receipt. */
void forward_peer_send(struct forward_peer *peer, const char *tag, const struct forward_chunk *chunk,
                       const char *id);
/* Bytes that the kernel has not taken yet. */
size_t forward_peer_unsent(const struct forward_peer *peer);
