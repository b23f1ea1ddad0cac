/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/diag.h"
#include "policy/filter.h"
#include "policy/model.h"

/*
 * The enforcing program of a resolved profile, with the meaning it has when runc loads it through
 * libseccomp: rules equal to the default are skipped, unknown names ignored, a repeated argument index makes
 * one rule per condition, and calls of unlisted architectures kill the thread. Calls newer than libseccomp
 * are covered too. 0, PROFILE_E_EMPTY, PROFILE_E_INVALID (libseccomp, and so the runtime, refuses it; diags
 * say which rule), or -errno.
 */
int filter_compile(const struct profile *resolved, struct diags *diags, struct filter *ret);
