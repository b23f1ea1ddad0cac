/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/buf.h"

/* A string as a YAML scalar: plain where that is safe in YAML 1.1 and 1.2, else in double quotes with
 * everything but printable ASCII escaped. */
void yaml_quote(const char *text, struct buf *to);
