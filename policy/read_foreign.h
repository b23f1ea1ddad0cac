/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/reader.h"

/* Says what a document is that holds no profile callgate reads, and what to do about it. */
void read_foreign(struct reader *reader, const json_t *root);
