/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What of a policy cannot hold, and what of it is doubtful.
 *
 * policy_read() refuses a policy with the first kind: rules that would pretend to enforce what they cannot.
 * The second kind is for `callgate policy check`: it holds, but is perhaps not what was meant.
 */

#include "base/diag.h"
#include "policy/native/policy.h"

#define POLICY_NO_RULE SIZE_MAX

/* One sentence. field is the path of fields below the rule, "where.path"; "" is the rule itself. Returns 0,
 * or what ends the check. */
typedef int (*policy_say)(void *data, enum diag_severity severity, const char *id, size_t rule,
                          const char *field, const char *text);

/* Errors. 0, what say() returned, or -ENOMEM. */
int policy_check_sound(const struct policy *policy, policy_say say, void *data);
/* Warnings and notes, into diags; with the place and line of their rules. 0 or -errno. */
int policy_check_doubts(const struct policy *policy, struct diags *diags);

/* Words that `authority:` may hold. NULL ends them. */
extern const char *const policy_authorities[];

/* One part of the checks above: the rule being looked at, and where sentences go. */
struct policy_check {
        const struct policy *policy;
        size_t rule;
        policy_say say;
        void *data;
        const size_t *paths; /* of each rule: a number that rules on the same paths share; doubts only */
        int r;               /* the first that is not 0 */
};
void policy_check_say(struct policy_check *check, enum diag_severity severity, const char *id,
                      const char *field, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* check_args.c: do the calls have the arguments and constants? */
void policy_check_args(struct policy_check *check, const struct policy_rule *rule);
/* "open, openat and creat"; at most a handful. Static storage of the caller. */
const char *policy_check_list(const char *const *names, size_t n, char *buf, size_t size);
