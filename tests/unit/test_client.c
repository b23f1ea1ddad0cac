/* SPDX-License-Identifier: Apache-2.0 */

/* Connections of callgated over a real loop and the fake kernel: every state, and peers that misbehave. */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

#include "base/fd.h"
#include "policy/filter.h"
#include "proto/frame.h"
#include "proto/message.h"
#include "supervisor/client.h"
#include "tests/fakes/fake_kernel.h"

static struct fake_kernel fake;
static struct registry *registry;
static uv_loop_t loop;
static pthread_t thread;
static int peer = -1;
static bool closed;

static void on_closed(void *data) {
        closed = true;
        uv_stop(&loop);
}

static void *run(void *data) {
        uv_run(&loop, UV_RUN_DEFAULT);
        registry = registry_free(registry);
        while (uv_run(&loop, UV_RUN_NOWAIT))
                ;
        return NULL;
}

static void setup(void) {
        struct registry_options registry_options = { .loop = &loop, .kernel = &fake.kernel };
        struct client_options options = { .loop = &loop, .private = true, .on_closed = on_closed };
        int fds[2];

        fake_kernel_init(&fake);
        cr_assert_eq(uv_loop_init(&loop), 0);
        cr_assert_eq(registry_new(&registry_options, &registry), 0);
        options.registry = registry;
        cr_assert_eq(fd_socketpair(fds), 0);
        peer = fds[0];
        cr_assert_eq(client_new(&options, fds[1]), 0);
        cr_assert_eq(pthread_create(&thread, NULL, run, NULL), 0);
}

/* The client must be gone by itself once we are. */
static void teardown(void) {
        peer = fd_close(peer);
        pthread_join(thread, NULL);
        cr_assert(closed);
        cr_assert_eq(uv_loop_close(&loop), 0, "a handle was left open");
        fake_kernel_deinit(&fake);
}

/* ---- a service: launchers come again for the results of their sessions ---- */

static struct config config;
static struct client *clients;
static uint64_t number; /* of a session that has ended, or is about to */

static void setup_service(void) {
        struct registry_options options = { .loop = &loop, .kernel = &fake.kernel, .config = &config };
        struct session_options wanted = { .mode = WIRE_MODE_RECORD, .label = "" };
        struct registration registration = {
                .listener_fd = eventfd(0, EFD_CLOEXEC), .sink_fd = -1, .uid = getuid(), .options = &wanted
        };
        struct registered *registered;

        config.limits = (struct config_limits){ .sessions = 3, .sessions_per_uid = 2, .ended = 2 };
        fake_kernel_init(&fake);
        for (int i = 0; i < 500; i++)
                fake_kernel_call(&fake, 812, AUDIT_ARCH_X86_64, SYS_getppid, NULL, FAKE_LIVES);
        cr_assert_eq(uv_loop_init(&loop), 0);
        cr_assert_eq(registry_new(&options, &registry), 0);
        cr_assert_eq(registry_add(registry, &registration, &registered), 0);
        number = registered->number;
}

/* Ours of a connection whose RESUME is there already; to be called before the loop runs. */
static int come_again(uint64_t session) {
        struct client_options options = {
                .loop = &loop, .registry = registry, .all = &clients, .on_closed = on_closed
        };
        const struct message resume = { .number = MESSAGE_RESUME,
                                        .resume = { .version = WIRE_VERSION, .session = session } };
        int fds[2];

        cr_assert_eq(fd_socketpair(fds), 0);
        cr_assert_eq(message_send(fds[0], &resume, NULL, 0), 0);
        closed = false;
        cr_assert_eq(client_new(&options, fds[1]), 0);
        return fds[0];
}

/* Turns the loop until the client of the last connection is gone. */
static void run_until_closed(void) {
        while (!closed)
                uv_run(&loop, UV_RUN_ONCE);
}

static void teardown_service(void) {
        registry = registry_free(registry);
        while (uv_run(&loop, UV_RUN_NOWAIT))
                ;
        cr_assert_eq(uv_loop_close(&loop), 0, "a handle was left open");
        fake_kernel_deinit(&fake);
}

TestSuite(client_resume, .init = setup_service, .fini = teardown_service, .timeout = 180);

static struct message get_from(int fd, struct buf *payload) {
        struct message message;

        cr_assert_eq(message_recv(fd, payload, &message), 0);
        return message;
}

static void expect_result(int fd) {
        struct buf payload = BUF_INIT(WIRE_FRAME_MAX);
        struct message message = get_from(fd, &payload);

        cr_assert_eq(message.number, MESSAGE_GO);
        cr_assert_eq(message.go.session, number);
        while ((message = get_from(fd, &payload)).number == MESSAGE_ROW)
                ;
        cr_assert_eq(message.number, MESSAGE_RESULT);
        cr_assert(message.result.final);
        cr_assert_eq(message.result.ledger.received, 500);
        buf_deinit(&payload);
}

Test(client_resume, the_result_comes) {
        cleanup_fd int fd = come_again(number);

        run_until_closed();
        expect_result(fd);
}

Test(client_resume, a_lost_connection_does_not_keep_the_next_one_out) {
        cleanup_fd int fd = come_again(number);

        fd = fd_close(fd);
        run_until_closed();
        fd = come_again(number);
        run_until_closed();
        expect_result(fd);
}

Test(client_resume, a_session_that_is_not_there) {
        cleanup_fd int fd = come_again(number + 1);
        struct buf payload = BUF_INIT(WIRE_FRAME_MAX);
        struct message message;

        run_until_closed();
        message = get_from(fd, &payload);
        cr_assert_eq(message.number, MESSAGE_ERROR);
        cr_assert_eq(message.error.error, ENOENT);
        buf_deinit(&payload);
        while (!registry_has_ended(registry_first(registry)))
                uv_run(&loop, UV_RUN_ONCE);
}

/* Its message is there and not read: nothing of it was taken, and it is told so. */
Test(client_resume, a_service_that_ends_says_so) {
        cleanup_fd int fd = come_again(number);
        struct buf payload = BUF_INIT(WIRE_FRAME_MAX);
        struct message message;

        client_end_all(clients);
        message = get_from(fd, &payload);
        cr_assert_eq(message.number, MESSAGE_ERROR);
        cr_assert_eq(message.error.error, EAGAIN);
        buf_deinit(&payload);
        run_until_closed();
        cr_assert_null(clients);
        while (!registry_has_ended(registry_first(registry)))
                uv_run(&loop, UV_RUN_ONCE);
}

/* ---- connections ---- */

TestSuite(client, .init = setup, .fini = teardown, .timeout = 180);

static void put(const struct message *message, const int *fds, size_t n_fds) {
        cr_assert_eq(message_send(peer, message, fds, n_fds), 0);
}

static struct message get(struct buf *payload) {
        struct message message;

        cr_assert_eq(message_recv(peer, payload, &message), 0);
        return message;
}

static void greet(enum wire_mode mode) {
        struct message hello = {
                .number = MESSAGE_HELLO,
                .hello = { .version = WIRE_VERSION, .mode = mode, .label = "t", .n_label = 1 },
        };
        struct buf payload = BUF_INIT(WIRE_FRAME_MAX);

        put(&hello, NULL, 0);
        cr_assert_eq(get(&payload).number, MESSAGE_READY);
        buf_deinit(&payload);
}

static void hand_over(void) {
        struct message listener = { .number = MESSAGE_LISTENER };
        struct buf payload = BUF_INIT(WIRE_FRAME_MAX);
        int fd = eventfd(0, EFD_CLOEXEC); /* something that epoll takes and that never hangs up */

        put(&listener, &fd, 1);
        close(fd);
        cr_assert_eq(get(&payload).number, MESSAGE_GO);
        buf_deinit(&payload);
}

static void expect_refusal(void) {
        struct buf payload = BUF_INIT(WIRE_FRAME_MAX);
        struct message message = get(&payload);

        cr_assert_eq(message.number, MESSAGE_ERROR);
        cr_assert_gt(message.error.n_text, 0);
        cr_assert_eq(message_recv(peer, &payload, &message), -ECONNRESET, "nothing follows an error");
        buf_deinit(&payload);
}

Test(client, a_session_from_hello_to_its_result) {
        struct buf payload = BUF_INIT(WIRE_FRAME_MAX);
        struct message message;
        size_t n_rows = 0;

        for (int i = 0; i < 500; i++)
                fake_kernel_call(&fake, 812, AUDIT_ARCH_X86_64, i % 300, NULL, FAKE_LIVES);
        greet(WIRE_MODE_RECORD);
        hand_over();
        while ((message = get(&payload)).number == MESSAGE_ROW)
                n_rows++;
        cr_assert_eq(message.number, MESSAGE_RESULT);
        cr_assert(message.result.final);
        cr_assert_eq(message.result.ledger.received, 500);
        cr_assert_geq(n_rows, 300);
        buf_deinit(&payload);
}

Test(client, the_session_goes_on_when_its_client_is_gone) {
        for (int i = 0; i < 500; i++)
                fake_kernel_call(&fake, 812, AUDIT_ARCH_X86_64, SYS_getppid, NULL, FAKE_LIVES);
        greet(WIRE_MODE_RECORD);
        hand_over();
        peer = fd_close(peer);
        pthread_join(thread, NULL);
        for (size_t i = 0; i < fake.n_calls; i++)
                cr_assert(fake.calls[i].answered, "call %zu was not answered", i);
        pthread_create(&thread, NULL, run, NULL);
}

Test(client, a_client_that_says_nothing) {
        usleep(1000);
}

Test(client, messages_in_the_wrong_order) {
        struct message snapshot = { .number = MESSAGE_SNAPSHOT };

        put(&snapshot, NULL, 0);
        expect_refusal();
}

Test(client, a_listener_without_a_descriptor) {
        struct message listener = { .number = MESSAGE_LISTENER };

        greet(WIRE_MODE_RECORD);
        put(&listener, NULL, 0);
        expect_refusal();
}

Test(client, a_filter_that_no_kernel_would_load) {
        struct sock_filter bad = { BPF_JMP | BPF_JA, 0, 0, 100 };
        struct message hello = {
                .number = MESSAGE_HELLO,
                .hello = { .version = WIRE_VERSION,
                           .mode = WIRE_MODE_ENFORCE,
                           .filter = &bad,
                           .n_filter = 1,
                           .label = "t",
                           .n_label = 1 },
        };

        put(&hello, NULL, 0);
        expect_refusal();
}

Test(client, another_version) {
        struct message hello = {
                .number = MESSAGE_HELLO,
                .hello = { .version = WIRE_VERSION + 1,
                           .mode = WIRE_MODE_RECORD,
                           .label = "t",
                           .n_label = 1 },
        };

        put(&hello, NULL, 0);
        expect_refusal();
}

Test(client, bytes_that_are_no_message) {
        static const unsigned char bytes[] = { 4, 0, 0, 0, 0xc1, 0xff, 0xff, 0xff };

        cr_assert_eq(fd_write_all(peer, bytes, sizeof(bytes)), 0);
        expect_refusal();
}

Test(client, half_a_frame_and_gone) {
        static const unsigned char bytes[] = { 200, 0, 0, 0, 1 };

        cr_assert_eq(fd_write_all(peer, bytes, sizeof(bytes)), 0);
}

Test(client, a_frame_that_is_too_long) {
        static const unsigned char bytes[] = { 0xff, 0xff, 0xff, 0xff };
        char byte;

        cr_assert_eq(fd_write_all(peer, bytes, sizeof(bytes)), 0);
        cr_assert_leq(read(peer, &byte, 1), 0, "the connection ends");
}
