/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a new policy changes against the one in force, as lines for people. */

#include "base/buf.h"
#include "policy/native/policy.h"

/* Rules that came, went or say something else, and other settings; "nothing changed" when so. */
void policy_changes(const struct policy *before, const struct policy *after, struct buf *to);

/*
 * What the filter that runs (compiled of `installed`) keeps from taking effect: calls that it decides
 * itself, while `after` wants something else. Filters cannot be changed once they are loaded. Returns how
 * many lines.
 */
size_t policy_out_of_reach(const struct policy *installed, const struct policy *after, struct buf *to);
