/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Why text at a place (1-based) may not be JSON or YAML, and what to do: "; remove the comma before it", or
 * "". For the end of a sentence; static storage. */
const char *syntax_hint(const char *bytes, size_t n, unsigned line, unsigned column, bool yaml);
