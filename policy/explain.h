/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A resolved profile in words. */

#include "policy/model.h"

#include <stdio.h>

/* What the profile does, then a table by action and family. 0 or -errno. */
int profile_explain(const struct profile *resolved, FILE *to);

/* What happens to one call, which rule decides, per listed architecture. 0, PROFILE_E_INVALID when no
 * architecture has such a call (nothing is printed), or -errno. */
int profile_explain_call(const struct profile *resolved, const char *name, FILE *to);
