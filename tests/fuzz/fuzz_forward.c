/* SPDX-License-Identifier: Apache-2.0 */

/* What a Forward receiver sends, cut into pieces (first byte even: how large they are), and files of the
 * buffer (odd). */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/service/forward_chunk.h"
#include "supervisor/service/forward_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void touch(const struct forward_text *text) {
        volatile char sum = 0;

        if (text->n > FORWARD_TEXT_MAX)
                abort();
        for (size_t i = 0; i < text->n; i++)
                sum = (char)(sum + text->bytes[i]);
}

static void read_replies(const uint8_t *data, size_t size, size_t piece) {
        struct forward_replies replies;
        struct forward_reply reply;
        int r = FORWARD_REPLY_E_MORE;

        forward_replies_init(&replies);
        for (size_t at = 0; at < size && r == FORWARD_REPLY_E_MORE; at += piece) {
                if (forward_replies_feed(&replies, data + at, size - at < piece ? size - at : piece) < 0)
                        abort();
                while ((r = forward_replies_next(&replies, &reply)) == 0) {
                        touch(&reply.id);
                        touch(&reply.nonce);
                        touch(&reply.reason);
                        touch(&reply.hostname);
                        touch(&reply.digest);
                }
                /* One message at most is kept. */
                if (r == FORWARD_REPLY_E_MORE && replies.bytes.n - replies.at > FORWARD_REPLY_MAX)
                        abort();
        }
        forward_replies_deinit(&replies);
}

static void read_file(const uint8_t *data, size_t size) {
        struct forward_payload *payload = NULL;
        struct buf file = BUF_INIT(0);
        char id[FORWARD_ID_SIZE];
        uint32_t n_records;
        int r;

        buf_put(&file, data, size);
        r = forward_chunk_file_read(&file, id, &n_records, &payload);
        if (r < 0 || (r == 0 && (strlen(id) != FORWARD_ID_SIZE - 1 || n_records == 0)))
                abort();
        if (r == 0 && payload->from + payload->n > size)
                abort();
        forward_payload_free(payload);
        buf_deinit(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size < 1 || size > 65536)
                return 0;
        if (data[0] % 2)
                read_file(data + 1, size - 1);
        else
                read_replies(data + 1, size - 1, (size_t)data[0] / 2 + 1);
        return 0;
}
