/* SPDX-License-Identifier: Apache-2.0 */

#include "supervisor/service/profile_sums.h"

#include <stdio.h>
#include <string.h>

void profile_sums_add(struct profile_sums *sums, const char *name, uint64_t n) {
        struct profile_sum *sum;

        if (n == 0)
                return;
        name = name ? name : "";
        for (sum = sums->items; sum < sums->items + sums->n; sum++)
                if (strncmp(sum->name, name, PROFILE_NAME_MAX - 1) == 0) {
                        sum->n += n;
                        return;
                }
        if (sums->n == PROFILE_SUMS_MAX) {
                sums->other += n;
                return;
        }
        snprintf(sum->name, sizeof(sum->name), "%s", name);
        sum->n = n;
        sums->n++;
}
