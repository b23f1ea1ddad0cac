/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of arguments: the algebra against brute force, and what is written of a set against the set. */

#include "policy/cover.h"
#include "policy/region.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seed = 7;

static uint32_t draw(void) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (uint32_t)(seed >> 33);
}

static uint64_t draw_value(void) {
        static const uint64_t edges[] = {
                0, 1, 2, 3, 40, 255, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, INT64_MAX, UINT64_MAX,
        };

        return draw() % 3 ? draw() % 5 : edges[draw() % (sizeof(edges) / sizeof(edges[0]))];
}

static struct condition draw_condition(void) {
        return (struct condition){
                .index = (uint8_t)(draw() % 3),
                .op = (uint8_t)(draw() % CONDITION_N_OPS),
                .value = draw_value(),
                .value_two = draw_value(),
        };
}

static bool inside(const struct regions *regions, region_id set, const uint64_t args[6]) {
        while (set > REGION_EVERYTHING) {
                struct region_node node = region_look(regions, set);

                set = args[node.bit / 64] >> (63 - node.bit % 64) & 1 ? node.high : node.low;
        }
        return set;
}

static bool holds(const struct condition *condition, const uint64_t args[6], unsigned bits) {
        struct condition cut = *condition;
        uint64_t cut_args[6];

        memcpy(cut_args, args, sizeof(cut_args));
        if (bits == 32) {
                cut.value &= UINT32_MAX;
                cut.value_two &= UINT32_MAX;
                for (size_t i = 0; i < 6; i++)
                        cut_args[i] &= UINT32_MAX;
        }
        return condition_holds(&cut, cut_args);
}

static void draw_args(uint64_t args[6]) {
        for (size_t i = 0; i < 6; i++)
                args[i] = draw_value() + draw() % 3 - 1;
}

Test(region, a_condition_is_what_it_says) {
        cleanup_regions struct regions *regions = NULL;

        cr_assert_eq(regions_new(&regions), 0);
        for (unsigned i = 0; i < 3000; i++) {
                struct condition condition = draw_condition();
                unsigned bits = draw() % 2 ? 64 : 32;
                region_id set = region_condition(regions, &condition, bits);
                char text[96];

                for (unsigned j = 0; j < 30; j++) {
                        uint64_t args[6];

                        draw_args(args);
                        cr_assert_eq(inside(regions, set, args), holds(&condition, args, bits),
                                     "%s, %u bits, at %lx", condition_text(&condition, text, sizeof(text)),
                                     bits, args[condition.index]);
                }
        }
        cr_assert_eq(regions_error(regions), 0);
}

Test(region, equal_sets_are_one) {
        cleanup_regions struct regions *regions = NULL;
        region_id a, b;

        cr_assert_eq(regions_new(&regions), 0);
        a = region_condition(regions, &(struct condition){ .op = CONDITION_GT, .value = 4 }, 64);
        b = region_condition(regions, &(struct condition){ .op = CONDITION_GE, .value = 5 }, 64);
        cr_assert_eq(a, b);
        b = region_condition(regions, &(struct condition){ .op = CONDITION_LE, .value = 4 }, 64);
        cr_assert_eq(region_combine(regions, REGION_OR, a, b), REGION_EVERYTHING);
        cr_assert_eq(region_combine(regions, REGION_AND, a, b), REGION_NOTHING);
        cr_assert_eq(region_combine(regions, REGION_MINUS, REGION_EVERYTHING, a), b);
        /* below nothing there is nothing */
        cr_assert_eq(region_condition(regions, &(struct condition){ .op = CONDITION_LT }, 64),
                     REGION_NOTHING);
        cr_assert_eq(region_condition(regions,
                                      &(struct condition){ .op = CONDITION_LT, .value = 1ull << 32 }, 32),
                     REGION_NOTHING);
}

Test(region, picks_members_and_nothing_else) {
        cleanup_regions struct regions *regions = NULL;

        cr_assert_eq(regions_new(&regions), 0);
        for (unsigned i = 0; i < 2000; i++) {
                struct condition x = draw_condition(), y = draw_condition();
                region_id set = region_combine(regions, REGION_AND, region_condition(regions, &x, 64),
                                               region_condition(regions, &y, 64));
                uint64_t args[6];
                bool found = region_pick(regions, set, args);

                cr_assert_eq(found, set != REGION_NOTHING);
                cr_assert(!found || (condition_holds(&x, args) && condition_holds(&y, args)));
        }
}

/* Severity orders the actions; both combinations are the least and the greatest of one order each. */
Test(region, actions_combine_in_any_order) {
        static const uint32_t actions[] = {
                SECCOMP_RET_ALLOW,       SECCOMP_RET_LOG,          SECCOMP_RET_TRACE | 3,
                SECCOMP_RET_USER_NOTIF,  SECCOMP_RET_ERRNO | 1,    SECCOMP_RET_ERRNO | 38,
                SECCOMP_RET_ERRNO | 13,  SECCOMP_RET_ERRNO,        SECCOMP_RET_TRAP,
                SECCOMP_RET_KILL_THREAD, SECCOMP_RET_KILL_PROCESS,
        };
        size_t n = sizeof(actions) / sizeof(actions[0]);

        cr_assert_eq(action_stricter(SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD),
                     SECCOMP_RET_KILL_PROCESS);
        cr_assert_eq(action_milder(SECCOMP_RET_TRACE, SECCOMP_RET_USER_NOTIF), SECCOMP_RET_TRACE);
        cr_assert_eq(action_stricter(SECCOMP_RET_ERRNO | 1, SECCOMP_RET_ERRNO | ENOSYS),
                     SECCOMP_RET_ERRNO | ENOSYS);
        for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < n; j++)
                        for (size_t k = 0; k < n; k++) {
                                uint32_t a = actions[i], b = actions[j], c = actions[k];

                                cr_assert_eq(action_milder(a, b), action_milder(b, a));
                                cr_assert_eq(action_stricter(a, b), action_stricter(b, a));
                                cr_assert_eq(action_milder(a, action_milder(b, c)),
                                             action_milder(action_milder(a, b), c));
                                cr_assert_eq(action_stricter(a, action_stricter(b, c)),
                                             action_stricter(action_stricter(a, b), c));
                        }
}

Test(region, compacting_changes_no_set) {
        cleanup_regions struct regions *regions = NULL;
        region_id sets[20], *roots[20];
        struct condition conditions[20];
        size_t before;

        cr_assert_eq(regions_new(&regions), 0);
        for (unsigned i = 0; i < 2000; i++) {
                unsigned at = i % 20;

                conditions[at] = draw_condition();
                sets[at] = region_condition(regions, &conditions[at], 64);
                roots[at] = &sets[at];
        }
        before = regions_count(regions);
        regions_compact(regions, roots, 20);
        cr_assert_lt(regions_count(regions), before);
        for (unsigned i = 0; i < 20; i++) {
                cr_assert_eq(region_condition(regions, &conditions[i], 64), sets[i]);
                for (unsigned j = 0; j < 100; j++) {
                        uint64_t args[6];

                        draw_args(args);
                        cr_assert_eq(inside(regions, sets[i], args), condition_holds(&conditions[i], args));
                }
        }
}

Test(region, limit_is_an_outcome_not_a_crash) {
        cleanup_regions struct regions *regions = NULL;
        region_id set = REGION_NOTHING;

        cr_assert_eq(regions_new(&regions), 0);
        /* An equality between two arguments, bit by bit: no diagram in this order is small. */
        for (unsigned i = 0; i < 64 && !regions_error(regions); i++) {
                struct condition x = { .index = 0, .op = CONDITION_MASKED_EQ, .value = 1ull << i },
                                 y = { .index = 1, .op = CONDITION_MASKED_EQ, .value = 1ull << i };

                set = region_combine(regions, REGION_OR, set,
                                     region_combine(regions, REGION_AND, region_condition(regions, &x, 64),
                                                    region_condition(regions, &y, 64)));
        }
        cr_assert_eq(regions_error(regions), REGION_E_COMPLEX);
        cr_assert_eq(region_value(regions, 5), REGION_NOTHING);
}

/* ---- covers ---- */

/* Returns how many styles found no cover of bearable size. */
static size_t assert_covers(struct regions *regions, region_id set, unsigned bits) {
        size_t n_complex = 0;

        for (int style = 0; style < COVER_N_STYLES; style++) {
                struct cover cover;

                int r = cover_init(&cover, regions, set, (enum cover_style)style, bits);

                if (r) {
                        cr_assert_eq(r, REGION_E_COMPLEX);
                        n_complex++;
                        continue;
                }
                cr_assert_eq(cover_region(&cover, regions, bits), set, "style %d", style);
                for (size_t i = 0; i < cover.n; i++)
                        for (size_t j = 1; j < cover.boxes[i].n; j++)
                                cr_assert_lt(cover.boxes[i].conditions[j - 1].index,
                                             cover.boxes[i].conditions[j].index,
                                             "an argument has two conditions");
                cover_deinit(&cover);
        }
        return n_complex;
}

Test(cover, covers_random_sets_exactly) {
        cleanup_regions struct regions *regions = NULL;
        size_t n_complex = 0;

        cr_assert_eq(regions_new(&regions), 0);
        for (unsigned i = 0; i < 400; i++) {
                unsigned bits = draw() % 2 ? 64 : 32;
                region_id set = REGION_NOTHING;

                for (unsigned j = 0, n = 1 + draw() % 4; j < n; j++) {
                        region_id box = REGION_EVERYTHING;

                        for (unsigned k = 0, m = 1 + draw() % 3; k < m; k++) {
                                struct condition condition = draw_condition();

                                if (draw() % 2)
                                        condition.op = CONDITION_EQ;
                                box = region_combine(regions, REGION_AND, box,
                                                     region_condition(regions, &condition, bits));
                        }
                        set = region_combine(regions, draw() % 4 ? REGION_OR : REGION_MINUS, set, box);
                }
                n_complex += assert_covers(regions, set, bits);
                cr_assert_eq(regions_error(regions), 0);
                regions_compact(regions, NULL, 0);
        }
        /* Inequalities on several arguments at once have no short form in equalities. */
        cr_assert_lt(n_complex, 200, "%zu of 1600", n_complex);
        cr_assert_eq(regions_error(regions), 0);
}

/* conditions: of up to four boxes, each ended by an index of 9 */
static const struct {
        const char *what;
        struct condition conditions[12];
        enum cover_style style;
        const char *text;
} rows[] = {
        { "two conjunctions stay two",
          { { 0, CONDITION_EQ, 1, 0 },
            { 1, CONDITION_EQ, 5, 0 },
            { 9 },
            { 0, CONDITION_EQ, 2, 0 },
            { 1, CONDITION_EQ, 6, 0 },
            { 9 } },
          COVER_EQUALITIES,
          "arg0 == 1 and arg1 == 5; arg0 == 2 and arg1 == 6; " },
        { "conditions on different arguments stay apart",
          { { 0, CONDITION_EQ, 1, 0 }, { 9 }, { 1, CONDITION_EQ, 5, 0 }, { 9 } },
          COVER_EQUALITIES,
          "arg0 == 1; arg1 == 5; " },
        { "all but one value, and that one on a condition",
          { { 0, CONDITION_NE, 40, 0 },
            { 9 },
            { 0, CONDITION_EQ, 40, 0 },
            { 1, CONDITION_EQ, 1, 0 },
            { 9 } },
          COVER_CLOSED,
          "arg0 != 0x28; arg1 == 1; " },
        { "a mask stays a mask",
          { { 0, CONDITION_MASKED_EQ, 0x7e020000, 0 }, { 9 } },
          COVER_CLOSED,
          "arg0 & 0x7e020000 == 0x0; " },
        { "values stay values",
          { { 0, CONDITION_EQ, 0, 0 },
            { 9 },
            { 0, CONDITION_EQ, 8, 0 },
            { 9 },
            { 0, CONDITION_EQ, 0x20000, 0 },
            { 9 },
            { 0, CONDITION_EQ, 0x20008, 0 },
            { 9 },
            { 0, CONDITION_EQ, 0xffffffff, 0 },
            { 9 } },
          COVER_EQUALITIES,
          "arg0 == 0; arg0 == 8; arg0 == 0x20000; arg0 == 0x20008; arg0 == 0xffffffff; " },
        { "many neighbours become a mask",
          { { 0, CONDITION_EQ, 0, 0 },
            { 9 },
            { 0, CONDITION_EQ, 1, 0 },
            { 9 },
            { 0, CONDITION_EQ, 2, 0 },
            { 9 },
            { 0, CONDITION_EQ, 3, 0 },
            { 9 } },
          COVER_EQUALITIES,
          "arg0 & 0xfffffffffffffffc == 0x0; " },
        { "a range within a range",
          { { 0, CONDITION_GE, 5, 0 }, { 9 }, { 0, CONDITION_GE, 9, 0 }, { 9 } },
          COVER_CLOSED,
          "arg0 >= 5; " },
        { "what is implied goes",
          { { 0, CONDITION_EQ, 1, 0 }, { 9 }, { 0, CONDITION_EQ, 1, 0 }, { 1, CONDITION_EQ, 5, 0 }, { 9 } },
          COVER_CLOSED,
          "arg0 == 1; " },
};

Test(cover, writes_what_people_would) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                cleanup_regions struct regions *regions = NULL;
                region_id set = REGION_NOTHING, box = REGION_EVERYTHING;
                struct buf text = BUF_INIT(0);
                struct cover cover;
                bool any = false;

                cr_assert_eq(regions_new(&regions), 0);
                for (size_t j = 0; j < 12; j++) {
                        const struct condition *condition = &rows[i].conditions[j];

                        if (condition->index == 9) {
                                if (any)
                                        set = region_combine(regions, REGION_OR, set, box);
                                box = REGION_EVERYTHING;
                                any = false;
                                continue;
                        }
                        if (j && !any && rows[i].conditions[j - 1].index != 9)
                                break;
                        any = true;
                        box = region_combine(regions, REGION_AND, box,
                                             region_condition(regions, condition, 64));
                }
                cr_assert_eq(cover_init(&cover, regions, set, rows[i].style, 64), 0);
                for (size_t j = 0; j < cover.n; j++) {
                        box_text(&cover.boxes[j], &text);
                        buf_puts(&text, "; ");
                }
                cr_assert_str_eq(buf_string(&text), rows[i].text, "%s: %s", rows[i].what, buf_string(&text));
                buf_deinit(&text);
                cover_deinit(&cover);
        }
}
