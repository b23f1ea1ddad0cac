/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Verdicts written as a profile. Rules name calls for all architectures at once and conditions are cut to
 * the words of each, so not every combination of verdicts can be written; what cannot is refused, or made
 * wider or narrower when that is asked for, never silently.
 */

#include "base/diag.h"
#include "policy/resolve.h"
#include "policy/verdicts.h"

#define EXPRESS_ALTERNATIVES 128 /* of one call: what validators of profiles in registries take */

enum express_leeway {
        EXPRESS_EXACT,
        EXPRESS_WIDER,    /* what cannot be written exactly lets more through */
        EXPRESS_NARROWER, /* … less */
};

struct express_options {
        enum express_leeway leeway;
        size_t max_alternatives; /* 0: EXPRESS_ALTERNATIVES */
};

/*
 * The same verdicts give the same profile, rule by rule. 0, PROFILE_E_INVALID (errors in diags say which
 * calls cannot be written and why; with leeway they are warnings), or -errno. The profile is proven by
 * reading it back: it is resolved for the context and its verdicts are compared with these. The verdicts'
 * ids are renamed on the way, as by verdicts_compact().
 */
int express(struct verdicts *verdicts, const struct profile_context *context,
            const struct express_options *options, struct diags *diags, struct profile **ret);
