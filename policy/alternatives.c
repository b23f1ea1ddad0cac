/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the alternatives of one architecture.
 *
 * What must stay true: the first alternative of a call that holds has the action that the compiled filter
 * returns. That is trivial where all of them have the same action, and where one has no conditions (it
 * replaces all others, as in libseccomp). Where actions differ the order is that of libseccomp's tree, whose
 * levels are sorted: conditions on higher arguments first, equality before order, narrower before wider.
 *
 * libseccomp 2.5 merges conditions into that tree in a way that goes wrong for some sets: ranges that end at
 * different high words, or inequalities beside conjunctions, make it return actions that no rule asks for,
 * or loop for ever. Only sets of shapes that survived millions of random comparisons are left to it.
 */

#include "policy/alternatives.h"

#include "base/error.h"
#include "policy/match.h"
#include "syscalls/names.h"

#include <stdlib.h>
#include <string.h>

/* Calls that older ABIs pass through one number, with the call in the first argument. libseccomp's pseudo
 * number of a call is the negative of base + call. */
static const struct multiplexed {
        const char *through, *name;
        uint32_t call, base;
} multiplexed[] = {
        { "socketcall", "socket", 1, 100 },
        { "socketcall", "bind", 2, 100 },
        { "socketcall", "connect", 3, 100 },
        { "socketcall", "listen", 4, 100 },
        { "socketcall", "accept", 5, 100 },
        { "socketcall", "getsockname", 6, 100 },
        { "socketcall", "getpeername", 7, 100 },
        { "socketcall", "socketpair", 8, 100 },
        { "socketcall", "send", 9, 100 },
        { "socketcall", "recv", 10, 100 },
        { "socketcall", "sendto", 11, 100 },
        { "socketcall", "recvfrom", 12, 100 },
        { "socketcall", "shutdown", 13, 100 },
        { "socketcall", "setsockopt", 14, 100 },
        { "socketcall", "getsockopt", 15, 100 },
        { "socketcall", "sendmsg", 16, 100 },
        { "socketcall", "recvmsg", 17, 100 },
        { "socketcall", "accept4", 18, 100 },
        { "socketcall", "recvmmsg", 19, 100 },
        { "socketcall", "sendmmsg", 20, 100 },
        { "ipc", "semop", 1, 200 },
        { "ipc", "semget", 2, 200 },
        { "ipc", "semctl", 3, 200 },
        { "ipc", "semtimedop", 4, 200 },
        { "ipc", "msgsnd", 11, 200 },
        { "ipc", "msgrcv", 12, 200 },
        { "ipc", "msgget", 13, 200 },
        { "ipc", "msgctl", 14, 200 },
        { "ipc", "shmat", 21, 200 },
        { "ipc", "shmdt", 22, 200 },
        { "ipc", "shmget", 23, 200 },
        { "ipc", "shmctl", 24, 200 },
};

static const struct multiplexed *find_multiplexed(const char *name) {
        for (size_t i = 0; i < sizeof(multiplexed) / sizeof(multiplexed[0]); i++)
                if (!strcmp(multiplexed[i].name, name))
                        return &multiplexed[i];
        return NULL;
}

bool multiplexed_call(size_t i, const char **ret_through, const char **ret_name, uint32_t *ret_call) {
        if (i >= sizeof(multiplexed) / sizeof(multiplexed[0]))
                return false;
        *ret_through = multiplexed[i].through;
        *ret_name = multiplexed[i].name;
        *ret_call = multiplexed[i].call;
        return true;
}

bool rule_numbers(const struct arch *arch, const char *name, uint32_t *ret_nr, int *ret_through) {
        const struct multiplexed *how = find_multiplexed(name);
        int nr = syscall_number(arch, name);

        *ret_through = how ? syscall_number(arch, how->through) : -1;
        if (nr >= 0)
                *ret_nr = (uint32_t)nr;
        else if (*ret_through >= 0)
                *ret_nr = (uint32_t) - (how->base + how->call);
        return nr >= 0 || *ret_through >= 0;
}

static int add(struct arch_rules *rules, const struct alternative *alternative) {
        if (rules->n_alternatives == rules->size_alternatives) {
                size_t size = rules->size_alternatives ? rules->size_alternatives * 2 : 512;
                struct alternative *grown = reallocarray(rules->alternatives, size, sizeof(*grown));

                if (!grown)
                        return error_origin(-ENOMEM);
                rules->alternatives = grown;
                rules->size_alternatives = size;
        }
        rules->alternatives[rules->n_alternatives] = *alternative;
        rules->alternatives[rules->n_alternatives].order = rules->n_alternatives;
        rules->n_alternatives++;
        return 0;
}

/* A condition in the word size of the architecture; one that every value meets is left out. */
static void narrow(struct alternative *alternative, const struct condition *from, unsigned bits) {
        uint64_t word = bits == 64 ? UINT64_MAX : UINT32_MAX;
        struct condition condition = *from;
        size_t i;

        condition.value &= word;
        condition.value_two &= word;
        if (condition.op == CONDITION_MASKED_EQ) {
                condition.value_two &= condition.value;
                if (!condition.value)
                        return;
        }
        for (i = alternative->n_conditions; i > 0 && alternative->conditions[i - 1].index > condition.index;
             i--)
                alternative->conditions[i] = alternative->conditions[i - 1];
        alternative->conditions[i] = condition;
        alternative->n_conditions++;
}

static int add_name(struct arch_rules *rules, const char *name, const struct alternative *alternative) {
        struct alternative direct = *alternative, through = *alternative;
        int through_nr;
        int r;

        if (!rule_numbers(rules->arch, name, &direct.nr, &through_nr))
                return 0;
        r = add(rules, &direct);
        if (r || through_nr < 0)
                return error_trace(r);
        /* The first argument names the call there, so a condition on it is replaced, as libseccomp does; the
         * others stay although they now see a pointer. */
        through.nr = (uint32_t)through_nr;
        through.multiplexed = true;
        through.n_conditions = 0;
        narrow(&through, &(struct condition){ .op = CONDITION_EQ, .value = find_multiplexed(name)->call },
               rules->bits);
        for (size_t i = 0; i < direct.n_conditions; i++)
                if (direct.conditions[i].index)
                        narrow(&through, &direct.conditions[i], rules->bits);
        return error_trace(add(rules, &through));
}

static int add_rule(struct arch_rules *rules, const struct rule *rule, size_t index) {
        bool split = rule_is_split(rule);
        size_t n = split ? rule->n_conditions : 1;

        for (size_t i = 0; i < n; i++) {
                struct alternative alternative = {
                        .action = rule->action,
                        .rule = index,
                        .condition = rule->n_conditions ? i : MATCH_NONE,
                };

                for (size_t j = 0; j < rule->n_conditions; j++)
                        if (!split || j == i)
                                narrow(&alternative, &rule->conditions[j], rules->bits);
                for (size_t j = 0; j < rule->n_names; j++) {
                        int r;

                        alternative.name = j;
                        r = add_name(rules, rule->names[j], &alternative);
                        if (r)
                                return error_trace(r);
                }
        }
        return 0;
}

static int op_rank(const struct condition *condition) {
        switch ((enum condition_op)condition->op) {
        case CONDITION_GE:
        case CONDITION_GT:
                return 1;
        case CONDITION_LE:
        case CONDITION_LT:
                return 2;
        default:
                return 3;
        }
}

static uint64_t datum(const struct condition *condition) {
        return condition->op == CONDITION_MASKED_EQ ? condition->value_two : condition->value;
}

/* Negative: a is tried before b. */
static int compare_conditions(const struct condition *a, const struct condition *b) {
        if (a->index != b->index)
                return a->index > b->index ? -1 : 1;
        if (op_rank(a) != op_rank(b))
                return op_rank(a) > op_rank(b) ? -1 : 1;
        if (datum(a) == datum(b))
                return 0;
        if (op_rank(a) == 2)
                return datum(a) < datum(b) ? -1 : 1;
        return datum(a) > datum(b) ? -1 : 1;
}

static int compare_by_file(const void *left, const void *right) {
        const struct alternative *a = left, *b = right;

        if (a->nr != b->nr)
                return a->nr < b->nr ? -1 : 1;
        if (!a->n_conditions != !b->n_conditions)
                return a->n_conditions ? 1 : -1;
        return a->order < b->order ? -1 : a->order > b->order;
}

static int compare_by_tree(const void *left, const void *right) {
        const struct alternative *a = left, *b = right;

        for (size_t i = 0; i < a->n_conditions && i < b->n_conditions; i++) {
                int r = compare_conditions(&a->conditions[i], &b->conditions[i]);

                if (r)
                        return r;
        }
        return a->order < b->order ? -1 : a->order > b->order;
}

static bool same_conditions(const struct alternative *a, const struct alternative *b) {
        if (a->n_conditions != b->n_conditions)
                return false;
        for (size_t i = 0; i < a->n_conditions; i++) {
                const struct condition *x = &a->conditions[i], *y = &b->conditions[i];

                if (x->index != y->index || x->op != y->op || x->value != y->value ||
                    x->value_two != y->value_two)
                        return false;
        }
        return true;
}

bool alternatives_suit_libseccomp(const struct alternative *alternatives, size_t n, bool mixed) {
        bool equalities = true, masks = false, single = true, ranges_down = false;

        if (n == 1)
                return true;
        for (size_t i = 0; i < n; i++) {
                single &= alternatives[i].n_conditions == 1;
                for (size_t j = 0; j < alternatives[i].n_conditions; j++) {
                        const struct condition *condition = &alternatives[i].conditions[j];

                        equalities &= op_rank(condition) == 3 && condition->op != CONDITION_NE;
                        masks |= condition->op == CONDITION_MASKED_EQ;
                        ranges_down |= op_rank(condition) == 2;
                }
        }
        if (equalities)
                return !mixed || !masks;
        return single && !ranges_down && !mixed;
}

/* Behind socketcall and ipc, too, an unconditional rule for a call replaces the others for that call: keep
 * the first such and drop the rest. Returns how many are left. */
static size_t drop_replaced(struct alternative *alternatives, size_t n) {
        for (size_t i = 0; i < n; i++) {
                size_t kept = i + 1;

                if (!alternatives[i].multiplexed || alternatives[i].n_conditions != 1)
                        continue;
                for (size_t j = i + 1; j < n; j++)
                        if (!alternatives[j].multiplexed ||
                            alternatives[j].conditions[0].value != alternatives[i].conditions[0].value)
                                alternatives[kept++] = alternatives[j];
                n = kept;
                for (size_t j = i; j-- > 0;)
                        if (alternatives[j].multiplexed &&
                            alternatives[j].conditions[0].value == alternatives[i].conditions[0].value) {
                                memmove(&alternatives[j], &alternatives[j + 1],
                                        (n - j - 1) * sizeof(*alternatives));
                                n--;
                                i--;
                        }
        }
        return n;
}

/* One call's alternatives: what replaces the others, their order, and what to make of them. */
static struct call_rules group(struct alternative *all, size_t first, size_t n) {
        struct call_rules call = { .nr = all[first].nr, .first = first, .n = n, .conflict = SIZE_MAX };
        struct alternative *alternatives = &all[first];

        if (!alternatives[0].n_conditions) {
                call.n = 1;
                return call;
        }
        call.n = n = drop_replaced(alternatives, n);
        for (size_t i = 1; i < n; i++)
                call.mixed |= alternatives[i].action != alternatives[0].action;
        if (call.mixed) {
                qsort(alternatives, n, sizeof(*alternatives), compare_by_tree);
                for (size_t i = 1; i < n && call.conflict == SIZE_MAX; i++)
                        for (size_t j = 0; j < i; j++)
                                if (alternatives[i].action != alternatives[j].action &&
                                    same_conditions(&alternatives[i], &alternatives[j])) {
                                        call.conflict = first + i;
                                        break;
                                }
        }
        call.own_code = !alternatives_suit_libseccomp(alternatives, n, call.mixed);
        return call;
}

/* A rule for a multiplexed name is given to libseccomp as one, for both numbers; so when either is compiled
 * here, all calls behind the same number are. */
static void spread_own_code(struct arch_rules *rules, const char *through) {
        bool own_code = false;

        for (int pass = 0; pass < 2; pass++)
                for (size_t i = 0; i < rules->n_calls; i++) {
                        struct call_rules *call = &rules->calls[i];
                        const char *name = syscall_name(rules->arch, call->nr);
                        const struct multiplexed *how = name ? find_multiplexed(name) : NULL;
                        bool member = call->nr >= (uint32_t)-1000 ||
                                      (how && !strcmp(how->through, through)) ||
                                      (name && !strcmp(name, through));

                        if (!member)
                                continue;
                        if (!pass)
                                own_code |= call->own_code;
                        else
                                call->own_code |= own_code;
                }
}

static int group_all(struct arch_rules *rules) {
        size_t n_calls = 0;

        if (!rules->n_alternatives)
                return 0;
        qsort(rules->alternatives, rules->n_alternatives, sizeof(*rules->alternatives), compare_by_file);
        for (size_t i = 0; i < rules->n_alternatives; i++)
                n_calls += !i || rules->alternatives[i].nr != rules->alternatives[i - 1].nr;
        rules->calls = calloc(n_calls, sizeof(*rules->calls));
        if (!rules->calls)
                return error_origin(-ENOMEM);
        for (size_t i = 0, j; i < rules->n_alternatives; i = j) {
                for (j = i + 1; j < rules->n_alternatives; j++)
                        if (rules->alternatives[j].nr != rules->alternatives[i].nr)
                                break;
                rules->calls[rules->n_calls++] = group(rules->alternatives, i, j - i);
        }
        if (syscall_number(rules->arch, "socketcall") >= 0)
                spread_own_code(rules, "socketcall");
        if (syscall_number(rules->arch, "ipc") >= 0)
                spread_own_code(rules, "ipc");
        return 0;
}

int arch_rules_init(struct arch_rules *rules, const struct profile *resolved, const struct arch *arch) {
        int r = 0;

        *rules = (struct arch_rules){ .arch = arch, .bits = profile_arch_bits(arch) };
        /* The runtime gives libseccomp no rule that is equal to the default. */
        for (size_t i = 0; !r && i < resolved->n_rules; i++)
                if (resolved->rules[i].action != resolved->default_action)
                        r = add_rule(rules, &resolved->rules[i], i);
        if (!r)
                r = group_all(rules);
        return error_trace(r);
}

void arch_rules_deinit(struct arch_rules *rules) {
        free(rules->alternatives);
        free(rules->calls);
        *rules = (struct arch_rules){ 0 };
}

const struct call_rules *arch_rules_find(const struct arch_rules *rules, uint32_t nr) {
        size_t low = 0, high = rules->n_calls;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (rules->calls[middle].nr < nr)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < rules->n_calls && rules->calls[low].nr == nr ? &rules->calls[low] : NULL;
}

/* The values that an order or equality leaves; false for the other comparisons. */
static bool interval(const struct condition *condition, uint64_t *ret_low, uint64_t *ret_high) {
        uint64_t value = condition->value;

        *ret_low = 0;
        *ret_high = UINT64_MAX;
        switch ((enum condition_op)condition->op) {
        case CONDITION_EQ:
                *ret_low = *ret_high = value;
                return true;
        case CONDITION_LT:
                *ret_high = value ? value - 1 : 0;
                return true;
        case CONDITION_LE:
                *ret_high = value;
                return true;
        case CONDITION_GE:
                *ret_low = value;
                return true;
        case CONDITION_GT:
                *ret_low = value == UINT64_MAX ? value : value + 1;
                return true;
        default:
                return false;
        }
}

static bool conditions_exclude(const struct condition *a, const struct condition *b) {
        uint64_t args[6] = { 0 };
        uint64_t low_a, high_a, low_b, high_b;

        if (a->op == CONDITION_EQ || b->op == CONDITION_EQ) {
                args[a->index] = a->op == CONDITION_EQ ? a->value : b->value;
                return !condition_holds(a, args) || !condition_holds(b, args);
        }
        if (a->op == CONDITION_MASKED_EQ && b->op == CONDITION_MASKED_EQ)
                return a->value & b->value & (a->value_two ^ b->value_two);
        return interval(a, &low_a, &high_a) && interval(b, &low_b, &high_b) &&
               (high_a < low_b || high_b < low_a);
}

bool alternatives_exclude(const struct alternative *a, const struct alternative *b) {
        for (size_t i = 0; i < a->n_conditions; i++)
                for (size_t j = 0; j < b->n_conditions; j++)
                        if (a->conditions[i].index == b->conditions[j].index &&
                            conditions_exclude(&a->conditions[i], &b->conditions[j]))
                                return true;
        return false;
}
