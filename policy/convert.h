/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A profile as another dialect can hold it, and what it loses on the way. Conditions on capabilities,
 * architectures and kernels are decided for one context where the dialect has no words for them: that is a
 * loss unless a person chose the context.
 */

#include "base/buf.h"
#include "base/diag.h"
#include "policy/model.h"
#include "policy/resolve.h"

struct convert_options {
        enum profile_dialect to;
        const struct profile_context *context; /* .given: what a person chose */
        const char *name; /* of a resource; NULL: the profile's, or made from its file's name */
        bool older_api;   /* SeccompProfile v1beta1 */
};

/*
 * 0 or -errno. Each loss is a warning in losses, with a stable id, the place in the profile, what is lost
 * and what stands for it in *ret; no warnings: nothing is lost. *ret can be written in the dialect asked
 * for.
 */
int profile_convert(const struct profile *profile, const struct convert_options *options,
                    struct diags *losses, struct profile **ret);

/* The losses that come with deciding conditions for a context, for outputs that are made from a resolved
 * profile. parts: those that the output has no words for. */
int convert_note_context(const struct profile *profile, const struct profile_context *context,
                         unsigned parts, struct diags *losses);

/* The text: OCI, docker's and podman's form as JSON; SeccompProfile as YAML, or as JSON when asked for. */
int profile_write(const struct profile *profile, bool json, struct buf *to);
