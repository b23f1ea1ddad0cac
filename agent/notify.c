/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Heads put before a filter. A head looks at architecture and number, returns for the few calls it is about
 * and falls through into the filter for all others.
 */

#include "agent/notify.h"

#include <errno.h>
#include <linux/audit.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "policy/learn.h"
#include "policy/simulate.h"
#include "syscalls/names.h"

#define HEAD_MAX 512

#define OFFSET_NR       ((uint32_t)offsetof(struct seccomp_data, nr))
#define OFFSET_ARCH     ((uint32_t)offsetof(struct seccomp_data, arch))
#define OFFSET_ARG(i)   ((uint32_t)(offsetof(struct seccomp_data, args) + (i) * sizeof(uint64_t)))
#define OFFSET_LOW32(i) (OFFSET_ARG(i) + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4u : 0u))

/* seccomp(SECCOMP_SET_MODE_FILTER, flags with NEW_LISTENER): a second listener, which gets EBUSY under ours.
 */
#define SECCOMP_OPERATION_FILTER 1u
#define SECCOMP_NEW_LISTENER     (1u << 3)

struct head {
        struct sock_filter insns[HEAD_MAX];
        size_t n;
};

static int put(struct head *head, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k) {
        if (head->n == HEAD_MAX)
                return error_origin(-E2BIG);
        head->insns[head->n++] = (struct sock_filter){ code, jt, jf, k };
        return 0;
}

static int load(struct head *head, uint32_t offset) {
        return put(head, BPF_LD | BPF_W | BPF_ABS, 0, 0, offset);
}

/* Architectures whose calls a program on this machine can make, each AUDIT_ARCH once; x32 is told apart by
 * its numbers. Returns how many. */
static size_t machine_archs(const struct arch *ret[5]) {
        size_t n = 1 + arch_siblings(arch_native(), ret + 1);

        ret[0] = arch_native();
        return n;
}

static uint32_t audit_of(const struct arch *arch) {
        return arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64 : arch->audit;
}

/*
 * "if (arch == … && nr == …)" around a body of n_body instructions that ends in a return: the body is
 * emitted by the caller right after. Arch and number are loaded anew each time; heads are a handful of calls
 * long.
 */
static int guard(struct head *head, const struct arch *arch, int nr, uint8_t n_body) {
        int r = load(head, OFFSET_ARCH);

        if (!r)
                r = put(head, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(2 + n_body), audit_of(arch));
        if (!r)
                r = load(head, OFFSET_NR);
        if (!r)
                r = put(head, BPF_JMP | BPF_JEQ | BPF_K, 0, n_body, (uint32_t)nr);
        return r;
}

static int prepend(const struct head *head, const struct filter *from, struct filter *ret) {
        return error_trace(filter_prepend(head->insns, head->n, from, ret));
}

/* Is a second listener something the profile allows, so that nobody would see the EBUSY? */
static bool allows_second_listener(const struct filter *filter, const struct arch *arch, int nr) {
        struct seccomp_data data = {
                .arch = audit_of(arch),
                .nr = nr,
                .args = { SECCOMP_OPERATION_FILTER, SECCOMP_NEW_LISTENER },
        };

        return filter_simulate(filter, &data, NULL) == SECCOMP_RET_ALLOW;
}

/* Notify attempts to install a second listener even where the profile allows them: EBUSY wants explaining.
 */
static int observe_listeners(const struct filter *enforcing, struct head *head) {
        const struct arch *archs[5];
        size_t n = machine_archs(archs);

        for (size_t i = 0; i < n; i++) {
                int nr = syscall_number(archs[i], "seccomp"), r;

                if (nr < 0 || !allows_second_listener(enforcing, archs[i], nr))
                        continue;
                r = guard(head, archs[i], nr, 3);
                if (!r)
                        r = load(head, OFFSET_LOW32(1));
                if (!r)
                        r = put(head, BPF_JMP | BPF_JSET | BPF_K, 0, 1, SECCOMP_NEW_LISTENER);
                if (!r)
                        r = put(head, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_USER_NOTIF);
                if (r)
                        return r;
        }
        return 0;
}

static uint32_t verdict_of(const struct filter *filter, const struct arch *arch, int nr) {
        struct seccomp_data data = { .arch = audit_of(arch), .nr = nr };

        return filter_simulate(filter, &data, NULL);
}

static bool has_return(const struct filter *filter, bool (*which)(uint32_t)) {
        for (size_t i = 0; i < filter->n; i++)
                if (filter->insns[i].code == (BPF_RET | BPF_K) && which(filter->insns[i].k))
                        return true;
        return false;
}

/* Notify rt_sigreturn, though it is allowed, so that calls which a signal took back while they waited for us
 * can be repaired (supervisor/restart.h). Only where any call is notified. */
static int observe_returns(const struct filter *enforcing, bool (*which)(uint32_t), struct head *head) {
        const struct arch *arch = arch_native();
        int nr = syscall_number(arch, "rt_sigreturn"), r;

        if (nr < 0 || !has_return(enforcing, which) || verdict_of(enforcing, arch, nr) != SECCOMP_RET_ALLOW)
                return 0;
        r = guard(head, arch, nr, 1);
        return r ? r : put(head, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_USER_NOTIF);
}

static int rewrite(const struct filter *enforcing, bool (*which)(uint32_t), struct filter *ret) {
        struct filter rewritten = FILTER_INIT;
        struct head head = { .n = 0 };
        int r = filter_rewrite(enforcing, which, SECCOMP_RET_USER_NOTIF, &rewritten);

        if (!r)
                r = observe_listeners(enforcing, &head);
        if (!r)
                r = observe_returns(enforcing, which, &head);
        if (!r)
                r = prepend(&head, &rewritten, ret);
        filter_deinit(&rewritten);
        return error_trace(r);
}

#define PR_SET_NAME_OPTION 15u

static uint32_t verdict_on_rename(const struct filter *filter, const struct arch *arch, int nr) {
        struct seccomp_data data = { .arch = audit_of(arch), .nr = nr, .args = { PR_SET_NAME_OPTION } };

        return filter_simulate(filter, &data, NULL);
}

/* Notify what changes the name of a task, though it is allowed: the supervisor need not ask for the name at
 * each call then. */
static int observe_names(const struct filter *policy, struct head *head) {
        const struct arch *archs[5];
        size_t n = machine_archs(archs);
        int r = 0;

        for (size_t i = 0; i < n && !r; i++) {
                static const char *const calls[] = { "execve", "execveat" };
                int nr;

                for (size_t j = 0; j < 2 && !r; j++) {
                        nr = syscall_number(archs[i], calls[j]);
                        if (nr < 0 || verdict_of(policy, archs[i], nr) != SECCOMP_RET_ALLOW)
                                continue;
                        r = guard(head, archs[i], nr, 1);
                        if (!r)
                                r = put(head, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_USER_NOTIF);
                }
                nr = syscall_number(archs[i], "prctl");
                if (r || nr < 0 || verdict_on_rename(policy, archs[i], nr) != SECCOMP_RET_ALLOW)
                        continue;
                r = guard(head, archs[i], nr, 3);
                if (!r)
                        r = load(head, OFFSET_LOW32(0));
                if (!r)
                        r = put(head, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, PR_SET_NAME_OPTION);
                if (!r)
                        r = put(head, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_USER_NOTIF);
        }
        return r;
}

static bool is_notify(uint32_t ret) {
        return (ret & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF;
}

int notify_policy(const struct filter *policy, struct filter *ret) {
        struct head head = { .n = 0 };
        int r = observe_listeners(policy, &head);

        if (!r)
                r = observe_returns(policy, is_notify, &head);
        if (!r && has_return(policy, is_notify))
                r = observe_names(policy, &head);
        return r ? error_trace(r) : prepend(&head, policy, ret);
}

int notify_dry_run(const struct filter *enforcing, struct filter *ret) {
        return error_trace(rewrite(enforcing, filter_is_refusal, ret));
}

int notify_enforce(const struct filter *enforcing, struct filter *ret) {
        return error_trace(rewrite(enforcing, filter_is_errno, ret));
}

static int allow_assumed(struct head *head) {
        const struct arch *archs[5];
        size_t n = machine_archs(archs);

        for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < learn_assumed_n; j++) {
                        const struct learn_assumed *assumed = &learn_assumed[j];
                        int nr = syscall_number(archs[i], assumed->name), r;

                        /* Seen at rt_sigreturn, calls that a signal took back are repaired
                         * (supervisor/restart.h), its own included. */
                        if (nr < 0 || strcmp(assumed->name, "rt_sigreturn") == 0)
                                continue;
                        r = guard(head, archs[i], nr, assumed->conditional ? 3 : 1);
                        if (!r && assumed->conditional)
                                r = load(head, OFFSET_LOW32(assumed->index));
                        if (!r && assumed->conditional)
                                r = put(head, BPF_JMP | BPF_JSET | BPF_K, 1, 0, (uint32_t)assumed->mask);
                        if (!r)
                                r = put(head, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
                        if (r)
                                return r;
                }
        return 0;
}

int notify_record(const struct filter *base, struct filter *ret) {
        struct filter rest = FILTER_INIT;
        struct head head = { .n = 0 };
        int r = base && base->n > 0 ? filter_rewrite(base, filter_is_refusal, SECCOMP_RET_USER_NOTIF, &rest)
                                    : filter_notify_all(&rest);

        if (!r)
                r = allow_assumed(&head);
        if (!r)
                r = prepend(&head, &rest, ret);
        filter_deinit(&rest);
        return error_trace(r);
}
