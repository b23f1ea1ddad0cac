/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles of every dialect into the model: what stands around the rules. A profile is refused only for what
 * no runtime could take, or what two of them would read differently; what runtimes ignore is a warning.
 * Reading goes on after an error, so that a person sees all of them at once.
 */

#include "policy/read_oci.h"

#include "base/error.h"
#include "policy/read_rule.h"
#include "syscalls/names.h"

#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

static const char *nearest_arch(const char *name) {
        const struct arch *arch = arch_by_any(name);
        const char *names[64];
        size_t n = 0;

        if (arch)
                return arch->scmp;
        for (size_t i = 0; i < arch_table_n && n < 64; i++)
                names[n++] = arch_table[i].scmp;
        return reader_nearest(name, "SCMP_ARCH_", names, n);
}

static bool read_arch(struct reader *reader, const json_t *value, struct profile_arch *ret) {
        const char *text =
                reader_text(reader, value, "the name of an architecture, such as \"SCMP_ARCH_X86_64\"");
        char shown[READER_SHOWN], hint[READER_HINT];

        if (!text)
                return false;
        ret->arch = arch_by_scmp(text);
        if (!ret->arch) {
                reader_bad(reader, "%s is not an architecture%s", reader_quote(text, shown, sizeof(shown)),
                           reader_hint(hint, sizeof(hint), nearest_arch(text)));
                return false;
        }
        ret->name = strdup(text);
        if (!ret->name)
                reader_fail(reader, error_origin(-ENOMEM));
        return ret->name;
}

static void read_arches(struct reader *reader, const json_t *value, struct profile_arch **to, size_t *n) {
        json_t *item;
        size_t i;

        if (!reader_expect(reader, value, json_is_array(value), "a list of architectures"))
                return;
        if (!json_array_size(value))
                return;
        *to = calloc(json_array_size(value), sizeof(**to));
        if (!*to) {
                reader_fail(reader, error_origin(-ENOMEM));
                return;
        }
        json_array_foreach((json_t *)value, i, item) {
                size_t mark = reader_enter(reader, "[%zu]", i);

                if (read_arch(reader, item, &(*to)[*n]))
                        (*n)++;
                reader_leave(reader, mark);
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
        { "architecture", read_map_arch, 0 },
        { "subArchitectures", read_map_subs, 0 },
};

static void read_arch_map(struct reader *reader, const json_t *value, void *to) {
        struct profile *profile = to;
        json_t *item;
        size_t i;

        reader->docker = true;
        if (!reader_expect(reader, value, json_is_array(value),
                           "a list of architectures with their sub-architectures"))
                return;
        if (!json_array_size(value))
                return;
        profile->arch_maps = calloc(json_array_size(value), sizeof(*profile->arch_maps));
        if (!profile->arch_maps) {
                reader_fail(reader, error_origin(-ENOMEM));
                return;
        }
        json_array_foreach((json_t *)value, i, item) {
                size_t mark = reader_enter(reader, "[%zu]", i);

                if (reader_expect(reader, item, json_is_object(item),
                                  "an object with architecture and subArchitectures")) {
                        reader_fields(reader, item, map_fields, sizeof(map_fields) / sizeof(map_fields[0]),
                                      &profile->arch_maps[profile->n_arch_maps++]);
                        if (reader_missing(item, "architecture"))
                                reader_bad(reader, "has no architecture; add one, such as SCMP_ARCH_X86_64");
                }
                reader_leave(reader, mark);
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
        char shown[READER_SHOWN], hint[READER_HINT];
        json_t *item;
        size_t i;

        if (!reader_expect(reader, value, json_is_array(value), "a list of filter flags"))
                return;
        for (i = 0; i < n; i++)
                names[i] = flags[i].name;
        profile->flags_set = true;
        json_array_foreach((json_t *)value, i, item) {
                size_t mark = reader_enter(reader, "[%zu]", i), j;
                const char *text = reader_text(reader, item, "the name of a filter flag");

                for (j = 0; text && j < n; j++)
                        if (!strcmp(flags[j].name, text)) {
                                profile->flags |= flags[j].flag;
                                break;
                        }
                if (text && !strcmp(text, "SECCOMP_FILTER_FLAG_TSYNC"))
                        reader_warn(
                                reader, "flag-tsync",
                                "SECCOMP_FILTER_FLAG_TSYNC left the specification and does nothing here; "
                                "remove it");
                else if (text && j == n)
                        reader_bad(reader, "%s is not a filter flag%s",
                                   reader_quote(text, shown, sizeof(shown)),
                                   reader_hint(hint, sizeof(hint), diag_nearest(text, names, n)));
                reader_leave(reader, mark);
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
        reading->action.action_set = read_action(reader, value, &reading->action.action);
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
        reader_keep_text(reader, value, &((struct profile_reading *)to)->profile->listener_path);
}

static void read_listener_metadata(struct reader *reader, const json_t *value, void *to) {
        reader_keep_text(reader, value, &((struct profile_reading *)to)->profile->listener_metadata);
}

static void read_base_name(struct reader *reader, const json_t *value, void *to) {
        char **base = &((struct profile_reading *)to)->profile->base_name;
        char shown[READER_SHOWN];

        reader_keep_text(reader, value, base);
        if (*base)
                reader_warn(reader, "base-profile",
                            "the operator adds the rules of %s, which are not in this file; to see the "
                            "whole, merge them",
                            reader_quote(*base, shown, sizeof(shown)));
}

static void read_state(struct reader *reader, const json_t *value, void *to) {
        const char *text = reader_text(reader, value, "a state: \"Enabled\" or \"Disabled\"");
        char shown[READER_SHOWN];

        if (!text || !*text || !strcmp(text, "Enabled"))
                return;
        if (strcmp(text, "Disabled")) {
                reader_bad(reader, "%s is not a state; write Enabled or Disabled",
                           reader_quote(text, shown, sizeof(shown)));
                return;
        }
        ((struct profile_reading *)to)->profile->disabled = true;
        reader_warn(reader, "profile-disabled", "a disabled profile is not installed on any node");
}

/* The form of the state in older versions. */
static void read_disabled(struct reader *reader, const json_t *value, void *to) {
        if (!reader_expect(reader, value, json_is_boolean(value), "true or false"))
                return;
        if (!json_is_true(value))
                return;
        ((struct profile_reading *)to)->profile->disabled = true;
        reader_warn(reader, "profile-disabled", "a disabled profile is not installed on any node");
}

static void read_nothing(struct reader *reader, const json_t *value, void *to) {
        (void)reader, (void)value, (void)to;
}

#define IN_EXTENDED (IN_DOCKER | IN_CONTAINERS)

static const struct field profile_fields[] = {
        { "defaultAction", read_default, 0 },
        { "defaultErrnoRet", read_default_errno_number, IN_OCI | IN_EXTENDED },
        { "defaultErrno", read_default_errno_name, IN_CONTAINERS },
        { "architectures", read_profile_arches, 0 },
        { "archMap", read_profile_arch_map, IN_EXTENDED },
        { "flags", read_profile_flags, 0 },
        { "listenerPath", read_listener_path, 0 },
        { "listenerMetadata", read_listener_metadata, 0 },
        { "syscalls", read_rules, 0 },
        { "baseProfileName", read_base_name, IN_SPO },
        { "state", read_state, IN_SPO },
        { "disabled", read_disabled, IN_SPO },
        { "targetWorkload", read_nothing, IN_SPO }, /* of v1alpha1; named a directory */
};
#define N_PROFILE_FIELDS (sizeof(profile_fields) / sizeof(profile_fields[0]))

/* Which dialect the fields in use make it. */
static enum profile_dialect dialect_of(const struct reader *reader) {
        for (unsigned i = 0; i < 4; i++)
                if (reader->dialects == 1u << i)
                        return (enum profile_dialect)i;
        return reader->containers ? DIALECT_CONTAINERS : reader->docker ? DIALECT_DOCKER : DIALECT_OCI;
}

/* podman's form has no minKernel. */
static void note_kernels(struct reader *reader) {
        for (size_t i = 0; i < reader->profile->n_rules; i++) {
                const struct rule *rule = &reader->profile->rules[i];

                if (rule->includes.kernel_set || rule->excludes.kernel_set) {
                        reader_warn(reader, "kernel-for-podman",
                                    "%s asks for a kernel, and other parts are of podman's form: podman "
                                    "ignores minKernel",
                                    rule->place);
                        return;
                }
        }
}

void read_profile(struct reader *reader, const json_t *value) {
        struct profile_reading reading = { .profile = reader->profile };
        struct profile *profile = reader->profile;
        size_t n_errors = reader->diags->n_errors;

        reader_fields(reader, value, profile_fields, N_PROFILE_FIELDS, &reading);
        profile->default_set = reading.action.action_set;
        profile->default_action = read_action_join(reader, &reading.action, "defaultErrnoRet",
                                                   "defaultErrno", &profile->default_errno_set);
        if (!profile->default_set && (profile->n_rules || reader->dialects == IN_SPO) &&
            reader->diags->n_errors == n_errors)
                reader_bad(reader, "%sno defaultAction; add one, such as SCMP_ACT_ERRNO",
                           profile->n_rules ? "there are rules but " : "there is ");
        if (profile->n_archs && profile->n_arch_maps)
                reader_bad(reader, "architectures and archMap exclude each other; keep one of them");
        profile->dialect = dialect_of(reader);
        if (profile->dialect == DIALECT_CONTAINERS)
                note_kernels(reader);
}

bool read_looks_like_profile(const json_t *value) {
        if (!json_object_size(value))
                return true; /* docker's "no profile" */
        for (size_t i = 0; i < N_PROFILE_FIELDS; i++)
                if (profile_fields[i].in != IN_SPO && (!reader_missing(value, profile_fields[i].name) ||
                                                       json_object_get(value, profile_fields[i].name)))
                        return true;
        return false;
}
