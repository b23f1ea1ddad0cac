/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Files as the verbs take them from the command line. */

#include <stdbool.h>

#include "base/buf.h"
#include "base/output.h"
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

/*
 * Outputs are opened before anything runs: hours of work must not fail at their last line. path NULL:
 * nothing. option names the option that asked for it. 0 or an exit code.
 */
int options_open(const char *path, const char *option, struct output *output);
int options_commit(const char *path, const char *option, struct output *output);

/* A whole file at once. */
int options_write(const char *path, const char *option, const struct buf *text);

/* Whether the path (may be NULL) means standard output. */
bool options_is_stdout(const char *path);
