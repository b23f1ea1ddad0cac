/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The filter to install, made from the filter that a profile stands for. Returns are rewritten, never rules,
 * so that both filters treat every input alike.
 */

#include "policy/filter.h"

/*
 * Whatever the profile does not simply allow is notified. So are attempts to install a second listener,
 * which want explaining, and, where anything is notified, rt_sigreturn, so that calls which a signal took
 * back can be repaired (supervisor/restart.h).
 */
int notify_dry_run(const struct filter *enforcing, struct filter *ret);

/*
 * Refusals that look the same from user space are notified so that they can be logged: ERRNO, and NOTIFY
 * (which without a listener means ENOSYS), beside rt_sigreturn as in a dry run. KILL, TRAP, TRACE and LOG
 * stay in the kernel, since answering them from here would change what the program sees.
 */
int notify_enforce(const struct filter *enforcing, struct filter *ret);

/*
 * Everything is notified but the few calls of learn_assumed[], and what base (may be NULL or empty) allows.
 */
int notify_record(const struct filter *base, struct filter *ret);

/* The program of a policy (policy_compile()), with the same two put in front, and with what changes a task's
 * name: execve, execveat and prctl(PR_SET_NAME). */
int notify_policy(const struct filter *policy, struct filter *ret);
