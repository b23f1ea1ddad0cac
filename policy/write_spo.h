/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Writes a profile as a SeccompProfile resource. What the resource cannot hold has to be gone before:
 * policy/convert.h sees to that. The text is deterministic, and reading it back gives the same model. */

#include "base/buf.h"
#include "policy/model.h"

int profile_write_spo_yaml(const struct profile *profile, struct buf *to);
int profile_write_spo_json(const struct profile *profile, struct buf *to);

/* Could it be the name of a resource: a DNS subdomain? */
bool spo_name_is_valid(const char *name);
/* A name for a resource made from any text, such as the name of a file; at least "profile". */
void spo_name_from(const char *text, struct buf *to);
