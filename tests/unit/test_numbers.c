/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/service/numbers.h"

static char folder[] = "/tmp/callgate-numbers.XXXXXX";

static void setup(void) {
        cr_assert(mkdtemp(folder));
}

static void teardown(void) {
        char path[64];

        snprintf(path, sizeof(path), "%s/numbers", folder);
        unlink(path);
        rmdir(folder);
}

TestSuite(numbers, .init = setup, .fini = teardown);

static uint64_t next(struct numbers *numbers) {
        uint64_t number;

        cr_assert_eq(numbers_next(numbers, &number), 0);
        return number;
}

Test(numbers, go_up_by_one_over_the_end_of_a_block) {
        struct numbers numbers = NUMBERS_INIT(folder);

        for (uint64_t i = 1; i <= 2 * NUMBERS_BLOCK + 5; i++)
                cr_assert_eq(next(&numbers), i);
}

Test(numbers, a_successor_uses_none_of_its_predecessors) {
        struct numbers before = NUMBERS_INIT(folder), after = NUMBERS_INIT(folder);
        uint64_t last = 0;

        for (int i = 0; i < 1500; i++)
                last = next(&before);
        cr_assert_gt(next(&after), last);
        cr_assert_neq(next(&before), next(&after), "not even while both are there");
}

Test(numbers, without_a_folder) {
        struct numbers numbers = NUMBERS_INIT(NULL);

        cr_assert_eq(next(&numbers), 1);
        cr_assert_eq(next(&numbers), 2);
}

Test(numbers, files_that_make_no_sense) {
        static const char *const texts[] = { "", "x\n", "12", "99999999999999999999999\n", "-1\n" };

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                struct numbers numbers = NUMBERS_INIT(folder);
                char path[64];
                uint64_t number;
                FILE *file;

                snprintf(path, sizeof(path), "%s/numbers", folder);
                file = fopen(path, "w");
                fputs(texts[i], file);
                fclose(file);
                cr_expect_eq(numbers_next(&numbers, &number), -EBADMSG, "'%s'", texts[i]);
        }
}
