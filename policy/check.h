/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What is doubtful in a profile, although it can be read: findings with a stable id, place and remedy. */

#include "base/diag.h"
#include "policy/model.h"
#include "policy/resolve.h"

/* Adds findings about profile as written, and as resolved for context. 0 or -errno; what was found is in
 * diags (n_errors, n_warnings). */
int profile_check(const struct profile *profile, const struct profile_context *context, struct diags *diags);
