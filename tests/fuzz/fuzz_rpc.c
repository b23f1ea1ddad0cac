/* SPDX-License-Identifier: Apache-2.0 */

/* A control connection of a stranger, seen from the service and from the
 * commands that show what it says. The first byte says in what pieces the rest
 * arrives; whatever they are, the same messages come out. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "cli/service.h"
#include "proto/rpc.h"

#define LIMIT 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nothing that a terminal takes for more than text, except the ends of lines.
 */
static void check_text(const struct buf *text, bool lines) {
        if (buf_error(text) || !utf8_valid(text->data, text->n))
                abort();
        for (size_t i = 0; i < text->n; i++)
                if (((unsigned char)text->data[i] < 0x20 || text->data[i] == 0x7f) &&
                    !(lines && text->data[i] == '\n'))
                        abort();
}

/* What a command makes of an answer. */
static void show(struct rpc_value result, struct rpc_value sentence) {
        struct buf text = BUF_INIT(0);
        struct ledger ledger;

        service_json(&text, result);
        check_text(&text, false);
        buf_reset(&text);
        service_put_lines(&text, sentence.bytes, sentence.n);
        check_text(&text, true);
        buf_deinit(&text);
        service_get_ledger(result, &ledger);
        free(service_text(result, "session"));
}

/* Bytes of all messages, and how the stream ended. */
static size_t take(struct rpc_stream *stream, int *ret_outcome) {
        struct rpc_message message;
        size_t n = 0;

        while ((*ret_outcome = rpc_stream_next(stream, &message)) == RPC_OK) {
                struct rpc_value sentence, unknown;
                struct codec_reader reader;
                uint64_t number;
                const struct rpc_field field = { "session", RPC_UINT, &number, NULL };
                int code;

                n += 1 + message.method.n + message.params.n + message.error.n + message.result.n;
                if (message.kind == RPC_RESPONSE) {
                        rpc_error_get(&message, &code, &sentence);
                        codec_reader_init(&reader, message.result.bytes, message.result.n);
                        rpc_get_fields(&reader, &field, 1, &unknown);
                        show(message.result, sentence);
                }
        }
        return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct rpc_stream whole, pieces;
        size_t step, n_whole, n_pieces = 0;
        int outcome_whole, outcome_pieces = RPC_E_AGAIN;

        if (size < 1 || size > 4 * LIMIT)
                return 0;
        step = data[0] % 64 + 1;
        rpc_stream_init(&whole, LIMIT);
        rpc_stream_init(&pieces, LIMIT);
        if (rpc_stream_put(&whole, data + 1, size - 1) != 0)
                abort();
        n_whole = take(&whole, &outcome_whole);
        for (size_t at = 1; at < size; at += step) {
                if (rpc_stream_put(&pieces, data + at, at + step < size ? step : size - at) != 0)
                        abort();
                n_pieces += take(&pieces, &outcome_pieces);
        }
        if (n_whole != n_pieces || (size > 1 && outcome_whole != outcome_pieces))
                abort();
        rpc_stream_deinit(&whole);
        rpc_stream_deinit(&pieces);
        return 0;
}
