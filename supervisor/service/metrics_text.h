/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Metrics in the text format of Prometheus, version 0.0.4. Names are stable; docs/man/callgated.8 has them.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "supervisor/service/outlet.h"
#include "supervisor/service/totals.h"

#define METRICS_OUTLETS_MAX 64 /* of the configuration, and subscribers */

/* Of this process, as /proc has it; numbers below 0 are not known. */
struct metrics_process {
        double cpu_seconds, start_seconds;
        int64_t resident_bytes, open_fds, max_fds;
};

struct metrics_outlet {
        char name[128];
        struct outlet_counts counts;
};

struct metrics_view {
        struct totals totals;
        struct metrics_process process;
        struct metrics_outlet outlets[METRICS_OUTLETS_MAX];
        size_t n_outlets;
        bool ready, keeper;
};

void metrics_process_read(struct metrics_process *ret);
void metrics_text(struct buf *to, const struct metrics_view *view);
