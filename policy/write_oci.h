/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Writes a profile as OCI linux.seccomp JSON, in docker's or podman's form where it uses their fields. The
 * text is deterministic, and reading it back gives the same model. */

#include "base/buf.h"
#include "policy/model.h"

/* 0 or the buf's error. Ends with a newline. */
int profile_write_oci(const struct profile *profile, struct buf *to);
/* One rule as an object, as it stands in "syscalls": for fragments to paste. Without a newline. */
int profile_write_rule(const struct rule *rule, enum profile_dialect dialect, unsigned indent,
                       struct buf *to);

struct layout;
/* The fields of the profile's object, for writers that put others around them. */
void profile_write_fields(const struct profile *profile, struct layout *layout);
