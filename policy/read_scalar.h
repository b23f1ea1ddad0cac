/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stddef.h>

/* What a plain scalar of YAML stands for. */
enum scalar_kind {
        SCALAR_TEXT,
        SCALAR_NULL,
        SCALAR_TRUE,
        SCALAR_FALSE,
        SCALAR_INTEGER,
        SCALAR_FLOAT,
};

enum scalar_kind scalar_kind(const char *text, size_t n);
/* The tree's node for it; NULL when memory is short. ret_leading_zero: 010, which some read as eight and
 * some as ten; read as eight. */
json_t *scalar_node(enum scalar_kind kind, const char *text, size_t n, int *ret_leading_zero);
