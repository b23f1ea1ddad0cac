/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Runs a filter over one seccomp_data in user space, as the kernel would. */

#include "policy/filter.h"

/*
 * Returns the SECCOMP_RET_* value. A malformed program (jump out of range, unknown opcode, no return within
 * n instructions) gives SECCOMP_RET_KILL_PROCESS; filter_check() refuses such programs beforehand.
 * ret_on_arguments (may be NULL): whether an argument or the instruction pointer was looked at on the way,
 * i.e. whether the answer may differ for another call of the same (arch, nr).
 */
uint32_t filter_simulate(const struct filter *filter, const struct seccomp_data *data,
                         bool *ret_on_arguments);

/* Would the kernel's checker take it? 0, or -EINVAL. For filters that came over the wire. */
int filter_check(const struct filter *filter);
