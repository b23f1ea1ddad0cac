/* SPDX-License-Identifier: Apache-2.0 */

/* What a rule does. */

#include "policy/native/read_policy.h"

#include "base/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ASK_TIMEOUT_NS (60 * 1000000000ll)
#define DELAY_MAX_NS   (3600 * 1000000000ll)

static void do_errno(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_rule *rule = to;
        int number = 0;

        policy_errno(reader, value, &number);
        rule->action = POLICY_ERRNO;
        rule->value = number;
}

static void do_return(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_rule *rule = to;

        policy_signed(reader, value, &rule->value);
        rule->action = POLICY_RETURN;
        if (rule->value < 0 && rule->value >= -4095)
                policy_bad(reader, "%lld is how the kernel returns an error; write { errno: %s }",
                           (long long)rule->value, strerrorname_np((int)-rule->value) ?: "EPERM");
}

static void do_redirect(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_rule *rule = to;

        free(rule->text);
        rule->text = policy_copy_text(reader, value, "a path or an address");
        rule->action = POLICY_REDIRECT;
}

static void substitute_text(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_rule *rule = to;
        const char *text = reader_text(&reader->base, value, "a text");

        free(rule->text);
        rule->text = text ? strdup(text) : NULL; /* an empty file is fine */
        rule->content = POLICY_TEXT;
        if (text && !rule->text)
                reader_fail(&reader->base, error_origin(-ENOMEM));
}

static void substitute_file(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_rule *rule = to;

        free(rule->text);
        rule->text = policy_path(reader, value);
        rule->content = POLICY_FILE;
}

static void substitute_template(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_rule *rule = to;

        substitute_file(reader, value, to);
        rule->content = POLICY_TEMPLATE;
}

static void do_substitute(struct policy_reader *reader, const json_t *value, void *to) {
        static const struct policy_field fields[] = {
                { "text", substitute_text },
                { "file", substitute_file },
                { "template", substitute_template },
        };
        struct policy_rule *rule = to;

        rule->action = POLICY_SUBSTITUTE;
        if (policy_fields(reader, value, "an object: { text: … }, { file: … } or { template: … }", fields, 3,
                          rule) &&
            json_object_size(value) != 1)
                policy_bad(reader, "takes one of \"text\", \"file\" and \"template\"");
}

static void do_emulate(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_rule *rule = to;

        rule->action = POLICY_EMULATE;
        policy_read_emulate(reader, value, rule);
}

static void do_delay(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_rule *rule = to;

        rule->action = POLICY_DELAY;
        if (policy_duration(reader, value, false, &rule->value) && rule->value > DELAY_MAX_NS)
                policy_bad(reader, "is longer than an hour; shorten it");
}

static void ask_timeout(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_rule *rule = to;

        if (policy_duration(reader, value, false, &rule->value) && rule->value == 0)
                policy_bad(reader, "leaves no time to answer; write 30s");
}

static void ask_otherwise_errno(struct policy_reader *reader, const json_t *value, void *to) {
        policy_errno(reader, value, &((struct policy_rule *)to)->otherwise_errno);
}

static void ask_otherwise(struct policy_reader *reader, const json_t *value, void *to) {
        static const struct policy_field fields[] = { { "errno", ask_otherwise_errno } };
        struct policy_rule *rule = to;
        const char *text = json_string_value(value);

        if (text && !strcmp(text, "allow"))
                rule->otherwise = POLICY_ALLOW;
        else
                policy_fields(reader, value, "\"allow\" or { errno: EPERM }", fields, 1, rule);
}

static void do_ask(struct policy_reader *reader, const json_t *value, void *to) {
        static const struct policy_field fields[] = {
                { "timeout", ask_timeout },
                { "otherwise", ask_otherwise },
        };
        struct policy_rule *rule = to;

        rule->action = POLICY_ASK;
        rule->value = ASK_TIMEOUT_NS;
        rule->otherwise = POLICY_ERRNO;
        rule->otherwise_errno = EPERM;
        if (value)
                policy_fields(reader, value, "an object: { timeout: 30s, otherwise: allow }", fields, 2,
                              rule);
}

static const struct policy_field fields[] = {
        { "errno", do_errno },       { "return", do_return },
        { "redirect", do_redirect }, { "substitute", do_substitute },
        { "emulate", do_emulate },   { "delay", do_delay },
        { "ask", do_ask },
};
#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

/* "allow" and the like; false: it is none of them. */
static bool plain(struct policy_reader *reader, const char *text, struct policy_rule *rule) {
        static const enum policy_action actions[] = { POLICY_ALLOW, POLICY_LOG, POLICY_KILL };

        for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
                if (!strcmp(policy_action_name(actions[i]), text)) {
                        rule->action = actions[i];
                        return true;
                }
        if (strcmp(text, "ask") != 0)
                return false;
        do_ask(reader, NULL, rule);
        return true;
}

/* A state given beside the policy stands in the tree, so that it travels along. */
static void set_state(struct policy_reader *reader, json_t *value) {
        json_t *emulate = json_object_get(value, "emulate"), *options;
        const char *name = json_string_value(emulate);

        if (name && strcmp(name, "root") == 0) {
                emulate = json_pack("{s:{}}", "root");
                if (json_object_set_new(value, "emulate", emulate))
                        reader_fail(&reader->base, error_origin(-ENOMEM));
        }
        options = json_object_get(emulate, "root");
        if (json_is_object(options) &&
            json_object_set_new(options, "state", json_string(reader->options->state)))
                reader_fail(&reader->base, error_origin(-ENOMEM));
}

void policy_read_do(struct policy_reader *reader, const json_t *value, void *to) {
        const char *text = json_is_number_text(value) ? NULL : json_string_value(value);
        char shown[READER_SHOWN], hint[READER_HINT];
        struct policy_rule *rule = to;

        if (json_is_object(value) && reader->options && reader->options->state)
                set_state(reader, (json_t *)(uintptr_t)value);
        if (!text) {
                if (policy_fields(reader, value, "something to do: allow, log, kill, ask, or an object",
                                  fields, N_FIELDS, rule) &&
                    json_object_size(value) != 1)
                        policy_bad(reader, "takes one thing to do, such as { errno: EPERM }");
        } else if (!plain(reader, text, rule)) {
                const char *names[POLICY_N_ACTIONS];
                bool is_field = false;

                for (unsigned i = 0; i < POLICY_N_ACTIONS; i++)
                        names[i] = policy_action_name((enum policy_action)i);
                for (size_t i = 0; i < N_FIELDS; i++)
                        is_field |= !strcmp(fields[i].name, text);
                policy_bad(reader, "%s is not something to do%s", reader_quote(text, shown, sizeof(shown)),
                           is_field ? " by itself; write { errno: EPERM } and the like"
                                    : reader_hint(hint, sizeof(hint),
                                                  diag_nearest(text, names, POLICY_N_ACTIONS)));
        }
}
