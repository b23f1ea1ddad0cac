/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a policy does and where each rule is decided, for people and as JSON. */

#include "base/buf.h"
#include "policy/native/policy.h"

/* All rules, or those that speak of one call (NULL: all). No line is longer than width columns where that is
 * possible. 0 or -errno. */
int policy_explain_text(const struct policy *policy, const char *call, unsigned width, struct buf *to);
int policy_explain_json(const struct policy *policy, const char *call, struct buf *to);

/* "path: /etc/x*, flags: { has: O_CREAT }", as its author wrote it; "always" without conditions. */
void policy_where_text(const struct policy_rule *rule, struct buf *to);
/* "redirect /tmp/x" */
void policy_do_text(const struct policy_rule *rule, struct buf *to);
