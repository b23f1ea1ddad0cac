/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <linux/seccomp.h>

#include "supervisor/meter.h"

static const struct {
        uint32_t verdict;
        enum event_answer answer;
        uint32_t flags;
        enum meter_verdict counted;
        bool refused;
} rows[] = {
        { SECCOMP_RET_ALLOW, EVENT_ANSWER_CONTINUE, 0, METER_ALLOW, false },
        { SECCOMP_RET_LOG, EVENT_ANSWER_CONTINUE, 0, METER_LOG, false },
        { SECCOMP_RET_ERRNO | 1, EVENT_ANSWER_CONTINUE, 0, METER_ERRNO, true },
        { SECCOMP_RET_ERRNO | 1, EVENT_ANSWER_ERRNO, 0, METER_ERRNO, true },
        { SECCOMP_RET_ERRNO | 1, EVENT_ANSWER_ERRNO, EVENT_RUNTIME, METER_ERRNO, true },
        { SECCOMP_RET_TRAP, EVENT_ANSWER_CONTINUE, 0, METER_TRAP, true },
        { SECCOMP_RET_TRACE, EVENT_ANSWER_CONTINUE, 0, METER_TRACE, true },
        { SECCOMP_RET_KILL_THREAD, EVENT_ANSWER_CONTINUE, 0, METER_KILL_THREAD, true },
        { SECCOMP_RET_KILL_PROCESS, EVENT_ANSWER_NONE, EVENT_GONE, METER_KILL_PROCESS, true },
        { SECCOMP_RET_USER_NOTIF, EVENT_ANSWER_CONTINUE, 0, METER_NOTIFY, false },
        { SECCOMP_RET_USER_NOTIF, EVENT_ANSWER_VALUE, 0, METER_NOTIFY, false },
        { SECCOMP_RET_USER_NOTIF, EVENT_ANSWER_ERRNO, 0, METER_NOTIFY, true },
        { SECCOMP_RET_USER_NOTIF, EVENT_ANSWER_ERRNO, EVENT_PERFORMED, METER_NOTIFY, false },
        { SECCOMP_RET_USER_NOTIF, EVENT_ANSWER_KILL, 0, METER_NOTIFY, true },
        { 0x12340000, EVENT_ANSWER_CONTINUE, 0, METER_UNKNOWN, true },
};

Test(meter, calls_are_counted_once) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const struct event event = { .verdict = rows[i].verdict,
                                             .answer = rows[i].answer,
                                             .value = rows[i].answer == EVENT_ANSWER_ERRNO,
                                             .flags = rows[i].flags };
                struct meter_sums sums = { 0 };
                struct meter meter = { 0 };

                meter_count(&meter, METER_RECEIVED, 3);
                meter_note(&meter, WIRE_MODE_DRY_RUN, &event, 4000);
                meter_add(&meter, &sums);
                cr_expect_eq(sums.calls[WIRE_MODE_DRY_RUN][rows[i].counted][rows[i].answer], 1, "row %zu",
                             i);
                cr_expect_eq(sums.counts[METER_REFUSED], rows[i].refused, "row %zu", i);
                cr_expect_eq(sums.counts[METER_SUM_NS], 4000);
                cr_expect_eq(meter_in_flight(&sums), 2);
        }
}

Test(meter, buckets_hold_what_is_at_most_their_bound) {
        const struct event event = { .verdict = SECCOMP_RET_ALLOW };

        for (size_t i = 0; i < METER_BUCKETS - 1; i++) {
                struct meter_sums sums = { 0 };
                struct meter meter = { 0 };

                cr_expect(i == 0 || meter_bounds[i] > meter_bounds[i - 1]);
                meter_note(&meter, WIRE_MODE_RECORD, &event, meter_bounds[i]);
                meter_note(&meter, WIRE_MODE_RECORD, &event, meter_bounds[i] + 1);
                meter_add(&meter, &sums);
                cr_expect_eq(sums.buckets[i], 1, "bucket %zu", i);
                cr_expect_eq(sums.buckets[i + 1], 1, "bucket %zu", i + 1);
        }
}

/* An event of anywhere: nothing is written outside. */
Test(meter, what_is_out_of_range_is_counted_somewhere) {
        const struct event event = { .verdict = SECCOMP_RET_ALLOW, .answer = 4711 };
        struct meter_sums sums = { 0 };
        struct meter meter = { 0 };

        meter_note(&meter, (enum wire_mode)99, &event, UINT64_MAX);
        meter_add(&meter, &sums);
        cr_expect_eq(sums.calls[0][METER_ALLOW][EVENT_ANSWER_NONE], 1);
        cr_expect_eq(sums.buckets[METER_BUCKETS - 1], 1);
}
