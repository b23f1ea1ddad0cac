/* SPDX-License-Identifier: Apache-2.0 */

#include "policy/filter.h"
#include "policy/simulate.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct sock_filter example[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 3, 3, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 13),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_LOG),
};
static const struct filter from = { .insns = example, .n = sizeof(example) / sizeof(example[0]) };

static uint32_t run(const struct filter *filter, int nr) {
        return filter_simulate(filter, &(struct seccomp_data){ .nr = nr }, NULL);
}

Test(filter, rewrites_refusals_and_leaves_the_rest) {
        struct filter notified = FILTER_INIT;

        cr_assert_eq(filter_rewrite(&from, filter_is_refusal, SECCOMP_RET_USER_NOTIF, &notified), 0);
        cr_expect_eq(notified.n, from.n);
        cr_expect_eq(run(&notified, 0), SECCOMP_RET_USER_NOTIF);
        cr_expect_eq(run(&notified, 1), SECCOMP_RET_ALLOW);
        cr_expect_eq(run(&notified, 2), SECCOMP_RET_USER_NOTIF);
        cr_expect_eq(run(&notified, 3), SECCOMP_RET_USER_NOTIF);
        cr_expect_eq(run(&from, 2), SECCOMP_RET_ERRNO | 13, "the original stays as it was");
        filter_deinit(&notified);
        cr_expect_null(notified.insns);
}

Test(filter, rewrites_errno_only) {
        struct filter notified = FILTER_INIT;

        cr_assert_eq(filter_rewrite(&from, filter_is_errno, SECCOMP_RET_USER_NOTIF, &notified), 0);
        cr_expect_eq(run(&notified, 0), SECCOMP_RET_KILL_PROCESS);
        cr_expect_eq(run(&notified, 2), SECCOMP_RET_USER_NOTIF);
        cr_expect_eq(run(&notified, 3), SECCOMP_RET_LOG);
        filter_deinit(&notified);
}

Test(filter, refuses_to_rewrite_a_computed_return) {
        struct sock_filter insns[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), BPF_STMT(BPF_RET | BPF_A, 0) };
        struct filter computed = { .insns = insns, .n = 2 }, ret = FILTER_INIT;

        cr_expect_eq(filter_rewrite(&computed, filter_is_refusal, SECCOMP_RET_USER_NOTIF, &ret), -EINVAL);
        cr_expect_null(ret.insns);
}

Test(filter, prepends) {
        struct sock_filter head[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 7, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        };
        struct filter joined = FILTER_INIT, copy = FILTER_INIT;

        cr_assert_eq(filter_prepend(head, 3, &from, &joined), 0);
        cr_expect_eq(run(&joined, 7), SECCOMP_RET_TRAP);
        for (int nr = 0; nr < 5; nr++)
                cr_expect_eq(run(&joined, nr), run(&from, nr));
        cr_assert_eq(filter_copy(&from, &copy), 0);
        cr_expect_eq(copy.n, from.n);
        cr_expect_arr_eq(copy.insns, from.insns, from.n * sizeof(*from.insns));
        filter_deinit(&joined);
        filter_deinit(&copy);
}

Test(filter, never_longer_than_the_kernel_takes) {
        static struct sock_filter head[FILTER_MAX];
        struct filter joined = FILTER_INIT;

        for (size_t i = 0; i < FILTER_MAX; i++)
                head[i] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM, 0);
        cr_expect_eq(filter_prepend(head, FILTER_MAX - from.n, &from, &joined), 0);
        cr_expect_eq(joined.n, FILTER_MAX);
        cr_expect_eq(filter_check(&joined), 0);
        filter_deinit(&joined);
        cr_expect_eq(filter_prepend(head, FILTER_MAX - from.n + 1, &from, &joined), -E2BIG);
        cr_expect_eq(filter_prepend(head, SIZE_MAX, &from, &joined), -E2BIG);
}

Test(filter, notifies_all) {
        struct filter all = FILTER_INIT;

        cr_assert_eq(filter_notify_all(&all), 0);
        cr_expect_eq(filter_check(&all), 0);
        for (int nr = -1; nr < 5; nr++)
                cr_expect_eq(run(&all, nr), SECCOMP_RET_USER_NOTIF);
        filter_deinit(&all);
}

Test(filter, actions_as_text) {
        static const struct {
                uint32_t action;
                const char *text;
        } rows[] = {
                { SECCOMP_RET_KILL_PROCESS, "SECCOMP_RET_KILL_PROCESS" },
                { SECCOMP_RET_KILL_THREAD, "SECCOMP_RET_KILL_THREAD" },
                { SECCOMP_RET_TRAP, "SECCOMP_RET_TRAP" },
                { SECCOMP_RET_TRAP | 5, "SECCOMP_RET_TRAP" },
                { SECCOMP_RET_ERRNO | 1, "SECCOMP_RET_ERRNO(EPERM)" },
                { SECCOMP_RET_ERRNO | 38, "SECCOMP_RET_ERRNO(ENOSYS)" },
                { SECCOMP_RET_ERRNO, "SECCOMP_RET_ERRNO(0)" },
                { SECCOMP_RET_ERRNO | 4000, "SECCOMP_RET_ERRNO(4000)" },
                { SECCOMP_RET_USER_NOTIF, "SECCOMP_RET_USER_NOTIF" },
                { SECCOMP_RET_TRACE | 7, "SECCOMP_RET_TRACE(7)" },
                { SECCOMP_RET_LOG, "SECCOMP_RET_LOG" },
                { SECCOMP_RET_ALLOW, "SECCOMP_RET_ALLOW" },
                { 0x12340000, "0x12340000" },
        };
        char buf[48];

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                cr_expect_str_eq(filter_action_text(rows[i].action, buf, sizeof(buf)), rows[i].text);
}
