/* SPDX-License-Identifier: Apache-2.0 */

/* The receiving thread on a real listener: it ends by itself, and it can be stopped out of RECV. */

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "policy/filter.h"
#include "supervisor/receiver.h"

static struct kernel kernel;
static atomic_int ended = 1000;

static void on_end(void *data, int r) {
        atomic_store(&ended, r);
}

/* A child under a filter that notifies getppid; makes n such calls, then waits or exits. */
static pid_t start(int n, bool stays, int *ret_listener) {
        struct sock_filter insns[] = {
                { BPF_LD | BPF_W | BPF_ABS, 0, 0, 0 },
                { BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_getppid },
                { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_USER_NOTIF },
                { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW },
        };
        struct sock_fprog program = { 4, insns };
        int pair[2];
        size_t n_fds;
        char byte;
        pid_t pid;

        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        pid = fork();
        if (pid == 0) {
                int fd;

                prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
                fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                                  &program);
                fd_send_message(pair[1], "x", 1, &fd, 1);
                close(fd);
                for (int i = 0; i < n; i++)
                        syscall(SYS_getppid);
                if (stays)
                        pause();
                _exit(0);
        }
        close(pair[1]);
        cr_assert_eq(fd_recv_message(pair[0], &byte, 1, ret_listener, 1, &n_fds), 1);
        close(pair[0]);
        return pid;
}

static struct session *session_on(int listener) {
        struct session_options options = { .mode = WIRE_MODE_RECORD, .label = "" };
        struct session *session;

        cr_assert_eq(kernel_linux(&kernel), 0);
        cr_assert_eq(session_new(&kernel, listener, -1, &options, &session), 0);
        return session;
}

TestSuite(receiver, .timeout = 300);

Test(receiver, ends_with_the_last_task) {
        struct receiver receiver;
        struct session *session;
        struct ledger ledger;
        int listener;
        pid_t pid = start(2000, false, &listener);

        session = session_on(listener);
        cr_assert_eq(receiver_start(&receiver, session, on_end, NULL), 0);
        waitpid(pid, NULL, 0);
        while (!receiver_done(&receiver)) {
                /* Kernels before 6.11 need the kick that the loop gives on hang-up. */
                receiver_kick(&receiver);
                usleep(1000);
        }
        receiver_join(&receiver);
        cr_assert_eq(atomic_load(&ended), 0);
        session_ledger(session, &ledger);
        cr_assert_eq(ledger.received, 2000);
        cr_assert_eq(ledger.answered, 2000);
        session_free(session);
}

Test(receiver, is_kicked_out_of_its_sleep) {
        struct receiver receiver;
        struct session *session;
        struct ledger ledger;
        int listener;
        pid_t pid = start(3, true, &listener);

        session = session_on(listener);
        cr_assert_eq(receiver_start(&receiver, session, on_end, NULL), 0);
        do {
                usleep(1000);
                session_ledger(session, &ledger);
        } while (ledger.received < 3);
        cr_assert_not(receiver_done(&receiver));
        while (!receiver_done(&receiver)) {
                receiver_kick(&receiver);
                usleep(1000);
        }
        receiver_join(&receiver);
        cr_assert_eq(atomic_load(&ended), 0);
        session_free(session);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}
