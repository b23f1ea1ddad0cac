/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the parts of a conversion share. Only policy/convert*.c include this. */

#include "policy/convert.h"

struct conversion {
        const struct convert_options *options;
        const struct profile *from;
        struct profile *to;
        struct diags *losses;
        int r;
};

/* Notes a loss. */
void convert_lose(struct conversion *conversion, const char *id, const char *place, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

/* The last step to a SeccompProfile: what the resource cannot hold goes. */
void convert_fit_to_spo(struct conversion *conversion);
