/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "supervisor/emulate/options.h"

static char error[256];

static struct options *of(const char *json) {
        struct options *options = NULL;

        error[0] = 0;
        cr_assert_eq(options_new(json, error, sizeof(error), &options), 0, "%s", error);
        return options;
}

Test(options, what_is_absent_keeps_its_default) {
        cleanup_options struct options *none = of(NULL);
        const char *text = "as before";
        int64_t number = 7;
        uint64_t size = 8;
        bool flag = true;

        cr_expect_eq(options_text(none, "a", &text), 0);
        cr_expect_eq(options_number(none, "a", &number), 0);
        cr_expect_eq(options_size(none, "a", &size), 0);
        cr_expect_eq(options_duration(none, "a", &number), 0);
        cr_expect_eq(options_flag(none, "a", &flag), 0);
        cr_expect(strcmp(text, "as before") == 0 && number == 7 && size == 8 && flag);
        cr_expect_eq(option_n(options_get(none, "a")), 0);
        cr_expect_not(options_has(none, "a"));
}

Test(options, every_type) {
        cleanup_options struct options *options =
                of("{\"t\":\"x\",\"n\":-3,\"f\":false,\"s\":\"512M\",\"b\":4096,\"d\":\"-30d\",\"e\":90,"
                   "\"h\":1.5}");
        const char *text = NULL;
        int64_t number = 0;
        uint64_t size = 0;
        bool flag = true;

        cr_expect(options_text(options, "t", &text) == 0 && strcmp(text, "x") == 0);
        cr_expect(options_number(options, "n", &number) == 0 && number == -3);
        cr_expect(options_flag(options, "f", &flag) == 0 && !flag);
        cr_expect(options_size(options, "s", &size) == 0 && size == 512u << 20);
        cr_expect(options_size(options, "b", &size) == 0 && size == 4096);
        cr_expect(options_duration(options, "d", &number) == 0 && number == -30 * 86400000000000);
        cr_expect(options_duration(options, "e", &number) == 0 && number == 90000000000);
        cr_expect(options_duration(options, "h", &number) == 0 && number == 1500000000);
}

Test(options, what_cannot_be_meant_is_said) {
        cleanup_options struct options *options = of("{\"a\":\"12Q\",\"b\":-1,\"c\":[1]}");
        const char *text;
        int64_t number;
        uint64_t size;
        bool flag;

        cr_expect_eq(options_size(options, "a", &size), -EINVAL);
        cr_expect_str_eq(error, "a is \"12Q\": expected a size such as \"512M\"");
        cr_expect_eq(options_size(options, "b", &size), -EINVAL);
        cr_expect_eq(options_text(options, "b", &text), -EINVAL);
        cr_expect_str_eq(error, "b is -1: expected a text");
        cr_expect_eq(options_number(options, "c", &number), -EINVAL);
        cr_expect_eq(options_flag(options, "a", &flag), -EINVAL);
        cr_expect_eq(options_duration(options, "a", &number), -EINVAL);
        cr_expect_eq(options_duration(options, "c", &number), -EINVAL);
}

Test(options, lists_and_maps_keep_their_order) {
        cleanup_options struct options *options = of(
                "{\"l\":[\"z\",\"a\"],\"m\":{\"nofile\":[1024,4096],\"as\":\"unlimited\"},\"s\":\"one\"}");
        const struct option *list = options_get(options, "l"), *map = options_get(options, "m"), *entry;
        const char *key;
        int64_t number;

        cr_assert_eq(option_n(list), 2);
        cr_expect_str_eq(option_text(option_at(list, 0, &key)), "z");
        cr_expect_null(key);
        cr_expect_str_eq(option_text(option_at(list, 1, NULL)), "a");
        cr_assert_eq(option_n(map), 2);
        entry = option_at(map, 0, &key);
        cr_expect_str_eq(key, "nofile");
        cr_expect(option_n(entry) == 2 && option_number(option_at(entry, 1, NULL), &number) == 0 &&
                  number == 4096);
        entry = option_at(map, 1, &key);
        cr_expect_str_eq(key, "as");
        cr_expect_str_eq(option_text(option_at(entry, 0, NULL)), "unlimited");
        cr_expect_eq(option_n(options_get(options, "s")), 1);
}

Test(options, what_is_no_object_is_refused) {
        struct options *options;

        for (const char **json = (const char *[]){ "[]", "", "{", "{\"a\":1,\"a\":2}", NULL }; *json; json++)
                cr_expect_eq(options_new(*json, error, sizeof(error), &options), -EINVAL, "%s", *json);
}
