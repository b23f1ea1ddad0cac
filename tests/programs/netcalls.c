/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Socket calls that take addresses, with everything that can be wrong about them: what came of each is
 * printed, so that two runs can be compared. Ports and numbers that differ from run to run are not.
 *
 *      netcalls             in an empty directory
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_OFFSET offsetof(struct sockaddr_un, sun_path)
#define BAD         ((void *)8)
#define PATIENCE_MS 60000

static volatile sig_atomic_t n_pipe;

static void on_pipe(int number) {
        (void)number;
        n_pipe++;
}

static void say(const char *what, long result) {
        int error = errno;

        printf("%s: %ld %s\n", what, result < 0 ? -1 : result, result < 0 ? strerrorname_np(error) : "-");
        fflush(stdout);
}

static struct sockaddr_in in4(const char *host, int port) {
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

        inet_pton(AF_INET, host, &in.sin_addr);
        return in;
}

static struct sockaddr_in6 in6(const char *host, int port) {
        struct sockaddr_in6 in = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };

        inet_pton(AF_INET6, host, &in.sin6_addr);
        return in;
}

static socklen_t un(struct sockaddr_un *ret, const char *path) {
        *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
        strncpy(ret->sun_path, path, sizeof(ret->sun_path));
        return (socklen_t)(PATH_OFFSET + strlen(path) + 1);
}

static int port_of(int fd) {
        struct sockaddr_in6 own;
        socklen_t n = sizeof(own);

        getsockname(fd, (struct sockaddr *)&own, &n);
        return ntohs(own.sin6_port);
}

static void show_name(const char *what, int fd) {
        struct sockaddr_un own = { 0 };
        socklen_t n = sizeof(own);
        int r = getsockname(fd, (struct sockaddr *)&own, &n);

        printf("%s: %d, %u bytes, \"%.*s\"\n", what, r, n, n > PATH_OFFSET ? (int)(n - PATH_OFFSET) : 0,
               own.sun_path);
}

static int listener(int *ret_port) {
        struct sockaddr_in any = in4("127.0.0.1", 0);
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        bind(fd, (struct sockaddr *)&any, sizeof(any));
        listen(fd, 8);
        *ret_port = port_of(fd);
        return fd;
}

static long try_connect(int family, int type, const void *address, socklen_t n) {
        int fd = socket(family, type, 0), error;
        long r = connect(fd, address, n);

        error = errno;
        close(fd);
        errno = error;
        return r;
}

static long try_bind(int family, int type, const void *address, socklen_t n) {
        int fd = socket(family, type, 0), error;
        long r = bind(fd, address, n);

        error = errno;
        close(fd);
        errno = error;
        return r;
}

static void connects(void) {
        int port, server = listener(&port), fd, error;
        struct sockaddr_in right = in4("127.0.0.1", port), any = in4("0.0.0.0", port);
        struct sockaddr_in closed = in4("127.0.0.1", 1);
        struct sockaddr_in6 mapped = in6("::ffff:127.0.0.1", port), any6 = in6("::", port);
        struct sockaddr_in6 mapped_any = in6("::ffff:0.0.0.0", port);
        struct sockaddr_storage large = { .ss_family = AF_INET };
        struct sockaddr unspecified = { .sa_family = AF_UNSPEC };
        struct sockaddr_nl netlink = { .nl_family = AF_NETLINK };
        socklen_t n_error = sizeof(error);

        say("connect", try_connect(AF_INET, SOCK_STREAM, &right, sizeof(right)));
        say("connect no fd", connect(-1, (struct sockaddr *)&right, sizeof(right)));
        say("connect closed fd", connect(999, (struct sockaddr *)&right, sizeof(right)));
        fd = open("/", O_RDONLY);
        say("connect directory", connect(fd, (struct sockaddr *)&right, sizeof(right)));
        close(fd);
        fd = open("/", O_PATH);
        say("connect O_PATH", connect(fd, (struct sockaddr *)&right, sizeof(right)));
        close(fd);
        say("connect bad pointer", try_connect(AF_INET, SOCK_STREAM, BAD, sizeof(right)));
        say("connect bad pointer, closed fd", connect(999, BAD, 16));
        say("connect NULL", try_connect(AF_INET, SOCK_STREAM, NULL, sizeof(right)));
        for (int n = 0; n < 20; n++)
                if (n != 16) {
                        printf("%d bytes: ", n);
                        say("connect", try_connect(AF_INET, SOCK_STREAM, &closed, (socklen_t)n));
                }
        memcpy(&large, &right, sizeof(right));
        say("connect 128 bytes", try_connect(AF_INET, SOCK_STREAM, &large, 128));
        say("connect 129 bytes", try_connect(AF_INET, SOCK_STREAM, &large, 129));
        say("connect -1 bytes", try_connect(AF_INET, SOCK_STREAM, &large, (socklen_t)-1));
        say("connect 0.0.0.0", try_connect(AF_INET, SOCK_STREAM, &any, sizeof(any)));
        say("connect refused", try_connect(AF_INET, SOCK_STREAM, &closed, sizeof(closed)));
        say("connect mapped", try_connect(AF_INET6, SOCK_STREAM, &mapped, sizeof(mapped)));
        say("connect mapped any", try_connect(AF_INET6, SOCK_STREAM, &mapped_any, sizeof(mapped_any)));
        say("connect ::, IPv4 listener", try_connect(AF_INET6, SOCK_STREAM, &any6, sizeof(any6)));
        say("connect 24 bytes", try_connect(AF_INET6, SOCK_STREAM, &mapped, 24));
        say("connect 23 bytes", try_connect(AF_INET6, SOCK_STREAM, &mapped, 23));
        say("connect IPv4 on IPv6", try_connect(AF_INET6, SOCK_STREAM, &right, sizeof(right)));
        say("connect IPv6 on IPv4", try_connect(AF_INET, SOCK_STREAM, &mapped, sizeof(mapped)));
        say("connect UDP IPv4 on IPv6", try_connect(AF_INET6, SOCK_DGRAM, &right, sizeof(right)));
        say("connect netlink", try_connect(AF_NETLINK, SOCK_RAW, &netlink, sizeof(netlink)));
        say("connect netlink on TCP", try_connect(AF_INET, SOCK_STREAM, &netlink, sizeof(netlink)));
        say("connect listener", connect(server, (struct sockaddr *)&right, sizeof(right)));
        fd = socket(AF_INET, SOCK_DGRAM, 0);
        say("connect UDP", connect(fd, (struct sockaddr *)&right, sizeof(right)));
        say("disconnect UDP", connect(fd, &unspecified, sizeof(unspecified)));
        say("disconnect 1 byte", connect(fd, &unspecified, 1));
        say("disconnect 2 bytes", connect(fd, &unspecified, 2));
        say("broadcast",
            connect(fd,
                    (struct sockaddr *)&(struct sockaddr_in){
                            .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = 0xffffffff },
                    sizeof(struct sockaddr_in)));
        close(fd);
        fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        say("non-blocking", connect(fd, (struct sockaddr *)&right, sizeof(right)));
        poll(&(struct pollfd){ fd, POLLOUT, 0 }, 1, PATIENCE_MS);
        say("non-blocking again", connect(fd, (struct sockaddr *)&right, sizeof(right)));
        say("non-blocking once more", connect(fd, (struct sockaddr *)&right, sizeof(right)));
        say("disconnect TCP", connect(fd, &unspecified, sizeof(unspecified)));
        say("non-blocking, refused", connect(fd, (struct sockaddr *)&closed, sizeof(closed)));
        poll(&(struct pollfd){ fd, POLLOUT, 0 }, 1, PATIENCE_MS);
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n_error);
        printf("SO_ERROR: %s\n", strerrorname_np(error));
        printf("O_NONBLOCK: %d\n", !!(fcntl(fd, F_GETFL) & O_NONBLOCK));
        close(fd);
        close(server);
}

static void paths(void) {
        struct sockaddr_un address;
        int server = socket(AF_UNIX, SOCK_STREAM, 0), datagrams = socket(AF_UNIX, SOCK_DGRAM, 0), fd;
        socklen_t n;
        struct stat st;
        char *long_name = malloc(200), folder[128];

        umask(027);
        n = un(&address, "s");
        say("bind s", bind(server, (struct sockaddr *)&address, n));
        show_name("name of s", server);
        say("listen", listen(server, 5));
        stat("s", &st);
        printf("mode of s: %o\n", st.st_mode);
        say("bind twice", bind(server, (struct sockaddr *)&address, n));
        say("bind where one is", try_bind(AF_UNIX, SOCK_STREAM, &address, n));
        n = un(&address, "s2");
        say("bind another", bind(server, (struct sockaddr *)&address, n));
        n = un(&address, "missing/s");
        say("bind, no directory", try_bind(AF_UNIX, SOCK_STREAM, &address, n));
        n = un(&address, "s/x");
        say("bind below a socket", try_bind(AF_UNIX, SOCK_STREAM, &address, n));
        n = un(&address, "x/");
        say("bind x/", try_bind(AF_UNIX, SOCK_STREAM, &address, n));
        n = un(&address, ".");
        say("bind .", try_bind(AF_UNIX, SOCK_STREAM, &address, n));
        n = un(&address, "/");
        say("bind /", try_bind(AF_UNIX, SOCK_STREAM, &address, n));
        n = un(&address, "/proc/x");
        say("bind in /proc", try_bind(AF_UNIX, SOCK_STREAM, &address, n));
        n = un(&address, "");
        say("bind, 3 bytes", try_bind(AF_UNIX, SOCK_STREAM, &address, n));
        say("bind, 2 bytes", try_bind(AF_UNIX, SOCK_STREAM, &address, 2));
        say("bind, 1 byte", try_bind(AF_UNIX, SOCK_STREAM, &address, 1));
        memset(long_name, 'x', 200);
        long_name[108] = 0;
        un(&address, long_name);
        say("bind 108 bytes", try_bind(AF_UNIX, SOCK_STREAM, &address, 110));
        stat(long_name, &st);
        printf("socket of 108 bytes: %d\n", S_ISSOCK(st.st_mode));
        say("connect to 108 bytes", try_connect(AF_UNIX, SOCK_STREAM, &address, 110));
        say("bind 111 bytes", try_bind(AF_UNIX, SOCK_STREAM, &address, 111));
        n = un(&address, "absolute");
        snprintf(folder, sizeof(folder), "/tmp/netcalls.%d", getpid());
        n = un(&address, folder);
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        say("bind absolute", bind(fd, (struct sockaddr *)&address, n));
        unlink(folder);
        close(fd);
        n = un(&address, "s");
        say("connect s", try_connect(AF_UNIX, SOCK_STREAM, &address, n));
        say("connect s, no NUL", try_connect(AF_UNIX, SOCK_STREAM, &address, n - 1));
        say("connect s, whole", try_connect(AF_UNIX, SOCK_STREAM, &address, sizeof(address)));
        say("connect s, datagram", try_connect(AF_UNIX, SOCK_DGRAM, &address, n));
        say("connect s on TCP", try_connect(AF_INET, SOCK_STREAM, &address, n));
        say("connect s, 2 bytes", try_connect(AF_UNIX, SOCK_STREAM, &address, 2));
        symlink("s", "link");
        n = un(&address, "link");
        say("connect link", try_connect(AF_UNIX, SOCK_STREAM, &address, n));
        say("bind link", try_bind(AF_UNIX, SOCK_STREAM, &address, n));
        symlink("link2", "link2");
        n = un(&address, "link2");
        say("connect loop", try_connect(AF_UNIX, SOCK_STREAM, &address, n));
        n = un(&address, "s/");
        say("connect s/", try_connect(AF_UNIX, SOCK_STREAM, &address, n));
        close(open("file", O_CREAT | O_WRONLY, 0666));
        n = un(&address, "file");
        say("connect file", try_connect(AF_UNIX, SOCK_STREAM, &address, n));
        n = un(&address, "none");
        say("connect none", try_connect(AF_UNIX, SOCK_STREAM, &address, n));
        n = un(&address, "none/none");
        say("connect none/none", try_connect(AF_UNIX, SOCK_STREAM, &address, n));
        n = un(&address, "/proc/self/cwd/s");
        say("connect /proc/self/cwd/s", try_connect(AF_UNIX, SOCK_STREAM, &address, n));
        chmod("s", 0);
        n = un(&address, "s");
        say("connect without permission", try_connect(AF_UNIX, SOCK_STREAM, &address, n));
        chmod("s", 0777);
        close(server);
        say("connect, nobody listens", try_connect(AF_UNIX, SOCK_STREAM, &address, n));

        address.sun_path[0] = 0;
        snprintf(address.sun_path + 1, 60, "netcalls-%d", getpid());
        n = (socklen_t)(PATH_OFFSET + 1 + strlen(address.sun_path + 1));
        say("bind abstract", bind(datagrams, (struct sockaddr *)&address, n));
        say("connect abstract", try_connect(AF_UNIX, SOCK_DGRAM, &address, n));
        say("connect abstract, longer", try_connect(AF_UNIX, SOCK_DGRAM, &address, n + 1));
        fd = socket(AF_UNIX, SOCK_DGRAM, 0);
        address.sun_family = AF_UNIX;
        say("autobind", bind(fd, (struct sockaddr *)&address, 2));
        say("send to abstract", sendto(fd, "x", 1, 0, (struct sockaddr *)&address, n));
        n = un(&address, "d");
        close(datagrams);
        datagrams = socket(AF_UNIX, SOCK_DGRAM, 0);
        bind(datagrams, (struct sockaddr *)&address, n);
        say("send to d", sendto(fd, "x", 1, 0, (struct sockaddr *)&address, n));
        n = un(&address, "s");
        say("send to s", sendto(fd, "x", 1, 0, (struct sockaddr *)&address, n));
        n = un(&address, "none");
        say("send to none", sendto(fd, "x", 1, 0, (struct sockaddr *)&address, n));
        close(fd);
        close(datagrams);
        free(long_name);
}

static void binds(void) {
        struct sockaddr_in any = in4("0.0.0.0", 0), elsewhere = in4("192.0.2.1", 0),
                           low = in4("127.0.0.1", 1);
        struct sockaddr_in6 any6 = in6("::", 0), mapped = in6("::ffff:127.0.0.1", 0);
        struct sockaddr_in unspecified = any;
        struct sockaddr_nl netlink = { .nl_family = AF_NETLINK };
        int port, server = listener(&port);
        struct sockaddr_in taken = in4("127.0.0.1", port);

        unspecified.sin_family = AF_UNSPEC;
        say("bind any", try_bind(AF_INET, SOCK_STREAM, &any, sizeof(any)));
        say("bind any6", try_bind(AF_INET6, SOCK_STREAM, &any6, sizeof(any6)));
        say("bind mapped", try_bind(AF_INET6, SOCK_STREAM, &mapped, sizeof(mapped)));
        say("bind IPv4 on IPv6", try_bind(AF_INET6, SOCK_STREAM, &any, sizeof(any)));
        say("bind AF_UNSPEC", try_bind(AF_INET, SOCK_STREAM, &unspecified, sizeof(unspecified)));
        unspecified.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        say("bind AF_UNSPEC and address", try_bind(AF_INET, SOCK_STREAM, &unspecified, sizeof(unspecified)));
        say("bind elsewhere", try_bind(AF_INET, SOCK_STREAM, &elsewhere, sizeof(elsewhere)));
        say("bind taken", try_bind(AF_INET, SOCK_STREAM, &taken, sizeof(taken)));
        say("bind port 1", try_bind(AF_INET, SOCK_STREAM, &low, sizeof(low)));
        say("bind short", try_bind(AF_INET, SOCK_STREAM, &any, 15));
        say("bind long", try_bind(AF_INET, SOCK_STREAM, &any, 129));
        say("bind bad pointer", try_bind(AF_INET, SOCK_STREAM, BAD, 16));
        say("bind closed fd", bind(999, (struct sockaddr *)&any, sizeof(any)));
        say("bind no socket", bind(0, (struct sockaddr *)&any, sizeof(any)));
        say("bind netlink", try_bind(AF_NETLINK, SOCK_RAW, &netlink, sizeof(netlink)));
        close(server);
}

/* Blocking sends to a reader that takes its time: all of it, in order. */
static void whole(int family, size_t n) {
        char *bytes = malloc(n);
        int port, server = listener(&port), pair[2];
        struct sockaddr_in to = in4("127.0.0.1", port);
        size_t got = 0, wrong = 0;
        ssize_t r;

        for (size_t i = 0; i < n; i++)
                bytes[i] = (char)(i * 7 >> 3);
        if (family == AF_UNIX) {
                socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
        } else {
                pair[0] = socket(AF_INET, SOCK_STREAM, 0);
                connect(pair[0], (struct sockaddr *)&to, sizeof(to));
                pair[1] = accept(server, NULL, NULL);
        }
        fflush(stdout);
        if (fork() == 0) {
                close(pair[1]);
                printf("family %d, %zu bytes", family, n);
                say("", sendto(pair[0], bytes, n, 0, NULL, 0));
                _exit(0);
        }
        close(pair[0]);
        usleep(50000);
        while ((r = read(pair[1], bytes, n < 50000 ? n : 50000)) > 0) {
                for (ssize_t i = 0; i < r; i++)
                        wrong += bytes[i] != (char)((got + (size_t)i) * 7 >> 3);
                got += (size_t)r;
        }
        wait(NULL);
        printf("read %zu, %zu wrong\n", got, wrong);
        close(pair[1]);
        close(server);
        free(bytes);
}

/* On a busy machine even loopback may deliver a moment later, so what was sent is waited for. */
static void say_received(const char *what, int fd) {
        static char bytes[1 << 17];

        if (poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, PATIENCE_MS) != 1)
                printf("%s does not arrive\n", what);
        else
                printf("%s: %zd\n", what, recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT));
}

static void say_sent(const char *what, long result, int receiver) {
        say(what, result);
        if (result >= 0)
                say_received("received", receiver);
}

static void sends(void) {
        int port, server = listener(&port), fd, peer, pair[2], received;
        struct sockaddr_in to = in4("127.0.0.1", 0), right;
        char *bytes = calloc(1, 1 << 20);
        ssize_t r;

        received = socket(AF_INET, SOCK_DGRAM, 0);
        bind(received, (struct sockaddr *)&to, sizeof(to));
        right = in4("127.0.0.1", port_of(received));
        fd = socket(AF_INET, SOCK_DGRAM, 0);
        say_sent("sendto", sendto(fd, "abc", 3, 0, (struct sockaddr *)&right, sizeof(right)), received);
        say_sent("sendto nothing", sendto(fd, NULL, 0, 0, (struct sockaddr *)&right, sizeof(right)),
                 received);
        say_sent("sendto nobody", sendto(fd, "abc", 3, 0, NULL, 0), received);
        say_sent("sendto bad bytes", sendto(fd, BAD, 3, 0, (struct sockaddr *)&right, sizeof(right)),
                 received);
        say_sent("sendto bad address", sendto(fd, "abc", 3, 0, BAD, sizeof(right)), received);
        say_sent("sendto short", sendto(fd, "abc", 3, 0, (struct sockaddr *)&right, 15), received);
        say_sent("sendto no length", sendto(fd, "abc", 3, 0, (struct sockaddr *)&right, 0), received);
        say_sent("sendto long", sendto(fd, "abc", 3, 0, (struct sockaddr *)&right, 129), received);
        say_sent("sendto 65507", sendto(fd, bytes, 65507, 0, (struct sockaddr *)&right, sizeof(right)),
                 received);
        say_sent("sendto 65508", sendto(fd, bytes, 65508, 0, (struct sockaddr *)&right, sizeof(right)),
                 received);
        say_sent("sendto 1M", sendto(fd, bytes, 1 << 20, 0, (struct sockaddr *)&right, sizeof(right)),
                 received);
        say_sent("sendto port 0", sendto(fd, "abc", 3, 0, (struct sockaddr *)&to, sizeof(to)), received);
        say_sent("sendto closed fd", sendto(999, "abc", 3, 0, (struct sockaddr *)&right, sizeof(right)),
                 received);
        say_sent("sendto no socket", sendto(0, "abc", 3, 0, (struct sockaddr *)&right, sizeof(right)),
                 received);
        say_sent("sendto MSG_OOB", sendto(fd, "abc", 3, MSG_OOB, (struct sockaddr *)&right, sizeof(right)),
                 received);
        right.sin_family = AF_UNSPEC;
        say_sent("sendto AF_UNSPEC", sendto(fd, "unspec", 6, 0, (struct sockaddr *)&right, sizeof(right)),
                 received);
        right.sin_family = AF_INET;
        close(fd);
        fd = socket(AF_INET6, SOCK_DGRAM, 0);
        say_sent("sendto IPv4 on IPv6", sendto(fd, "abcd", 4, 0, (struct sockaddr *)&right, sizeof(right)),
                 received);
        right.sin_family = AF_UNSPEC;
        say_sent("sendto AF_UNSPEC on IPv6", sendto(fd, "x", 1, 0, (struct sockaddr *)&right, sizeof(right)),
                 received);
        right.sin_family = AF_INET;
        close(fd);
        printf("and no more: %d\n", recv(received, bytes, 1 << 20, MSG_DONTWAIT) < 0);

        fd = socket(AF_INET, SOCK_STREAM, 0);
        to = in4("127.0.0.1", port);
        say("send, not connected", sendto(fd, "x", 1, MSG_NOSIGNAL, NULL, 0));
        close(fd);
        fd = socket(AF_INET, SOCK_STREAM, 0);
        say("send that connects", sendto(fd, "xyz", 3, MSG_FASTOPEN, (struct sockaddr *)&to, sizeof(to)));
        close(fd);
        close(accept(server, NULL, NULL));
        fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        r = sendto(fd, "xyz", 3, MSG_FASTOPEN, (struct sockaddr *)&to, sizeof(to));
        printf("send that connects, non-blocking: %d\n", r == 3 || errno == EINPROGRESS);
        close(accept(server, NULL, NULL));
        close(fd);
        fd = socket(AF_INET, SOCK_STREAM, 0);
        connect(fd, (struct sockaddr *)&to, sizeof(to));
        peer = accept(server, NULL, NULL);
        say("send to address", sendto(fd, "x", 1, 0, (struct sockaddr *)&right, sizeof(right)));
        say("shutdown", shutdown(fd, SHUT_WR));
        n_pipe = 0;
        say("send after shutdown", sendto(fd, "x", 1, 0, NULL, 0));
        printf("SIGPIPE: %d\n", (int)n_pipe);
        say("send after shutdown, no signal", sendto(fd, "x", 1, MSG_NOSIGNAL, NULL, 0));
        printf("SIGPIPE: %d\n", (int)n_pipe);
        close(fd);
        close(peer);
        socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
        fcntl(pair[0], F_SETFL, O_NONBLOCK);
        printf("non-blocking: %d\n", sendto(pair[0], bytes, 1 << 20, 0, NULL, 0) > 0);
        say("full", sendto(pair[0], bytes, 1 << 20, 0, NULL, 0));
        close(pair[1]);
        say("send, peer gone", sendto(pair[0], "x", 1, 0, NULL, 0));
        printf("SIGPIPE: %d\n", (int)n_pipe);
        close(pair[0]);
        close(server);
        close(received);
        free(bytes);
}

static long send_control(int fd, int type, const void *data, size_t n, size_t length) {
        union {
                char bytes[2048];
                struct cmsghdr align;
        } control = { 0 };
        struct iovec vector = { (void *)(uintptr_t) "x", 1 };
        struct msghdr message = { .msg_iov = &vector,
                                  .msg_iovlen = 1,
                                  .msg_control = control.bytes,
                                  .msg_controllen = CMSG_SPACE(n) };
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);

        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = type;
        header->cmsg_len = length ? length : CMSG_LEN(n);
        memcpy(CMSG_DATA(header), data, n);
        return sendmsg(fd, &message, MSG_DONTWAIT);
}

static void receive_control(int fd) {
        union {
                char bytes[2048];
                struct cmsghdr align;
        } control;
        char byte[8];
        struct iovec vector = { byte, sizeof(byte) };
        struct msghdr message = { .msg_iov = &vector,
                                  .msg_iovlen = 1,
                                  .msg_control = control.bytes,
                                  .msg_controllen = sizeof(control.bytes) };
        long r = recvmsg(fd, &message, MSG_DONTWAIT);
        struct stat st;

        printf("received %ld:", r);
        for (struct cmsghdr *header = r < 0 ? NULL : CMSG_FIRSTHDR(&message); header;
             header = CMSG_NXTHDR(&message, header)) {
                if (header->cmsg_type == SCM_RIGHTS) {
                        int *fds = (int *)CMSG_DATA(header);

                        printf(" %zu descriptors,", (header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
                        for (size_t i = 0; i < (header->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
                                printf(" %d", fstat(fds[i], &st) == 0 && S_ISDIR(st.st_mode));
                                close(fds[i]);
                        }
                } else if (header->cmsg_type == SCM_CREDENTIALS) {
                        struct ucred *who = (struct ucred *)CMSG_DATA(header);

                        /* Who sent, as far as an ordinary supervisor can keep it; see -p. */
                        printf(" pid %s uid %u gid %u",
                               !getenv("NETCALLS_PID") ? "?"
                               : who->pid == getpid()  ? "own"
                                                       : "other",
                               who->uid, who->gid);
                }
        }
        printf("\n");
}

static void messages(void) {
        int pair[2], fds[260], one = 1;
        struct iovec vectors[3] = { { (void *)(uintptr_t) "ab", 2 },
                                    { NULL, 0 },
                                    { (void *)(uintptr_t) "cd", 2 } };
        struct msghdr message = { .msg_iov = vectors, .msg_iovlen = 3 };
        struct ucred own = { getpid(), getuid(), getgid() }, wrong = own;

        socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
        say("sendmsg", sendmsg(pair[0], &message, 0));
        message.msg_iovlen = 1025;
        say("1025 vectors", sendmsg(pair[0], &message, 0));
        message.msg_iovlen = 0;
        say("no vectors", sendmsg(pair[0], &message, 0));
        message.msg_iovlen = 3;
        say("bad header", sendmsg(pair[0], BAD, 0));
        message.msg_iov = BAD;
        say("bad vectors", sendmsg(pair[0], &message, 0));
        message.msg_iov = vectors;
        vectors[1] = (struct iovec){ BAD, 5 };
        say("bad bytes", sendmsg(pair[0], &message, 0));
        vectors[1] = (struct iovec){ (void *)(uintptr_t) "x", (size_t)-1 };
        say("negative length", sendmsg(pair[0], &message, 0));
        vectors[1] = (struct iovec){ NULL, 0 };
        message.msg_control = BAD;
        message.msg_controllen = 64;
        say("bad control", sendmsg(pair[0], &message, 0));
        message.msg_controllen = 1 << 20;
        say("much control", sendmsg(pair[0], &message, 0));
        message.msg_control = NULL;
        message.msg_controllen = 0;
        message.msg_name = &message;
        message.msg_namelen = (socklen_t)-1;
        say("negative name", sendmsg(pair[0], &message, 0));
        message.msg_name = BAD;
        message.msg_namelen = 16;
        say("bad name", sendmsg(pair[0], &message, 0));
        while (recv(pair[1], fds, sizeof(fds), MSG_DONTWAIT) >= 0)
                ;
        for (int i = 0; i < 260; i++)
                fds[i] = i == 0 ? open("/", O_RDONLY | O_DIRECTORY) : fds[0];
        setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one));
        say("1 descriptor", send_control(pair[0], SCM_RIGHTS, fds, sizeof(int), 0));
        receive_control(pair[1]);
        say("253 descriptors", send_control(pair[0], SCM_RIGHTS, fds, 253 * sizeof(int), 0));
        receive_control(pair[1]);
        say("254 descriptors", send_control(pair[0], SCM_RIGHTS, fds, 254 * sizeof(int), 0));
        fds[1] = 999;
        say("closed descriptor", send_control(pair[0], SCM_RIGHTS, fds, 2 * sizeof(int), 0));
        say("no descriptor", send_control(pair[0], SCM_RIGHTS, fds, 0, 0));
        receive_control(pair[1]);
        say("short piece", send_control(pair[0], SCM_RIGHTS, fds, sizeof(int), 3));
        say("long piece", send_control(pair[0], SCM_RIGHTS, fds, sizeof(int), 300));
        say("unknown piece", send_control(pair[0], 77, fds, sizeof(int), 0));
        if (getenv("NETCALLS_PID")) {
                say("own credentials", send_control(pair[0], SCM_CREDENTIALS, &own, sizeof(own), 0));
                receive_control(pair[1]);
        }
        if (getuid() != 0) {
                wrong.pid = 1;
                say("another process", send_control(pair[0], SCM_CREDENTIALS, &wrong, sizeof(wrong), 0));
                wrong = own;
                wrong.uid = 0;
                say("another user", send_control(pair[0], SCM_CREDENTIALS, &wrong, sizeof(wrong), 0));
        }
        say("short credentials", send_control(pair[0], SCM_CREDENTIALS, &own, 4, 0));
        close(fds[0]);
        close(pair[0]);
        close(pair[1]);
}

static void batches(void) {
        struct sockaddr_in any = in4("127.0.0.1", 0), to[2];
        int receivers[2], fd = socket(AF_INET, SOCK_DGRAM, 0);
        struct iovec vectors[4];
        struct mmsghdr messages[4] = { 0 };
        int sent;

        for (int i = 0; i < 2; i++) {
                receivers[i] = socket(AF_INET, SOCK_DGRAM, 0);
                bind(receivers[i], (struct sockaddr *)&any, sizeof(any));
                to[i] = in4("127.0.0.1", port_of(receivers[i]));
        }
        for (int i = 0; i < 4; i++) {
                vectors[i] = (struct iovec){ (void *)(uintptr_t) "0123456789", (size_t)i + 1 };
                messages[i].msg_hdr = (struct msghdr){ .msg_name = &to[i / 2],
                                                       .msg_namelen = sizeof(to[0]),
                                                       .msg_iov = &vectors[i],
                                                       .msg_iovlen = 1 };
        }
        sent = sendmmsg(fd, messages, 4, 0);
        say("batch", sent);
        for (int i = 0; i < 4; i++)
                printf("length %u\n", messages[i].msg_len);
        for (int i = 0; i < sent; i++)
                say_received(i / 2 ? "receiver 1" : "receiver 0", receivers[i / 2]);
        say("batch of none", sendmmsg(fd, messages, 0, 0));
        say("batch, bad", sendmmsg(fd, BAD, 2, 0));
        say("batch, closed fd", sendmmsg(999, messages, 2, 0));
        messages[2].msg_hdr.msg_name = BAD;
        say("batch, third bad", sendmmsg(fd, messages, 4, 0));
        messages[0].msg_hdr.msg_iov = BAD;
        say("batch, first bad", sendmmsg(fd, messages, 4, 0));
        close(fd);
        close(receivers[0]);
        close(receivers[1]);
}

int main(void) {
        struct sigaction action = { .sa_handler = on_pipe };

        sigaction(SIGPIPE, &action, NULL);
        setvbuf(stdout, NULL, _IONBF, 0);
        connects();
        paths();
        binds();
        sends();
        messages();
        batches();
        for (size_t n = 1; n < 8000000; n = n * 6 + 11) {
                whole(AF_UNIX, n);
                whole(AF_INET, n);
        }
        return 0;
}
