/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Calls that are many calls: i386's socketcall(2) and ipc(2), whose first argument says which one is meant
 * and whose others lie in memory or are shuffled. What is meant is put into name and args of the call, read
 * once.
 */

#include "supervisor/call.h"

/* 0 (also for all other calls), CALL_E_FAULT, CALL_E_GONE or -errno. call->multiplexed: arguments came from
 * memory. */
int multiplex_unpack(struct call *call);
