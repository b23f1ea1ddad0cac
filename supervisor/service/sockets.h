/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The service's listening sockets, and who may use them. A socket file is born with mode 0600 and opened to
 * a group afterwards, so that nobody connects before the modes are right.
 */

#include <stdbool.h>

#include "base/diag.h"
#include "supervisor/service/config.h"

enum {
        SOCKETS_E_SERVED = 112, /* another service listens there */
};

/* Binds and listens; a file left by a service that was killed is replaced, and missing folders are made
 * (0755). Returns the descriptor in *ret (nonblocking, close-on-exec). 0, SOCKETS_E_SERVED, or -errno. */
int sockets_open(const struct config_socket *socket, int *ret);

/* Every folder above path that is not there, with mode 0755. 0 or -errno. */
int sockets_make_folders(const char *path);

/* May the peer of connection fd use it: root, our own user, members of the socket's group, or anybody where
 * the configuration says so. Told by the kernel's credentials of the peer (SO_PEERCRED, SO_PEERGROUPS). */
bool sockets_may(const struct config_socket *socket, int fd, uint32_t *ret_uid, uint32_t *ret_pid);
