/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A set of arguments written as rules can have it: as alternatives, each with at most one condition per
 * argument. Every set can be written so, if need be bit by bit with SCMP_CMP_MASKED_EQ; the question is how
 * many alternatives it takes.
 */

#include "base/buf.h"
#include "policy/model.h"
#include "policy/region.h"

struct box {
        uint8_t n;                                     /* 0: any arguments */
        struct condition conditions[PROFILE_ARGS_MAX]; /* by rising argument */
};

enum cover_style {
        COVER_EQUALITIES, /* only SCMP_CMP_EQ and SCMP_CMP_MASKED_EQ */
        COVER_CLOSED,     /* and NE, LE, GE where they make it shorter */
        COVER_OPEN,       /* and NE, LT, GT, which mean another thing when cut to 32 bits */
        COVER_POINTS,     /* all of them; for sets that are too much for the other styles */
};
#define COVER_N_STYLES 4

#define COVER_MAX 4096 /* alternatives on the way; whatever the caller's own limit */

struct cover {
        struct box *boxes; /* owned; in an order of their own */
        size_t n, size;
};

/* bits: how many of each argument the set looks at, 32 or 64. The result depends on the set and the style,
 * not on how the set was made. 0, REGION_E_COMPLEX (too many alternatives; the regions are well unless
 * regions_error() says so, too), or -ENOMEM. */
int cover_init(struct cover *cover, struct regions *regions, region_id set, enum cover_style style,
               unsigned bits);
void cover_deinit(struct cover *cover);

/* What it covers, when the values are cut to bits. */
region_id cover_region(const struct cover *cover, struct regions *regions, unsigned bits);
int box_compare(const struct box *a, const struct box *b);
/* "arg0 == 1 and arg1 & 0xf == 0"; "any arguments". */
void box_text(const struct box *box, struct buf *to);
