/* SPDX-License-Identifier: Apache-2.0 */

/* `--replace`: one request on the control socket of the service that runs, which answers when all is with
 * the keeper, and ends. */

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "proto/rpc.h"
#include "supervisor/service/keeper.h"
#include "supervisor/service/log.h"

#define PATIENCE_S 10
#define ANSWER_MAX 65536

/* -ENOENT, -ECONNREFUSED: nobody is there. */
static int connect_to(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        size_t n = strlen(path);
        struct timeval patience = { .tv_sec = PATIENCE_S };
        cleanup_fd int fd = -1;

        if (n >= sizeof(address.sun_path))
                return error_origin(-ENAMETOOLONG);
        memcpy(address.sun_path, path, n + 1);
        if (path[0] == '@')
                address.sun_path[0] = 0;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return error_origin(-errno);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
        if (connect(fd, (struct sockaddr *)&address,
                    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (path[0] == '@' ? 0 : 1))) < 0)
                return -errno;
        return fd_take(&fd);
}

static int request(int fd) {
        struct buf bytes = BUF_INIT(4096);
        struct codec_writer writer;
        int r;

        codec_writer_init(&writer, &bytes);
        rpc_put_request(&writer, 1, "hand_over", 0);
        r = codec_writer_finish(&writer);
        if (!r)
                r = fd_write_all(fd, bytes.data, bytes.n);
        buf_deinit(&bytes);
        return error_trace(r);
}

/* The end of the connection is as good as an answer: it has ended. */
static int answer(int fd) {
        struct rpc_stream stream;
        struct rpc_message message;
        char bytes[4096];
        int r = 0, outcome = RPC_E_AGAIN;

        rpc_stream_init(&stream, ANSWER_MAX);
        while (!r && outcome == RPC_E_AGAIN) {
                ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n == 0 || (n < 0 && errno == ECONNRESET))
                        break;
                r = n < 0 ? error_origin(errno == EAGAIN ? -ETIMEDOUT : -errno)
                          : rpc_stream_put(&stream, bytes, (size_t)n);
                while (!r && (outcome = rpc_stream_next(&stream, &message)) == RPC_OK &&
                       (message.kind != RPC_RESPONSE || message.id != 1))
                        ;
        }
        if (!r && outcome == RPC_OK) {
                struct rpc_value sentence;
                int code;

                if (rpc_error_get(&message, &code, &sentence) && code != 0) {
                        log_say(LOG_LEVEL_ERROR, "the service that runs does not hand over: %.*s",
                                (int)sentence.n, sentence.bytes);
                        r = -EBUSY;
                }
        } else if (!r && outcome != RPC_E_AGAIN)
                r = error_origin(-EPROTO);
        rpc_stream_deinit(&stream);
        return error_trace(r);
}

int keeper_replace(const struct config *config) {
        cleanup_fd int fd = config->control.path ? connect_to(config->control.path) : -ENOENT;
        int r;

        if (fd < 0)
                return fd == -ENOENT || fd == -ECONNREFUSED ? 0 : error_trace(fd);
        r = request(fd);
        return error_trace(r ? r : answer(fd));
}
