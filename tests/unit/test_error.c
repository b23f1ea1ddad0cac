/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

static int deepest(int r) {
        return error_origin(r);
}

static int middle(int r) {
        return error_trace(deepest(r));
}

static int outermost(int r) {
        return error_trace(middle(r));
}

Test(error, codes_pass_unchanged) {
        cr_assert_eq(outermost(-EPIPE), -EPIPE);
        cr_assert_eq(outermost(-1), -1);
        cr_assert_eq(error_trace(0), 0);
        cr_assert_eq(error_trace(7), 7);
        cr_assert_eq(error_origin(0), 0);
        cr_assert_eq(error_origin(3), 3);
}

Test(error, description_names_the_way) {
        const char *text, *a, *b, *c;

        outermost(-EPIPE);
        text = error_describe(-EPIPE);
        cr_assert_eq(strncmp(text, "Broken pipe", 11), 0, "%s", text);
        a = strstr(text, "deepest");
        b = strstr(text, "middle");
        c = strstr(text, "outermost");
        cr_assert(a && b && c && a < b && b < c, "%s", text);
        cr_assert_not_null(strstr(text, "test_error.c:"));
}

Test(error, another_code_has_another_way) {
        outermost(-EPIPE);
        /* Not the failure remembered: only its text. */
        cr_assert_str_eq(error_describe(-ENOENT), "No such file or directory");
        deepest(-ENOENT);
        cr_assert_null(strstr(error_describe(-ENOENT), "outermost"));
        cr_assert_not_null(strstr(error_describe(-ENOENT), "deepest"));
        /* A new failure of the same code forgets the way of the old one. */
        outermost(-EPIPE);
        deepest(-EPIPE);
        cr_assert_null(strstr(error_describe(-EPIPE), "outermost"));
}

static int recurse(int depth) {
        return depth == 0 ? error_origin(-EIO) : error_trace(recurse(depth - 1));
}

Test(error, a_long_way_is_cut_not_overrun) {
        const char *text;

        recurse(100);
        text = error_describe(-EIO);
        cr_assert_leq(strlen(text), 511);
        cr_assert_eq(text[strlen(text) - 1], ')');
}

static void *fail_elsewhere(void *data) {
        (void)data;
        outermost(-EPIPE);
        return NULL;
}

Test(error, threads_have_ways_of_their_own) {
        pthread_t thread;

        deepest(-EPIPE);
        pthread_create(&thread, NULL, fail_elsewhere, NULL);
        pthread_join(thread, NULL);
        cr_assert_null(strstr(error_describe(-EPIPE), "outermost"));
}

Test(error, seccomp) {
        errno = EACCES;
        cr_assert_eq(error_seccomp(-ECANCELED), -EACCES);
        errno = 0;
        cr_assert_eq(error_seccomp(-ECANCELED), -EIO);
        errno = EACCES;
        cr_assert_eq(error_seccomp(-EINVAL), -EINVAL);
        cr_assert_eq(error_seccomp(0), 0);
        cr_assert_eq(error_seccomp(5), 5);
}

Test(error, describe_takes_any_code) {
        cr_assert_str_not_empty(error_describe(0));
        cr_assert_str_not_empty(error_describe(-4095));
        cr_assert_str_not_empty(error_describe(ENOENT));
}
