/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The architectures of the OCI runtime specification, in a fixed order: generated tables refer to them by
 * position (generate.c knows the same order by name and a test compares the two).
 *
 * `bits` is the size of a register argument: x32 and MIPS n32 have 32-bit pointers but 64-bit registers.
 */

#include <errno.h>
#include <linux/audit.h>
#include <linux/elf-em.h>
#include <string.h>
#include <strings.h>
#include "syscalls/names.h"

#ifndef AUDIT_ARCH_LOONGARCH64
#define AUDIT_ARCH_LOONGARCH64 (258u | __AUDIT_ARCH_64BIT | __AUDIT_ARCH_LE)
#endif

/* libseccomp's tokens are the audit values, x32 included. */
#define ARCH(audit, scmp, go, name, bits, big)                                                              \
        { audit, audit, "SCMP_ARCH_" scmp, go, name, bits, big }

const struct arch arch_table[] = {
        ARCH(AUDIT_ARCH_I386, "X86", "x86", "i386", 32, false),
        ARCH(AUDIT_ARCH_X86_64, "X86_64", "amd64", "x86_64", 64, false),
        ARCH(ARCH_X32, "X32", "x32", "x32", 64, false),
        ARCH(AUDIT_ARCH_ARM, "ARM", "arm", "arm", 32, false),
        ARCH(AUDIT_ARCH_AARCH64, "AARCH64", "arm64", "aarch64", 64, false),
        ARCH(AUDIT_ARCH_MIPS, "MIPS", "mips", "mips", 32, true),
        ARCH(AUDIT_ARCH_MIPS64, "MIPS64", "mips64", "mips64", 64, true),
        ARCH(AUDIT_ARCH_MIPS64N32, "MIPS64N32", "mips64n32", "mips64n32", 64, true),
        ARCH(AUDIT_ARCH_MIPSEL, "MIPSEL", "mipsel", "mipsel", 32, false),
        ARCH(AUDIT_ARCH_MIPSEL64, "MIPSEL64", "mipsel64", "mipsel64", 64, false),
        ARCH(AUDIT_ARCH_MIPSEL64N32, "MIPSEL64N32", "mipsel64n32", "mipsel64n32", 64, false),
        ARCH(AUDIT_ARCH_PPC, "PPC", "ppc", "ppc", 32, true),
        ARCH(AUDIT_ARCH_PPC64, "PPC64", "ppc64", "ppc64", 64, true),
        ARCH(AUDIT_ARCH_PPC64LE, "PPC64LE", "ppc64le", "ppc64le", 64, false),
        ARCH(AUDIT_ARCH_S390, "S390", "s390", "s390", 32, true),
        ARCH(AUDIT_ARCH_S390X, "S390X", "s390x", "s390x", 64, true),
        ARCH(AUDIT_ARCH_PARISC, "PARISC", "parisc", "parisc", 32, true),
        ARCH(AUDIT_ARCH_PARISC64, "PARISC64", "parisc64", "parisc64", 64, true),
        ARCH(AUDIT_ARCH_RISCV64, "RISCV64", "riscv64", "riscv64", 64, false),
        ARCH(AUDIT_ARCH_LOONGARCH64, "LOONGARCH64", "loong64", "loongarch64", 64, false),
        ARCH(AUDIT_ARCH_M68K, "M68K", NULL, "m68k", 32, true),
        ARCH(AUDIT_ARCH_SHEL, "SH", NULL, "sh", 32, false),
        ARCH(AUDIT_ARCH_SH, "SHEB", NULL, "sheb", 32, true),
};
const size_t arch_table_n = sizeof(arch_table) / sizeof(arch_table[0]);

/* Spellings of uname(2), Go and distributions that are in none of the columns above. */
static const struct {
        const char *alias, *name;
} aliases[] = {
        { "386", "i386" },
        { "i486", "i386" },
        { "i586", "i386" },
        { "i686", "i386" },
        { "x86-64", "x86_64" },
        { "x64", "x86_64" },
        { "amd64p32", "x32" },
        { "armel", "arm" },
        { "armhf", "arm" },
        { "armv6l", "arm" },
        { "armv7l", "arm" },
        { "armv8l", "arm" },
        { "mipsle", "mipsel" },
        { "mips64el", "mipsel64" },
        { "mips64le", "mipsel64" },
        { "mips64p32", "mips64n32" },
        { "mips64p32le", "mipsel64n32" },
        { "powerpc", "ppc" },
        { "powerpc64", "ppc64" },
        { "powerpc64le", "ppc64le" },
        { "ppc64el", "ppc64le" },
        { "hppa", "parisc" },
        { "hppa64", "parisc64" },
        { "loongarch", "loongarch64" },
        { "sh4", "sh" },
        { "sh4eb", "sheb" },
};

const struct arch *arch_by_audit(uint32_t audit) {
        for (size_t i = 0; i < arch_table_n; i++)
                if (arch_table[i].audit == audit)
                        return &arch_table[i];
        return NULL;
}

const struct arch *arch_of_call(uint32_t audit, uint32_t nr) {
        /* -1 is no x32 call but what a tracer leaves behind to skip one */
        if (audit == AUDIT_ARCH_X86_64 && (nr & X32_NR_BIT) && nr != UINT32_MAX)
                return arch_by_audit(ARCH_X32);
        return arch_by_audit(audit);
}

const struct arch *arch_native(void) {
#if defined(__x86_64__) && defined(__ILP32__)
        return arch_by_audit(ARCH_X32);
#elif defined(__x86_64__)
        return arch_by_audit(AUDIT_ARCH_X86_64);
#elif defined(__i386__)
        return arch_by_audit(AUDIT_ARCH_I386);
#elif defined(__aarch64__)
        return arch_by_audit(AUDIT_ARCH_AARCH64);
#elif defined(__arm__)
        return arch_by_audit(AUDIT_ARCH_ARM);
#elif defined(__riscv) && __riscv_xlen == 64
        return arch_by_audit(AUDIT_ARCH_RISCV64);
#elif defined(__loongarch64)
        return arch_by_audit(AUDIT_ARCH_LOONGARCH64);
#elif defined(__s390x__)
        return arch_by_audit(AUDIT_ARCH_S390X);
#elif defined(__s390__)
        return arch_by_audit(AUDIT_ARCH_S390);
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
        return arch_by_audit(AUDIT_ARCH_PPC64LE);
#elif defined(__powerpc64__)
        return arch_by_audit(AUDIT_ARCH_PPC64);
#elif defined(__powerpc__)
        return arch_by_audit(AUDIT_ARCH_PPC);
#elif defined(__mips__) && _MIPS_SIM == _ABIO32 && defined(__MIPSEL__)
        return arch_by_audit(AUDIT_ARCH_MIPSEL);
#elif defined(__mips__) && _MIPS_SIM == _ABIO32
        return arch_by_audit(AUDIT_ARCH_MIPS);
#elif defined(__mips__) && _MIPS_SIM == _ABI64 && defined(__MIPSEL__)
        return arch_by_audit(AUDIT_ARCH_MIPSEL64);
#elif defined(__mips__) && _MIPS_SIM == _ABI64
        return arch_by_audit(AUDIT_ARCH_MIPS64);
#elif defined(__mips__) && _MIPS_SIM == _ABIN32 && defined(__MIPSEL__)
        return arch_by_audit(AUDIT_ARCH_MIPSEL64N32);
#elif defined(__mips__) && _MIPS_SIM == _ABIN32
        return arch_by_audit(AUDIT_ARCH_MIPS64N32);
#elif defined(__hppa64__)
        return arch_by_audit(AUDIT_ARCH_PARISC64);
#elif defined(__hppa__)
        return arch_by_audit(AUDIT_ARCH_PARISC);
#elif defined(__m68k__)
        return arch_by_audit(AUDIT_ARCH_M68K);
#elif defined(__sh__) && defined(__LITTLE_ENDIAN__)
        return arch_by_audit(AUDIT_ARCH_SHEL);
#elif defined(__sh__)
        return arch_by_audit(AUDIT_ARCH_SH);
#else
#error "no seccomp on this architecture that callgate knows of: add it to arch_table"
#endif
}

const struct arch *arch_by_scmp(const char *name) {
        if (!name)
                return NULL;
        if (!strcmp(name, "SCMP_ARCH_NATIVE"))
                return arch_native();
        for (size_t i = 0; i < arch_table_n; i++)
                if (!strcmp(arch_table[i].scmp, name))
                        return &arch_table[i];
        return NULL;
}

const struct arch *arch_by_any(const char *name) {
        const char *bare;

        if (!name)
                return NULL;
        bare = strncasecmp(name, "SCMP_ARCH_", 10) ? name : name + 10;
        if (!strcasecmp(bare, "native"))
                return arch_native();
        for (size_t i = 0; i < arch_table_n; i++) {
                const struct arch *arch = &arch_table[i];

                if (!strcasecmp(arch->scmp + 10, bare) || !strcasecmp(arch->name, bare) ||
                    (arch->go && !strcasecmp(arch->go, bare)))
                        return arch;
        }
        for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
                if (!strcasecmp(aliases[i].alias, bare))
                        return arch_by_any(aliases[i].name);
        return NULL;
}

size_t arch_siblings(const struct arch *arch, const struct arch *ret[4]) {
        static const struct {
                const char *name, *siblings[2];
        } families[] = {
                { "x86_64", { "i386", "x32" } },
                { "x32", { "x86_64", "i386" } },
                { "aarch64", { "arm" } },
                { "mips64", { "mips", "mips64n32" } },
                { "mips64n32", { "mips", "mips64" } },
                { "mipsel64", { "mipsel", "mipsel64n32" } },
                { "mipsel64n32", { "mipsel", "mipsel64" } },
                { "ppc64", { "ppc" } },
                { "s390x", { "s390" } },
                { "parisc64", { "parisc" } },
        };
        size_t n = 0;

        for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
                if (strcmp(families[i].name, arch->name))
                        continue;
                for (size_t k = 0; k < 2 && families[i].siblings[k]; k++)
                        ret[n++] = arch_by_any(families[i].siblings[k]);
        }
        return n;
}
