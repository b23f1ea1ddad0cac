/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Docker and podman profiles hold rules that apply only for some capabilities, architectures or kernels, and
 * a map of architectures of which one row applies. Resolving chooses, for one context.
 */

#include "base/diag.h"
#include "policy/capability.h"
#include "policy/model.h"

struct profile_context {
        const struct arch *arch;
        uint64_t caps; /* bounding set, bit by capability number */
        unsigned kernel_major, kernel_minor;
};

/* This machine, this process's bounding set, this kernel. */
int profile_context_machine(struct profile_context *ret);

/*
 * A flat copy: no archMap, includes, excludes or legacy names; rules keep their place and line;
 * architectures are listed (never empty: the native one when the profile names none) and the index of
 * match.h is built. 0, PROFILE_E_EMPTY (no default action and no rules: no filter is wanted),
 * PROFILE_E_INVALID, or -errno.
 */
int profile_resolve(const struct profile *profile, const struct profile_context *context,
                    struct diags *diags, struct profile **ret);
