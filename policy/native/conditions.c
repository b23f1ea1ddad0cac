/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person wrote about arguments, as conditions on registers of one architecture.
 *
 * Only the bits that the kernel looks at count (bits of struct syscall_arg): a descriptor is an int, and
 * what a hostile program leaves in the upper half of its register changes nothing. Arguments that are signed
 * in C are compared as such, which takes two alternatives: the compiled filter compares unsigned. Constants
 * have the numbers of the architecture; where it lacks one, the rule can never hold there.
 */

#include "policy/alternatives.h"
#include "policy/native/policy.h"

#include "base/error.h"
#include "policy/native/calls.h"
#include "syscalls/names.h"
#include "syscalls/table.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <stdlib.h>
#include <string.h>

/* ---- arguments ---- */

static const struct {
        const char *call, *name, *set;
} memory_args[] = {
        { "openat2", "flags", "open" },      { "openat2", "mode", NULL },
        { "openat2", "resolve", "resolve" }, { "clone3", "flags", "clone3" },
        { "clone3", "exit_signal", NULL },
};
#define N_MEMORY_ARGS (sizeof(memory_args) / sizeof(memory_args[0]))

const char *policy_memory_arg_name(const char *call, size_t i) {
        for (size_t j = 0; j < N_MEMORY_ARGS; j++)
                if (strcmp(memory_args[j].call, call) == 0 && i-- == 0)
                        return memory_args[j].name;
        return NULL;
}

/* What is compared, and how. */
struct operand {
        const struct arch *arch;
        const struct syscall_arg *arg; /* NULL: nothing is known of it */
        const char *set;               /* of constants; NULL: any that has the name */
        uint8_t index, bits;
        bool is_signed;
        bool in_memory;
};

static bool find_in_memory(const char *call, const char *name, struct operand *ret) {
        size_t index = 0;

        for (size_t i = 0; i < N_MEMORY_ARGS; i++) {
                if (strcmp(memory_args[i].call, call) != 0)
                        continue;
                if (strcmp(memory_args[i].name, name) == 0) {
                        ret->set = memory_args[i].set;
                        ret->index = (uint8_t)index;
                        ret->bits = 64;
                        ret->in_memory = true;
                        return true;
                }
                index++;
        }
        return false;
}

static bool arg_is_signed(const struct syscall_arg *arg) {
        return arg->kind == ARG_INT || arg->kind == ARG_FD || arg->kind == ARG_DIRFD ||
               arg->kind == ARG_PID || arg->kind == ARG_OFFSET;
}

/* An argument whose meaning depends on another one may be called by any of the names it can have. */
static bool arg_is_called(const struct syscall_arg *arg, const char *name) {
        if (strcmp(arg->name, name) == 0)
                return true;
        if (arg->kind != ARG_CASE)
                return false;
        for (const struct syscall_case *item = arg->cases; item->when; item++)
                if (item->arg.name && strcmp(item->arg.name, name) == 0)
                        return true;
        return false;
}

static const struct syscall_row *find_row(const struct arch *arch, const char *call) {
        int nr = syscall_number(arch, call);
        uint32_t audit = arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64 : arch->audit;
        const struct syscall_row *row = nr < 0 ? NULL : syscall_row_of(audit, (uint32_t)nr);

        return row ? row : syscall_row(call);
}

/* False: this architecture's call has no such argument. */
static bool find_operand(const struct arch *arch, const char *call, const char *name, struct operand *ret) {
        const struct syscall_row *row = find_row(arch, call);

        *ret = (struct operand){ .arch = arch, .bits = arch->bits };
        if (strncmp(name, "arg", 3) == 0 && name[3] >= '0' && name[3] <= '5' && !name[4]) {
                ret->index = (uint8_t)(name[3] - '0');
                if (row && ret->index < row->n_args)
                        ret->arg = &row->args[ret->index];
        }
        for (size_t i = 0; row && !ret->arg && i < row->n_args; i++)
                if (arg_is_called(&row->args[i], name)) {
                        ret->index = (uint8_t)i;
                        ret->arg = &row->args[i];
                }
        if (!ret->arg)
                return (strncmp(name, "arg", 3) == 0 && name[3] >= '0' && name[3] <= '5' && !name[4]) ||
                       find_in_memory(call, name, ret);
        if (ret->arg->bits == 32)
                ret->bits = 32;
        ret->is_signed = arg_is_signed(ret->arg);
        ret->set = ret->arg->set ? ret->arg->set->name : NULL;
        return true;
}

/* ---- values ---- */

/* A sum of constants and numbers. Of a flag word with an enumeration in it (the access mode of open) the
 * enumerated ones are kept apart: they are no bits of their own. */
#define PICKED_MAX 8
struct flags {
        uint64_t value; /* all of it */
        uint64_t plain; /* without the enumerated ones */
        uint64_t picked[PICKED_MAX], enum_mask;
        size_t n_picked;
};

static bool constant_of(const struct operand *operand, const char *name, uint64_t *ret) {
        const struct constant_set *set = constant_set_by_name(operand->set);
        uint32_t audit = operand->arch->audit;

        if (operand->arg && operand->arg->kind == ARG_DIRFD && strcmp(name, "AT_FDCWD") == 0) {
                *ret = (uint64_t)(int64_t)AT_FDCWD;
                return true;
        }
        /* Names of the enumerated part itself. */
        if (set && (strcmp(name, "O_ACCMODE") == 0 || strcmp(name, "S_IFMT") == 0)) {
                *ret = constant_set_variant(set, audit)->enum_mask;
                return *ret;
        }
        if (operand->set && constant_value_on(operand->set, name, audit, ret) == 0)
                return true;
        if (operand->arg && operand->arg->kind == ARG_CASE)
                for (const struct syscall_case *item = operand->arg->cases; item->when; item++)
                        if (item->arg.set && constant_value_on(item->arg.set->name, name, audit, ret) == 0)
                                return true;
        return !operand->set && constant_value_on(NULL, name, audit, ret) == 0;
}

static bool word_of(const struct operand *operand, const char *word, uint64_t *ret, bool *ret_number) {
        const char *digits = strncmp(word, "0o", 2) == 0 ? word + 2 : word;
        char *end;

        *ret_number = *word == '-' || (*word >= '0' && *word <= '9');
        if (!*ret_number)
                return constant_of(operand, word, ret);
        errno = 0;
        *ret = strtoull(digits, &end, digits == word ? 0 : 8);
        return !errno && *digits && !*end;
}

static bool add_word(const struct operand *operand, const char *word, struct flags *flags) {
        uint64_t value;
        bool number;

        if (!word_of(operand, word, &value, &number))
                return false;
        flags->value |= value;
        if (number || !flags->enum_mask || (value & ~flags->enum_mask) || value == flags->enum_mask ||
            flags->n_picked == PICKED_MAX)
                flags->plain |= value;
        else
                flags->picked[flags->n_picked++] = value;
        return true;
}

/* False: this architecture lacks one of the constants. */
static bool flags_of(const struct operand *operand, const struct policy_value *value, struct flags *ret) {
        const struct constant_set *set = constant_set_by_name(operand->set);
        char word[64];

        *ret = (struct flags){ 0 };
        if (!value->text) {
                ret->value = ret->plain = value->number;
                return true;
        }
        if (set)
                ret->enum_mask = constant_set_variant(set, operand->arch->audit)->enum_mask;
        for (const char *at = value->text;; at++) {
                size_t n;

                at += strspn(at, " \t");
                n = strcspn(at, " \t|");
                if (n >= sizeof(word))
                        return false;
                memcpy(word, at, n);
                word[n] = 0;
                if (!add_word(operand, word, ret))
                        return false;
                at += strcspn(at, "|");
                if (!*at)
                        return true;
        }
}

/* ---- alternatives ---- */

struct list {
        struct policy_conditions *items;
        size_t n;
        int r;
};

static struct policy_conditions *list_add(struct list *list) {
        struct policy_conditions *grown;

        if (list->r)
                return NULL;
        if (list->n == POLICY_ALTERNATIVES_MAX) {
                list->r = error_origin(-E2BIG);
                return NULL;
        }
        grown = reallocarray(list->items, list->n + 1, sizeof(*grown));
        if (!grown) {
                list->r = error_origin(-ENOMEM);
                return NULL;
        }
        list->items = grown;
        grown[list->n].n = 0;
        return &grown[list->n++];
}

static void and_also(struct list *list, struct policy_conditions *to, const struct operand *operand,
                     enum condition_op op, uint64_t value, uint64_t value_two) {
        if (!to || list->r)
                return;
        if (to->n == POLICY_CONDITIONS_MAX) {
                list->r = error_origin(-E2BIG);
                return;
        }
        to->bits[to->n] = operand->bits;
        to->conditions[to->n++] = (struct condition){
                .index = operand->index, .op = (uint8_t)op, .value = value, .value_two = value_two
        };
}

static void add_test(struct list *list, const struct operand *operand, enum condition_op op,
                     uint64_t value) {
        and_also(list, list_add(list), operand, op, value, 0);
}

static uint64_t largest(const struct operand *operand) {
        return operand->bits == 64 ? UINT64_MAX : UINT32_MAX;
}

/* Into the width of the argument; false when it does not fit. -1 fits all. */
static bool narrow(const struct operand *operand, uint64_t *value) {
        if (*value > largest(operand) && *value >> 31 != UINT64_MAX >> 31)
                return false;
        *value &= largest(operand);
        return true;
}

/* "Less than value" or "at least value". */
static void add_order(struct list *list, const struct operand *operand, bool less, uint64_t value) {
        uint64_t top = UINT64_C(1) << (operand->bits - 1);
        enum condition_op op = less ? CONDITION_LT : CONDITION_GE;
        bool negative = operand->is_signed && (int64_t)value < 0;
        struct policy_conditions *both;

        value &= largest(operand);
        if (!operand->is_signed) {
                add_test(list, operand, op, value);
                return;
        }
        if (value == 0) {
                add_test(list, operand, less ? CONDITION_GE : CONDITION_LT, top);
        } else if (less == negative) {
                /* less than -5: in the upper half and below; at least 5: in the lower half and above */
                both = list_add(list);
                and_also(list, both, operand, op, value, 0);
                and_also(list, both, operand, less ? CONDITION_GE : CONDITION_LT, top, 0);
        } else {
                add_test(list, operand, op, value);
                add_test(list, operand, less ? CONDITION_GE : CONDITION_LT, top);
        }
}

static void compare(struct list *list, const struct operand *operand, enum condition_op op, uint64_t value) {
        bool less = op == CONDITION_LT || op == CONDITION_LE;
        int64_t number = (int64_t)value;
        bool too_small = false, too_large;

        if (operand->is_signed) {
                int64_t max = operand->bits == 64 ? INT64_MAX : INT32_MAX;

                too_large = number > max || (number == max && (op == CONDITION_LE || op == CONDITION_GT));
                too_small = number < -max - 1 ||
                            (number == -max - 1 && (op == CONDITION_LT || op == CONDITION_GE));
        } else {
                if (!narrow(operand, &value))
                        value = UINT64_MAX;
                too_large = value > largest(operand) ||
                            (value == largest(operand) && (op == CONDITION_LE || op == CONDITION_GT));
                too_small = value == 0 && (op == CONDITION_LT || op == CONDITION_GE);
        }
        if (too_small || too_large) {
                if (less == too_large)
                        list_add(list);
                return;
        }
        if (op == CONDITION_LE || op == CONDITION_GT)
                value++;
        add_order(list, operand, less, value);
}

static void multiply(struct list *list, const struct list *by) {
        struct list product = { .r = list->r ? list->r : by->r };

        for (size_t i = 0; i < list->n; i++)
                for (size_t j = 0; j < by->n; j++) {
                        const struct policy_conditions *a = &list->items[i], *b = &by->items[j];
                        struct policy_conditions *both = list_add(&product);

                        if (!both)
                                break;
                        if (a->n + b->n > POLICY_CONDITIONS_MAX) {
                                product.r = error_origin(-E2BIG);
                                break;
                        }
                        *both = *a;
                        memcpy(&both->conditions[a->n], b->conditions, b->n * sizeof(*b->conditions));
                        memcpy(&both->bits[a->n], b->bits, b->n);
                        both->n += b->n;
                }
        free(list->items);
        *list = product;
}

/* Not this one of the enumerated values: some bit differs. */
static void lack_picked(struct list *list, const struct operand *operand, uint64_t mask, uint64_t picked) {
        struct list differing = { 0 };

        for (uint64_t bit = 1; bit; bit <<= 1)
                if (mask & bit)
                        and_also(&differing, list_add(&differing), operand, CONDITION_MASKED_EQ, bit,
                                 ~picked & bit);
        multiply(list, &differing);
        free(differing.items);
}

static void masked(struct list *list, const struct operand *operand, uint64_t mask, uint64_t value) {
        if (value & ~mask || !narrow(operand, &value))
                return;
        mask &= largest(operand);
        if (!mask)
                list_add(list);
        else
                and_also(list, list_add(list), operand, CONDITION_MASKED_EQ, mask, value & mask);
}

/* False: a constant is missing here. */
static bool add_masked(struct list *list, const struct operand *operand, const struct policy_arg *arg) {
        struct flags mask, value;

        if (!flags_of(operand, &arg->mask, &mask))
                return false;
        for (size_t i = 0; i < arg->n_values; i++) {
                const struct policy_value *is = &arg->values[i];

                if (!flags_of(operand, is, &value))
                        return false;
                if (mask.n_picked && is->text && strcmp(is->text, arg->mask.text) == 0) {
                        /* has: the enumerated part is what was named */
                        masked(list, operand, mask.value | mask.enum_mask, value.value);
                } else if (mask.n_picked && !is->text && !is->number) {
                        /* lacks: it is none of those named */
                        masked(list, operand, mask.plain, 0);
                        for (size_t j = 0; j < mask.n_picked; j++)
                                lack_picked(list, operand, mask.enum_mask, mask.picked[j]);
                } else {
                        masked(list, operand, mask.value, value.value);
                }
        }
        return true;
}

/* What one condition of the policy comes to; no alternatives: it cannot hold. */
static bool add_condition(struct list *list, const struct operand *operand, const struct policy_arg *arg) {
        struct policy_conditions *all = NULL;
        struct flags value;

        if (arg->op == CONDITION_MASKED_EQ)
                return add_masked(list, operand, arg);
        if (arg->op == CONDITION_NE)
                all = list_add(list);
        for (size_t i = 0; i < arg->n_values; i++) {
                /* What is not a value here is none of those that the argument can have. */
                if (!flags_of(operand, &arg->values[i], &value))
                        continue;
                switch (arg->op) {
                case CONDITION_NE:
                        if (narrow(operand, &value.value))
                                and_also(list, all, operand, CONDITION_NE, value.value, 0);
                        break;
                case CONDITION_EQ:
                        if (narrow(operand, &value.value))
                                add_test(list, operand, CONDITION_EQ, value.value);
                        break;
                default:
                        compare(list, operand, arg->op, value.value);
                        break;
                }
        }
        return true;
}

/* ---- rules ---- */

static bool has_rest(const struct policy_where *where) {
        return where->n_paths || where->n_addresses || where->n_programs || where->n_uids || where->n_gids ||
               where->caps_set || where->n_labels || where->above_set;
}

/* An argument that only some meanings of the call have is there only when the call means that. */
static void add_case(struct list *list, const struct operand *operand, const char *name) {
        const struct syscall_arg *arg = operand->arg;
        struct operand selector = { .arch = operand->arch, .bits = 32 };
        struct list cases = { 0 };

        if (operand->in_memory || !arg || arg->kind != ARG_CASE || strcmp(arg->name, name) == 0 ||
            strncmp(name, "arg", 3) == 0)
                return;
        selector.index = arg->link;
        for (const struct syscall_case *item = arg->cases; item->when; item++)
                if (item->arg.name && strcmp(item->arg.name, name) == 0 && strcmp(item->when, "*") != 0)
                        add_test(&cases, &selector, CONDITION_EQ, item->value & UINT32_MAX);
        if (cases.n)
                multiply(list, &cases);
        free(cases.items);
}

static bool call_exists(const struct arch *arch, const char *call) {
        int through;
        uint32_t nr;

        return rule_numbers(arch, call, &nr, &through);
}

/* What an emulation has to do with the call: any of its rows. */
static void want(struct list *list, const struct policy_emulation *emulation, const struct arch *arch,
                 const char *call) {
        struct list by = { 0 };

        for (const struct policy_emulation_when *row = emulation->when; row && row->call; row++) {
                struct policy_conditions *all = strcmp(row->call, call) == 0 ? list_add(&by) : NULL;

                for (size_t i = 0; all && i < row->n; i++) {
                        const struct condition *condition = &row->conditions[i];
                        struct operand operand = { .index = condition->index,
                                                   .bits = (uint8_t)profile_arch_bits(arch) };

                        and_also(&by, all, &operand, condition->op, condition->value, condition->value_two);
                }
        }
        if (by.n > 0 || by.r)
                multiply(list, &by);
        free(by.items);
}

/* The conditions on registers, or those on memory. */
static int make(const struct policy_rule *rule, const struct arch *arch, const char *call, bool in_memory,
                struct list *list, bool *ret_memory) {
        const struct policy_where *where = &rule->where;

        *ret_memory = false;
        if (!call_exists(arch, call) || (where->architectures_set && where->bits != profile_arch_bits(arch)))
                return POLICY_E_NEVER;
        list_add(list);
        for (size_t i = 0; !list->r && i < where->n_args; i++) {
                struct list by = { 0 };
                struct operand operand;
                bool possible;

                if (!find_operand(arch, call, where->args[i].name, &operand))
                        return POLICY_E_NEVER;
                *ret_memory |= operand.in_memory;
                if (operand.in_memory != in_memory)
                        continue;
                possible = add_condition(&by, &operand, &where->args[i]);
                add_case(&by, &operand, where->args[i].name);
                if (!by.r && (!possible || !by.n)) {
                        free(by.items);
                        return POLICY_E_NEVER;
                }
                multiply(list, &by);
                free(by.items);
        }
        if (!in_memory && !list->r && rule->action == POLICY_EMULATE && rule->emulation)
                want(list, rule->emulation, arch, call);
        return list->r;
}

int policy_conditions(const struct policy_rule *rule, const struct arch *arch, const char *call,
                      struct policy_conditions **ret, size_t *ret_n, bool *ret_rest) {
        struct list list = { 0 };
        bool memory;
        int r;

        r = make(rule, arch, call, false, &list, &memory);
        if (r) {
                free(list.items);
                return error_trace(r);
        }
        *ret_rest = memory || has_rest(&rule->where);
        *ret = list.items;
        *ret_n = list.n;
        return 0;
}

int policy_memory_conditions(const struct policy_rule *rule, const struct arch *arch, const char *call,
                             struct policy_conditions **ret, size_t *ret_n) {
        struct list list = { 0 };
        bool memory;
        int r;

        *ret = NULL;
        *ret_n = 0;
        r = make(rule, arch, call, true, &list, &memory);
        if (r || !memory) {
                free(list.items);
                return error_trace(r);
        }
        *ret = list.items;
        *ret_n = list.n;
        return 0;
}

bool policy_condition_holds(const struct condition *condition, unsigned bits, const uint64_t args[6]) {
        uint64_t narrowed[6] = { 0 };

        narrowed[condition->index] = bits == 64 ? args[condition->index] : (uint32_t)args[condition->index];
        return condition_holds(condition, narrowed);
}
