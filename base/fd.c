/* SPDX-License-Identifier: Apache-2.0 */

/* Descriptors: closed once, handed over visibly, received close-on-exec. */

#include "base/fd.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

#define FDS_MAX 16

int fd_close(int fd) {
        int saved = errno;

        if (fd >= 0)
                close(fd);
        errno = saved;
        return -1;
}

int fd_socketpair(int ret_fds[2]) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret_fds) < 0)
                return error_origin(-errno);
        return 0;
}

int fd_write_all(int fd, const void *bytes, size_t n) {
        const char *at = bytes;

        while (n > 0) {
                ssize_t done = send(fd, at, n, MSG_NOSIGNAL);

                if (done < 0 && errno == ENOTSOCK)
                        done = write(fd, at, n);
                if (done < 0 && errno == EINTR)
                        continue;
                if (done < 0)
                        return error_origin(-errno);
                at += done;
                n -= (size_t)done;
        }
        return 0;
}

int fd_read_all(int fd, void *bytes, size_t n) {
        char *at = bytes;

        while (n > 0) {
                ssize_t done = read(fd, at, n);

                if (done < 0 && errno == EINTR)
                        continue;
                if (done < 0)
                        return error_origin(-errno);
                if (done == 0)
                        return -ENODATA;
                at += done;
                n -= (size_t)done;
        }
        return 0;
}

int fd_send_message(int fd, const void *bytes, size_t n, const int *fds, size_t n_fds) {
        union {
                struct cmsghdr align;
                char space[CMSG_SPACE(FDS_MAX * sizeof(int))];
        } control;
        struct iovec iov = { (void *)(uintptr_t)bytes, n };
        struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
        ssize_t done;

        if (n_fds > FDS_MAX || n == 0)
                return error_origin(-EINVAL);
        if (n_fds > 0) {
                struct cmsghdr *header;

                memset(&control, 0, sizeof(control));
                message.msg_control = control.space;
                message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
                header = CMSG_FIRSTHDR(&message);
                header->cmsg_level = SOL_SOCKET;
                header->cmsg_type = SCM_RIGHTS;
                header->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
                memcpy(CMSG_DATA(header), fds, n_fds * sizeof(int));
        }
        do
                done = sendmsg(fd, &message, MSG_NOSIGNAL);
        while (done < 0 && errno == EINTR);
        if (done < 0)
                return error_origin(-errno);
        /* The descriptors went with the first byte; the rest is plain bytes. */
        return error_trace(fd_write_all(fd, (const char *)bytes + done, n - (size_t)done));
}

ssize_t fd_recv_all(int fd, void *bytes, size_t n, int ret_fds[FD_MESSAGE_MAX], size_t *ret_n_fds,
                    bool *ret_cut) {
        union {
                struct cmsghdr align;
                char space[CMSG_SPACE(FD_MESSAGE_MAX * sizeof(int))];
        } control;
        struct iovec iov = { bytes, n };
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = control.space,
                .msg_controllen = sizeof(control.space),
        };
        ssize_t done;

        *ret_n_fds = 0;
        *ret_cut = false;
        do
                done = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
        while (done < 0 && errno == EINTR);
        if (done < 0)
                return errno == EAGAIN ? -EAGAIN : error_origin(-errno);
        *ret_cut = message.msg_flags & MSG_CTRUNC;
        for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header;
             header = CMSG_NXTHDR(&message, header)) {
                size_t n_here;

                if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
                        continue;
                n_here = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                if (n_here > FD_MESSAGE_MAX - *ret_n_fds)
                        n_here = FD_MESSAGE_MAX - *ret_n_fds;
                memcpy(ret_fds + *ret_n_fds, CMSG_DATA(header), n_here * sizeof(int));
                *ret_n_fds += n_here;
        }
        return done;
}

ssize_t fd_recv_message(int fd, void *bytes, size_t n, int *ret_fds, size_t max, size_t *ret_n_fds) {
        int fds[FD_MESSAGE_MAX];
        size_t n_fds;
        bool cut;
        ssize_t done = fd_recv_all(fd, bytes, n, fds, &n_fds, &cut);

        *ret_n_fds = 0;
        if (cut || n_fds > max) {
                for (size_t i = 0; i < n_fds; i++)
                        fd_close(fds[i]);
                return error_origin(-EPROTO);
        }
        if (n_fds > 0)
                memcpy(ret_fds, fds, n_fds * sizeof(int));
        *ret_n_fds = n_fds;
        return done;
}
