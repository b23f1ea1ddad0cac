/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A compiled filter: classic BPF as seccomp(2) takes it. Filters are plain data that can be joined,
 * rewritten and run in user space (policy/simulate.h).
 *
 * Rewriting return instructions, not rules, is what makes a dry run exact: the dry-run filter is the
 * enforcing filter, instruction by instruction, with other answers, so no input can be treated differently
 * by the two.
 */

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILTER_MAX 4096 /* BPF_MAXINSNS */

struct filter {
        struct sock_filter *insns; /* owned */
        size_t n;
};

#define FILTER_INIT ((struct filter){ 0 })

void filter_deinit(struct filter *filter);
int filter_copy(const struct filter *from, struct filter *ret);

/* Every return of an action for which which(action) is true becomes `to` (a SECCOMP_RET_* with data). */
int filter_rewrite(const struct filter *from, bool (*which)(uint32_t action), uint32_t to,
                   struct filter *ret);

bool filter_is_refusal(uint32_t action); /* everything but ALLOW */
bool filter_is_errno(uint32_t action);   /* ERRNO (any data) and USER_NOTIF */

/* The filter that notifies every call. */
int filter_notify_all(struct filter *ret);

/* head, then from: head's jumps are relative and may fall off its end into from. For hand-written tests in
 * front of a compiled filter. -E2BIG when longer than FILTER_MAX. */
int filter_prepend(const struct sock_filter *head, size_t n, const struct filter *from, struct filter *ret);

/* "SECCOMP_RET_ERRNO(EPERM)", "SECCOMP_RET_KILL_PROCESS", … in buf (size >= 48); returns buf. */
const char *filter_action_text(uint32_t action, char *buf, size_t size);
