/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

static int pair[2];

static void setup(void) {
        cr_assert_eq(fd_socketpair(pair), 0);
}

static void teardown(void) {
        fd_close(pair[0]);
        fd_close(pair[1]);
}

TestSuite(fd, .init = setup, .fini = teardown, .timeout = 60);

static int n_open(void) {
        int n = 0;

        for (int fd = 0; fd < 1024; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        return n;
}

Test(fd, close_and_take) {
        int fd = dup(pair[0]), taken;

        errno = ENOTTY;
        cr_assert_eq(fd_close(-1), -1);
        taken = fd_take(&fd);
        cr_assert_eq(fd, -1);
        cr_assert_geq(fcntl(taken, F_GETFD), 0);
        cr_assert_eq(fd_close(taken), -1);
        errno = ENOTTY;
        cr_assert_eq(fd_close(taken), -1); /* EBADF inside */
        cr_assert_eq(errno, ENOTTY);
}

Test(fd, cleanup_closes) {
        int before = n_open();

        {
                cleanup_fd int fd = dup(pair[0]);

                cr_assert_eq(n_open(), before + 1);
                cr_assert_geq(fd, 0);
        }
        cr_assert_eq(n_open(), before);
}

Test(fd, close_on_exec_from_birth) {
        cr_assert_eq(fcntl(pair[0], F_GETFD), FD_CLOEXEC);
        cr_assert_eq(fcntl(pair[1], F_GETFD), FD_CLOEXEC);
}

static void *drain(void *data) {
        char *bytes = data;

        cr_assert_eq(fd_read_all(pair[1], bytes, 1 << 20), 0);
        return NULL;
}

/* More than any socket buffer holds, through short writes and reads. */
Test(fd, write_all_and_read_all) {
        char *bytes = malloc(1 << 20), *got = malloc(1 << 20);
        pthread_t thread;

        for (int i = 0; i < 1 << 20; i++)
                bytes[i] = (char)(i * 7 + i / 4096);
        pthread_create(&thread, NULL, drain, got);
        cr_assert_eq(fd_write_all(pair[0], bytes, 1 << 20), 0);
        pthread_join(thread, NULL);
        cr_assert_eq(memcmp(bytes, got, 1 << 20), 0);
        free(bytes);
        free(got);
}

Test(fd, write_all_to_pipe_and_file) {
        int fds[2];
        char text[6];

        cr_assert_eq(pipe(fds), 0);
        cr_assert_eq(fd_write_all(fds[1], "hello", 5), 0);
        cr_assert_eq(fd_read_all(fds[0], text, 5), 0);
        cr_assert_eq(memcmp(text, "hello", 5), 0);
        cr_assert_eq(fd_write_all(fds[1], "", 0), 0);
        close(fds[0]);
        close(fds[1]);
        cr_assert_eq(fd_write_all(fds[1], "x", 1), -EBADF);
}

Test(fd, read_all_meets_the_end) {
        char bytes[10];

        cr_assert_eq(fd_write_all(pair[0], "short", 5), 0);
        pair[0] = fd_close(pair[0]);
        cr_assert_eq(fd_read_all(pair[1], bytes, 10), -ENODATA);
        cr_assert_eq(fd_read_all(pair[1], bytes, 1), -ENODATA);
        cr_assert_eq(fd_read_all(pair[1], bytes, 0), 0);
        cr_assert_eq(fd_read_all(-1, bytes, 1), -EBADF);
}

/* Were SIGPIPE raised, this process would be dead. */
Test(fd, a_peer_gone_is_an_error_not_a_signal) {
        int fds[1] = { STDERR_FILENO };

        signal(SIGPIPE, SIG_DFL);
        pair[1] = fd_close(pair[1]);
        cr_assert_eq(fd_write_all(pair[0], "x", 1), -EPIPE);
        cr_assert_eq(fd_send_message(pair[0], "x", 1, fds, 1), -EPIPE);
}

static volatile sig_atomic_t n_alarms;

static void on_alarm(int signal_number) {
        (void)signal_number;
        n_alarms++;
}

/* Handlers without SA_RESTART interrupt calls; nobody may notice. */
Test(fd, interrupted_calls_go_on) {
        struct sigaction action = { .sa_handler = on_alarm };
        /* A number would be somebody else's, were we gone. */
        int us = (int)syscall(SYS_pidfd_open, getpid(), 0);
        char bytes[20], text[20];
        size_t n_fds;
        int status;
        pid_t pid;

        cr_assert_geq(us, 0);
        sigaction(SIGALRM, &action, NULL);
        pid = fork();
        cr_assert_geq(pid, 0);
        if (pid == 0) {
                for (int i = 0; i < 20; i++) {
                        usleep(3000);
                        syscall(SYS_pidfd_send_signal, us, SIGALRM, NULL, 0);
                        usleep(3000);
                        if (write(pair[1], "b", 1) != 1)
                                _exit(1);
                }
                usleep(3000);
                syscall(SYS_pidfd_send_signal, us, SIGALRM, NULL, 0);
                usleep(3000);
                _exit(write(pair[1], "message", 7) == 7 ? 0 : 1);
        }
        cr_assert_eq(fd_read_all(pair[0], bytes, 20), 0);
        cr_assert_eq(fd_recv_message(pair[0], text, sizeof(text), NULL, 0, &n_fds), 7);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        cr_assert_eq(status, 0);
        cr_assert_gt(n_alarms, 0);
        close(us);
}

static bool same_file(int a, int b) {
        char text[2][4096], path[64];
        ssize_t n[2];

        for (int i = 0; i < 2; i++) {
                snprintf(path, sizeof(path), "/proc/self/fd/%d", i ? b : a);
                n[i] = readlink(path, text[i], sizeof(text[i]));
        }
        return n[0] > 0 && n[0] == n[1] && memcmp(text[0], text[1], (size_t)n[0]) == 0;
}

Test(fd, descriptors_travel) {
        int sent[16], got[16], before;
        size_t n_fds;
        char text[8];

        for (int i = 0; i < 16; i++)
                sent[i] = i % 2 ? pair[0] : STDERR_FILENO;
        before = n_open();
        for (size_t n = 0; n <= 16; n++) {
                cr_assert_eq(fd_send_message(pair[0], "payload", 7, sent, n), 0);
                cr_assert_eq(fd_recv_message(pair[1], text, sizeof(text), got, 16, &n_fds), 7);
                cr_assert_eq(n_fds, n);
                for (size_t i = 0; i < n; i++) {
                        cr_assert(same_file(got[i], sent[i]));
                        cr_assert_neq(got[i], sent[i]);
                        cr_assert_eq(fcntl(got[i], F_GETFD), FD_CLOEXEC);
                        fd_close(got[i]);
                }
        }
        cr_assert_eq(n_open(), before);
}

/* A stranger may send more than was asked for: refused, and nothing stays open. */
Test(fd, too_many_descriptors_are_all_closed) {
        int sent[16], got[16], before;
        size_t n_fds;
        char text[8];

        for (int i = 0; i < 16; i++)
                sent[i] = STDERR_FILENO;
        before = n_open();
        for (size_t max = 0; max < 16; max++) {
                cr_assert_eq(fd_send_message(pair[0], "x", 1, sent, max + 1), 0);
                cr_assert_eq(fd_recv_message(pair[1], text, sizeof(text), got, max, &n_fds), -EPROTO,
                             "max %zu", max);
                cr_assert_eq(n_fds, 0);
                cr_assert_eq(n_open(), before);
        }
}

/* More than fits the control buffer: the kernel cuts the message. */
Test(fd, a_cut_control_message_is_refused) {
        union {
                struct cmsghdr align;
                char space[CMSG_SPACE(100 * sizeof(int))];
        } control;
        struct iovec iov = { (char[]){ 'x' }, 1 };
        struct msghdr message = { .msg_iov = &iov,
                                  .msg_iovlen = 1,
                                  .msg_control = control.space,
                                  .msg_controllen = sizeof(control.space) };
        struct cmsghdr *header;
        int got[16], before = n_open();
        size_t n_fds;
        char text[8];

        memset(&control, 0, sizeof(control));
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(100 * sizeof(int));
        for (int i = 0; i < 100; i++)
                memcpy(CMSG_DATA(header) + (size_t)i * sizeof(int), &(int){ STDERR_FILENO }, sizeof(int));
        cr_assert_eq(sendmsg(pair[0], &message, 0), 1);
        cr_assert_eq(fd_recv_message(pair[1], text, sizeof(text), got, 16, &n_fds), -EPROTO);
        cr_assert_eq(n_open(), before);
}

Test(fd, messages_that_cannot_be) {
        int fds[17] = { 0 };
        size_t n_fds;
        char text[8];

        cr_assert_eq(fd_send_message(pair[0], "", 0, NULL, 0), -EINVAL);
        cr_assert_eq(fd_send_message(pair[0], "x", 1, fds, 17), -EINVAL);
        cr_assert_eq(fd_send_message(pair[0], "x", 1, &(int){ -1 }, 1), -EBADF);
        fcntl(pair[1], F_SETFL, O_NONBLOCK);
        cr_assert_eq(fd_recv_message(pair[1], text, sizeof(text), NULL, 0, &n_fds), -EAGAIN);
        pair[0] = fd_close(pair[0]);
        cr_assert_eq(fd_recv_message(pair[1], text, sizeof(text), NULL, 0, &n_fds), 0);
}

/* The rest of a long message follows as plain bytes, the descriptors come with the first. */
Test(fd, long_message_with_descriptors) {
        static char bytes[1 << 20], got[1 << 20];
        int fds[1];
        size_t n_fds, at = 0;
        bool had = false;
        int status;
        pid_t pid;

        memset(bytes, 'm', sizeof(bytes));
        pid = fork();
        cr_assert_geq(pid, 0);
        if (pid == 0)
                _exit(fd_send_message(pair[0], bytes, sizeof(bytes), (int[]){ STDERR_FILENO }, 1) == 0 ? 0
                                                                                                       : 1);
        while (at < sizeof(got)) {
                ssize_t n = fd_recv_message(pair[1], got + at, sizeof(got) - at, fds, 1, &n_fds);

                cr_assert_gt(n, 0);
                if (n_fds > 0) {
                        cr_assert_eq(at, 0);
                        had = true;
                        fd_close(fds[0]);
                }
                at += (size_t)n;
        }
        cr_assert(had);
        cr_assert_eq(memcmp(bytes, got, sizeof(got)), 0);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert_eq(status, 0);
}
