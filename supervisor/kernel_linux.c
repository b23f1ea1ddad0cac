/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The real kernel. Raw ioctls instead of libseccomp's wrappers: those return -ECANCELED for every error and
 * know neither SET_FLAGS nor buffers that the caller reuses.
 */

#include "supervisor/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#define SYNC_WAKE_UP 1ul /* SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP, kernel 6.6 */

#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND (1ul << 1) /* kernel 5.14 */
#endif
#define PIDFD_THREAD O_EXCL /* kernel 6.9 */

/* A newer kernel's struct may be longer than ours: it checks its own size. */
union response_buffer {
        struct seccomp_notif_resp response;
        char space[512];
};

static struct seccomp_notif_sizes sizes;

static bool linux_is_listener(void *data, int fd) {
        static const char name[] = "anon_inode:seccomp notify";
        char path[32], target[64];
        ssize_t n;

        (void)data;
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        n = readlink(path, target, sizeof(target));
        return n == (ssize_t)sizeof(name) - 1 && memcmp(target, name, sizeof(name) - 1) == 0;
}

static int linux_receive(void *data, int listener, union kernel_notif *ret_notif) {
        /* Since 5.5 the kernel refuses a buffer that is not zero. */
        return ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, ret_notif) < 0 ? -errno : 0;
}

static int linux_answer(void *data, int listener, const struct seccomp_notif_resp *response) {
        union response_buffer buffer;
        int r;

        if (sizes.seccomp_notif_resp > sizeof(buffer.response))
                memset(&buffer, 0, sizes.seccomp_notif_resp);
        buffer.response = *response;
        /* It takes a lock interruptibly: nothing was sent then. */
        do
                r = ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &buffer);
        while (r < 0 && errno == EINTR);
        return r < 0 ? -errno : 0;
}

static int linux_confirm(void *data, int listener, uint64_t id) {
        int r;

        do
                r = ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id);
        while (r < 0 && errno == EINTR);
        return r < 0 ? -errno : 0;
}

static int linux_peek(void *data, int listener) {
        struct pollfd pollfd = { .fd = listener, .events = POLLIN | POLLOUT };
        int r;

        do
                r = poll(&pollfd, 1, 0);
        while (r < 0 && errno == EINTR);
        return r < 0 ? -errno : pollfd.revents;
}

static int linux_sync_wake_up(void *data, int listener) {
        /* The flag goes by value although the number says _IOW of a u64 (measured: a pointer is EINVAL). */
        return ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP) < 0 ? -errno : 0;
}

static long linux_read_memory(void *data, uint32_t tid, uint64_t address, void *buffer, size_t n) {
        struct iovec local = { buffer, n };
        struct iovec remote = { (void *)(uintptr_t)address, n };
        ssize_t done = process_vm_readv((pid_t)tid, &local, 1, &remote, 1, 0);

        if (done < 0)
                return -errno;
        return done == 0 ? -EFAULT : done;
}

static long linux_write_memory(void *data, uint32_t tid, uint64_t address, const void *buffer, size_t n) {
        struct iovec local = { (void *)(uintptr_t)buffer, n };
        struct iovec remote = { (void *)(uintptr_t)address, n };
        ssize_t done = process_vm_writev((pid_t)tid, &local, 1, &remote, 1, 0);

        return done < 0 ? -errno : done;
}

static long linux_read_proc(void *data, uint32_t tid, const char *name, void *buffer, size_t n,
                            long offset) {
        cleanup_fd int fd = -1;
        char path[64];
        ssize_t done;

        snprintf(path, sizeof(path), "/proc/%u/%s", tid, name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        done = pread(fd, buffer, n, offset);
        return done < 0 ? -errno : done;
}

static long linux_read_link(void *data, uint32_t tid, const char *name, char *buffer, size_t n) {
        char path[64];
        ssize_t done;

        snprintf(path, sizeof(path), "/proc/%u/%s", tid, name);
        done = readlink(path, buffer, n - 1);
        if (done < 0)
                return -errno;
        buffer[done] = 0;
        return done;
}

static int linux_add_fd(void *data, int listener, uint64_t id, int fd, int fd_at, bool cloexec, bool send) {
        struct seccomp_notif_addfd request = {
                .id = id,
                .flags =
                        (fd_at >= 0 ? SECCOMP_ADDFD_FLAG_SETFD : 0u) | (send ? SECCOMP_ADDFD_FLAG_SEND : 0u),
                .srcfd = (uint32_t)fd,
                .newfd = fd_at >= 0 ? (uint32_t)fd_at : 0,
                .newfd_flags = cloexec ? O_CLOEXEC : 0,
        };
        sigset_t all, before;
        int r;

        /* A signal between the request and the task's taking it would withdraw the descriptor and let the
         * answer stand: the call would return 0 and nothing (seen on 6.18). */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        r = ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &request);
        if (r < 0)
                r = -errno;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        return r;
}

static int linux_open_proc(void *data, uint32_t tid, const char *name, int flags) {
        char path[64 + PATH_MAX];
        int fd;

        snprintf(path, sizeof(path), "/proc/%u/%s", tid, name);
        fd = open(path, flags | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static int linux_take_fd(void *data, uint32_t tid, int fd) {
        /* A thread may have a table of its own (unshare(CLONE_FILES)); pidfds of threads are as new as 6.9.
         */
        cleanup_fd int pidfd = (int)syscall(SYS_pidfd_open, tid, PIDFD_THREAD);
        int taken;

        if (pidfd < 0 && errno == EINVAL)
                pidfd = (int)syscall(SYS_pidfd_open, tid, 0);
        if (pidfd < 0)
                return -errno;
        taken = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
        return taken < 0 ? -errno : taken;
}

static int linux_limit(void *data, uint32_t tid, int resource, const struct rlimit64 *set,
                       struct rlimit64 *ret_old) {
        return syscall(SYS_prlimit64, tid, resource, set, ret_old) < 0 ? -errno : 0;
}

static int linux_kill(void *data, uint32_t tid) {
        /* The task waits for our answer, so the number is still its own. */
        return kill((pid_t)tid, SIGKILL) < 0 ? -errno : 0;
}

static uint64_t linux_now(void *data) {
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int kernel_linux(struct kernel *ret) {
        if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
                return error_origin(-errno);
        if (sizes.seccomp_notif > sizeof(union kernel_notif) ||
            sizes.seccomp_notif_resp > sizeof(union response_buffer))
                return error_origin(-EOVERFLOW);
        *ret = (struct kernel){
                .is_listener = linux_is_listener,
                .receive = linux_receive,
                .answer = linux_answer,
                .confirm = linux_confirm,
                .peek = linux_peek,
                .sync_wake_up = linux_sync_wake_up,
                .read_memory = linux_read_memory,
                .write_memory = linux_write_memory,
                .read_proc = linux_read_proc,
                .read_link = linux_read_link,
                .add_fd = linux_add_fd,
                .open_proc = linux_open_proc,
                .take_fd = linux_take_fd,
                .limit = linux_limit,
                .kill = linux_kill,
                .now = linux_now,
        };
        return 0;
}
