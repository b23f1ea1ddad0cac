/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Profiles as the verbs take them from the command line. */

#include "policy/filter.h"
#include "policy/model.h"

/*
 * Reads, resolves for this machine and compiles; says what is wrong. ret_written (the profile as it stands
 * in the file) and ret_filter may be NULL: not wanted. 0 or an exit code.
 */
int options_profile(const char *path, struct profile **ret_written, struct profile **ret_resolved,
                    struct filter *ret_filter);

/* SECCOMP_FILTER_FLAG_* of a profile that our own loading can honour. */
unsigned options_filter_flags(const struct profile *resolved);
