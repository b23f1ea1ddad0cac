/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What is doubtful in a profile, although it can be read: findings with a stable id, place and remedy. */

#include "base/diag.h"
#include "policy/learn.h"
#include "policy/model.h"
#include "policy/resolve.h"

struct check_options {
        /* Architectures it shall work on; borrowed. None: that of the context. */
        const struct arch *const *fleet;
        size_t n_fleet;
        enum learn_runtime runtime; /* that will load it; LEARN_FOR_NOTHING: not known */
        bool no_new_privs;          /* and will set no_new_privs before */
};

/* Adds findings about profile as written, and as resolved for context. 0 or -errno; what was found is in
 * diags (n_errors, n_warnings). options may be NULL. */
int profile_check_for(const struct profile *profile, const struct profile_context *context,
                      const struct check_options *options, struct diags *diags);
int profile_check(const struct profile *profile, const struct profile_context *context, struct diags *diags);

/* Is it one of the calls that programs try first, and replace by older ones on ENOSYS only, so often that
 * any other refusal of it is a finding? */
bool check_is_fallback(const char *name);

/* filter_compile() would have no objection to this resolved profile. False when in doubt. */
bool check_surely_compiles(const struct profile *flat);

/* One row for each id that a reader, the resolver, the compiler or a check gives: docs/FINDINGS.md has an
 * entry for each, and tests compare the two with the code. */
struct finding {
        const char *id;
        enum diag_severity severity;
        bool fixable; /* policy/fix.h repairs it */
        const char *remedy;
};
extern const struct finding findings[]; /* by id */
extern const size_t findings_n;
const struct finding *finding_by_id(const char *id); /* NULL: no such */
/* The id of a diag; one that has none is either a matter of syntax or of meaning. Never NULL. */
const char *finding_id(const struct diag *diag);
/* Line of the rule that a place such as "syscalls[3].args[0]" is in, 0 when unknown. */
unsigned finding_line(const struct profile *profile, const char *place);
