/* SPDX-License-Identifier: Apache-2.0 */

/* Runs a fuzz target over the files of its corpus, under any compiler. Fails when there is no file: a corpus
 * that went missing must not look like a pass. */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv) {
        unsigned n = 0;

        for (int i = 1; i < argc; i++) {
                struct dirent *entry;
                DIR *folder = opendir(argv[i]);

                if (!folder) {
                        perror(argv[i]);
                        return 1;
                }
                while ((entry = readdir(folder))) {
                        struct buf bytes = BUF_INIT(0);
                        char path[4096];

                        if (entry->d_name[0] == '.')
                                continue;
                        snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
                        if (buf_read_file(&bytes, path, 64u << 20) != 0) {
                                fprintf(stderr, "%s: cannot be read\n", path);
                                return 1;
                        }
                        LLVMFuzzerTestOneInput((const uint8_t *)bytes.data, bytes.n);
                        buf_deinit(&bytes);
                        n++;
                }
                closedir(folder);
        }
        printf("%u files replayed\n", n);
        return n == 0;
}
