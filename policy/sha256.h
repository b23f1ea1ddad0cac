/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#define SHA256_TEXT_SIZE 72 /* "sha256:" and 64 digits */

/* "sha256:…" of some bytes, in buf of at least SHA256_TEXT_SIZE; returns buf. It names a profile in logs and
 * metadata; nothing is authenticated by it. */
const char *sha256_text(const void *bytes, size_t n, char *buf);
