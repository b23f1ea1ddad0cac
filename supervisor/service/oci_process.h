/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The process behind a listener: what the runtime says, as far as it is to be believed. Labels and the
 * runtime's stage of a session go by it.
 */

#include <stdint.h>

#include "supervisor/kernel.h"

/* named: as the message has it, 0 where it does not say. 0: nobody knows. */
uint32_t oci_process(const struct kernel *kernel, uint32_t peer_pid, uint32_t peer_uid, uint32_t named);
