/* SPDX-License-Identifier: Apache-2.0 */
/* The schema for editors names what the reader's tables name: emulations, their options, families. */

#include "policy/native/calls.h"
#include "policy/native/check.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *load(void) {
        json_error_t error;
        json_t *schema = json_load_file(SOURCE_DIR "/policy/native/policy.schema.json",
                                        JSON_REJECT_DUPLICATES, &error);

        cr_assert_not_null(schema, "line %d: %s", error.line, error.text);
        return schema;
}

static json_t *at(json_t *value, const char *path) {
        char key[64];

        while (*path && value) {
                size_t n = strcspn(path, "/");

                snprintf(key, sizeof(key), "%.*s", (int)n, path);
                value = json_is_array(value) ? json_array_get(value, (size_t)atoi(key))
                                             : json_object_get(value, key);
                path += n + (path[n] == '/');
        }
        return value;
}

static bool holds(const json_t *words, const char *word) {
        size_t i;
        json_t *item;

        json_array_foreach(words, i, item) if (!strcmp(json_string_value(item), word)) return true;
        return false;
}

static size_t n_options(const struct policy_emulation *emulation) {
        size_t n = 0;

        while (emulation->options[n].name)
                n++;
        return n;
}

Test(native_schema, emulations) {
        json_t *schema = load(), *bare = at(schema, "$defs/emulate/anyOf/0/enum");
        json_t *named = at(schema, "$defs/emulate/anyOf/1/properties");

        cr_assert(json_is_array(bare) && json_is_object(named));
        cr_expect_eq(json_object_size(named), policy_emulations_n);
        for (size_t i = 0; i < policy_emulations_n; i++) {
                const struct policy_emulation *emulation = &policy_emulations[i];
                json_t *one = json_object_get(named, emulation->name);
                json_t *options = json_object_get(one, "properties");
                bool needs = false;

                cr_assert_not_null(one, "the schema lacks the emulation %s", emulation->name);
                cr_expect_str_eq(json_string_value(json_object_get(one, "description")), emulation->about);
                cr_expect_eq(json_object_size(options), n_options(emulation), "%s", emulation->name);
                for (const struct policy_option *option = emulation->options; option->name; option++) {
                        json_t *field = json_object_get(options, option->name);

                        cr_assert_not_null(field, "%s lacks %s", emulation->name, option->name);
                        cr_expect_str_eq(json_string_value(json_object_get(field, "description")),
                                         option->about);
                        cr_expect_eq(holds(json_object_get(one, "required"), option->name),
                                     option->required);
                        needs |= option->required;
                }
                cr_expect_eq(holds(bare, emulation->name), !needs, "%s", emulation->name);
        }
        json_decref(schema);
}

Test(native_schema, families) {
        json_t *schema = load(), *names = at(schema, "$defs/rule/properties/family/anyOf/0/anyOf/0/enum");

        cr_assert_eq(json_array_size(names), policy_families_n);
        for (size_t i = 0; i < policy_families_n; i++)
                cr_expect(holds(names, policy_families[i].name), "%s", policy_families[i].name);
        json_decref(schema);
}

Test(native_schema, authorities) {
        json_t *schema = load(), *names = at(schema, "properties/authority/anyOf/0/enum");
        size_t n = 0;

        for (; policy_authorities[n]; n++)
                cr_expect(holds(names, policy_authorities[n]), "%s", policy_authorities[n]);
        cr_expect_eq(json_array_size(names), n);
        json_decref(schema);
}
