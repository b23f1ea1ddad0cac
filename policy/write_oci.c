/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Profiles as JSON text, laid out as people know it from docker's default profile: one name per line, so
 * that two recordings can be compared by diff(1).
 *
 * What must stay true: reading the text gives the same model, and equal models give equal text.
 */

#include "policy/write_oci.h"

#include <string.h>

#include "base/error.h"
#include "policy/write_layout.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

/* podman's form names the error beside the number that the others read. */
static void put_errno(struct layout *layout, uint32_t action, bool set, const char *number,
                      const char *name) {
        unsigned value = action & SECCOMP_RET_DATA;
        const char *known = value > 0 ? strerrorname_np((int)value) : NULL;

        if (!set || !action_has_errno(action))
                return;
        layout_number(layout, number, value);
        if (layout->containers && known)
                layout_text(layout, name, known);
}

static void put_condition(struct layout *layout, const struct condition *condition) {
        layout_line(layout);
        layout_open(layout, '{');
        layout_number(layout, "index", condition->index);
        layout_number(layout, "value", condition->value);
        if (condition->op == CONDITION_MASKED_EQ)
                layout_number(layout, "valueTwo", condition->value_two);
        layout_text(layout, "op", op_name((enum condition_op)condition->op));
        layout_close(layout, '}');
}

static void put_when(struct layout *layout, const char *name, const struct rule_when *when) {
        if (when->n_caps == 0 && when->n_arches == 0 && !when->kernel_set)
                return;
        layout_key(layout, name);
        layout_open(layout, '{');
        layout_words(layout, "caps", when->caps, when->n_caps);
        layout_words(layout, "arches", when->arches, when->n_arches);
        if (when->kernel_set) {
                layout_key(layout, "minKernel");
                buf_printf(layout->to, "\"%u.%u\"", when->kernel_major, when->kernel_minor);
        }
        layout_close(layout, '}');
}

static void put_rule(struct layout *layout, const struct rule *rule) {
        layout_open(layout, '{');
        if (rule->legacy_name && rule->n_names == 1) {
                layout_text(layout, "name", rule->names[0]);
        } else {
                layout_key(layout, "names");
                layout_open(layout, '[');
                for (size_t i = 0; i < rule->n_names; i++) {
                        layout_line(layout);
                        layout_quote(layout, rule->names[i]);
                }
                layout_close(layout, ']');
        }
        layout_text(layout, "action", action_name(rule->action));
        put_errno(layout, rule->action, rule->errno_set, "errnoRet", "errno");
        if (rule->n_conditions > 0) {
                layout_key(layout, "args");
                layout_open(layout, '[');
                for (size_t i = 0; i < rule->n_conditions; i++)
                        put_condition(layout, rule->conditions + i);
                layout_close(layout, ']');
        }
        if (rule->comment)
                layout_text(layout, "comment", rule->comment);
        put_when(layout, "includes", &rule->includes);
        put_when(layout, "excludes", &rule->excludes);
        layout_close(layout, '}');
}

static void put_archs(struct layout *layout, const char *name, const struct profile_arch *archs, size_t n) {
        layout_key(layout, name);
        layout_open(layout, '[');
        for (size_t i = 0; i < n; i++) {
                layout_line(layout);
                layout_quote(layout, archs[i].name);
        }
        layout_close(layout, ']');
}

static void put_arch_map(struct layout *layout, const struct profile *profile) {
        layout_key(layout, "archMap");
        layout_open(layout, '[');
        for (size_t i = 0; i < profile->n_arch_maps; i++) {
                const struct profile_arch_map *map = profile->arch_maps + i;

                layout_line(layout);
                layout_open(layout, '{');
                layout_text(layout, "architecture", map->arch.name);
                put_archs(layout, "subArchitectures", map->subs, map->n_subs);
                layout_close(layout, '}');
        }
        layout_close(layout, ']');
}

static void put_flags(struct layout *layout, unsigned flags) {
        static const struct {
                unsigned flag;
                const char *name;
        } rows[] = {
                { SECCOMP_FILTER_FLAG_LOG, "SECCOMP_FILTER_FLAG_LOG" },
                { SECCOMP_FILTER_FLAG_SPEC_ALLOW, "SECCOMP_FILTER_FLAG_SPEC_ALLOW" },
                { SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" },
        };

        layout_key(layout, "flags");
        layout_open(layout, '[');
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                if (flags & rows[i].flag) {
                        layout_line(layout);
                        layout_quote(layout, rows[i].name);
                }
        layout_close(layout, ']');
}

int profile_write_rule(const struct rule *rule, enum profile_dialect dialect, unsigned indent,
                       struct buf *to) {
        struct layout layout = { .to = to, .indent = indent, .containers = dialect == DIALECT_CONTAINERS };

        put_rule(&layout, rule);
        return error_trace(buf_error(to));
}

void profile_write_fields(const struct profile *profile, struct layout *layout) {
        if (profile->default_set) {
                layout_text(layout, "defaultAction", action_name(profile->default_action));
                put_errno(layout, profile->default_action, profile->default_errno_set, "defaultErrnoRet",
                          "defaultErrno");
        }
        if (profile->n_arch_maps > 0)
                put_arch_map(layout, profile);
        else if (profile->n_archs > 0)
                put_archs(layout, "architectures", profile->archs, profile->n_archs);
        if (profile->flags_set)
                put_flags(layout, profile->flags);
        if (profile->listener_path)
                layout_text(layout, "listenerPath", profile->listener_path);
        if (profile->listener_metadata)
                layout_text(layout, "listenerMetadata", profile->listener_metadata);
        if (profile->n_rules == 0)
                return;
        layout_key(layout, "syscalls");
        layout_open(layout, '[');
        for (size_t i = 0; i < profile->n_rules; i++) {
                layout_line(layout);
                put_rule(layout, profile->rules + i);
        }
        layout_close(layout, ']');
}

int profile_write_oci(const struct profile *profile, struct buf *to) {
        struct layout layout = { .to = to, .containers = profile->dialect == DIALECT_CONTAINERS };

        layout_open(&layout, '{');
        profile_write_fields(profile, &layout);
        layout_close(&layout, '}');
        buf_putc(to, '\n');
        return error_trace(buf_error(to));
}
