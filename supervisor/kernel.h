/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The kernel as function pointers, so that sessions run in tests without privilege, races or processes.
 * supervisor/kernel_linux.c is the real one, tests/fakes/fake_kernel.c the scripted one.
 *
 * All return 0 or more, or a negative errno; none of them ever blocks but receive().
 */

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rlimit64;

/* Where the kernel writes a notification. Its struct may be longer than ours. */
union kernel_notif {
        struct seccomp_notif notif;
        char space[128];
};

struct kernel {
        /* Is this descriptor, which a stranger handed over, a listener? Told without using it. */
        bool (*is_listener)(void *data, int fd);
        /*
         * SECCOMP_IOCTL_NOTIF_RECV. Blocks until a notification is there: the ioctl ignores O_NONBLOCK
         * (measured on 6.18). -ENOENT: one call was aborted before we came, or (kernel >= 6.11) no task
         * uses the filter any more; only peek() tells the two apart. -EINTR: a signal of ours. The kernel
         * writes into ret_notif itself, which is all zero before.
         */
        int (*receive)(void *data, int listener, union kernel_notif *ret_notif);
        /* SECCOMP_IOCTL_NOTIF_SEND. -ENOENT: the task is gone or was interrupted. */
        int (*answer)(void *data, int listener, const struct seccomp_notif_resp *response);
        /* SECCOMP_IOCTL_NOTIF_ID_VALID: 0 while the call waits for our answer, else -ENOENT. */
        int (*confirm)(void *data, int listener, uint64_t id);
        /* poll(2) without waiting: revents. POLLOUT: calls wait for an answer. POLLHUP: the last task of the
         * filter is gone. */
        int (*peek)(void *data, int listener);
        /* SECCOMP_IOCTL_NOTIF_SET_FLAGS with SYNC_WAKE_UP (kernel 6.6). Failure is harmless. */
        int (*sync_wake_up)(void *data, int listener);
        /* Bytes read (> 0, short at the end of a mapping) or -errno. */
        long (*read_memory)(void *data, uint32_t tid, uint64_t address, void *buffer, size_t n);
        /* Bytes written or -errno. */
        long (*write_memory)(void *data, uint32_t tid, uint64_t address, const void *buffer, size_t n);
        /* Contents of /proc/TID/NAME from offset, at most n bytes: bytes read or -errno. */
        long (*read_proc)(void *data, uint32_t tid, const char *name, void *buffer, size_t n, long offset);
        /* Target of the link /proc/TID/NAME, NUL-terminated: its length or -errno. */
        long (*read_link)(void *data, uint32_t tid, const char *name, char *buffer, size_t n);
        /* SECCOMP_IOCTL_NOTIF_ADDFD (kernel 5.9): fd, borrowed, goes to the task, at number fd_at, or at the
         * lowest free one with -1. send (5.14): it also is the answer. The task's number or -errno: -EMFILE,
         * -EBADF are about the task's limits, -ENOENT as for answer(). */
        int (*add_fd)(void *data, int listener, uint64_t id, int fd, int fd_at, bool cloexec, bool send);
        /* open("/proc/TID/NAME", flags | O_CLOEXEC): a descriptor or -errno. */
        int (*open_proc)(void *data, uint32_t tid, const char *name, int flags);
        /* A copy of descriptor fd of the task, close-on-exec (pidfd_getfd), or -errno. */
        int (*take_fd)(void *data, uint32_t tid, int fd);
        /* prlimit(2) of the task's process, in 64-bit fields: set, ret_old may be NULL. */
        int (*limit)(void *data, uint32_t tid, int resource, const struct rlimit64 *set,
                     struct rlimit64 *ret_old);
        /* SIGKILL for the task's thread group. */
        int (*kill)(void *data, uint32_t tid);
        /* CLOCK_REALTIME in nanoseconds. */
        uint64_t (*now)(void *data);
        void *data;
};

/* The kernel we run on. Fails with a negative errno where it has no user notifications at all. */
int kernel_linux(struct kernel *ret);
