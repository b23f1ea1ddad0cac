/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is known about each system call, one row per name: its class and the kind of each argument. The rows
 * and the constant names are generated from syscalls.tbl and flags/ (*.tbl) at build time. Keyed by name, so
 * that one row serves every architecture; where an architecture orders the arguments differently (clone on
 * s390, split 64-bit offsets on 32-bit machines) it has a row of its own, found by syscall_row_of().
 */

#include <stddef.h>
#include <stdint.h>

enum arg_kind {
        ARG_NONE, /* no such argument */
        ARG_INT,
        ARG_UINT,
        ARG_HEX,
        ARG_SIZE,
        ARG_PTR,
        ARG_OFFSET,
        ARG_FD,
        ARG_DIRFD,
        ARG_PATH,
        ARG_STRING,
        ARG_MODE,  /* octal permissions */
        ARG_ENUM,  /* one constant out of a set */
        ARG_FLAGS, /* constants or-ed together; a set may also have a masked enum part (open access mode) */
        ARG_SIGNAL,
        ARG_SOCKADDR, /* pointer; length in argument `link` */
        ARG_ARGV,
        ARG_ENVP,
        ARG_BUFFER, /* input bytes; length in argument `link` */
        ARG_OUT,    /* output pointer: not read at entry */
        ARG_IOVEC,  /* count in argument `link` */
        ARG_OPEN_HOW,
        ARG_CLONE_ARGS,
        ARG_TIMESPEC,
        ARG_SIGSET,
        ARG_SIGACTION,
        ARG_RLIMIT,
        ARG_MSGHDR,
        ARG_PID,
        ARG_UID,
        ARG_DEV,    /* device number in the 32-bit layout of the kernel */
        ARG_UNUSED, /* there, but neither looked at by the kernel nor shown */
        ARG_BLOCK, /* pointer to an array of words: the arguments of the call that is the name of this one */
        ARG_CASE,  /* kind depends on the value of argument `link`: syscall_arg_resolve() */
};

struct constant {
        uint64_t value;
        const char *name;
};

/* Constants of one kind. flags: bits are matched one by one after the masked part has been looked up. */
struct constant_set {
        const char *name;
        const struct constant *items; /* sorted as in the table file: wider values first in flag sets */
        size_t n;
        uint64_t enum_mask; /* bits of a flag word that form an enumeration (O_ACCMODE); 0 = none */
        uint32_t
                arch_mask; /* bit i: values of arch_table[i]; 0 = of all that have no variant of their own */
};

struct syscall_arg {
        enum arg_kind kind;
        uint8_t link;     /* index of the argument holding the length; meaning depends on kind */
        uint8_t learn;    /* enum syscall_learn */
        uint8_t bits;     /* how many of the register the kernel looks at: 32 or 64 */
        const char *name; /* "flags": for policies and printing */
        const struct constant_set *set;   /* for ARG_ENUM and ARG_FLAGS, else NULL */
        const struct syscall_case *cases; /* for ARG_CASE, else NULL; ends with an item of when == NULL */
};

/* What an argument is when the argument it depends on has one value. */
struct syscall_case {
        const char *when; /* name of the constant, "*" for any; NULL ends the list */
        uint64_t value;
        struct syscall_arg arg;
};

/* What a recording may learn of an argument (registers only). */
enum syscall_learn {
        LEARN_NOTHING, /* pointers, sizes, descriptors */
        LEARN_VALUES,  /* enumeration: the set of values seen */
        LEARN_BITS,    /* flag word: bits never seen */
};

struct syscall_row {
        const char *name;
        const char *family; /* file, process, network, memory, signal, ipc, time, identity, desc, … */
        uint8_t n_args;
        struct syscall_arg args[6];
        uint32_t arch_mask; /* bit i: this is the row of arch_table[i]; 0 = of all without a row of their own
                             */
};

/* NULL when there is no row: such a call prints as six hex numbers and nothing of it is learnt. The row of
 * most architectures: ask syscall_row_of() where the architecture is known. */
const struct syscall_row *syscall_row(const char *name);
/* The row for one number of one architecture; constant time after the first call for the architecture. */
const struct syscall_row *syscall_row_of(uint32_t audit, uint32_t nr);

/* Kinds whose register holds an address: what matters is behind it, where no filter looks. */
bool arg_is_pointer(enum arg_kind kind);

/* The argument as it is meant in this call: itself, or for ARG_CASE what the other argument says. */
const struct syscall_arg *syscall_arg_resolve(const struct syscall_arg *arg, const uint64_t args[6]);

/* The value's bits that classify a call for grouping: per argument a mask, 0 for those not learnt.
 * Fills ret_mask[6]; returns how many are non-zero. Constant time after the first call for (arch, nr). */
size_t syscall_class_mask(uint32_t audit, uint32_t nr, uint64_t ret_mask[6]);

/* Constants by name for policies and importers: "O_CLOEXEC" in set "open"; set NULL searches all. The values
 * are those of the native architecture. 0, or -ENOENT. */
int constant_value(const char *set, const char *name, uint64_t *ret);
/* The same as an architecture (AUDIT_ARCH_*) numbers them. */
int constant_value_on(const char *set, const char *name, uint32_t audit, uint64_t *ret);
const struct constant_set *constant_set_by_name(const char *name);
/* The set as the architecture (AUDIT_ARCH_*) numbers it. */
const struct constant_set *constant_set_variant(const struct constant_set *set, uint32_t audit);
