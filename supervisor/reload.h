/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The policy of one session from its file, and again from it while the program runs. A broken new one leaves
 * the old one in force; either way there are lines to show.
 */

#include <stdbool.h>

#include "base/buf.h"
#include "policy/native/policy.h"
#include "supervisor/policing.h"

struct reload {
        char *path;       /* absolute; NULL: it cannot be read again */
        char **variables; /* "name=value" */
        size_t n_variables;
        char **labels; /* "name=value" */
        size_t n_labels;
        char *state;              /* NULL: as the policy says */
        struct policy *installed; /* what the running filter was made of */
        struct policy *current;   /* as last put in force: a copy of our own, for comparing */
};

/* All given texts are copied. json is the policy at the start. 0, POLICY_E_INVALID with lines, -errno. */
int reload_init(struct reload *reload, const char *json, size_t n_json, const char *path, size_t n_path,
                const char *variables, size_t n_variables, struct buf *lines);
void reload_deinit(struct reload *reload);

/* One more copy of the policy now in force, for policing. */
int reload_policy(const struct reload *reload, struct policy **ret);

/* Reads the file and puts it in force. True if so. */
bool reload_again(struct reload *reload, struct policing *policing, struct buf *lines);
