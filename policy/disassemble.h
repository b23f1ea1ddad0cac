/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A filter program as text: an instruction per line, with what it means beside it: the architecture it asks
 * for, the call by name, the argument and what is compared, the action. */

#include "base/buf.h"
#include "policy/filter.h"

int filter_disassemble(const struct filter *filter, struct buf *to);
