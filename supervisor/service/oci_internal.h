/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* For oci.c, which accepts and gives up connections, and oci_connection.c, which makes sessions of them. */

#include "base/buf.h"
#include "callgate/event.h"
#include "supervisor/service/closer.h"
#include "supervisor/service/log.h"
#include "supervisor/service/oci.h"
#include "supervisor/service/oci_state.h"

#define OCI_READ_BYTES 65536

enum connection_at {
        AT_NOTHING,   /* not a byte yet: it may take days (crun create, then crun start) */
        AT_MESSAGE,   /* in the middle */
        AT_LINGERING, /* its session has begun */
        AT_END,
};

struct connection {
        struct oci *oci;
        struct connection *next;
        uv_poll_t poll;
        int fd;            /* -1 once the handle is closed */
        uint32_t uid, pid; /* of the peer */
        char runtime[EVENT_COMM_MAX];
        enum connection_at at;
        uint64_t since_ms;  /* of the last byte, or of its beginning */
        unsigned n_closing; /* how often descriptors of it are being closed */
        bool kept;          /* a successor would find it */

        struct oci_scanner scanner;
        struct buf message;
        int fds[OCI_FDS_MAX]; /* those of the first message that had any */
        size_t n_fds;
};

struct oci {
        struct oci_options options;
        int fd;
        uv_poll_t listening;
        uv_timer_t tick; /* while something lingers or nothing can be accepted */
        bool paused;     /* nobody is accepted: no room, or no descriptor */
        struct closer *closer;
        struct connection *connections; /* newest first; those at their end until all of them is closed */
        size_t n_open, n_broken;
        size_t n_bytes; /* of messages not yet whole */
        struct log_limiter turned_away, broken;
        unsigned n_handles;
        bool closing;
        char buffer[OCI_READ_BYTES];
};

/* ---- oci_connection.c ---- */

/* Eats fd. kept: by a predecessor, for us. */
void connection_new(struct oci *oci, int fd, uint32_t uid, uint32_t pid, bool kept);
/* Has it kept, if it is still to speak. */
void connection_keep(struct connection *connection);
/* It is gone a moment later. */
void connection_end(struct connection *connection);
void connection_end_broken(struct connection *connection, const char *problem);
/* Gone if all of it is closed. */
void connection_release(struct connection *connection);
/* The closer's: what n_closing counts. */
void connection_on_closed(void *data);

/* ---- oci.c ---- */

/* Gone if it is closing and its last connection and handle are. */
void oci_release(struct oci *oci);
void oci_need_tick(struct oci *oci);
/* There may be room again. */
void oci_resume(struct oci *oci);
