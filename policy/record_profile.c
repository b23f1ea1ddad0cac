/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The profile that shows a listener everything: what a dry run of "refuse everything but learn_assumed[]"
 * asks about. So it differs from what `callgate record` installs in nothing but what the runtime cannot
 * notify, and that is listed.
 */

#include <string.h>

#include "base/error.h"
#include "policy/dry_run_profile.h"
#include "policy/learn.h"
#include "syscalls/names.h"

static int allow_row(struct profile *profile, const struct learn_assumed *assumed, const struct arch *arch) {
        struct rule *rule;
        int r = profile_add_rule(profile, &rule);

        if (!r)
                r = rule_add_name(rule, assumed->name);
        if (!r && assumed->conditional)
                r = rule_add_condition(rule, learn_assumed_index(assumed, arch), CONDITION_MASKED_EQ,
                                       assumed->mask, 0);
        return error_trace(r);
}

/* Refuses what a recording notifies. */
static int make_strictest(const struct profile_context *context, struct profile **ret) {
        cleanup_profile struct profile *profile = NULL;
        const struct arch *siblings[4];
        size_t n = arch_siblings(context->arch, siblings);
        int r = profile_new(&profile);

        if (r)
                return error_trace(r);
        profile->default_set = true;
        profile->default_action = SECCOMP_RET_KILL_PROCESS;
        r = profile_add_arch(profile, context->arch);
        for (size_t i = 0; !r && i < n; i++)
                r = profile_add_arch(profile, siblings[i]);
        /* rt_sigreturn is asked about where the runtime bears it: a handler's return is the place to repair
         * a call that a signal took back (supervisor/restart.h). */
        for (size_t i = 0; !r && i < learn_assumed_n; i++)
                if (strcmp(learn_assumed[i].name, "rt_sigreturn") != 0)
                        r = allow_row(profile, &learn_assumed[i], context->arch);
        if (r)
                return error_trace(r);
        *ret = profile;
        profile = NULL;
        return 0;
}

int record_profile(const struct profile_context *context, const struct dry_run_options *options,
                   struct diags *diags, struct profile **ret) {
        cleanup_profile struct profile *strictest = NULL, *resolved = NULL;
        int r = make_strictest(context, &strictest);

        if (!r)
                r = profile_resolve(strictest, context, diags, &resolved);
        if (!r) {
                struct dry_run_options recording = *options;

                recording.record = true;
                r = dry_run_profile(resolved, context, &recording, diags, ret);
        }
        return error_trace(r);
}
