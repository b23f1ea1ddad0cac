/* SPDX-License-Identifier: Apache-2.0 */

/* A state file of pretended root from a stranger: what is accepted is written and read again unchanged. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/emulate/root_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *text_of(const struct root_files *files, size_t *ret_n) {
        char *text = NULL;
        FILE *stream = open_memstream(&text, ret_n);

        if (!stream)
                abort();
        root_files_write(files, stream);
        if (fclose(stream) != 0)
                abort();
        return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct root_files first = ROOT_FILES_INIT, second = ROOT_FILES_INIT;
        char error[128] = "", *text, *again;
        size_t n, n_again;
        unsigned line;

        if (root_files_read(&first, (const char *)data, size, &line, error, sizeof(error)) != 0) {
                if (!error[0] || line == 0 || first.n != 0)
                        abort();
                return 0;
        }
        text = text_of(&first, &n);
        if (root_files_read(&second, text, n, &line, error, sizeof(error)) != 0 || second.n != first.n ||
            second.xattr_bytes != first.xattr_bytes)
                abort();
        again = text_of(&second, &n_again);
        if (n != n_again) /* attributes may change places */
                abort();
        free(text);
        free(again);
        root_files_deinit(&first);
        root_files_deinit(&second);
        return 0;
}
