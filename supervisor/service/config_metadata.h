/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a runtime sent as listenerMetadata, as names and values. It is the word of whoever made the
 * container.
 */

#include "proto/labels.h"

#define CONFIG_METADATA_MAX 65536 /* bytes that are looked at */

/* The fields of a JSON object; a text that is none counts as {"profile": TEXT}. What `callgate profile
 * dry-run-profile --metadata TEXT` wrote into the object counts like TEXT, after the object. NULL: nothing.
 * 0 or -ENOMEM. */
int config_metadata_read(const char *text, struct labels *ret);
