/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Docker and podman profiles hold rules that apply only for some capabilities, architectures or kernels, and
 * a map of architectures of which one row applies. Resolving chooses, for one context.
 */

#include "base/diag.h"
#include "policy/capability.h"
#include "policy/model.h"

enum profile_context_part {
        CONTEXT_ARCH = 1,
        CONTEXT_CAPS = 2,
        CONTEXT_KERNEL = 4,
};

struct profile_context {
        const struct arch *arch;
        uint64_t caps; /* bounding set, bit by capability number */
        unsigned kernel_major, kernel_minor;
        unsigned given; /* CONTEXT_*: chosen by a person; the rest is this machine's */
};

/* This machine, this process's bounding set, this kernel. */
int profile_context_machine(struct profile_context *ret);

/* The parts that decide something in this profile (CONTEXT_*); 0: it means the same everywhere. */
unsigned profile_context_needs(const struct profile *profile);
/* Does a rule apply, as far as these parts go? The others are taken as met. */
bool rule_applies_in(const struct rule *rule, const struct profile_context *context, unsigned parts);

/*
 * A flat copy: no archMap, includes, excludes or legacy names; rules keep their place and line;
 * architectures are listed (never empty: the native one when the profile names none) and the index of
 * match.h is built. 0, PROFILE_E_EMPTY (no default action and no rules: no filter is wanted),
 * PROFILE_E_INVALID, or -errno.
 */
int profile_resolve(const struct profile *profile, const struct profile_context *context,
                    struct diags *diags, struct profile **ret);
