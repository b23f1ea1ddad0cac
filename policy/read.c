/* SPDX-License-Identifier: Apache-2.0 */
/* The front door: bytes to documents to a profile, and the names of what was found. */

#include "policy/read.h"

#include "base/error.h"
#include "policy/read_document.h"
#include "policy/read_yaml.h"
#include "policy/sha256.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
        const char *name, *title;
} dialects[] = {
        [DIALECT_OCI] = { "oci", "OCI profile" },
        [DIALECT_DOCKER] = { "docker", "docker profile" },
        [DIALECT_CONTAINERS] = { "containers", "containers/common profile" },
        [DIALECT_SPO] = { "spo", "SeccompProfile resource" },
};
#define N_DIALECTS (sizeof(dialects) / sizeof(dialects[0]))

bool dialect_by_name(const char *name, enum profile_dialect *ret) {
        static const struct {
                const char *name;
                enum profile_dialect dialect;
        } others[] = { { "moby", DIALECT_DOCKER }, { "podman", DIALECT_CONTAINERS } };

        for (size_t i = 0; i < N_DIALECTS; i++)
                if (!strcmp(dialects[i].name, name)) {
                        *ret = (enum profile_dialect)i;
                        return true;
                }
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
                if (!strcmp(others[i].name, name)) {
                        *ret = others[i].dialect;
                        return true;
                }
        return false;
}

const char *dialect_name(enum profile_dialect dialect) {
        return (unsigned)dialect < N_DIALECTS ? dialects[dialect].name : "?";
}

const char *dialect_title(enum profile_dialect dialect) {
        return (unsigned)dialect < N_DIALECTS ? dialects[dialect].title : "?";
}

void profile_source_text(const struct profile *profile, struct buf *to) {
        buf_puts(to, dialect_title(profile->dialect));
        if (profile->dialect == DIALECT_SPO)
                buf_printf(to, " %s", profile->older_api ? "v1beta1" : "v1");
        if (profile->container)
                buf_printf(to, ", %s of %s", profile->inside ? profile->inside : "part", profile->container);
        if (profile->yaml)
                buf_puts(to, ", in YAML");
}

/* JSON begins with a bracket; what does not is YAML. A file's name counts more than its first byte. */
static bool is_yaml(const char *bytes, size_t n, const struct profile_read_options *options) {
        size_t i = 0;

        if (options->yaml || options->json)
                return options->yaml;
        if (n >= 3 && !memcmp(bytes, "\xef\xbb\xbf", 3))
                i = 3;
        while (i < n && strchr(" \t\r\n", bytes[i]) && bytes[i])
                i++;
        return i < n && !strchr("{[\"", bytes[i]);
}

static void read_json_form(struct reader *reader, const char *bytes, size_t n) {
        struct json_document document = JSON_DOCUMENT_INIT;
        int r = json_document_read(bytes, n, reader->diags, &document);

        if (r)
                reader_fail(reader, r);
        else
                read_documents(reader, &document, 1);
        json_document_deinit(&document);
}

static void read_yaml_form(struct reader *reader, const char *bytes, size_t n) {
        struct yaml_documents documents = YAML_DOCUMENTS_INIT;
        int r = yaml_documents_read(bytes, n, reader->diags, &documents);

        reader->profile->yaml = true;
        if (r)
                reader_fail(reader, r);
        else
                read_documents(reader, documents.items, documents.n);
        yaml_documents_deinit(&documents);
        if (!reader->r && !reader->n_errors && reader->profile->dialect != DIALECT_SPO &&
            !reader->profile->container)
                reader_warn(
                        reader, "yaml-profile",
                        "runtimes read profiles as JSON; 'callgate profile convert' writes this as such");
}

int profile_read_as(const char *bytes, size_t n, const struct profile_read_options *options,
                    struct diags *diags, struct profile **ret) {
        cleanup_profile struct profile *profile = NULL;
        struct reader reader = { .diags = diags, .dialects = IN_ANY };
        size_t n_errors = diags->n_errors;
        int r = profile_new(&profile);

        if (r)
                return error_trace(r);
        reader.profile = profile;
        if (options->dialect_set)
                reader.dialects = 1u << options->dialect;
        if (is_yaml(bytes, n, options))
                read_yaml_form(&reader, bytes, n);
        else
                read_json_form(&reader, bytes, n);
        if (reader.r)
                return error_trace(reader.r);
        if (diags->n_errors > n_errors)
                return PROFILE_E_INVALID;
        if (diags->file)
                r = profile_set_text(&profile->file, diags->file);
        if (!r && options->digest) {
                char text[SHA256_TEXT_SIZE];

                r = profile_set_text(&profile->digest, sha256_text(bytes, n, text));
        }
        if (r)
                return error_trace(r);
        *ret = profile;
        profile = NULL;
        return 0;
}

int profile_read(const char *bytes, size_t n, struct diags *diags, struct profile **ret) {
        return profile_read_as(bytes, n, &(struct profile_read_options){ 0 }, diags, ret);
}

static bool ends_in(const char *path, const char *end) {
        size_t n_path = strlen(path), n_end = strlen(end);

        return n_path > n_end && !strcasecmp(path + n_path - n_end, end);
}

int profile_read_file_as(const char *path, const struct profile_read_options *options, struct diags *diags,
                         struct profile **ret) {
        struct profile_read_options with_name = *options;
        struct buf buf = BUF_INIT(PROFILE_BYTES_MAX + 1);
        int r;

        if (!options->yaml && !options->json) {
                with_name.yaml = ends_in(path, ".yaml") || ends_in(path, ".yml");
                with_name.json = ends_in(path, ".json");
        }
        diags->file = strcmp(path, "-") ? path : "standard input";
        r = buf_read_file(&buf, path, PROFILE_BYTES_MAX);
        switch (r) {
        case 0:
                r = profile_read_as(buf.data ? buf.data : "", buf.n, &with_name, diags, ret);
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

int profile_read_file(const char *path, struct diags *diags, struct profile **ret) {
        return profile_read_file_as(path, &(struct profile_read_options){ 0 }, diags, ret);
}
