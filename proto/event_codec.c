/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Events and ledgers as arrays: half the cost of maps, since no key is written or compared.
 *
 * What must stay true: fields keep their place for ever. A field of a later version goes to the end; readers
 * skip what they do not know.
 */

#include "proto/event_codec.h"

#include <string.h>

#define EVENT_N_FIELDS  26
#define EVENT_RULE      24 /* index of the first field that may be absent */
#define EVENT_SOURCE    25
#define EVENT_LEAST     24 /* of files written before there were policies */
#define LEDGER_N_FIELDS 11

static void text_put(struct codec_writer *writer, const char *text, size_t size) {
        codec_put_bytes(writer, text, strnlen(text, size));
}

/* A field that a later version made longer is cut; ours always ends in NUL. */
static void text_get(struct codec_reader *reader, char *ret, size_t size) {
        size_t n;
        const char *bytes = codec_get_bytes(reader, SIZE_MAX, &n);

        if (memchr(bytes, 0, n)) {
                codec_fail(reader);
                return;
        }
        if (n > size - 1)
                n = size - 1;
        memcpy(ret, bytes, n);
        ret[n] = 0;
}

void event_put(struct codec_writer *writer, const struct event *event) {
        codec_put_array(writer, EVENT_N_FIELDS);
        codec_put_uint(writer, event->first_ns);
        codec_put_uint(writer,
                       event->last_ns - event->first_ns); /* small; wraps if the clock was set back */
        codec_put_uint(writer, event->count);
        codec_put_uint(writer, event->pid);
        codec_put_uint(writer, event->tid);
        codec_put_uint(writer, event->uid);
        codec_put_uint(writer, event->arch);
        codec_put_uint(writer, event->nr);
        codec_put_uint(writer, event->flags);
        codec_put_uint(writer, event->ip);
        for (size_t i = 0; i < EVENT_N_ARGS; i++)
                codec_put_uint(writer, event->args[i]);
        codec_put_uint(writer, event->verdict);
        codec_put_uint(writer, event->answer);
        codec_put_int(writer, event->value);
        text_put(writer, event->comm, sizeof(event->comm));
        text_put(writer, event->exe, sizeof(event->exe));
        text_put(writer, event->detail, sizeof(event->detail));
        text_put(writer, event->object, sizeof(event->object));
        codec_put_uint(writer, event->object_offset);
        text_put(writer, event->rule, sizeof(event->rule));
        codec_put_uint(writer, event->source);
}

static void skip_rest(struct codec_reader *reader, size_t n) {
        for (size_t i = 0; i < n && !reader->error; i++)
                codec_skip(reader);
}

void event_get(struct codec_reader *reader, struct event *ret) {
        size_t n = codec_get_array(reader);

        /* Texts are ended by text_get(); clearing the whole of it would cost more than the rest. */
        ret->comm[0] = ret->exe[0] = ret->detail[0] = ret->object[0] = ret->rule[0] = 0;
        if (n < EVENT_LEAST) {
                codec_fail(reader);
                return;
        }
        ret->first_ns = codec_get_uint(reader, UINT64_MAX);
        ret->last_ns = ret->first_ns + codec_get_uint(reader, UINT64_MAX);
        ret->count = codec_get_uint(reader, UINT64_MAX);
        ret->pid = (uint32_t)codec_get_uint(reader, UINT32_MAX);
        ret->tid = (uint32_t)codec_get_uint(reader, UINT32_MAX);
        ret->uid = (uint32_t)codec_get_uint(reader, UINT32_MAX);
        ret->arch = (uint32_t)codec_get_uint(reader, UINT32_MAX);
        ret->nr = (uint32_t)codec_get_uint(reader, UINT32_MAX);
        ret->flags = (uint32_t)codec_get_uint(reader, UINT32_MAX);
        ret->ip = codec_get_uint(reader, UINT64_MAX);
        for (size_t i = 0; i < EVENT_N_ARGS; i++)
                ret->args[i] = codec_get_uint(reader, UINT64_MAX);
        ret->verdict = (uint32_t)codec_get_uint(reader, UINT32_MAX);
        ret->answer = (uint32_t)codec_get_uint(reader, UINT32_MAX);
        ret->value = codec_get_int(reader);
        text_get(reader, ret->comm, sizeof(ret->comm));
        text_get(reader, ret->exe, sizeof(ret->exe));
        text_get(reader, ret->detail, sizeof(ret->detail));
        text_get(reader, ret->object, sizeof(ret->object));
        ret->object_offset = codec_get_uint(reader, UINT64_MAX);
        if (n > EVENT_RULE)
                text_get(reader, ret->rule, sizeof(ret->rule));
        ret->source = n > EVENT_SOURCE ? codec_get_uint(reader, UINT64_MAX) : 0;
        skip_rest(reader, n > EVENT_N_FIELDS ? n - EVENT_N_FIELDS : 0);
        if (ret->count == 0)
                codec_fail(reader);
}

void ledger_put(struct codec_writer *writer, const struct ledger *ledger) {
        codec_put_array(writer, LEDGER_N_FIELDS);
        codec_put_uint(writer, ledger->received);
        codec_put_uint(writer, ledger->answered);
        codec_put_uint(writer, ledger->gone);
        codec_put_uint(writer, ledger->pending);
        codec_put_uint(writer, ledger->recorded);
        codec_put_uint(writer, ledger->dropped);
        codec_put_uint(writer, ledger->interrupted);
        codec_put_uint(writer, ledger->errors);
        codec_put_uint(writer, ledger->written);
        codec_put_uint(writer, ledger->unwritten);
        codec_put_uint(writer, ledger->merged);
}

void ledger_get(struct codec_reader *reader, struct ledger *ret) {
        size_t n = codec_get_array(reader);

        *ret = (struct ledger){ 0 };
        if (n < LEDGER_N_FIELDS) {
                codec_fail(reader);
                return;
        }
        ret->received = codec_get_uint(reader, UINT64_MAX);
        ret->answered = codec_get_uint(reader, UINT64_MAX);
        ret->gone = codec_get_uint(reader, UINT64_MAX);
        ret->pending = codec_get_uint(reader, UINT64_MAX);
        ret->recorded = codec_get_uint(reader, UINT64_MAX);
        ret->dropped = codec_get_uint(reader, UINT64_MAX);
        ret->interrupted = codec_get_uint(reader, UINT64_MAX);
        ret->errors = codec_get_uint(reader, UINT64_MAX);
        ret->written = codec_get_uint(reader, UINT64_MAX);
        ret->unwritten = codec_get_uint(reader, UINT64_MAX);
        ret->merged = codec_get_uint(reader, UINT64_MAX);
        skip_rest(reader, n - LEDGER_N_FIELDS);
}

int event_encode(struct buf *to, const struct event *event) {
        struct codec_writer writer;

        codec_writer_init(&writer, to);
        event_put(&writer, event);
        return codec_writer_finish(&writer);
}

int event_decode(const void *bytes, size_t n, struct event *ret) {
        struct codec_reader reader;

        codec_reader_init(&reader, bytes, n);
        event_get(&reader, ret);
        return codec_reader_finish(&reader);
}

bool ledger_balances(const struct ledger *ledger) {
        return ledger->received == ledger->answered + ledger->gone + ledger->pending &&
               ledger->received == ledger->recorded + ledger->dropped;
}
