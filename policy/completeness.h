/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How complete a recording is likely to be. Good and Turing's estimate: the chance that the next call is one
 * not seen before is about the share of calls seen exactly once. It says nothing about code paths that the
 * workload never took.
 */

#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

struct completeness {
        uint64_t n_calls;     /* occurrences */
        uint64_t n_distinct;  /* distinct calls among them */
        uint64_t n_once;      /* of those, seen exactly once */
        uint64_t first_ns;    /* of the first occurrence; 0 = none */
        uint64_t last_ns;     /* of the last one */
        uint64_t last_new_ns; /* when a distinct call last appeared for the first time */
};

#define COMPLETENESS_INIT ((struct completeness){ 0 })

/* One distinct call: how often, when first and last. */
void completeness_add(struct completeness *completeness, uint64_t count, uint64_t first_ns,
                      uint64_t last_ns);
/* 0 … 1; 1 when nothing was seen. */
double completeness_chance_new(const struct completeness *completeness);
/* "112 distinct calls, 9 of them seen only once; the chance that the next call is new is about 0.02 %; …" */
void completeness_text(const struct completeness *completeness, struct buf *to);
