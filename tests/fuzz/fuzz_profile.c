/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of strangers as a profile: read, resolved, compiled, checked, asked. */

#include "base/diag.h"
#include "policy/check.h"
#include "policy/compile.h"
#include "policy/explain.h"
#include "policy/match.h"
#include "policy/read.h"
#include "policy/resolve.h"
#include "policy/simulate.h"
#include "syscalls/names.h"

#include <linux/audit.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libseccomp 2.5 loses nodes of its own when it prunes a tree of conditions. */
const char *__lsan_default_suppressions(void) {
        return "leak:libseccomp.so\n";
}

/* The filter and the rules say the same, whatever the profile. */
static void agree(const struct profile *flat, const struct filter *filter) {
        for (size_t i = 0; i < flat->n_rules && i < 64; i++) {
                const struct rule *rule = &flat->rules[i];
                struct seccomp_data call = { .arch = AUDIT_ARCH_X86_64 };
                uint64_t args[6] = { 0 };
                int nr = rule->n_names ? syscall_number(arch_by_scmp("SCMP_ARCH_X86_64"), rule->names[0])
                                       : -1;

                if (nr < 0)
                        continue;
                call.nr = nr;
                for (size_t j = 0; j < rule->n_conditions; j++) {
                        const struct condition *condition = &rule->conditions[j];

                        args[condition->index] = condition->op == CONDITION_MASKED_EQ ? condition->value_two
                                                                                      : condition->value;
                }
                for (size_t j = 0; j < 6; j++)
                        call.args[j] = args[j];
                if (filter_simulate(filter, &call, NULL) !=
                    match_call(flat, AUDIT_ARCH_X86_64, (uint32_t)nr, args, NULL))
                        abort();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct profile_context context = { .arch = arch_by_scmp("SCMP_ARCH_X86_64"),
                                           .caps = UINT64_C(0xa80425fb),
                                           .kernel_major = 6 };
        cleanup_profile struct profile *profile = NULL, *flat = NULL;
        struct filter filter = FILTER_INIT;
        struct diags diags = DIAGS_INIT;

        if (!profile_read((const char *)data, size, &diags, &profile) &&
            !profile_resolve(profile, &context, &diags, &flat)) {
                if (!filter_compile(flat, &diags, &filter)) {
                        if (filter_check(&filter))
                                abort();
                        agree(flat, &filter);
                }
                profile_check(profile, &context, &diags);
        }
        filter_deinit(&filter);
        diags_deinit(&diags);
        return 0;
}
