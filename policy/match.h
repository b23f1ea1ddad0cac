/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The verdict of a resolved profile about one call, with the rule that decided. Agrees with the compiled
 * filter on every input (tests/unit/test_match.c); needs no memory and no lock, so it suits the hot path. */

#include "policy/model.h"

#define MATCH_NONE SIZE_MAX

struct match {
        uint32_t action; /* SECCOMP_RET_* with data; what match_call() returns */
        size_t rule; /* index in resolved->rules; MATCH_NONE for the default or an unlisted architecture */
        size_t condition;  /* the deciding condition of a split rule, or the first one; MATCH_NONE when
                            * unconditional */
        const char *place; /* "syscalls[3]" of the file, "defaultAction" or "architectures"; borrowed from
                            * the profile, never NULL */
        bool on_arguments; /* another call of the same (arch, nr) may get another verdict */
        bool ambiguous;    /* several rules with different actions hold; which wins depends on libseccomp */
};

/* ret may be NULL. */
uint32_t match_call(const struct profile *resolved, uint32_t audit_arch, uint32_t nr, const uint64_t args[6],
                    struct match *ret);

/* Used by profile_resolve() and profile_free(). */
int match_table_new(const struct profile *resolved, struct match_table **ret);
struct match_table *match_table_free(struct match_table *table);
/* The index of one listed architecture (AUDIT_ARCH_* or ARCH_X32), or NULL. */
const struct arch_rules *match_table_arch(const struct match_table *table, uint32_t audit);
