/* SPDX-License-Identifier: Apache-2.0 */

/* A file that appears whole or not at all. The stream is the only state between open and commit, so that a
 * kill at any point leaves nothing: a nameless file vanishes with its last descriptor. */

#include "base/output.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

/* Names tried for the temporary link; they only clash with leftovers of a crash or a rival of the same pid.
 */
#define ATTEMPTS 64

static char *temporary_name(const char *path, unsigned attempt) {
        char *name = NULL;
        const char *slash = strrchr(path, '/');
        int n_folder = slash ? (int)(slash - path + 1) : 0;

        if (asprintf(&name, "%.*s.%s.%d.%u", n_folder, path, path + n_folder, (int)getpid(), attempt) < 0)
                return NULL;
        return name;
}

static mode_t new_file_mode(void) {
        mode_t mask = umask(0);

        umask(mask);
        return 0666 & ~mask;
}

static int open_nameless(const char *path, mode_t mode) {
        char *copy = strdup(path);
        int fd;

        if (!copy)
                return error_origin(-ENOMEM);
        fd = open(dirname(copy), O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
        free(copy);
        return fd < 0 ? -errno : fd;
}

static int open_named(struct output *output, mode_t mode) {
        for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
                int fd;

                free(output->temporary);
                output->temporary = temporary_name(output->path, attempt);
                if (!output->temporary)
                        return error_origin(-ENOMEM);
                fd = open(output->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
                if (fd >= 0)
                        return fd;
                if (errno != EEXIST)
                        break;
        }
        free(output->temporary);
        output->temporary = NULL;
        return error_origin(-errno);
}

int output_open(struct output *output, const char *path) {
        cleanup_fd int fd = -1;
        mode_t mode = new_file_mode();
        struct stat st;
        int r;

        *output = OUTPUT_INIT;
        if (strcmp(path, "-") == 0) {
                output->in_place = 1;
                output->stream = stdout;
                return 0;
        }
        /* The folder alone would not tell: a nameless file is made in it, whatever name follows. */
        if (!*path)
                return -ENOENT;
        if (path[strlen(path) - 1] == '/')
                return -EISDIR;
        output->path = strdup(path);
        if (!output->path)
                return error_origin(-ENOMEM);
        if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
                output->in_place = 1;
                fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
                r = fd < 0 ? -errno : fd;
        } else {
                if (stat(path, &st) == 0)
                        mode = st.st_mode & 07777;
                r = open_nameless(path, mode);
                if (r == -EOPNOTSUPP || r == -EISDIR || r == -ENOENT || r == -EINVAL)
                        r = open_named(output, mode);
        }
        if (r < 0) {
                output_abort(output);
                return r;
        }
        fd = r;
        output->stream = fdopen(fd, "w");
        if (!output->stream) {
                r = error_origin(-errno);
                output_abort(output);
                return r;
        }
        fd = -1;
        return 0;
}

/* Give a nameless file a temporary name beside its place; rename(2) does the rest atomically. */
static int link_nameless(struct output *output) {
        char from[64];

        snprintf(from, sizeof(from), "/proc/self/fd/%d", fileno(output->stream));
        for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
                free(output->temporary);
                output->temporary = temporary_name(output->path, attempt);
                if (!output->temporary)
                        return error_origin(-ENOMEM);
                if (linkat(AT_FDCWD, from, AT_FDCWD, output->temporary, AT_SYMLINK_FOLLOW) == 0)
                        return 0;
                if (errno != EEXIST)
                        break;
        }
        free(output->temporary);
        output->temporary = NULL;
        return error_origin(-errno);
}

int output_commit(struct output *output) {
        int r = 0;

        if (fflush(output->stream) != 0 || ferror(output->stream))
                r = error_origin(errno ? -errno : -EIO);
        if (!r && !output->in_place) {
                if (fdatasync(fileno(output->stream)) < 0 && errno != EINVAL && errno != EROFS)
                        r = error_origin(-errno);
                if (!r && !output->temporary)
                        r = link_nameless(output);
                if (!r && rename(output->temporary, output->path) < 0)
                        r = error_origin(-errno);
                if (!r) {
                        free(output->temporary);
                        output->temporary = NULL;
                }
        }
        output_abort(output);
        return r;
}

void output_abort(struct output *output) {
        if (output->stream && output->stream != stdout)
                fclose(output->stream);
        if (output->temporary)
                unlink(output->temporary);
        free(output->temporary);
        free(output->path);
        *output = OUTPUT_INIT;
}
