/* SPDX-License-Identifier: Apache-2.0 */

#include "supervisor/service/config_policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "callgate/wire.h"
#include "policy/compile.h"
#include "policy/native/base.h"
#include "policy/native/read.h"
#include "supervisor/service/config.h"

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
                r = policy_base(policy, filter_compile, diags, &base);
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
