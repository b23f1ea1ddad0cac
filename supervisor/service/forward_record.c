/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What must stay true: a name keeps its meaning for ever; a text is valid UTF-8 and free of control
 * characters (it may end on somebody's terminal, far from here); a record is bounded, although labels come
 * from strangers.
 */

#include "supervisor/service/forward_record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "proto/codec.h"
#include "proto/event_source.h"
#include "proto/event_text.h"
#include "syscalls/names.h"

#define EVENT_TIME    0    /* extension type */
#define VALUE_MAX     1024 /* bytes of a label's value; of the task at most EVENT_DETAIL_MAX */
#define OTHERS_MAX    64   /* labels without a name of their own, in a BEGIN */
#define OTHER         "label."
#define NO_ONE        UINT32_MAX
#define NS_PER_SECOND 1000000000u

struct record {
        struct codec_writer writer;
        struct buf *text;
        size_t n;
};

/* ---- fields ---- */

static void put_key(struct record *record, const char *key) {
        codec_put_string(&record->writer, key);
        record->n++;
}

static void put_number(struct record *record, const char *key, uint64_t value) {
        put_key(record, key);
        codec_put_uint(&record->writer, value);
}

static void put_true(struct record *record, const char *key, bool value) {
        if (!value)
                return;
        put_key(record, key);
        codec_put_bool(&record->writer, true);
}

/* Our own words. */
static void put_word(struct record *record, const char *key, const char *word) {
        put_key(record, key);
        codec_put_string(&record->writer, word);
}

/* Text that was escaped while it was made. */
static void put_text(struct record *record, const char *key) {
        if (record->text->n == 0 || buf_error(record->text))
                return;
        put_key(record, key);
        codec_put_text(&record->writer, record->text->data, record->text->n);
}

/* Text of strangers; nothing when it is empty. */
static void put_escaped(struct record *record, const char *key, const char *value, size_t max) {
        buf_reset(record->text);
        buf_escape(record->text, value, strnlen(value, max));
        put_text(record, key);
}

static void put_address(struct record *record, const char *key, uint64_t value) {
        char text[24];

        snprintf(text, sizeof(text), "0x%" PRIx64, value);
        put_word(record, key, text);
}

static void put_time(struct record *record, const char *key, uint64_t ns) {
        time_t seconds = (time_t)(ns / NS_PER_SECOND);
        struct tm tm;
        char date[40], text[64];

        if (!gmtime_r(&seconds, &tm) || strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
                return;
        snprintf(text, sizeof(text), "%s.%09uZ", date, (unsigned)(ns % NS_PER_SECOND));
        put_word(record, key, text);
}

/* ---- where it comes from ---- */

static const struct {
        const char *label, *key;
} places[] = {
        { "node", "node" },           { "namespace", "namespace" },   { "pod", "pod" },
        { "pod-uid", "pod_uid" },     { "container", "container" },   { "container-id", "container_id" },
        { "image", "image" },         { "sandbox-id", "sandbox_id" }, { "unit", "unit" },
        { "runtime", "oci_runtime" }, { "manager", "manager" },       { "command", "command" },
};

#define N_PLACES (sizeof(places) / sizeof(places[0]))

static bool has_place(const char *label) {
        for (size_t i = 0; i < N_PLACES; i++)
                if (strcmp(places[i].label, label) == 0)
                        return true;
        return false;
}

/* Everything that a session is called, once. Annotations stay here: they hold manifests and more. */
static void put_other_labels(struct record *record, const struct labels *labels) {
        size_t n = 0;

        for (size_t i = 0; i < labels->n && n < OTHERS_MAX; i++) {
                const struct label *label = &labels->items[i];
                struct buf key = BUF_INIT(sizeof(OTHER) + 4 * LABEL_NAME_MAX);

                if (has_place(label->name) || !event_source_keeps(label))
                        continue;
                buf_puts(&key, OTHER);
                buf_escape(&key, label->name, strlen(label->name));
                put_escaped(record, buf_string(&key), label->value, VALUE_MAX);
                buf_deinit(&key);
                n++;
        }
}

static void put_source(struct record *record, const struct publication_source *source) {
        put_number(record, "session", source->number);
        put_word(record, "mode", event_source_mode(source->mode));
        if (source->profile)
                put_escaped(record, "profile", source->profile, VALUE_MAX);
        if (!source->labels)
                return;
        for (size_t i = 0; i < N_PLACES; i++) {
                const char *value = labels_get(source->labels, places[i].label);

                if (value)
                        put_escaped(record, places[i].key, value, VALUE_MAX);
        }
}

/* ---- what happened ---- */

static void put_answer(struct record *record, const struct event *event) {
        static const char *const names[] = {
                [EVENT_ANSWER_NONE] = "none",     [EVENT_ANSWER_CONTINUE] = "continue",
                [EVENT_ANSWER_ERRNO] = "errno",   [EVENT_ANSWER_VALUE] = "value",
                [EVENT_ANSWER_FD] = "descriptor", [EVENT_ANSWER_KILL] = "killed",
        };
        const char *error;

        put_word(record, "answer",
                 event->answer < sizeof(names) / sizeof(names[0]) ? names[event->answer] : "unknown");
        if (event->answer == EVENT_ANSWER_VALUE || event->answer == EVENT_ANSWER_FD) {
                put_key(record, "value");
                codec_put_int(&record->writer, event->value);
        } else if (event->answer == EVENT_ANSWER_ERRNO) {
                put_number(record, "errno", (uint64_t)event->value);
                error = event->value > 0 && event->value < 4096 ? strerrorname_np((int)event->value) : NULL;
                if (error)
                        put_word(record, "errno_name", error);
        }
}

/* Escaped by the decoder, but perhaps cut in the middle of a character. */
static void put_args(struct record *record, const struct event *event) {
        struct buf args = BUF_INIT(8 * EVENT_DETAIL_MAX);

        event_text_args(&args, event);
        buf_reset(record->text);
        buf_clean(record->text, buf_string(&args), strlen(buf_string(&args)));
        put_text(record, "args");
        buf_deinit(&args);
}

static void put_call(struct record *record, const struct event *event) {
        const struct arch *arch = arch_of_call(event->arch, event->nr);
        char space[64];

        put_word(record, "arch", arch ? arch->name : "unknown");
        put_word(record, "syscall", syscall_label(event->arch, event->nr, space, sizeof(space)));
        put_number(record, "nr", event->nr);
        put_args(record, event);
        put_word(record, "verdict", event_text_code(event->verdict, space, sizeof(space)));
        put_answer(record, event);
        put_escaped(record, "rule", event->rule, sizeof(event->rule));
        put_address(record, "ip", event->ip);
        if (event->object[0]) {
                put_escaped(record, "object", event->object, sizeof(event->object));
                put_address(record, "object_offset", event->object_offset);
        }
}

static void put_event(struct record *record, const struct event *event) {
        put_number(record, "count", event->count);
        if (event->first_ns != event->last_ns)
                put_time(record, "first", event->first_ns);
        put_escaped(record, "comm", event->comm, sizeof(event->comm));
        put_escaped(record, "exe", event->exe, sizeof(event->exe));
        put_number(record, "pid", event->pid);
        put_number(record, "tid", event->tid);
        if (event->uid != NO_ONE)
                put_number(record, "uid", event->uid);
        put_call(record, event);
        put_true(record, "gone", event->flags & EVENT_GONE);
        put_true(record, "runtime", event->flags & EVENT_RUNTIME);
        put_true(record, "performed", event->flags & EVENT_PERFORMED);
        put_true(record, "merged_args", event->flags & EVENT_MERGED_ARGS);
}

static void put_ledger(struct record *record, const struct ledger *ledger) {
        const struct {
                const char *key;
                uint64_t value;
        } counts[] = {
                { "calls_received", ledger->received }, { "calls_answered", ledger->answered },
                { "calls_gone", ledger->gone },         { "calls_pending", ledger->pending },
                { "calls_recorded", ledger->recorded }, { "calls_dropped", ledger->dropped },
                { "calls_merged", ledger->merged },     { "calls_interrupted", ledger->interrupted },
                { "errors", ledger->errors },
        };

        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
                put_number(record, counts[i].key, counts[i].value);
}

/* ---- entries ---- */

static void begin(struct record *record, struct forward_scratch *scratch, const char *kind) {
        buf_reset(&scratch->pairs);
        record->text = &scratch->text;
        record->n = 0;
        codec_writer_init(&record->writer, &scratch->pairs);
        put_word(record, "kind", kind);
}

static int finish(struct record *record, struct forward_scratch *scratch, uint64_t ns, struct buf *to) {
        uint64_t seconds = ns / NS_PER_SECOND;
        uint32_t fraction = (uint32_t)(ns % NS_PER_SECOND);
        struct codec_writer writer;
        uint8_t time[8];
        size_t mark = to->n;
        int r = codec_writer_finish(&record->writer);

        if (r)
                return error_trace(r);
        for (unsigned i = 0; i < 4; i++) {
                time[i] = (uint8_t)(seconds >> (24 - 8 * i));
                time[4 + i] = (uint8_t)(fraction >> (24 - 8 * i));
        }
        codec_writer_init(&writer, to);
        codec_put_array(&writer, 2);
        codec_put_extension(&writer, EVENT_TIME, time, sizeof(time));
        codec_put_map(&writer, record->n);
        codec_put_value(&writer, scratch->pairs.data, scratch->pairs.n);
        r = codec_writer_finish(&writer);
        if (r) {
                to->n = mark;
                to->error = 0;
        }
        return error_trace(r);
}

int forward_record_put(struct buf *to, struct forward_scratch *scratch,
                       const struct publication *publication) {
        static const char *const kinds[] = {
                [PUBLICATION_BEGIN] = "begin", [PUBLICATION_ROW] = "row", [PUBLICATION_EVENT] = "call",
                [PUBLICATION_LOST] = "lost",   [PUBLICATION_END] = "end",
        };
        uint64_t ns = publication->now_ns;
        struct record record;

        begin(&record, scratch, kinds[publication->kind]);
        put_source(&record, publication->source);
        switch (publication->kind) {
        case PUBLICATION_BEGIN:
                put_number(&record, "session_uid", publication->source->uid);
                if (publication->source->labels)
                        put_other_labels(&record, publication->source->labels);
                break;
        case PUBLICATION_ROW:
        case PUBLICATION_EVENT:
                ns = publication->event->last_ns;
                put_event(&record, publication->event);
                break;
        case PUBLICATION_LOST:
                put_number(&record, "lost", publication->lost);
                break;
        case PUBLICATION_END:
                put_ledger(&record, publication->ledger);
                break;
        }
        return error_trace(finish(&record, scratch, ns, to));
}

int forward_record_put_hole(struct buf *to, struct forward_scratch *scratch, const char *node,
                            uint64_t now_ns, const struct forward_hole *hole) {
        struct record record;

        begin(&record, scratch, "dropped");
        if (node)
                put_escaped(&record, "node", node, VALUE_MAX);
        put_number(&record, "records", hole->records);
        put_number(&record, "calls", hole->calls);
        put_time(&record, "first", hole->since_ns);
        return error_trace(finish(&record, scratch, now_ns, to));
}

void forward_scratch_deinit(struct forward_scratch *scratch) {
        buf_deinit(&scratch->pairs);
        buf_deinit(&scratch->text);
}
