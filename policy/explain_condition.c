/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One condition in words. Values get the names that the argument's own set has on that architecture; an
 * argument that depends on another (the protocol of a socket) is looked at as it is where the alternative's
 * other conditions settle that. What has no name is a number, so nothing is ever left out.
 */

#include "policy/explain.h"

#include "base/buf.h"
#include "policy/alternatives.h"
#include "syscalls/names.h"
#include "syscalls/table.h"

#include <inttypes.h>
#include <string.h>

#define LOW32 UINT64_C(0xffffffff)

static const struct syscall_arg *argument(const struct condition *condition,
                                          const struct alternative *alternative,
                                          const struct syscall_row *row) {
        uint64_t args[6] = { 0 };

        if (!row || condition->index >= row->n_args)
                return NULL;
        for (size_t i = 0; alternative && i < alternative->n_conditions; i++) {
                const struct condition *other = &alternative->conditions[i];

                if (other->op == CONDITION_EQ)
                        args[other->index] = other->value;
                else if (other->op == CONDITION_MASKED_EQ && (other->value & LOW32) == LOW32)
                        args[other->index] = other->value_two;
        }
        return syscall_arg_resolve(&row->args[condition->index], args);
}

static const struct constant_set *names_of(const struct syscall_arg *arg, const struct arch *arch) {
        const struct constant_set *set = arg ? arg->set : NULL;

        if (arg && !set && arg->kind == ARG_SIGNAL)
                set = constant_set_by_name("signal");
        return set ? constant_set_variant(set, arch->audit) : NULL;
}

static const char *exact(const struct constant_set *set, uint64_t value, unsigned bits) {
        for (size_t i = 0; i < set->n; i++)
                if (set->items[i].value == value || (bits == 32 && (uint32_t)set->items[i].value == value))
                        return set->items[i].name;
        return NULL;
}

/* Flags one by one; what is left over as a number. Returns how many parts there are. */
static unsigned put_flags(const struct constant_set *set, uint64_t value, struct buf *to) {
        uint64_t rest = value;
        unsigned n = 0;

        for (size_t i = 0; i < set->n && rest; i++) {
                const struct constant *item = &set->items[i];
                bool in_enum = item->value & set->enum_mask || !item->value;

                if (!item->value || (rest & item->value) != item->value ||
                    (in_enum && (value & set->enum_mask) != (item->value & set->enum_mask)))
                        continue;
                buf_printf(to, "%s%s", n++ ? "|" : "", item->name);
                rest &= ~item->value;
        }
        if (rest)
                buf_printf(to, "%s0x%" PRIx64, n++ ? "|" : "", rest);
        return n;
}

static void put_value(const struct syscall_arg *arg, const struct arch *arch, uint64_t value,
                      struct buf *to) {
        const struct constant_set *set = names_of(arg, arch);
        const char *name = set ? exact(set, value, arg->bits) : NULL;

        if (name) {
                buf_puts(to, name);
        } else if (set && arg->kind == ARG_FLAGS && value) {
                put_flags(set, value, to);
        } else if (arg && arg->kind == ARG_MODE) {
                buf_printf(to, "0%" PRIo64, value);
        } else if (arg && arg->kind == ARG_DIRFD && (uint32_t)value == (uint32_t)-100) {
                buf_puts(to, "AT_FDCWD");
        } else if (arg && arg->kind != ARG_HEX && arg->kind != ARG_PTR &&
                   (value == UINT64_MAX || (arg->bits == 32 && (uint32_t)value == UINT32_MAX))) {
                buf_puts(to, "-1");
        } else if (value < 4096 || (arg && (arg->kind == ARG_UINT || arg->kind == ARG_SIZE))) {
                buf_printf(to, "%" PRIu64, value);
        } else {
                buf_printf(to, "0x%" PRIx64, value);
        }
}

/* A mask that keeps all that the kernel looks at is no mask. */
static bool keeps_all(const struct condition *condition, const struct syscall_arg *arg,
                      const struct arch *arch) {
        unsigned bits = arg && arg->bits ? arg->bits : profile_arch_bits(arch);
        uint64_t all = bits == 32 ? LOW32 : UINT64_MAX;

        if (profile_arch_bits(arch) == 32)
                all = LOW32;
        return (condition->value & all) == all;
}

void explain_condition(const struct condition *condition, const struct alternative *alternative,
                       const struct arch *arch, const struct syscall_row *row, struct buf *to) {
        static const char *const signs[CONDITION_N_OPS] = {
                [CONDITION_NE] = "!=", [CONDITION_LT] = "<",  [CONDITION_LE] = "<=",
                [CONDITION_EQ] = "==", [CONDITION_GE] = ">=", [CONDITION_GT] = ">",
        };
        const struct syscall_arg *arg = argument(condition, alternative, row);
        const struct constant_set *set = names_of(arg, arch);
        size_t before, n;
        unsigned n_parts;

        if (arg && arg->name)
                buf_puts(to, arg->name);
        else
                buf_printf(to, "arg%u", condition->index);
        if (condition->op != CONDITION_MASKED_EQ) {
                buf_printf(to, " %s ", signs[condition->op]);
                put_value(arg, arch, condition->value, to);
                return;
        }
        if (keeps_all(condition, arg, arch)) {
                buf_puts(to, " == ");
                put_value(arg, arch, condition->value_two, to);
                return;
        }
        buf_puts(to, " & ");
        if (!set || arg->kind != ARG_FLAGS) {
                buf_printf(to, "0x%" PRIx64 " == ", condition->value);
                if (condition->value_two)
                        buf_puts(to, "0x");
                buf_printf(to, "%" PRIx64, condition->value_two);
                return;
        }
        before = to->n;
        n_parts = put_flags(set, condition->value, to);
        n = to->n;
        if (n_parts > 1 && !buf_error(to)) {
                buf_puts(to, "()"); /* room for both, then the names move between them */
                if (!buf_error(to)) {
                        memmove(to->data + before + 1, to->data + before, n - before);
                        to->data[before] = '(';
                        to->data[n + 1] = ')';
                }
        }
        buf_puts(to, " == ");
        if (condition->value_two)
                put_flags(set, condition->value_two, to);
        else
                buf_puts(to, "0");
}
