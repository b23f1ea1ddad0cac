/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The supervisors of this user's programs that run under a policy, from outside (proto/control_path.h). */

#include <stddef.h>

/* A connection, blocking. -ENOENT, -ECONNREFUSED: there is no such supervisor, or no more. */
int control_connect(unsigned pid);
/* Their process ids, perhaps with some that were killed and left their sockets; *ret is owned by the caller.
 */
int control_list(unsigned **ret, size_t *ret_n);
