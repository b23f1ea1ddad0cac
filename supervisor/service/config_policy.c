/* SPDX-License-Identifier: Apache-2.0 */

#include "supervisor/service/config_policy.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "callgate/wire.h"
#include "policy/compile.h"
#include "policy/native/read.h"
#include "supervisor/service/config.h"

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

static int make_base(const struct policy *policy, struct diags *diags, struct filter *ret) {
        const char *file = diags->file;
        int r;

        if (!policy->base) {
                ret->insns = malloc(sizeof(*ret->insns));
                if (!ret->insns)
                        return error_origin(-ENOMEM);
                ret->insns[0] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, fallback_of(policy));
                ret->n = 1;
                return 0;
        }
        diags->file = policy->base_path;
        r = filter_compile(policy->base, diags, ret);
        diags->file = file;
        if (r == PROFILE_E_EMPTY) {
                r = diag_add(
                        diags, DIAG_ERROR, NULL, NULL,
                        "the base profile asks for no filter at all; leave 'base' out and say 'default: "
                        "allow'");
                r = r ? r : PROFILE_E_INVALID;
        }
        return error_trace(r);
}

int config_policy_read(const char *path, struct diags *diags, char **ret_text, struct filter *ret_base) {
        cleanup_policy struct policy *policy = NULL;
        struct filter base = FILTER_INIT;
        char *text = NULL;
        int r = policy_read_file(path, NULL, diags, &policy);

        if (!r && strlen(policy->source) > WIRE_POLICY_MAX) {
                r = diag_add(diags, DIAG_ERROR, NULL, NULL, "%s: more than %u bytes as JSON", path,
                             WIRE_POLICY_MAX);
                r = r ? r : POLICY_E_INVALID;
        }
        if (!r)
                r = make_base(policy, diags, &base);
        if (!r) {
                text = strdup(policy->source);
                r = text ? 0 : error_origin(-ENOMEM);
        }
        if (r) {
                filter_deinit(&base);
                return r > 0 ? CONFIG_E_INVALID : error_trace(r);
        }
        free(*ret_text);
        *ret_text = text;
        filter_deinit(ret_base);
        *ret_base = base;
        return 0;
}
