/* SPDX-License-Identifier: Apache-2.0 */

/* The frame reader on a socket that a stranger wrote to. The first byte chooses where the stream is cut into
 * two writes, so that the nonblocking path is walked as well. */

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "proto/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct frame_reader reader;
        size_t cut, n_payload = 0;
        int pair[2], r = FRAME_E_AGAIN;

        if (size < 1 || size > 65536)
                return 0;
        cut = data[0] % size;
        data++;
        size--;
        if (cut > size)
                cut = size;
        if (fd_socketpair(pair) < 0)
                abort();
        fcntl(pair[1], F_SETFL, O_NONBLOCK);
        frame_reader_init(&reader);
        for (int part = 0; part < 2; part++) {
                if (part == 0 && cut > 0 && fd_write_all(pair[0], data, cut) < 0)
                        abort();
                if (part == 1 && size > cut && fd_write_all(pair[0], data + cut, size - cut) < 0)
                        abort();
                if (part == 1)
                        shutdown(pair[0], SHUT_WR);
                while ((r = frame_reader_next(&reader, pair[1])) == FRAME_OK) {
                        if (reader.payload.n == 0 || reader.payload.n != reader.length || reader.n_fds != 0)
                                abort();
                        n_payload += reader.payload.n + FRAME_HEADER;
                }
                if (r != FRAME_E_AGAIN)
                        break;
        }
        /* What was delivered was sent, and the end of the stream is told apart. */
        if (n_payload > size || r == FRAME_E_AGAIN || r < 0)
                abort();
        if ((r == FRAME_E_END) != (n_payload == size))
                abort();
        frame_reader_deinit(&reader);
        fd_close(pair[0]);
        fd_close(pair[1]);
        return 0;
}
