/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/tally.h"

static struct tally tally;
static struct tally_row *rows;

static void setup(void) {
        rows = calloc(TALLY_ROWS_MAX, sizeof(*rows));
        tally_init(&tally, rows);
}

static void teardown(void) {
        tally_deinit(&tally);
        free(rows);
}

TestSuite(tally, .init = setup, .fini = teardown);

static struct tally_key key_of(const char *comm, uint32_t nr, uint64_t arg) {
        struct tally_key key;

        memset(&key, 0, sizeof(key));
        strncpy(key.comm, comm, sizeof(key.comm) - 1);
        key.nr = nr;
        key.args[0] = arg;
        return key;
}

static int count(const char *comm, uint32_t nr, uint64_t arg, struct event **ret) {
        struct tally_key key = key_of(comm, nr, arg);
        struct tally_row *row;
        int r = tally_find(&tally, &key, &row);

        *ret = row ? &row->event : NULL;
        if (*ret)
                (*ret)->count++;
        return r;
}

Test(tally, keys_differ_in_every_part) {
        struct event *a, *b;

        cr_assert_eq(count("sh", 1, 0, &a), TALLY_E_NEW);
        cr_assert_eq(count("sh", 1, 0, &b), 0);
        cr_assert_eq(a, b);
        cr_assert_eq(a->count, 2);
        cr_assert_eq(count("ls", 1, 0, &b), TALLY_E_NEW);
        cr_assert_eq(count("sh", 2, 0, &b), TALLY_E_NEW);
        cr_assert_eq(count("sh", 1, 7, &b), TALLY_E_NEW);
        cr_assert_eq(tally.n, 4);
}

Test(tally, growing_keeps_every_row) {
        struct event *row;

        for (uint32_t round = 0; round < 2; round++)
                for (uint32_t i = 0; i < 10000; i++)
                        cr_assert_eq(count("sh", i, 0, &row), round ? 0 : TALLY_E_NEW);
        for (size_t i = 0; i < tally.n; i++)
                cr_assert_eq(tally.rows[i].event.count, 2);
}

Test(tally, too_many_argument_classes_are_folded_not_lost) {
        struct event *row;
        uint64_t total = 0;

        for (uint64_t i = 0; i < 3 * TALLY_ROWS; i++)
                cr_assert_neq(count("sh", 16, i, &row), TALLY_E_FULL);
        cr_assert_leq(tally.n, TALLY_ROWS + 1);
        cr_assert_eq(row->flags, EVENT_MERGED_ARGS);
        for (size_t i = 0; i < tally.n; i++)
                total += tally.rows[i].event.count;
        cr_assert_eq(total, 3 * TALLY_ROWS);
        cr_assert_eq(tally.merged, 2 * TALLY_ROWS);
}

Test(tally, too_many_names_are_folded_then_calls_are_refused_a_row) {
        struct event *row;
        char comm[16];
        size_t full = 0;

        for (unsigned i = 0; i < 3 * TALLY_ROWS; i++) {
                snprintf(comm, sizeof(comm), "c%u", i);
                cr_assert_neq(count(comm, 16, 0, &row), TALLY_E_FULL, "one call under many names");
        }
        cr_assert_eq(count("other", 17, 0, &row), TALLY_E_NEW, "another call still gets a row");
        for (unsigned i = 0; i < 3 * TALLY_ROWS; i++)
                full += count("flood", 1000 + i, 0, &row) == TALLY_E_FULL;
        cr_assert_gt(full, 0);
        cr_assert_eq(tally.n, TALLY_ROWS_MAX);
}

Test(tally, rows_that_are_there_are_found_again) {
        struct event *row;

        for (uint32_t i = 0; i < 1000; i++)
                cr_assert_eq(count("sh", i, 0, &row), TALLY_E_NEW);
        tally_deinit(&tally);
        tally_init(&tally, rows);
        cr_assert_eq(tally_adopt(&tally, 1000), 0);
        for (uint32_t i = 0; i < 1000; i++)
                cr_assert_eq(count("sh", i, 0, &row), 0);
        cr_assert_eq(count("sh", 1000, 0, &row), TALLY_E_NEW);
        for (size_t i = 0; i < 1000; i++)
                cr_assert_eq(tally.rows[i].event.count, 2);
}

/* What looking says is what finding then does, also when rows are folded. */
Test(tally, looking_makes_nothing) {
        struct event *found;
        char comm[16];

        for (unsigned i = 0; i < 3 * TALLY_ROWS; i++) {
                struct tally_key key;
                struct tally_row *row = NULL;
                uint64_t merged = tally.merged;
                size_t n = tally.n;
                int r;

                snprintf(comm, sizeof(comm), "c%u", i % 7 ? i : i / 49);
                key = key_of(comm, 16 + i % 3, 0);
                r = tally_look(&tally, &key, &row);
                cr_assert_eq(tally.n, n);
                cr_assert_eq(tally.merged, merged);
                cr_assert_eq(row != NULL, r == 0);
                cr_assert_eq(count(comm, 16 + i % 3, 0, &found), r);
        }
}
