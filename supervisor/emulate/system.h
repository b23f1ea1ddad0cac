/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Emulations of what the system says of itself and does to processes, and of devices and mounts. */

#include "supervisor/emulate/emulate.h"

extern const struct emulation emulation_hostname;
extern const struct emulation emulation_interfaces;
extern const struct emulation emulation_limits;
extern const struct emulation emulation_mount;
extern const struct emulation emulation_mount_allowed;
extern const struct emulation emulation_processors;
extern const struct emulation emulation_signals;
extern const struct emulation emulation_statfs;
extern const struct emulation emulation_sysinfo;
extern const struct emulation emulation_uname;

extern const struct emulator perform_statfs[];
