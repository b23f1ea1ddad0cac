/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The rules of a resolved profile as one architecture sees them: per call number the alternatives, each a
 * conjunction of conditions with an action. match.c looks verdicts up in it, compile.c takes from it what
 * libseccomp should not be given.
 */

#include "policy/model.h"

struct alternative {
        uint32_t nr;
        uint32_t action;
        size_t rule, name; /* indexes in the profile and in that rule's names */
        size_t condition;  /* what struct match reports: of a split rule the one it is made of */
        size_t order;      /* position in the file */
        bool multiplexed;  /* stands for a part of socketcall or ipc */
        uint8_t n_conditions;
        struct condition
                conditions[PROFILE_ARGS_MAX]; /* by rising argument index, in the arch's word size */
};

struct call_rules {
        uint32_t nr;
        size_t first, n; /* in alternatives; in the order in which they are tried */
        bool own_code;   /* libseccomp 2.5 compiles some such sets wrongly, or never ends: compiled here */
        bool mixed;      /* not all alternatives have the same action */
        size_t conflict; /* two alternatives ask for different actions under equal conditions: the later
                          * one's index in alternatives; SIZE_MAX when there is none */
};

struct arch_rules {
        const struct arch *arch;
        unsigned bits; /* compared by libseccomp: profile_arch_bits() */
        struct alternative *alternatives;
        size_t n_alternatives, size_alternatives;
        struct call_rules *calls; /* by rising number */
        size_t n_calls;
};

struct match_table {
        struct arch_rules *archs;
        size_t n_archs;
};

int arch_rules_init(struct arch_rules *rules, const struct profile *resolved, const struct arch *arch);
void arch_rules_deinit(struct arch_rules *rules);
const struct call_rules *arch_rules_find(const struct arch_rules *rules, uint32_t nr); /* NULL: no rule */

/* Surely no arguments make both hold. False when in doubt. */
bool alternatives_exclude(const struct alternative *a, const struct alternative *b);

/* Does libseccomp 2.5 compile such a set of alternatives of one call as it is meant? mixed: their actions
 * differ. */
bool alternatives_suit_libseccomp(const struct alternative *alternatives, size_t n, bool mixed);

/* Number of a name for a rule: the direct call's, or libseccomp's pseudo number of one that exists behind
 * socketcall or ipc only. *ret_through is the number of socketcall or ipc when it goes there too, else -1.
 * False when the architecture has no such call. */
bool rule_numbers(const struct arch *arch, const char *name, uint32_t *ret_nr, int *ret_through);

/* Calls that older ABIs pass through socketcall or ipc: the i-th of them; false beyond the last. *ret_call
 * is the first argument there (of ipc only its lower 16 bits count). */
bool multiplexed_call(size_t i, const char **ret_through, const char **ret_name, uint32_t *ret_call);
