/* SPDX-License-Identifier: Apache-2.0 */

/* Every method of the control socket. */

#include "rpc_fixture.h"

TestSuite(rpc_methods, .init = setup, .fini = teardown, .timeout = 300);

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
