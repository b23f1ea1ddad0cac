/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Finds the profile in what a file holds: bare, or inside of an OCI configuration, a SeccompProfile, a
 * ConfigMap or a List; of several, the first SeccompProfile, or else the first there is. */

#include "policy/reader.h"

void read_documents(struct reader *reader, const struct json_document *documents, size_t n);
