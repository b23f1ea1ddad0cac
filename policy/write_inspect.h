/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Filters in force and their verdict about every call, as one JSON document. */

#include "policy/inspect.h"

struct inspect_about {
        long pid;
        const char *name;
        int mode, no_new_privs; /* -1: not told */
        long n_filters;
        const char *trouble; /* why the filters could not be read; NULL: they were */
        const bool *logs;    /* of each filter */
        bool programs;       /* write the instructions as well */
};

int inspect_json(const struct inspect_about *about, const struct filter *filters, size_t n,
                 const struct inspect_options *options, FILE *to);
