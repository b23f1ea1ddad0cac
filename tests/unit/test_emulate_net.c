/* SPDX-License-Identifier: Apache-2.0 */

/* Socket addresses of a scripted task, on real sockets. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "supervisor/emulate/net.h"
#include "tests/unit/emulate_fixture.h"

#define ADDRESS 256 /* in the task's memory */
#define MESSAGE 1024
#define VECTOR  2048
#define BYTES   4096

static char status[512];

/* A task with our own rights, so that the authority needs no change; its process is one that there is, since
 * messages over Unix sockets name it. */
static void begin(const char *const *rules, size_t n) {
        fixture_begin_rules(rules, n);
        snprintf(status, sizeof(status),
                 "Name:\tx\nUmask:\t0022\nTgid:\t%d\nNStgid:\t%d\nUid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%"
                 "u\n"
                 "Groups:\t\nCapEff:\tffffffffffffffff\n",
                 getpid(), getpid(), getuid(), getuid(), getuid(), getuid(), getgid(), getgid(), getgid(),
                 getgid());
        fake.status = status;
        memcpy(fake.memory + BYTES, "contents", 8);
}
#define begin(...)                                                                                          \
        begin((const char *[]){ __VA_ARGS__ },                                                              \
              sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(const char *))

static struct sockaddr_in in4(const char *host, uint16_t port) {
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };

        cr_assert_eq(inet_pton(AF_INET, host, &in.sin_addr), 1);
        return in;
}

static void put_in4(const char *host, uint16_t port) {
        struct sockaddr_in in = in4(host, port);

        memcpy(fake.memory + ADDRESS, &in, sizeof(in));
}

static void put_in6(const char *host, uint16_t port) {
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

        cr_assert_eq(inet_pton(AF_INET6, host, &in6.sin6_addr), 1);
        memcpy(fake.memory + ADDRESS, &in6, sizeof(in6));
}

static void put_family(sa_family_t family) {
        memcpy(fake.memory + ADDRESS, &family, sizeof(family));
}

static uint16_t port_of(int fd) {
        struct sockaddr_in in;
        socklen_t n = sizeof(in);

        cr_assert_eq(getsockname(fd, (struct sockaddr *)&in, &n), 0);
        return ntohs(in.sin_port);
}

static int bound(int type, const char *host) {
        struct sockaddr_in in = in4(host, 0);
        int fd = socket(AF_INET, type | SOCK_NONBLOCK, 0);

        cr_assert_eq(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
        if (type == SOCK_STREAM)
                cr_assert_eq(listen(fd, 8), 0);
        return fd;
}

/* What is sent to this machine need not be there once the sender goes on: on a busy one the kernel leaves it
 * to a thread of its own. */
static bool arrives(int fd) {
        struct pollfd pollfd = { .fd = fd, .events = POLLIN };

        return poll(&pollfd, 1, 60000) == 1;
}

/* The port of whoever came first. */
static uint16_t first_to_come(int listener) {
        struct sockaddr_in in = { 0 };
        socklen_t n = sizeof(in);
        int fd;

        cr_assert(arrives(listener));
        fd = accept(listener, (struct sockaddr *)&in, &n);
        cr_assert_geq(fd, 0);
        close(fd);
        return ntohs(in.sin_port);
}

static bool somebody_came(int listener) {
        return first_to_come(listener) == port_of(fake.task_fd);
}

/* Whoever comes now is the first. */
static bool nobody_came(int listener) {
        struct sockaddr_in in = in4("127.0.0.1", port_of(listener));
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        bool first;

        cr_assert_eq(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
        first = first_to_come(listener) == port_of(fd);
        close(fd);
        return first;
}

/* A datagram of so many bytes is the next to come. */
static bool next_is(int receiver, size_t n) {
        char bytes[64];

        return arrives(receiver) && recv(receiver, bytes, sizeof(bytes), 0) == (ssize_t)n;
}

static bool nothing_was_sent_to(int receiver) {
        struct sockaddr_in in = in4("127.0.0.1", port_of(receiver));
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        ssize_t n = sendto(fd, "something of our own", 20, 0, (struct sockaddr *)&in, sizeof(in));

        close(fd);
        return n == 20 && next_is(receiver, 20);
}

/* ---- facts ---- */

/* The address as a rule sees it: "4 HOST PORT", "6 HOST PORT", "unix N", "-". */
static const char *fact_of(const char *name, uint32_t audit, const uint64_t args[6]) {
        static char text[128];
        char host[64];
        const struct arch *arch = arch_by_audit(audit);
        const struct sockaddr *address;

        call_deinit(&call);
        fake_kernel_call(&fake, TASK, audit, 1, args, FAKE_LIVES);
        call_init(&call, session, &fake.kernel, -1);
        cr_assert_eq(fake_kernel_receive(&fake, &call.notif), 0);
        call.tid = TASK;
        call.arch = arch;
        call.name = name;
        call.may_wait = true;
        memcpy(call.args, args, sizeof(call.args));
        cr_assert_eq(net_fetch(&call), 0, "%s", name);
        address = call.facts.address;
        if (!address)
                return call.address_error ? strerrorname_np(call.address_error) : "-";
        switch (address->sa_family) {
        case AF_INET:
                inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, host, sizeof(host));
                snprintf(text, sizeof(text), "4 %s %u", host,
                         ntohs(((const struct sockaddr_in *)address)->sin_port));
                return text;
        case AF_INET6:
                inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, host, sizeof(host));
                snprintf(text, sizeof(text), "6 %s %u", host,
                         ntohs(((const struct sockaddr_in6 *)address)->sin6_port));
                return text;
        default:
                snprintf(text, sizeof(text), "unix %zu", call.facts.n_address);
                return text;
        }
}
#define fact(name, ...)   fact_of(name, AUDIT_ARCH_X86_64, (uint64_t[6]){ __VA_ARGS__ })
#define fact32(name, ...) fact_of(name, AUDIT_ARCH_I386, (uint64_t[6]){ __VA_ARGS__ })

static void begin_facts(void) {
        begin("do: { emulate: identity }");
}

TestSuite(emulate_net_facts, .init = begin_facts, .fini = fixture_end);

Test(emulate_net_facts, any_as_a_destination_is_this_machine) {
        fake.task_fd = socket(AF_INET, SOCK_STREAM, 0);
        put_in4("0.0.0.0", 80);
        cr_expect_str_eq(fact("connect", 3, AT(ADDRESS), 16), "4 127.0.0.1 80");
        cr_expect_str_eq(fact("sendto", 3, 0, 0, 0, AT(ADDRESS), 16), "4 127.0.0.1 80");
        cr_expect_str_eq(fact("bind", 3, AT(ADDRESS), 16), "4 0.0.0.0 80");
        put_in6("::", 80);
        cr_expect_str_eq(fact("connect", 3, AT(ADDRESS), 28), "6 ::1 80");
        put_in6("::ffff:0.0.0.0", 80);
        cr_expect_str_eq(fact("connect", 3, AT(ADDRESS), 28), "6 ::ffff:127.0.0.1 80");
        close(fake.task_fd);
        fake.task_fd = bound(SOCK_DGRAM, "127.0.0.5");
        put_in4("0.0.0.0", 80);
        cr_expect_str_eq(fact("sendto", 3, 0, 0, 0, AT(ADDRESS), 16), "4 127.0.0.5 80");
        fake.task_fd = -1;
        fake.add_error = -EBADF;
        cr_expect_str_eq(fact("connect", 3, AT(ADDRESS), 16), "4 127.0.0.1 80");
}

Test(emulate_net_facts, no_family_is_what_the_socket_speaks) {
        put_in4("10.1.2.3", 53);
        put_family(AF_UNSPEC);
        fake.task_fd = socket(AF_INET, SOCK_DGRAM, 0);
        cr_expect_str_eq(fact("sendto", 3, 0, 0, 0, AT(ADDRESS), 16), "4 10.1.2.3 53");
        cr_expect_str_eq(fact("connect", 3, AT(ADDRESS), 16), "-", "a wish to disconnect");
        cr_expect_str_eq(fact("bind", 3, AT(ADDRESS), 16), "-");
        close(fake.task_fd);
        fake.task_fd = socket(AF_INET6, SOCK_DGRAM, 0);
        cr_expect_str_eq(fact("sendto", 3, 0, 0, 0, AT(ADDRESS), 16), "-", "the peer");
        put_in4("0.0.0.0", 53);
        put_family(AF_UNSPEC);
        cr_expect_str_eq(fact("bind", 3, AT(ADDRESS), 16), "4 0.0.0.0 53");
}

Test(emulate_net_facts, lengths) {
        put_in4("10.1.2.3", 53);
        for (int n = 0; n <= 128; n++)
                cr_expect_str_eq(fact("connect", 3, AT(ADDRESS), (uint64_t)n),
                                 n < 16 ? "-" : "4 10.1.2.3 53", "%d", n);
        cr_expect_str_eq(fact("connect", 3, AT(ADDRESS), 129), "EINVAL");
        cr_expect_str_eq(fact("connect", 3, AT(ADDRESS), UINT64_MAX), "EINVAL");
        cr_expect_str_eq(fact("connect", 3, NOWHERE, 16), "EFAULT");
        cr_expect_str_eq(fact("connect", 3, AT(sizeof(fake.memory) - 15), 16), "EFAULT");
        cr_expect_str_eq(fact("connect", 3, NOWHERE, 0), "-");
        cr_expect_str_eq(fact("sendto", 3, 0, 0, 0, 0, 16), "-");
        cr_expect_not(call.address_given);
        put_in6("2001:db8::1", 53);
        cr_expect_str_eq(fact("connect", 3, AT(ADDRESS), 23), "-");
        cr_expect_str_eq(fact("connect", 3, AT(ADDRESS), 24), "6 2001:db8::1 53");
        put_family(AF_NETLINK);
        cr_expect_str_eq(fact("connect", 3, AT(ADDRESS), 12), "-");
        cr_expect(call.address_given);
        put_family(AF_UNIX);
        memset(fake.memory + ADDRESS + 2, 0, 200);
        cr_expect_str_eq(fact("bind", 3, AT(ADDRESS), 2), "unix 2");
        cr_expect_str_eq(fact("bind", 3, AT(ADDRESS), 7), "unix 7");
        cr_expect_str_eq(fact("bind", 3, AT(ADDRESS), 110), "unix 110");
        cr_expect_str_eq(fact("bind", 3, AT(ADDRESS), 111), "-");
}

Test(emulate_net_facts, messages) {
        uint64_t wide[7] = { AT(ADDRESS), 16 };
        uint32_t narrow[7] = { (uint32_t)AT(ADDRESS), 16 };

        put_in4("10.1.2.3", 53);
        memcpy(fake.memory + MESSAGE, wide, sizeof(wide));
        cr_expect_str_eq(fact("sendmsg", 3, AT(MESSAGE)), "4 10.1.2.3 53");
        wide[1] = 500; /* cut, unlike elsewhere */
        memcpy(fake.memory + MESSAGE, wide, sizeof(wide));
        cr_expect_str_eq(fact("sendmsg", 3, AT(MESSAGE)), "4 10.1.2.3 53");
        wide[1] = UINT32_MAX;
        memcpy(fake.memory + MESSAGE, wide, sizeof(wide));
        cr_expect_str_eq(fact("sendmsg", 3, AT(MESSAGE)), "EINVAL");
        wide[1] = 0;
        memcpy(fake.memory + MESSAGE, wide, sizeof(wide));
        cr_expect_str_eq(fact("sendmsg", 3, AT(MESSAGE)), "-");
        cr_expect_str_eq(fact("sendmsg", 3, NOWHERE), "EFAULT");
        cr_expect_str_eq(fact("sendmmsg", 3, NOWHERE, 0), "-");
        memcpy(fake.memory + MESSAGE, narrow, sizeof(narrow));
        cr_expect_str_eq(fact32("sendmsg", 3, AT(MESSAGE)), "4 10.1.2.3 53");
}

/* ---- carried out ---- */

static void connect_to(int listener, const char *host) {
        put_in4(host, port_of(listener));
        fake.task_fd = socket(AF_INET, SOCK_STREAM, 0);
}

TestSuite(emulate_net, .fini = fixture_end);

Test(emulate_net, what_is_refused_is_not_reached_and_the_rest_is) {
        int listener = bound(SOCK_STREAM, "127.0.0.1");

        begin("{ syscalls: [connect], where: { address: 127.0.0.0/30 }, do: { errno: EXDEV } }");
        connect_to(listener, "127.0.0.1");
        cr_expect_eq(made("connect", 3, AT(ADDRESS), 16), -EXDEV);
        connect_to(listener, "0.0.0.0");
        cr_expect_eq(made("connect", 3, AT(ADDRESS), 16), -EXDEV);
        cr_expect(nobody_came(listener));
        connect_to(bound(SOCK_STREAM, "127.0.0.9"), "127.0.0.9");
        cr_expect_eq(made("connect", 3, AT(ADDRESS), 16), 0);
        cr_expect_eq(made("connect", 3, NOWHERE, 16), -EFAULT);
        fake.task_fd = open("/dev/null", O_RDONLY);
        cr_expect_eq(made("connect", 3, AT(ADDRESS), 16), -ENOTSOCK);
        fake.task_fd = -1;
        fake.add_error = -EBADF;
        cr_expect_eq(made("connect", 3, AT(ADDRESS), 16), -EBADF);
}

Test(emulate_net, a_task_that_is_gone_reaches_nobody) {
        int listener = bound(SOCK_STREAM, "127.0.0.1");

        begin("{ syscalls: [connect], where: { address: 10.0.0.0/8 }, do: { errno: EXDEV } }");
        connect_to(listener, "127.0.0.1");
        cr_expect_eq(fixture_call_of(TASK, AUDIT_ARCH_X86_64, "connect", (uint64_t[6]){ 3, AT(ADDRESS), 16 },
                                     FAKE_GONE_AT_CONFIRM),
                     CALL_E_GONE);
        cr_expect(nobody_came(listener));
}

Test(emulate_net, a_blocking_connect_is_for_a_worker) {
        int listener = bound(SOCK_STREAM, "127.0.0.1");

        begin("do: { emulate: identity }");
        connect_to(listener, "127.0.0.1");
        fact("connect", 3, AT(ADDRESS), 16);
        call.may_wait = false;
        cr_expect_eq(net_connect(&call), CALL_E_SLOW);
        cr_expect(nobody_came(listener), "nothing was done yet");
        fcntl(fake.task_fd, F_SETFL, O_NONBLOCK);
        cr_expect_eq(net_connect(&call), 0);
        cr_expect_eq(fixture_answer(), -EINPROGRESS);
        cr_expect(somebody_came(listener));
}

Test(emulate_net, redirected_and_the_program_sees_what_it_asked_for) {
        int listener = bound(SOCK_STREAM, "127.0.0.1");
        char rule[128];
        struct sockaddr_in wanted = in4("192.0.2.1", 80);
        int32_t room = 7;

        snprintf(rule, sizeof(rule),
                 "{ syscalls: [connect], where: { address: 192.0.2.1:80 }, do: { redirect: \"127.0.0.1:%u\" "
                 "} }",
                 port_of(listener));
        begin(rule, "do: { emulate: addresses }");
        put_in4("192.0.2.1", 80);
        fake.task_fd = socket(AF_INET, SOCK_STREAM, 0);
        cr_expect_eq(made("connect", 3, AT(ADDRESS), 16), 0);
        cr_expect(somebody_came(listener));
        memset(fake.memory, 'x', 64);
        memcpy(fake.memory + 64, &room, sizeof(room));
        cr_expect_eq(made("getpeername", 3, AT(0), AT(64)), 0);
        cr_expect_arr_eq(fake.memory, &wanted, 7);
        cr_expect_eq(fake.memory[7], 'x', "cut to the room there is");
        memcpy(&room, fake.memory + 64, sizeof(room));
        cr_expect_eq(room, 16, "and the whole length told");
        room = -1;
        memcpy(fake.memory + 64, &room, sizeof(room));
        cr_expect_eq(made("getpeername", 3, AT(0), AT(64)), -EINVAL);
        cr_expect_eq(made("getpeername", 3, AT(0), NOWHERE), -EFAULT);
        fake.task_fd = socket(AF_INET, SOCK_STREAM, 0);
        cr_expect_eq(made("getpeername", 3, AT(0), AT(64)), -ENOTCONN);
}

/* Messages of a batch to the ports, as a 64-bit program lays them out. */
static void put_batch(const uint16_t *ports, size_t n) {
        for (size_t i = 0; i < n; i++) {
                struct sockaddr_in in = in4("127.0.0.1", ports[i]);
                uint64_t vector[2] = { AT(BYTES), i + 1 };
                uint64_t message[8] = { AT(ADDRESS + 32 * i), 16, AT(VECTOR + 16 * i), 1 };

                memcpy(fake.memory + ADDRESS + 32 * i, &in, sizeof(in));
                memcpy(fake.memory + VECTOR + 16 * i, vector, sizeof(vector));
                memcpy(fake.memory + MESSAGE + 64 * i, message, sizeof(message));
        }
}

Test(emulate_net, a_batch_ends_before_an_address_that_was_not_judged) {
        int receivers[2] = { bound(SOCK_DGRAM, "127.0.0.1"), bound(SOCK_DGRAM, "127.0.0.1") };
        uint16_t ports[3] = { port_of(receivers[0]), port_of(receivers[0]), port_of(receivers[1]) };
        char rule[128];
        uint32_t length;

        snprintf(rule, sizeof(rule), "{ family: send, where: { address: \"*:%u\" }, do: { errno: EXDEV } }",
                 ports[2]);
        begin(rule);
        put_batch(ports, 3);
        fake.task_fd = socket(AF_INET, SOCK_DGRAM, 0);
        cr_expect_eq(made("sendmmsg", 3, AT(MESSAGE), 3, 0), 2);
        memcpy(&length, fake.memory + MESSAGE + 64 + 56, sizeof(length));
        cr_expect_eq(length, 2);
        cr_expect(next_is(receivers[0], 1));
        cr_expect(next_is(receivers[0], 2));
        cr_expect_eq(made("sendmmsg", 3, AT(MESSAGE + 128), 1, 0), -EXDEV);
        cr_expect(nothing_was_sent_to(receivers[1]));
}

Test(emulate_net, a_stream_is_sent_in_pieces_and_a_bad_end_is_told_late) {
        int pair[2];
        char bytes[32];

        begin("do: { emulate: identity }");
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
        fake.task_fd = pair[0];
        cr_expect_eq(made("sendto", 3, AT(BYTES), 8, 0, 0, 0), 8);
        cr_expect_eq(recv(pair[1], bytes, sizeof(bytes), 0), 8);
        cr_expect_arr_eq(bytes, "contents", 8);
        cr_expect_eq(made("sendto", 3, NOWHERE, 8, 0, 0, 0), -EFAULT);
        cr_expect_eq(made("sendto", 3, AT(0), sizeof(fake.memory) + 1, 0, 0, 0), -EFAULT);
        close(pair[1]);
        cr_expect_eq(made("sendto", 3, AT(BYTES), 8, MSG_NOSIGNAL, 0, 0), -EPIPE);
}
