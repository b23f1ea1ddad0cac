/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Events as JSON, printed straight into a buffer: a recording holds millions, and building a tree for each
 * would cost ten times as much.
 *
 * What must stay true: the output is valid JSON and valid UTF-8 whatever bytes a task wrote, one line, and
 * keys never change their meaning. Numbers that may exceed 2^53 are hexadecimal strings; nanoseconds are
 * numbers, since every reader of the gadget this resembles expects them so.
 */

#include "proto/event_json.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/utf8.h"
#include "proto/event_text.h"
#include "syscalls/names.h"

void json_put_text(struct buf *to, const char *text, size_t n) {
        const unsigned char *bytes = (const unsigned char *)text;
        size_t plain = 0; /* first byte not yet put */

        buf_putc(to, '"');
        for (size_t i = 0; i < n;) {
                size_t length = utf8_length(bytes + i, n - i);
                unsigned char c = bytes[i];

                if (length == 1 && c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) {
                        i++;
                        continue;
                }
                /* C1 control characters are two bytes, and terminals obey them. */
                if (length > 2 || (length == 2 && !(c == 0xc2 && bytes[i + 1] < 0xa0))) {
                        i += length;
                        continue;
                }
                buf_put(to, text + plain, i - plain);
                if (length == 0)
                        buf_printf(to, "\\\\x%02x", c);
                else if (length == 2)
                        buf_printf(to, "\\u%04x", bytes[i + 1]);
                else if (c == '"' || c == '\\')
                        buf_put(to, (char[]){ '\\', (char)c }, 2);
                else if (c == '\n')
                        buf_puts(to, "\\n");
                else if (c == '\t')
                        buf_puts(to, "\\t");
                else
                        buf_printf(to, "\\u%04x", c);
                i += length > 0 ? length : 1;
                plain = i;
        }
        buf_put(to, text + plain, n - plain);
        buf_putc(to, '"');
}

static void put_key_text(struct buf *to, const char *key, const char *text) {
        buf_printf(to, ",\"%s\":", key);
        json_put_text(to, text, strlen(text));
}

/* Many readers take signed 64 bits only; nothing real is larger. */
static uint64_t number_of(uint64_t value) {
        return value > INT64_MAX ? INT64_MAX : value;
}

static void put_time(struct buf *to, const char *key, uint64_t ns) {
        time_t seconds = (time_t)(ns / 1000000000);
        struct tm tm;
        char text[40];

        if (!gmtime_r(&seconds, &tm) || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
                strcpy(text, "?");
        buf_printf(to, "\"%s\":\"%s.%09uZ\",\"%s_raw\":%" PRIu64, key, text, (unsigned)(ns % 1000000000),
                   key, number_of(ns));
}

static void put_bool(struct buf *to, const char *key, bool value) {
        buf_printf(to, ",\"%s\":%s", key, value ? "true" : "false");
}

static void put_call(struct buf *to, const struct event *event) {
        const struct arch *arch = arch_of_call(event->arch, event->nr);
        char space[32];
        const char *label = syscall_label(event->arch, event->nr, space, sizeof(space));

        buf_puts(to, ",\"syscall\":\"SYS_");
        for (const char *at = label; *at; at++)
                buf_putc(to, (char)toupper((unsigned char)*at));
        buf_putc(to, '"');
        put_key_text(to, "syscall_name", label);
        buf_printf(to, ",\"syscall_raw\":%" PRIu32, event->nr);
        put_key_text(to, "arch", arch ? arch->name : "unknown");
        buf_printf(to, ",\"arch_raw\":%" PRIu32 ",\"args\":[", event->arch);
        for (size_t i = 0; i < EVENT_N_ARGS; i++) {
                buf_puts(to, i > 0 ? "," : "");
                if (event->flags & EVENT_UNKNOWN_ARG(i))
                        buf_puts(to, "null");
                else
                        buf_printf(to, "\"0x%" PRIx64 "\"", event->args[i]);
        }
        buf_putc(to, ']');
        if (event->detail[0]) {
                put_key_text(to, "detail", event->detail);
                put_bool(to, "detail_confirmed", event->flags & EVENT_DETAIL_OK);
        }
        buf_printf(to, ",\"ip\":\"0x%" PRIx64 "\"", event->ip);
        if (event->object[0]) {
                put_key_text(to, "object", event->object);
                buf_printf(to, ",\"object_offset\":\"0x%" PRIx64 "\"", event->object_offset);
        }
}

static void put_verdict(struct buf *to, const struct event *event) {
        const char *action = event_text_action(event->verdict);
        char code[48];

        put_key_text(to, "code", action ? action : "unknown");
        buf_printf(to, ",\"code_raw\":%" PRIu32, event->verdict);
        put_key_text(to, "verdict", event_text_code(event->verdict, code, sizeof(code)));
        put_key_text(to, "answer", event_text_answer(event->answer));
        if (event->answer == EVENT_ANSWER_ERRNO || event->answer == EVENT_ANSWER_VALUE ||
            event->answer == EVENT_ANSWER_FD)
                buf_printf(to, ",\"value\":%" PRId64, event->value);
        if (event->flags & EVENT_PERFORMED)
                put_bool(to, "performed", true);
}

/* What a container is called in a cluster, as the gadgets say it. */
static void put_k8s(struct buf *to, const struct event_source *source) {
        static const struct {
                const char *label, *key;
        } rows[] = {
                { "node", "node" },
                { "namespace", "namespace" },
                { "pod", "podName" },
                { "container", "containerName" },
        };
        bool any = false;

        if (!event_source_label(source, "pod"))
                return;
        buf_puts(to, ",\"k8s\":{");
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const char *value = event_source_label(source, rows[i].label);

                if (!value)
                        continue;
                buf_printf(to, "%s\"%s\":", any ? "," : "", rows[i].key);
                json_put_text(to, value, strlen(value));
                any = true;
        }
        buf_putc(to, '}');
}

static void put_source(struct buf *to, const struct event_source *source) {
        const struct labels *labels = &source->labels;

        buf_printf(to, "\"session\":%" PRIu64, number_of(source->number));
        put_key_text(to, "mode", event_source_mode(source->mode));
        if (source->profile)
                put_key_text(to, "profile", source->profile);
        put_k8s(to, source);
        if (labels->n == 0)
                return;
        buf_puts(to, ",\"labels\":{");
        for (size_t i = 0; i < labels->n; i++) {
                buf_puts(to, i > 0 ? "," : "");
                json_put_text(to, labels->items[i].name, strlen(labels->items[i].name));
                buf_putc(to, ':');
                json_put_text(to, labels->items[i].value, strlen(labels->items[i].value));
        }
        buf_putc(to, '}');
}

void event_source_json(struct buf *to, const struct event_source *source, const struct ledger *ledger) {
        buf_putc(to, '{');
        put_source(to, source);
        if (ledger) {
                buf_puts(to, ",\"ledger\":");
                ledger_json(to, ledger);
        }
        buf_putc(to, '}');
}

void event_json(struct buf *to, const struct event *event, const char *rule) {
        event_json_of(to, event, rule, NULL);
}

void event_json_of(struct buf *to, const struct event *event, const char *rule,
                   const struct event_source *source) {
        buf_putc(to, '{');
        put_time(to, "timestamp", event->first_ns);
        buf_puts(to, ",\"proc\":{\"comm\":");
        json_put_text(to, event->comm, strnlen(event->comm, sizeof(event->comm)));
        buf_printf(to, ",\"pid\":%" PRIu32 ",\"tid\":%" PRIu32, event->pid, event->tid);
        if (event->uid != UINT32_MAX)
                buf_printf(to, ",\"creds\":{\"uid\":%" PRIu32 "}", event->uid);
        if (event->exe[0])
                put_key_text(to, "exe", event->exe);
        buf_putc(to, '}');
        put_call(to, event);
        put_verdict(to, event);
        if (rule)
                put_key_text(to, "rule", rule);
        buf_printf(to, ",\"count\":%" PRIu64, number_of(event->count));
        if (event->count > 1) {
                buf_putc(to, ',');
                put_time(to, "last_timestamp", event->last_ns);
        }
        put_bool(to, "observed", event->flags & EVENT_OBSERVED);
        if (event->flags & EVENT_RUNTIME)
                put_bool(to, "runtime", true);
        put_bool(to, "gone", event->flags & EVENT_GONE);
        put_bool(to, "merged_args", event->flags & EVENT_MERGED_ARGS);
        if (source) {
                buf_putc(to, ',');
                put_source(to, source);
        } else if (event->source > 0) {
                buf_printf(to, ",\"session\":%" PRIu64, number_of(event->source));
        }
        buf_putc(to, '}');
}

void ledger_json(struct buf *to, const struct ledger *ledger) {
        buf_printf(to,
                   "{\"received\":%" PRIu64 ",\"answered\":%" PRIu64 ",\"gone\":%" PRIu64
                   ",\"pending\":%" PRIu64 ",\"recorded\":%" PRIu64 ",\"dropped\":%" PRIu64
                   ",\"interrupted\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"written\":%" PRIu64
                   ",\"unwritten\":%" PRIu64 ",\"merged\":%" PRIu64 "}",
                   number_of(ledger->received), number_of(ledger->answered), number_of(ledger->gone),
                   number_of(ledger->pending), number_of(ledger->recorded), number_of(ledger->dropped),
                   number_of(ledger->interrupted), number_of(ledger->errors), number_of(ledger->written),
                   number_of(ledger->unwritten), number_of(ledger->merged));
}
