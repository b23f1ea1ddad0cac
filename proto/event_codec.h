/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * struct event and struct ledger as msgpack arrays. Fields are known by place; a later version may append
 * fields, which older readers skip, and never moves or removes one.
 */

#include "base/buf.h"
#include "callgate/event.h"
#include "proto/codec.h"

void event_put(struct codec_writer *writer, const struct event *event);
void event_get(struct codec_reader *reader, struct event *ret); /* failure shows in reader->error */
void ledger_put(struct codec_writer *writer, const struct ledger *ledger);
void ledger_get(struct codec_reader *reader, struct ledger *ret);

/* Alone in a buf. encode: 0 or the buf's error. decode: 0 or enum codec_outcome. */
int event_encode(struct buf *to, const struct event *event);
int event_decode(const void *bytes, size_t n, struct event *ret);

/* received = answered + gone + pending, and recorded + dropped = received? */
bool ledger_balances(const struct ledger *ledger);
