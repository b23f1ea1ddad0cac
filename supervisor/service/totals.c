/* SPDX-License-Identifier: Apache-2.0 */

#include "supervisor/service/totals.h"

#include <stdio.h>

const char *const totals_refusals[TOTALS_REFUSALS] = {
        [TOTALS_REFUSED_LIMIT] = "limit",
        [TOTALS_REFUSED_RULE] = "rule",
        [TOTALS_REFUSED_FOREIGN] = "foreign",
        [TOTALS_REFUSED_TROUBLE] = "trouble",
};

static uint64_t refused(const struct metered *metered) {
        return atomic_load_explicit(&metered->meter->counts[METER_REFUSED], memory_order_relaxed);
}

static void attribute(struct profile_sums *sums, const struct metered *metered, uint64_t n) {
        if (n > metered->attributed)
                profile_sums_add(sums, metered->profile, n - metered->attributed);
}

void totals_begin(struct totals *totals, struct metered *metered, const struct meter *meter,
                  enum wire_mode mode, const char *profile) {
        *metered = (struct metered){ .meter = meter, .mode = mode, .alive = true };
        snprintf(metered->profile, sizeof(metered->profile), "%s", profile ? profile : "");
        totals->sessions++;
}

void totals_change(struct totals *totals, struct metered *metered, enum wire_mode mode,
                   const char *profile) {
        uint64_t n = refused(metered);

        attribute(&totals->profiles, metered, n);
        metered->attributed = n;
        metered->mode = mode;
        snprintf(metered->profile, sizeof(metered->profile), "%s", profile ? profile : "");
}

void totals_end(struct metered *metered) {
        metered->alive = false;
}

void totals_forget(struct totals *totals, struct metered *metered) {
        totals_end(metered);
        totals_add(totals, metered);
}

void totals_add(struct totals *copy, const struct metered *metered) {
        if (metered->alive && metered->mode < METER_MODES)
                copy->alive[metered->mode]++;
        meter_add(metered->meter, &copy->meter);
        attribute(&copy->profiles, metered, refused(metered));
}
