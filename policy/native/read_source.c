/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a policy that travels to the supervisor: JSON, one document, without includes, variables and
 * relative paths, with the base profile in it. Reading it gives the same policy, and the same text again.
 *
 * The field "resolved" marks it. It holds the file's name, that of the base, and where each rule stood.
 */

#include "policy/native/read_policy.h"

#include "base/error.h"
#include "policy/write_oci.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SOURCE_BYTES_MAX POLICY_BYTES_MAX

static void put_text(const char *text, struct buf *to) {
        buf_putc(to, '"');
        for (; *text; text++) {
                unsigned char c = (unsigned char)*text;

                if (c == '"' || c == '\\')
                        buf_printf(to, "\\%c", c);
                else if (c == '\n')
                        buf_puts(to, "\\n");
                else if (c < 0x20 || c == 0x7f)
                        buf_printf(to, "\\u%04x", c);
                else
                        buf_putc(to, (char)c);
        }
        buf_putc(to, '"');
}

static void put_array(const json_t *array, struct buf *to) {
        size_t i;
        json_t *item;

        buf_putc(to, '[');
        json_array_foreach(array, i, item) {
                if (i)
                        buf_putc(to, ',');
                policy_json_text(item, to);
        }
        buf_putc(to, ']');
}

static void put_object(const json_t *object, struct buf *to) {
        bool first = true;
        const char *key;
        json_t *item;

        buf_putc(to, '{');
        json_object_foreach((json_t *)object, key, item) {
                if (!first)
                        buf_putc(to, ',');
                first = false;
                put_text(key, to);
                buf_putc(to, ':');
                policy_json_text(item, to);
        }
        buf_putc(to, '}');
}

void policy_json_text(const json_t *value, struct buf *to) {
        char shown[READER_SHOWN];

        if (json_is_object(value))
                put_object(value, to);
        else if (json_is_array(value))
                put_array(value, to);
        else if (json_is_string(value) && !json_is_number_text(value))
                put_text(json_string_value(value), to);
        else
                buf_puts(to, json_show(value, shown, sizeof(shown)));
}

static void put_field(struct buf *to, const char *name, const json_t *value) {
        if (!value || json_is_null(value))
                return;
        buf_printf(to, ",\n\"%s\":", name);
        policy_json_text(value, to);
}

/* Lists of all parts, one after the other. */
static void put_lists(struct policy_reader *reader, struct buf *to, const char *name) {
        bool any = false;

        for (size_t i = 0; i < reader->parts.n; i++) {
                const json_t *value = json_object_get(reader->parts.items[i].tree, name);
                size_t n = json_is_array(value) ? json_array_size(value) : value && !json_is_null(value);

                for (size_t k = 0; k < n; k++) {
                        if (any)
                                buf_puts(to, ",\n");
                        else
                                buf_printf(to, ",\n\"%s\":[", name);
                        any = true;
                        policy_json_text(json_is_array(value) ? json_array_get(value, k) : value, to);
                }
        }
        if (any)
                buf_putc(to, ']');
}

/* The value of the part that decides it. */
static void put_first(struct policy_reader *reader, struct buf *to, const char *name, unsigned order) {
        for (size_t i = 0; i < reader->parts.n; i++)
                if (reader->parts.items[i].order == order)
                        put_field(to, name, json_object_get(reader->parts.items[i].tree, name));
}

static void put_resolved(const struct policy *policy, struct buf *to) {
        buf_puts(to, "{\"version\":1,\n\"resolved\":{\"file\":");
        put_text(policy->file, to);
        if (policy->base_path) {
                buf_puts(to, ",\"base\":");
                put_text(policy->base_path, to);
        }
        buf_puts(to, ",\"rules\":[");
        for (size_t i = 0; i < policy->n_rules; i++) {
                buf_puts(to, i ? ",\n[" : "[");
                put_text(policy->rules[i].file, to);
                buf_putc(to, ',');
                put_text(policy->rules[i].place, to);
                buf_printf(to, ",%u,%u,", policy->rules[i].line, policy->rules[i].column);
                put_text(policy->rules[i].name, to);
                buf_putc(to, ']');
        }
        buf_puts(to, "]}");
}

void policy_write_source(struct policy_reader *reader) {
        struct policy *policy = reader->policy;
        struct buf to = BUF_INIT(SOURCE_BYTES_MAX);

        put_resolved(policy, &to);
        if (policy->base) {
                buf_puts(&to, ",\n\"base\":");
                profile_write_oci(policy->base, &to);
        }
        put_first(reader, &to, "default", reader->fallback_order);
        put_first(reader, &to, "on-error", reader->on_error_order);
        put_lists(reader, &to, "authority");
        put_lists(reader, &to, "binds");
        put_lists(reader, &to, "overlays");
        put_lists(reader, &to, "tmpfs");
        put_lists(reader, &to, "rules");
        buf_puts(&to, "}\n");
        if (buf_error(&to) == -ENOMEM)
                reader_fail(&reader->base, error_origin(-ENOMEM));
        else if (buf_error(&to))
                policy_bad(reader,
                           "is longer than %u MiB with all that it includes; no policy is that large",
                           SOURCE_BYTES_MAX >> 20);
        else if (!(policy->source = strdup(buf_string(&to))))
                reader_fail(&reader->base, error_origin(-ENOMEM));
        buf_deinit(&to);
}
