/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON profiles into the model: what stands around the rules. A profile is refused only for what no runtime
 * could take, or what two of them would read differently; what runtimes ignore is a warning. Reading goes on
 * after an error, so that a person sees all of them at once.
 */

#include "policy/read_oci.h"

#include "base/buf.h"
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
        { "architecture", read_map_arch },
        { "subArchitectures", read_map_subs },
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

static const struct field profile_fields[] = {
        { "defaultAction", read_default },
        { "defaultErrnoRet", read_default_errno_number },
        { "defaultErrno", read_default_errno_name },
        { "architectures", read_profile_arches },
        { "archMap", read_profile_arch_map },
        { "flags", read_profile_flags },
        { "listenerPath", read_listener_path },
        { "listenerMetadata", read_listener_metadata },
        { "syscalls", read_rules },
};
#define N_PROFILE_FIELDS (sizeof(profile_fields) / sizeof(profile_fields[0]))

static void read_profile(struct reader *reader, const json_t *value) {
        struct profile_reading reading = { .profile = reader->profile };
        struct profile *profile = reader->profile;
        size_t n_errors = reader->diags->n_errors;

        reader_fields(reader, value, profile_fields, N_PROFILE_FIELDS, &reading);
        profile->default_set = reading.action.action_set;
        profile->default_action = read_action_join(reader, &reading.action, "defaultErrnoRet",
                                                   "defaultErrno", &profile->default_errno_set);
        if (!profile->default_set && profile->n_rules && reader->diags->n_errors == n_errors)
                reader_bad(reader, "there are rules but no defaultAction; add one, such as SCMP_ACT_ERRNO");
        if (profile->n_archs && profile->n_arch_maps)
                reader_bad(reader, "architectures and archMap exclude each other; keep one of them");
        profile->dialect = reader->containers ? DIALECT_CONTAINERS
                           : reader->docker   ? DIALECT_DOCKER
                                              : DIALECT_OCI;
}

static bool looks_like_profile(const json_t *value) {
        if (!json_object_size(value))
                return true; /* docker's "no profile" */
        for (size_t i = 0; i < N_PROFILE_FIELDS; i++)
                if (!reader_missing(value, profile_fields[i].name) ||
                    json_object_get(value, profile_fields[i].name))
                        return true;
        return false;
}

/* A profile, or the one inside of an OCI config.json. */
static void read_document(struct reader *reader) {
        const json_t *root = reader->document->root;
        const json_t *linux_part = json_object_get(root, "linux"),
                     *inside = json_object_get(linux_part, "seccomp");

        if (!reader_expect(reader, root, json_is_object(root),
                           "a profile: an object with defaultAction and syscalls"))
                return;
        if (json_is_object(inside) && !looks_like_profile(root)) {
                reader_enter(reader, "linux.seccomp");
                if (looks_like_profile(inside))
                        read_profile(reader, inside);
                else
                        reader_bad(
                                reader,
                                "this is not a seccomp profile: it has neither defaultAction nor syscalls");
                return;
        }
        if (looks_like_profile(root))
                read_profile(reader, root);
        else if (json_is_object(linux_part) || json_object_get(root, "ociVersion"))
                reader_bad(reader,
                           "this OCI configuration has no linux.seccomp, so there is no profile in it");
        else
                reader_bad(reader,
                           "this is not a seccomp profile: it has neither defaultAction nor syscalls");
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
