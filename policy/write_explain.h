/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a resolved profile does with each call, as one JSON document. */

#include "policy/explain.h"

/* name NULL: all calls that the filter wants. 0, PROFILE_E_INVALID when no architecture has a call of that
 * name, or -errno. */
int profile_explain_json(const struct profile *resolved, const char *name,
                         const struct explain_filter *filter, FILE *to);

/* Calls with their first arguments given, one per architecture, and what can happen to each: the answers
 * that the arguments leave, the first one that holds being it. */
int profile_explain_arguments_json(const struct profile *resolved, const struct call_text *calls, size_t n,
                                   FILE *to);
