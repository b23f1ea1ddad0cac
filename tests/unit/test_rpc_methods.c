/* SPDX-License-Identifier: Apache-2.0 */

/* The control socket over a real loop, a registry and the fake kernel: every method, and peers that
 * misbehave. */

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
static int receive(void *data, int listener, union kernel_notif *ret_notif) {
        struct pollfd end = { .fd = listener, .events = POLLIN };

        if (fake.next < fake.n_calls)
                return fake.kernel.receive(data, listener, ret_notif);
        return poll(&end, 1, -1) < 0 ? -errno : -ENOENT;
}

static int peek(void *data, int listener) {
        struct pollfd end = { .fd = listener, .events = POLLIN };

        (void)data;
        return poll(&end, 1, 0) > 0 ? POLLHUP : 0;
}

/* ---- what only the service can do ---- */

static bool on_reload(void *data, struct buf *lines) {
        buf_puts(lines, "all is well\n");
        return true;
}

static void on_drain(void *data) {
        atomic_store(&drained, true);
}

static void on_hand_over(void *data, void (*done)(void *data, int r), void *done_data) {
        done(done_data, -ENOTSUP);
}

static const struct config *config_of(void *data) {
        return config;
}

static bool on_may(void *data, uint32_t uid, uint32_t gid, int fd) {
        return atomic_load(&may) && uid == geteuid() && gid == getegid();
}

/* ---- life ---- */

static void on_final(void *data, struct registered *registered) {
        registry_published(registered);
}

static void nothing(void *data) {
}

static void on_stop(uv_async_t *async) {
        rpc = rpc_free(rpc);
        registry_stop(registry, false, nothing, NULL);
        uv_close((uv_handle_t *)&stop, NULL);
        uv_stop(&loop);
}

static void *run(void *data) {
        uv_run(&loop, UV_RUN_DEFAULT);
        while (registry_alive(registry) > 0)
                uv_run(&loop, UV_RUN_ONCE);
        publisher = publisher_free(publisher, 0);
        registry = registry_free(registry);
        uv_run(&loop, UV_RUN_DEFAULT);
        return NULL;
}

static void add_session(const char *pod, int *ret_end) {
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

static int listening(void) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        address.sun_family = AF_UNIX;
        n_address = sizeof(sa_family_t); /* a name of the kernel's choice */
        cr_assert_eq(bind(fd, (struct sockaddr *)&address, n_address), 0);
        n_address = sizeof(address);
        getsockname(fd, (struct sockaddr *)&address, &n_address);
        cr_assert_eq(listen(fd, 16), 0);
        return fd;
}

static void setup(void) {
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
        while (atomic_load_explicit((_Atomic size_t *)&fake.next, memory_order_relaxed) < fake.n_calls)
                usleep(1000);
        add_session("database", &ends[1]);
        cr_assert_eq(pthread_create(&thread, NULL, run, NULL), 0);
}

static void teardown(void) {
        uv_async_send(&stop);
        pthread_join(thread, NULL);
        cr_assert_eq(uv_loop_close(&loop), 0, "a handle was left open");
        config_free(config);
        fd_close(ends[0]);
        fd_close(ends[1]);
        fake_kernel_deinit(&fake);
}

TestSuite(rpc_methods, .init = setup, .fini = teardown, .timeout = 120);

/* ---- a client ---- */

struct peer {
        int fd;
        struct rpc_stream stream;
        uint32_t last_id;
        int code; /* of the last error; 0: none */
        char sentence[512];
};

static struct peer connect_peer(void) {
        struct peer peer = { .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) };

        cr_assert_eq(connect(peer.fd, (struct sockaddr *)&address, n_address), 0);
        rpc_stream_init(&peer.stream, RPC_ANSWER_MAX);
        return peer;
}

static void close_peer(struct peer *peer) {
        fd_close(peer->fd);
        rpc_stream_deinit(&peer->stream);
}

/* false: the service has hung up. */
static bool next(struct peer *peer, struct rpc_message *ret) {
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
static struct rpc_value call(struct peer *peer, const char *method, size_t n_params, const char *params,
                             size_t n) {
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

static bool is(struct rpc_value value, const char *text) {
        return value.n == strlen(text) && memcmp(value.bytes, text, value.n) == 0;
}

/* One field of a map. */
static struct rpc_value field(struct rpc_value map, const char *key, enum rpc_type type) {
        struct rpc_value value = { 0 };
        const struct rpc_field fields[] = { { key, type, &value, NULL } };
        struct codec_reader reader;

        codec_reader_init(&reader, map.bytes, map.n);
        rpc_get_fields(&reader, fields, 1, NULL);
        cr_assert_eq(codec_reader_finish(&reader), CODEC_OK, "%s", key);
        return value;
}

static uint64_t number(struct rpc_value map, const char *key) {
        uint64_t value = UINT64_MAX;
        const struct rpc_field fields[] = { { key, RPC_UINT, &value, NULL } };
        struct codec_reader reader;

        codec_reader_init(&reader, map.bytes, map.n);
        rpc_get_fields(&reader, fields, 1, NULL);
        return value;
}

static size_t n_of(struct rpc_value array) {
        struct codec_reader reader;

        codec_reader_init(&reader, array.bytes, array.n);
        return codec_get_array(&reader);
}

static struct rpc_value first_of(struct rpc_value array) {
        struct codec_reader reader;
        struct rpc_value first;

        codec_reader_init(&reader, array.bytes, array.n);
        codec_get_array(&reader);
        first.bytes = codec_get_value(&reader, &first.n);
        return first;
}

/* ---- methods ---- */

/* The text has every method with its parameters, and no other. */
Test(rpc_methods, the_table_is_the_text) {
        struct buf text = BUF_INIT(0);
        size_t n, n_rows = 0;
        const struct rpc_method *methods = rpc_methods(&n);
        const char *at;

        cr_assert_eq(buf_read_file(&text, SOURCE_DIR "/proto/PROTOCOL.md", 1 << 20), 0);
        at = strstr(buf_string(&text), "| method | parameters | result |");
        cr_assert(at);
        for (size_t i = 0; i < n; i++) {
                char row[200];

                snprintf(row, sizeof(row), "\n| `%s` |%s%s |", methods[i].name,
                         methods[i].params[0] ? " " : "", methods[i].params);
                cr_expect(strstr(at, row), "PROTOCOL.md has no row %s", row);
        }
        at = strstr(at, "|---|---|---|") + 14;
        for (; *at == '|'; at = strchr(at, '\n') + 1)
                n_rows++;
        cr_expect_eq(n_rows, n);
        buf_deinit(&text);
}

Test(rpc_methods, the_service) {
        struct peer peer = connect_peer();
        struct rpc_value result = CALL(&peer, "version", 0, "");

        cr_expect(is(field(result, "callgate", RPC_TEXT), CALLGATE_VERSION));
        cr_expect_eq(number(result, "control"), 1);
        result = CALL(&peer, "status", 0, "");
        cr_expect_eq(number(result, "pid"), (uint64_t)getpid());
        cr_expect_eq(number(field(result, "sessions", RPC_VALUE), "alive"), 2);
        cr_expect_eq(number(field(result, "ledger", RPC_VALUE), "received"), N_KINDS + 100);
        result = CALL(&peer, "reload", 0, "");
        cr_expect(is(field(result, "text", RPC_TEXT), "all is well\n"));
        result = CALL(&peer, "drain", 0, "");
        cr_expect_eq(number(result, "alive"), 2);
        cr_expect(atomic_load(&drained));
        CALL(&peer, "hand_over", 0, "");
        cr_expect_eq(peer.code, RPC_ERROR_TROUBLE);
        close_peer(&peer);
}

Test(rpc_methods, sessions_by_label_and_in_parts) {
        struct peer peer = connect_peer();
        struct rpc_value result = CALL(&peer, "sessions", 0, ""), session;

        cr_expect_eq(n_of(field(result, "sessions", RPC_VALUE)), 2);
        cr_expect_eq(number(result, "next"), UINT64_MAX, "nil");
        result = CALL(&peer, "sessions", 1,
                      "\x81\xa1"
                      "n\x01");
        cr_expect_eq(n_of(field(result, "sessions", RPC_VALUE)), 1);
        cr_expect_eq(number(result, "next"), 2);
        result = CALL(&peer, "sessions", 1,
                      "\x81\xa4"
                      "from\x02");
        session = first_of(field(result, "sessions", RPC_VALUE));
        cr_expect_eq(number(session, "session"), 2);
        result = CALL(&peer, "sessions", 1,
                      "\x81\xa6"
                      "labels\x82\xa3"
                      "pod\xa5"
                      "web-*\xa9"
                      "namespace\xa1*");
        cr_assert_eq(n_of(field(result, "sessions", RPC_VALUE)), 1);
        session = first_of(field(result, "sessions", RPC_VALUE));
        cr_expect_eq(number(session, "session"), 1);
        cr_expect_eq(number(session, "calls"), N_KINDS + 100);
        cr_expect(is(field(session, "mode", RPC_TEXT), "record"));
        cr_expect(is(field(field(session, "labels", RPC_VALUE), "pod", RPC_TEXT), "web-1"));
        cr_expect_eq(field(field(session, "labels", RPC_VALUE), "annotation.long", RPC_TEXT).n, 0);
        result = CALL(&peer, "sessions", 1,
                      "\x81\xa6"
                      "labels\x81\xa3"
                      "pod\xa4"
                      "none");
        cr_expect_eq(n_of(field(result, "sessions", RPC_VALUE)), 0);
        result = CALL(&peer, "session", 1, "\x01");
        cr_expect_gt(field(field(result, "labels", RPC_VALUE), "annotation.long", RPC_TEXT).n, 0);
        cr_expect_eq(number(result, "rows"), N_KINDS + 1);
        close_peer(&peer);
}

Test(rpc_methods, a_snapshot_in_parts_has_every_row_once) {
        struct peer peer = connect_peer();
        uint64_t from = 0, n = 0, count = 0;
        struct rpc_value result;

        while (from != UINT64_MAX) {
                struct buf params = BUF_INIT(0);
                struct codec_writer writer;
                struct codec_reader reader;
                struct rpc_value rows;

                codec_writer_init(&writer, &params);
                codec_put_uint(&writer, 1);
                codec_put_uint(&writer, from);
                codec_put_uint(&writer, 10000);
                codec_put_value(&writer, "\x81\xa3raw\xc3", 6);
                codec_writer_finish(&writer);
                result = call(&peer, "snapshot", 4, params.data, params.n);
                buf_deinit(&params);
                cr_assert_eq(peer.code, 0, "%s", peer.sentence);
                rows = field(result, "rows", RPC_VALUE);
                cr_assert_leq(n_of(rows), 1000);
                cr_assert_leq(result.n, 2u << 20);
                codec_reader_init(&reader, rows.bytes, rows.n);
                for (size_t left = codec_get_array(&reader); left > 0; left--) {
                        struct event event;

                        event_get(&reader, &event);
                        cr_assert_eq(event.nr, n < N_KINDS ? 1000 + n : SYS_getppid);
                        count += event.count;
                        n++;
                }
                cr_assert_eq(codec_reader_finish(&reader), CODEC_OK);
                from = number(result, "next");
        }
        cr_expect_eq(n, N_KINDS + 1);
        cr_expect_eq(count, N_KINDS + 100);
        result = CALL(&peer, "snapshot", 3, "\x01\xcd\x09\xc4\x01"); /* as a map: row 2500 */
        cr_expect(
                is(field(first_of(field(result, "rows", RPC_VALUE)), "syscall_name", RPC_TEXT), "getppid"));
        close_peer(&peer);
}

struct wrong_row {
        const char *what, *method;
        size_t n_params;
        const char *params;
        size_t n;
        int code;
};

#define WRONG(what, method, n_params, params, code)                                                         \
        { what, method, n_params, params, sizeof(params) - 1, code }

static const struct wrong_row wrong[] = {
        WRONG("no such session", "session", 1, "\x63", RPC_ERROR_SESSION),
        WRONG("no such session", "snapshot", 1, "\x63", RPC_ERROR_SESSION),
        WRONG("no such session", "close", 1, "\x63", RPC_ERROR_SESSION),
        WRONG("no such session", "reload", 1, "\x63", RPC_ERROR_SESSION),
        WRONG("no policy", "reload", 1, "\x01", RPC_ERROR_REFUSED),
        WRONG("a text for a number", "session", 1,
              "\xa1"
              "1",
              RPC_ERROR_PARAMS),
        WRONG("too few", "session", 0, "", RPC_ERROR_PARAMS),
        WRONG("too many", "version", 1, "\x01", RPC_ERROR_PARAMS),
        WRONG("an unknown option", "sessions", 1, "\x81\xa3pod\xa1*", RPC_ERROR_PARAMS),
        WRONG("options that are a list", "sessions", 1, "\x91\x01", RPC_ERROR_PARAMS),
        WRONG("labels that are numbers", "sessions", 1, "\x81\xa6labels\x81\xa3pod\x01", RPC_ERROR_PARAMS),
        WRONG("an option of another type", "subscribe", 1,
              "\x81\xa3"
              "all\x01",
              RPC_ERROR_PARAMS),
        WRONG("no such subscription", "unsubscribe", 1, "\x07", RPC_ERROR_PARAMS),
        WRONG("no such mode", "change", 2, "\x01\x81\xa4mode\xa5watch", RPC_ERROR_PARAMS),
        WRONG("no such profile", "change", 2,
              "\x01\x82\xa4mode\xa7"
              "dry-run\xa7profile\xa8/nowhere",
              RPC_ERROR_REFUSED),
        WRONG("enforce without a profile", "change", 2,
              "\x01\x81\xa4mode\xa7"
              "enforce",
              RPC_ERROR_REFUSED),
        WRONG("a NUL in a name", "change", 2, "\x01\x81\xa7profile\xa2/\x00", RPC_ERROR_PARAMS),
        WRONG("row of another type", "snapshot", 2, "\x01\xa1x", RPC_ERROR_PARAMS),
};

Test(rpc_methods, what_is_wrong_is_said_and_the_connection_stays) {
        struct peer peer = connect_peer();

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                call(&peer, wrong[i].method, wrong[i].n_params, wrong[i].params, wrong[i].n);
                cr_expect_eq(peer.code, wrong[i].code, "%s: %s: %d %s", wrong[i].method, wrong[i].what,
                             peer.code, peer.sentence);
                cr_expect(peer.sentence[0], "%s: %s", wrong[i].method, wrong[i].what);
        }
        close_peer(&peer);
}

Test(rpc_methods, a_change_of_mode_and_the_end) {
        struct peer peer = connect_peer();
        char path[] = "/tmp/callgate-rpc-XXXXXX";
        int fd = mkostemp(path, O_CLOEXEC);
        static const char profile[] = "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":"
                                      "[\"mkdir\"],\"action\":\"SCMP_ACT_ERRNO\"}]}";
        struct buf params = BUF_INIT(0);
        struct codec_writer writer;
        struct rpc_value result;

        cr_assert_eq(write(fd, profile, sizeof(profile) - 1), sizeof(profile) - 1);
        fd_close(fd);
        codec_writer_init(&writer, &params);
        codec_put_uint(&writer, 2);
        codec_put_map(&writer, 2);
        codec_put_string(&writer, "mode");
        codec_put_string(&writer, "dry-run");
        codec_put_string(&writer, "profile");
        codec_put_string(&writer, path);
        codec_writer_finish(&writer);
        result = call(&peer, "change", 2, params.data, params.n);
        buf_deinit(&params);
        cr_assert_eq(peer.code, 0, "%s", peer.sentence);
        cr_expect(is(field(result, "mode", RPC_TEXT), "dry-run"));
        cr_expect(is(field(result, "profile", RPC_TEXT), path));
        unlink(path);
        /* The profile at work goes on, though its file is gone. */
        result = CALL(&peer, "change", 2,
                      "\x02\x81\xa4mode\xa7"
                      "enforce");
        cr_assert_eq(peer.code, 0, "%s", peer.sentence);
        cr_expect(is(field(result, "mode", RPC_TEXT), "enforce"));
        cr_expect(is(field(result, "profile", RPC_TEXT), path));
        result = CALL(&peer, "change", 2, "\x02\x81\xa4mode\xa6record");
        cr_expect_eq(field(result, "profile", RPC_TEXT).n, 0);

        CALL(&peer, "close", 1, "\x02");
        cr_expect_eq(peer.code, 0);
        do
                result = CALL(&peer, "sessions", 0, "");
        while (n_of(field(result, "sessions", RPC_VALUE)) == 2);
        result = CALL(&peer, "sessions", 1,
                      "\x82\xa5"
                      "ended\xc3\xa5"
                      "alive\xc2");
        cr_assert_eq(n_of(field(result, "sessions", RPC_VALUE)), 1);
        CALL(&peer, "change", 2, "\x02\x81\xa4mode\xa6record");
        cr_expect_eq(peer.code, RPC_ERROR_ENDED);
        CALL(&peer, "close", 1, "\x02");
        cr_expect_eq(peer.code, RPC_ERROR_ENDED);
        close_peer(&peer);
}

/* ---- subscriptions ---- */

/* The next notification called method; its third parameter, and of which session. */
static struct rpc_value await(struct peer *peer, const char *method, uint64_t *ret_session) {
        struct rpc_message message;
        struct codec_reader reader;
        struct rpc_value value;

        do
                cr_assert(next(peer, &message), "%s: the service has hung up", method);
        while (message.kind != RPC_NOTIFICATION || !is(message.method, method));
        codec_reader_init(&reader, message.params.bytes, message.params.n);
        cr_assert_eq(codec_get_array(&reader), 3);
        cr_expect_eq(codec_get_uint(&reader, 100), 1, "the number of the subscription");
        *ret_session = codec_get_uint(&reader, UINT64_MAX);
        value.bytes = codec_get_value(&reader, &value.n);
        cr_assert_eq(codec_reader_finish(&reader), CODEC_OK);
        return value;
}

static void end_session(int which) {
        const uint64_t one = 1;

        cr_assert_eq(write(ends[which], &one, sizeof(one)), sizeof(one));
}

Test(rpc_methods, a_subscription_tells_of_sessions_that_fit) {
        struct peer peer = connect_peer();
        struct rpc_value value;
        uint64_t session;

        value = CALL(&peer, "subscribe", 1,
                     "\x81\xa6labels\x81\xa3pod\xa5"
                     "data*");
        cr_assert_eq(peer.code, 0, "%s", peer.sentence);
        cr_expect(is(value, "\x01"));
        value = await(&peer, "begin", &session);
        cr_expect_eq(session, 2);
        cr_expect(is(field(value, "mode", RPC_TEXT), "record"));
        cr_expect(is(field(field(value, "labels", RPC_VALUE), "pod", RPC_TEXT), "database"));
        end_session(0);
        end_session(1);
        value = await(&peer, "end", &session);
        cr_expect_eq(session, 2);
        cr_expect_eq(number(value, "received"), 0);
        close_peer(&peer);
}

Test(rpc_methods, a_raw_subscription_has_records_of_event_files) {
        struct peer peer = connect_peer();
        struct event_source source;
        struct codec_reader reader;
        struct rpc_value value;
        struct ledger ledger;
        uint64_t session;

        CALL(&peer, "subscribe", 1, "\x82\xa3raw\xc3\xa7session\x01");
        cr_assert_eq(peer.code, 0, "%s", peer.sentence);
        value = await(&peer, "begin", &session);
        codec_reader_init(&reader, value.bytes, value.n);
        cr_assert_eq(event_source_get(&reader, &source), 0);
        cr_assert_eq(codec_reader_finish(&reader), CODEC_OK);
        cr_expect(source.number == 1 && session == 1);
        cr_expect_str_eq(event_source_label(&source, "pod"), "web-1");
        event_source_deinit(&source);
        end_session(0);
        value = await(&peer, "end", &session);
        codec_reader_init(&reader, value.bytes, value.n);
        ledger_get(&reader, &ledger);
        cr_assert_eq(codec_reader_finish(&reader), CODEC_OK);
        cr_expect_eq(ledger.received, N_KINDS + 100);
        close_peer(&peer);
}

Test(rpc_methods, subscriptions_end_when_asked_and_are_limited) {
        struct peer peer = connect_peer();
        uint64_t session;

        for (int i = 0; i < RPC_SUBSCRIPTIONS_MAX; i++) {
                CALL(&peer, "subscribe", 0, "");
                cr_assert_eq(peer.code, 0, "%s", peer.sentence);
        }
        CALL(&peer, "subscribe", 0, "");
        cr_expect_eq(peer.code, RPC_ERROR_LIMIT);
        for (char i = 2; i <= RPC_SUBSCRIPTIONS_MAX; i++) {
                call(&peer, "unsubscribe", 1, &i, 1);
                cr_assert_eq(peer.code, 0, "%s", peer.sentence);
        }
        CALL(&peer, "unsubscribe", 1, "\x02");
        cr_expect_eq(peer.code, RPC_ERROR_PARAMS);
        end_session(1);
        await(&peer, "end", &session);
        cr_expect_eq(session, 2);
        close_peer(&peer);
}

/* ---- peers ---- */

static void expect_closing(struct peer *peer, int expected) {
        struct rpc_message message;
        struct codec_reader reader;

        cr_assert(next(peer, &message));
        cr_assert(message.kind == RPC_NOTIFICATION && is(message.method, "closing"));
        codec_reader_init(&reader, message.params.bytes, message.params.n);
        cr_assert_eq(codec_get_array(&reader), 2);
        cr_expect_eq(codec_get_uint(&reader, 100), (uint64_t)expected);
        cr_expect(!next(peer, &message), "nothing follows");
}

Test(rpc_methods, an_unknown_method_ends_its_connection_only) {
        struct peer good = connect_peer(), peer = connect_peer();
        struct rpc_message message;

        CALL(&peer, "format_disk", 0, "");
        cr_expect_eq(peer.code, RPC_ERROR_METHOD);
        cr_expect(!next(&peer, &message));
        close_peer(&peer);
        CALL(&good, "version", 0, "");
        cr_expect_eq(good.code, 0);
        close_peer(&good);
}

Test(rpc_methods, bytes_that_are_no_request_end_their_connection_only) {
        static const struct {
                const char *bytes;
                size_t n;
                int code;
        } rows[] = {
                { "GET / HTTP/1.1\r\n", 16, RPC_ERROR_PARAMS },
                { "\x94\x00\x01\xc6\x05\xf5\xe1\x00", 8, RPC_ERROR_LIMIT }, /* 100 MB announced */
                { "\x94\x00\x01\xa1x\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91", 21,
                  RPC_ERROR_PARAMS },
                { "\x93\x02\xa1x\x90", 5, RPC_ERROR_PARAMS },            /* a notification */
                { "\x94\x01\x01\xc0\xc0", 5, RPC_ERROR_PARAMS },         /* a response */
                { "\x94\x00\x01\xa7version\x80", 12, RPC_ERROR_PARAMS }, /* parameters by name */
        };
        struct peer good = connect_peer(), half = connect_peer();

        cr_assert_eq(send(half.fd, "\x94\x00\x01\xa7vers", 8, MSG_NOSIGNAL), 8);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct peer peer = connect_peer();

                cr_assert_eq(send(peer.fd, rows[i].bytes, rows[i].n, MSG_NOSIGNAL), (ssize_t)rows[i].n);
                expect_closing(&peer, rows[i].code);
                close_peer(&peer);
                CALL(&good, "version", 0, "");
                cr_expect_eq(good.code, 0);
        }
        close_peer(&half);
        close_peer(&good);
}

Test(rpc_methods, who_may_not_is_told_so) {
        struct peer peer;

        atomic_store(&may, false);
        peer = connect_peer();
        expect_closing(&peer, RPC_ERROR_REFUSED);
        close_peer(&peer);
}

Test(rpc_methods, a_full_house_turns_away_whoever_comes) {
        struct peer peers[RPC_PEERS_MAX], peer;

        for (size_t i = 0; i < RPC_PEERS_MAX; i++) {
                peers[i] = connect_peer();
                CALL(&peers[i], "version", 0, "");
        }
        peer = connect_peer();
        expect_closing(&peer, RPC_ERROR_LIMIT);
        close_peer(&peer);
        CALL(&peers[RPC_PEERS_MAX - 1], "version", 0, "");
        cr_expect_eq(peers[RPC_PEERS_MAX - 1].code, 0);
        for (size_t i = 0; i < RPC_PEERS_MAX; i++)
                close_peer(&peers[i]);
}

/* Requests for ever, and no answer read: it is not served any more, the other is; then all comes. */
Test(rpc_methods, a_peer_that_does_not_read_waits_for_itself) {
        struct peer good = connect_peer(), greedy = connect_peer();
        static const char request[] = "\x94\x00\x01\xa8sessions\x90";
        size_t n_sent = 0, n_read = 0;
        struct rpc_message message;
        ssize_t n;

        for (unsigned idle = 0; idle < 20;) {
                n = send(greedy.fd, request, sizeof(request) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n == sizeof(request) - 1) {
                        n_sent++;
                        idle = 0;
                        continue;
                }
                /* A part of one could be sent: unix sockets take small messages whole. */
                cr_assert_eq(n, -1);
                CALL(&good, "version", 0, "");
                cr_assert_eq(good.code, 0);
                idle++;
        }
        cr_assert_lt(n_sent, 10000000);
        for (; n_read < n_sent; n_read++)
                cr_assert(next(&greedy, &message), "after %zu of %zu", n_read, n_sent);
        close_peer(&greedy);
        close_peer(&good);
}
