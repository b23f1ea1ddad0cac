/* SPDX-License-Identifier: Apache-2.0 */

/* What subscribers of the control socket are told. */

#include "rpc_fixture.h"

TestSuite(rpc_subscribe, .init = setup, .fini = teardown, .timeout = 300);

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

Test(rpc_subscribe, a_subscription_tells_of_sessions_that_fit) {
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

Test(rpc_subscribe, a_raw_subscription_has_records_of_event_files) {
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

Test(rpc_subscribe, subscriptions_end_when_asked_and_are_limited) {
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
