/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Compiled filters kept between runs, since libseccomp takes longer to compile a container profile than the
 * rest of a launch. One file per filter under $XDG_CACHE_HOME/callgate (or ~/.cache/callgate); it holds the
 * whole profile it was made of, so a hit is certain, not probable. Any trouble with the cache is a miss.
 */

#include "base/diag.h"
#include "policy/filter.h"
#include "policy/model.h"

/* As filter_compile(), through the cache. */
int cache_compile(const struct profile *resolved, struct diags *diags, struct filter *ret);
