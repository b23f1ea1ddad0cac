/* SPDX-License-Identifier: Apache-2.0 */

#include "policy/native/base.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>

#include "base/error.h"

static uint32_t fallback_of(const struct policy *policy) {
        switch (policy->fallback) {
        case POLICY_ERRNO:
                return SECCOMP_RET_ERRNO | (uint32_t)policy->fallback_errno;
        case POLICY_KILL:
                return SECCOMP_RET_KILL_PROCESS;
        case POLICY_LOG:
                return SECCOMP_RET_LOG;
        default:
                return SECCOMP_RET_ALLOW;
        }
}

static int make_fallback(const struct policy *policy, struct filter *ret) {
        ret->insns = malloc(sizeof(*ret->insns));
        if (!ret->insns)
                return error_origin(-ENOMEM);
        ret->insns[0] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, fallback_of(policy));
        ret->n = 1;
        return 0;
}

int policy_base(const struct policy *policy, policy_compile_base *compile, struct diags *diags,
                struct filter *ret) {
        const char *file = diags->file;
        int r;

        if (!policy->base)
                return error_trace(make_fallback(policy, ret));
        diags->file = policy->base_path;
        r = compile(policy->base, diags, ret);
        if (r == PROFILE_E_EMPTY) {
                r = diag_add(
                        diags, DIAG_ERROR, NULL, NULL,
                        "the base profile asks for no filter at all; leave 'base' out and say 'default: "
                        "allow'");
                r = r ? r : POLICY_E_INVALID;
        }
        diags->file = file;
        return error_trace(r);
}
