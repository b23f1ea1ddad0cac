/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The supervisor from the launcher's side: a private one, started here, or a service, found at its socket;
 * greeted, given a listener, asked for results.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "callgate/event.h"
#include "callgate/wire.h"
#include "policy/filter.h"
#include "proto/message.h"

struct peer {
        pid_t pid;        /* of a private supervisor; -1: there is none */
        int fd;           /* owned; -1 once the supervisor is gone */
        char *service;    /* owned; socket of the service; NULL: a private supervisor */
        uint64_t session; /* its number with the service */
        struct buf payload;
        char error[512];
        bool greeted; /* HELLO went over: it ends by itself when it has nothing to do any more */
        int refusal;  /* with PEER_E_REFUSED: EINVAL, where it is what was asked for that is wrong; EAGAIN */
        unsigned patience_ms; /* how long a service may take for each step of the start */
};

#define PEER_INIT ((struct peer){ .pid = -1, .fd = -1, .patience_ms = 60000 })

enum {
        PEER_E_MISSING = 1, /* callgated is not there */
        PEER_E_REFUSED,     /* it answered with an error */
        PEER_E_GONE,        /* it died, closed the connection, or does not answer */
        PEER_E_AWAY,        /* a service that ends: it has not taken the listener, a successor may */
};

struct peer_options {
        enum wire_mode mode;
        bool sink; /* an event sink comes with the listener */
        bool decode_all;
        const struct filter *filter; /* the enforcing one; may be NULL */
        const char *label;
        const char *policy;      /* canonical JSON; NULL: no policy */
        const char *policy_path; /* absolute; NULL: it cannot be read again */
        const char *variables;   /* "name=value" and a newline each; NULL: none */
        bool answers;            /* somebody is there to be asked */
        const char *service;     /* socket of a service to hand over to; NULL: a private supervisor */
};

/* Starts a supervisor, or connects to the service at that socket (NULL: none), and waits for nothing: it
 * gets ready while the caller reads its files. To be left out at will; what fails here fails again, and is
 * told of, in peer_start(). */
void peer_begin(struct peer *peer, const char *service);

/* Begins where that was not done, and exchanges HELLO and READY. options->service as for peer_begin(). 0,
 * PEER_E_* (peer->error says why) or -errno. */
int peer_start(struct peer *peer, const struct peer_options *options);

/* Hands the listener over (and the sink, -1: none) and waits for GO. Both stay the caller's. After
 * PEER_E_AWAY the same peer may be used again, from peer_start() on. */
int peer_hand_over(struct peer *peer, int listener_fd, int sink_fd);

/* The connection to a service was lost: asks it again for the result of the session. PEER_E_MISSING,
 * PEER_E_GONE: it is not there, or not yet; to be tried again. 0, PEER_E_*, or -errno. */
int peer_resume(struct peer *peer);

/* SNAPSHOT, DETACH or STOP. */
int peer_send(struct peer *peer, enum message_number number);

/* What a person said to a question. */
int peer_answer(struct peer *peer, uint64_t id, enum message_word word);

/* The next message, blocking. ret points into the peer's buffer. */
int peer_receive(struct peer *peer, struct message *ret);

/* Closes the connection and reaps the supervisor if it has ended; one that was begun for nothing is ended.
 */
void peer_deinit(struct peer *peer);
