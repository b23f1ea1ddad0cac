/* SPDX-License-Identifier: Apache-2.0 */
/* A filter program that came over the wire: checked, rewritten, run. The bytes after a program are one call.
 */

#include "policy/filter.h"
#include "policy/simulate.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct filter filter = FILTER_INIT, rewritten = FILTER_INIT;
        struct seccomp_data call = { 0 };
        bool on_arguments;
        uint32_t before, after;

        if (size > sizeof(call)) {
                memcpy(&call, data, sizeof(call));
                data += sizeof(call);
                size -= sizeof(call);
        }
        filter.n = size / sizeof(*filter.insns);
        filter.insns = malloc(filter.n ? filter.n * sizeof(*filter.insns) : 1);
        if (!filter.insns)
                return 0;
        memcpy(filter.insns, data, filter.n * sizeof(*filter.insns));
        before = filter_simulate(&filter, &call, &on_arguments);
        if (!filter_check(&filter) &&
            !filter_rewrite(&filter, filter_is_refusal, SECCOMP_RET_USER_NOTIF, &rewritten)) {
                after = filter_simulate(&rewritten, &call, NULL);
                /* a program that divides by zero stops without a return */
                if (after != (filter_is_refusal(before) ? SECCOMP_RET_USER_NOTIF : before) &&
                    !(before == SECCOMP_RET_KILL_THREAD && after == SECCOMP_RET_KILL_THREAD))
                        abort();
                if (filter_check(&rewritten))
                        abort();
        }
        filter_deinit(&filter);
        filter_deinit(&rewritten);
        return 0;
}
