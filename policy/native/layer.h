/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What rules are for the kernel. policy_layer() and policy_closes() are in policy/native/compile.h. */

#include "policy/native/plan.h"

/* SECCOMP_RET_*; notify, where the kernel cannot do it. */
uint32_t layer_action(enum policy_action action, int64_t value);
/* The same of a rule; notify, where registers do not say it all. */
uint32_t layer_action_of(const struct policy *policy, const struct plan_way *way);

/* The calls that policy_closes() knows; NULL beyond the last. */
const char *policy_closable(size_t i);
