/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A policy as a filter program: whatever registers alone decide is decided in the kernel, the rest is
 * notified. "First match" holds: a rule below one that needs a look is decided in the kernel only for calls
 * that the upper one cannot match.
 */

#include "policy/filter.h"
#include "policy/native/policy.h"

/* Where one rule is decided for one call on one architecture. */
enum policy_layer {
        POLICY_IN_KERNEL, /* registers say it all */
        POLICY_NOTIFIED,  /* see reason */
        POLICY_UNREACHED, /* rules above it leave nothing to it */
        POLICY_NEVER,     /* cannot hold on this architecture */
};

/* Words such as "its path lies in memory"; static storage. *ret_reason is NULL for IN_KERNEL. */
enum policy_layer policy_layer(const struct policy *policy, size_t rule, const struct arch *arch,
                               const char *call, const char **ret_reason);

/*
 * The program to install: for every architecture the machine runs. Calls of other architectures: as the base
 * says; without base they are killed, since nothing could be decided about them. What the base refuses with
 * an errno is notified, so that it can be said (as `run --profile` does); so are rt_sigreturn and second
 * listeners (agent/notify.h puts them in front). *ret is owned by the caller. -E2BIG: more than the kernel's
 * 4096 instructions.
 */
int policy_compile(const struct policy *policy, struct filter *ret);
/* For these architectures, which need not be this machine's. */
int policy_compile_for(const struct policy *policy, const struct arch *const *archs, size_t n,
                       struct filter *ret);

/*
 * Ways around the rules, closed where no rule speaks of the call: io_uring carries out calls that no filter
 * sees, and open_by_handle_at opens files without a path. NULL, or why the call is refused with *ret_errno
 * although base or fallback would let it pass; static storage.
 */
const char *policy_closes(const struct policy *policy, const char *call, int *ret_errno);
