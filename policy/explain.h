/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A resolved profile in words. */

#include "base/buf.h"
#include "policy/model.h"

#include <stdio.h>

struct alternative;
struct call_text;
struct syscall_row;

/* Which calls a listing is about; all false: every one. */
struct explain_filter {
        bool blocked; /* that are refused, always or for some arguments */
        bool risky;   /* that policy/risk.h has a reason against */
};

/* What the profile does, then for its first architecture a table by action and family, and for the others
 * what is different there. 0 or -errno. */
int profile_explain(const struct profile *resolved, FILE *to);
/* The table of those calls only, for each architecture. */
int profile_explain_list(const struct profile *resolved, const struct explain_filter *filter, FILE *to);

/* What happens to one call, which rule decides, per listed architecture. 0, PROFILE_E_INVALID when no
 * architecture has such a call (nothing is printed), or -errno. */
int profile_explain_call(const struct profile *resolved, const char *name, FILE *to);
/* The same for a call with its first arguments given, on one architecture. When they do not settle it, what
 * it depends on. */
int profile_explain_arguments(const struct profile *resolved, const struct call_text *call, FILE *to);

/* "refused with EPERM", "allowed": what an action is for the program. buf: at least 64 bytes. */
const char *explain_action(uint32_t action, char *buf, size_t size);
/* "domain == AF_UNIX", "flags & (CLONE_NEWNS|CLONE_NEWUTS) == 0": by the names that the architecture has for
 * the argument and the values. row may be NULL. */
void explain_condition(const struct condition *condition, const struct alternative *alternative,
                       const struct arch *arch, const struct syscall_row *row, struct buf *to);
/* The call lets something through that the kernel carries out: ALLOW and LOG. */
bool explain_runs(uint32_t action);
