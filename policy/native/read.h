/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Policies from YAML or JSON. The same tree, places and limits as for profiles (policy/read_json.h): what is
 * wrong is said with file:line:column or file and place, the value, and what would be right.
 */

#include "base/diag.h"
#include "policy/native/policy.h"

struct policy_read_options {
        const char *const *variables; /* "name=value": win over `variables:` of the file */
        size_t n_variables;
        /* Where `emulate: root` keeps what it remembers, whatever the file says (absolute); NULL: as it
         * says. */
        const char *state;
        const char *folder; /* where relative includes, base and files are looked for when reading bytes */
};

/* 0, POLICY_E_INVALID with at least one diag, or a negative errno. "-" is standard input. */
int policy_read_file(const char *path, const struct policy_read_options *options, struct diags *diags,
                     struct policy **ret);
int policy_read(const char *bytes, size_t n, const struct policy_read_options *options, struct diags *diags,
                struct policy **ret);
