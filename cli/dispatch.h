/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Tables of verbs, callgate's own and those of verbs that have some: one of them is found by its name. */

#include <stddef.h>

struct verb {
        const char *name;
        int (*run)(int argc, char **argv); /* argv[0] is the verb's name. Returns the exit code */
        const char *summary;
};

struct verb_table {
        const char *name;  /* the verb whose verbs they are; NULL: callgate */
        const char *usage; /* what follows "usage: callgate " */
        const char *more;  /* lines below the list */
        const struct verb *verbs;
        size_t n;
};

/* argv[1] names the verb. Returns the exit code. */
int dispatch(const struct verb_table *table, int argc, char **argv);
