/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What may be asked of the arguments of a call, from what was seen of them.
 *
 * What must stay true: for every call added to the learner at least one way holds, whatever its registers
 * held beyond the bits that the kernel looks at; and no way asks twice about one argument, since runc would
 * make alternatives of the two questions.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "policy/learn_seen.h"
#include "syscalls/names.h"
#include "syscalls/table.h"

void learn_ways_deinit(struct learn_ways *ways) {
        free(ways->conditions);
        *ways = (struct learn_ways){ 0 };
}

static int compare_tuples(const void *a, const void *b) {
        const uint64_t *one = a, *other = b;

        for (size_t i = 0; i < EVENT_N_ARGS; i++)
                if (one[i] != other[i])
                        return one[i] < other[i] ? -1 : 1;
        return 0;
}

/* The tuples under the masks that hold on all architectures; sorted, each once. Returns how many. */
static size_t tuples_join(const struct seen *seen, uint64_t (*ret)[EVENT_N_ARGS]) {
        size_t n = 0;

        for (size_t i = 0; i < seen->n_values; i++)
                for (size_t k = 0; k < EVENT_N_ARGS; k++)
                        ret[i][k] = seen->values[i][k] & seen->mask[k];
        qsort(ret, seen->n_values, sizeof(*ret), compare_tuples);
        for (size_t i = 0; i < seen->n_values; i++)
                if (n == 0 || compare_tuples(ret[n - 1], ret[i]) != 0)
                        memmove(ret[n++], ret[i], sizeof(*ret));
        return n;
}

static struct condition condition_of(unsigned index, uint64_t mask, uint64_t value) {
        /* What the kernel ignores of the register must not decide: programs leave anything there. */
        if (mask == UINT64_MAX)
                return (struct condition){ .index = (uint8_t)index, .op = CONDITION_EQ, .value = value };
        return (struct condition){
                .index = (uint8_t)index, .op = CONDITION_MASKED_EQ, .value = mask, .value_two = value
        };
}

int learn_clone_ways(const struct learn_assumed *row, const struct seen *seen, uint32_t archs,
                     struct learn_ways *ret) {
        unsigned index = learn_assumed_index(row, archs ? arch_table + __builtin_ctz(archs) : arch_native());
        uint64_t mask = row->mask;

        *ret = (struct learn_ways){ 0 };
        if (seen && (seen->blurred || seen->learn[index] != LEARN_BITS))
                return 0;
        if (seen)
                mask &= ~seen->bits[index];
        if (mask == 0)
                return 0;
        ret->conditions = calloc(1, sizeof(*ret->conditions));
        if (!ret->conditions)
                return error_origin(-ENOMEM);
        ret->n_ways = ret->n_conditions = 1;
        ret->conditions[0] = condition_of(index, mask, 0);
        return 0;
}

int learn_ways(const struct learn *learn, const struct seen *seen, struct learn_ways *ret) {
        uint64_t(*tuples)[EVENT_N_ARGS] = NULL;
        struct condition *condition;
        size_t n_tuples = 0;

        *ret = (struct learn_ways){ 0 };
        for (size_t i = 0; i < learn_assumed_n; i++)
                if (learn_assumed[i].conditional && strcmp(learn_assumed[i].name, seen->name) == 0)
                        return error_trace(learn_clone_ways(learn_assumed + i, seen, seen->archs, ret));
        if (!learn->options.args || seen->blurred)
                return 0;
        if (seen->n_values > 0 && !seen->too_many) {
                tuples = calloc(seen->n_values, sizeof(*tuples));
                if (!tuples)
                        return error_origin(-ENOMEM);
                n_tuples = tuples_join(seen, tuples);
        }
        ret->conditions = calloc((n_tuples + 1) * EVENT_N_ARGS, sizeof(*ret->conditions));
        if (!ret->conditions) {
                free(tuples);
                return error_origin(-ENOMEM);
        }
        ret->n_ways = n_tuples > 0 ? n_tuples : 1;
        condition = ret->conditions;
        for (size_t i = 0; i < ret->n_ways; i++)
                for (unsigned k = 0; k < EVENT_N_ARGS; k++) {
                        uint64_t never = seen->mask[k] & ~seen->bits[k];

                        if (seen->learn[k] == LEARN_BITS && never)
                                *condition++ = condition_of(k, never, 0);
                        else if (seen->learn[k] == LEARN_VALUES && n_tuples > 0)
                                *condition++ = condition_of(k, seen->mask[k], tuples[i][k]);
                }
        ret->n_conditions = (size_t)(condition - ret->conditions) / ret->n_ways;
        free(tuples);
        if (ret->n_conditions == 0)
                learn_ways_deinit(ret);
        return 0;
}
