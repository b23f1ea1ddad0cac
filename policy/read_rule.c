/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One rule at a time. What runtimes ignore is a warning; what no runtime could take, or two would read
 * differently, is an error, and reading goes on with the next field.
 */

#include "policy/read_rule.h"

#include "base/error.h"
#include "policy/capability.h"
#include "syscalls/names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HINTS_MAX 1000 /* of one file */
#define ERRNO_MAX 4095 /* the kernel cuts larger ones to this */

bool read_action(struct reader *reader, const json_t *value, uint32_t *ret) {
        const char *text = reader_text(reader, value, "the name of an action, such as \"SCMP_ACT_ERRNO\"");
        char shown[READER_SHOWN], hint[READER_HINT];

        if (!text)
                return false;
        if (action_by_name(text, ret))
                return true;
        reader_bad(reader, "%s is not an action%s", reader_quote(text, shown, sizeof(shown)),
                   reader_hint(hint, sizeof(hint),
                               reader_nearest(text, "SCMP_ACT_", action_names, action_names_n)));
        return false;
}

static bool errno_by_name(const char *name, uint16_t *ret) {
        for (int i = 1; i <= 133; i++) {
                const char *known = strerrorname_np(i);

                if (known && !strcmp(known, name)) {
                        *ret = (uint16_t)i;
                        return true;
                }
        }
        return false;
}

void read_errno_number(struct reader *reader, const json_t *value, struct action_fields *fields) {
        uint64_t number;

        /* Early versions of SeccompProfile had a string here. */
        if (reader->dialects == IN_SPO && json_is_string(value) && !json_is_number_text(value)) {
                read_errno_name(reader, value, fields);
                return;
        }
        if (!reader_number(reader, value, UINT16_MAX, &number))
                return;
        if (reader->dialects == IN_SPO && !number) {
                reader_warn(
                        reader, "errno-zero",
                        "0 counts as absent in a SeccompProfile, so the call fails with EPERM; remove it");
                return;
        }
        if (number > ERRNO_MAX)
                reader_warn(reader, "errno-large", "the kernel returns %u instead of %llu", ERRNO_MAX,
                            (unsigned long long)number);
        fields->number_set = true;
        fields->number = (uint16_t)number;
}

/* podman takes the number as a text, too. */
static bool errno_by_text(const char *text, uint16_t *ret) {
        char *end;
        unsigned long number;

        if (*text < '0' || *text > '9')
                return errno_by_name(text, ret);
        errno = 0;
        number = strtoul(text, &end, 10);
        *ret = (uint16_t)number;
        return !errno && !*end && number <= UINT16_MAX;
}

void read_errno_name(struct reader *reader, const json_t *value, struct action_fields *fields) {
        char shown[READER_SHOWN];
        const char *text, *known;
        uint64_t number;

        reader->containers = true;
        if (!json_is_string(value) && json_uint64(value, &number) == JSON_NUMBER_OK && number < 4096) {
                known = strerrorname_np((int)number);
                reader_bad(reader, "%llu is a number, and here stands a name; write \"%s\"",
                           (unsigned long long)number, known && number ? known : "EPERM");
                return;
        }
        text = reader_text(reader, value, "the name of an error, such as \"EPERM\"");
        if (!text || !*text)
                return;
        if (!errno_by_text(text, &fields->named)) {
                reader_bad(reader, "%s is not the name of an error, such as \"EPERM\" or \"ENOSYS\"",
                           reader_quote(text, shown, sizeof(shown)));
                return;
        }
        fields->name_set = true;
}

uint32_t read_action_join(struct reader *reader, const struct action_fields *fields,
                          const char *number_field, const char *name_field, bool *ret_errno_set) {
        bool set = fields->number_set || fields->name_set;
        size_t mark;

        *ret_errno_set = false;
        if (!action_has_errno(fields->action)) {
                if (set && fields->action_set && (fields->number || fields->named)) {
                        mark = reader_enter_field(reader, fields->number_set ? number_field : name_field);
                        reader_warn(reader, "errno-without-use",
                                    "%s returns no errno: runc ignores this, crun refuses it; remove it",
                                    action_name(fields->action));
                        reader_leave(reader, mark);
                }
                return fields->action;
        }
        if (fields->number_set && fields->name_set && fields->number != fields->named) {
                mark = reader_enter_field(reader, number_field);
                reader_warn(reader, "errno-conflict",
                            "%u differs from %s %s: podman takes the name, docker and runc the "
                            "number; remove one of them",
                            fields->number, name_field,
                            strerrorname_np(fields->named) ?: "of another number");
                reader_leave(reader, mark);
        }
        *ret_errno_set = set;
        if (fields->name_set)
                return fields->action | fields->named;
        return fields->action | (fields->number_set ? fields->number : (uint16_t)EPERM);
}

static void read_index(struct reader *reader, const json_t *value, void *to) {
        struct condition *condition = to;
        uint64_t number;

        if (reader_number(reader, value, PROFILE_ARGS_MAX - 1, &number))
                condition->index = (uint8_t)number;
}

/* Kubernetes keeps the numbers of its resources in 63 bits. */
static void read_value_number(struct reader *reader, const json_t *value, uint64_t *ret) {
        reader_number(reader, value, reader->dialects == IN_SPO ? INT64_MAX : UINT64_MAX, ret);
}

static void read_value(struct reader *reader, const json_t *value, void *to) {
        struct condition *condition = to;

        read_value_number(reader, value, &condition->value);
}

static void read_value_two(struct reader *reader, const json_t *value, void *to) {
        struct condition *condition = to;

        read_value_number(reader, value, &condition->value_two);
}

static void read_op(struct reader *reader, const json_t *value, void *to) {
        struct condition *condition = to;
        const char *text = reader_text(reader, value, "the name of a comparison, such as \"SCMP_CMP_EQ\"");
        char shown[READER_SHOWN], hint[READER_HINT];
        enum condition_op op;

        if (!text)
                return;
        if (op_by_name(text, &op))
                condition->op = (uint8_t)op;
        else
                reader_bad(reader, "%s is not a comparison%s", reader_quote(text, shown, sizeof(shown)),
                           reader_hint(hint, sizeof(hint),
                                       reader_nearest(text, "SCMP_CMP_", op_names, CONDITION_N_OPS)));
}

static const struct field condition_fields[] = {
        { "index", read_index, 0 },
        { "value", read_value, 0 },
        { "valueTwo", read_value_two, 0 },
        { "op", read_op, 0 },
};

static void read_condition(struct reader *reader, const json_t *value, struct rule *rule) {
        struct condition condition = { 0 };
        size_t n_errors = reader->diags->n_errors;

        if (!reader_expect(reader, value, json_is_object(value), "an object with index, value and op"))
                return;
        reader_fields(reader, value, condition_fields,
                      sizeof(condition_fields) / sizeof(condition_fields[0]), &condition);
        if (reader_missing(value, "op"))
                reader_bad(reader, "has no op; add one of SCMP_CMP_NE, _LT, _LE, _EQ, _GE, _GT, _MASKED_EQ");
        if (reader_missing(value, "index"))
                reader_warn(reader, "index-missing", "has no index; runtimes take argument 0, write it");
        if (reader_missing(value, "value"))
                reader_warn(reader, "value-missing", "has no value; runtimes take 0, write it");
        if (condition.value_two && condition.op != CONDITION_MASKED_EQ &&
            reader->diags->n_errors == n_errors)
                reader_warn(reader, "value-two-without-use",
                            "valueTwo is used with SCMP_CMP_MASKED_EQ only; remove it");
        if (!reader->r && reader->diags->n_errors == n_errors)
                reader_fail(reader,
                            rule_add_condition(rule, condition.index, (enum condition_op)condition.op,
                                               condition.value, condition.value_two));
}

static void read_args(struct reader *reader, const json_t *value, void *to) {
        json_t *item;
        size_t i;

        if (!reader_expect(reader, value, json_is_array(value), "a list of conditions"))
                return;
        json_array_foreach((json_t *)value, i, item) {
                size_t mark = reader_enter(reader, "[%zu]", i);

                if (json_is_null(item))
                        reader_bad(reader, "null is not a condition");
                else
                        read_condition(reader, item, to);
                reader_leave(reader, mark);
                if (reader->r)
                        return;
        }
}

static void read_name(struct reader *reader, const char *text, struct rule *rule) {
        char shown[READER_SHOWN], hint[READER_HINT];

        if (!*text) {
                reader_bad(reader, "\"\" is not the name of a system call; runtimes refuse it, remove it");
                return;
        }
        if (!syscall_known(text)) {
                /* Looking for the nearest takes its time; in a file of nothing but such names it helps
                 * nobody. */
                const char *near = reader->n_unknown++ < HINTS_MAX ? syscall_nearest(text) : NULL;

                reader_warn(reader, "unknown-syscall", "no system call is named %s, so runtimes ignore it%s",
                            reader_quote(text, shown, sizeof(shown)), reader_hint(hint, sizeof(hint), near));
        }
        if (!reader->r)
                reader_fail(reader, rule_add_name(rule, text));
}

struct rule_reading {
        struct rule *rule;
        struct action_fields action;
        char *legacy; /* owned */
};

static void read_rule_names(struct reader *reader, const json_t *value, void *to) {
        struct rule_reading *reading = to;
        json_t *item;
        size_t i;

        if (!reader_expect(reader, value, json_is_array(value), "a list of names of system calls"))
                return;
        json_array_foreach((json_t *)value, i, item) {
                size_t mark = reader_enter(reader, "[%zu]", i);
                const char *text = reader_text(reader, item, "the name of a system call");

                if (text)
                        read_name(reader, text, reading->rule);
                reader_leave(reader, mark);
                if (reader->r)
                        return;
        }
}

static void read_rule_name(struct reader *reader, const json_t *value, void *to) {
        struct rule_reading *reading = to;

        reader->docker = true;
        reader_keep_text(reader, value, &reading->legacy);
}

static void read_rule_action(struct reader *reader, const json_t *value, void *to) {
        struct rule_reading *reading = to;

        reading->action.action_set = read_action(reader, value, &reading->action.action);
}

static void read_rule_errno_number(struct reader *reader, const json_t *value, void *to) {
        read_errno_number(reader, value, &((struct rule_reading *)to)->action);
}

static void read_rule_errno_name(struct reader *reader, const json_t *value, void *to) {
        read_errno_name(reader, value, &((struct rule_reading *)to)->action);
}

static void read_rule_args(struct reader *reader, const json_t *value, void *to) {
        read_args(reader, value, ((struct rule_reading *)to)->rule);
}

static void read_comment(struct reader *reader, const json_t *value, void *to) {
        reader_keep_text(reader, value, &((struct rule_reading *)to)->rule->comment);
}

static void read_words(struct reader *reader, const json_t *value, struct rule_when *when,
                       int (*add)(struct rule_when *when, const char *word), bool caps) {
        json_t *item;
        size_t i;

        if (!reader_expect(reader, value, json_is_array(value), "a list of names"))
                return;
        json_array_foreach((json_t *)value, i, item) {
                size_t mark = reader_enter(reader, "[%zu]", i);
                const char *text = reader_text(reader, item, "a name");
                char shown[READER_SHOWN];

                if (text && caps && capability_by_name(text) < 0)
                        reader_warn(reader, "unknown-capability",
                                    "no capability is named %s; write it as in \"CAP_SYS_ADMIN\"",
                                    reader_quote(text, shown, sizeof(shown)));
                if (text && !caps && !arch_by_any(text))
                        reader_warn(reader, "unknown-architecture",
                                    "%s is not an architecture; write it as in \"amd64\"",
                                    reader_quote(text, shown, sizeof(shown)));
                if (text)
                        reader_fail(reader, add(when, text));
                reader_leave(reader, mark);
                if (reader->r)
                        return;
        }
}

static void read_when_caps(struct reader *reader, const json_t *value, void *to) {
        read_words(reader, value, to, rule_when_add_cap, true);
}

static void read_when_arches(struct reader *reader, const json_t *value, void *to) {
        read_words(reader, value, to, rule_when_add_arch, false);
}

static void read_when_kernel(struct reader *reader, const json_t *value, void *to) {
        const char *text = reader_text(reader, value, "a kernel version, such as \"4.8\"");
        struct rule_when *when = to;
        unsigned major, minor;
        char shown[READER_SHOWN];
        int n = 0;

        if (!text || !*text)
                return;
        if (sscanf(text, "%5u.%5u%n", &major, &minor, &n) != 2 || (text[n] && text[n] != '.') ||
            !strchr("0123456789", text[0]) || (!major && !minor)) {
                reader_bad(reader, "%s is not a kernel version; write it as in \"4.8\"",
                           reader_quote(text, shown, sizeof(shown)));
                return;
        }
        if (text[n])
                reader_warn(reader, "kernel-patch-level", "only %u.%u of %s counts", major, minor,
                            reader_quote(text, shown, sizeof(shown)));
        when->kernel_set = true;
        when->kernel_major = major;
        when->kernel_minor = minor;
}

static const struct field when_fields[] = {
        { "caps", read_when_caps, 0 },
        { "arches", read_when_arches, 0 },
        { "minKernel", read_when_kernel, IN_DOCKER },
};

static void read_when(struct reader *reader, const json_t *value, struct rule_when *to) {
        reader->docker = true;
        if (reader_expect(reader, value, json_is_object(value), "an object with caps, arches or minKernel"))
                reader_fields(reader, value, when_fields, sizeof(when_fields) / sizeof(when_fields[0]), to);
}

static void read_includes(struct reader *reader, const json_t *value, void *to) {
        read_when(reader, value, &((struct rule_reading *)to)->rule->includes);
}

static void read_excludes(struct reader *reader, const json_t *value, void *to) {
        read_when(reader, value, &((struct rule_reading *)to)->rule->excludes);
}

#define IN_EXTENDED (IN_DOCKER | IN_CONTAINERS)

static const struct field rule_fields[] = {
        { "names", read_rule_names, 0 },
        { "name", read_rule_name, IN_EXTENDED },
        { "action", read_rule_action, 0 },
        { "errnoRet", read_rule_errno_number, 0 },
        { "errno", read_rule_errno_name, IN_CONTAINERS },
        { "args", read_rule_args, 0 },
        { "comment", read_comment, IN_EXTENDED },
        { "includes", read_includes, IN_EXTENDED },
        { "excludes", read_excludes, IN_EXTENDED },
};

static void read_rule(struct reader *reader, const json_t *value, size_t i) {
        struct rule_reading reading = { 0 };
        char shown[READER_SHOWN];
        struct rule *rule;
        size_t mark;
        int r;

        r = profile_add_rule(reader->profile, &rule);
        if (r) {
                reader_fail(reader, r);
                return;
        }
        rule->place = strdup(reader->place);
        if (!rule->place) {
                reader_fail(reader, error_origin(-ENOMEM));
                return;
        }
        if (i < reader->document->n_lines)
                rule->line = reader->document->lines[i];
        reading.rule = rule;
        reader_fields(reader, value, rule_fields, sizeof(rule_fields) / sizeof(rule_fields[0]), &reading);
        if (reader_missing(value, "action"))
                reader_bad(reader, "has no action; add one, such as SCMP_ACT_ALLOW");
        if (reading.legacy && rule->n_names) {
                mark = reader_enter_field(reader, "name");
                reader_bad(reader, "name and names exclude each other; move %s into names",
                           reader_quote(reading.legacy, shown, sizeof(shown)));
                reader_leave(reader, mark);
        } else if (reading.legacy) {
                mark = reader_enter_field(reader, "name");
                rule->legacy_name = true;
                read_name(reader, reading.legacy, rule);
                reader_leave(reader, mark);
        } else if (!rule->n_names && reader_missing(value, "names")) {
                reader_warn(reader, "rule-without-names", "names no system call, so it does nothing");
        }
        rule->action = read_action_join(reader, &reading.action, "errnoRet", "errno", &rule->errno_set);
        free(reading.legacy);
}

void read_rules(struct reader *reader, const json_t *value, void *to) {
        json_t *item;
        size_t i;

        if (!reader_expect(reader, value, json_is_array(value), "a list of rules"))
                return;
        json_array_foreach((json_t *)value, i, item) {
                size_t mark = reader_enter(reader, "[%zu]", i);

                /* runc's and docker's decoders drop a null here. */
                if (json_is_null(item))
                        reader_warn(reader, "rule-null", "null is not a rule; remove it");
                else if (reader_expect(
                                 reader, item, json_is_object(item),
                                 "a rule, such as {\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\"}"))
                        read_rule(reader, item, i);
                reader_leave(reader, mark);
                /* The others in such a list are rarely better, and one sentence is enough. */
                if (reader->r || !(json_is_object(item) || json_is_null(item)))
                        return;
        }
}
