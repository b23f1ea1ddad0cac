/* SPDX-License-Identifier: Apache-2.0 */

/* Addresses: only this machine's; an address that is taken is waited for, since a predecessor may be about
 * to leave it. What is served there is for tests/live/service_metrics.sh. */

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "supervisor/service/metrics.h"

static bool yes(void *data) {
        (void)data;
        return true;
}

static int open_at(const char *address, struct metrics **ret) {
        const struct metrics_options options = { .address = address, .ready = yes, .healthy = yes };

        return metrics_new(&options, ret);
}

static const char *const others[] = {
        "0.0.0.0:9464",
        "192.0.2.1:9464",
        "128.0.0.1:9464",
        "[::]:9464",
        "[::ffff:127.0.0.1]:9464",
        "[2001:db8::1]:9464",
        "example.com:9464",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1: 80",
        "127.0.0.1:80x",
        ":9464",
        "",
        "[::1:9464",
        "::1:9464",
        "[]:9464",
        "127.1:9464",
};

Test(metrics, addresses_of_others_are_refused) {
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
                struct metrics *metrics = NULL;

                cr_expect_eq(open_at(others[i], &metrics), CONFIG_E_INVALID, "%s", others[i]);
                cr_expect_null(metrics);
        }
}

/* A socket that listens on some port of family. */
static int listen_somewhere(int family, char *address, size_t n) {
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = family == AF_INET ? sizeof(v4) : sizeof(v6);
        struct sockaddr *name = family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
        int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || bind(fd, name, size) < 0 || listen(fd, 1) < 0)
                cr_skip_test("no such addresses here");
        getsockname(fd, name, &size);
        if (family == AF_INET)
                snprintf(address, n, "127.0.0.1:%u", ntohs(v4.sin_port));
        else
                snprintf(address, n, "[::1]:%u", ntohs(v6.sin6_port));
        return fd;
}

static int predecessor = -1; /* leaves once it is waited for */

/* Instead of the C library's. */
int nanosleep(const struct timespec *time, struct timespec *rest) {
        if (predecessor >= 0) {
                predecessor = fd_close(predecessor);
                return 0;
        }
        errno = clock_nanosleep(CLOCK_MONOTONIC, 0, time, rest);
        return errno ? -1 : 0;
}

static const int families[] = { AF_INET, AF_INET6 };

Test(metrics, a_predecessor_is_waited_for) {
        for (size_t i = 0; i < 2; i++) {
                struct metrics *metrics = NULL;
                char address[64];

                predecessor = listen_somewhere(families[i], address, sizeof(address));
                cr_expect_eq(open_at(address, &metrics), 0, "%s", address);
                cr_expect_eq(predecessor, -1, "%s", address);
                metrics_free(metrics);
        }
}

Test(metrics, who_does_not_leave_keeps_the_address) {
        struct metrics *metrics = NULL;
        char address[64];
        int fd = listen_somewhere(AF_INET, address, sizeof(address));

        cr_expect_eq(open_at(address, &metrics), -EADDRINUSE);
        close(fd);
}

Test(metrics, a_socket_comes_and_goes) {
        char folder[] = "/tmp/callgate-metrics.XXXXXX", address[128];
        struct metrics *metrics = NULL;
        struct stat st;

        cr_assert(mkdtemp(folder));
        snprintf(address, sizeof(address), "unix:%s/socket", folder);
        cr_assert_eq(open_at(address, &metrics), 0);
        cr_assert_eq(stat(address + 5, &st), 0);
        cr_expect(S_ISSOCK(st.st_mode));
        metrics_free(metrics);
        cr_expect_eq(rmdir(folder), 0, "nothing is left of it");
}
