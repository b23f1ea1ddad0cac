/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Emulations of what the system says of itself and does to processes, and of devices and mounts. */

#include "supervisor/emulate/emulate.h"

extern const struct emulation emulation_hostname, emulation_interfaces, emulation_limits,
        emulation_processors, emulation_signals, emulation_statfs, emulation_sysinfo, emulation_uname;

extern const struct emulator perform_statfs[];
