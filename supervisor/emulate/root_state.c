/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What must stay true: the lock is on the file that the name leads to, although saving puts another file in
 * its place; so whoever got a lock looks whether the name still means what it locked.
 */

#include "supervisor/emulate/root_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/output.h"

#define ATTEMPTS 16

static bool still_named(const char *path, int fd) {
        struct stat named, opened;

        return stat(path, &named) == 0 && fstat(fd, &opened) == 0 && named.st_dev == opened.st_dev &&
               named.st_ino == opened.st_ino;
}

/* A descriptor with the lock, -EBUSY where somebody else has it, or -errno. */
static int open_locked(const char *path) {
        for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
                cleanup_fd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
                struct stat st;

                if (fd < 0)
                        return -errno;
                if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
                        return -EINVAL;
                if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                        return errno == EWOULDBLOCK ? -EBUSY : -errno;
                if (still_named(path, fd))
                        return fd_take(&fd);
        }
        return -EBUSY;
}

static int read_files(int fd, const char *path, struct root_files *files, char *error, size_t n_error) {
        struct buf text = BUF_INIT(ROOT_STATE_BYTES_MAX);
        char sentence[128] = "";
        unsigned line = 0;
        int r = buf_read_fd(&text, fd, ROOT_STATE_BYTES_MAX);

        if (!r) {
                r = root_files_read(files, text.data, text.n, &line, sentence, sizeof(sentence));
                if (r == -EINVAL)
                        snprintf(error, n_error, "%s:%u: %s", path, line, sentence);
        }
        buf_deinit(&text);
        if (r && !error[0])
                snprintf(error, n_error, "%s: %s", path, strerror(-r));
        return r;
}

int root_state_open(struct root_state *state, const char *path, struct root_files *files, char *error,
                    size_t n_error) {
        int r;

        *state = ROOT_STATE_INIT;
        error[0] = 0;
        r = open_locked(path);
        if (r == -EBUSY)
                snprintf(error, n_error, "%s: another session uses it", path);
        else if (r == -EINVAL)
                snprintf(error, n_error, "%s: not a file", path);
        else if (r < 0)
                snprintf(error, n_error, "%s: %s", path, strerror(-r));
        if (r < 0)
                return r;
        state->fd = r;
        r = read_files(state->fd, path, files, error, n_error);
        if (!r) {
                /* Whole, so that a change of directory means nothing. */
                state->path = realpath(path, NULL);
                r = state->path ? 0 : error_origin(-errno);
        }
        if (r) {
                if (!error[0])
                        snprintf(error, n_error, "%s: %s", path, strerror(-r));
                root_state_deinit(state);
        }
        return r;
}

int root_state_save(struct root_state *state, const struct root_files *files, char *error, size_t n_error) {
        struct output output = OUTPUT_INIT;
        int r = output_open(&output, state->path);

        if (!r) {
                root_files_write(files, output.stream);
                r = output_commit(&output);
        }
        if (r)
                snprintf(error, n_error, "%s: the state of pretended root cannot be kept: %s", state->path,
                         strerror(-r));
        root_state_deinit(state);
        return error_trace(r);
}

void root_state_deinit(struct root_state *state) {
        free(state->path);
        fd_close(state->fd); /* and with it the lock */
        *state = ROOT_STATE_INIT;
}
