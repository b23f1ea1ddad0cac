/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The repairs that a program may make without asking: whatever the context, the same calls run before and
 * after; only the errno of a refusal may change. Findings that policy/check.h marks as fixable.
 */

#include "base/diag.h"
#include "policy/model.h"

/* A repaired copy. Each repair is a DIAG_INFO in done, with the id of the finding; none: nothing to repair.
 * 0 or -errno. */
int profile_fix(const struct profile *profile, struct diags *done, struct profile **ret);
