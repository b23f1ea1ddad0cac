/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of strangers as a policy: read, checked, written down and read again, explained, asked; and as a
 * file of cases. */

#include "base/buf.h"
#include "base/diag.h"
#include "policy/native/cases.h"
#include "policy/native/check.h"
#include "policy/native/read.h"
#include "policy/native/write_explain.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void) {
        return "leak:libseccomp.so\n";
}

#define CASES                                                                                               \
        "- { call: openat, path: /etc/passwd, expect: allow }\n"                                            \
        "- { call: kill, repeat: 3, expect: { errno: EPERM } }\n"                                           \
        "- { call: connect, address: \"10.0.0.1:443\", expect: kill }\n"

static void ask(const struct policy *policy, const char *text, size_t n) {
        struct policy_cases *cases = NULL;
        struct policy_trial *trial = NULL;
        struct diags diags = DIAGS_INIT;

        if (!policy_cases_read(text, n, &diags, &cases) && policy && !policy_trial_new(policy, &trial)) {
                for (size_t i = 0; i < cases->n && i < 16; i++) {
                        struct policy_case_result result;

                        if (cases->items[i].repeat > 100 ||
                            policy_trial_run(trial, &cases->items[i], &result))
                                continue;
                        if (result.disagreement)
                                abort();
                        policy_case_result_deinit(&result);
                }
        }
        policy_trial_free(trial);
        policy_cases_free(cases);
        diags_deinit(&diags);
}

/* What travels is the same policy. */
static void again(const struct policy *policy) {
        struct diags diags = DIAGS_INIT;
        struct policy *other = NULL;

        if (policy_read(policy->source, strlen(policy->source), NULL, &diags, &other) ||
            strcmp(policy->source, other->source) != 0 || policy->n_rules != other->n_rules)
                abort();
        policy_free(other);
        diags_deinit(&diags);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char *const variables[] = { "opt=/opt" };
        struct policy_read_options options = { .variables = variables, .n_variables = 1, .folder = "/" };
        struct policy *policy = NULL;
        struct diags diags = DIAGS_INIT;
        struct buf text = BUF_INIT(0);

        if (!policy_read((const char *)data, size, &options, &diags, &policy)) {
                again(policy);
                policy_check_doubts(policy, &diags);
                policy_explain_text(policy, NULL, 80, &text);
                policy_explain_json(policy, "openat", &text);
                ask(policy, CASES, sizeof(CASES) - 1);
        } else {
                ask(NULL, (const char *)data, size);
        }
        buf_deinit(&text);
        policy_free(policy);
        diags_deinit(&diags);
        return 0;
}
