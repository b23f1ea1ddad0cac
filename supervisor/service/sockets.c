/* SPDX-License-Identifier: Apache-2.0 */

#include "supervisor/service/sockets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

#define BACKLOG 1024 /* as many containers may start at once */

static int address_of(const char *path, struct sockaddr_un *ret, socklen_t *ret_n) {
        size_t n = strlen(path);

        *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
        if (n >= sizeof(ret->sun_path))
                return error_origin(-ENAMETOOLONG);
        memcpy(ret->sun_path, path, n);
        *ret_n = sizeof(*ret);
        if (path[0] == '@') {
                ret->sun_path[0] = 0;
                *ret_n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
        }
        return 0;
}

int sockets_make_folders(const char *path) {
        char *copy = strdup(path);
        int r = copy ? 0 : error_origin(-ENOMEM);

        for (char *slash = copy ? strchr(copy + 1, '/') : NULL; slash && !r;
             slash = strchr(slash + 1, '/')) {
                *slash = 0;
                if (mkdir(copy, 0755) < 0 && errno != EEXIST)
                        r = error_origin(-errno);
                *slash = '/';
        }
        free(copy);
        return r;
}

/* Does anybody answer there? If not, and it is a socket, it may be replaced. */
static int clear_way(const char *path, const struct sockaddr_un *address, socklen_t n) {
        cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct stat st;

        if (fd < 0)
                return error_origin(-errno);
        if (lstat(path, &st) < 0)
                return errno == ENOENT ? 0 : error_origin(-errno);
        if (!S_ISSOCK(st.st_mode))
                return error_origin(-EEXIST);
        if (connect(fd, (const struct sockaddr *)address, n) == 0 || errno == EAGAIN)
                return SOCKETS_E_SERVED;
        if (errno != ECONNREFUSED)
                return error_origin(-errno);
        return unlink(path) < 0 && errno != ENOENT ? error_origin(-errno) : 0;
}

static int bind_file(int fd, const struct config_socket *socket, const struct sockaddr_un *address,
                     socklen_t n) {
        mode_t mask;
        int r = sockets_make_folders(socket->path);

        if (!r)
                r = clear_way(socket->path, address, n);
        if (r)
                return error_trace(r);
        mask = umask(0177);
        r = bind(fd, (const struct sockaddr *)address, n) < 0 ? -errno : 0;
        umask(mask);
        if (!r && socket->gid != (gid_t)-1 && chown(socket->path, (uid_t)-1, socket->gid) < 0)
                r = -errno;
        if (!r && chmod(socket->path, socket->mode) < 0)
                r = -errno;
        return r == -EADDRINUSE ? SOCKETS_E_SERVED : r ? error_origin(r) : 0;
}

int sockets_open(const struct config_socket *config, int *ret) {
        cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct sockaddr_un address;
        socklen_t n = 0;
        int r = fd < 0 ? error_origin(-errno) : address_of(config->path, &address, &n);

        if (r)
                return error_trace(r);
        if (config->path[0] != '@')
                r = bind_file(fd, config, &address, n);
        else if (bind(fd, (const struct sockaddr *)&address, n) < 0)
                r = errno == EADDRINUSE ? SOCKETS_E_SERVED : error_origin(-errno);
        if (!r && listen(fd, BACKLOG) < 0)
                r = error_origin(-errno);
        if (r)
                return error_trace(r);
        *ret = fd_take(&fd);
        return 0;
}

static bool in_group(int fd, gid_t primary, gid_t gid) {
        gid_t groups[1024];
        socklen_t n = sizeof(groups);

        if (gid == (gid_t)-1)
                return false;
        if (primary == gid)
                return true;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &n) < 0)
                return false;
        for (size_t i = 0; i < n / sizeof(groups[0]); i++)
                if (groups[i] == gid)
                        return true;
        return false;
}

bool sockets_may(const struct config_socket *socket, int fd, uint32_t *ret_uid, uint32_t *ret_pid) {
        struct ucred peer;
        socklen_t n = sizeof(peer);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
                return false;
        if (ret_uid)
                *ret_uid = peer.uid;
        if (ret_pid)
                *ret_pid = (uint32_t)peer.pid;
        return peer.uid == 0 || peer.uid == geteuid() || socket->any_uid ||
               in_group(fd, peer.gid, socket->gid);
}
