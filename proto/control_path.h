/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where private supervisors take requests: PID.sock in $XDG_RUNTIME_DIR/callgate, or in /tmp/callgate-UID.
 */

#include <stddef.h>

#define CONTROL_SUFFIX ".sock"

/* The folder, made if it is missing (mode 0700). -EPERM when it is not the user's alone. */
int control_folder(char *ret, size_t size);
/* The socket of one supervisor in it. 0 or -errno. */
int control_path_of(unsigned pid, char *ret, size_t size);
