/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON profiles into the model. A profile is refused only for what no runtime could take, or what two of
 * them would read differently; what runtimes ignore is a warning. Reading goes on after an error, so that a
 * person sees all of them at once. As in Go's decoder, null stands for absent.
 */

#include "policy/read_oci.h"

#include "base/buf.h"
#include "base/error.h"
#include "policy/read_json.h"
#include "policy/resolve.h"
#include "syscalls/names.h"

#include <ctype.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#define ERRNO_MAX  4095 /* the kernel cuts larger ones to this */
#define ERRORS_MAX 50   /* of one file */

struct reader {
        struct diags *diags;
        struct profile *profile;
        const struct json_document *document;
        char place[256]; /* where in the document we are: "syscalls[3].args[0]" */
        size_t n_place;
        size_t n_errors;
        int r; /* reading stops early: first -ENOMEM, or PROFILE_E_INVALID after too many errors */
        bool docker, containers;
};

/* Steps into a part of the document; the returned mark leads back. */
static size_t enter(struct reader *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));
static size_t enter(struct reader *reader, const char *format, ...) {
        size_t mark = reader->n_place;
        va_list args;
        int n;

        va_start(args, format);
        n = vsnprintf(reader->place + mark, sizeof(reader->place) - mark, format, args);
        va_end(args);
        if (n > 0)
                reader->n_place += (size_t)n < sizeof(reader->place) - mark
                                           ? (size_t)n
                                           : sizeof(reader->place) - mark - 1;
        return mark;
}

static void leave(struct reader *reader, size_t mark) {
        reader->n_place = mark;
        reader->place[mark] = '\0';
}

static size_t enter_field(struct reader *reader, const char *field) {
        return enter(reader, reader->n_place ? ".%s" : "%s", field);
}

/* One sentence about the part of the document we are in. After ERRORS_MAX errors the rest is not read. */
static void complain(struct reader *reader, enum diag_severity severity, const char *id, const char *format,
                     ...) __attribute__((format(printf, 4, 5)));
static void complain(struct reader *reader, enum diag_severity severity, const char *id, const char *format,
                     ...) {
        const char *place = reader->n_place ? reader->place : NULL;
        struct buf text = BUF_INIT(0);
        va_list args;

        if (reader->r)
                return;
        va_start(args, format);
        buf_vprintf(&text, format, args);
        va_end(args);
        reader->r = diag_add(reader->diags, severity, id, place, "%s", buf_string(&text));
        buf_deinit(&text);
        if (!reader->r && severity == DIAG_ERROR && ++reader->n_errors == ERRORS_MAX) {
                reader->r = diag_add(reader->diags, DIAG_INFO, NULL, NULL,
                                     "the rest of the file was not read after %d errors", ERRORS_MAX);
                if (!reader->r)
                        reader->r = PROFILE_E_INVALID;
        }
}

#define bad(reader, ...)      complain(reader, DIAG_ERROR, NULL, __VA_ARGS__)
#define warn(reader, id, ...) complain(reader, DIAG_WARNING, id, __VA_ARGS__)

static void failed(struct reader *reader, int r) {
        if (!reader->r)
                reader->r = r;
}

/* ", did you mean X?" or nothing, for the end of a sentence. */
static const char *or_nearest(char *buf, size_t size, const char *nearest) {
        if (nearest)
                snprintf(buf, size, "; did you mean %s?", nearest);
        else
                buf[0] = '\0';
        return buf;
}

/* Text of the file inside a sentence. */
static const char *quoted(const char *text, char *buf, size_t size) {
        json_t *value = json_string(text);

        json_show(value, buf, size);
        json_decref(value);
        return buf;
}

/* The nearest of names, also when the text lacks their prefix: "errno" or "ALLOW" for "SCMP_ACT_...". */
static const char *nearest(const char *text, const char *prefix, const char *const *names, size_t n) {
        const char *found = NULL;
        char full[64];

        if (strncasecmp(text, prefix, strlen(prefix)) &&
            (size_t)snprintf(full, sizeof(full), "%s%s", prefix, text) < sizeof(full)) {
                for (char *c = full; *c; c++)
                        *c = (char)toupper((unsigned char)*c);
                found = diag_nearest(full, names, n);
        }
        return found ? found : diag_nearest(text, names, n);
}

struct field {
        const char *name;
        void (*read)(struct reader *reader, const json_t *value, void *to);
};

/* Every key of object finds its field, or is warned of. Keys that differ in case only are taken, since
 * docker and runc take them. */
static void read_fields(struct reader *reader, const json_t *object, const struct field *fields, size_t n,
                        void *to) {
        const char *names[32];
        char shown[64], hint[80];
        unsigned seen = 0;
        const char *key;
        json_t *value;

        for (size_t i = 0; i < n; i++)
                names[i] = fields[i].name;
        json_object_foreach((json_t *)object, key, value) {
                const struct field *field = NULL;
                size_t mark;

                for (size_t i = 0; i < n && !field; i++)
                        if (!strcmp(key, fields[i].name))
                                field = &fields[i];
                for (size_t i = 0; i < n && !field; i++)
                        if (!strcasecmp(key, fields[i].name) && !json_object_get(object, fields[i].name)) {
                                field = &fields[i];
                                warn(reader, "field-case",
                                     "%s is read as %s by runc and docker and ignored by others; write %s",
                                     quoted(key, shown, sizeof(shown)), field->name, field->name);
                        }
                if (!field) {
                        warn(reader, "unknown-field", "runtimes ignore the field %s%s",
                             quoted(key, shown, sizeof(shown)),
                             or_nearest(hint, sizeof(hint), diag_nearest(key, names, n)));
                        continue;
                }
                /* The same field in two other cases: the first one counts. */
                if (json_is_null(value) || seen & (1u << (field - fields)))
                        continue;
                seen |= 1u << (field - fields);
                mark = enter_field(reader, field->name);
                field->read(reader, value, to);
                leave(reader, mark);
                if (reader->r)
                        return;
        }
}

static bool expect(struct reader *reader, const json_t *value, bool is, const char *what) {
        char shown[64];

        if (is)
                return true;
        bad(reader, "%s is not %s", json_show(value, shown, sizeof(shown)), what);
        return false;
}

/* A string without the marks of read_json.h; "" where it is not one. */
static const char *read_text(struct reader *reader, const json_t *value, const char *what) {
        if (!expect(reader, value, json_is_string(value) && !json_is_number_text(value), what))
                return NULL;
        return json_string_value(value);
}

static bool read_number(struct reader *reader, const json_t *value, uint64_t max, uint64_t *ret) {
        char shown[64];

        json_show(value, shown, sizeof(shown));
        switch (json_uint64(value, ret)) {
        case JSON_NUMBER_OTHER:
                bad(reader, "%s is not a number", shown);
                return false;
        case JSON_NUMBER_NEGATIVE:
                bad(reader, "%s is negative; write it as an unsigned number up to %llu", shown,
                    (unsigned long long)max);
                return false;
        case JSON_NUMBER_FRACTION:
                bad(reader, "%s is not written as a whole number; use digits only", shown);
                return false;
        case JSON_NUMBER_OK:
                if (*ret <= max)
                        return true;
                /* fallthrough */
        case JSON_NUMBER_LARGE:
                bad(reader, "%s is too large; at most %llu", shown, (unsigned long long)max);
                return false;
        }
        return false;
}

static void keep_text(struct reader *reader, const json_t *value, char **to) {
        const char *text = read_text(reader, value, "a string");

        if (!text || !*text)
                return;
        free(*to);
        *to = strdup(text);
        if (!*to)
                failed(reader, error_origin(-ENOMEM));
}

static bool read_action_value(struct reader *reader, const json_t *value, uint32_t *ret) {
        const char *text = read_text(reader, value, "the name of an action, such as \"SCMP_ACT_ERRNO\"");
        char shown[64], hint[80];

        if (!text)
                return false;
        if (action_by_name(text, ret))
                return true;
        bad(reader, "%s is not an action%s", quoted(text, shown, sizeof(shown)),
            or_nearest(hint, sizeof(hint), nearest(text, "SCMP_ACT_", action_names, action_names_n)));
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

/* An action and the two ways to write its errno; joined when all fields have been seen. */
struct action_fields {
        bool action_set, number_set, name_set;
        uint32_t action;
        uint16_t number, named;
};

static void read_errno_number(struct reader *reader, const json_t *value, struct action_fields *fields) {
        uint64_t number;

        if (!read_number(reader, value, UINT16_MAX, &number))
                return;
        if (number > ERRNO_MAX)
                warn(reader, "errno-large", "the kernel returns %u instead of %llu", ERRNO_MAX,
                     (unsigned long long)number);
        fields->number_set = true;
        fields->number = (uint16_t)number;
}

static void read_errno_name(struct reader *reader, const json_t *value, struct action_fields *fields) {
        const char *text = read_text(reader, value, "the name of an error, such as \"EPERM\"");
        char shown[64];

        reader->containers = true;
        if (!text || !*text)
                return;
        if (!errno_by_name(text, &fields->named)) {
                bad(reader, "%s is not the name of an error, such as \"EPERM\" or \"ENOSYS\"",
                    quoted(text, shown, sizeof(shown)));
                return;
        }
        fields->name_set = true;
}

/* The name wins over the number, as in containers/common; without either it is EPERM, as in every runtime.
 */
static uint32_t join_action(struct reader *reader, const struct action_fields *fields,
                            const char *number_field, const char *name_field, bool *ret_errno_set) {
        bool set = fields->number_set || fields->name_set;
        size_t mark;

        *ret_errno_set = false;
        if (!action_has_errno(fields->action)) {
                if (set && fields->action_set && (fields->number || fields->named)) {
                        mark = enter_field(reader, fields->number_set ? number_field : name_field);
                        warn(reader, "errno-without-use",
                             "%s returns no errno: runc ignores this, crun refuses it; remove it",
                             action_name(fields->action));
                        leave(reader, mark);
                }
                return fields->action;
        }
        if (fields->number_set && fields->name_set && fields->number != fields->named) {
                mark = enter_field(reader, number_field);
                warn(reader, "errno-conflict",
                     "%u differs from %s %s: podman takes the name, docker and runc the "
                     "number; remove one of them",
                     fields->number, name_field, strerrorname_np(fields->named));
                leave(reader, mark);
        }
        *ret_errno_set = set;
        if (fields->name_set)
                return fields->action | fields->named;
        return fields->action | (fields->number_set ? fields->number : (uint16_t)EPERM);
}

static void read_index(struct reader *reader, const json_t *value, void *to) {
        struct condition *condition = to;
        uint64_t number;

        if (read_number(reader, value, PROFILE_ARGS_MAX - 1, &number))
                condition->index = (uint8_t)number;
}

static void read_value(struct reader *reader, const json_t *value, void *to) {
        struct condition *condition = to;

        read_number(reader, value, UINT64_MAX, &condition->value);
}

static void read_value_two(struct reader *reader, const json_t *value, void *to) {
        struct condition *condition = to;

        read_number(reader, value, UINT64_MAX, &condition->value_two);
}

static void read_op(struct reader *reader, const json_t *value, void *to) {
        struct condition *condition = to;
        const char *text = read_text(reader, value, "the name of a comparison, such as \"SCMP_CMP_EQ\"");
        char shown[64], hint[80];
        enum condition_op op;

        if (!text)
                return;
        if (op_by_name(text, &op))
                condition->op = (uint8_t)op;
        else
                bad(reader, "%s is not a comparison%s", quoted(text, shown, sizeof(shown)),
                    or_nearest(hint, sizeof(hint), nearest(text, "SCMP_CMP_", op_names, CONDITION_N_OPS)));
}

static const struct field condition_fields[] = {
        { "index", read_index },
        { "value", read_value },
        { "valueTwo", read_value_two },
        { "op", read_op },
};

static bool missing(const json_t *object, const char *field) {
        const char *key;
        json_t *value;

        json_object_foreach((json_t *)object, key,
                            value) if (!strcasecmp(key, field) && !json_is_null(value)) return false;
        return true;
}

static void read_condition(struct reader *reader, const json_t *value, struct rule *rule) {
        struct condition condition = { 0 };
        size_t n_errors = reader->diags->n_errors;

        if (!expect(reader, value, json_is_object(value), "an object with index, value and op"))
                return;
        read_fields(reader, value, condition_fields, sizeof(condition_fields) / sizeof(condition_fields[0]),
                    &condition);
        if (missing(value, "op"))
                bad(reader, "has no op; add one of SCMP_CMP_NE, _LT, _LE, _EQ, _GE, _GT, _MASKED_EQ");
        if (missing(value, "index"))
                warn(reader, "index-missing", "has no index; runtimes take argument 0, write it");
        if (missing(value, "value"))
                warn(reader, "value-missing", "has no value; runtimes take 0, write it");
        if (condition.value_two && condition.op != CONDITION_MASKED_EQ &&
            reader->diags->n_errors == n_errors)
                warn(reader, "value-two-without-use",
                     "valueTwo is used with SCMP_CMP_MASKED_EQ only; remove it");
        if (!reader->r && reader->diags->n_errors == n_errors)
                failed(reader, rule_add_condition(rule, condition.index, (enum condition_op)condition.op,
                                                  condition.value, condition.value_two));
}

static void read_args(struct reader *reader, const json_t *value, void *to) {
        json_t *item;
        size_t i;

        if (!expect(reader, value, json_is_array(value), "a list of conditions"))
                return;
        json_array_foreach((json_t *)value, i, item) {
                size_t mark = enter(reader, "[%zu]", i);

                if (json_is_null(item))
                        bad(reader, "null is not a condition");
                else
                        read_condition(reader, item, to);
                leave(reader, mark);
                if (reader->r)
                        return;
        }
}

static void read_name(struct reader *reader, const char *text, struct rule *rule) {
        char shown[64], hint[80];

        if (!*text) {
                bad(reader, "\"\" is not the name of a system call; runtimes refuse it, remove it");
                return;
        }
        if (!syscall_known(text))
                warn(reader, "unknown-syscall", "no system call is named %s, so runtimes ignore it%s",
                     quoted(text, shown, sizeof(shown)),
                     or_nearest(hint, sizeof(hint), syscall_nearest(text)));
        if (!reader->r)
                failed(reader, rule_add_name(rule, text));
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

        if (!expect(reader, value, json_is_array(value), "a list of names of system calls"))
                return;
        json_array_foreach((json_t *)value, i, item) {
                size_t mark = enter(reader, "[%zu]", i);
                const char *text = read_text(reader, item, "the name of a system call");

                if (text)
                        read_name(reader, text, reading->rule);
                leave(reader, mark);
                if (reader->r)
                        return;
        }
}

static void read_rule_name(struct reader *reader, const json_t *value, void *to) {
        struct rule_reading *reading = to;

        reader->docker = true;
        keep_text(reader, value, &reading->legacy);
}

static void read_rule_action(struct reader *reader, const json_t *value, void *to) {
        struct rule_reading *reading = to;

        reading->action.action_set = read_action_value(reader, value, &reading->action.action);
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
        keep_text(reader, value, &((struct rule_reading *)to)->rule->comment);
}

static void read_words(struct reader *reader, const json_t *value, struct rule_when *when,
                       int (*add)(struct rule_when *when, const char *word), bool caps) {
        json_t *item;
        size_t i;

        if (!expect(reader, value, json_is_array(value), "a list of names"))
                return;
        json_array_foreach((json_t *)value, i, item) {
                size_t mark = enter(reader, "[%zu]", i);
                const char *text = read_text(reader, item, "a name");
                char shown[64];

                if (text && caps && capability_by_name(text) < 0)
                        warn(reader, "unknown-capability",
                             "no capability is named %s; write it as in \"CAP_SYS_ADMIN\"",
                             quoted(text, shown, sizeof(shown)));
                if (text && !caps && !arch_by_any(text))
                        warn(reader, "unknown-architecture",
                             "%s is not an architecture; write it as in \"amd64\"",
                             quoted(text, shown, sizeof(shown)));
                if (text)
                        failed(reader, add(when, text));
                leave(reader, mark);
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
        const char *text = read_text(reader, value, "a kernel version, such as \"4.8\"");
        struct rule_when *when = to;
        unsigned major, minor;
        char shown[64];
        int n = 0;

        if (!text || !*text)
                return;
        if (sscanf(text, "%5u.%5u%n", &major, &minor, &n) != 2 || (text[n] && text[n] != '.') ||
            !strchr("0123456789", text[0]) || (!major && !minor)) {
                bad(reader, "%s is not a kernel version; write it as in \"4.8\"",
                    quoted(text, shown, sizeof(shown)));
                return;
        }
        if (text[n])
                warn(reader, "kernel-patch-level", "only %u.%u of %s counts", major, minor,
                     quoted(text, shown, sizeof(shown)));
        when->kernel_set = true;
        when->kernel_major = major;
        when->kernel_minor = minor;
}

static const struct field when_fields[] = {
        { "caps", read_when_caps },
        { "arches", read_when_arches },
        { "minKernel", read_when_kernel },
};

static void read_when(struct reader *reader, const json_t *value, struct rule_when *to) {
        reader->docker = true;
        if (expect(reader, value, json_is_object(value), "an object with caps, arches or minKernel"))
                read_fields(reader, value, when_fields, sizeof(when_fields) / sizeof(when_fields[0]), to);
}

static void read_includes(struct reader *reader, const json_t *value, void *to) {
        read_when(reader, value, &((struct rule_reading *)to)->rule->includes);
}

static void read_excludes(struct reader *reader, const json_t *value, void *to) {
        read_when(reader, value, &((struct rule_reading *)to)->rule->excludes);
}

static const struct field rule_fields[] = {
        { "names", read_rule_names },      { "name", read_rule_name },
        { "action", read_rule_action },    { "errnoRet", read_rule_errno_number },
        { "errno", read_rule_errno_name }, { "args", read_rule_args },
        { "comment", read_comment },       { "includes", read_includes },
        { "excludes", read_excludes },
};

static void read_rule(struct reader *reader, const json_t *value, size_t i) {
        struct rule_reading reading = { 0 };
        struct rule *rule;
        size_t mark;
        int r;

        r = profile_add_rule(reader->profile, &rule);
        if (r) {
                failed(reader, r);
                return;
        }
        rule->place = strdup(reader->place);
        if (!rule->place) {
                failed(reader, error_origin(-ENOMEM));
                return;
        }
        if (i < reader->document->n_lines)
                rule->line = reader->document->lines[i];
        reading.rule = rule;
        read_fields(reader, value, rule_fields, sizeof(rule_fields) / sizeof(rule_fields[0]), &reading);
        if (missing(value, "action"))
                bad(reader, "has no action; add one, such as SCMP_ACT_ALLOW");
        if (reading.legacy && rule->n_names) {
                mark = enter_field(reader, "name");
                bad(reader, "name and names exclude each other; move %s into names", reading.legacy);
                leave(reader, mark);
        } else if (reading.legacy) {
                mark = enter_field(reader, "name");
                rule->legacy_name = true;
                read_name(reader, reading.legacy, rule);
                leave(reader, mark);
        } else if (!rule->n_names && missing(value, "names")) {
                warn(reader, "rule-without-names", "names no system call, so it does nothing");
        }
        rule->action = join_action(reader, &reading.action, "errnoRet", "errno", &rule->errno_set);
        free(reading.legacy);
}

static void read_syscalls(struct reader *reader, const json_t *value, void *to) {
        json_t *item;
        size_t i;

        if (!expect(reader, value, json_is_array(value), "a list of rules"))
                return;
        json_array_foreach((json_t *)value, i, item) {
                size_t mark = enter(reader, "[%zu]", i);

                /* runc's and docker's decoders drop a null here. */
                if (json_is_null(item))
                        warn(reader, "rule-null", "null is not a rule; remove it");
                else if (expect(reader, item, json_is_object(item),
                                "a rule, such as {\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\"}"))
                        read_rule(reader, item, i);
                leave(reader, mark);
                /* The others in such a list are rarely better, and one sentence is enough. */
                if (reader->r || !(json_is_object(item) || json_is_null(item)))
                        return;
        }
}

static const char *nearest_arch(const char *name) {
        const struct arch *arch = arch_by_any(name);
        const char *names[64];
        size_t n = 0;

        if (arch)
                return arch->scmp;
        for (size_t i = 0; i < arch_table_n && n < 64; i++)
                names[n++] = arch_table[i].scmp;
        return nearest(name, "SCMP_ARCH_", names, n);
}

static bool read_arch(struct reader *reader, const json_t *value, struct profile_arch *ret) {
        const char *text =
                read_text(reader, value, "the name of an architecture, such as \"SCMP_ARCH_X86_64\"");
        char shown[64], hint[80];

        if (!text)
                return false;
        ret->arch = arch_by_scmp(text);
        if (!ret->arch) {
                bad(reader, "%s is not an architecture%s", quoted(text, shown, sizeof(shown)),
                    or_nearest(hint, sizeof(hint), nearest_arch(text)));
                return false;
        }
        ret->name = strdup(text);
        if (!ret->name)
                failed(reader, error_origin(-ENOMEM));
        return ret->name;
}

static void read_arches(struct reader *reader, const json_t *value, struct profile_arch **to, size_t *n) {
        json_t *item;
        size_t i;

        if (!expect(reader, value, json_is_array(value), "a list of architectures"))
                return;
        if (!json_array_size(value))
                return;
        *to = calloc(json_array_size(value), sizeof(**to));
        if (!*to) {
                failed(reader, error_origin(-ENOMEM));
                return;
        }
        json_array_foreach((json_t *)value, i, item) {
                size_t mark = enter(reader, "[%zu]", i);

                if (read_arch(reader, item, &(*to)[*n]))
                        (*n)++;
                leave(reader, mark);
                if (reader->r)
                        return;
        }
}

static void read_map_arch(struct reader *reader, const json_t *value, void *to) {
        struct profile_arch_map *map = to;

        read_arch(reader, value, &map->arch);
}

static void read_map_subs(struct reader *reader, const json_t *value, void *to) {
        struct profile_arch_map *map = to;

        read_arches(reader, value, &map->subs, &map->n_subs);
}

static const struct field map_fields[] = {
        { "architecture", read_map_arch },
        { "subArchitectures", read_map_subs },
};

static void read_arch_map(struct reader *reader, const json_t *value, void *to) {
        struct profile *profile = to;
        json_t *item;
        size_t i;

        reader->docker = true;
        if (!expect(reader, value, json_is_array(value),
                    "a list of architectures with their sub-architectures"))
                return;
        if (!json_array_size(value))
                return;
        profile->arch_maps = calloc(json_array_size(value), sizeof(*profile->arch_maps));
        if (!profile->arch_maps) {
                failed(reader, error_origin(-ENOMEM));
                return;
        }
        json_array_foreach((json_t *)value, i, item) {
                size_t mark = enter(reader, "[%zu]", i);

                if (expect(reader, item, json_is_object(item),
                           "an object with architecture and subArchitectures")) {
                        read_fields(reader, item, map_fields, sizeof(map_fields) / sizeof(map_fields[0]),
                                    &profile->arch_maps[profile->n_arch_maps++]);
                        if (missing(item, "architecture"))
                                bad(reader, "has no architecture; add one, such as SCMP_ARCH_X86_64");
                }
                leave(reader, mark);
                if (reader->r)
                        return;
        }
}

static void read_architectures(struct reader *reader, const json_t *value, void *to) {
        struct profile *profile = to;

        read_arches(reader, value, &profile->archs, &profile->n_archs);
}

static void read_flags(struct reader *reader, const json_t *value, void *to) {
        static const struct {
                const char *name;
                unsigned flag;
        } flags[] = {
                { "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
                { "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
                { "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV },
        };
        const char *names[sizeof(flags) / sizeof(flags[0])];
        const size_t n = sizeof(flags) / sizeof(flags[0]);
        struct profile *profile = to;
        char shown[64], hint[80];
        json_t *item;
        size_t i;

        if (!expect(reader, value, json_is_array(value), "a list of filter flags"))
                return;
        for (i = 0; i < n; i++)
                names[i] = flags[i].name;
        profile->flags_set = true;
        json_array_foreach((json_t *)value, i, item) {
                size_t mark = enter(reader, "[%zu]", i), j;
                const char *text = read_text(reader, item, "the name of a filter flag");

                for (j = 0; text && j < n; j++)
                        if (!strcmp(flags[j].name, text)) {
                                profile->flags |= flags[j].flag;
                                break;
                        }
                if (text && !strcmp(text, "SECCOMP_FILTER_FLAG_TSYNC"))
                        warn(reader, "flag-tsync",
                             "SECCOMP_FILTER_FLAG_TSYNC left the specification and does nothing here; "
                             "remove it");
                else if (text && j == n)
                        bad(reader, "%s is not a filter flag%s", quoted(text, shown, sizeof(shown)),
                            or_nearest(hint, sizeof(hint), diag_nearest(text, names, n)));
                leave(reader, mark);
        }
}

/* The fields of the whole profile that have to be joined at the end. */
struct profile_reading {
        struct profile *profile;
        struct action_fields action;
};

static void read_default(struct reader *reader, const json_t *value, void *to) {
        struct profile_reading *reading = to;

        /* An empty text is docker's way to say that there is none. */
        if (json_is_string(value) && !json_string_length(value))
                return;
        reading->action.action_set = read_action_value(reader, value, &reading->action.action);
}

static void read_default_errno_number(struct reader *reader, const json_t *value, void *to) {
        read_errno_number(reader, value, &((struct profile_reading *)to)->action);
}

static void read_default_errno_name(struct reader *reader, const json_t *value, void *to) {
        read_errno_name(reader, value, &((struct profile_reading *)to)->action);
}

static void read_profile_arches(struct reader *reader, const json_t *value, void *to) {
        read_architectures(reader, value, ((struct profile_reading *)to)->profile);
}

static void read_profile_arch_map(struct reader *reader, const json_t *value, void *to) {
        read_arch_map(reader, value, ((struct profile_reading *)to)->profile);
}

static void read_profile_flags(struct reader *reader, const json_t *value, void *to) {
        read_flags(reader, value, ((struct profile_reading *)to)->profile);
}

static void read_listener_path(struct reader *reader, const json_t *value, void *to) {
        keep_text(reader, value, &((struct profile_reading *)to)->profile->listener_path);
}

static void read_listener_metadata(struct reader *reader, const json_t *value, void *to) {
        keep_text(reader, value, &((struct profile_reading *)to)->profile->listener_metadata);
}

static const struct field profile_fields[] = {
        { "defaultAction", read_default },
        { "defaultErrnoRet", read_default_errno_number },
        { "defaultErrno", read_default_errno_name },
        { "architectures", read_profile_arches },
        { "archMap", read_profile_arch_map },
        { "flags", read_profile_flags },
        { "listenerPath", read_listener_path },
        { "listenerMetadata", read_listener_metadata },
        { "syscalls", read_syscalls },
};
#define N_PROFILE_FIELDS (sizeof(profile_fields) / sizeof(profile_fields[0]))

static void read_profile(struct reader *reader, const json_t *value) {
        struct profile_reading reading = { .profile = reader->profile };
        struct profile *profile = reader->profile;
        size_t n_errors = reader->diags->n_errors;

        read_fields(reader, value, profile_fields, N_PROFILE_FIELDS, &reading);
        profile->default_set = reading.action.action_set;
        profile->default_action = join_action(reader, &reading.action, "defaultErrnoRet", "defaultErrno",
                                              &profile->default_errno_set);
        if (!profile->default_set && profile->n_rules && reader->diags->n_errors == n_errors)
                bad(reader, "there are rules but no defaultAction; add one, such as SCMP_ACT_ERRNO");
        if (profile->n_archs && profile->n_arch_maps)
                bad(reader, "architectures and archMap exclude each other; keep one of them");
        profile->dialect = reader->containers ? DIALECT_CONTAINERS
                           : reader->docker   ? DIALECT_DOCKER
                                              : DIALECT_OCI;
}

static bool looks_like_profile(const json_t *value) {
        if (!json_object_size(value))
                return true; /* docker's "no profile" */
        for (size_t i = 0; i < N_PROFILE_FIELDS; i++)
                if (!missing(value, profile_fields[i].name) ||
                    json_object_get(value, profile_fields[i].name))
                        return true;
        return false;
}

/* A profile, or the one inside of an OCI config.json. */
static void read_document(struct reader *reader) {
        const json_t *root = reader->document->root;
        const json_t *linux_part = json_object_get(root, "linux"),
                     *inside = json_object_get(linux_part, "seccomp");

        if (!expect(reader, root, json_is_object(root),
                    "a profile: an object with defaultAction and syscalls"))
                return;
        if (json_is_object(inside) && !looks_like_profile(root)) {
                enter(reader, "linux.seccomp");
                if (looks_like_profile(inside))
                        read_profile(reader, inside);
                else
                        bad(reader,
                            "this is not a seccomp profile: it has neither defaultAction nor syscalls");
                return;
        }
        if (looks_like_profile(root))
                read_profile(reader, root);
        else if (json_is_object(linux_part) || json_object_get(root, "ociVersion"))
                bad(reader, "this OCI configuration has no linux.seccomp, so there is no profile in it");
        else
                bad(reader, "this is not a seccomp profile: it has neither defaultAction nor syscalls");
}

int profile_read(const char *bytes, size_t n, struct diags *diags, struct profile **ret) {
        struct json_document document = JSON_DOCUMENT_INIT;
        cleanup_profile struct profile *profile = NULL;
        struct reader reader = { .diags = diags, .document = &document };
        size_t n_errors = diags->n_errors;
        int r;

        r = profile_new(&profile);
        if (r)
                return error_trace(r);
        r = json_document_read(bytes, n, diags, &document);
        if (r)
                return error_trace(r);
        reader.profile = profile;
        read_document(&reader);
        json_document_deinit(&document);
        if (reader.r)
                return error_trace(reader.r);
        if (diags->n_errors > n_errors)
                return PROFILE_E_INVALID;
        if (diags->file) {
                profile->file = strdup(diags->file);
                if (!profile->file)
                        return error_origin(-ENOMEM);
        }
        *ret = profile;
        profile = NULL;
        return 0;
}

int profile_read_file(const char *path, struct diags *diags, struct profile **ret) {
        struct buf buf = BUF_INIT(PROFILE_BYTES_MAX + 1);
        int r;

        diags->file = strcmp(path, "-") ? path : "standard input";
        r = buf_read_file(&buf, path, PROFILE_BYTES_MAX);
        switch (r) {
        case 0:
                r = profile_read(buf.data ? buf.data : "", buf.n, diags, ret);
                break;
        case -EFBIG:
                r = diag_add(diags, DIAG_ERROR, NULL, NULL, "longer than %u MiB; no profile is that large",
                             PROFILE_BYTES_MAX >> 20);
                r = r ? error_trace(r) : PROFILE_E_INVALID;
                break;
        case -ENOMEM:
                break;
        default:
                r = diag_add(diags, DIAG_ERROR, NULL, NULL, "cannot be read: %s", strerror(-r));
                r = r ? error_trace(r) : PROFILE_E_INVALID;
                break;
        }
        buf_deinit(&buf);
        return error_trace(r);
}
