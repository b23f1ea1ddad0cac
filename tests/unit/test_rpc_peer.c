/* SPDX-License-Identifier: Apache-2.0 */

/* Peers of the control socket that misbehave. */

#include "rpc_fixture.h"

TestSuite(rpc_peer, .init = setup, .fini = teardown, .timeout = 300);

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

Test(rpc_peer, an_unknown_method_ends_its_connection_only) {
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

Test(rpc_peer, bytes_that_are_no_request_end_their_connection_only) {
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

Test(rpc_peer, who_may_not_is_told_so) {
        struct peer peer;

        atomic_store(&may, false);
        peer = connect_peer();
        expect_closing(&peer, RPC_ERROR_REFUSED);
        close_peer(&peer);
}

Test(rpc_peer, a_full_house_turns_away_whoever_comes) {
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
Test(rpc_peer, a_peer_that_does_not_read_waits_for_itself) {
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
