/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the checks share. Only policy/check*.c include this. */

#include "policy/alternatives.h"
#include "policy/check.h"
#include "policy/match.h"

/* One mention of a name by a rule, sorted by name and then by rule: so that no check is quadratic. */
struct mention {
        const char *name;
        size_t rule, position; /* indexes in the flat profile, and in that rule's names */
};

struct checker {
        const struct profile *written, *flat;
        const struct profile_context *context;
        const struct check_options *options;
        struct diags *diags;
        struct mention *mentions; /* owned */
        size_t n_mentions;
        bool named;        /* not the first context: sentences say which one is meant, */
        struct diag *said; /* owned; unless they were said before: those, without their strings */
        size_t n_said;
};

/* One finding of the table, by id. */
int check_find(struct checker *checker, const char *id, const char *place, const char *format, ...)
        __attribute__((format(printf, 4, 5)));
/* The same about names of calls; the sentence holds one %s for their list. */
int check_names(struct checker *checker, const char *id, const char *place, const char *const *names,
                size_t n, const char *format);

/* Mentions of a name: the first one, and how many. */
const struct mention *check_mentions(const struct checker *checker, const char *name, size_t *ret_n);
/* The rule as it was written; NULL when it cannot be found. */
const struct rule *check_written(const struct checker *checker, const struct rule *flat);

/* What the flat profile does, on the context's architecture, with a call whose arguments are all zero. False
 * when there is no such call. */
bool check_verdict(const struct checker *checker, const char *name, struct match *ret);
bool check_lets_through(uint32_t action); /* ALLOW, LOG, and what somebody else decides */
/* Neither the default nor any rule lets it through, whatever the arguments; also when there is no such call.
 */
bool check_refused(const struct checker *checker, const char *name);
/* The call runs, whatever its arguments. */
bool check_allowed(const struct checker *checker, const char *name, struct match *ret);

int check_conditions(struct checker *checker);
int check_arguments(struct checker *checker);
int check_multiplexed(struct checker *checker);

int check_architectures(struct checker *checker);
int check_fleet(struct checker *checker);
int check_successors(struct checker *checker);

int check_default(struct checker *checker);
int check_notify(struct checker *checker);
int check_flags(struct checker *checker);
int check_start(struct checker *checker);
int check_runtime(struct checker *checker);
int check_fallbacks(struct checker *checker);

int check_equal_to_default(struct checker *checker);
int check_duplicates(struct checker *checker);
int check_shadowed(struct checker *checker);
int check_never_applies(struct checker *checker);
int check_foreign_names(struct checker *checker);
int check_overlaps(struct checker *checker);
int check_compiles(struct checker *checker);

int check_risks(struct checker *checker);
int check_siblings(struct checker *checker);
int check_deny_list(struct checker *checker);
