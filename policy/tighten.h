/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A profile without the calls that no recording used. Only names are taken out, and only of rules that let
 * calls through: what remains answers every recorded call as before, and refuses at least what it refused.
 */

#include "callgate/event.h"
#include "policy/learn.h"
#include "policy/model.h"

struct tighten_options {
        const char *const *keep; /* names that stay although unused: glob(7) patterns; borrowed */
        size_t n_keep;
        enum learn_runtime runtime; /* the calls this runtime makes itself stay */
        bool comment;               /* what goes is written into comments of the rules that stay */
};

enum tighten_outcome {
        TIGHTEN_OK,
        TIGHTEN_E_OPEN,  /* the default lets calls through: rules that allow add nothing */
        TIGHTEN_E_EMPTY, /* no rule would be left */
};

struct tighten;

int tighten_new(const struct tighten_options *options, struct tighten **ret);
struct tighten *tighten_free(struct tighten *tighten);

/* The call of this event was used. */
int tighten_add(struct tighten *tighten, const struct event *event);
/* Would the name stay? */
bool tighten_keeps(const struct tighten *tighten, const char *name);

/* A name that was taken out of a rule. */
struct tighten_drop {
        char *name;  /* owned */
        char *place; /* owned; "syscalls[3]" */
};

/* The tighter profile, as written; and what it lacks, sorted by place in the file. 0, one of the above or
 * -errno. Free the drops with tighten_drops_free(). */
int tighten_apply(const struct tighten *tighten, const struct profile *written, struct profile **ret,
                  struct tighten_drop **ret_drops, size_t *ret_n);
void tighten_drops_free(struct tighten_drop *drops, size_t n);

/* What every program needs to start and to end, with any C library; ends with NULL. */
extern const char *const tighten_start_calls[];
