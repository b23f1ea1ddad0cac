/* SPDX-License-Identifier: Apache-2.0 */

/* Places told apart, up to their bounds, and what the evidence says of them. */

#include <criterion/criterion.h>
#include <jansson.h>
#include <linux/audit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/learn_places.h"

Test(learn_places, each_place_has_one_number_and_nodes_are_told_apart) {
        const struct learn_place places[] = {
                { "n1", "shop", "web-0", "web" }, { "n1", "shop", "web-0", "log" },
                { "n2", "shop", "web-0", "web" }, { "n1", NULL, NULL, NULL },
                { NULL, "shop", "web-0", "web" }, { "n", "1shop", "web-0", "web" },
        };
        uint32_t numbers[6], again;
        struct places all;

        places_init(&all);
        for (size_t i = 0; i < 6; i++) {
                cr_assert_eq(places_find(&all, places + i, numbers + i), 0);
                for (size_t k = 0; k < i; k++)
                        cr_expect_neq(numbers[i], numbers[k], "%zu and %zu", i, k);
        }
        for (size_t i = 0; i < 6; i++) {
                cr_assert_eq(places_find(&all, places + i, &again), 0);
                cr_expect_eq(again, numbers[i]);
        }
        cr_expect_eq(all.n_nodes, 4, "n1, n2, n and an unknown one: %u", all.n_nodes);
        cr_expect_eq(all.items[numbers[0]].node, all.items[numbers[3]].node);
        cr_expect_neq(all.items[numbers[0]].node, all.items[numbers[2]].node);
        places_deinit(&all);
}

Test(learn_places, too_many_are_not_told_apart) {
        struct places all;
        uint32_t number;
        char pod[16];

        places_init(&all);
        for (unsigned i = 0; i < PLACES_MAX + 10; i++) {
                snprintf(pod, sizeof(pod), "p%u", i);
                cr_assert_eq(places_find(&all, &(struct learn_place){ .node = "n", .pod = pod }, &number),
                             0);
        }
        cr_expect_eq(number, PLACES_NOWHERE);
        cr_expect_eq(all.n, PLACES_MAX);
        cr_expect(all.full);
        cr_expect_eq(all.n_nodes, 1);
        places_deinit(&all);
}

Test(learn_places, long_texts_are_bounded_as_well) {
        char *pod = malloc(60001);
        struct places all;
        uint32_t number;

        memset(pod, 'p', 60000);
        pod[60000] = 0;
        places_init(&all);
        for (unsigned i = 0; i < 1000; i++) {
                snprintf(pod, 8, "%07u", i);
                pod[7] = 'p';
                cr_assert_eq(places_find(&all, &(struct learn_place){ .node = "n", .pod = pod }, &number),
                             0);
        }
        cr_expect_leq(all.bytes, PLACES_BYTES);
        cr_expect(all.full);
        places_deinit(&all);
        free(pod);
}

Test(learn_places, sets) {
        struct place_set set = { 0 };

        for (uint32_t i = 0; i < 1000; i += 7)
                cr_assert_eq(place_set_add(&set, i), 0);
        for (uint32_t i = 0; i < 2000; i++)
                cr_expect_eq(place_set_has(&set, i), i < 1000 && i % 7 == 0);
        place_set_deinit(&set);
}

static json_int_t number(json_t *object, const char *key) {
        return json_integer_value(json_object_get(object, key));
}

Test(learn_places, the_evidence_names_a_few) {
        struct learn_options options = { 0 };
        struct event event = { .count = 2, .arch = AUDIT_ARCH_X86_64, .nr = 39 };
        char node[16], *text = NULL;
        struct learn *learn;
        size_t n = 0;
        json_t *root, *calls, *call = NULL, *places;
        FILE *to;

        cr_assert_eq(learn_new(&options, &learn), 0);
        for (unsigned i = 0; i < 100; i++) {
                snprintf(node, sizeof(node), "n%u", i / 2);
                cr_assert_eq(
                        learn_at(learn, &(struct learn_place){ .node = node, .pod = i % 2 ? "a" : "b" }), 0);
                cr_assert_eq(learn_add(learn, &event), 0);
        }
        learn_at(learn, NULL);
        event.nr = 0;
        learn_add(learn, &event);
        to = open_memstream(&text, &n);
        cr_assert_eq(learn_evidence(learn, NULL, to), 0);
        fclose(to);
        root = json_loads(text, 0, NULL);
        cr_assert_not_null(root);
        cr_expect_eq(number(root, "nodes_count"), 50);
        cr_expect_eq(number(root, "places_count"), 100);
        calls = json_object_get(root, "calls");
        for (size_t i = 0; i < json_array_size(calls); i++) {
                json_t *one = json_array_get(calls, i);

                if (strcmp(json_string_value(json_object_get(one, "name")), "getpid") == 0)
                        call = one;
                else
                        cr_expect_null(json_object_get(one, "places"));
        }
        cr_assert_not_null(call);
        cr_expect_eq(number(call, "count"), 200);
        cr_expect_eq(number(call, "nodes_count"), 50);
        cr_expect_eq(number(call, "places_count"), 100);
        places = json_object_get(call, "places");
        cr_expect_eq(json_array_size(places), 8);
        cr_expect_str_eq(json_string_value(json_object_get(json_array_get(places, 0), "pod")), "b");
        json_decref(root);
        free(text);
        learn_free(learn);
}
