/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Files as the verbs take them from the command line. */

#include "base/buf.h"
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

/* Writes text to a file, whole or not at all; option names the option that asked for it. 0 or an exit code.
 */
int options_write(const char *path, const char *option, const struct buf *text);
