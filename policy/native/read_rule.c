/* SPDX-License-Identifier: Apache-2.0 */

/* Rules: which calls they are about, and what stands around `where` and `do`. */

#include "policy/native/read_policy.h"

#include "base/error.h"
#include "policy/native/calls.h"
#include "syscalls/names.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A name once. */
static void add_call(struct policy_reader *reader, struct policy_rule *rule, const char *name) {
        char **to;

        if (policy_rule_covers(rule, name))
                return;
        to = policy_grow(reader, (void **)&rule->calls, &rule->n_calls, sizeof(*to));
        if (!to)
                return;
        *to = strdup(name);
        if (!*to) {
                rule->n_calls--;
                reader_fail(&reader->base, error_origin(-ENOMEM));
        }
}

#define NAME_MAX_    200
#define MESSAGE_MAX_ 1000
#define WEIGHT_MAX   262144

static const struct policy_family *family_by_name(const char *name) {
        for (size_t i = 0; i < policy_families_n; i++)
                if (!strcmp(policy_families[i].name, name))
                        return &policy_families[i];
        return NULL;
}

static void read_call(struct policy_reader *reader, const json_t *value, void *to) {
        const char *name = reader_text(&reader->base, value, "the name of a system call");
        char shown[READER_SHOWN], hint[READER_HINT];

        if (!name)
                return;
        if (syscall_known(name))
                add_call(reader, to, name);
        else if (family_by_name(name))
                policy_bad(reader, "%s is a family of calls; write it behind \"family\"",
                           reader_quote(name, shown, sizeof(shown)));
        else
                policy_bad(reader, "%s is not a system call%s", reader_quote(name, shown, sizeof(shown)),
                           reader_hint(hint, sizeof(hint), syscall_nearest(name)));
}

static void read_calls(struct policy_reader *reader, const json_t *value, void *to) {
        policy_each(reader, value, read_call, to);
}

static void read_family(struct policy_reader *reader, const json_t *value, void *to) {
        const char *name = reader_text(&reader->base, value, "the name of a family of calls");
        char shown[READER_SHOWN], hint[READER_HINT];
        const char *names[64];
        size_t n = 0;

        if (!name)
                return;
        for (; n < policy_families_n && n < 64; n++)
                names[n] = policy_families[n].name;
        if (family_by_name(name)) {
                for (size_t i = 0; i < policy_calls_n; i++)
                        if (policy_call_in_family(&policy_calls[i], name))
                                add_call(reader, to, policy_calls[i].name);
        } else if (syscall_known(name)) {
                policy_bad(reader, "%s is a system call; write it behind \"syscalls\"",
                           reader_quote(name, shown, sizeof(shown)));
        } else {
                policy_bad(reader,
                           "%s is not a family of calls%s; 'callgate policy explain --families' lists them",
                           reader_quote(name, shown, sizeof(shown)),
                           reader_hint(hint, sizeof(hint), diag_nearest(name, names, n)));
        }
}

static void read_families(struct policy_reader *reader, const json_t *value, void *to) {
        policy_each(reader, value, read_family, to);
}

static void read_name(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_rule *rule = to;
        char *name = policy_copy_text(reader, value, "a name"), shown[READER_SHOWN];

        if (!name)
                return;
        free(rule->name);
        rule->name = name;
        if (strlen(name) > NAME_MAX_)
                policy_bad(reader, "is longer than %d bytes; write the rest as \"message\"", NAME_MAX_);
        for (size_t i = 0; i + 1 < reader->policy->n_rules; i++)
                if (reader->policy->rules[i].name && !strcmp(reader->policy->rules[i].name, name)) {
                        policy_bad(reader,
                                   "another rule is called %s already, %s in %s; names tell rules "
                                   "apart when a policy is reloaded",
                                   reader_quote(name, shown, sizeof(shown)), reader->policy->rules[i].place,
                                   reader->policy->rules[i].file);
                        return;
                }
}

static void read_log(struct policy_reader *reader, const json_t *value, void *to) {
        policy_flag(reader, value, &((struct policy_rule *)to)->log);
}

static void read_advisory(struct policy_reader *reader, const json_t *value, void *to) {
        policy_flag(reader, value, &((struct policy_rule *)to)->advisory);
}

static void read_message(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_rule *rule = to;
        char *message = policy_copy_text(reader, value, "a text");

        free(rule->message);
        rule->message = message;
        if (message && strlen(message) > MESSAGE_MAX_)
                policy_bad(reader, "is longer than %d bytes; shorten it", MESSAGE_MAX_);
}

static const struct policy_field fields[] = {
        { "name", read_name },          { "syscalls", read_calls },  { "family", read_families },
        { "where", policy_read_where }, { "do", policy_read_do },    { "log", read_log },
        { "advisory", read_advisory },  { "message", read_message },
};

/* `emulate` without calls stands for all that it takes; "*": all that the supervisor can carry out. */
static void add_emulated(struct policy_reader *reader, struct policy_rule *rule) {
        const char *at = rule->emulation->calls;
        char name[64];

        if (!strcmp(at, "*")) {
                for (size_t i = 0; i < policy_calls_n; i++)
                        if (policy_calls[i].flags & POLICY_CALL_PERFORMED)
                                add_call(reader, rule, policy_calls[i].name);
                return;
        }
        for (size_t n; *at; at += n + (at[n] == ' ')) {
                n = strcspn(at, " ");
                snprintf(name, sizeof(name), "%.*s", (int)n, at);
                if (n)
                        add_call(reader, rule, name);
        }
}

/* Where the rule stands: as people find it, and as the text that travels says it. */
static bool set_place(struct policy_reader *reader, struct policy_rule *rule, size_t i) {
        const json_t *origins = json_object_get(json_object_get(reader->part->tree, "resolved"), "rules");
        const json_t *origin = reader->parts.resolved ? json_array_get(origins, i) : NULL;
        const json_t *file = json_array_get(origin, 0), *place = json_array_get(origin, 1);
        char text[32];

        snprintf(text, sizeof(text), "rules[%zu]", i);
        rule->line = reader->base.line;
        rule->column = reader->base.column;
        if (json_is_string(file) && json_is_string(place)) {
                rule->line = (unsigned)json_integer_value(json_array_get(origin, 2));
                rule->column = (unsigned)json_integer_value(json_array_get(origin, 3));
                rule->file = strdup(json_string_value(file));
                rule->place = strdup(json_string_value(place));
        } else {
                rule->file = strdup(reader->part->file);
                rule->place = strdup(text);
        }
        return rule->file && rule->place;
}

/* Is another file of the policy called the same, but for its folder? */
static bool name_is_shared(const struct policy_reader *reader, const char *base) {
        size_t n = 0;

        for (size_t i = 0; i < reader->parts.n; i++) {
                const char *file = reader->parts.items[i].file, *slash = strrchr(file, '/');

                n += !strcmp(slash ? slash + 1 : file, base);
        }
        return n > 1;
}

/* "rules[3]", of included files "net.yaml:rules[3]"; the text that travels has it. */
static bool set_name(struct policy_reader *reader, struct policy_rule *rule, size_t i) {
        const json_t *origins = json_object_get(json_object_get(reader->part->tree, "resolved"), "rules");
        const json_t *known = reader->parts.resolved ? json_array_get(json_array_get(origins, i), 4) : NULL;
        const char *main = reader->policy->file, *slash = strrchr(rule->file, '/');
        const char *base = slash ? slash + 1 : rule->file;

        if (rule->name)
                return true;
        if (json_is_string(known) && *json_string_value(known))
                return (rule->name = strdup(json_string_value(known)));
        if (!strcmp(rule->file, main))
                return (rule->name = strdup(rule->place));
        if (asprintf(&rule->name, "%s:%s", name_is_shared(reader, base) ? rule->file : base, rule->place) <
            0)
                rule->name = NULL;
        return rule->name;
}

/* Variables are replaced by now, so two rules of the same text mean the same. */
static bool set_source(struct policy_rule *rule, const json_t *value) {
        struct buf text = BUF_INIT(POLICY_BYTES_MAX);

        policy_json_text(value, &text);
        rule->source = text.error ? NULL : strdup(buf_string(&text));
        buf_deinit(&text);
        return rule->source;
}

/* Combinations of values that arguments may have; beyond a bound it is not counted on. */
static size_t combinations_of(const struct policy_rule *rule) {
        size_t n = 1;

        for (size_t i = 0; i < rule->where.n_args && n <= POLICY_ALTERNATIVES_MAX; i++)
                if (rule->where.args[i].op == CONDITION_EQ && rule->where.args[i].n_values)
                        n *= rule->where.args[i].n_values;
        return n;
}

/* What policy_prepare() and the filter may cost: each call with each combination of values, and each of
 * those with every comparison. */
static void weigh(struct policy_reader *reader, const struct policy_rule *rule) {
        size_t n = combinations_of(rule), n_tests = 1;

        if (n > POLICY_ALTERNATIVES_MAX) {
                policy_bad(
                        reader,
                        "the values of its arguments have more than %d combinations; make several rules of "
                        "it, or use masks",
                        POLICY_ALTERNATIVES_MAX);
                return;
        }
        for (size_t i = 0; i < rule->where.n_args; i++)
                n_tests += rule->where.args[i].op == CONDITION_NE ? rule->where.args[i].n_values : 1;
        reader->n_weight += n * n_tests * (rule->n_calls + 1);
        if (reader->n_weight > WEIGHT_MAX)
                policy_give_up(reader, "the rules have too many calls times values of arguments; use masks, "
                                       "ranges or patterns instead of lists");
}

static void read_rule(struct policy_reader *reader, const json_t *value, size_t i) {
        struct policy *policy = reader->policy;
        struct policy_rule *rule;
        const json_t **node;
        size_t n_errors = reader->base.n_errors;

        if (policy->n_rules == POLICY_RULES_MAX) {
                policy_bad(reader, "more than %d rules; put calls together, or use patterns",
                           POLICY_RULES_MAX);
                reader_fail(&reader->base, POLICY_E_INVALID);
                return;
        }
        node = policy_grow(reader, (void **)&reader->nodes, &reader->n_nodes, sizeof(*node));
        rule = node ? policy_grow(reader, (void **)&policy->rules, &policy->n_rules, sizeof(*rule)) : NULL;
        if (!rule)
                return;
        *node = value;
        if (!set_place(reader, rule, i) || !set_source(rule, value)) {
                reader_fail(&reader->base, error_origin(-ENOMEM));
                return;
        }
        if (!policy_fields(reader, value, "a rule: an object with \"do\"", fields,
                           sizeof(fields) / sizeof(fields[0]), rule))
                return;
        if (!set_name(reader, rule, i)) {
                reader_fail(&reader->base, error_origin(-ENOMEM));
                return;
        }
        if (!json_object_get(value, "do"))
                policy_bad(reader, "lacks \"do\", which says what is to happen: allow, log, kill, { errno: "
                                   "EPERM } …");
        else if (rule->emulation && !json_object_get(value, "syscalls") && !json_object_get(value, "family"))
                add_emulated(reader, rule);
        else if (!rule->n_calls && reader->base.n_errors == n_errors)
                policy_bad(reader, "names no calls; write \"syscalls\" or \"family\"");
        weigh(reader, rule);
}

void policy_read_rules(struct policy_reader *reader, const json_t *value, void *to) {
        size_t i;
        json_t *item;

        (void)to;
        if (!reader_expect(&reader->base, value, json_is_array(value), "a list of rules"))
                return;
        json_array_foreach(value, i, item) {
                struct reader_mark mark = policy_enter(reader, item, "[%zu]", i);

                read_rule(reader, item, i);
                policy_leave(reader, mark);
                if (reader->base.r)
                        return;
        }
}
