/* SPDX-License-Identifier: Apache-2.0 */

/* One message of a stranger. What decodes must encode to something that decodes to the same again. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct buf once = BUF_INIT(0), twice = BUF_INIT(0);
        struct message message, again;
        int r = message_decode(data, size, &message);

        if (r < 0 || r > MESSAGE_E_VERSION)
                abort();
        if (r == MESSAGE_OK) {
                if (message.number == MESSAGE_HELLO) {
                        struct sock_filter *filter = malloc(message.hello.n_filter * sizeof(*filter) + 1);

                        if (!filter)
                                abort();
                        message_hello_filter(&message.hello, filter);
                        free(filter);
                }
                if (message_encode(&once, &message) != 0)
                        abort();
                if (message_decode(once.data, once.n, &again) != MESSAGE_OK ||
                    again.number != message.number)
                        abort();
                if (message_encode(&twice, &again) != 0 || once.n != twice.n ||
                    memcmp(once.data, twice.data, once.n) != 0)
                        abort();
        }
        buf_deinit(&once);
        buf_deinit(&twice);
        return 0;
}
