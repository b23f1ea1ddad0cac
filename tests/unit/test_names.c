/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <linux/audit.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include "syscalls/names.h"

static const struct arch *arch(const char *name) {
        const struct arch *found = arch_by_any(name);

        cr_assert_not_null(found, "no architecture %s", name);
        return found;
}

Test(names, architectures_of_the_oci_specification) {
        static const char *const names[] = {
                "X86",     "X86_64",      "X32",    "ARM",      "AARCH64",     "MIPS",
                "MIPS64",  "MIPS64N32",   "MIPSEL", "MIPSEL64", "MIPSEL64N32", "PPC",
                "PPC64",   "PPC64LE",     "S390",   "S390X",    "PARISC",      "PARISC64",
                "RISCV64", "LOONGARCH64", "M68K",   "SH",       "SHEB",
        };

        cr_assert_eq(arch_table_n, sizeof(names) / sizeof(names[0]));
        for (size_t i = 0; i < arch_table_n; i++) {
                char full[64];
                const struct arch *found;

                snprintf(full, sizeof(full), "SCMP_ARCH_%s", names[i]);
                found = arch_by_scmp(full);
                cr_assert_not_null(found, "%s", full);
                cr_expect_eq(arch_by_audit(found->audit), found);
                cr_expect_eq(arch_by_any(names[i]), found, "%s", names[i]);
                cr_expect_eq(arch_by_any(found->name), found, "%s", found->name);
                if (found->go)
                        cr_expect_eq(arch_by_any(found->go), found, "%s", found->go);
                for (size_t k = 0; k < i; k++)
                        cr_expect_neq(arch_table[k].audit, arch_table[i].audit, "%zu and %zu", k, i);
        }
        cr_expect_null(arch_by_scmp("SCMP_ARCH_VAX"));
        cr_expect_null(arch_by_scmp("x86_64"));
        cr_expect_null(arch_by_any("vax"));
        cr_expect_null(arch_by_any(NULL));
        cr_expect_null(arch_by_audit(0));
        cr_expect_eq(arch_by_scmp("SCMP_ARCH_NATIVE"), arch_native());
        cr_expect_eq(arch("amd64"), arch("x86_64"));
        cr_expect_eq(arch("386"), arch("x86"));
        cr_expect_eq(arch("i686"), arch("SCMP_ARCH_X86"));
        cr_expect_eq(arch("arm64"), arch("aarch64"));
}

Test(names, siblings) {
        const struct arch *siblings[4];

        cr_assert_eq(arch_siblings(arch("x86_64"), siblings), 2);
        cr_expect_eq(siblings[0], arch("x86"));
        cr_expect_eq(siblings[1], arch("x32"));
        cr_assert_eq(arch_siblings(arch("aarch64"), siblings), 1);
        cr_expect_eq(siblings[0], arch("arm"));
        cr_expect_eq(arch_siblings(arch("riscv64"), siblings), 0);
}

Test(names, x32_is_told_by_bit_30) {
        cr_expect_eq(arch_of_call(AUDIT_ARCH_X86_64, 1), arch("x86_64"));
        cr_expect_eq(arch_of_call(AUDIT_ARCH_X86_64, X32_NR_BIT | 1), arch("x32"));
        cr_expect_eq(arch_of_call(AUDIT_ARCH_X86_64, UINT32_MAX), arch("x86_64"));
        cr_expect_eq(arch_of_call(AUDIT_ARCH_I386, X32_NR_BIT | 1), arch("x86"));
        cr_expect_eq(arch_of_call(ARCH_X32, 0), arch("x32"));
        cr_expect_null(arch_of_call(0x1234, 1));
}

Test(names, every_name_round_trips_on_every_architecture) {
        for (size_t i = 0; i < arch_table_n; i++) {
                const struct arch *one = &arch_table[i];
                uint32_t cursor = 0, nr = 0, previous = 0;
                const char *name;
                size_t n = 0;

                while ((name = syscall_next(one, &cursor, &nr))) {
                        int back = syscall_number(one, name);
                        const char *again = syscall_name(one, (uint32_t)back);

                        cr_assert(back >= 0, "%s: %s has no number", one->name, name);
                        cr_assert_not_null(again);
                        cr_assert_str_eq(again, name, "%s: %u %s comes back as %s", one->name, nr, name,
                                         again);
                        cr_assert_eq((uint32_t)back, nr, "%s: %s is %u and %d", one->name, name, nr, back);
                        cr_assert(!n || nr > previous, "%s: %u after %u", one->name, nr, previous);
                        cr_assert(syscall_known(name), "%s", name);
                        previous = nr;
                        n++;
                }
                cr_assert_gt(n, 280, "%s has only %zu calls", one->name, n);
        }
}

Test(names, numbers) {
        static const struct {
                const char *arch, *name;
                int nr;
        } rows[] = {
                { "x86_64", "read", 0 },
                { "x86_64", "openat", 257 },
                { "x86_64", "newfstatat", 262 },
                { "x86_64", "clone3", 435 },
                { "x86_64", "fchmodat2", 452 },
                { "x86_64", "mseal", 462 },
                { "x86_64", "file_setattr", 469 },
                { "x86_64", "uretprobe", 335 },
                { "x86_64", "socketcall", -1 },
                { "x86_64", "no_such_call", -1 },
                { "x86_64", "", -1 },
                { "x86", "socketcall", 102 },
                { "x86", "ipc", 117 },
                { "x86", "socket", 359 }, /* libseccomp's resolver says -101 */
                { "x86", "shmget", 395 },
                { "x86", "recv", -1 }, /* exists multiplexed only */
                { "x86", "umount", 22 },
                { "x86", "umount2", 52 },
                { "x86", "mseal", 462 },
                { "x86", "uretprobe", -1 },
                { "x32", "read", 0x40000000 },
                { "x32", "execve", 0x40000000 + 520 },
                { "x32", "mseal", 0x40000000 + 462 },
                { "arm", "cacheflush", 0xf0002 },
                { "arm", "set_tls", 0xf0005 },
                { "arm", "openat", 322 },
                { "aarch64", "openat", 56 },
                { "aarch64", "open", -1 },
                { "mips", "read", 4003 },
                { "mips", "mseal", 4462 },
                { "mips64", "read", 5000 },
                { "mips64n32", "read", 6000 },
                { "ppc64le", "read", 3 },
                { "s390x", "socket", 359 },
                { "s390x", "s390_sthyi", 380 },
                { "parisc", "socket", 17 },
                { "riscv64", "openat", 56 },
                { "riscv64", "riscv_hwprobe", 258 },
                { "loongarch64", "openat", 56 },
                { "m68k", "read", 3 },
                { "sh", "read", 3 },
                { "sheb", "openat", 295 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                int nr = syscall_number(arch(rows[i].arch), rows[i].name);

                if (rows[i].nr < 0)
                        cr_expect(nr < 0, "%s %s: %d", rows[i].arch, rows[i].name, nr);
                else
                        cr_expect_eq(nr, rows[i].nr, "%s %s: %d", rows[i].arch, rows[i].name, nr);
        }
}

#ifdef __x86_64__
Test(names, native_numbers_are_those_of_the_headers) {
        cr_expect_eq(syscall_number(arch_native(), "execve"), SYS_execve);
        cr_expect_eq(syscall_number(arch_native(), "pwritev2"), SYS_pwritev2);
        cr_expect_eq(syscall_number(arch_native(), "rt_sigreturn"), SYS_rt_sigreturn);
}
#endif

Test(names, labels_of_unknown_numbers) {
        char text[24];

        cr_expect_str_eq(syscall_label(AUDIT_ARCH_X86_64, 0, text, sizeof(text)), "read");
        cr_expect_str_eq(syscall_label(AUDIT_ARCH_X86_64, 500, text, sizeof(text)), "syscall_0x1f4");
        cr_expect_str_eq(syscall_label(AUDIT_ARCH_X86_64, UINT32_MAX, text, sizeof(text)),
                         "syscall_0xffffffff");
        cr_expect_str_eq(syscall_label(AUDIT_ARCH_X86_64, X32_NR_BIT | 1, text, sizeof(text)), "write");
        cr_expect_str_eq(syscall_label(0xdead, 1, text, sizeof(text)), "syscall_0x1");
        cr_expect_null(syscall_name(NULL, 1));
        cr_expect_null(syscall_name(arch("x86_64"), 1023));
        cr_expect_null(syscall_name(arch("x86_64"), 0x80000000u));
        cr_expect_null(syscall_name(arch("mips"), 3), "MIPS numbers start at 4000");
        cr_expect_null(syscall_name(arch("x86_64"), (uint32_t)-101), "pseudo numbers are no calls");
}

Test(names, known_and_near) {
        cr_expect(syscall_known("mseal"));
        cr_expect(syscall_known("s390_pci_mmio_read"));
        cr_expect(syscall_known("recv"));
        cr_expect(!syscall_known("opennat"));
        cr_expect(!syscall_known(""));
        cr_expect(!syscall_known(NULL));
        cr_expect(!syscall_is_newer("read"));
        cr_expect_str_eq(syscall_nearest("opennat"), "openat");
        cr_expect_str_eq(syscall_nearest("getradnom"), "getrandom");
        cr_expect_null(syscall_nearest("completely_different_thing"));
}

static void *look_up_all(void *data) {
        size_t *n = data;

        for (size_t i = 0; i < arch_table_n; i++)
                for (uint32_t nr = 0; nr < 500; nr++)
                        *n += syscall_name(&arch_table[i], nr) != NULL;
        return NULL;
}

Test(names, first_use_by_many_threads) {
        pthread_t threads[8];
        size_t n[8] = { 0 };

        for (size_t i = 0; i < 8; i++)
                cr_assert_eq(pthread_create(&threads[i], NULL, look_up_all, &n[i]), 0);
        for (size_t i = 0; i < 8; i++)
                pthread_join(threads[i], NULL);
        for (size_t i = 1; i < 8; i++)
                cr_expect_eq(n[i], n[0]);
        cr_expect_gt(n[0], 0);
}
