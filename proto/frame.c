/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Frames: a length, a payload, perhaps descriptors. A peer may send anything: half a message, a length of
 * four billion, a hundred descriptors. Each ends its own connection with a code of its own, and costs no
 * more memory than the bytes it really sent.
 *
 * What must stay true: the reader asks the socket for the header first and then for exactly the rest of the
 * frame. Descriptors that arrive with a read therefore belong to the frame at hand, without guessing.
 */

#include "proto/frame.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"

#define CHUNK 16384

const char *frame_outcome_text(int outcome) {
        switch (outcome) {
        case FRAME_OK:
                return "the frame is complete";
        case FRAME_E_AGAIN:
                return "the frame is not complete yet";
        case FRAME_E_END:
                return "the peer closed the connection";
        case FRAME_E_TRUNCATED:
                return "the peer closed the connection in the middle of a frame";
        case FRAME_E_LENGTH:
                return "the frame is empty or longer than the protocol allows";
        case FRAME_E_FDS:
                return "more descriptors came with the frame than the protocol allows";
        default:
                return "the connection failed";
        }
}

static void length_put(uint8_t bytes[FRAME_HEADER], size_t length) {
        for (size_t i = 0; i < FRAME_HEADER; i++)
                bytes[i] = (uint8_t)(length >> (8 * i));
}

static size_t length_get(const uint8_t bytes[FRAME_HEADER]) {
        size_t length = 0;

        for (size_t i = 0; i < FRAME_HEADER; i++)
                length |= (size_t)bytes[i] << (8 * i);
        return length;
}

static bool length_valid(size_t length) {
        return length > 0 && length <= WIRE_FRAME_MAX;
}

int frame_send(int fd, const struct buf *payload, const int *fds, size_t n_fds) {
        uint8_t header[FRAME_HEADER];
        int r;

        if (!length_valid(payload->n))
                return FRAME_E_LENGTH;
        if (n_fds > WIRE_FDS_MAX)
                return FRAME_E_FDS;
        length_put(header, payload->n);
        r = fd_send_message(fd, header, sizeof(header), fds, n_fds);
        if (!r)
                r = fd_write_all(fd, payload->data, payload->n);
        if (r == -EPIPE || r == -ECONNRESET)
                return FRAME_E_END;
        return error_trace(r);
}

size_t frame_begin(struct buf *to) {
        size_t mark = to->n;

        buf_put(to, (uint8_t[FRAME_HEADER]){ 0 }, FRAME_HEADER);
        return mark;
}

int frame_end(struct buf *to, size_t mark) {
        size_t length;

        if (buf_error(to))
                return buf_error(to);
        length = to->n - mark - FRAME_HEADER;
        if (!length_valid(length)) {
                to->n = mark;
                to->data[mark] = 0;
                return FRAME_E_LENGTH;
        }
        length_put((uint8_t *)to->data + mark, length);
        return 0;
}

void frame_reader_init(struct frame_reader *reader) {
        *reader = (struct frame_reader){ .payload = BUF_INIT(WIRE_FRAME_MAX), .outcome = FRAME_E_AGAIN };
}

static void close_fds(struct frame_reader *reader) {
        for (size_t i = 0; i < reader->n_fds; i++)
                reader->fds[i] = fd_close(reader->fds[i]);
        reader->n_fds = 0;
}

void frame_reader_deinit(struct frame_reader *reader) {
        close_fds(reader);
        buf_deinit(&reader->payload);
}

int frame_reader_take_fd(struct frame_reader *reader, size_t index) {
        return index < reader->n_fds ? fd_take(&reader->fds[index]) : -1;
}

size_t frame_reader_take_rest(struct frame_reader *reader, int fds[WIRE_FDS_MAX + FD_MESSAGE_MAX]) {
        size_t n = 0;

        for (size_t i = 0; i < reader->n_fds; i++)
                if (reader->fds[i] >= 0)
                        fds[n++] = fd_take(&reader->fds[i]);
        return n;
}

/* One read of at most n bytes. 0 and *ret_n > 0, a FRAME_E_* or -errno. */
static int receive(struct frame_reader *reader, int fd, void *bytes, size_t n, size_t *ret_n) {
        size_t n_fds;
        ssize_t done;
        bool cut;

        *ret_n = 0;
        done = fd_recv_all(fd, bytes, n, reader->fds + reader->n_fds, &n_fds, &cut);
        reader->n_fds += n_fds;
        if (done == -EAGAIN)
                return FRAME_E_AGAIN;
        if (cut || reader->n_fds > WIRE_FDS_MAX)
                return FRAME_E_FDS;
        if (done == 0 || done == -ECONNRESET)
                return reader->n_header > 0 ? FRAME_E_TRUNCATED : FRAME_E_END;
        if (done < 0)
                return error_trace((int)done);
        *ret_n = (size_t)done;
        return 0;
}

static int reader_run(struct frame_reader *reader, int fd) {
        size_t n;
        int r;

        while (reader->n_header < FRAME_HEADER) {
                r = receive(reader, fd, reader->header + reader->n_header, FRAME_HEADER - reader->n_header,
                            &n);
                if (r)
                        return r;
                reader->n_header += n;
                if (reader->n_header == FRAME_HEADER) {
                        reader->length = length_get(reader->header);
                        if (!length_valid(reader->length))
                                return FRAME_E_LENGTH;
                }
        }
        while (reader->payload.n < reader->length) {
                char chunk[CHUNK];
                size_t wanted = reader->length - reader->payload.n;

                r = receive(reader, fd, chunk, wanted < CHUNK ? wanted : CHUNK, &n);
                if (r)
                        return r;
                buf_put(&reader->payload, chunk, n);
                if (buf_error(&reader->payload))
                        return error_origin(buf_error(&reader->payload));
        }
        return FRAME_OK;
}

int frame_reader_next(struct frame_reader *reader, int fd) {
        if (reader->outcome == FRAME_OK) {
                close_fds(reader);
                buf_reset(&reader->payload);
                reader->n_header = 0;
                reader->outcome = FRAME_E_AGAIN;
        }
        if (reader->outcome == FRAME_E_AGAIN)
                reader->outcome = reader_run(reader, fd);
        return reader->outcome;
}

int frame_recv(int fd, struct buf *payload, int *ret_fds, size_t max_fds, size_t *ret_n_fds) {
        struct frame_reader reader;
        size_t limit = payload->limit;
        int r;

        *ret_n_fds = 0;
        frame_reader_init(&reader);
        r = frame_reader_next(&reader, fd);
        if (r == FRAME_OK && reader.n_fds > max_fds)
                r = FRAME_E_FDS;
        if (r == FRAME_OK) {
                for (size_t i = 0; i < reader.n_fds; i++)
                        ret_fds[i] = frame_reader_take_fd(&reader, i);
                *ret_n_fds = reader.n_fds;
                buf_deinit(payload);
                *payload = reader.payload;
                payload->limit = limit;
                reader.payload = BUF_INIT(0);
        }
        frame_reader_deinit(&reader);
        return r;
}
