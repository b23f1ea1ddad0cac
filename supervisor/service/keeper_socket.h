/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where a keeper is found: a socket in the state folder, for which a lock says that its keeper lives. The
 * folder is held open and the socket named through /proc, since the path of a socket is short (108 bytes).
 */

#include <stdint.h>

/* The folder of path, opened. -errno */
int keeper_socket_folder(const char *path);
/* -EBUSY: another keeper lives there. */
int keeper_socket_listen(const char *path, int *ret_folder, int *ret_lock, int *ret_listening);
void keeper_socket_remove(int folder, const char *path);
/* A connection, or -ENOENT, -ECONNREFUSED: no keeper. */
int keeper_socket_connect(const char *path);
