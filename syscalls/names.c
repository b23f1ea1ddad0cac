/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Names and numbers of system calls, one index per architecture. An index is built whole at the first
 * question about its architecture (about 0.2 ms: libseccomp's resolver walks its table for each number), is
 * published by one atomic pointer and never changes or goes away afterwards, so readers need no lock.
 *
 * The index is built from numbers, because libseccomp answers names of socketcall and ipc members with
 * negative pseudo numbers even where a direct call exists (i386 socket: -101 instead of 359).
 */

#include <pthread.h>
#include <seccomp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "syscalls/index.h"

#define SPAN       640u /* numbers of an architecture count from its base; the highest today is base + 547 */
#define ARM_BASE   0x0f0000u /* private calls of 32-bit ARM: cacheflush, set_tls … */
#define ARM_SPAN   16u
#define ARCHES_MAX 32

struct numbered {
        const char *name;
        uint32_t nr;
};

struct names_index {
        struct syscall_slot slots[SPAN + ARM_SPAN];
        struct numbered by_name[SPAN + ARM_SPAN];
        size_t n;
};

static _Atomic(struct names_index *) indexes[ARCHES_MAX];
static pthread_mutex_t build_lock = PTHREAD_MUTEX_INITIALIZER;

static uint32_t arch_base(const struct arch *arch) {
        if (arch->audit == ARCH_X32)
                return X32_NR_BIT;
        if (!strncmp(arch->name, "mips", 4)) {
                if (arch->bits == 32)
                        return 4000;
                return strstr(arch->name, "n32") ? 6000 : 5000;
        }
        return 0;
}

/* Position of a number in slots, or SIZE_MAX. */
static size_t slot_position(const struct arch *arch, uint32_t nr) {
        uint32_t offset = nr - arch_base(arch);

        if (offset < SPAN)
                return offset;
        if (arch->audit == SCMP_ARCH_ARM && nr - ARM_BASE < ARM_SPAN)
                return SPAN + (nr - ARM_BASE);
        return SIZE_MAX;
}

static uint32_t position_number(const struct arch *arch, size_t position) {
        return position < SPAN ? arch_base(arch) + (uint32_t)position
                               : ARM_BASE + (uint32_t)(position - SPAN);
}

static int compare_named(const void *a, const void *b) {
        const struct numbered *left = a, *right = b;
        int r = strcmp(left->name, right->name);

        return r ? r : (left->nr > right->nr) - (left->nr < right->nr);
}

static bool index_has(const struct names_index *index, const char *name) {
        for (size_t i = 0; i < SPAN + ARM_SPAN; i++)
                if (index->slots[i].name && !strcmp(index->slots[i].name, name))
                        return true;
        return false;
}

static struct names_index *index_build(const struct arch *arch) {
        struct names_index *index = calloc(1, sizeof(*index));
        size_t n_positions = arch->audit == SCMP_ARCH_ARM ? SPAN + ARM_SPAN : SPAN;

        if (!index)
                return NULL;
        for (size_t i = 0; i < n_positions; i++)
                index->slots[i].name =
                        seccomp_syscall_resolve_num_arch(arch->scmp_token, (int)position_number(arch, i));
        for (size_t i = 0; i < n_extra_numbers; i++) {
                const struct extra_number *extra = &extra_numbers[i];

                if (!(extra->arch_mask & (1u << (arch - arch_table))))
                        continue;
                if (!index->slots[extra->nr].name && !index_has(index, extra->name))
                        index->slots[extra->nr].name = extra->name;
        }
        for (size_t i = 0; i < n_positions; i++) {
                struct syscall_slot *slot = &index->slots[i];

                if (!slot->name)
                        continue;
                slot->row = syscall_row_variant(slot->name, arch);
                if (slot->row)
                        syscall_slot_masks(arch, slot);
                index->by_name[index->n++] =
                        (struct numbered){ .name = slot->name, .nr = position_number(arch, i) };
        }
        qsort(index->by_name, index->n, sizeof(index->by_name[0]), compare_named);
        return index;
}

static const struct names_index *index_of(const struct arch *arch) {
        size_t which = (size_t)(arch - arch_table);
        struct names_index *index = atomic_load_explicit(&indexes[which], memory_order_acquire);

        if (index)
                return index;
        pthread_mutex_lock(&build_lock);
        index = atomic_load_explicit(&indexes[which], memory_order_relaxed);
        if (!index) {
                index = index_build(arch);
                atomic_store_explicit(&indexes[which], index, memory_order_release);
        }
        pthread_mutex_unlock(&build_lock);
        return index;
}

const struct syscall_slot *syscall_slot(const struct arch *arch, uint32_t nr) {
        size_t position = slot_position(arch, nr);
        const struct names_index *index;

        if (position == SIZE_MAX)
                return NULL;
        index = index_of(arch);
        return index && index->slots[position].name ? &index->slots[position] : NULL;
}

int syscall_number(const struct arch *arch, const char *name) {
        const struct names_index *index = arch ? index_of(arch) : NULL;
        size_t low = 0, high = index ? index->n : 0;

        if (!name)
                return -1;
        /* the lowest number where a name has several, so that the answer does not depend on the search */
        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(index->by_name[middle].name, name) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        if (!index || low == index->n || strcmp(index->by_name[low].name, name) != 0)
                return -1;
        return (int)index->by_name[low].nr;
}

const char *syscall_name(const struct arch *arch, uint32_t nr) {
        const struct syscall_slot *slot = arch ? syscall_slot(arch, nr) : NULL;

        return slot ? slot->name : NULL;
}

const char *syscall_label(uint32_t audit, uint32_t nr, char *buf, size_t size) {
        const char *name = syscall_name(arch_of_call(audit, nr), nr);

        if (name)
                return name;
        snprintf(buf, size, "syscall_0x%x", nr);
        return buf;
}

bool syscall_is_newer(const char *name) {
        for (size_t i = 0; i < n_extra_numbers; i++)
                if (extra_numbers[i].newer && !strcmp(extra_numbers[i].name, name))
                        return seccomp_syscall_resolve_name(name) == __NR_SCMP_ERROR;
        return false;
}

bool syscall_known(const char *name) {
        if (!name || !*name)
                return false;
        if (syscall_row(name) || syscall_number(arch_native(), name) >= 0 || syscall_is_newer(name))
                return true;
        /* a pseudo number says that another architecture has the call; only the error value says nobody */
        return seccomp_syscall_resolve_name(name) != __NR_SCMP_ERROR;
}

const char *syscall_nearest(const char *name) {
        const char **names;
        const char *nearest;

        if (!name)
                return NULL;
        names = malloc(n_syscall_rows * sizeof(*names));
        if (!names)
                return NULL;
        for (size_t i = 0; i < n_syscall_rows; i++)
                names[i] = syscall_rows[i].name;
        nearest = diag_nearest(name, names, n_syscall_rows);
        free(names);
        return nearest;
}

const char *syscall_next(const struct arch *arch, uint32_t *cursor, uint32_t *ret_nr) {
        const struct names_index *index = index_of(arch);

        while (index && *cursor < SPAN + ARM_SPAN) {
                uint32_t position = (*cursor)++;

                if (!index->slots[position].name)
                        continue;
                if (ret_nr)
                        *ret_nr = position_number(arch, position);
                return index->slots[position].name;
        }
        return NULL;
}

const char *syscall_resolver(void) {
        static char text[48];
        const struct scmp_version *version = seccomp_version();

        if (!text[0])
                snprintf(text, sizeof(text), "libseccomp %u.%u.%u", version->major, version->minor,
                         version->micro);
        return text;
}
