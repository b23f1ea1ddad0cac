/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front door for policies: files to parts, parts to a policy, and the check of what cannot hold.
 *
 * What must stay true: a policy that comes out is whole, every rule of it can be carried out, and no bytes
 * make it use more than a bounded amount of memory.
 */

#include "policy/native/plan.h"
#include "policy/native/read_policy.h"

#include "base/error.h"
#include "policy/native/check.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void read_version(struct policy_reader *reader, const json_t *value, void *to) {
        char shown[READER_SHOWN];
        uint64_t version;

        (void)to;
        if (!policy_is_number(value, &version) || version != 1)
                policy_bad(reader, "%s is not a version that this callgate knows; write 1",
                           json_show(value, shown, sizeof(shown)));
}

/* Read before, by read_parts.c. */
static void read_elsewhere(struct policy_reader *reader, const json_t *value, void *to) {
        (void)reader;
        (void)value;
        (void)to;
}

static void fallback_errno(struct policy_reader *reader, const json_t *value, void *to) {
        (void)to;
        if (policy_errno(reader, value, &reader->policy->fallback_errno))
                reader->policy->fallback = POLICY_ERRNO;
}

static void read_default(struct policy_reader *reader, const json_t *value, void *to) {
        static const struct policy_field fields[] = { { "errno", fallback_errno } };
        static const enum policy_action actions[] = { POLICY_ALLOW, POLICY_LOG, POLICY_KILL };
        const char *text = json_string_value(value);

        (void)to;
        if (reader->part->order >= reader->fallback_order)
                return;
        reader->fallback_order = reader->part->order;
        for (size_t i = 0; i < 3; i++)
                if (text && !strcmp(policy_action_name(actions[i]), text)) {
                        reader->policy->fallback = actions[i];
                        return;
                }
        policy_fields(reader, value, "allow, log, kill or { errno: EPERM }", fields, 1, NULL);
}

static void on_error_errno(struct policy_reader *reader, const json_t *value, void *to) {
        (void)to;
        if (policy_errno(reader, value, &reader->policy->error_errno) && !reader->policy->error_errno)
                policy_bad(reader, "0 would pretend success of what nobody looked at; write an error");
}

static void read_on_error(struct policy_reader *reader, const json_t *value, void *to) {
        static const struct policy_field fields[] = { { "errno", on_error_errno } };
        const char *text = json_string_value(value);

        (void)to;
        if (reader->part->order >= reader->on_error_order)
                return;
        reader->on_error_order = reader->part->order;
        reader->policy->error_errno = EPERM;
        reader->policy->error_kill = text && !strcmp(text, "kill");
        if (!reader->policy->error_kill)
                policy_fields(reader, value, "kill or { errno: EPERM }", fields, 1, NULL);
}

static void add_authority(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy *policy = reader->policy;
        char *word = policy_copy_text(reader, value, "what may be done, such as \"mount\""), **item;

        (void)to;
        for (size_t i = 0; word && i < policy->n_authority; i++)
                if (!strcmp(policy->authority[i], word)) {
                        free(word);
                        return;
                }
        item = word ? policy_grow(reader, (void **)&policy->authority, &policy->n_authority, sizeof(*item))
                    : NULL;
        if (item)
                *item = word;
        else
                free(word);
}

static void read_authority(struct policy_reader *reader, const json_t *value, void *to) {
        policy_each(reader, value, add_authority, to);
}

static const struct policy_field fields[] = {
        { "version", read_version },    { "variables", read_elsewhere },
        { "include", read_elsewhere },  { "resolved", read_elsewhere },
        { "base", policy_read_base },   { "default", read_default },
        { "on-error", read_on_error },  { "authority", read_authority },
        { "binds", policy_read_binds }, { "overlays", policy_read_overlays },
        { "tmpfs", policy_read_tmpfs }, { "rules", policy_read_rules },
};

static bool set_file(struct policy_reader *reader) {
        const struct policy_part *main = &reader->parts.items[reader->parts.n - 1];
        const json_t *resolved = reader->parts.resolved ? json_object_get(main->tree, "resolved") : NULL;
        const char *file = json_string_value(json_object_get(resolved, "file"));

        reader->policy->file = strdup(file ? file : main->file);
        if (!reader->policy->file)
                reader_fail(&reader->base, error_origin(-ENOMEM));
        return reader->policy->file;
}

/* The base of the text that travels stands in it; its name is kept for people. */
static void set_base_path(struct policy_reader *reader) {
        const struct policy_part *main = &reader->parts.items[reader->parts.n - 1];
        const json_t *resolved = json_object_get(main->tree, "resolved");
        const char *path = json_string_value(json_object_get(resolved, "base"));

        if (!reader->parts.resolved || !path)
                return;
        free(reader->policy->base_path);
        reader->policy->base_path = strdup(path);
        if (!reader->policy->base_path)
                reader_fail(&reader->base, error_origin(-ENOMEM));
}

static void read_parts(struct policy_reader *reader) {
        for (size_t i = 0; i < reader->parts.n && !reader->base.r; i++) {
                const struct policy_part *part = &reader->parts.items[i];
                struct reader_mark mark;

                reader->part = part;
                reader->base.diags->file = part->file;
                mark = policy_enter(reader, part->tree, "%s", "");
                policy_fields(reader, part->tree, "an object", fields, sizeof(fields) / sizeof(fields[0]),
                              NULL);
                policy_leave(reader, mark);
        }
        set_base_path(reader);
        if (reader->policy->base && reader->fallback_order != UINT_MAX)
                policy_bad(reader, "\"default\" says nothing beside \"base\", whose defaultAction decides; "
                                   "remove one of them");
}

/* The value that a path of fields leads to, as far as it goes. */
static const json_t *field_of(const json_t *value, const char *field) {
        char key[128];

        while (*field && json_is_object(value)) {
                size_t n = strcspn(field, ".");
                const json_t *item;

                snprintf(key, sizeof(key), "%.*s", (int)n, field);
                item = json_object_get(value, key);
                if (!item)
                        break;
                value = item;
                field += n + (field[n] == '.');
        }
        return value;
}

/* A sentence of the check, with the place of what it is about. */
static int say(void *data, enum diag_severity severity, const char *id, size_t rule, const char *field,
               const char *text) {
        struct policy_reader *reader = data;
        const struct policy_rule *of = rule == POLICY_NO_RULE ? NULL : &reader->policy->rules[rule];
        const json_t *value = of ? field_of(reader->nodes[rule], field) : NULL;
        struct reader_mark mark;

        reader->base.diags->file = of ? of->file : reader->policy->file;
        mark = value ? policy_enter(reader, value, "%s%s%s", of->place, *field ? "." : "", field)
                     : policy_enter_field(reader, NULL, field);
        reader_complain(&reader->base, severity, id, "%s", text);
        policy_leave(reader, mark);
        return reader->base.r;
}

static int read_all(const char *path, const char *bytes, size_t n, const struct policy_read_options *options,
                    struct diags *diags, struct policy **ret) {
        cleanup_policy struct policy *policy = calloc(1, sizeof(*policy));
        struct policy_reader reader = {
                .base.diags = diags,
                .policy = policy,
                .options = options ? options : &(struct policy_read_options){ 0 },
                .base_order = UINT_MAX,
                .fallback_order = UINT_MAX,
                .on_error_order = UINT_MAX,
        };
        size_t n_errors = diags->n_errors;
        const char *file = diags->file;
        int r;

        if (!policy)
                return error_origin(-ENOMEM);
        policy->fallback = POLICY_ALLOW;
        policy->error_errno = EPERM;
        policy_variables_given(&reader);
        policy_parts_read(&reader, path, bytes, n);
        if (!reader.base.r && diags->n_errors == n_errors && set_file(&reader))
                read_parts(&reader);
        if (!reader.base.r && diags->n_errors == n_errors)
                policy_variables_doubt(&reader);
        if (!reader.base.r && diags->n_errors == n_errors)
                reader_fail(&reader.base, policy_check_sound(policy, say, &reader));
        if (!reader.base.r && diags->n_errors == n_errors)
                policy_write_source(&reader);
        diags->file = file;
        policy_parts_deinit(&reader.parts);
        free(reader.nodes);
        if (reader.base.r)
                return error_trace(reader.base.r);
        if (diags->n_errors > n_errors)
                return POLICY_E_INVALID;
        r = policy_prepare(policy);
        if (r == -E2BIG) {
                r = diag_add(diags, DIAG_ERROR, NULL, NULL,
                             "the values of a rule's arguments have more than %d combinations; make several "
                             "rules of it",
                             POLICY_ALTERNATIVES_MAX);
                return r ? error_trace(r) : POLICY_E_INVALID;
        }
        if (r)
                return error_trace(r);
        *ret = policy;
        policy = NULL;
        return 0;
}

int policy_read_file(const char *path, const struct policy_read_options *options, struct diags *diags,
                     struct policy **ret) {
        return error_trace(read_all(path, NULL, 0, options, diags, ret));
}

int policy_read(const char *bytes, size_t n, const struct policy_read_options *options, struct diags *diags,
                struct policy **ret) {
        return error_trace(read_all(NULL, bytes, n, options, diags, ret));
}
