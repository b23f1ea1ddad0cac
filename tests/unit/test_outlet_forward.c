/* SPDX-License-Identifier: Apache-2.0 */

/* The outlet and a receiver on one loop. The receiver keeps what came by chunk, so that a chunk that came
 * twice counts once: that is what a pipeline may rely on. The clock is the test's, so that no time-out
 * depends on how busy the machine is. */

#include <criterion/criterion.h>
#include <linux/audit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

#include "base/fd.h"
#include "proto/codec.h"
#include "supervisor/service/forward_key.h"
#include "supervisor/service/outlet.h"
#include "tests/unit/clock_fixture.h"

#define PATIENCE_MS 30000 /* turns of the loop, a millisecond each */
#define IDS_MAX     4096

enum manner {
        MANNER_ACK,     /* as it should be */
        MANNER_SILENT,  /* takes all, says nothing */
        MANNER_DEAF,    /* reads nothing */
        MANNER_GARBAGE, /* answers what is no answer */
        MANNER_WRONG,   /* acknowledges what nobody sent */
        MANNER_CLOSE,   /* hangs up on every chunk */
};

struct receiver {
        uv_loop_t *loop;
        union {
                uv_handle_t handle;
                uv_stream_t stream;
                uv_tcp_t tcp;
                uv_pipe_t pipe;
        } server;
        bool is_tcp, open;
        enum manner manner;
        const char *key; /* the greeting is asked for */
        struct peer {
                union {
                        uv_handle_t handle;
                        uv_stream_t stream;
                        uv_tcp_t tcp;
                        uv_pipe_t pipe;
                };
                struct receiver *receiver;
                struct peer *next;
                struct buf bytes;
                bool greeted;
                char area[65536];
        } * peers; /* open ones */

        char ids[IDS_MAX][32];
        size_t n_ids, n_chunks, n_twice, n_without_id, n_connections;
        uint64_t n_entries, sum; /* of chunks that are new */
        uint64_t told_records, told_calls;
        char tag[64];
};

static char folder[64];
static uv_loop_t loop;
static struct receiver receiver;
static struct outlet *outlet;
static char address[128];

/* ---- receiver ---- */

static void on_peer_closed(uv_handle_t *handle) {
        struct peer *peer = handle->data;

        buf_deinit(&peer->bytes);
        free(peer);
}

static void hang_up(struct peer *peer) {
        if (uv_is_closing(&peer->handle))
                return;
        for (struct peer **at = &peer->receiver->peers; *at; at = &(*at)->next)
                if (*at == peer) {
                        *at = peer->next;
                        break;
                }
        uv_close(&peer->handle, on_peer_closed);
}

static void on_said(uv_write_t *request, int status) {
        (void)status;
        free(request->data);
        free(request);
}

static void say(struct peer *peer, const struct buf *buf) {
        uv_write_t *request = calloc(1, sizeof(*request));
        uv_buf_t bytes;

        request->data = malloc(buf->n);
        memcpy(request->data, buf->data, buf->n);
        bytes = uv_buf_init(request->data, (unsigned)buf->n);
        uv_write(request, &peer->stream, &bytes, 1, on_said);
}

static void acknowledge(struct peer *peer, const char *id, size_t n) {
        struct buf buf = BUF_INIT(0);
        struct codec_writer writer;

        codec_writer_init(&writer, &buf);
        codec_put_map(&writer, 1);
        codec_put_string(&writer, "ack");
        codec_put_text(&writer, id, n);
        codec_writer_finish(&writer);
        say(peer, &buf);
        buf_deinit(&buf);
}

static bool text_is(struct codec_reader *reader, const char *text) {
        size_t n;
        const char *bytes = codec_get_bytes(reader, SIZE_MAX, &n);

        return n == strlen(text) && memcmp(bytes, text, n) == 0;
}

/* The entries of one chunk. */
static void read_entries(struct receiver *to, const char *bytes, size_t n, uint64_t size) {
        struct codec_reader reader;
        uint64_t n_entries = 0;

        codec_reader_init(&reader, bytes, n);
        while (reader.at < reader.end && !reader.error) {
                bool dropped = false;
                size_t pairs;

                cr_assert_eq(codec_get_array(&reader), 2);
                cr_assert_eq(codec_peek(&reader), CODEC_EXTENSION);
                codec_skip(&reader);
                pairs = codec_get_map(&reader);
                for (size_t i = 0; i < pairs; i++) {
                        size_t n_key;
                        const char *key = codec_get_bytes(&reader, 100, &n_key);

                        if (n_key == 4 && memcmp(key, "kind", 4) == 0)
                                dropped = text_is(&reader, "dropped");
                        else if (n_key == 5 && memcmp(key, "count", 5) == 0)
                                to->sum += codec_get_uint(&reader, UINT64_MAX);
                        else if (dropped && n_key == 7 && memcmp(key, "records", 7) == 0)
                                to->told_records += codec_get_uint(&reader, UINT64_MAX);
                        else if (dropped && n_key == 5 && memcmp(key, "calls", 5) == 0)
                                to->told_calls += codec_get_uint(&reader, UINT64_MAX);
                        else
                                codec_skip(&reader);
                }
                n_entries++;
        }
        cr_assert_eq(codec_reader_finish(&reader), CODEC_OK);
        cr_assert_eq(n_entries, size, "the option size is right");
        to->n_entries += n_entries;
}

static bool is_known(struct receiver *to, const char *id) {
        for (size_t i = 0; i < to->n_ids; i++)
                if (strcmp(to->ids[i], id) == 0)
                        return true;
        cr_assert_lt(to->n_ids, IDS_MAX);
        strcpy(to->ids[to->n_ids++], id);
        return false;
}

static void on_chunk(struct peer *peer, struct codec_reader *reader) {
        struct receiver *to = peer->receiver;
        const char *tag, *entries;
        size_t n_tag, n_entries, pairs;
        uint64_t size = 0;
        char id[32] = "";

        cr_assert_eq(codec_get_array(reader), 3);
        tag = codec_get_bytes(reader, 60, &n_tag);
        snprintf(to->tag, sizeof(to->tag), "%.*s", (int)n_tag, tag);
        entries = codec_get_bytes(reader, SIZE_MAX, &n_entries);
        pairs = codec_get_map(reader);
        for (size_t i = 0; i < pairs; i++) {
                size_t n;

                if (text_is(reader, "size"))
                        size = codec_get_uint(reader, UINT64_MAX);
                else {
                        const char *text = codec_get_bytes(reader, 30, &n);

                        snprintf(id, sizeof(id), "%.*s", (int)n, text);
                }
        }
        cr_assert_eq(codec_reader_finish(reader), CODEC_OK);
        to->n_chunks++;
        to->n_without_id += id[0] == 0;
        if (to->manner == MANNER_CLOSE) {
                hang_up(peer);
                return;
        }
        if (id[0] && is_known(to, id))
                to->n_twice++;
        else
                read_entries(to, entries, n_entries, size);
        if (to->manner == MANNER_WRONG)
                for (int i = 0; i < 100; i++)
                        acknowledge(peer, "AAECAwQFBgcICQoLDA0ODw==", 24);
        else if (id[0] && to->manner == MANNER_ACK)
                acknowledge(peer, id, strlen(id));
        else if (to->manner == MANNER_GARBAGE) {
                struct buf garbage = BUF_INIT(0);

                buf_puts(&garbage, "HTTP/1.1 400 Bad Request\r\n\r\n");
                say(peer, &garbage);
                buf_deinit(&garbage);
        }
}

static void greet(struct peer *peer) {
        struct buf buf = BUF_INIT(0);
        struct codec_writer writer;

        codec_writer_init(&writer, &buf);
        codec_put_array(&writer, 2);
        codec_put_string(&writer, "HELO");
        codec_put_map(&writer, 3);
        codec_put_string(&writer, "nonce");
        codec_put_bytes(&writer, "nonce", 5);
        codec_put_string(&writer, "auth");
        codec_put_string(&writer, "");
        codec_put_string(&writer, "keepalive");
        codec_put_bool(&writer, true);
        codec_writer_finish(&writer);
        say(peer, &buf);
        buf_deinit(&buf);
}

static void on_ping(struct peer *peer, struct codec_reader *reader) {
        struct forward_greeting greeting = { .nonce = "nonce", .n_nonce = 5, .key = peer->receiver->key };
        char digest[FORWARD_DIGEST_SIZE], ours[FORWARD_DIGEST_SIZE];
        const char *name, *salt;
        struct codec_writer writer;
        struct buf buf = BUF_INIT(0);
        size_t n_name, n_salt;
        bool right;

        cr_assert_eq(codec_get_array(reader), 6);
        cr_assert(text_is(reader, "PING"));
        name = codec_get_bytes(reader, 255, &n_name);
        salt = codec_get_bytes(reader, FORWARD_SALT_SIZE, &n_salt);
        cr_assert_eq(n_salt, FORWARD_SALT_SIZE);
        memcpy(greeting.salt, salt, n_salt);
        forward_key_digest(&greeting, name, n_name, digest);
        right = text_is(reader, digest);
        forward_key_digest(&greeting, "server", 6, ours);

        codec_writer_init(&writer, &buf);
        codec_put_array(&writer, 5);
        codec_put_string(&writer, "PONG");
        codec_put_bool(&writer, right);
        codec_put_string(&writer, right ? "" : "shared key mismatch");
        codec_put_string(&writer, "server");
        codec_put_string(&writer, right ? ours : "");
        codec_writer_finish(&writer);
        say(peer, &buf);
        buf_deinit(&buf);
        peer->greeted = right;
}

static void on_bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
        struct peer *peer = stream->data;

        if (n < 0) {
                hang_up(peer);
                return;
        }
        buf_put(&peer->bytes, buf->base, (size_t)n);
        while (!uv_is_closing(&peer->handle) && peer->bytes.n > 0) {
                struct codec_scanner scanner = CODEC_SCANNER_INIT;
                struct codec_reader reader;
                int r = codec_scan(&scanner, peer->bytes.data, peer->bytes.n, 64u << 20);

                if (r == CODEC_E_SHORT)
                        return;
                cr_assert_eq(r, 0);
                codec_reader_init(&reader, peer->bytes.data, scanner.at);
                if (peer->receiver->key && !peer->greeted)
                        on_ping(peer, &reader);
                else
                        on_chunk(peer, &reader);
                memmove(peer->bytes.data, peer->bytes.data + scanner.at, peer->bytes.n - scanner.at);
                peer->bytes.n -= scanner.at;
        }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret) {
        struct peer *peer = handle->data;

        (void)suggested;
        *ret = uv_buf_init(peer->area, sizeof(peer->area));
}

static void on_connection(uv_stream_t *server, int status) {
        struct receiver *to = server->data;
        struct peer *peer = calloc(1, sizeof(*peer));

        cr_assert_eq(status, 0);
        if (to->is_tcp)
                uv_tcp_init(to->loop, &peer->tcp);
        else
                uv_pipe_init(to->loop, &peer->pipe, 0);
        peer->handle.data = peer;
        peer->receiver = to;
        peer->bytes = BUF_INIT(64u << 20);
        cr_assert_eq(uv_accept(server, &peer->stream), 0);
        peer->next = to->peers;
        to->peers = peer;
        to->n_connections++;
        if (to->key)
                greet(peer);
        if (to->manner != MANNER_DEAF)
                uv_read_start(&peer->stream, on_alloc, on_bytes);
}

static void receiver_open(const char *host, int port) {
        receiver.loop = &loop;
        receiver.is_tcp = host != NULL;
        receiver.open = true;
        if (host) {
                struct sockaddr_storage name;
                int n = sizeof(name);

                uv_tcp_init(&loop, &receiver.server.tcp);
                if (strchr(host, ':'))
                        uv_ip6_addr(host, port, (struct sockaddr_in6 *)&name);
                else
                        uv_ip4_addr(host, port, (struct sockaddr_in *)&name);
                if (uv_tcp_bind(&receiver.server.tcp, (struct sockaddr *)&name, 0) != 0)
                        cr_skip_test("no such address here");
                uv_tcp_getsockname(&receiver.server.tcp, (struct sockaddr *)&name, &n);
                snprintf(address, sizeof(address), strchr(host, ':') ? "tcp:[%s]:%d" : "tcp:%s:%d", host,
                         ntohs(((struct sockaddr_in *)&name)->sin_port));
        } else {
                snprintf(address, sizeof(address), "unix:%s/socket", folder);
                unlink(address + 5);
                uv_pipe_init(&loop, &receiver.server.pipe, 0);
                cr_assert_eq(uv_pipe_bind(&receiver.server.pipe, address + 5), 0);
        }
        receiver.server.handle.data = &receiver;
        cr_assert_eq(uv_listen(&receiver.server.stream, 8, on_connection), 0);
}

static void receiver_close(void) {
        while (receiver.peers)
                hang_up(receiver.peers);
        if (receiver.open)
                uv_close(&receiver.server.handle, NULL);
        receiver.open = false;
        for (int i = 0; i < 10; i++)
                uv_run(&loop, UV_RUN_NOWAIT);
}

/* ---- tests' tools ---- */

static void setup(void) {
        strcpy(folder, "/tmp/callgate-forward.XXXXXX");
        cr_assert(mkdtemp(folder));
        clock_hold();
        uv_loop_init(&loop);
        snprintf(address, sizeof(address), "unix:%s/socket", folder);
}

static void teardown(void) {
        char command[200];

        clock_release();
        receiver_close();
        if (outlet)
                outlet->close(outlet);
        uv_run(&loop, UV_RUN_DEFAULT);
        cr_expect_eq(uv_loop_close(&loop), 0, "every handle is closed");
        snprintf(command, sizeof(command), "rm -rf '%s'", folder);
        cr_assert_eq(system(command), 0);
}

TestSuite(outlet_forward, .init = setup, .fini = teardown);

static struct config_outlet config_of(void) {
        static char name[] = "forward", tag[] = "callgate.test";

        return (struct config_outlet){ .kind = CONFIG_OUTLET_FORWARD,
                                       .name = name,
                                       .address = address,
                                       .tag = tag,
                                       .acknowledge = true,
                                       .buffer_bytes = 64u << 20,
                                       .chunk_bytes = 4096,
                                       .flush_ns = 1000000,
                                       .ack_ns = UINT64_C(20000000000) };
}

static void open_outlet(const struct config_outlet *config) {
        cr_assert_eq(outlet_forward_new(&loop, config, &outlet), 0);
}

static void take_row(uint64_t count) {
        const struct publication_source source = { .number = 1, .mode = WIRE_MODE_RECORD };
        struct event event = { .first_ns = 1,
                               .last_ns = 2,
                               .count = count,
                               .arch = AUDIT_ARCH_X86_64,
                               .nr = SYS_mkdir,
                               .comm = "test" };
        const struct publication publication = {
                .kind = PUBLICATION_ROW, .now_ns = 3, .source = &source, .event = &event
        };

        outlet->take(outlet, &publication);
}

static struct outlet_counts counts(void) {
        struct outlet_counts ret;

        outlet->counts(outlet, &ret);
        cr_assert_eq(ret.taken, ret.delivered + ret.dropped + ret.waiting, "%llu = %llu + %llu + %llu",
                     (unsigned long long)ret.taken, (unsigned long long)ret.delivered,
                     (unsigned long long)ret.dropped, (unsigned long long)ret.waiting);
        return ret;
}

/* Turns the loop until the condition holds. */
static bool until(bool (*condition)(void)) {
        for (int i = 0; i < PATIENCE_MS; i++) {
                outlet->flush(outlet);
                uv_run(&loop, UV_RUN_NOWAIT);
                if (condition())
                        return true;
                clock_pass(1);
                usleep(1000); /* names are looked up on a thread */
        }
        return false;
}

static bool all_delivered(void) {
        return counts().waiting == 0 && counts().taken > 0;
}

static bool is_unhealthy(void) {
        return !counts().healthy;
}

static bool is_healthy(void) {
        return counts().healthy;
}

static bool three_connections(void) {
        return receiver.n_connections >= 3;
}

static void count_timer(uv_handle_t *handle, void *n) {
        *(size_t *)n += handle->type == UV_TIMER;
}

/* The outlet's timer is closed last. */
static void close_outlet(void) {
        size_t n;

        outlet->close(outlet);
        outlet = NULL;
        do {
                uv_run(&loop, UV_RUN_NOWAIT);
                clock_pass(1);
                n = 0;
                uv_walk(&loop, count_timer, &n);
        } while (n > 0);
}

/* ---- what it is for ---- */

Test(outlet_forward, rows_arrive_and_are_acknowledged) {
        struct config_outlet config = config_of();

        receiver_open(NULL, 0);
        open_outlet(&config);
        for (uint64_t i = 1; i <= 100; i++)
                take_row(i);
        cr_assert(until(all_delivered));
        cr_expect_eq(counts().delivered, 100);
        cr_expect_eq(receiver.n_entries, 100);
        cr_expect_eq(receiver.sum, 5050);
        cr_expect_gt(receiver.n_chunks, 2);
        cr_expect_eq(receiver.n_without_id, 0);
        cr_expect_eq(receiver.n_connections, 1);
        cr_expect_str_eq(receiver.tag, "callgate.test");
        cr_expect(counts().healthy);
}

static const char *const hosts[] = { "127.0.0.1", "::1" };

Test(outlet_forward, over_tcp) {
        for (size_t i = 0; i < 2; i++) {
                struct config_outlet config = config_of();

                receiver = (struct receiver){ 0 };
                receiver_open(hosts[i], 0);
                open_outlet(&config);
                take_row(7);
                cr_assert(until(all_delivered), "%s", hosts[i]);
                cr_expect_eq(receiver.sum, 7);
                close_outlet();
                receiver_close();
        }
}

Test(outlet_forward, by_name) {
        struct config_outlet config = config_of();
        char by_name[128];

        receiver_open("127.0.0.1", 0);
        snprintf(by_name, sizeof(by_name), "tcp:localhost%s", strrchr(address, ':'));
        config.address = by_name;
        open_outlet(&config);
        take_row(7);
        cr_assert(until(all_delivered), "%s", counts().problem);
        cr_expect_eq(receiver.sum, 7);
}

Test(outlet_forward, without_receipts) {
        struct config_outlet config = config_of();

        config.acknowledge = false;
        receiver_open(NULL, 0);
        open_outlet(&config);
        for (uint64_t i = 1; i <= 100; i++)
                take_row(i);
        cr_assert(until(all_delivered));
        while (receiver.n_entries < 100 && uv_run(&loop, UV_RUN_NOWAIT))
                ;
        cr_expect_eq(receiver.sum, 5050);
        cr_expect_eq(receiver.n_without_id, receiver.n_chunks);
}

/* ---- receivers that are not there, or not well ---- */

Test(outlet_forward, a_receiver_that_comes_later) {
        struct config_outlet config = config_of();

        open_outlet(&config);
        take_row(5);
        cr_assert(until(is_unhealthy));
        cr_expect(strstr(counts().problem, "connecting"), "%s", counts().problem);
        receiver_open(NULL, 0);
        cr_assert(until(all_delivered));
        cr_expect_eq(receiver.sum, 5);
        cr_expect(counts().healthy, "%s", counts().problem);
}

Test(outlet_forward, a_receiver_that_comes_and_goes) {
        struct config_outlet config = config_of();

        open_outlet(&config);
        for (uint64_t round = 0; round < 3; round++) {
                receiver_open(NULL, 0);
                for (uint64_t i = 1; i <= 50; i++)
                        take_row(1);
                cr_assert(until(all_delivered));
                receiver_close();
        }
        cr_expect_eq(receiver.sum, 150);
        cr_expect_eq(counts().dropped, 0);
}

static const struct {
        enum manner manner;
        const char *problem;
} manners[] = {
        { MANNER_SILENT, "receipt" },
        { MANNER_DEAF, "" }, /* a small chunk fits into the socket: no receipt; a large one: takes nothing */
        { MANNER_GARBAGE, "not the Forward protocol" },
        { MANNER_WRONG, "was not sent" },
        { MANNER_CLOSE, "closed" },
};

Test(outlet_forward, receivers_with_bad_manners_lose_nothing) {
        for (size_t i = 0; i < sizeof(manners) / sizeof(manners[0]); i++) {
                struct config_outlet config = config_of();

                receiver = (struct receiver){ .manner = manners[i].manner };
                receiver_open(NULL, 0);
                config.ack_ns = 200000000;
                config.chunk_bytes = 1u << 20;
                config.flush_ns = 200000000;
                open_outlet(&config);
                for (int row = 0; row < 5000; row++)
                        take_row(1);
                cr_assert(until(is_unhealthy), "manner %zu", i);
                cr_expect(strstr(counts().problem, manners[i].problem), "manner %zu: %s", i,
                          counts().problem);
                cr_assert(until(three_connections), "manner %zu", i);
                cr_expect_eq(counts().delivered, 0);
                receiver.manner = MANNER_ACK;
                cr_assert(until(all_delivered), "manner %zu", i);
                cr_expect_eq(receiver.sum, 5000, "manner %zu: %llu", i, (unsigned long long)receiver.sum);
                cr_expect(counts().healthy);
                close_outlet();
                receiver_close();
        }
}

/* ---- the bound ---- */

static bool hole_is_told(void) {
        return receiver.told_records > 0 && counts().waiting == 0;
}

Test(outlet_forward, a_full_buffer_is_bounded_and_told) {
        struct config_outlet config = config_of();
        char path[100];

        snprintf(path, sizeof(path), "%s/buffer", folder);
        for (int on_disk = 0; on_disk < 2; on_disk++) {
                receiver = (struct receiver){ 0 };
                config.buffer_bytes = 40960;
                config.buffer_path = on_disk ? path : NULL;
                open_outlet(&config);
                for (int i = 0; i < 2000; i++) {
                        take_row(3);
                        cr_assert_leq(counts().bytes_waiting, 2 * 40960);
                }
                cr_expect_gt(counts().dropped, 0);
                cr_expect_gt(counts().waiting, 50);
                cr_expect_not(counts().healthy);
                receiver_open(NULL, 0);
                cr_assert(until(hole_is_told));
                take_row(1);
                cr_assert(until(all_delivered));
                cr_expect_eq(receiver.told_records, counts().dropped);
                cr_expect_eq(receiver.sum + receiver.told_calls, 6001);
                cr_expect(counts().healthy, "%s", counts().problem);
                close_outlet();
                receiver_close();
        }
}

/* ---- ends ---- */

Test(outlet_forward, what_nobody_took_is_sent_by_the_next_process) {
        struct config_outlet config = config_of();
        char path[100];

        snprintf(path, sizeof(path), "%s/buffer", folder);
        config.buffer_path = path;
        open_outlet(&config);
        for (int i = 0; i < 100; i++)
                take_row(2);
        close_outlet();
        receiver_open(NULL, 0);
        open_outlet(&config);
        cr_expect_eq(counts().taken, 100);
        take_row(1);
        cr_assert(until(all_delivered));
        cr_expect_eq(receiver.sum, 201);
        cr_expect_eq(receiver.n_twice, 0);
}

/* Two at once, as while one process takes over from another. */
Test(outlet_forward, a_successor_waits_for_the_folder) {
        struct config_outlet config = config_of();
        struct outlet *old;
        char path[100];

        snprintf(path, sizeof(path), "%s/buffer", folder);
        config.buffer_path = path;
        open_outlet(&config);
        take_row(1);
        old = outlet;
        open_outlet(&config);
        take_row(2);
        cr_expect_not(counts().healthy);
        old->close(old);
        cr_assert(until(is_unhealthy));
        receiver_open(NULL, 0);
        cr_assert(until(is_healthy));
        cr_assert(until(all_delivered));
        cr_expect_eq(receiver.sum, 3);
}

Test(outlet_forward, the_end_waits_for_a_receipt) {
        struct config_outlet config = config_of();

        receiver_open(NULL, 0);
        open_outlet(&config);
        take_row(1);
        cr_assert(until(all_delivered));
        take_row(10);
        outlet->close(outlet);
        outlet = NULL;
        for (int i = 0; i < PATIENCE_MS && receiver.sum < 11; i++) {
                uv_run(&loop, UV_RUN_NOWAIT);
                usleep(1000);
        }
        cr_expect_eq(receiver.sum, 11);
}

/* ---- keys ---- */

static const struct {
        const char *theirs;
        char *ours;
        const char *problem; /* NULL: it works */
} keys[] = {
        { "secret", (char[]){ "secret" }, NULL },
        { "secret", (char[]){ "wrong" }, "shared key mismatch" },
        { "secret", NULL, "asks for a shared key" },
};

Test(outlet_forward, shared_keys) {
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
                struct config_outlet config = config_of();

                receiver = (struct receiver){ .key = keys[i].theirs };
                receiver_open(NULL, 0);
                config.shared_key = keys[i].ours;
                open_outlet(&config);
                /* Without a key nothing may be sent before the receiver spoke. */
                if (!keys[i].ours)
                        cr_assert(until(is_unhealthy));
                take_row(4);
                if (keys[i].problem) {
                        cr_assert(until(is_unhealthy), "row %zu", i);
                        cr_expect(strstr(counts().problem, keys[i].problem), "row %zu: %s", i,
                                  counts().problem);
                        cr_expect_eq(receiver.sum, 0);
                } else {
                        cr_assert(until(all_delivered), "row %zu: %s", i, counts().problem);
                        cr_expect_eq(receiver.sum, 4);
                }
                close_outlet();
                receiver_close();
        }
}

static const char *const addresses[] = {
        "",           "tcp:",      "tcp:host", "tcp:host:",     "tcp::80",        "tcp:host:x",
        "tcp:host:0", "tcp:a:b:",  "unix:",    "unix:relative", "tcp:host:70000", "udp:h:1",
        "tcp:::1:80", "tcp:[]:80", "unix:@x",  "tcp:h:12:3",    "tcp:h:-1",
};

Test(outlet_forward, addresses_that_are_none) {
        for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
                struct config_outlet config = config_of();

                snprintf(address, sizeof(address), "%s", addresses[i]);
                cr_expect_eq(outlet_forward_new(&loop, &config, &outlet), -EINVAL, "%s", addresses[i]);
        }
        outlet = NULL;
}
