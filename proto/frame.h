/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Frames on a stream socket: length of the payload as 32 bits, little-endian, then the payload (at most
 * WIRE_FRAME_MAX bytes, never empty). Descriptors travel with the first bytes of the frame they belong to.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/fd.h"
#include "callgate/wire.h"

#define FRAME_HEADER 4

enum frame_outcome {
        FRAME_OK,
        FRAME_E_AGAIN,     /* nonblocking socket: the frame is not complete yet */
        FRAME_E_END,       /* the peer went away between two frames */
        FRAME_E_TRUNCATED, /* the peer went away inside a frame */
        FRAME_E_LENGTH,    /* a length of 0 or above WIRE_FRAME_MAX */
        FRAME_E_FDS,       /* more descriptors than WIRE_FDS_MAX */
};

/* "the peer sent a frame of more than …": a sentence for the log. Static storage. */
const char *frame_outcome_text(int outcome);

/* Blocking. fds are borrowed. 0, FRAME_E_LENGTH, FRAME_E_FDS, FRAME_E_END (the peer is gone) or -errno. */
int frame_send(int fd, const struct buf *payload, const int *fds, size_t n_fds);

/* For queues of outgoing bytes: begin, write the payload into the same buf, end. frame_end() fills in the
 * length; 0, FRAME_E_LENGTH (the buf is cut back to the mark) or the buf's error. */
size_t frame_begin(struct buf *to);
int frame_end(struct buf *to, size_t mark);

/*
 * Reads frames one after the other from a blocking or nonblocking socket, never a byte further than the
 * frame at hand, so the socket may change hands at every frame border. Memory grows with the bytes that
 * arrived, not with the length announced.
 */
struct frame_reader {
        uint8_t header[FRAME_HEADER];
        size_t n_header;
        size_t length;      /* of the payload, once the header is complete */
        struct buf payload; /* complete after frame_reader_next() gave FRAME_OK; valid until the next call */
        int fds[WIRE_FDS_MAX + FD_MESSAGE_MAX]; /* also those that were too many */
        size_t n_fds;
        int outcome; /* a failed reader stays failed */
};

void frame_reader_init(struct frame_reader *reader);
void frame_reader_deinit(struct frame_reader *reader); /* closes descriptors that nobody took */

/* Starts the next frame when the last one was complete (closing descriptors not taken from it), reads what
 * is there. FRAME_OK: payload and fds are complete. Otherwise any FRAME_E_* but _AGAIN ends the stream. */
int frame_reader_next(struct frame_reader *reader, int fd);
/* Hands over descriptor number index of the complete frame, or -1. */
int frame_reader_take_fd(struct frame_reader *reader, size_t index);
/* All that nobody took, of a complete or a broken frame; before the next call, which closes them. Their
 * number. */
size_t frame_reader_take_rest(struct frame_reader *reader, int fds[WIRE_FDS_MAX + FD_MESSAGE_MAX]);

/* Blocking, one frame: payload is emptied first. Descriptors are the caller's; more than max is FRAME_E_FDS.
 */
int frame_recv(int fd, struct buf *payload, int *ret_fds, size_t max_fds, size_t *ret_n_fds);
