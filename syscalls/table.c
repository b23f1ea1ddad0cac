/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Look-ups in the generated rows and constant sets. The generator sorts both by name and puts the general
 * row or set before its variants for some architectures; the searches here rely on that.
 */

#include <errno.h>
#include <string.h>
#include "syscalls/index.h"

static uint32_t arch_bit(const struct arch *arch) {
        return arch ? 1u << (arch - arch_table) : 0;
}

/* First row of that name; the rows of one name are adjacent. */
static size_t row_position(const char *name) {
        size_t low = 0, high = n_syscall_rows;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(syscall_rows[middle].name, name) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

const struct syscall_row *syscall_row(const char *name) {
        size_t position = name ? row_position(name) : n_syscall_rows;

        if (position == n_syscall_rows || strcmp(syscall_rows[position].name, name) != 0)
                return NULL;
        return &syscall_rows[position];
}

const struct syscall_row *syscall_row_variant(const char *name, const struct arch *arch) {
        const struct syscall_row *row = syscall_row(name);

        for (const struct syscall_row *other = row; other && other < syscall_rows + n_syscall_rows;
             other++) {
                if (strcmp(other->name, name) != 0)
                        break;
                if (other->arch_mask & arch_bit(arch))
                        return other;
        }
        return row;
}

const struct syscall_row *syscall_row_of(uint32_t audit, uint32_t nr) {
        const struct arch *arch = arch_of_call(audit, nr);
        const struct syscall_slot *slot = arch ? syscall_slot(arch, nr) : NULL;

        return slot ? slot->row : NULL;
}

const struct syscall_arg *syscall_arg_resolve(const struct syscall_arg *arg, const uint64_t args[6]) {
        if (arg->kind != ARG_CASE)
                return arg;
        for (const struct syscall_case *item = arg->cases; item->when; item++)
                if (!strcmp(item->when, "*") || item->value == (args[arg->link] & UINT32_MAX))
                        return &item->arg;
        return arg;
}

bool arg_is_pointer(enum arg_kind kind) {
        switch (kind) {
        case ARG_PTR:
        case ARG_PATH:
        case ARG_STRING:
        case ARG_SOCKADDR:
        case ARG_ARGV:
        case ARG_ENVP:
        case ARG_BUFFER:
        case ARG_OUT:
        case ARG_IOVEC:
        case ARG_OPEN_HOW:
        case ARG_CLONE_ARGS:
        case ARG_TIMESPEC:
        case ARG_SIGSET:
        case ARG_SIGACTION:
        case ARG_RLIMIT:
        case ARG_MSGHDR:
        case ARG_BLOCK:
                return true;
        case ARG_NONE:
        case ARG_INT:
        case ARG_UINT:
        case ARG_HEX:
        case ARG_SIZE:
        case ARG_OFFSET:
        case ARG_FD:
        case ARG_DIRFD:
        case ARG_MODE:
        case ARG_ENUM:
        case ARG_FLAGS:
        case ARG_SIGNAL:
        case ARG_PID:
        case ARG_UID:
        case ARG_DEV:
        case ARG_UNUSED:
        case ARG_CASE:
                return false;
        }
        return false;
}

void syscall_slot_masks(const struct arch *arch, struct syscall_slot *slot) {
        for (size_t i = 0; i < 6; i++) {
                const struct syscall_arg *arg = &slot->row->args[i];

                if (i >= slot->row->n_args || arg->learn == LEARN_NOTHING)
                        continue;
                slot->mask[i] = arg->bits == 32 || arch->bits == 32 ? UINT32_MAX : UINT64_MAX;
                slot->n_masks++;
        }
}

size_t syscall_class_mask(uint32_t audit, uint32_t nr, uint64_t ret_mask[6]) {
        const struct arch *arch = arch_of_call(audit, nr);
        const struct syscall_slot *slot = arch ? syscall_slot(arch, nr) : NULL;

        if (!slot) {
                memset(ret_mask, 0, 6 * sizeof(*ret_mask));
                return 0;
        }
        memcpy(ret_mask, slot->mask, sizeof(slot->mask));
        return slot->n_masks;
}

const struct constant_set *constant_set_by_name(const char *name) {
        size_t low = 0, high = n_constant_sets;

        if (!name)
                return NULL;
        /* the first of that name: the plain set, before its variants */
        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(constant_sets[middle].name, name) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < n_constant_sets && !strcmp(constant_sets[low].name, name) ? &constant_sets[low] : NULL;
}

static const struct constant_set *set_variant(const struct constant_set *set, const struct arch *arch) {
        for (const struct constant_set *other = set; other < constant_sets + n_constant_sets; other++) {
                if (strcmp(other->name, set->name) != 0)
                        break;
                if (other->arch_mask & arch_bit(arch))
                        return other;
        }
        return set;
}

const struct constant_set *constant_set_variant(const struct constant_set *set, uint32_t audit) {
        return set_variant(set, arch_by_audit(audit));
}

static int set_value(const struct constant_set *set, const char *name, uint64_t *ret) {
        for (size_t i = 0; i < set->n; i++) {
                if (strcmp(set->items[i].name, name) != 0)
                        continue;
                *ret = set->items[i].value;
                return 0;
        }
        return -ENOENT;
}

int constant_value(const char *set, const char *name, uint64_t *ret) {
        return constant_value_on(set, name, arch_native()->audit, ret);
}

int constant_value_on(const char *set, const char *name, uint32_t audit, uint64_t *ret) {
        if (!name)
                return -ENOENT;
        for (size_t i = 0; i < n_constant_sets; i++) {
                const struct constant_set *candidate = &constant_sets[i];

                if (candidate->arch_mask || (set && strcmp(candidate->name, set) != 0))
                        continue;
                if (set_value(constant_set_variant(candidate, audit), name, ret) == 0)
                        return 0;
        }
        return -ENOENT;
}
