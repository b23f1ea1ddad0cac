/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is known about one number of one architecture, looked up once and kept for good: the name, its row
 * and the masks computed from the row. Inside syscalls/ only. Slots never change after the first look-up of
 * their architecture, so any thread may read them without a lock.
 */

#include <stdint.h>
#include "syscalls/names.h"
#include "syscalls/table.h"

struct syscall_slot {
        const char *name; /* NULL: no such call */
        const struct syscall_row *row;
        uint64_t mask[6]; /* of syscall_class_mask() */
        uint8_t n_masks;
};

/* The row of a name as this architecture has it. */
const struct syscall_row *syscall_row_variant(const char *name, const struct arch *arch);

/* NULL when the number is unknown, or when memory is short at the first use of an architecture. */
const struct syscall_slot *syscall_slot(const struct arch *arch, uint32_t nr);

/* Fills slot->mask and n_masks from slot->row; used while an index is built. */
void syscall_slot_masks(const struct arch *arch, struct syscall_slot *slot);

/* Numbers that libseccomp does not know; generated. */
struct extra_number {
        const char *name;
        uint32_t nr;        /* without the base of MIPS and without bit 30 of x32 */
        uint32_t arch_mask; /* bit i: arch_table[i] */
        uint8_t newer;      /* from newer.tbl: a call, not an architecture, that libseccomp lacks */
};
extern const struct extra_number extra_numbers[];
extern const size_t n_extra_numbers;

/* All rows, sorted by name; generated. */
extern const struct syscall_row syscall_rows[];
extern const size_t n_syscall_rows;

/* All sets, sorted by name; generated. A variant for some architectures follows its plain set. */
extern const struct constant_set constant_sets[];
extern const size_t n_constant_sets;
