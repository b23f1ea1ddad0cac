/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Profiles as JSON text, laid out as people know it from docker's default profile: one name per line, so
 * that two recordings can be compared by diff(1). jansson quotes the strings; the layout is ours, since its
 * own would put conditions of one rule on twenty lines.
 *
 * What must stay true: reading the text gives the same model, and equal models give equal text.
 */

#include "policy/write_oci.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "base/error.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

struct writer {
        struct buf *to;
        unsigned indent;
        bool first; /* nothing in the innermost container yet */
        bool containers;
};

static int put_bytes(const char *bytes, size_t n, void *to) {
        buf_put(to, bytes, n);
        return 0;
}

static void quote(struct writer *writer, const char *text) {
        json_t *string = json_string(text);

        /* Names come from readers that take UTF-8 only, or from our own tables. */
        if (!string || json_dump_callback(string, put_bytes, writer->to, JSON_ENCODE_ANY) < 0)
                writer->to->error = writer->to->error ?: -EILSEQ;
        json_decref(string);
}

static void line(struct writer *writer) {
        buf_puts(writer->to, writer->first ? "\n" : ",\n");
        for (unsigned i = 0; i < writer->indent; i++)
                buf_putc(writer->to, '\t');
        writer->first = false;
}

static void key(struct writer *writer, const char *name) {
        line(writer);
        buf_printf(writer->to, "\"%s\": ", name);
}

static void open_container(struct writer *writer, char bracket) {
        buf_putc(writer->to, bracket);
        writer->indent++;
        writer->first = true;
}

static void close_container(struct writer *writer, char bracket) {
        bool empty = writer->first;

        writer->indent--;
        writer->first = true;
        if (!empty)
                line(writer);
        buf_putc(writer->to, bracket);
        writer->first = false;
}

static void key_text(struct writer *writer, const char *name, const char *text) {
        key(writer, name);
        quote(writer, text);
}

static void key_number(struct writer *writer, const char *name, uint64_t value) {
        key(writer, name);
        buf_printf(writer->to, "%" PRIu64, value);
}

static void key_words(struct writer *writer, const char *name, char *const *words, size_t n) {
        if (n == 0)
                return;
        key(writer, name);
        open_container(writer, '[');
        for (size_t i = 0; i < n; i++) {
                line(writer);
                quote(writer, words[i]);
        }
        close_container(writer, ']');
}

/* podman's form names the error beside the number that the others read. */
static void put_errno(struct writer *writer, uint32_t action, bool set, const char *number,
                      const char *name) {
        unsigned value = action & SECCOMP_RET_DATA;
        const char *known = value > 0 ? strerrorname_np((int)value) : NULL;

        if (!set || !action_has_errno(action))
                return;
        key_number(writer, number, value);
        if (writer->containers && known)
                key_text(writer, name, known);
}

static void put_condition(struct writer *writer, const struct condition *condition) {
        line(writer);
        open_container(writer, '{');
        key_number(writer, "index", condition->index);
        key_number(writer, "value", condition->value);
        if (condition->op == CONDITION_MASKED_EQ)
                key_number(writer, "valueTwo", condition->value_two);
        key_text(writer, "op", op_name((enum condition_op)condition->op));
        close_container(writer, '}');
}

static void put_when(struct writer *writer, const char *name, const struct rule_when *when) {
        if (when->n_caps == 0 && when->n_arches == 0 && !when->kernel_set)
                return;
        key(writer, name);
        open_container(writer, '{');
        key_words(writer, "caps", when->caps, when->n_caps);
        key_words(writer, "arches", when->arches, when->n_arches);
        if (when->kernel_set) {
                key(writer, "minKernel");
                buf_printf(writer->to, "\"%u.%u\"", when->kernel_major, when->kernel_minor);
        }
        close_container(writer, '}');
}

static void put_rule(struct writer *writer, const struct rule *rule) {
        open_container(writer, '{');
        if (rule->legacy_name && rule->n_names == 1) {
                key_text(writer, "name", rule->names[0]);
        } else {
                key(writer, "names");
                open_container(writer, '[');
                for (size_t i = 0; i < rule->n_names; i++) {
                        line(writer);
                        quote(writer, rule->names[i]);
                }
                close_container(writer, ']');
        }
        key_text(writer, "action", action_name(rule->action));
        put_errno(writer, rule->action, rule->errno_set, "errnoRet", "errno");
        if (rule->n_conditions > 0) {
                key(writer, "args");
                open_container(writer, '[');
                for (size_t i = 0; i < rule->n_conditions; i++)
                        put_condition(writer, rule->conditions + i);
                close_container(writer, ']');
        }
        if (rule->comment)
                key_text(writer, "comment", rule->comment);
        put_when(writer, "includes", &rule->includes);
        put_when(writer, "excludes", &rule->excludes);
        close_container(writer, '}');
}

static void put_archs(struct writer *writer, const char *name, const struct profile_arch *archs, size_t n) {
        key(writer, name);
        open_container(writer, '[');
        for (size_t i = 0; i < n; i++) {
                line(writer);
                quote(writer, archs[i].name);
        }
        close_container(writer, ']');
}

static void put_arch_map(struct writer *writer, const struct profile *profile) {
        key(writer, "archMap");
        open_container(writer, '[');
        for (size_t i = 0; i < profile->n_arch_maps; i++) {
                const struct profile_arch_map *map = profile->arch_maps + i;

                line(writer);
                open_container(writer, '{');
                key_text(writer, "architecture", map->arch.name);
                put_archs(writer, "subArchitectures", map->subs, map->n_subs);
                close_container(writer, '}');
        }
        close_container(writer, ']');
}

static void put_flags(struct writer *writer, unsigned flags) {
        static const struct {
                unsigned flag;
                const char *name;
        } rows[] = {
                { SECCOMP_FILTER_FLAG_LOG, "SECCOMP_FILTER_FLAG_LOG" },
                { SECCOMP_FILTER_FLAG_SPEC_ALLOW, "SECCOMP_FILTER_FLAG_SPEC_ALLOW" },
                { SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" },
        };

        key(writer, "flags");
        open_container(writer, '[');
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                if (flags & rows[i].flag) {
                        line(writer);
                        quote(writer, rows[i].name);
                }
        close_container(writer, ']');
}

int profile_write_rule(const struct rule *rule, enum profile_dialect dialect, unsigned indent,
                       struct buf *to) {
        struct writer writer = { .to = to, .indent = indent, .containers = dialect == DIALECT_CONTAINERS };

        put_rule(&writer, rule);
        return error_trace(buf_error(to));
}

int profile_write_oci(const struct profile *profile, struct buf *to) {
        struct writer writer = { .to = to, .containers = profile->dialect == DIALECT_CONTAINERS };

        open_container(&writer, '{');
        if (profile->default_set) {
                key_text(&writer, "defaultAction", action_name(profile->default_action));
                put_errno(&writer, profile->default_action, profile->default_errno_set, "defaultErrnoRet",
                          "defaultErrno");
        }
        if (profile->n_arch_maps > 0)
                put_arch_map(&writer, profile);
        else if (profile->n_archs > 0)
                put_archs(&writer, "architectures", profile->archs, profile->n_archs);
        if (profile->flags_set)
                put_flags(&writer, profile->flags);
        if (profile->listener_path)
                key_text(&writer, "listenerPath", profile->listener_path);
        if (profile->listener_metadata)
                key_text(&writer, "listenerMetadata", profile->listener_metadata);
        if (profile->n_rules > 0) {
                key(&writer, "syscalls");
                open_container(&writer, '[');
                for (size_t i = 0; i < profile->n_rules; i++) {
                        line(&writer);
                        put_rule(&writer, profile->rules + i);
                }
                close_container(&writer, ']');
        }
        close_container(&writer, '}');
        buf_putc(to, '\n');
        return error_trace(buf_error(to));
}
