/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Events as maps. msgpack says how many pairs a map has before the first of them, and what is unknown has no
 * key: so every map is gone through twice, once to count.
 */

#include "proto/event_map.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/event_text.h"
#include "syscalls/names.h"

struct pairs {
        struct codec_writer *writer; /* NULL: only counted */
        size_t n;
};

/* Is the value wanted? */
static bool put_key(struct pairs *pairs, const char *key) {
        pairs->n++;
        if (pairs->writer)
                codec_put_string(pairs->writer, key);
        return pairs->writer;
}

static void put_text(struct pairs *pairs, const char *key, const char *text) {
        if (put_key(pairs, key))
                codec_put_stranger(pairs->writer, text, strlen(text));
}

static void put_uint(struct pairs *pairs, const char *key, uint64_t value) {
        if (put_key(pairs, key))
                codec_put_uint(pairs->writer, value);
}

static void put_bool(struct pairs *pairs, const char *key, bool value) {
        if (put_key(pairs, key))
                codec_put_bool(pairs->writer, value);
}

static void put_hex(struct pairs *pairs, const char *key, uint64_t value) {
        char text[24];

        snprintf(text, sizeof(text), "0x%" PRIx64, value);
        put_text(pairs, key, text);
}

static void put_map(struct codec_writer *writer, void (*put)(struct pairs *pairs, const void *data),
                    const void *data) {
        struct pairs pairs = { 0 };

        put(&pairs, data);
        codec_put_map(writer, pairs.n);
        pairs.writer = writer;
        put(&pairs, data);
}

static void put_creds(struct pairs *pairs, const void *data) {
        const struct event *event = data;

        put_uint(pairs, "uid", event->uid);
}

static void put_proc(struct pairs *pairs, const void *data) {
        const struct event *event = data;

        put_text(pairs, "comm", event->comm);
        put_uint(pairs, "pid", event->pid);
        put_uint(pairs, "tid", event->tid);
        if (event->uid != UINT32_MAX && put_key(pairs, "creds"))
                put_map(pairs->writer, put_creds, event);
        if (event->exe[0])
                put_text(pairs, "exe", event->exe);
}

static void put_args(struct pairs *pairs, const struct event *event) {
        if (!put_key(pairs, "args"))
                return;
        codec_put_array(pairs->writer, EVENT_N_ARGS);
        for (size_t i = 0; i < EVENT_N_ARGS; i++) {
                char text[24];

                if (event->flags & EVENT_UNKNOWN_ARG(i)) {
                        codec_put_nil(pairs->writer);
                        continue;
                }
                snprintf(text, sizeof(text), "0x%" PRIx64, event->args[i]);
                codec_put_string(pairs->writer, text);
        }
}

static void put_call(struct pairs *pairs, const struct event *event) {
        const struct arch *arch = arch_of_call(event->arch, event->nr);
        char space[32], upper[48];
        const char *label = syscall_label(event->arch, event->nr, space, sizeof(space));

        snprintf(upper, sizeof(upper), "SYS_%s", label);
        for (char *at = upper; *at; at++)
                *at = (char)toupper((unsigned char)*at);
        put_text(pairs, "syscall", upper);
        put_text(pairs, "syscall_name", label);
        put_uint(pairs, "syscall_raw", event->nr);
        put_text(pairs, "arch", arch ? arch->name : "unknown");
        put_uint(pairs, "arch_raw", event->arch);
        put_args(pairs, event);
        if (event->detail[0]) {
                put_text(pairs, "detail", event->detail);
                put_bool(pairs, "detail_confirmed", event->flags & EVENT_DETAIL_OK);
        }
        put_hex(pairs, "ip", event->ip);
        if (event->object[0]) {
                put_text(pairs, "object", event->object);
                put_hex(pairs, "object_offset", event->object_offset);
        }
}

static void put_verdict(struct pairs *pairs, const struct event *event) {
        const char *action = event_text_action(event->verdict);
        char code[48];

        put_text(pairs, "code", action ? action : "unknown");
        put_uint(pairs, "code_raw", event->verdict);
        put_text(pairs, "verdict", event_text_code(event->verdict, code, sizeof(code)));
        put_text(pairs, "answer", event_text_answer(event->answer));
        if ((event->answer == EVENT_ANSWER_ERRNO || event->answer == EVENT_ANSWER_VALUE ||
             event->answer == EVENT_ANSWER_FD) &&
            put_key(pairs, "value"))
                codec_put_int(pairs->writer, event->value);
        if (event->flags & EVENT_PERFORMED)
                put_bool(pairs, "performed", true);
        if (event->rule[0])
                put_text(pairs, "rule", event->rule);
}

static void put_event(struct pairs *pairs, const void *data) {
        const struct event *event = data;

        put_uint(pairs, "timestamp_raw", event->first_ns);
        if (put_key(pairs, "proc"))
                put_map(pairs->writer, put_proc, event);
        put_call(pairs, event);
        put_verdict(pairs, event);
        put_uint(pairs, "count", event->count);
        if (event->count > 1)
                put_uint(pairs, "last_timestamp_raw", event->last_ns);
        put_bool(pairs, "observed", event->flags & EVENT_OBSERVED);
        if (event->flags & EVENT_RUNTIME)
                put_bool(pairs, "runtime", true);
        put_bool(pairs, "gone", event->flags & EVENT_GONE);
        put_bool(pairs, "merged_args", event->flags & EVENT_MERGED_ARGS);
}

void event_put_map(struct codec_writer *writer, const struct event *event) {
        put_map(writer, put_event, event);
}

static void put_ledger(struct pairs *pairs, const void *data) {
        const struct ledger *ledger = data;

        put_uint(pairs, "received", ledger->received);
        put_uint(pairs, "answered", ledger->answered);
        put_uint(pairs, "gone", ledger->gone);
        put_uint(pairs, "pending", ledger->pending);
        put_uint(pairs, "recorded", ledger->recorded);
        put_uint(pairs, "dropped", ledger->dropped);
        put_uint(pairs, "interrupted", ledger->interrupted);
        put_uint(pairs, "errors", ledger->errors);
        put_uint(pairs, "written", ledger->written);
        put_uint(pairs, "unwritten", ledger->unwritten);
        put_uint(pairs, "merged", ledger->merged);
}

void ledger_put_map(struct codec_writer *writer, const struct ledger *ledger) {
        put_map(writer, put_ledger, ledger);
}
