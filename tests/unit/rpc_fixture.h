/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The control socket over a real loop, a registry with two sessions and the fake kernel; and a client. */

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/audit.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "base/diag.h"
#include "base/fd.h"
#include "proto/event_codec.h"
#include "proto/event_source.h"
#include "proto/rpc.h"
#include "supervisor/service/config.h"
#include "supervisor/service/publisher.h"
#include "supervisor/service/rpc.h"
#include "supervisor/service/rpc_peer.h"
#include "tests/fakes/fake_kernel.h"

#define N_KINDS 2500 /* distinct calls of the first session: more than an answer takes */

static struct fake_kernel fake;
static struct kernel kernel;
static struct config *config;
static struct registry *registry;
static struct publisher *publisher;
static struct rpc *rpc;
static uv_loop_t loop;
static uv_async_t stop;
static pthread_t thread;
static struct sockaddr_un address;
static socklen_t n_address;
static atomic_bool may, drained;
static int ends[2]; /* of the sessions: readable: the last task is gone */

/* Delivers what there is, then waits for the end as the real one does. */
static inline int receive(void *data, int listener, union kernel_notif *ret_notif) {
        struct pollfd end = { .fd = listener, .events = POLLIN };

        if (fake.next < fake.n_calls)
                return fake.kernel.receive(data, listener, ret_notif);
        return poll(&end, 1, -1) < 0 ? -errno : -ENOENT;
}

static inline int peek(void *data, int listener) {
        struct pollfd end = { .fd = listener, .events = POLLIN };

        (void)data;
        return poll(&end, 1, 0) > 0 ? POLLHUP : 0;
}

/* ---- what only the service can do ---- */

static inline bool on_reload(void *data, struct buf *lines) {
        buf_puts(lines, "all is well\n");
        return true;
}

static inline void on_drain(void *data) {
        atomic_store(&drained, true);
}

static inline void on_hand_over(void *data, void (*done)(void *data, int r), void *done_data) {
        done(done_data, -ENOTSUP);
}

static inline const struct config *config_of(void *data) {
        return config;
}

static inline bool on_may(void *data, uint32_t uid, uint32_t gid, int fd) {
        return atomic_load(&may) && uid == geteuid() && gid == getegid();
}

/* ---- life ---- */

static inline void on_final(void *data, struct registered *registered) {
        registry_published(registered);
}

static inline void nothing(void *data) {
}

static inline void on_stop(uv_async_t *async) {
        rpc = rpc_free(rpc);
        registry_stop(registry, false, nothing, NULL);
        uv_close((uv_handle_t *)&stop, NULL);
        uv_stop(&loop);
}

static inline void *run(void *data) {
        uv_run(&loop, UV_RUN_DEFAULT);
        while (registry_alive(registry) > 0)
                uv_run(&loop, UV_RUN_ONCE);
        publisher = publisher_free(publisher, 0);
        registry = registry_free(registry);
        uv_run(&loop, UV_RUN_DEFAULT);
        return NULL;
}

static inline void add_session(const char *pod, int *ret_end) {
        struct labels labels = LABELS_INIT;
        struct registration registration = { .origin = ORIGIN_OCI, .pid = 812, .labels = &labels };
        struct registered *registered;

        labels_set(&labels, "pod", pod);
        labels_set(&labels, "namespace", "shop");
        labels_set(&labels, "annotation.long", "of no interest in lists");
        registration.listener_fd = eventfd(0, EFD_CLOEXEC);
        *ret_end = fcntl(registration.listener_fd, F_DUPFD_CLOEXEC, 0);
        cr_assert_eq(registry_add(registry, &registration, &registered), 0);
        labels_deinit(&labels);
}

static inline int listening(void) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        address.sun_family = AF_UNIX;
        n_address = sizeof(sa_family_t); /* a name of the kernel's choice */
        cr_assert_eq(bind(fd, (struct sockaddr *)&address, n_address), 0);
        n_address = sizeof(address);
        getsockname(fd, (struct sockaddr *)&address, &n_address);
        cr_assert_eq(listen(fd, 16), 0);
        return fd;
}

/* Until all calls of the first session are in its ledger: the last one is received before it is counted. */
static inline void await_calls(void) {
        struct registry_counts counts;

        for (;;) {
                registry_counts(registry, &counts);
                if (counts.ledger.recorded == fake.n_calls && counts.ledger.pending == 0)
                        return;
                usleep(1000);
        }
}

static inline void setup(void) {
        struct publisher_options publisher_options = { .loop = &loop, .on_final = on_final };
        struct registry_options registry_options = { .loop = &loop, .kernel = &kernel };
        struct rpc_options options = {
                .loop = &loop,
                .service = { .reload = on_reload,
                             .drain = on_drain,
                             .hand_over = on_hand_over,
                             .config = config_of },
                .may = on_may,
        };
        struct diags diags = DIAGS_INIT;
        static const char text[] = "{\"events\":{\"outlets\":[]}}"; /* or files were written */

        fake_kernel_init(&fake);
        kernel = fake.kernel;
        kernel.receive = receive;
        kernel.peek = peek;
        for (int i = 0; i < N_KINDS; i++)
                fake_kernel_call(&fake, 812, AUDIT_ARCH_X86_64, 1000 + i, NULL, FAKE_LIVES);
        for (int i = 0; i < 100; i++)
                fake_kernel_call(&fake, 812, AUDIT_ARCH_X86_64, SYS_getppid, NULL, FAKE_LIVES);
        cr_assert_eq(config_read(text, sizeof(text) - 1, &diags, &config), 0);
        diags_deinit(&diags);
        cr_assert_eq(uv_loop_init(&loop), 0);
        cr_assert_eq(uv_async_init(&loop, &stop, on_stop), 0);
        publisher_options.config = registry_options.config = config;
        cr_assert_eq(publisher_new(&publisher_options, &publisher), 0);
        registry_options.publisher = publisher;
        cr_assert_eq(registry_new(&registry_options, &registry), 0);
        options.registry = registry;
        options.publisher = publisher;
        cr_assert_eq(rpc_new(&options, listening(), &rpc), 0);
        atomic_store(&may, true);
        add_session("web-1", &ends[0]);
        await_calls();
        add_session("database", &ends[1]);
        cr_assert_eq(pthread_create(&thread, NULL, run, NULL), 0);
}

static inline void teardown(void) {
        uv_async_send(&stop);
        pthread_join(thread, NULL);
        cr_assert_eq(uv_loop_close(&loop), 0, "a handle was left open");
        config_free(config);
        fd_close(ends[0]);
        fd_close(ends[1]);
        fake_kernel_deinit(&fake);
}

/* ---- a client ---- */

struct peer {
        int fd;
        struct rpc_stream stream;
        uint32_t last_id;
        int code; /* of the last error; 0: none */
        char sentence[512];
};

static inline struct peer connect_peer(void) {
        struct peer peer = { .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) };

        cr_assert_eq(connect(peer.fd, (struct sockaddr *)&address, n_address), 0);
        rpc_stream_init(&peer.stream, RPC_ANSWER_MAX);
        return peer;
}

static inline void close_peer(struct peer *peer) {
        fd_close(peer->fd);
        rpc_stream_deinit(&peer->stream);
}

/* false: the service has hung up. */
static inline bool next(struct peer *peer, struct rpc_message *ret) {
        char bytes[65536];
        ssize_t n;
        int r;

        while ((r = rpc_stream_next(&peer->stream, ret)) == RPC_E_AGAIN) {
                n = recv(peer->fd, bytes, sizeof(bytes), 0);
                if (n <= 0)
                        return false;
                rpc_stream_put(&peer->stream, bytes, (size_t)n);
        }
        cr_assert_eq(r, RPC_OK);
        return true;
}

/* params: msgpack, n_params of them. The result, or none when it was an error. */
static inline struct rpc_value call(struct peer *peer, const char *method, size_t n_params,
                                    const char *params, size_t n) {
        struct buf bytes = BUF_INIT(0);
        struct codec_writer writer;
        struct rpc_message message;
        struct rpc_value sentence;

        codec_writer_init(&writer, &bytes);
        rpc_put_request(&writer, ++peer->last_id, method, n_params);
        codec_put_value(&writer, params, n);
        codec_writer_finish(&writer);
        cr_assert_eq(send(peer->fd, bytes.data, bytes.n, MSG_NOSIGNAL), (ssize_t)bytes.n);
        buf_deinit(&bytes);
        do
                cr_assert(next(peer, &message), "%s: the service has hung up", method);
        while (message.kind != RPC_RESPONSE);
        cr_assert_eq(message.id, peer->last_id);
        peer->code = 0;
        peer->sentence[0] = 0;
        if (message.error.n == 1 && message.error.bytes[0] == '\xc0')
                return message.result;
        cr_assert(rpc_error_get(&message, &peer->code, &sentence));
        snprintf(peer->sentence, sizeof(peer->sentence), "%.*s", (int)sentence.n, sentence.bytes);
        return (struct rpc_value){ 0 };
}

#define CALL(peer, method, n_params, params) call(peer, method, n_params, params, sizeof(params) - 1)

static inline bool is(struct rpc_value value, const char *text) {
        return value.n == strlen(text) && memcmp(value.bytes, text, value.n) == 0;
}

/* One field of a map. */
static inline struct rpc_value field(struct rpc_value map, const char *key, enum rpc_type type) {
        struct rpc_value value = { 0 };
        const struct rpc_field fields[] = { { key, type, &value, NULL } };
        struct codec_reader reader;

        codec_reader_init(&reader, map.bytes, map.n);
        rpc_get_fields(&reader, fields, 1, NULL);
        cr_assert_eq(codec_reader_finish(&reader), CODEC_OK, "%s", key);
        return value;
}

static inline uint64_t number(struct rpc_value map, const char *key) {
        uint64_t value = UINT64_MAX;
        const struct rpc_field fields[] = { { key, RPC_UINT, &value, NULL } };
        struct codec_reader reader;

        codec_reader_init(&reader, map.bytes, map.n);
        rpc_get_fields(&reader, fields, 1, NULL);
        return value;
}

static inline size_t n_of(struct rpc_value array) {
        struct codec_reader reader;

        codec_reader_init(&reader, array.bytes, array.n);
        return codec_get_array(&reader);
}

static inline struct rpc_value first_of(struct rpc_value array) {
        struct codec_reader reader;
        struct rpc_value first;

        codec_reader_init(&reader, array.bytes, array.n);
        codec_get_array(&reader);
        first.bytes = codec_get_value(&reader, &first.n);
        return first;
}
