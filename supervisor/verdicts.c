/* SPDX-License-Identifier: Apache-2.0 */

/* What must stay true: what is kept is what the filter would say again. Only calls of the native
 * architecture are kept; others are rare. */

#include "supervisor/verdicts.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "policy/simulate.h"
#include "syscalls/names.h"

#define KEPT_NRS 512

struct verdicts {
        uint32_t verdicts[KEPT_NRS];
        uint8_t known[KEPT_NRS];
};

uint32_t verdicts_ask(struct verdicts **verdicts, const struct filter *filter,
                      const struct seccomp_data *data) {
        bool can_be_kept = data->arch == arch_native()->audit && (uint32_t)data->nr < KEPT_NRS;
        struct verdicts *kept;
        bool on_arguments = true;
        uint32_t verdict;

        if (filter->n == 0)
                return SECCOMP_RET_USER_NOTIF;
        if (!*verdicts)
                *verdicts = calloc(1, sizeof(**verdicts));
        kept = *verdicts;
        if (kept && can_be_kept && kept->known[data->nr])
                return kept->verdicts[data->nr];
        verdict = filter_simulate(filter, data, &on_arguments);
        if (kept && can_be_kept && !on_arguments) {
                kept->verdicts[data->nr] = verdict;
                kept->known[data->nr] = 1;
        }
        return verdict;
}

void verdicts_forget(struct verdicts *verdicts) {
        if (verdicts)
                memset(verdicts, 0, sizeof(*verdicts));
}
