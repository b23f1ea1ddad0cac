/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* UTF-8 in bytes of strangers. */

#include <stdbool.h>
#include <stddef.h>

/* Length of the well-formed sequence at bytes, n of which are there; 0: none (overlong, surrogate, cut). */
size_t utf8_length(const void *bytes, size_t n);
/* Are all n bytes well-formed? */
bool utf8_valid(const void *bytes, size_t n);
