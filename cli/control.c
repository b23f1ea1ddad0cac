/* SPDX-License-Identifier: Apache-2.0 */

#include "cli/control.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "proto/control_path.h"

int control_connect(unsigned pid) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int r;

        if (fd < 0)
                return error_origin(-errno);
        r = control_path_of(pid, address.sun_path, sizeof(address.sun_path));
        if (r)
                return error_trace(r);
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        return fd_take(&fd);
}

static int add(unsigned **pids, size_t *n, unsigned pid) {
        unsigned *grown = realloc(*pids, (*n + 1) * sizeof(*grown));

        if (!grown)
                return error_origin(-ENOMEM);
        *pids = grown;
        grown[(*n)++] = pid;
        return 0;
}

int control_list(unsigned **ret, size_t *ret_n) {
        char folder[256];
        int r = control_folder(folder, sizeof(folder));
        struct dirent *entry;
        DIR *directory;

        *ret = NULL;
        *ret_n = 0;
        if (r)
                return error_trace(r);
        directory = opendir(folder);
        if (!directory)
                return error_origin(-errno);
        while (!r && (entry = readdir(directory))) {
                char *end;
                unsigned long pid = strtoul(entry->d_name, &end, 10);

                if (pid > 0 && strcmp(end, CONTROL_SUFFIX) == 0)
                        r = add(ret, ret_n, (unsigned)pid);
        }
        closedir(directory);
        return error_trace(r);
}
