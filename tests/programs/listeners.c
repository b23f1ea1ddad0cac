/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Many containers at once, as far as a listener's agent can tell: N threads, each with a filter of its own
 * that notifies getppid, each of which sends what a runtime sends.
 *
 *   listeners SOCKET N BYTES NAME   sends N states with ids NAME-0 … and at least BYTES of annotations each
 *   listeners fd:NUMBER 1 0 -       sends one byte and the listener on a socket it was given; no state
 *
 * Says "ready", then obeys lines on standard input: "call": every thread calls getppid, and "called OK of N"
 * says how many got the right answer; "hangup": closes the connections. The end of the input ends it.
 */

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static const char *where, *name;
static int n_threads, n_bytes;
static pid_t parent;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int n_ready, n_called, n_right, round_number;
static int *connections;

static void die(const char *what) {
        fprintf(stderr, "listeners: %s: %s\n", what, strerror(errno));
        _exit(1);
}

static int new_listener(void) {
        struct sock_filter insns[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog program = { sizeof(insns) / sizeof(insns[0]), insns };
        int fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                              &program);

        if (fd < 0)
                die("seccomp");
        return fd;
}

/* As many sends as it takes; the descriptor goes with the first. */
static void send_all(int fd, const char *bytes, size_t n, int listener) {
        char control[CMSG_SPACE(sizeof(int))] = { 0 };
        struct iovec iov = { (void *)bytes, n };
        struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
        struct cmsghdr *header;

        message.msg_control = control;
        message.msg_controllen = sizeof(control);
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &listener, sizeof(int));
        while (iov.iov_len > 0) {
                ssize_t done = sendmsg(fd, &message, MSG_NOSIGNAL);

                if (done < 0 && errno != EINTR)
                        die("sendmsg");
                if (done < 0)
                        continue;
                iov.iov_base = (char *)iov.iov_base + done;
                iov.iov_len -= (size_t)done;
                message.msg_control = NULL;
                message.msg_controllen = 0;
        }
}

static int dial(void) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", where);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                die("connect");
        return fd;
}

static int send_state(int number, int listener) {
        size_t size = 4096 + (size_t)n_bytes * 11 / 10, n;
        char *text = malloc(size);
        int fd = dial();

        if (!text)
                die("malloc");
        n = (size_t)snprintf(text, size,
                             "{\"ociVersion\":\"1.0.2\",\"fds\":[\"seccompFd\"],\"pid\":%d,\"state\":{"
                             "\"ociVersion\":\"1.0.2\",\"id\":\"%s-%d\",\"status\":\"creating\",\"pid\":%d,"
                             "\"bundle\":\"/b\",\"annotations\":{\"number\":\"%d\"",
                             getpid(), name, number, getpid(), number);
        for (int i = 0; i * 1000 < n_bytes; i++)
                n += (size_t)snprintf(text + n, size - n, ",\"key%d\":\"%0990d\"", i, i);
        n += (size_t)snprintf(text + n, size - n, "}}}");
        send_all(fd, text, n, listener);
        free(text);
        return fd;
}

static void begin(int number) {
        int listener = new_listener();

        if (strncmp(where, "fd:", 3) == 0)
                send_all(connections[number] = atoi(where + 3), "l", 1, listener);
        else
                connections[number] = send_state(number, listener);
        close(listener);
}

static void *run(void *data) {
        int number = (int)(long)data, seen = 0;

        begin(number);
        pthread_mutex_lock(&lock);
        n_ready++;
        pthread_cond_broadcast(&changed);
        for (;;) {
                int right;

                while (round_number == seen)
                        pthread_cond_wait(&changed, &lock);
                seen = round_number;
                pthread_mutex_unlock(&lock);
                right = syscall(SYS_getppid) == parent;
                pthread_mutex_lock(&lock);
                n_called++;
                n_right += right;
                pthread_cond_broadcast(&changed);
        }
        return NULL;
}

static void call_all(void) {
        pthread_mutex_lock(&lock);
        n_called = n_right = 0;
        round_number++;
        pthread_cond_broadcast(&changed);
        while (n_called < n_threads)
                pthread_cond_wait(&changed, &lock);
        printf("called %d of %d\n", n_right, n_threads);
        pthread_mutex_unlock(&lock);
        fflush(stdout);
}

int main(int argc, char **argv) {
        pthread_attr_t attributes;
        struct rlimit limit;
        char line[64];

        if (argc != 5)
                return 2;
        where = argv[1];
        n_threads = atoi(argv[2]);
        n_bytes = atoi(argv[3]);
        name = argv[4];
        parent = getppid();
        connections = calloc((size_t)n_threads, sizeof(int));
        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, 65536);
        for (long i = 0; i < n_threads; i++) {
                pthread_t thread;

                if ((errno = pthread_create(&thread, &attributes, run, (void *)i)) != 0)
                        die("pthread_create");
        }
        pthread_mutex_lock(&lock);
        while (n_ready < n_threads)
                pthread_cond_wait(&changed, &lock);
        pthread_mutex_unlock(&lock);
        puts("ready");
        fflush(stdout);
        while (fgets(line, sizeof(line), stdin)) {
                if (strcmp(line, "call\n") == 0)
                        call_all();
                if (strcmp(line, "hangup\n") == 0)
                        for (int i = 0; i < n_threads; i++)
                                close(connections[i]);
        }
        _exit(0);
}
