/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Our view of one supervised task. What is read of it is believed only after call_confirm(): until then the
 * number may already belong to somebody else. A task that is gone is normal: fields stay empty.
 */

#include <stddef.h>
#include <stdint.h>

#include "callgate/event.h"
#include "supervisor/decode/decode.h"
#include "supervisor/kernel.h"

struct target {
        const struct kernel *kernel;
        uint32_t tid;
};

/* The task's name. 0, or -errno when it is gone. */
int target_comm(const struct target *target, char ret_comm[EVENT_COMM_MAX]);

/* Thread group and real uid. -errno when the task is gone: *ret_pid is the tid then, *ret_uid UINT32_MAX. */
int target_identify(const struct target *target, uint32_t *ret_pid, uint32_t *ret_uid);

/* Fills exe of the event; empty when it cannot be read. */
void target_program(const struct target *target, struct event *event);

/* Fills object and object_offset from ip: the file mapped there. */
void target_locate(const struct target *target, struct event *event);

/* For decode_args(): reads memory and descriptors of the task. target must outlive the source. */
struct decode_source target_source(struct target *target);
