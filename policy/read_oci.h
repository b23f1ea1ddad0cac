/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reads JSON profiles: OCI linux.seccomp, docker's extended form, and an OCI config.json around either. */

#include "base/diag.h"
#include "policy/model.h"

/*
 * 0, PROFILE_E_INVALID (diags hold at least one error), or a negative errno. Warnings may be added in either
 * case. diags->file, when set, names the file in what is said. No bytes can make it use more than a small
 * multiple of n of memory, or recurse deeper than PROFILE_DEPTH_MAX.
 */
int profile_read(const char *bytes, size_t n, struct diags *diags, struct profile **ret);

/* The same for a file; "-" is standard input. A file that cannot be opened is a diag and PROFILE_E_INVALID
 * as well. Sets diags->file to path, borrowed. */
int profile_read_file(const char *path, struct diags *diags, struct profile **ret);
