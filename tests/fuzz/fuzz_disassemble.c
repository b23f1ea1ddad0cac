/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of strangers as a program: shown in words, a line per instruction, whatever it is. */

#include "base/buf.h"
#include "policy/disassemble.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct filter filter = { .n = size / sizeof(struct sock_filter) };
        struct buf text = BUF_INIT(0);
        size_t lines = 0;

        if (filter.n > FILTER_MAX)
                return 0;
        filter.insns = calloc(filter.n + 1, sizeof(*filter.insns));
        if (!filter.insns)
                return 0;
        if (filter.n)
                memcpy(filter.insns, data, filter.n * sizeof(*filter.insns));
        if (filter_disassemble(&filter, &text))
                abort();
        for (size_t i = 0; i < text.n; i++)
                lines += text.data[i] == '\n';
        if (lines != filter.n)
                abort();
        buf_deinit(&text);
        filter_deinit(&filter);
        return 0;
}
