/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One event as a line for people. Text that came from tasks is escaped. */

#include <stddef.h>
#include "base/buf.h"
#include "callgate/event.h"

/* "23:48:49.123456 nginx[812/815] openat(AT_FDCWD, \"x\", O_RDONLY) SECCOMP_RET_ERRNO(EPERM) -> continue",
 * without a newline. Local time. */
void event_text(struct buf *to, const struct event *event);

/* "openat(AT_FDCWD, \"x\", O_RDONLY)"; hexadecimal numbers when the arguments were not decoded. */
void event_text_call(struct buf *to, const struct event *event);

/* What stands between the parentheses. */
void event_text_args(struct buf *to, const struct event *event);

/* "SECCOMP_RET_ERRNO(EPERM)", "SECCOMP_RET_KILL_PROCESS": the verdict as the kernel's headers name it. */
const char *event_text_code(uint32_t verdict, char *buf, size_t size); /* size >= 48 */
/* The same without the data: "SECCOMP_RET_ERRNO". Static storage; NULL for a value no kernel knows. */
const char *event_text_action(uint32_t verdict);
/* "none", "continue", "errno", "value", "descriptor", "killed": what the task was told. Static storage. */
const char *event_text_answer(uint32_t answer);
