/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A program that changes what it asked for while it is being asked about: one thread flips address, message
 * or descriptor between two destinations, another one calls. How often each of them was reached is printed.
 *
 *      netflip connect|number|sendto|sendmsg|sendmmsg PORT REFUSED-PORT TRIES
 *      netflip path NAME REFUSED-NAME TRIES
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in wanted[2];
static volatile struct sockaddr_in flipped;
static struct mmsghdr messages[2];
static int sockets[2], number;
static const char *mode;
static atomic_bool over;
static unsigned long reached[2];

static void flip(int which) {
        if (strcmp(mode, "number") == 0) {
                dup2(sockets[which], number);
        } else if (strcmp(mode, "path") == 0) {
                unlink("flip.new");
                if (symlink(which ? "refused" : "allowed", "flip.new") == 0)
                        rename("flip.new", "flip");
        } else {
                flipped.sin_port = wanted[which].sin_port;
                messages[0].msg_hdr.msg_name = messages[1].msg_hdr.msg_name = &wanted[which];
        }
}

static void *flipping(void *data) {
        (void)data;
        for (unsigned i = 0; !over; i++)
                flip(i & 1);
        return NULL;
}

static int listen_at(int type, int which) {
        int fd = socket(AF_INET, type | SOCK_NONBLOCK, 0), one = 1;

        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (bind(fd, (struct sockaddr *)&wanted[which], sizeof(wanted[which])) < 0 ||
            (type == SOCK_STREAM && listen(fd, 64) < 0))
                exit(3);
        return fd;
}

static int listen_at_path(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

        strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
        if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 64) < 0)
                exit(3);
        return fd;
}

static void count(int fd, int which, bool stream) {
        char byte;

        for (;;) {
                int r = stream ? accept(fd, NULL, NULL) : (int)recv(fd, &byte, 1, 0);

                if (r < 0)
                        return;
                if (stream)
                        close(r);
                reached[which]++;
        }
}

static void try_stream(void) {
        struct linger linger = { 1, 0 };
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
        (void)!connect(fd, (struct sockaddr *)(uintptr_t)&flipped, sizeof(flipped));
        close(fd);
}

static void try_path(void) {
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "flip" };
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        (void)!connect(fd, (struct sockaddr *)&address, sizeof(address));
        close(fd);
}

/* The number is an IPv4 socket or one of another family; to the latter AF_UNSPEC is no address. */
static void try_unspecified(void) {
        struct sockaddr_in to = wanted[1];

        to.sin_family = AF_UNSPEC;
        (void)!sendto(number, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to));
}

static void try_datagram(int fd) {
        if (strcmp(mode, "sendto") == 0)
                (void)!sendto(fd, "x", 1, MSG_DONTWAIT, (struct sockaddr *)(uintptr_t)&flipped,
                              sizeof(flipped));
        else if (strcmp(mode, "sendmsg") == 0)
                (void)!sendmsg(fd, &messages[0].msg_hdr, MSG_DONTWAIT);
        else
                (void)!sendmmsg(fd, messages, 2, MSG_DONTWAIT);
}

/* On a busy machine the flipping thread may not have run at all since it stopped at what is refused. Whether
 * the other can be reached is only seen once it has. (By number nothing can be.) */
static bool is_starved(void) {
        static time_t begin;
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        if (begin == 0)
                begin = now.tv_sec;
        return strcmp(mode, "number") != 0 && reached[0] == 0 && now.tv_sec - begin < 40;
}

int main(int argc, char **argv) {
        bool stream, path;
        struct iovec vector = { (void *)(uintptr_t) "x", 1 };
        int servers[2], fd;
        pthread_t thread;

        if (argc != 5)
                return 2;
        mode = argv[1];
        path = strcmp(mode, "path") == 0;
        stream = path || strcmp(mode, "connect") == 0;
        for (int i = 0; i < 2; i++) {
                wanted[i] = (struct sockaddr_in){ .sin_family = AF_INET,
                                                  .sin_port = htons((uint16_t)atoi(argv[2 + i])),
                                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
                servers[i] =
                        path ? listen_at_path(argv[2 + i]) : listen_at(stream ? SOCK_STREAM : SOCK_DGRAM, i);
                messages[i].msg_hdr = (struct msghdr){ .msg_namelen = sizeof(wanted[0]),
                                                       .msg_iov = &vector,
                                                       .msg_iovlen = 1 };
        }
        flipped = wanted[0];
        fd = socket(AF_INET, SOCK_DGRAM, 0);
        sockets[0] = socket(AF_INET6, SOCK_DGRAM, 0);
        sockets[1] = socket(AF_INET, SOCK_DGRAM, 0);
        number = dup(sockets[0]);
        flip(0);
        pthread_create(&thread, NULL, flipping, NULL);
        for (int i = 0; i < atoi(argv[4]) || is_starved(); i++) {
                if (path)
                        try_path();
                else if (stream)
                        try_stream();
                else if (strcmp(mode, "number") == 0)
                        try_unspecified();
                else
                        try_datagram(fd);
                count(servers[0], 0, stream);
                count(servers[1], 1, stream);
        }
        over = true;
        pthread_join(thread, NULL);
        usleep(10000);
        count(servers[0], 0, stream);
        count(servers[1], 1, stream);
        printf("allowed %lu refused %lu\n", reached[0], reached[1]);
        return 0;
}
