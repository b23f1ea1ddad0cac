/* SPDX-License-Identifier: Apache-2.0 */

#include "supervisor/service/numbers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/output.h"

#define FILE_BYTES_MAX 64

static int read_block(const char *path, uint64_t *ret) {
        struct buf text = BUF_INIT(FILE_BYTES_MAX + 1);
        char *end;
        int r = buf_read_file(&text, path, FILE_BYTES_MAX);

        *ret = 0;
        if (r == 0) {
                *ret = strtoull(buf_string(&text), &end, 10);
                if (end == text.data || *end != '\n' || *ret > UINT64_MAX / NUMBERS_BLOCK - 1)
                        r = -EBADMSG;
        }
        buf_deinit(&text);
        return r == -ENOENT ? 0 : r ? error_origin(r) : 0;
}

static int take_block(struct numbers *numbers) {
        struct output output = OUTPUT_INIT;
        char path[4096];
        uint64_t block = 0;
        int r = 0;

        if (!numbers->state) {
                numbers->next = numbers->end ? numbers->end : 1;
                numbers->end = UINT64_MAX;
                return 0;
        }
        if (snprintf(path, sizeof(path), "%s/numbers", numbers->state) >= (int)sizeof(path))
                return error_origin(-ENAMETOOLONG);
        r = read_block(path, &block);
        if (!r)
                r = output_open(&output, path);
        if (r)
                return error_trace(r);
        fprintf(output.stream, "%" PRIu64 "\n", block + 1);
        r = output_commit(&output);
        if (r)
                return error_trace(r);
        numbers->next = block * NUMBERS_BLOCK + 1;
        numbers->end = numbers->next + NUMBERS_BLOCK;
        return 0;
}

int numbers_next(struct numbers *numbers, uint64_t *ret) {
        int r = numbers->next == numbers->end ? take_block(numbers) : 0;

        if (r)
                return error_trace(r);
        *ret = numbers->next++;
        return 0;
}
