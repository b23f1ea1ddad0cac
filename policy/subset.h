/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Does profile A let nothing through that B stops? A call that A lets run (ALLOW, LOG) must run under B, one
 * that A leaves to somebody else (NOTIFY, TRACE) must at least be left to somebody under B.
 */

#include "base/diag.h"
#include "policy/model.h"

enum subset_outcome {
        SUBSET_E_UNCONFIRMED = 32, /* the compiled filters do not show what the rules say: a bug here */
};

/* One call that A lets through and B does not, as both compiled filters say, too. */
struct counterexample {
        const struct arch *arch;
        uint32_t audit, nr; /* as in struct seccomp_data */
        char name[32];
        uint64_t args[6];
        uint32_t by_a, by_b;           /* SECCOMP_RET_* */
        const char *place_a, *place_b; /* of the deciding rules; borrowed from the profiles */
};

/* Both resolved. ret_example is set when *ret_subset is false. 0, PROFILE_E_INVALID (diags),
 * SUBSET_E_UNCONFIRMED, or -errno. */
int subset_check(const struct profile *a, const struct profile *b, struct diags *diags, bool *ret_subset,
                 struct counterexample *ret_example);
