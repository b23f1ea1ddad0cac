/* SPDX-License-Identifier: Apache-2.0 */

/*
 * File: magic, length of the key, number of instructions, key, instructions; all in this machine's order,
 * since a cache never travels. The key is the resolved profile as text, with the version of whatever
 * compiled it. A file is believed only if it belongs to us, nobody else may write it, its key is ours to the
 * last byte and the kernel's checker would take its program.
 */

#include "agent/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/output.h"
#include "policy/compile.h"
#include "policy/simulate.h"
#include "policy/write_oci.h"
#include "syscalls/names.h"

#define MAGIC    "callgate-filter-1"
#define FILE_MAX (32u << 20)

struct header {
        char magic[24];
        uint64_t n_key, n_insns;
};

/* Where files go, made if need be; false where there is no place for them. */
static bool cache_folder(char folder[4096]) {
        const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
        int n;

        if (cache && *cache == '/')
                n = snprintf(folder, 4096, "%s", cache);
        else if (home && *home == '/')
                n = snprintf(folder, 4096, "%s/.cache", home);
        else
                return false;
        if (n < 0 || n > 4000)
                return false;
        mkdir(folder, 0700);
        strcat(folder, "/callgate");
        return mkdir(folder, 0700) == 0 || errno == EEXIST;
}

static uint64_t fnv(const char *bytes, size_t n) {
        uint64_t hash = 0xcbf29ce484222325u;

        for (size_t i = 0; i < n; i++)
                hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001b3u;
        return hash;
}

static bool load(const char *path, const struct buf *key, struct filter *ret) {
        cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        struct buf bytes = BUF_INIT(FILE_MAX);
        struct header header;
        struct stat st;
        bool ok = false;

        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
            (st.st_mode & 022))
                return false;
        if (buf_read_fd(&bytes, fd, FILE_MAX) == 0 && bytes.n >= sizeof(header)) {
                memcpy(&header, bytes.data, sizeof(header));
                if (memcmp(header.magic, MAGIC, sizeof(MAGIC)) == 0 && header.n_key == key->n &&
                    header.n_insns > 0 && header.n_insns <= FILTER_MAX &&
                    bytes.n == sizeof(header) + header.n_key + header.n_insns * sizeof(struct sock_filter) &&
                    memcmp(bytes.data + sizeof(header), key->data, key->n) == 0) {
                        ret->n = header.n_insns;
                        ret->insns = malloc(ret->n * sizeof(*ret->insns));
                        if (ret->insns) {
                                memcpy(ret->insns, bytes.data + sizeof(header) + header.n_key,
                                       ret->n * sizeof(*ret->insns));
                                ok = filter_check(ret) == 0;
                        }
                        if (!ok)
                                filter_deinit(ret);
                }
        }
        buf_deinit(&bytes);
        return ok;
}

static void store(const char *path, const struct buf *key, const struct filter *filter) {
        struct header header = { .magic = MAGIC, .n_key = key->n, .n_insns = filter->n };
        struct output output;
        mode_t mask = umask(077);
        int r = output_open(&output, path);

        umask(mask);
        if (r)
                return;
        fwrite(&header, sizeof(header), 1, output.stream);
        fwrite(key->data, 1, key->n, output.stream);
        fwrite(filter->insns, sizeof(*filter->insns), filter->n, output.stream);
        output_commit(&output); /* a full disk only means another miss */
}

int cache_compile(const struct profile *resolved, struct diags *diags, struct filter *ret) {
        struct buf key = BUF_INIT(FILE_MAX / 2);
        char folder[4096], path[4200];
        bool usable;
        int r;

        buf_printf(&key, "%s %s %s\n", CALLGATE_VERSION, syscall_resolver(), arch_native()->name);
        usable = profile_write_oci(resolved, &key) == 0 && cache_folder(folder);
        if (usable) {
                snprintf(path, sizeof(path), "%s/%016" PRIx64 ".bpf", folder, fnv(key.data, key.n));
                if (load(path, &key, ret)) {
                        buf_deinit(&key);
                        return 0;
                }
        }
        r = filter_compile(resolved, diags, ret);
        if (r == 0 && usable)
                store(path, &key, ret);
        buf_deinit(&key);
        return error_trace(r);
}
