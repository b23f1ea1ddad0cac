/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters as data: copied, joined, and rewritten return by return. Rewriting never adds or moves an
 * instruction, so every jump stays right and every input takes the path it took before. It relies on returns
 * being constants; a program that returns its accumulator is refused rather than half rewritten.
 */

#include "policy/filter.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void filter_deinit(struct filter *filter) {
        free(filter->insns);
        *filter = FILTER_INIT;
}

static int filter_alloc(struct filter *filter, size_t n) {
        if (n > FILTER_MAX)
                return error_origin(-E2BIG);
        *filter = FILTER_INIT;
        filter->insns = calloc(n ? n : 1, sizeof(*filter->insns));
        if (!filter->insns)
                return error_origin(-ENOMEM);
        filter->n = n;
        return 0;
}

int filter_prepend(const struct sock_filter *head, size_t n, const struct filter *from, struct filter *ret) {
        struct filter joined;
        int r;

        if (n > FILTER_MAX)
                return error_origin(-E2BIG);
        r = filter_alloc(&joined, n + from->n);
        if (r)
                return error_trace(r);
        if (n)
                memcpy(joined.insns, head, n * sizeof(*head));
        if (from->n)
                memcpy(joined.insns + n, from->insns, from->n * sizeof(*head));
        *ret = joined;
        return 0;
}

int filter_copy(const struct filter *from, struct filter *ret) {
        return error_trace(filter_prepend(NULL, 0, from, ret));
}

int filter_rewrite(const struct filter *from, bool (*which)(uint32_t action), uint32_t to,
                   struct filter *ret) {
        struct filter rewritten;
        int r;

        r = filter_copy(from, &rewritten);
        if (r)
                return error_trace(r);
        for (size_t i = 0; i < rewritten.n; i++) {
                struct sock_filter *insn = &rewritten.insns[i];

                if (BPF_CLASS(insn->code) != BPF_RET)
                        continue;
                if (BPF_RVAL(insn->code) != BPF_K) {
                        filter_deinit(&rewritten);
                        return error_origin(-EINVAL);
                }
                if (which(insn->k))
                        insn->k = to;
        }
        *ret = rewritten;
        return 0;
}

bool filter_is_refusal(uint32_t action) {
        return (action & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_ALLOW;
}

bool filter_is_errno(uint32_t action) {
        action &= SECCOMP_RET_ACTION_FULL;
        return action == SECCOMP_RET_ERRNO || action == SECCOMP_RET_USER_NOTIF;
}

int filter_notify_all(struct filter *ret) {
        const struct sock_filter notify = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
        const struct filter nothing = FILTER_INIT;

        return error_trace(filter_prepend(&notify, 1, &nothing, ret));
}

const char *filter_action_text(uint32_t action, char *buf, size_t size) {
        static const struct {
                uint32_t action;
                const char *name;
        } names[] = {
                { SECCOMP_RET_KILL_PROCESS, "SECCOMP_RET_KILL_PROCESS" },
                { SECCOMP_RET_KILL_THREAD, "SECCOMP_RET_KILL_THREAD" },
                { SECCOMP_RET_TRAP, "SECCOMP_RET_TRAP" },
                { SECCOMP_RET_USER_NOTIF, "SECCOMP_RET_USER_NOTIF" },
                { SECCOMP_RET_LOG, "SECCOMP_RET_LOG" },
                { SECCOMP_RET_ALLOW, "SECCOMP_RET_ALLOW" },
        };
        unsigned data = action & SECCOMP_RET_DATA;
        const char *text;

        switch (action & SECCOMP_RET_ACTION_FULL) {
        case SECCOMP_RET_ERRNO:
                text = data ? strerrorname_np((int)data) : "0";
                if (text)
                        snprintf(buf, size, "SECCOMP_RET_ERRNO(%s)", text);
                else
                        snprintf(buf, size, "SECCOMP_RET_ERRNO(%u)", data);
                return buf;
        case SECCOMP_RET_TRACE:
                snprintf(buf, size, "SECCOMP_RET_TRACE(%u)", data);
                return buf;
        default:
                for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                        if (names[i].action == (action & SECCOMP_RET_ACTION_FULL)) {
                                snprintf(buf, size, "%s", names[i].name);
                                return buf;
                        }
                snprintf(buf, size, "0x%08x", action);
                return buf;
        }
}
