/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared decision diagrams. What must stay true: no two nodes are equal, no node has equal branches, and a
 * node's branches have smaller ids than the node; compacting is then one pass in order of id.
 *
 * Order of the bits: high before low makes every comparison with a constant a chain of at most two nodes per
 * bit, and a mask a chain of one per bit.
 */

#include "policy/region.h"

#include "base/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NODES_FIRST 1024
#define CACHE_FIRST 1024
#define CACHE_MAX   (1u << 17)
#define OP_CHOOSE   255
#define OP_WHATEVER 254
#define OP_LEAVING  253

struct remembered {
        region_id a, b, c, result;
        uint32_t op; /* plus 1; 0 is an empty slot */
};

struct regions {
        struct region_node *nodes;
        size_t n, size;
        region_id *table; /* hash of node -> id + 1; open addressing */
        size_t n_table;   /* power of two, at least twice as many as nodes */
        struct remembered *cache;
        size_t n_cache; /* power of two */
        uint32_t *marks;
        uint32_t mark;
        int error;
};

static size_t mix(uint32_t a, uint32_t b, uint32_t c) {
        uint64_t hash = a * UINT64_C(0x9e3779b97f4a7c15) ^ b * UINT64_C(0xc2b2ae3d27d4eb4f) ^
                        c * UINT64_C(0x165667b19e3779f9);

        hash ^= hash >> 29;
        hash *= UINT64_C(0xbf58476d1ce4e5b9);
        return (size_t)(hash ^ hash >> 32);
}

static size_t hash_node(const struct region_node *node) {
        return mix(node->bit, node->low, node->high);
}

int regions_error(const struct regions *regions) {
        return regions->error;
}

size_t regions_count(const struct regions *regions) {
        return regions->n;
}

static void fail(struct regions *regions, int r) {
        if (!regions->error)
                regions->error = r;
}

static bool grow(struct regions *regions) {
        size_t size = regions->size ? regions->size * 2 : NODES_FIRST, n_table = size * 2;
        struct region_node *nodes;
        uint32_t *marks;
        region_id *table;

        if (regions->size >= REGION_NODES_MAX) {
                fail(regions, REGION_E_COMPLEX);
                return false;
        }
        nodes = reallocarray(regions->nodes, size, sizeof(*nodes));
        if (nodes)
                regions->nodes = nodes;
        marks = reallocarray(regions->marks, size, sizeof(*marks));
        if (marks)
                regions->marks = marks;
        table = calloc(n_table, sizeof(*table));
        if (!nodes || !marks || !table) {
                free(table);
                fail(regions, error_origin(-ENOMEM));
                return false;
        }
        memset(marks + regions->size, 0, (size - regions->size) * sizeof(*marks));
        free(regions->table);
        regions->table = table;
        regions->n_table = n_table;
        regions->size = size;
        for (size_t i = 0; i < regions->n; i++) {
                size_t slot = hash_node(&nodes[i]) & (n_table - 1);

                while (table[slot])
                        slot = (slot + 1) & (n_table - 1);
                table[slot] = (region_id)i + 1;
        }
        return true;
}

static region_id intern(struct regions *regions, struct region_node node) {
        size_t slot;

        if (regions->error)
                return REGION_NOTHING;
        if (regions->n == regions->size && !grow(regions))
                return REGION_NOTHING;
        slot = hash_node(&node) & (regions->n_table - 1);
        for (; regions->table[slot]; slot = (slot + 1) & (regions->n_table - 1)) {
                const struct region_node *found = &regions->nodes[regions->table[slot] - 1];

                if (found->bit == node.bit && found->low == node.low && found->high == node.high)
                        return regions->table[slot] - 1;
        }
        regions->nodes[regions->n] = node;
        regions->marks[regions->n] = 0;
        regions->table[slot] = (region_id)++regions->n;
        return (region_id)regions->n - 1;
}

static region_id node(struct regions *regions, unsigned bit, region_id low, region_id high) {
        if (low == high)
                return low;
        return intern(regions, (struct region_node){ .bit = (uint16_t)bit, .low = low, .high = high });
}

region_id region_value(struct regions *regions, uint32_t value) {
        return intern(regions, (struct region_node){ .bit = REGION_END, .low = value });
}

bool region_is_value(const struct regions *regions, region_id id, uint32_t *ret) {
        if (regions->nodes[id].bit != REGION_END)
                return false;
        if (ret)
                *ret = regions->nodes[id].low;
        return true;
}

struct region_node region_look(const struct regions *regions, region_id id) {
        return regions->nodes[id];
}

int regions_new(struct regions **ret) {
        struct regions *regions = calloc(1, sizeof(*regions));
        int r;

        if (!regions)
                return error_origin(-ENOMEM);
        regions->n_cache = CACHE_FIRST;
        regions->cache = calloc(regions->n_cache, sizeof(*regions->cache));
        if (!regions->cache)
                fail(regions, error_origin(-ENOMEM));
        region_value(regions, 0);
        region_value(regions, 1);
        r = regions->error;
        if (r) {
                regions_free(regions);
                return error_trace(r);
        }
        *ret = regions;
        return 0;
}

struct regions *regions_free(struct regions *regions) {
        if (!regions)
                return NULL;
        free(regions->nodes);
        free(regions->marks);
        free(regions->table);
        free(regions->cache);
        free(regions);
        return NULL;
}

/* A cache that stays small beside many nodes makes the work explode; one that fits keeps it a product. */
static struct remembered *remember(struct regions *regions, unsigned op, region_id a, region_id b,
                                   region_id c) {
        struct remembered *grown;

        if (regions->n_cache < regions->n && regions->n_cache < CACHE_MAX) {
                grown = calloc(regions->n_cache * 4, sizeof(*grown));
                if (grown) {
                        free(regions->cache);
                        regions->cache = grown;
                        regions->n_cache *= 4;
                }
        }
        return &regions->cache[mix(a, b, c * 256 + op) & (regions->n_cache - 1)];
}

static bool recall(const struct remembered *slot, unsigned op, region_id a, region_id b, region_id c) {
        return slot->op == op + 1 && slot->a == a && slot->b == b && slot->c == c;
}

unsigned action_severity(uint32_t action) {
        switch (action & SECCOMP_RET_ACTION_FULL) {
        case SECCOMP_RET_ALLOW:
                return 0;
        case SECCOMP_RET_LOG:
                return 1;
        case SECCOMP_RET_TRACE:
                return 2;
        case SECCOMP_RET_USER_NOTIF:
                return 3;
        case SECCOMP_RET_ERRNO:
                return 4;
        case SECCOMP_RET_TRAP:
                return 5;
        case SECCOMP_RET_KILL_THREAD:
                return 6;
        default:
                return 7;
        }
}

unsigned action_looseness(uint32_t action) {
        unsigned severity = action_severity(action);

        return severity <= 1 ? 2 : severity <= 3 ? 1 : 0;
}

/* Between equally severe actions ENOSYS goes first, since it is what makes libraries fall back to an older
 * call; success without the call goes last. */
static uint32_t data_rank(uint32_t action) {
        uint32_t data = action & SECCOMP_RET_DATA;

        return data == ENOSYS ? 0 : data ? data : SECCOMP_RET_DATA + 1;
}

uint32_t action_milder(uint32_t a, uint32_t b) {
        if (action_severity(a) != action_severity(b))
                return action_severity(a) < action_severity(b) ? a : b;
        return data_rank(a) <= data_rank(b) ? a : b;
}

uint32_t action_stricter(uint32_t a, uint32_t b) {
        if (action_severity(a) != action_severity(b))
                return action_severity(a) > action_severity(b) ? a : b;
        return data_rank(a) <= data_rank(b) ? a : b;
}

static uint32_t combine_values(enum region_op op, uint32_t a, uint32_t b) {
        switch (op) {
        case REGION_AND:
                return a & b;
        case REGION_OR:
                return a | b;
        case REGION_MINUS:
                return a & !b;
        case REGION_IS:
                return a == b;
        case REGION_MILDER:
                return action_milder(a, b);
        case REGION_STRICTER:
                return action_stricter(a, b);
        case REGION_LOOSER:
                return action_looseness(a) > action_looseness(b);
        case REGION_OTHER_WORD:
                return a != b && action_looseness(a) == action_looseness(b);
        }
        return 0;
}

/* Outcomes that need no look at the bits. */
static bool combine_short(enum region_op op, region_id a, region_id b, region_id *ret) {
        switch (op) {
        case REGION_AND:
                *ret = a == b || b == REGION_EVERYTHING ? a : a == REGION_EVERYTHING ? b : REGION_NOTHING;
                return a == b || a <= REGION_EVERYTHING || b <= REGION_EVERYTHING;
        case REGION_OR:
                *ret = a == b || b == REGION_NOTHING ? a : a == REGION_NOTHING ? b : REGION_EVERYTHING;
                return a == b || a <= REGION_EVERYTHING || b <= REGION_EVERYTHING;
        case REGION_MINUS:
                *ret = b == REGION_NOTHING ? a : REGION_NOTHING;
                return a == b || a == REGION_NOTHING || b <= REGION_EVERYTHING;
        case REGION_MILDER:
        case REGION_STRICTER:
                *ret = a;
                return a == b;
        case REGION_LOOSER:
        case REGION_OTHER_WORD:
                *ret = REGION_NOTHING;
                return a == b;
        case REGION_IS:
                break;
        }
        return false;
}

region_id region_combine(struct regions *regions, enum region_op op, region_id a, region_id b) {
        struct region_node x, y;
        struct remembered *slot;
        region_id result, low, high;
        unsigned bit;

        if (regions->error)
                return REGION_NOTHING;
        if (combine_short(op, a, b, &result))
                return result;
        x = regions->nodes[a];
        y = regions->nodes[b];
        if (x.bit == REGION_END && y.bit == REGION_END)
                return region_value(regions, combine_values(op, x.low, y.low));
        slot = remember(regions, op, a, b, 0);
        if (recall(slot, op, a, b, 0))
                return slot->result;
        bit = x.bit < y.bit ? x.bit : y.bit;
        low = region_combine(regions, op, x.bit == bit ? x.low : a, y.bit == bit ? y.low : b);
        high = region_combine(regions, op, x.bit == bit ? x.high : a, y.bit == bit ? y.high : b);
        result = node(regions, bit, low, high);
        *remember(regions, op, a, b, 0) = (struct remembered){ a, b, 0, result, op + 1 };
        return result;
}

region_id region_choose(struct regions *regions, region_id set, region_id inside, region_id outside) {
        struct region_node s, x, y;
        struct remembered *slot;
        region_id result, low, high;
        unsigned bit;

        if (regions->error)
                return REGION_NOTHING;
        if (set == REGION_EVERYTHING || inside == outside)
                return inside;
        if (set == REGION_NOTHING)
                return outside;
        slot = remember(regions, OP_CHOOSE, set, inside, outside);
        if (recall(slot, OP_CHOOSE, set, inside, outside))
                return slot->result;
        s = regions->nodes[set];
        x = regions->nodes[inside];
        y = regions->nodes[outside];
        bit = s.bit;
        if (x.bit < bit)
                bit = x.bit;
        if (y.bit < bit)
                bit = y.bit;
        low = region_choose(regions, s.bit == bit ? s.low : set, x.bit == bit ? x.low : inside,
                            y.bit == bit ? y.low : outside);
        high = region_choose(regions, s.bit == bit ? s.high : set, x.bit == bit ? x.high : inside,
                             y.bit == bit ? y.high : outside);
        result = node(regions, bit, low, high);
        *remember(regions, OP_CHOOSE, set, inside, outside) =
                (struct remembered){ set, inside, outside, result, OP_CHOOSE + 1 };
        return result;
}

region_id region_whatever(struct regions *regions, region_id set, unsigned keep) {
        struct region_node at = regions->nodes[set];
        struct remembered *slot;
        region_id result, low, high;

        if (regions->error)
                return REGION_NOTHING;
        if (at.bit == REGION_END)
                return set;
        slot = remember(regions, OP_WHATEVER, set, keep, 0);
        if (recall(slot, OP_WHATEVER, set, keep, 0))
                return slot->result;
        low = region_whatever(regions, at.low, keep);
        high = region_whatever(regions, at.high, keep);
        if (keep >> at.bit / REGION_BITS & 1)
                result = node(regions, at.bit, low, high);
        else
                result = region_combine(regions, REGION_AND, low, high);
        *remember(regions, OP_WHATEVER, set, keep, 0) =
                (struct remembered){ set, keep, 0, result, OP_WHATEVER + 1 };
        return result;
}

region_id region_leaving(struct regions *regions, region_id set, unsigned first, region_id rest) {
        struct region_node at = regions->nodes[set];
        struct remembered *slot;
        region_id result, low, high;

        if (regions->error)
                return REGION_NOTHING;
        if (at.bit >= first * REGION_BITS)
                return region_combine(regions, REGION_MINUS, rest, set) == REGION_NOTHING ? REGION_EVERYTHING
                                                                                          : REGION_NOTHING;
        slot = remember(regions, OP_LEAVING, set, first, rest);
        if (recall(slot, OP_LEAVING, set, first, rest))
                return slot->result;
        low = region_leaving(regions, at.low, first, rest);
        high = region_leaving(regions, at.high, first, rest);
        result = node(regions, at.bit, low, high);
        *remember(regions, OP_LEAVING, set, first, rest) =
                (struct remembered){ set, first, rest, result, OP_LEAVING + 1 };
        return result;
}

/* Values above (or_equal: from) a constant, from the lowest bit up: at each bit what the lower ones say
 * decides only where this bit is equal. */
static region_id above(struct regions *regions, unsigned arg, uint64_t value, bool or_equal, unsigned bits) {
        region_id id = or_equal ? REGION_EVERYTHING : REGION_NOTHING;

        for (unsigned i = 0; i < bits; i++) {
                unsigned bit = arg * REGION_BITS + 63 - i;

                if (value >> i & 1)
                        id = node(regions, bit, REGION_NOTHING, id);
                else
                        id = node(regions, bit, id, REGION_EVERYTHING);
        }
        return id;
}

static region_id masked(struct regions *regions, unsigned arg, uint64_t mask, uint64_t value,
                        unsigned bits) {
        region_id id = REGION_EVERYTHING;

        for (unsigned i = 0; i < bits; i++) {
                unsigned bit = arg * REGION_BITS + 63 - i;

                if (!(mask >> i & 1))
                        continue;
                if (value >> i & 1)
                        id = node(regions, bit, REGION_NOTHING, id);
                else
                        id = node(regions, bit, id, REGION_NOTHING);
        }
        return id;
}

static region_id complement(struct regions *regions, region_id set) {
        return region_combine(regions, REGION_MINUS, REGION_EVERYTHING, set);
}

region_id region_condition(struct regions *regions, const struct condition *condition, unsigned bits) {
        uint64_t value = condition->value;
        unsigned arg = condition->index;

        switch ((enum condition_op)condition->op) {
        case CONDITION_EQ:
                return masked(regions, arg, UINT64_MAX, value, bits);
        case CONDITION_NE:
                return complement(regions, masked(regions, arg, UINT64_MAX, value, bits));
        case CONDITION_GE:
                return above(regions, arg, value, true, bits);
        case CONDITION_GT:
                return above(regions, arg, value, false, bits);
        case CONDITION_LT:
                return complement(regions, above(regions, arg, value, true, bits));
        case CONDITION_LE:
                return complement(regions, above(regions, arg, value, false, bits));
        case CONDITION_MASKED_EQ:
                return masked(regions, arg, value, condition->value_two, bits);
        }
        return REGION_NOTHING;
}

bool region_pick(const struct regions *regions, region_id set, uint64_t ret_args[6]) {
        memset(ret_args, 0, 6 * sizeof(*ret_args));
        /* Every node but the empty set leads to a one, so the first branch that is not empty will do. */
        while (regions->nodes[set].bit != REGION_END) {
                const struct region_node *at = &regions->nodes[set];

                set = at->low;
                if (at->low == REGION_NOTHING) {
                        ret_args[at->bit / REGION_BITS] |= UINT64_C(1) << (63 - at->bit % REGION_BITS);
                        set = at->high;
                }
        }
        return set != REGION_NOTHING;
}

struct collection {
        uint32_t *values;
        size_t n, max;
};

static void collect(struct regions *regions, region_id id, struct collection *to) {
        const struct region_node *at = &regions->nodes[id];
        size_t i;

        if (regions->marks[id] == regions->mark)
                return;
        regions->marks[id] = regions->mark;
        if (at->bit != REGION_END) {
                collect(regions, at->low, to);
                collect(regions, at->high, to);
                return;
        }
        for (i = to->n < to->max ? to->n : to->max; i > 0 && to->values[i - 1] > at->low; i--)
                if (i < to->max)
                        to->values[i] = to->values[i - 1];
        if (i < to->max)
                to->values[i] = at->low;
        to->n++;
}

size_t region_values(struct regions *regions, region_id id, uint32_t *ret, size_t max) {
        struct collection to = { .values = ret, .max = max };

        regions->mark++;
        collect(regions, id, &to);
        return to.n;
}

static void mark_all(struct regions *regions, region_id id) {
        const struct region_node *at = &regions->nodes[id];

        if (regions->marks[id] == regions->mark)
                return;
        regions->marks[id] = regions->mark;
        if (at->bit == REGION_END)
                return;
        mark_all(regions, at->low);
        mark_all(regions, at->high);
}

void regions_compact(struct regions *regions, region_id **roots, size_t n) {
        size_t kept = 0;

        if (regions->error)
                return;
        regions->mark++;
        mark_all(regions, REGION_NOTHING);
        mark_all(regions, REGION_EVERYTHING);
        for (size_t i = 0; i < n; i++)
                mark_all(regions, *roots[i]);
        /* The table is rebuilt anyway; meanwhile it leads from old ids to new ones. */
        for (size_t i = 0; i < regions->n; i++) {
                struct region_node at = regions->nodes[i];

                if (regions->marks[i] != regions->mark)
                        continue;
                if (at.bit != REGION_END) {
                        at.low = regions->table[at.low];
                        at.high = regions->table[at.high];
                }
                regions->nodes[kept] = at;
                regions->table[i] = (region_id)kept++;
        }
        for (size_t i = 0; i < n; i++)
                *roots[i] = regions->table[*roots[i]];
        regions->n = kept;
        memset(regions->marks, 0, regions->size * sizeof(*regions->marks));
        regions->mark = 0;
        memset(regions->table, 0, regions->n_table * sizeof(*regions->table));
        for (size_t i = 0; i < kept; i++) {
                size_t slot = hash_node(&regions->nodes[i]) & (regions->n_table - 1);

                while (regions->table[slot])
                        slot = (slot + 1) & (regions->n_table - 1);
                regions->table[slot] = (region_id)i + 1;
        }
        memset(regions->cache, 0, regions->n_cache * sizeof(*regions->cache));
}
