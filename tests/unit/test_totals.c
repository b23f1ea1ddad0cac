/* SPDX-License-Identifier: Apache-2.0 */

/* Sums of sessions that come, change, end and are forgotten never go back. */

#include <criterion/criterion.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/service/totals.h"

static void refuse(struct meter *meter, unsigned n) {
        const struct event event = { .verdict = SECCOMP_RET_ERRNO | 1, .answer = EVENT_ANSWER_CONTINUE };

        for (unsigned i = 0; i < n; i++) {
                meter_count(meter, METER_RECEIVED, 1);
                meter_note(meter, WIRE_MODE_DRY_RUN, &event, 1000);
        }
}

static uint64_t refusals_of(const struct totals *totals, const struct metered *metered,
                            const char *profile) {
        struct totals copy = *totals;

        if (metered->meter)
                totals_add(&copy, metered);
        for (size_t i = 0; i < copy.profiles.n; i++)
                if (strcmp(copy.profiles.items[i].name, profile) == 0)
                        return copy.profiles.items[i].n;
        return 0;
}

Test(totals, refusals_stay_with_the_profile_that_refused) {
        static struct totals totals;
        static struct meter meter;
        struct metered metered;

        totals_begin(&totals, &metered, &meter, WIRE_MODE_DRY_RUN, "a");
        refuse(&meter, 3);
        cr_expect_eq(refusals_of(&totals, &metered, "a"), 3);
        totals_change(&totals, &metered, WIRE_MODE_ENFORCE, "b");
        cr_expect_eq(refusals_of(&totals, &metered, "a"), 3);
        cr_expect_eq(refusals_of(&totals, &metered, "b"), 0);
        refuse(&meter, 2);
        cr_expect_eq(refusals_of(&totals, &metered, "b"), 2);
        totals_change(&totals, &metered, WIRE_MODE_ENFORCE, "a");
        refuse(&meter, 1);
        totals_end(&metered);
        cr_expect_eq(refusals_of(&totals, &metered, "a"), 4);
        totals_forget(&totals, &metered);
        metered.meter = NULL;
        cr_expect_eq(refusals_of(&totals, &metered, "a"), 4);
        cr_expect_eq(refusals_of(&totals, &metered, "b"), 2);
        cr_expect_eq(totals.meter.counts[METER_RECEIVED], 6);
        cr_expect_eq(totals.sessions, 1);
}

Test(totals, the_living_are_counted_by_mode) {
        static struct totals totals;
        static struct meter meter;
        struct metered first, second;
        struct totals copy;

        totals_begin(&totals, &first, &meter, WIRE_MODE_DRY_RUN, NULL);
        totals_begin(&totals, &second, &meter, WIRE_MODE_POLICY, NULL);
        totals_change(&totals, &first, WIRE_MODE_POLICY, NULL);
        copy = totals;
        totals_add(&copy, &first);
        totals_add(&copy, &second);
        cr_expect_eq(copy.alive[WIRE_MODE_DRY_RUN], 0);
        cr_expect_eq(copy.alive[WIRE_MODE_POLICY], 2);
        totals_end(&second);
        copy = totals;
        totals_add(&copy, &first);
        totals_add(&copy, &second);
        cr_expect_eq(copy.alive[WIRE_MODE_POLICY], 1);
}

Test(profile_sums, names_are_bounded) {
        static struct profile_sums sums;
        char name[3 * PROFILE_NAME_MAX];

        profile_sums_add(&sums, "never", 0);
        cr_expect_eq(sums.n, 0);
        for (unsigned i = 0; i < 3 * PROFILE_SUMS_MAX; i++) {
                snprintf(name, sizeof(name), "profile-%u", i);
                profile_sums_add(&sums, name, 1);
                profile_sums_add(&sums, "profile-0", 1);
        }
        cr_expect_eq(sums.n, PROFILE_SUMS_MAX);
        cr_expect_eq(sums.other, 2 * PROFILE_SUMS_MAX);
        cr_expect_eq(sums.items[0].n, 3 * PROFILE_SUMS_MAX + 1);
}

Test(profile_sums, long_names_are_one_by_their_beginning) {
        static struct profile_sums sums;
        char name[3 * PROFILE_NAME_MAX];

        memset(name, 'x', sizeof(name));
        name[sizeof(name) - 1] = 0;
        profile_sums_add(&sums, name, 1);
        name[sizeof(name) - 2] = 'y';
        profile_sums_add(&sums, name, 1);
        profile_sums_add(&sums, NULL, 1);
        profile_sums_add(&sums, "", 1);
        cr_expect_eq(sums.n, 2);
        cr_expect_eq(sums.items[0].n, 2);
        cr_expect_eq(strlen(sums.items[0].name), PROFILE_NAME_MAX - 1);
        cr_expect_eq(sums.items[1].n, 2);
}
