/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A publication as an entry of the Forward protocol: [EventTime, record]. A record is a flat map with stable
 * names (proto/PROTOCOL.md lists them), so that pipelines can select and group by them. All texts are UTF-8,
 * whatever bytes a task wrote.
 */

#include <stdint.h>

#include "base/buf.h"
#include "supervisor/service/outlet.h"

#define FORWARD_RECORD_MAX (192u * 1024) /* bytes of one entry: what is longer is cut, field by field */

/* Publications that found no room, told once there is room again. */
struct forward_hole {
        uint64_t records, calls; /* records 0: there is none */
        uint64_t since_ns;
};

/* Memory that entries are built in; kept from one to the next. */
struct forward_scratch {
        struct buf pairs, text;
};

#define FORWARD_SCRATCH_INIT                                                                                \
        ((struct forward_scratch){ .pairs = BUF_INIT(FORWARD_RECORD_MAX),                                   \
                                   .text = BUF_INIT(FORWARD_RECORD_MAX) })

void forward_scratch_deinit(struct forward_scratch *scratch);

/* Appends one entry. 0 or -errno; on failure *to is as before. */
int forward_record_put(struct buf *to, struct forward_scratch *scratch,
                       const struct publication *publication);
int forward_record_put_hole(struct buf *to, struct forward_scratch *scratch, const char *node,
                            uint64_t now_ns, const struct forward_hole *hole);
