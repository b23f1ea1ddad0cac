/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Policies from a few lines, for tests of how they decide. */

#include "base/diag.h"
#include "policy/native/facts.h"
#include "policy/native/read.h"
#include "syscalls/names.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline struct policy *fixture_policy(const char *text) {
        struct diags diags = DIAGS_INIT;
        struct policy *policy = NULL;
        int r = policy_read(text, strlen(text), NULL, &diags, &policy);

        for (size_t i = 0; i < diags.n; i++)
                fprintf(stderr, "%s\n", diags.items[i].text);
        cr_assert_eq(r, 0, "%s", text);
        diags_deinit(&diags);
        return policy;
}

/* Rules of one flow mapping each, a line each. */
static inline struct policy *fixture_rules(const char *head, const char *const *rules, size_t n) {
        char *text = calloc(1, 65536);
        struct policy *policy;

        snprintf(text, 65536, "version: 1\n%srules:\n", head);
        for (size_t i = 0; i < n; i++) {
                strcat(text, "  - ");
                strcat(text, rules[i]);
                strcat(text, "\n");
        }
        policy = fixture_policy(text);
        free(text);
        return policy;
}
