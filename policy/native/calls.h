/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What policies must know of calls beyond syscalls/syscalls.tbl: which belong together in a family, which
 * take paths or addresses, and which of them the supervisor can carry out for the task
 * (supervisor/emulate/), so that a decision on memory can be enforced.
 */

#include <stdbool.h>
#include <stddef.h>

#include "policy/model.h"

enum policy_call_flag {
        POLICY_CALL_PATH = 1u << 0,      /* takes a path (policy_facts.paths) */
        POLICY_CALL_ADDRESS = 1u << 1,   /* takes a socket address */
        POLICY_CALL_PERFORMED = 1u << 2, /* the supervisor can carry it out for the task */
        POLICY_CALL_OPENS = 1u << 3,     /* returns a descriptor of what it names */
        POLICY_CALL_REDIRECT = 1u << 4,  /* REDIRECT is possible */
        POLICY_CALL_CONTENT = 1u << 5,   /* shows contents, or what they are like: SUBSTITUTE is possible */
};

struct policy_call {
        const char *name;
        const char *families; /* "open files": separated by blanks; the first is the narrowest */
        unsigned flags;       /* enum policy_call_flag */
};

extern const struct policy_call policy_calls[];
extern const size_t policy_calls_n;

/* NULL for calls that nothing special is known of. */
const struct policy_call *policy_call_by_name(const char *name);
bool policy_call_in_family(const struct policy_call *call, const char *family);

struct policy_family {
        const char *name;
        const char *about;
        /* What a rule on this family does not cover although people expect it: another family's name, with
         * what to say. NULL: closed. */
        const char *siblings;
};
extern const struct policy_family policy_families[];
extern const size_t policy_families_n;

/* `emulate: NAME`: which calls it takes, and which options it understands. The supervisor has a function for
 * each of the calls (supervisor/emulate/emulate.h); a test holds both tables together. */
struct policy_option {
        const char *name;
        enum {
                OPTION_TEXT,
                OPTION_FILE, /* of whoever writes the policy; absolute when it is read */
                OPTION_NUMBER,
                OPTION_FLAG,
                OPTION_SIZE,
                OPTION_DURATION,
                OPTION_DATE,
                OPTION_LIST,
                OPTION_MAP
        } type;
        const char *about;
        bool required;
};
/* Registers with which an emulation wants a call: all conditions of any of the call's rows. The rest of that
 * call is the kernel's, and does not match the rule. A call without rows is wanted always. */
struct policy_emulation_when {
        const char *call; /* NULL ends the rows */
        struct condition conditions[2];
        size_t n;
};
struct policy_emulation {
        const char *name;
        const char *about;
        const char *calls; /* separated by blanks, or "*": all that are PERFORMED; of those the rule's
                              `syscalls` may be a part */
        const struct policy_option *options; /* ends with name NULL */
        bool wants_installed;  /* all its calls must be notified: the rule may not have conditions on
                                  arguments */
        const char *authority; /* word that `authority:` of the policy must hold; NULL: none needed */
        const struct policy_emulation_when *when; /* NULL: no rows */
        /* Calls without which the pretence would show: a rule has them all, and none above it takes them
         * away. NULL: it can do without any. */
        const char *needs;
};
extern const struct policy_emulation policy_emulations[];
extern const size_t policy_emulations_n;
const struct policy_emulation *policy_emulation_by_name(const char *name);
