/* SPDX-License-Identifier: Apache-2.0 */

#include "policy/risk.h"
#include "syscalls/names.h"

#include <criterion/criterion.h>
#include <string.h>

Test(risk, rows_are_sorted_known_and_have_a_reason) {
        for (size_t i = 0; i < risks_n; i++) {
                if (i)
                        cr_expect_lt(strcmp(risks[i - 1].name, risks[i].name), 0, "%s", risks[i].name);
                cr_expect(syscall_known(risks[i].name), "%s", risks[i].name);
                cr_expect_gt(strlen(risks[i].why), 15, "%s", risks[i].name);
                cr_expect_neq(risks[i].why[strlen(risks[i].why) - 1], '.', "%s", risks[i].name);
                cr_expect_eq(risk_find(risks[i].name), &risks[i]);
        }
        cr_expect_null(risk_find("read"));
        cr_expect_null(risk_find(""));
        cr_expect_null(risk_find("zzz"));
}

/* What the goal names at the least. */
Test(risk, the_usual_suspects) {
        static const char *const names[] = { "clone",  "clone3",         "unshare", "ptrace",
                                             "bpf",    "keyctl",         "mount",   "process_vm_writev",
                                             "fsopen", "io_uring_setup", "setns",   "userfaultfd" };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                const struct risk *risk = risk_find(names[i]);

                cr_assert_not_null(risk, "%s", names[i]);
                cr_expect_eq(risk->level, RISK_HIGH, "%s", names[i]);
        }
}

Test(risk, siblings_exist) {
        for (size_t i = 0; i < sibling_families_n; i++) {
                size_t n = 0;

                for (; n < SIBLINGS_MAX && sibling_families[i].names[n]; n++)
                        cr_expect(syscall_known(sibling_families[i].names[n]), "%s",
                                  sibling_families[i].names[n]);
                cr_expect_geq(n, 2, "%s", sibling_families[i].what);
        }
        for (size_t i = 0; i < successors_n; i++) {
                cr_expect(syscall_known(successors[i].older), "%s", successors[i].older);
                cr_expect(syscall_known(successors[i].newer), "%s", successors[i].newer);
                cr_expect_geq(syscall_number(arch_by_any("arm64"), successors[i].newer), 0, "%s",
                              successors[i].newer);
        }
        cr_expect(risk_in_io_uring("openat"));
        cr_expect_not(risk_in_io_uring("mount"));
}
