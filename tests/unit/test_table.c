/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/audit.h>
#include <string.h>
#include <sys/syscall.h>
#include "syscalls/index.h"

Test(table, rows_are_sorted_and_well_formed) {
        for (size_t i = 0; i < n_syscall_rows; i++) {
                const struct syscall_row *row = &syscall_rows[i];

                if (i)
                        cr_expect(strcmp(syscall_rows[i - 1].name, row->name) <= 0, "%s", row->name);
                cr_expect(row->n_args <= 6);
                cr_expect_not_null(row->family);
                for (size_t k = 0; k < row->n_args; k++) {
                        const struct syscall_arg *arg = &row->args[k];

                        cr_expect_neq(arg->kind, ARG_NONE, "%s", row->name);
                        cr_expect_not_null(arg->name, "%s", row->name);
                        cr_expect(arg->bits == 32 || arg->bits == 64, "%s", row->name);
                        cr_expect_eq(arg->kind == ARG_ENUM || arg->kind == ARG_FLAGS, arg->set != NULL, "%s",
                                     row->name);
                        cr_expect_eq(arg->kind == ARG_CASE, arg->cases != NULL, "%s", row->name);
                        if (arg->kind == ARG_SOCKADDR || arg->kind == ARG_BUFFER || arg->kind == ARG_IOVEC)
                                cr_expect(arg->link < row->n_args, "%s", row->name);
                        /* never learn what differs from run to run */
                        if (arg->learn)
                                cr_expect(arg->kind == ARG_ENUM || arg->kind == ARG_FLAGS ||
                                                  arg->kind == ARG_CASE || arg->kind == ARG_INT ||
                                                  arg->kind == ARG_HEX,
                                          "%s", row->name);
                }
        }
}

Test(table, each_row_is_a_call_of_some_architecture) {
        /* "syscall" is the indirect call of MIPS o32, known to libseccomp 2.5 as a name without a number */
        static const char *const exceptions[] = { "syscall" };

        for (size_t i = 0; i < n_syscall_rows; i++) {
                bool found = false;

                for (size_t k = 0; k < arch_table_n && !found; k++)
                        found = syscall_number(&arch_table[k], syscall_rows[i].name) >= 0;
                for (size_t k = 0; k < sizeof(exceptions) / sizeof(exceptions[0]) && !found; k++)
                        found = !strcmp(exceptions[k], syscall_rows[i].name);
                cr_expect(found, "%s", syscall_rows[i].name);
        }
}

Test(table, each_call_of_each_architecture_has_a_row) {
        for (size_t i = 0; i < arch_table_n; i++) {
                uint32_t cursor = 0, nr = 0;
                const char *name;

                while ((name = syscall_next(&arch_table[i], &cursor, &nr))) {
                        cr_expect_not_null(syscall_row(name), "%s: %s", arch_table[i].name, name);
                        cr_expect_not_null(syscall_row_of(arch_table[i].audit, nr));
                }
        }
}

Test(table, sets) {
        uint64_t value = 0;

        for (size_t i = 0; i < n_constant_sets; i++) {
                const struct constant_set *set = &constant_sets[i];

                cr_expect_gt(set->n, 0);
                for (size_t k = 0; k < set->n; k++)
                        for (size_t other = 0; other < k; other++) {
                                cr_expect_str_neq(set->items[k].name, set->items[other].name, "%s",
                                                  set->name);
                                cr_expect_neq(set->items[k].value, set->items[other].value, "%s: %s and %s",
                                              set->name, set->items[k].name, set->items[other].name);
                        }
        }
        cr_assert_eq(constant_value("open", "O_WRONLY", &value), 0);
        cr_expect_eq(value, 1);
        cr_assert_eq(constant_value(NULL, "CLONE_NEWUSER", &value), 0);
        cr_expect_eq(value, 0x10000000);
        cr_assert_eq(constant_value(NULL, "TIOCSTI", &value), 0);
        cr_expect_eq(value, 0x5412);
        cr_expect_eq(constant_value("open", "CLONE_NEWUSER", &value), -ENOENT);
        cr_expect_eq(constant_value("no such set", "O_WRONLY", &value), -ENOENT);
        cr_expect_eq(constant_value(NULL, "O_NOTHING", &value), -ENOENT);
        cr_expect_eq(constant_value(NULL, NULL, &value), -ENOENT);
        cr_expect_not_null(constant_set_by_name("mmap_prot"));
        cr_expect_null(constant_set_by_name("none"));
}

Test(table, sets_of_an_architecture) {
        static const struct {
                const char *arch, *set, *name;
                uint64_t value; /* 0: missing */
        } rows[] = {
                { "x86_64", "open", "O_DIRECTORY", 0x10000 },
                { "i386", "open", "O_DIRECTORY", 0x10000 },
                { "aarch64", "open", "O_DIRECTORY", 0x4000 },
                { "arm", "open", "O_LARGEFILE", 0x20000 },
                { "aarch64", "open", "O_CLOEXEC", 0x80000 },
                { "ppc64le", "open", "O_DIRECT", 0x20000 },
                { "mipsel64", "open", "O_CREAT", 0x100 },
                { "riscv64", "open", "O_DIRECTORY", 0x10000 },
                { "mips", "signal", "SIGUSR1", 16 },
                { "s390x", "signal", "SIGUSR1", 10 },
                { "mips", "socket_type", "SOCK_STREAM", 2 },
                { "ppc64le", "mmap_flags", "MAP_LOCKED", 0x80 },
                { "mips", "sockopt_level", "SOL_SOCKET", 0xffff },
                { "ppc", "mmap_flags", "MAP_32BIT", 0 },
                { "ppc64le", "ioctl", "TCGETS", 0x402c7413 },
                { "aarch64", "ioctl", "TCGETS", 0x5401 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const struct constant_set *set = constant_set_variant(constant_set_by_name(rows[i].set),
                                                                      arch_by_any(rows[i].arch)->audit);
                uint64_t value = 0;

                for (size_t k = 0; k < set->n; k++)
                        if (!strcmp(set->items[k].name, rows[i].name))
                                value = set->items[k].value;
                cr_expect_eq(value, rows[i].value, "%s %s: 0x%llx", rows[i].arch, rows[i].name,
                             (unsigned long long)value);
        }
        cr_expect_eq(constant_set_variant(constant_set_by_name("open"), AUDIT_ARCH_MIPS)->enum_mask, 3);
}

Test(table, rows_of_an_architecture) {
        const struct syscall_row *row = syscall_row_of(AUDIT_ARCH_X86_64, 56);

        cr_assert_str_eq(row->name, "clone");
        cr_expect_str_eq(row->args[3].name, "child_tid");
        row = syscall_row_of(AUDIT_ARCH_I386, 120);
        cr_assert_str_eq(row->name, "clone");
        cr_expect_str_eq(row->args[3].name, "tls");
        row = syscall_row_of(AUDIT_ARCH_S390X, 120);
        cr_expect_str_eq(row->args[0].name, "stack");
        cr_expect_str_eq(row->args[1].name, "flags");
        cr_expect_eq(syscall_row_of(AUDIT_ARCH_I386, 90)->n_args, 1, "old mmap takes one pointer");
        cr_expect_null(syscall_row_of(AUDIT_ARCH_X86_64, 600));
        cr_expect_null(syscall_row("nothing"));
        cr_expect_null(syscall_row(NULL));
}

Test(table, class_masks) {
        static const struct {
                uint32_t arch, nr;
                uint64_t mask[6];
        } rows[] = {
                { AUDIT_ARCH_X86_64, 0, { 0 } },                                   /* read */
                { AUDIT_ARCH_X86_64, 41, { UINT32_MAX, UINT32_MAX, UINT32_MAX } }, /* socket */
                { AUDIT_ARCH_X86_64, 16, { 0, UINT32_MAX } },                      /* ioctl: unsigned int */
                { AUDIT_ARCH_X86_64, 10, { 0, 0, UINT64_MAX } },            /* mprotect: unsigned long */
                { AUDIT_ARCH_I386, 125, { 0, 0, UINT32_MAX } },             /* mprotect */
                { AUDIT_ARCH_X86_64, 56, { UINT64_MAX } },                  /* clone */
                { AUDIT_ARCH_S390X, 120, { 0, UINT64_MAX } },               /* clone */
                { AUDIT_ARCH_X86_64, 54, { 0, UINT32_MAX, UINT32_MAX } },   /* setsockopt */
                { AUDIT_ARCH_X86_64, X32_NR_BIT | 514, { 0, UINT32_MAX } }, /* ioctl of x32 */
                { AUDIT_ARCH_X86_64, 9999, { 0 } },
                { 0x1234, 1, { 0 } },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                uint64_t mask[6];
                size_t n = syscall_class_mask(rows[i].arch, rows[i].nr, mask), expected = 0;

                for (size_t k = 0; k < 6; k++) {
                        cr_expect_eq(mask[k], rows[i].mask[k], "row %zu argument %zu", i, k);
                        expected += rows[i].mask[k] != 0;
                }
                cr_expect_eq(n, expected, "row %zu", i);
        }
}

Test(table, registers_that_hold_addresses) {
        static const enum arg_kind pointers[] = { ARG_PTR, ARG_PATH, ARG_OUT, ARG_MSGHDR, ARG_BLOCK };
        static const enum arg_kind others[] = { ARG_NONE, ARG_FD, ARG_SIZE, ARG_FLAGS, ARG_DEV, ARG_CASE };

        for (size_t i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++)
                cr_expect(arg_is_pointer(pointers[i]), "%zu", i);
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
                cr_expect_not(arg_is_pointer(others[i]), "%zu", i);
}

Test(table, cases) {
        const struct syscall_row *row = syscall_row("fcntl");
        uint64_t args[6] = { 3, 4 };
        const struct syscall_arg *arg = syscall_arg_resolve(&row->args[2], args);

        cr_assert_eq(arg->kind, ARG_FLAGS);
        cr_expect_str_eq(arg->set->name, "open");
        args[1] = 0xffffffff00000002; /* the kernel looks at 32 bits of the command */
        cr_expect_str_eq(syscall_arg_resolve(&row->args[2], args)->set->name, "fd_flags");
        args[1] = 77;
        cr_expect_eq(syscall_arg_resolve(&row->args[2], args)->kind, ARG_HEX);
        cr_expect_eq(syscall_arg_resolve(&row->args[0], args), &row->args[0]);
}

/* A lock that was free while recording is contended later: the other operation must not be refused then. */
Test(table, what_chance_decides_is_no_class) {
        uint64_t mask[6];

        cr_expect_eq(syscall_class_mask(AUDIT_ARCH_X86_64, SYS_futex, mask), 0);
        cr_expect_gt(syscall_class_mask(AUDIT_ARCH_X86_64, SYS_socket, mask), 0);
}
