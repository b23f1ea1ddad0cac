/* SPDX-License-Identifier: Apache-2.0 */

/* Good and Turing's estimate over distinct calls and their counts. */

#include "policy/completeness.h"

#include <inttypes.h>

void completeness_add(struct completeness *completeness, uint64_t count, uint64_t first_ns,
                      uint64_t last_ns) {
        if (completeness->n_distinct == 0 || first_ns < completeness->first_ns)
                completeness->first_ns = first_ns;
        if (last_ns > completeness->last_ns)
                completeness->last_ns = last_ns;
        if (first_ns > completeness->last_new_ns)
                completeness->last_new_ns = first_ns;
        completeness->n_calls += count;
        completeness->n_distinct++;
        if (count == 1)
                completeness->n_once++;
}

double completeness_chance_new(const struct completeness *completeness) {
        if (completeness->n_calls == 0)
                return 1;
        return (double)completeness->n_once / (double)completeness->n_calls;
}

static void put_seconds(struct buf *to, uint64_t ns) {
        if (ns < UINT64_C(1000000000))
                buf_printf(to, "%" PRIu64 " ms", ns / 1000000);
        else if (ns < UINT64_C(10000000000))
                buf_printf(to, "%.1f s", (double)ns / 1e9);
        else if (ns < UINT64_C(600000000000))
                buf_printf(to, "%" PRIu64 " s", ns / 1000000000);
        else
                buf_printf(to, "%" PRIu64 " min", ns / 60000000000);
}

void completeness_text(const struct completeness *completeness, struct buf *to) {
        double percent = completeness_chance_new(completeness) * 100;
        uint64_t length = completeness->last_ns - completeness->first_ns;

        if (completeness->n_calls == 0) {
                buf_puts(to, "no call was seen");
                return;
        }
        buf_printf(to,
                   "%" PRIu64 " distinct calls, %" PRIu64
                   " of them seen only once; the chance that the next call is new is about ",
                   completeness->n_distinct, completeness->n_once);
        if (completeness->n_once == 0)
                buf_printf(to, "0 (below 1 in %" PRIu64 ")", completeness->n_calls);
        else if (percent < 0.01)
                buf_puts(to, "0.01 % or less");
        else
                buf_printf(to, percent < 1 ? "%.2f %%" : "%.0f %%", percent);
        if (completeness->first_ns == 0)
                return; /* some of it has no time: a log that was imported */
        buf_puts(to, "; the last new one appeared ");
        put_seconds(to, completeness->last_new_ns - completeness->first_ns);
        buf_puts(to, " into a recording of ");
        put_seconds(to, length);
}
