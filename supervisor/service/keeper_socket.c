/* SPDX-License-Identifier: Apache-2.0 */

#include "supervisor/service/keeper_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

#define BACKLOG 8

static const char *name_in(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

int keeper_socket_folder(const char *path) {
        char folder[4096];
        int n = (int)(name_in(path) - path), fd;

        if (n == 0)
                n = snprintf(folder, sizeof(folder), ".");
        else if ((size_t)n >= sizeof(folder))
                return error_origin(-ENAMETOOLONG);
        else
                snprintf(folder, sizeof(folder), "%.*s", n, path);
        fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? error_origin(-errno) : fd;
}

static struct sockaddr_un address_of(int folder, const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", folder, name_in(path));
        return address;
}

static int take_lock(int folder, const char *path) {
        char name[256];
        int fd, r;

        snprintf(name, sizeof(name), "%s.lock", name_in(path));
        fd = openat(folder, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return error_origin(-errno);
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
                return fd;
        r = errno == EWOULDBLOCK ? -EBUSY : -errno;
        fd_close(fd);
        return error_origin(r);
}

int keeper_socket_listen(const char *path, int *ret_folder, int *ret_lock, int *ret_listening) {
        cleanup_fd int folder = keeper_socket_folder(path);
        cleanup_fd int lock = folder < 0 ? -1 : take_lock(folder, path);
        cleanup_fd int listening = -1;
        struct sockaddr_un address;
        mode_t before;
        int r;

        if (folder < 0 || lock < 0)
                return folder < 0 ? folder : lock;
        address = address_of(folder, path);
        listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (listening < 0)
                return error_origin(-errno);
        /* We have the lock: whatever is there is of a keeper that was killed. */
        unlinkat(folder, name_in(path), 0);
        before = umask(0177);
        r = bind(listening, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
        umask(before);
        if (!r && listen(listening, BACKLOG) < 0)
                r = -errno;
        if (r)
                return error_origin(r);
        *ret_folder = fd_take(&folder);
        *ret_lock = fd_take(&lock);
        *ret_listening = fd_take(&listening);
        return 0;
}

void keeper_socket_remove(int folder, const char *path) {
        unlinkat(folder, name_in(path), 0);
}

int keeper_socket_connect(const char *path) {
        cleanup_fd int folder = keeper_socket_folder(path);
        cleanup_fd int fd = -1;
        struct sockaddr_un address;

        if (folder < 0)
                return folder;
        address = address_of(folder, path);
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return error_origin(-errno);
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        return fd_take(&fd);
}
