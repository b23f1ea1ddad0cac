/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Patterns over paths, programs and labels, as docs/POLICY.md has them. Text is bytes: '?' is one byte. A
 * pattern must match the whole text; one that begins with '~' is a POSIX extended regular expression, which
 * matches anywhere unless '^' and '$' hold it.
 *
 * Matching takes time in proportion to the lengths of text and pattern, whatever either holds, and needs no
 * memory beyond the stack: the texts are those of a hostile program, and a match may not fail.
 */

#include "policy/native/facts.h"

#define PATTERN_BYTES_MAX 4096

/* 0; POLICY_E_INVALID with a sentence in error; -ENOMEM. */
int pattern_new(const char *text, struct policy_pattern **ret, char *error, size_t n_error);
struct policy_pattern *pattern_free(struct policy_pattern *pattern);
static inline void pattern_cleanup(struct policy_pattern **pattern) {
        pattern_free(*pattern);
}
#define cleanup_pattern __attribute__((cleanup(pattern_cleanup)))

/* captures and ret_n may be NULL. Captures point into text; a part that had no share in the match is empty.
 * Each takes as much as it can, from the left. */
bool pattern_match(const struct policy_pattern *pattern, const char *text,
                   struct policy_capture captures[POLICY_CAPTURES_MAX], size_t *ret_n);

size_t pattern_bytes(const struct policy_pattern *pattern); /* of memory: for readers that bound it */
size_t pattern_n_captures(const struct policy_pattern *pattern);
const char *pattern_text(const struct policy_pattern *pattern);    /* as written */
const char *pattern_literal(const struct policy_pattern *pattern); /* NULL unless one text only matches */
