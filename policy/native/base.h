/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What decides where no rule of a policy does, as a program: its base profile, or its fallback alone. */

#include "base/diag.h"
#include "policy/filter.h"
#include "policy/native/policy.h"

/* How profiles are compiled: filter_compile(), or a cache before it. */
typedef int policy_compile_base(const struct profile *resolved, struct diags *diags, struct filter *ret);

/* 0, POLICY_E_INVALID (diags, whose file is the base's meanwhile, say why), or -errno. *ret is the caller's.
 */
int policy_base(const struct policy *policy, policy_compile_base *compile, struct diags *diags,
                struct filter *ret);
