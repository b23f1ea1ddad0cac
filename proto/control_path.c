/* SPDX-License-Identifier: Apache-2.0 */

#include "proto/control_path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

int control_folder(char *ret, size_t size) {
        const char *runtime = getenv("XDG_RUNTIME_DIR");
        struct stat st;
        int n = runtime && runtime[0] == '/' && stat(runtime, &st) == 0 && st.st_uid == geteuid()
                        ? snprintf(ret, size, "%s/callgate", runtime)
                        : snprintf(ret, size, "/tmp/callgate-%u", (unsigned)geteuid());

        if (n < 0 || (size_t)n >= size)
                return error_origin(-ENAMETOOLONG);
        if (mkdir(ret, 0700) < 0 && errno != EEXIST)
                return error_origin(-errno);
        /* In /tmp anybody might have made it first. */
        if (lstat(ret, &st) < 0)
                return error_origin(-errno);
        return S_ISDIR(st.st_mode) && st.st_uid == geteuid() && (st.st_mode & 077) == 0
                       ? 0
                       : error_origin(-EPERM);
}

int control_path_of(unsigned pid, char *ret, size_t size) {
        char folder[256];
        int r = control_folder(folder, sizeof(folder)), n;

        if (r)
                return error_trace(r);
        n = snprintf(ret, size, "%s/%u" CONTROL_SUFFIX, folder, pid);
        return n < 0 || (size_t)n >= size ? error_origin(-ENAMETOOLONG) : 0;
}
