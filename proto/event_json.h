/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One event as a JSON object on one line; PROTOCOL.md lists the keys. */

#include <stddef.h>
#include "base/buf.h"
#include "callgate/event.h"
#include "proto/event_source.h"

/* rule: which rule decided, or NULL when not known (the key is left out then). */
void event_json(struct buf *to, const struct event *event, const char *rule);
/* With what is known of the session it comes from; NULL: nothing. */
void event_json_of(struct buf *to, const struct event *event, const char *rule,
                   const struct event_source *source);
/* A session without an event, and its ledger when it has ended, else NULL. */
void event_source_json(struct buf *to, const struct event_source *source, const struct ledger *ledger);
void ledger_json(struct buf *to, const struct ledger *ledger);

/* A JSON string with its quotes. Bytes that are no UTF-8 become the text \xNN. */
void json_put_text(struct buf *to, const char *bytes, size_t n);
