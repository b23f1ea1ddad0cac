/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The front door for profiles: JSON or YAML; OCI linux.seccomp, docker's and podman's extended forms,
 * SeccompProfile custom resources; bare, inside of an OCI config.json, of a ConfigMap or of a List. What was
 * recognised stands in the profile (dialect, yaml, inside) and is named by profile_source_text().
 */

#include "base/buf.h"
#include "base/diag.h"
#include "policy/model.h"

struct profile_read_options {
        bool dialect_set; /* else recognised by the fields in use */
        enum profile_dialect dialect;
        /* The text is YAML although it begins like JSON, or the other way round: by the file's name.
         * Neither: by the first byte. */
        bool yaml, json;
        bool digest; /* wanted in the profile */
};

/*
 * 0, PROFILE_E_INVALID (diags hold at least one error), or a negative errno. Warnings may be added in either
 * case. diags->file, when set, names the file in what is said. No bytes can make it use more than a small
 * multiple of n of memory, or recurse deeper than PROFILE_DEPTH_MAX.
 */
int profile_read(const char *bytes, size_t n, struct diags *diags, struct profile **ret);
int profile_read_as(const char *bytes, size_t n, const struct profile_read_options *options,
                    struct diags *diags, struct profile **ret);

/* The same for a file; "-" is standard input. A file that cannot be opened is a diag and PROFILE_E_INVALID
 * as well. Sets diags->file to path, borrowed. */
int profile_read_file(const char *path, struct diags *diags, struct profile **ret);
int profile_read_file_as(const char *path, const struct profile_read_options *options, struct diags *diags,
                         struct profile **ret);

bool dialect_by_name(const char *name, enum profile_dialect *ret); /* "oci", "docker", "containers", "spo" */
const char *dialect_name(enum profile_dialect dialect);
const char *dialect_title(enum profile_dialect dialect); /* "docker profile" */
/* "docker profile, in data[\"a.json\"] of a ConfigMap (YAML)" */
void profile_source_text(const struct profile *profile, struct buf *to);
