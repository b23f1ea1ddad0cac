/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From sets to conditions, argument by argument. The values of one argument fall into classes that leave the
 * same set for the arguments behind it. For each such rest R the values whose rest contains R are written as
 * conditions, once for all of them, and beside them only what the smaller rests have not covered yet: the
 * rule "any domain, protocol 0" stays one rule although other rules name domains. Where that would take too
 * many classes, boxes are grown around points that are not covered yet.
 *
 * What must stay true: the alternatives cover the set exactly, and are found without looking at ids, so that
 * equal sets are written with equal bytes in every process.
 */

#include "policy/cover.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define CLASSES_MAX 512 /* of the values of one argument */
#define POINTS_MAX  256
#define NODES_MAX   (1u << 17) /* that one cover may leave behind: its regions are shared with others */
#define NODES_LAST  (5u << 17) /* and the last resort */

struct work {
        struct regions *regions;
        enum cover_style style;
        unsigned bits;
        size_t n_nodes; /* at the start */
        int error;
};

static void fail(struct work *work, int r) {
        if (!work->error)
                work->error = r;
}

static void add_box(struct work *work, struct cover *to, const struct box *box) {
        if (work->error)
                return;
        if (to->n == to->size) {
                size_t size = to->size ? to->size * 2 : 4;
                struct box *grown = reallocarray(to->boxes, size, sizeof(*grown));

                if (!grown) {
                        fail(work, error_origin(-ENOMEM));
                        return;
                }
                to->boxes = grown;
                to->size = size;
        }
        if (to->n >= COVER_MAX) {
                fail(work, REGION_E_COMPLEX);
                return;
        }
        to->boxes[to->n++] = *box;
}

void cover_deinit(struct cover *cover) {
        free(cover->boxes);
        *cover = (struct cover){ 0 };
}

static uint64_t word(const struct work *work) {
        return work->bits == 64 ? UINT64_MAX : UINT32_MAX;
}

static uint64_t bit_value(unsigned bit) {
        return UINT64_C(1) << (63 - bit % REGION_BITS);
}

static unsigned top(const struct work *work, region_id id) {
        return region_look(work->regions, id).bit;
}

static region_id child(const struct work *work, region_id id, unsigned bit, bool high) {
        struct region_node node = region_look(work->regions, id);

        return node.bit != bit ? id : high ? node.high : node.low;
}

/* ---- one argument ---- */

/* The lowest value that is not in the set, and the highest; the set is not everything. */
static uint64_t missing(const struct work *work, region_id set, unsigned arg, bool highest) {
        uint64_t value = 0;

        for (unsigned i = 64 - work->bits; i < 64; i++) {
                unsigned bit = arg * REGION_BITS + i;
                bool side = highest;

                if (child(work, set, bit, side) == REGION_EVERYTHING)
                        side = !side;
                set = child(work, set, bit, side);
                if (side)
                        value |= bit_value(bit);
        }
        return value;
}

static void add_condition(struct work *work, struct cover *to, unsigned arg, enum condition_op op,
                          uint64_t value, uint64_t value_two) {
        struct box box = { .n = 1 };

        box.conditions[0] = (struct condition){
                .index = (uint8_t)arg, .op = (uint8_t)op, .value = value, .value_two = value_two
        };
        add_box(work, to, &box);
}

static region_id combine(struct work *work, enum region_op op, region_id a, region_id b) {
        region_id id = region_combine(work->regions, op, a, b);

        fail(work, regions_error(work->regions));
        if (regions_count(work->regions) >
            work->n_nodes + (work->style == COVER_POINTS ? NODES_LAST : NODES_MAX))
                fail(work, REGION_E_COMPLEX);
        return id;
}

/*
 * Irredundant cubes between a lower and an upper bound, after Minato and Morreale: what only the low half
 * needs, what only the high half needs, and the rest without this bit. Returns the set they cover.
 */
static region_id cubes(struct work *work, struct cover *to, unsigned arg, region_id lower, region_id upper,
                       uint64_t mask, uint64_t value) {
        region_id low, high, both, covered_low, covered_high, covered;
        unsigned bit;

        if (work->error || lower == REGION_NOTHING)
                return REGION_NOTHING;
        if (upper == REGION_EVERYTHING) {
                if (mask == word(work))
                        add_condition(work, to, arg, CONDITION_EQ, value, 0);
                else
                        add_condition(work, to, arg, CONDITION_MASKED_EQ, mask, value);
                return REGION_EVERYTHING;
        }
        bit = top(work, lower) < top(work, upper) ? top(work, lower) : top(work, upper);
        low = combine(work, REGION_MINUS, child(work, lower, bit, false), child(work, upper, bit, true));
        high = combine(work, REGION_MINUS, child(work, lower, bit, true), child(work, upper, bit, false));
        covered_low =
                cubes(work, to, arg, low, child(work, upper, bit, false), mask | bit_value(bit), value);
        covered_high = cubes(work, to, arg, high, child(work, upper, bit, true), mask | bit_value(bit),
                             value | bit_value(bit));
        low = combine(work, REGION_MINUS, child(work, lower, bit, false), covered_low);
        high = combine(work, REGION_MINUS, child(work, lower, bit, true), covered_high);
        both = combine(work, REGION_AND, child(work, upper, bit, false), child(work, upper, bit, true));
        covered = cubes(work, to, arg, combine(work, REGION_OR, low, high), both, mask, value);
        covered_low = combine(work, REGION_OR, covered_low, covered);
        covered_high = combine(work, REGION_OR, covered_high, covered);
        return region_choose(work->regions,
                             region_condition(work->regions,
                                              &(struct condition){ .index = (uint8_t)arg,
                                                                   .op = CONDITION_MASKED_EQ,
                                                                   .value = bit_value(bit),
                                                                   .value_two = bit_value(bit) },
                                              work->bits),
                             covered_high, covered_low);
}

/* Single values, rising; false when there are more than max. */
static bool points(struct work *work, struct cover *to, unsigned arg, region_id set, unsigned i,
                   uint64_t value, size_t max) {
        unsigned bit = arg * REGION_BITS + i;

        if (set == REGION_NOTHING)
                return true;
        if (i == 64) {
                if (to->n == max)
                        return false;
                add_condition(work, to, arg, CONDITION_EQ, value, 0);
                return true;
        }
        return points(work, to, arg, child(work, set, bit, false), i + 1, value, max) &&
               points(work, to, arg, child(work, set, bit, true), i + 1, value | bit_value(bit), max);
}

/* Few values are listed one by one, as people write them; many become masks. */
static void equalities(struct work *work, struct cover *to, unsigned arg, region_id lower, region_id upper) {
        struct cover by_point = { 0 };
        size_t n_before = to->n, n_cubes, max;

        cubes(work, to, arg, lower, upper, 0, 0);
        n_cubes = to->n - n_before;
        max = 2 * n_cubes + 1 < POINTS_MAX ? 2 * n_cubes + 1 : POINTS_MAX;
        if (!work->error && points(work, &by_point, arg, lower, 64 - work->bits, 0, max)) {
                to->n = n_before;
                for (size_t i = 0; i < by_point.n; i++)
                        add_box(work, to, &by_point.boxes[i]);
        }
        cover_deinit(&by_point);
}

/* The ends of the range by order, the rest by equalities. */
static void ends(struct work *work, struct cover *to, unsigned arg, region_id set) {
        uint64_t first = missing(work, set, arg, false), last = missing(work, set, arg, true);
        bool open = work->style == COVER_OPEN;
        region_id ends_covered, rest;

        if (first == last) {
                add_condition(work, to, arg, CONDITION_NE, first, 0);
                return;
        }
        if (first > 0)
                add_condition(work, to, arg, open ? CONDITION_LT : CONDITION_LE, open ? first : first - 1,
                              0);
        if (last < word(work))
                add_condition(work, to, arg, open ? CONDITION_GT : CONDITION_GE, open ? last : last + 1, 0);
        ends_covered = cover_region(to, work->regions, work->bits);
        rest = combine(work, REGION_MINUS, set, ends_covered);
        if (rest != REGION_NOTHING)
                equalities(work, to, arg, rest, set);
}

static void one_argument(struct work *work, struct cover *to, unsigned arg, region_id set) {
        struct cover by_order = { 0 };

        if (set == REGION_EVERYTHING) {
                add_box(work, to, &(struct box){ 0 });
                return;
        }
        if (work->style != COVER_EQUALITIES)
                ends(work, &by_order, arg, set);
        equalities(work, to, arg, set, set);
        if (work->style == COVER_EQUALITIES || work->error)
                ;
        else if (by_order.n < to->n ||
                 (work->style == COVER_OPEN && by_order.n == to->n && by_order.n == 1 &&
                  to->boxes[0].conditions[0].op == CONDITION_MASKED_EQ)) {
                cover_deinit(to);
                *to = by_order;
                return;
        }
        cover_deinit(&by_order);
}

/* ---- all arguments ---- */

struct class {
        region_id lower, upper;
};

struct classes {
        struct class items[CLASSES_MAX];
        size_t n;
        uint64_t *seen; /* pairs of nodes that were visited; open addressing, 0 is empty */
        size_t n_seen, size_seen;
};

/* Diagrams share their nodes: without remembering the pairs, the walk would be one over all paths. */
static bool seen_before(struct work *work, struct classes *to, region_id lower, region_id upper) {
        uint64_t pair = (uint64_t)lower << 32 | upper, *grown;
        size_t slot, size;

        if (to->n_seen * 2 >= to->size_seen) {
                size = to->size_seen ? to->size_seen * 4 : 256;
                grown = calloc(size, sizeof(*grown));
                if (!grown) {
                        fail(work, error_origin(-ENOMEM));
                        return true;
                }
                for (size_t i = 0; i < to->size_seen; i++) {
                        if (!to->seen[i])
                                continue;
                        slot = to->seen[i] * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (size - 1);
                        while (grown[slot])
                                slot = (slot + 1) & (size - 1);
                        grown[slot] = to->seen[i];
                }
                free(to->seen);
                to->seen = grown;
                to->size_seen = size;
        }
        slot = pair * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (to->size_seen - 1);
        for (; to->seen[slot]; slot = (slot + 1) & (to->size_seen - 1))
                if (to->seen[slot] == pair)
                        return true;
        to->seen[slot] = pair;
        to->n_seen++;
        return false;
}

static void classify(struct work *work, struct classes *to, unsigned arg, region_id lower, region_id upper) {
        unsigned end = (arg + 1) * REGION_BITS, bit = top(work, lower);

        /* What is not empty has a pair that is not 0. */
        if (work->error || lower == REGION_NOTHING || seen_before(work, to, lower, upper))
                return;
        if (top(work, upper) < bit)
                bit = top(work, upper);
        if (bit < end) {
                classify(work, to, arg, child(work, lower, bit, false), child(work, upper, bit, false));
                classify(work, to, arg, child(work, lower, bit, true), child(work, upper, bit, true));
                return;
        }
        for (size_t i = 0; i < to->n; i++)
                if (to->items[i].upper == upper) {
                        to->items[i].lower = combine(work, REGION_OR, to->items[i].lower, lower);
                        return;
                }
        if (to->n == CLASSES_MAX) {
                fail(work, REGION_E_COMPLEX);
                return;
        }
        to->items[to->n++] = (struct class){ lower, upper };
}

static void product(struct work *work, struct cover *to, const struct cover *heads,
                    const struct cover *tails) {
        for (size_t i = 0; i < heads->n; i++)
                for (size_t j = 0; j < tails->n && !work->error; j++) {
                        struct box box = heads->boxes[i];

                        memcpy(box.conditions + box.n, tails->boxes[j].conditions,
                               tails->boxes[j].n * sizeof(*box.conditions));
                        box.n = (uint8_t)(box.n + tails->boxes[j].n);
                        add_box(work, to, &box);
                }
}

/* Boxes inside of upper that cover lower. */
static void all_arguments(struct work *work, struct cover *to, region_id lower, region_id upper) {
        struct classes *classes;
        unsigned arg;

        if (work->error || lower == REGION_NOTHING)
                return;
        if (upper == REGION_EVERYTHING) {
                add_box(work, to, &(struct box){ 0 });
                return;
        }
        arg = top(work, upper) / REGION_BITS;
        if (top(work, lower) / REGION_BITS < arg)
                arg = top(work, lower) / REGION_BITS;
        classes = calloc(1, sizeof(*classes));
        if (!classes) {
                fail(work, error_origin(-ENOMEM));
                return;
        }
        classify(work, classes, arg, lower, upper);
        for (size_t i = 0; i < classes->n && !work->error; i++) {
                const struct class *class = &classes->items[i];
                struct cover heads = { 0 }, tails = { 0 };
                region_id rest = class->lower;

                for (size_t j = 0; j < classes->n; j++)
                        if (j != i && combine(work, REGION_MINUS, classes->items[j].upper, class->upper) ==
                                              REGION_NOTHING)
                                rest = combine(work, REGION_MINUS, rest, classes->items[j].lower);
                all_arguments(work, &tails, rest, class->upper);
                if (tails.n)
                        one_argument(work, &heads, arg,
                                     region_leaving(work->regions, upper, arg + 1, class->upper));
                product(work, to, &heads, &tails);
                cover_deinit(&heads);
                cover_deinit(&tails);
        }
        free(classes->seen);
        free(classes);
}

static int compare_conditions(const struct condition *a, const struct condition *b) {
        if (a->index != b->index)
                return a->index < b->index ? -1 : 1;
        if (a->op != b->op)
                return a->op < b->op ? -1 : 1;
        if (a->value != b->value)
                return a->value < b->value ? -1 : 1;
        return a->value_two < b->value_two ? -1 : a->value_two > b->value_two;
}

int box_compare(const struct box *a, const struct box *b) {
        for (size_t i = 0; i < a->n && i < b->n; i++) {
                int r = compare_conditions(&a->conditions[i], &b->conditions[i]);

                if (r)
                        return r;
        }
        return a->n < b->n ? -1 : a->n > b->n;
}

static int compare_boxes(const void *a, const void *b) {
        return box_compare(a, b);
}

static region_id box_region(struct regions *regions, const struct box *box, unsigned bits) {
        region_id set = REGION_EVERYTHING;

        for (size_t i = box->n; i-- > 0;)
                set = region_combine(regions, REGION_AND, set,
                                     region_condition(regions, &box->conditions[i], bits));
        return set;
}

region_id cover_region(const struct cover *cover, struct regions *regions, unsigned bits) {
        region_id set = REGION_NOTHING;

        for (size_t i = 0; i < cover->n; i++)
                set = region_combine(regions, REGION_OR, set, box_region(regions, &cover->boxes[i], bits));
        return set;
}

/* Drops what the others cover, the last first. */
static void drop_redundant(struct work *work, struct cover *cover) {
        region_id *before = calloc(cover->n + 1, sizeof(*before)), after = REGION_NOTHING;
        size_t kept = cover->n;

        if (!before) {
                fail(work, error_origin(-ENOMEM));
                return;
        }
        before[0] = REGION_NOTHING;
        for (size_t i = 0; i < cover->n; i++)
                before[i + 1] = combine(work, REGION_OR, before[i],
                                        box_region(work->regions, &cover->boxes[i], work->bits));
        for (size_t i = cover->n; i-- > 0 && !work->error;) {
                region_id box = box_region(work->regions, &cover->boxes[i], work->bits);
                region_id others = combine(work, REGION_OR, before[i], after);

                if (combine(work, REGION_MINUS, box, others) == REGION_NOTHING)
                        continue;
                after = combine(work, REGION_OR, after, box);
                cover->boxes[--kept] = cover->boxes[i];
        }
        memmove(cover->boxes, cover->boxes + kept, (cover->n - kept) * sizeof(*cover->boxes));
        cover->n -= kept;
        free(before);
}

/* ---- point by point ---- */

/* The largest mask or end of the range inside of the set that holds the value. */
static struct condition widen(struct work *work, unsigned arg, region_id set, uint64_t value) {
        struct condition widest = { .index = (uint8_t)arg, .op = CONDITION_EQ, .value = value };
        uint64_t first = missing(work, set, arg, false), last = missing(work, set, arg, true);
        uint64_t mask = word(work);

        if (first == last)
                return (struct condition){ .index = (uint8_t)arg, .op = CONDITION_NE, .value = first };
        for (unsigned i = 0; i < work->bits; i++) {
                struct condition wider = { .index = (uint8_t)arg,
                                           .op = CONDITION_MASKED_EQ,
                                           .value = mask & ~(UINT64_C(1) << i) };

                wider.value_two = value & wider.value;
                if (combine(work, REGION_MINUS, region_condition(work->regions, &wider, work->bits), set) !=
                    REGION_NOTHING)
                        continue;
                mask = wider.value;
                widest = wider;
        }
        /* A mask leaves 2^n values, n being the bits it does not look at. */
        if (value < first && first > UINT64_C(1) << (unsigned)__builtin_popcountll(~mask & word(work)) % 64)
                widest = (struct condition){ .index = (uint8_t)arg, .op = CONDITION_LE, .value = first - 1 };
        else if (value > last &&
                 word(work) - last > UINT64_C(1) << (unsigned)__builtin_popcountll(~mask & word(work)) % 64)
                widest = (struct condition){ .index = (uint8_t)arg, .op = CONDITION_GE, .value = last + 1 };
        return widest;
}

/* A box inside of the set that holds the point, as large as one argument after the other lets it be. */
static struct box grow(struct work *work, region_id set, const uint64_t point[PROFILE_ARGS_MAX]) {
        struct condition conditions[PROFILE_ARGS_MAX];
        bool any[PROFILE_ARGS_MAX] = { false };
        struct box box = { 0 };

        for (unsigned i = 0; i < PROFILE_ARGS_MAX; i++)
                conditions[i] =
                        (struct condition){ .index = (uint8_t)i, .op = CONDITION_EQ, .value = point[i] };
        for (unsigned i = 0; i < PROFILE_ARGS_MAX && !work->error; i++) {
                region_id others = REGION_EVERYTHING, values;

                for (unsigned j = PROFILE_ARGS_MAX; j-- > 0;)
                        if (j != i && !any[j])
                                others =
                                        combine(work, REGION_AND, others,
                                                region_condition(work->regions, &conditions[j], work->bits));
                values = combine(work, REGION_MINUS, REGION_EVERYTHING, others);
                values = region_whatever(work->regions, combine(work, REGION_OR, values, set), 1u << i);
                any[i] = values == REGION_EVERYTHING;
                if (!any[i] && !work->error)
                        conditions[i] = widen(work, i, values, point[i]);
        }
        for (unsigned i = 0; i < PROFILE_ARGS_MAX; i++)
                if (!any[i])
                        box.conditions[box.n++] = conditions[i];
        return box;
}

/* No clever sharing, but never many more boxes than somebody needed to write the set down. */
static void by_points(struct work *work, struct cover *to, region_id set) {
        region_id rest = set;
        uint64_t point[PROFILE_ARGS_MAX];

        while (!work->error && region_pick(work->regions, rest, point)) {
                struct box box = grow(work, set, point);

                add_box(work, to, &box);
                rest = combine(work, REGION_MINUS, rest, box_region(work->regions, &box, work->bits));
        }
}

int cover_init(struct cover *cover, struct regions *regions, region_id set, enum cover_style style,
               unsigned bits) {
        struct work work = { .regions = regions, .style = style, .bits = bits };

        work.n_nodes = regions_count(regions);
        *cover = (struct cover){ 0 };
        if (style == COVER_POINTS)
                by_points(&work, cover, set);
        else
                all_arguments(&work, cover, set, set);
        if (!work.error && cover->n > 1) {
                qsort(cover->boxes, cover->n, sizeof(*cover->boxes), compare_boxes);
                drop_redundant(&work, cover);
        }
        fail(&work, regions_error(regions));
        if (work.error)
                cover_deinit(cover);
        return error_trace(work.error);
}

void box_text(const struct box *box, struct buf *to) {
        char text[96];

        for (size_t i = 0; i < box->n; i++) {
                if (i)
                        buf_puts(to, " and ");
                buf_puts(to, condition_text(&box->conditions[i], text, sizeof(text)));
        }
        if (!box->n)
                buf_puts(to, "any arguments");
}
