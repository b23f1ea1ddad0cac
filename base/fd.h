/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Descriptors: every one is close-on-exec from birth, starts at -1 and is owned by exactly one place. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FD_MESSAGE_MAX 253 /* descriptors of one message: SCM_MAX_FD of the kernel */

/* Closes fd if it is one; returns -1, so that  fd = fd_close(fd). errno is kept. */
int fd_close(int fd);

/* Visible hand-over: returns *fd and leaves -1. */
static inline int fd_take(int *fd) {
        int r = *fd;
        *fd = -1;
        return r;
}

static inline void fd_cleanup(int *fd) {
        fd_close(*fd);
}
#define cleanup_fd __attribute__((cleanup(fd_cleanup)))

/* A pair of connected, close-on-exec stream sockets. */
int fd_socketpair(int ret_fds[2]);

/* Write all n bytes to a blocking descriptor: 0 or -errno. Never raises SIGPIPE on sockets. */
int fd_write_all(int fd, const void *bytes, size_t n);

/* Read exactly n bytes: 0, -ENODATA when the end came first, or -errno. */
int fd_read_all(int fd, void *bytes, size_t n);

/*
 * One sendmsg/recvmsg with descriptors alongside. Borrowed on send; on receipt every descriptor is new,
 * close-on-exec and the caller's. More than max descriptors, or a truncated control message, closes all of
 * them and gives -EPROTO. recv returns bytes read (0 = end) or -errno.
 */
int fd_send_message(int fd, const void *bytes, size_t n, const int *fds, size_t n_fds);
ssize_t fd_recv_message(int fd, void *bytes, size_t n, int *ret_fds, size_t max, size_t *ret_n_fds);
/* The same without closing any: all that came are the caller's. *ret_cut: there were more. */
ssize_t fd_recv_all(int fd, void *bytes, size_t n, int ret_fds[FD_MESSAGE_MAX], size_t *ret_n_fds,
                    bool *ret_cut);
