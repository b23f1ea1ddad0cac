/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Events as msgpack maps, for readers that do not know our arrays: the keys of an event as JSON. */

#include "callgate/event.h"
#include "proto/codec.h"

/* Text is str, with \xNN for bytes that are not UTF-8. */
void event_put_map(struct codec_writer *writer, const struct event *event);
void ledger_put_map(struct codec_writer *writer, const struct ledger *ledger);
