/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Starts a program as a container runtime does: behind a filter that notifies calls about files and
 * identity, and whose listener went to a supervisor's socket for runtimes. Without a container, so anybody
 * can.
 *
 *   contained SOCKET ID COMMAND [ARGUMENT…]
 */

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static const unsigned notified[] = {
        SYS_execve,     SYS_getppid,   SYS_mkdirat, SYS_unlinkat,  SYS_openat,    SYS_statx,
        SYS_newfstatat, SYS_faccessat, SYS_fstat,   SYS_fchownat,  SYS_fchown,    SYS_getuid,
        SYS_geteuid,    SYS_getgid,    SYS_getegid, SYS_getresuid, SYS_getresgid,
#ifdef SYS_open
        SYS_open,       SYS_mkdir,     SYS_rmdir,   SYS_stat,      SYS_lstat,     SYS_access,
        SYS_chown,      SYS_lchown,
#endif
};
#define N_NOTIFIED (sizeof(notified) / sizeof(notified[0]))

static void die(const char *what) {
        fprintf(stderr, "contained: %s: %s\n", what, strerror(errno));
        exit(99);
}

static int new_listener(void) {
        struct sock_filter insns[2 * N_NOTIFIED + 2] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        };
        struct sock_fprog program = { 2 * N_NOTIFIED + 2, insns };
        int fd;

        for (size_t i = 0; i < N_NOTIFIED; i++) {
                insns[2 * i + 1] =
                        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, notified[i], 0, 1);
                insns[2 * i + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
        }
        insns[2 * N_NOTIFIED + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
        if (fd < 0)
                die("seccomp");
        return fd;
}

/* Close-on-exec, as listeners are anyway. */
static int dial(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                die(path);
        return fd;
}

static void hand_over(int fd, const char *id, int listener) {
        char state[1024], control[CMSG_SPACE(sizeof(int))] = { 0 };
        int n = snprintf(
                state, sizeof(state),
                "{\"ociVersion\":\"1.0.2\",\"fds\":[\"seccompFd\"],\"pid\":%d,\"state\":{\"ociVersion\":"
                "\"1.0.2\",\"id\":\"%s\",\"status\":\"creating\",\"pid\":%d,\"bundle\":\"/\"}}",
                getpid(), id, getpid());
        struct iovec iov = { state, (size_t)n };
        struct msghdr message = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
        };
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);

        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &listener, sizeof(int));
        if (sendmsg(fd, &message, MSG_NOSIGNAL) != n)
                die("sendmsg");
}

int main(int argc, char **argv) {
        int fd;

        if (argc < 4) {
                fprintf(stderr, "usage: contained SOCKET ID COMMAND [ARGUMENT…]\n");
                return 99;
        }
        fd = dial(argv[1]);
        hand_over(fd, argv[2], new_listener());
        execvp(argv[3], argv + 3);
        die(argv[3]);
}
