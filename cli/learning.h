/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * From events to a profile in a file, for every verb that learns: the options that they have in common, the
 * profiles to start from, what is written, and what is said of it.
 */

#include <stdbool.h>

#include "base/output.h"
#include "policy/filter.h"
#include "policy/learn.h"
#include "policy/model.h"

struct learning {
        const char *verb; /* for messages */
        const char *output_path, *base_path, *evidence_path;
        struct learn_options options;
        bool merge, allow_incomplete;
        bool any_dialect;                /* the profile stays in the dialect of what it started from */
        const char *dialect;             /* … or becomes this one; NULL: not asked for */
        struct profile *base, *existing; /* as written: what is conditional in them stays so */
        struct profile *base_resolved, *existing_resolved;
        struct learn *learn;
        struct output profile_out, evidence_out;
};

#define LEARNING_INIT(name) ((struct learning){ .verb = (name) })

enum learning_option_number {
        LEARNING_OPTION_ARGS = 0x3000, /* past every letter */
        LEARNING_OPTION_BASE,
        LEARNING_OPTION_MERGE,
        LEARNING_OPTION_FOR,
        LEARNING_OPTION_EVIDENCE,
        LEARNING_OPTION_INCOMPLETE,
        LEARNING_OPTION_WITH_RUNTIME, /* not in LEARNING_OPTIONS: only where a runtime may have been seen */
};

/* For getopt_long(), with "o:" among the letters. */
#define LEARNING_OPTIONS                                                                                    \
        { "output", required_argument, NULL, 'o' }, { "args", no_argument, NULL, LEARNING_OPTION_ARGS },    \
                { "base", required_argument, NULL, LEARNING_OPTION_BASE },                                  \
                { "merge", no_argument, NULL, LEARNING_OPTION_MERGE },                                      \
                { "for", required_argument, NULL, LEARNING_OPTION_FOR },                                    \
                { "evidence", required_argument, NULL, LEARNING_OPTION_EVIDENCE }, {                        \
                "allow-incomplete", no_argument, NULL, LEARNING_OPTION_INCOMPLETE                           \
        }

/* 0: the option was ours and is good; EXIT_USAGE: it was ours and is wrong (said); -1: not ours. */
int learning_option(struct learning *learning, int option, const char *value);
/* Do the options go together? 0 or EXIT_USAGE after saying why. */
int learning_check(const struct learning *learning);

/* Reads the profiles to start from. ret_base: the filter of --base; NULL: not wanted. 0 or an exit code. */
int learning_prepare(struct learning *learning, struct filter *ret_base);
/* Opens what will be written. 0 or an exit code. */
int learning_open(struct learning *learning);
/* Writes profile and evidence. 0 or an exit code. */
int learning_write(struct learning *learning, const struct ledger *ledger);
/* What was learnt, in a few lines. 0 or an exit code. */
int learning_summarize(const struct learning *learning);
/* Frees; files that were not written leave no trace. */
void learning_deinit(struct learning *learning);
