/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A policy as sessions of the service take it. */

#include "base/diag.h"
#include "policy/filter.h"

/* *ret_text: canonical JSON; *ret_base: what decides where no rule does. Both are the caller's, and
 * replaced. 0, CONFIG_E_INVALID (diags say why), or -errno. */
int config_policy_read(const char *path, struct diags *diags, char **ret_text, struct filter *ret_base);
