/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Calls that a signal took back. A notification that waits unreceived can be interrupted; if the signal's
 * handler lacks SA_RESTART the call returns EINTR although it never ran, and calls such as close, pipe2 or
 * clone, which never fail that way by themselves, then break programs (a shell's pipeline hangs on the end
 * of a pipe that stayed open). The kernel offers no way to prevent it: a signal already pending aborts the
 * wait before any supervisor can be there.
 *
 * The handler ends with rt_sigreturn, which is notified too. At that moment the frame it will restore is on
 * the task's stack: if it returns to such a call with EINTR, it is turned back to just before the call, as
 * the kernel itself does for SA_RESTART. The program sees what it would have seen had the signal come a
 * moment earlier.
 *
 * Not covered: calls through syscall(2) of a C library, whose number stands nowhere any more; 32-bit
 * programs; handlers that leave by longjmp; other processors than x86_64.
 */

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/kernel.h"

/*
 * To be called at a notified rt_sigreturn of tid (64-bit x86) when calls are known to have been aborted. id
 * is that notification's. True if a call was made to run again. Calls that may return EINTR by themselves
 * are left alone: whether theirs is genuine cannot be told.
 */
bool restart_interrupted(const struct kernel *kernel, int listener_fd, uint64_t id, uint32_t tid);

/* Can this call of the native architecture return EINTR without our doing? */
bool restart_may_interrupt(uint32_t nr);
