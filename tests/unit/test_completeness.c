/* SPDX-License-Identifier: Apache-2.0 */

/* The estimate, and the sentence about it. */

#include <criterion/criterion.h>
#include <string.h>

#include "policy/completeness.h"

#define SECOND UINT64_C(1000000000)

static void expect_text(const struct completeness *completeness, const char *expected) {
        struct buf buf = BUF_INIT(0);

        completeness_text(completeness, &buf);
        cr_expect_str_eq(buf_string(&buf), expected);
        buf_deinit(&buf);
}

Test(completeness, nothing_seen) {
        struct completeness completeness = COMPLETENESS_INIT;

        cr_expect_eq(completeness_chance_new(&completeness), 1);
        expect_text(&completeness, "no call was seen");
}

Test(completeness, good_and_turing) {
        struct completeness completeness = COMPLETENESS_INIT;

        completeness_add(&completeness, 96, 10 * SECOND, 20 * SECOND);
        completeness_add(&completeness, 1, 11 * SECOND, 11 * SECOND);
        completeness_add(&completeness, 1, 12 * SECOND + SECOND / 2, 12 * SECOND + SECOND / 2);
        completeness_add(&completeness, 2, 9 * SECOND, 12 * SECOND);
        cr_expect_eq(completeness.n_calls, 100);
        cr_expect_eq(completeness.n_distinct, 4);
        cr_expect_eq(completeness.n_once, 2);
        cr_expect_eq(completeness.first_ns, 9 * SECOND);
        cr_expect_eq(completeness.last_ns, 20 * SECOND);
        cr_expect_eq(completeness.last_new_ns, 12 * SECOND + SECOND / 2);
        cr_expect_float_eq(completeness_chance_new(&completeness), 0.02, 1e-12);
        expect_text(&completeness, "4 distinct calls, 2 of them seen only once; the chance that the next "
                                   "call is new is about 2 %; "
                                   "the last new one appeared 3.5 s into a recording of 11 s");
}

Test(completeness, never_is_said_as_a_bound) {
        struct completeness completeness = COMPLETENESS_INIT;

        completeness_add(&completeness, 5000, SECOND, 1201 * SECOND);
        cr_expect_eq(completeness_chance_new(&completeness), 0);
        expect_text(
                &completeness,
                "1 distinct calls, 0 of them seen only once; the chance that the next call is new is about "
                "0 (below 1 in 5000); the last new one appeared 0 ms into a recording of 20 min");
}
