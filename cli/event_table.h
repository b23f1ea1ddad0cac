/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Events of many sessions as lines of a table, written while they come. The columns up to SYSCALL are those
 * of the gadget that audits seccomp, so that what reads one reads the other; ours follow.
 */

#include "base/buf.h"
#include "callgate/event.h"
#include "proto/event_source.h"

#define EVENT_TABLE_COLUMNS 13

struct event_table {
        unsigned width;                     /* of the terminal, or REPORT_WIDTH_WHOLE (cli/report.h) */
        size_t widths[EVENT_TABLE_COLUMNS]; /* as wide as what came so far */
};

void event_table_init(struct event_table *table, unsigned width);
/* Both without a newline. source NULL: nothing is known of it. */
void event_table_heading(const struct event_table *table, struct buf *to);
void event_table_line(struct event_table *table, const struct event_source *source,
                      const struct event *event, struct buf *to);
