/* SPDX-License-Identifier: Apache-2.0 */
/* Labels: bounds, order, and patterns. */

#include "proto/labels.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Test(labels, the_last_value_wins_and_order_stays) {
        struct labels labels = LABELS_INIT, copy = LABELS_INIT;

        labels_set(&labels, "pod", "a");
        labels_set(&labels, "node", "n");
        labels_set(&labels, "pod", "b");
        labels_set_bytes(&labels, "image", "x\0y", 3);
        cr_expect_eq(labels.n, 3);
        cr_expect_str_eq(labels.items[0].name, "pod");
        cr_expect_str_eq(labels_get(&labels, "pod"), "b");
        cr_expect_str_eq(labels_get(&labels, "image"), "x");
        cr_expect_null(labels_get(&labels, "none"));
        cr_expect_eq(labels_copy(&labels, &copy), 0);
        cr_expect(labels_include(&copy, &labels));
        labels_set(&labels, "more", "");
        cr_expect_not(labels_include(&copy, &labels));
        labels_deinit(&labels);
        labels_deinit(&copy);
}

Test(labels, too_much_is_counted) {
        struct labels labels = LABELS_INIT;
        char *large = malloc(LABEL_VALUE_MAX + 2), name[LABEL_NAME_MAX + 2];

        memset(large, 'x', LABEL_VALUE_MAX + 1);
        large[LABEL_VALUE_MAX + 1] = '\0';
        labels_set(&labels, "large", large);
        cr_expect_eq(labels.n, 0);
        cr_expect_eq(labels.n_left_out, 1);
        memset(name, 'n', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        labels_set(&labels, name, "");
        cr_expect_eq(labels.n_left_out, 2);
        large[LABEL_VALUE_MAX] = '\0';
        for (int i = 0; i < 20; i++) {
                snprintf(name, sizeof(name), "%d", i);
                labels_set(&labels, name, large);
        }
        cr_expect_leq(labels.bytes, LABELS_BYTES_MAX);
        cr_expect_gt(labels.n, 10);
        labels_deinit(&labels);
        for (int i = 0; i < LABELS_MAX + 5; i++) {
                snprintf(name, sizeof(name), "%d", i);
                labels_set(&labels, name, "v");
        }
        cr_expect_eq(labels.n, LABELS_MAX);
        cr_expect_eq(labels.n_left_out, 5);
        labels_deinit(&labels);
        free(large);
}

Test(labels, patterns) {
        static const struct {
                const char *pattern, *value;
                bool fits;
        } rows[] = {
                { "", "", true },
                { "", "a", false },
                { "a", "a", true },
                { "a", "ab", false },
                { "*", "", true },
                { "*", "abc", true },
                { "web-*", "web-", true },
                { "web-*", "web-1", true },
                { "web-*", "web", false },
                { "*-db", "my-db", true },
                { "*-db", "-db", true },
                { "*-db", "db", false },
                { "*-db", "a-db-db", true },
                { "a*c", "ac", true },
                { "a*c", "abbbc", true },
                { "a*c", "abcd", false },
                { "a*b*c", "aXbYc", true },
                { "a*b*c", "acb", false },
                { "**", "x", true },
                { "?", "a", false },
                { "?", "?", true },
                { "[a]", "a", false },
                { "*a*", "bbb", false },
                { "*.io/*:v1", "ghcr.io/x/y:v1", true },
                { "a*", "A", false },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                cr_expect_eq(label_fits(rows[i].pattern, rows[i].value), rows[i].fits, "%s %s",
                             rows[i].pattern, rows[i].value);
}

/* What would take a backtracking matcher longer than the universe exists. */
Test(labels, a_hostile_value_costs_no_more_than_its_length, .timeout = 60) {
        char value[20001], pattern[] = "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b";

        memset(value, 'a', sizeof(value) - 1);
        value[sizeof(value) - 1] = '\0';
        cr_expect_not(label_fits(pattern, value));
}

Test(labels, all_patterns_must_fit) {
        struct labels labels = LABELS_INIT, what = LABELS_INIT;

        labels_set(&labels, "pod", "web-1");
        labels_set(&labels, "namespace", "prod");
        cr_expect(labels_match(&labels, &what));
        labels_set(&what, "pod", "web-*");
        cr_expect(labels_match(&labels, &what));
        labels_set(&what, "namespace", "test");
        cr_expect_not(labels_match(&labels, &what));
        labels_set(&what, "namespace", "*");
        cr_expect(labels_match(&labels, &what));
        labels_set(&what, "image", "*");
        cr_expect_not(labels_match(&labels, &what), "there is none");
        labels_deinit(&labels);
        labels_deinit(&what);
}
