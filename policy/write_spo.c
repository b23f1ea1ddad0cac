/* SPDX-License-Identifier: Apache-2.0 */
/* SeccompProfile resources as people write them: two spaces, lists not indented further than their key. */

#include "policy/write_spo.h"

#include "base/error.h"
#include "policy/write_layout.h"
#include "policy/write_oci.h"
#include "policy/write_yaml.h"

#include <inttypes.h>
#include <string.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#define GROUP     "security-profiles-operator.x-k8s.io/"
#define NAME_MAX_ 253

static bool is_name_byte(char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool spo_name_is_valid(const char *name) {
        size_t n = strlen(name);

        if (n == 0 || n > NAME_MAX_ || !is_name_byte(name[0]) || !is_name_byte(name[n - 1]))
                return false;
        for (size_t i = 0; i < n; i++) {
                if (!is_name_byte(name[i]) && name[i] != '-' && name[i] != '.')
                        return false;
                if (name[i] == '.' && (!is_name_byte(name[i - 1]) || !is_name_byte(name[i + 1])))
                        return false;
        }
        return true;
}

void spo_name_from(const char *text, struct buf *to) {
        size_t start = to->n;

        for (; *text && to->n - start < NAME_MAX_; text++) {
                char c = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;

                if (is_name_byte(c))
                        buf_putc(to, c);
                else if (to->n > start && is_name_byte(to->data[to->n - 1]))
                        buf_putc(to, '-');
        }
        while (to->n > start && !is_name_byte(to->data[to->n - 1]))
                to->data[--to->n] = '\0';
        if (to->n == start)
                buf_puts(to, "profile");
}

static const char *version(const struct profile *profile) {
        return profile->older_api ? GROUP "v1beta1" : GROUP "v1";
}

static const char *name(const struct profile *profile) {
        return profile->name ? profile->name : "profile";
}

static const struct {
        unsigned flag;
        const char *name;
} flags[] = {
        { SECCOMP_FILTER_FLAG_LOG, "SECCOMP_FILTER_FLAG_LOG" },
        { SECCOMP_FILTER_FLAG_SPEC_ALLOW, "SECCOMP_FILTER_FLAG_SPEC_ALLOW" },
        { SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" },
};

static void put_text(struct buf *to, const char *key, const char *text) {
        if (!text)
                return;
        buf_printf(to, "  %s: ", key);
        yaml_quote(text, to);
        buf_putc(to, '\n');
}

static void put_item(struct buf *to, const char *indent, const char *text) {
        buf_printf(to, "%s- ", indent);
        yaml_quote(text, to);
        buf_putc(to, '\n');
}

static void put_condition(struct buf *to, const struct condition *condition) {
        buf_printf(to, "    - index: %u\n      value: %" PRIu64 "\n", condition->index, condition->value);
        if (condition->op == CONDITION_MASKED_EQ)
                buf_printf(to, "      valueTwo: %" PRIu64 "\n", condition->value_two);
        buf_printf(to, "      op: %s\n", op_name((enum condition_op)condition->op));
}

static void put_rule(struct buf *to, const struct rule *rule) {
        buf_printf(to, "  - action: %s\n", action_name(rule->action));
        if (rule->errno_set && action_has_errno(rule->action))
                buf_printf(to, "    errnoRet: %u\n", rule->action & SECCOMP_RET_DATA);
        buf_puts(to, rule->n_names ? "    names:\n" : "    names: []\n");
        for (size_t i = 0; i < rule->n_names; i++)
                put_item(to, "    ", rule->names[i]);
        if (rule->n_conditions)
                buf_puts(to, "    args:\n");
        for (size_t i = 0; i < rule->n_conditions; i++)
                put_condition(to, &rule->conditions[i]);
}

int profile_write_spo_yaml(const struct profile *profile, struct buf *to) {
        buf_printf(to, "apiVersion: %s\nkind: SeccompProfile\nmetadata:\n  name: ", version(profile));
        yaml_quote(name(profile), to);
        buf_puts(to, "\nspec:\n");
        if (profile->disabled)
                put_text(to, "state", "Disabled");
        put_text(to, "baseProfileName", profile->base_name);
        buf_printf(to, "  defaultAction: %s\n", action_name(profile->default_action));
        if (profile->n_archs)
                buf_puts(to, "  architectures:\n");
        for (size_t i = 0; i < profile->n_archs; i++)
                put_item(to, "  ", profile->archs[i].name);
        if (profile->flags_set)
                buf_puts(to, profile->flags ? "  flags:\n" : "  flags: []\n");
        for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
                if (profile->flags_set && profile->flags & flags[i].flag)
                        put_item(to, "  ", flags[i].name);
        put_text(to, "listenerPath", profile->listener_path);
        put_text(to, "listenerMetadata", profile->listener_metadata);
        if (profile->n_rules)
                buf_puts(to, "  syscalls:\n");
        for (size_t i = 0; i < profile->n_rules; i++)
                put_rule(to, &profile->rules[i]);
        return error_trace(buf_error(to));
}

int profile_write_spo_json(const struct profile *profile, struct buf *to) {
        struct layout layout = { .to = to };

        layout_open(&layout, '{');
        layout_text(&layout, "apiVersion", version(profile));
        layout_text(&layout, "kind", "SeccompProfile");
        layout_key(&layout, "metadata");
        layout_open(&layout, '{');
        layout_text(&layout, "name", name(profile));
        layout_close(&layout, '}');
        layout_key(&layout, "spec");
        layout_open(&layout, '{');
        if (profile->disabled)
                layout_text(&layout, "state", "Disabled");
        if (profile->base_name)
                layout_text(&layout, "baseProfileName", profile->base_name);
        profile_write_fields(profile, &layout);
        layout_close(&layout, '}');
        layout_close(&layout, '}');
        buf_putc(to, '\n');
        return error_trace(buf_error(to));
}
