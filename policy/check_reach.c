/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of where a profile works: its architectures, those of a fleet of machines, and calls that exist on
 * one architecture or with one C library while others use another.
 */

#include "policy/check_internal.h"

#include "base/buf.h"
#include "base/error.h"
#include "policy/risk.h"
#include "syscalls/names.h"

#include <string.h>

int check_architectures(struct checker *checker) {
        const struct arch *siblings[4];
        const char *missing[4];
        size_t n = arch_siblings(checker->context->arch, siblings), n_missing = 0;
        bool only_x32 = true;

        for (size_t i = 0; i < n; i++)
                if (!profile_has_arch(checker->flat, siblings[i])) {
                        missing[n_missing++] = siblings[i]->scmp;
                        only_x32 &= siblings[i]->audit == ARCH_X32;
                }
        if (!n_missing)
                return 0;
        if (only_x32)
                return error_trace(check_names(
                        checker, "x32-missing", "architectures", missing, n_missing,
                        "a program of the rare x32 kind is killed at its first call; list %s as well if "
                        "there is one"));
        return error_trace(check_names(
                checker, "sub-architecture-missing", "architectures", missing, n_missing,
                "programs of another word size are killed at their first call; list %s as well"));
}

static bool lists(const struct profile *written, const struct arch *arch) {
        for (size_t i = 0; i < written->n_archs; i++)
                if (written->archs[i].arch == arch || !strcmp(written->archs[i].name, "SCMP_ARCH_NATIVE"))
                        return true;
        for (size_t i = 0; i < written->n_arch_maps; i++)
                if (written->arch_maps[i].arch.arch == arch)
                        return true;
        return !written->n_archs && !written->n_arch_maps;
}

int check_fleet(struct checker *checker) {
        const char *missing[32];
        size_t n = 0;

        for (size_t i = 0; i < checker->options->n_fleet && n < 32; i++)
                if (!lists(checker->written, checker->options->fleet[i]))
                        missing[n++] = checker->options->fleet[i]->scmp;
        if (!checker->options->n_fleet && !lists(checker->written, checker->context->arch))
                missing[n++] = checker->context->arch->scmp;
        if (!n)
                return 0;
        return error_trace(check_names(
                checker, "architecture-missing", checker->written->n_arch_maps ? "archMap" : "architectures",
                missing, n,
                "not all machines it is for are listed: add %s, which libseccomp adds by itself, but other "
                "loaders and people do not"));
}

/* Calls that this architecture lacks, or that C libraries no longer make, are allowed; those that programs
 * make instead are not. */
int check_successors(struct checker *checker) {
        const char *missing[32], *vital[32];
        size_t n_missing = 0, n_vital = 0;
        int r = 0;

        if (check_lets_through(checker->flat->default_action) || !checker->flat->n_rules)
                return 0;
        for (size_t i = 0; i < successors_n && n_missing < 32 && n_vital < 32; i++) {
                const struct successor *row = &successors[i];
                size_t n_mentions;
                const struct mention *mention = check_mentions(checker, row->older, &n_mentions);
                bool repeated = false;

                if (!mention || !check_lets_through(checker->flat->rules[mention->rule].action) ||
                    syscall_number(checker->context->arch, row->newer) < 0 ||
                    !check_refused(checker, row->newer))
                        continue;
                if (syscall_number(checker->context->arch, row->older) >= 0) {
                        for (size_t j = 0; j < n_missing; j++)
                                repeated |= !strcmp(missing[j], row->newer);
                        if (!repeated)
                                missing[n_missing++] = row->newer;
                } else {
                        for (size_t j = 0; j < n_vital; j++)
                                repeated |= !strcmp(vital[j], row->newer);
                        if (!repeated)
                                vital[n_vital++] = row->newer;
                }
        }
        if (n_vital) {
                struct buf sentence = BUF_INIT(0);

                buf_printf(
                        &sentence,
                        "on %s programs make %%s instead of older calls that are allowed but do not exist "
                        "there; allow them",
                        checker->context->arch->name);
                r = check_names(checker, "successor-needed", "syscalls", vital, n_vital,
                                buf_string(&sentence));
                buf_deinit(&sentence);
        }
        if (!r && n_missing)
                r = check_names(checker, "successor-missing", "syscalls", missing, n_missing,
                                "older calls are allowed, but not %s, which newer C libraries make instead; "
                                "allow them as well");
        return error_trace(r);
}
