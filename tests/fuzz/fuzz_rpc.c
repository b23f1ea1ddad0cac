/* SPDX-License-Identifier: Apache-2.0 */

/* A control connection of a stranger. The first byte says in what pieces the rest arrives; whatever they
 * are, the same messages come out. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/rpc.h"

#define LIMIT 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
