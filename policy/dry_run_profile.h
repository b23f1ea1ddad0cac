/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The profile that a container runtime can load so that nothing is refused, and everything that another
 * profile would refuse is notified to a listener, or logged by the kernel.
 *
 * What the runtime cannot notify is left allowed; what cannot be told apart from it is notified as well.
 * Both are listed, never silent.
 */

#include "base/buf.h"
#include "base/diag.h"
#include "policy/model.h"
#include "policy/resolve.h"

enum dry_run_runtime {
        DRY_RUN_RUNC, /* takes no SCMP_ACT_NOTIFY as default or for write, and no flags; fits every runtime
                       */
        DRY_RUN_CRUN,
};

struct dry_run_options {
        enum dry_run_runtime runtime;
        bool log;             /* SCMP_ACT_LOG instead of a listener */
        bool record;          /* set by record_profile(): the metadata say so */
        const char *listener; /* path of the socket; NULL with log */
        const char *metadata; /* a person's text; may be NULL */
};

/*
 * profile: resolved for the context. What is listed comes as warnings: "left-allowed" and "always-notified".
 * 0, PROFILE_E_INVALID (the profile is too complex; diags say so), or -errno.
 */
int dry_run_profile(const struct profile *resolved, const struct profile_context *context,
                    const struct dry_run_options *options, struct diags *diags, struct profile **ret);

/* The same for a recording: everything is asked but what a recording leaves in the kernel (learn_assumed[]).
 */
int record_profile(const struct profile_context *context, const struct dry_run_options *options,
                   struct diags *diags, struct profile **ret);

/* What stands in listenerMetadata: a JSON object with the profile's name and its digest, or with the mode of
 * a recording, and the text. */
int dry_run_metadata(const struct profile *resolved, const struct dry_run_options *options, struct buf *to);
