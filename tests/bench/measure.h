/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What benches share: clocks, cores, medians, and a task behind a filter that says when it may start. */

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "policy/filter.h"

#define ROUNDS_MAX 64

struct sample {
        double wall_ns, cpu_ns; /* per call */
};

static inline double now_ns(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static inline double cpu_ns(int who) {
        struct rusage usage;

        getrusage(who, &usage);
        return ((double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec) * 1e9 +
               ((double)usage.ru_utime.tv_usec + (double)usage.ru_stime.tv_usec) * 1e3;
}

static inline void pin(int cpu) {
        cpu_set_t set;

        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        sched_setaffinity(0, sizeof(set), &set);
}

static inline void unpin(void) {
        cpu_set_t set;

        CPU_ZERO(&set);
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
                CPU_SET(cpu, &set);
        sched_setaffinity(0, sizeof(set), &set);
}

static inline int by_value(const void *a, const void *b) {
        double x = *(const double *)a, y = *(const double *)b;

        return x < y ? -1 : x > y;
}

static inline double median(double *values, int n) {
        qsort(values, (size_t)n, sizeof(*values), by_value);
        return values[n / 2];
}

/* A filter that notifies one call. */
static inline struct filter notify_one(int nr, struct sock_filter insns[4]) {
        insns[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
        insns[1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 1);
        insns[2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
        insns[3] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        return (struct filter){ .insns = insns, .n = 4 };
}

/* A process that installs the filter (NULL: none), waits for a byte on *ret_socket, calls work(data) and
 * ends. *ret_listener is -1 without a filter. */
static inline pid_t start_task(const struct filter *filter, void (*work)(void *data), void *data,
                               int *ret_socket, int *ret_listener) {
        int pair[2];
        size_t n_fds;
        char byte;
        pid_t pid;

        *ret_listener = -1;
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
                exit(1);
        pid = fork();
        if (pid == 0) {
                int fd = -1;

                /* A copy of another's listener would keep that one open. */
                pair[1] = dup2(pair[1], STDERR_FILENO + 1);
                syscall(SYS_close_range, STDERR_FILENO + 2, ~0u, 0);
                if (filter) {
                        struct sock_fprog program = { (unsigned short)filter->n, filter->insns };

                        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
                        fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                          SECCOMP_FILTER_FLAG_NEW_LISTENER |
                                                  (1ul << 5) /* WAIT_KILLABLE_RECV */,
                                          &program);
                        if (fd < 0)
                                _exit(1);
                }
                fd_send_message(pair[1], "x", 1, &fd, fd >= 0);
                if (fd >= 0)
                        close(fd);
                if (read(pair[1], &byte, 1) == 1)
                        work(data);
                _exit(0);
        }
        close(pair[1]);
        fd_recv_message(pair[0], &byte, 1, ret_listener, filter ? 1 : 0, &n_fds);
        *ret_socket = pair[0];
        return pid;
}

/* The cheapest loop there is: every call goes on. Until the last task behind the listener is gone; a kernel
 * before 6.11 would not say so to RECV. */
static inline void serve_everything(int listener) {
        struct seccomp_notif notif;
        struct seccomp_notif_resp response;

        for (;;) {
                memset(&notif, 0, sizeof(notif));
                if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notif) < 0) {
                        if (errno == ENOENT)
                                return;
                        continue;
                }
                memset(&response, 0, sizeof(response));
                response.id = notif.id;
                response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
                ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
        }
}
