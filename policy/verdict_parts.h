/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a profile answers to one call, taken apart: which arguments get which action, as conditions. */

#include "base/buf.h"
#include "policy/cover.h"

struct verdict_part {
        uint32_t action;
        struct cover cover;
};

struct verdict_parts {
        struct verdict_part *items; /* owned; by rising action */
        size_t n;
        uint32_t otherwise;    /* the action of all other arguments */
        size_t n_alternatives; /* of all parts */
};

/* As cover_init(); REGION_E_COMPLEX also for more actions than VERDICT_ACTIONS_MAX. */
#define VERDICT_ACTIONS_MAX 64
int verdict_parts_init(struct verdict_parts *parts, struct regions *regions, region_id region,
                       uint32_t otherwise, enum cover_style style, unsigned bits);
void verdict_parts_deinit(struct verdict_parts *parts);
/* What the parts say when values are cut to so many bits. */
region_id verdict_parts_region(const struct verdict_parts *parts, struct regions *regions, unsigned bits);

/* For people and reports: the most severe action is the one of all other arguments. -errno or
 * REGION_E_COMPLEX. */
int verdict_parts_of(struct verdict_parts *parts, struct regions *regions, region_id region, unsigned bits);
/* "SECCOMP_RET_ALLOW if arg0 == 1, or arg1 == 2; else SECCOMP_RET_ERRNO(EPERM)". */
void verdict_parts_text(const struct verdict_parts *parts, struct buf *to);
/* "arg0 == 1, or arg0 == 2 and arg1 == 5"; at most max alternatives, then how many more there are. */
void cover_text(const struct cover *cover, size_t max, struct buf *to);
