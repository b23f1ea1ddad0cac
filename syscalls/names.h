/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Names and numbers of system calls per architecture, and architectures by name.
 *
 * An architecture is its AUDIT_ARCH_* value; x32 shares AUDIT_ARCH_X86_64 and is told apart by bit 30 of the
 * number, so it has a value of its own here, ARCH_X32. Names come from libseccomp's resolver and, for calls
 * that it does not know yet, from syscalls/newer.tbl.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARCH_X32   0x4000003eu /* not a kernel value: AUDIT_ARCH_X86_64 without its 64-bit mark */
#define X32_NR_BIT 0x40000000u

struct arch {
        uint32_t audit;      /* AUDIT_ARCH_*, or ARCH_X32 */
        uint32_t scmp_token; /* SCMP_ARCH_* of libseccomp */
        const char *scmp;    /* "SCMP_ARCH_X86_64": profiles */
        const char *go;      /* "amd64": docker's includes and excludes; NULL where it has none */
        const char *name;    /* "x86_64": people */
        uint8_t bits;        /* 32 or 64: size of a register argument */
        bool big_endian;
};

extern const struct arch arch_table[];
extern const size_t arch_table_n;

const struct arch *arch_native(void);
const struct arch *arch_by_audit(uint32_t audit);             /* NULL if unknown */
const struct arch *arch_of_call(uint32_t audit, uint32_t nr); /* as above, but x32 by bit 30 of nr */
const struct arch *arch_by_scmp(const char *name);            /* "SCMP_ARCH_ARM", "SCMP_ARCH_NATIVE" */
const struct arch *arch_by_any(const char *name);             /* any of the spellings above */
/* Architectures whose programs a kernel of this one also runs: x86_64 -> x86, x32. Returns how many. */
size_t arch_siblings(const struct arch *arch, const struct arch *ret[4]);

/* Number of a call; negative if this architecture has no call of that name. x32 numbers carry bit 30.
 * Multiplexed i386/s390 calls (socketcall, ipc) are resolved to their direct number only, where one exists.
 */
int syscall_number(const struct arch *arch, const char *name);
/* Name of a call, static storage; NULL if unknown. nr as the kernel reports it (x32: with bit 30). */
const char *syscall_name(const struct arch *arch, uint32_t nr);
/* The name, or "syscall_0x1f4" style text in buf (size >= 24) when there is none; never NULL. */
const char *syscall_label(uint32_t audit, uint32_t nr, char *buf, size_t size);
/* Does any architecture know this name? */
bool syscall_known(const char *name);
/* Nearest known name for a misspelt one; NULL if none is near. */
const char *syscall_nearest(const char *name);
/* Is the name missing from libseccomp but known to us (syscalls/newer.tbl)? */
bool syscall_is_newer(const char *name);
/* Walk all names of an architecture in order of number: start with *cursor = 0; NULL at the end. */
const char *syscall_next(const struct arch *arch, uint32_t *cursor, uint32_t *ret_nr);

/* "libseccomp 2.5.4": whose tables are in use. */
const char *syscall_resolver(void);
