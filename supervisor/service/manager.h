/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The service manager (systemd) where there is one; without one nothing here does anything. Sockets that it
 * opened for us are known by their FileDescriptorName: "agent", "oci", "oci-2" …, "control". For the loop's
 * thread.
 */

#include <stddef.h>
#include <stdint.h>

/* A descriptor of that name, close-on-exec, now the caller's; -1: none. */
int manager_take_fd(const char *name);
/* The next one whose name begins so, with its name: what the descriptor store gives back. -1: no more. */
int manager_take_next(const char *prefix, char *ret_name, size_t size);

/* status: one line for people. */
void manager_ready(const char *status);
void manager_reloading(void);
void manager_stopping(void);
void manager_status(const char *status);

/* How often manager_watchdog() must be called; 0: never. */
uint64_t manager_watchdog_ms(void);
void manager_watchdog(void);
