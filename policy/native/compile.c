/* SPDX-License-Identifier: Apache-2.0 */

/* Every call that a rule speaks of is notified; the rest is the fallback's. */

#include "policy/native/compile.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/error.h"
#include "syscalls/names.h"

static void put(struct filter *filter, struct sock_filter insn) {
        if (filter->n < FILTER_MAX)
                filter->insns[filter->n] = insn;
        filter->n++;
}

static void put_call(struct filter *filter, const struct arch *arch, int nr) {
        uint32_t audit = arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64 : arch->audit;

        put(filter,
            (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)));
        put(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, audit, 0, 3));
        put(filter,
            (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
        put(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 1));
        put(filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
}

int policy_compile(const struct policy *policy, struct filter *ret) {
        const struct arch *archs[5];
        size_t n_archs = 1 + arch_siblings(arch_native(), archs + 1);

        *ret = FILTER_INIT;
        ret->insns = calloc(FILTER_MAX, sizeof(*ret->insns));
        if (!ret->insns)
                return error_origin(-ENOMEM);
        archs[0] = arch_native();
        for (size_t a = 0; a < n_archs; a++)
                for (size_t i = 0; i < policy->n_rules; i++)
                        for (size_t c = 0; c < policy->rules[i].n_calls; c++) {
                                int nr = syscall_number(archs[a], policy->rules[i].calls[c]);

                                if (nr >= 0)
                                        put_call(ret, archs[a], nr);
                        }
        put(ret, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
        return ret->n > FILTER_MAX ? error_origin(-E2BIG) : 0;
}
