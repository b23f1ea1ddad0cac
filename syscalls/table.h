/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is known about each system call, one row per name: its class and the kind of each argument. The rows
 * and the constant names are generated from syscalls.tbl and flags/ (*.tbl) at build time. Keyed by name, so
 * that one row serves every architecture.
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
        ARG_MODE,     /* octal permissions */
        ARG_ENUM,     /* one constant out of a set */
        ARG_FLAGS,    /* constants or-ed together; a set may also have a masked enum part (open access mode) */
        ARG_SIGNAL,
        ARG_SOCKADDR, /* pointer; length in argument `link` */
        ARG_ARGV,
        ARG_ENVP,
        ARG_BUFFER,   /* input bytes; length in argument `link` */
        ARG_OUT,      /* output pointer: not read at entry */
        ARG_IOVEC,    /* count in argument `link` */
        ARG_OPEN_HOW,
        ARG_CLONE_ARGS,
        ARG_TIMESPEC,
        ARG_SIGSET,
        ARG_PID,
        ARG_UID,
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
};

struct syscall_arg {
        enum arg_kind kind;
        uint8_t link;                   /* index of the argument holding the length; meaning depends on kind */
        uint8_t learn;                  /* enum syscall_learn */
        const char *name;               /* "flags": for policies and printing */
        const struct constant_set *set; /* for ARG_ENUM and ARG_FLAGS, else NULL */
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
};

/* NULL when there is no row: such a call prints as six hex numbers and nothing of it is learnt. */
const struct syscall_row *syscall_row(const char *name);

/* The value's bits that classify a call for grouping: per argument a mask, 0 for those not learnt.
 * Fills ret_mask[6]; returns how many are non-zero. Constant time after the first call for (arch, nr). */
size_t syscall_class_mask(uint32_t audit, uint32_t nr, uint64_t ret_mask[6]);

/* Constants by name for policies and importers: "O_CLOEXEC" in set "open"; set NULL searches all.
 * 0, or -ENOENT. */
int constant_value(const char *set, const char *name, uint64_t *ret);
const struct constant_set *constant_set_by_name(const char *name);
