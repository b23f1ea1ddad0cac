/* SPDX-License-Identifier: Apache-2.0 */

/* Tables for people: as wide as asked, nothing of strangers unescaped. */

#include <criterion/criterion.h>
#include <string.h>

#include "cli/columns.h"
#include "cli/report.h"

static const struct column table[] = {
        { "NUMBER", true, true },
        { "NAME", false, true },
        { "POD", false, false },
        { "CALLS", true, true },
};

static void add(struct columns *columns, unsigned number, const char *name, const char *pod,
                unsigned calls) {
        columns_add_number(columns, number);
        columns_add(columns, name);
        columns_add(columns, pod);
        columns_add_number(columns, calls);
}

Test(columns, numbers_are_right_and_empty_columns_left_out) {
        struct columns columns = COLUMNS_INIT(table);
        struct buf text = BUF_INIT(0);

        add(&columns, 7, "web", NULL, 123456);
        add(&columns, 12, "database", "", 1);
        cr_assert_eq(columns_print(&columns, REPORT_WIDTH_WHOLE, &text), 0);
        cr_expect_str_eq(buf_string(&text), "NUMBER NAME      CALLS\n"
                                            "     7 web      123456\n"
                                            "    12 database      1\n");
        buf_deinit(&text);
        columns_deinit(&columns);
}

Test(columns, what_is_too_wide_is_cut_the_widest_first) {
        struct columns columns = COLUMNS_INIT(table);
        struct buf text = BUF_INIT(0);

        add(&columns, 1, "a name that is far too long for this", "pod-1", 5);
        cr_assert_eq(columns_print(&columns, 32, &text), 0);
        cr_expect_str_eq(buf_string(&text), "NUMBER NAME          POD   CALLS\n"
                                            "     1 a name that … pod-1     5\n");
        buf_reset(&text);
        /* Not below what says something. */
        cr_assert_eq(columns_print(&columns, 10, &text), 0);
        cr_expect(strstr(buf_string(&text), "a nam…"));
        buf_deinit(&text);
        columns_deinit(&columns);
}

Test(columns, texts_of_strangers_are_escaped_and_counted_as_shown) {
        struct columns columns = COLUMNS_INIT(table);
        struct buf text = BUF_INIT(0);

        add(&columns, 1, "a\033[2Jb\n", "größe", 5);
        cr_assert_eq(columns_print(&columns, REPORT_WIDTH_WHOLE, &text), 0);
        cr_expect_str_eq(buf_string(&text), "NUMBER NAME        POD   CALLS\n"
                                            "     1 a\\x1b[2Jb\\n größe     5\n");
        buf_deinit(&text);
        columns_deinit(&columns);
}
