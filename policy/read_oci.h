/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One profile, as an object of any dialect, into the reader's profile. What stands around it is
 * read_document.c's. */

#include "policy/reader.h"

void read_profile(struct reader *reader, const json_t *value);
/* Does an object have fields of a profile? An empty one is docker's "no profile". */
bool read_looks_like_profile(const json_t *value);
