/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <linux/seccomp.h>

#include "supervisor/decide.h"

struct row {
        enum wire_mode mode;
        uint32_t verdict;
        int r;
        enum event_answer answer;
        int64_t value;
};

ParameterizedTestParameters(decide, rows) {
        static struct row rows[] = {
                { WIRE_MODE_DRY_RUN, SECCOMP_RET_KILL_PROCESS, 0, EVENT_ANSWER_CONTINUE, 0 },
                { WIRE_MODE_DRY_RUN, SECCOMP_RET_ERRNO | EPERM, 0, EVENT_ANSWER_CONTINUE, 0 },
                { WIRE_MODE_RECORD, SECCOMP_RET_USER_NOTIF, 0, EVENT_ANSWER_CONTINUE, 0 },
                { WIRE_MODE_ENFORCE, SECCOMP_RET_ERRNO | EACCES, 0, EVENT_ANSWER_ERRNO, EACCES },
                { WIRE_MODE_ENFORCE, SECCOMP_RET_ERRNO | 0, 0, EVENT_ANSWER_ERRNO, 0 },
                { WIRE_MODE_ENFORCE, SECCOMP_RET_ERRNO | 0xffff, 0, EVENT_ANSWER_ERRNO, 4095 },
                { WIRE_MODE_ENFORCE, SECCOMP_RET_USER_NOTIF, 0, EVENT_ANSWER_ERRNO, ENOSYS },
                { WIRE_MODE_ENFORCE, SECCOMP_RET_ALLOW, 0, EVENT_ANSWER_CONTINUE, 0 },
                { WIRE_MODE_ENFORCE, SECCOMP_RET_LOG, 0, EVENT_ANSWER_CONTINUE, 0 },
                { WIRE_MODE_ENFORCE, SECCOMP_RET_TRAP, DECIDE_E_KERNEL, EVENT_ANSWER_ERRNO, EPERM },
                { WIRE_MODE_ENFORCE, SECCOMP_RET_KILL_THREAD, DECIDE_E_KERNEL, EVENT_ANSWER_ERRNO, EPERM },
                { WIRE_MODE_ENFORCE, SECCOMP_RET_TRACE, DECIDE_E_KERNEL, EVENT_ANSWER_ERRNO, EPERM },
        };

        return cr_make_param_array(struct row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct row *row, decide, rows) {
        struct event event = { .verdict = row->verdict };

        cr_assert_eq(decide(row->mode, &event), row->r);
        cr_assert_eq(event.answer, row->answer);
        cr_assert_eq(event.value, row->value);
}

Test(decide, trouble_of_ours_fails_closed_only_when_enforcing) {
        struct event event = { 0 };

        decide_on_error(WIRE_MODE_ENFORCE, &event);
        cr_assert_eq(event.answer, EVENT_ANSWER_ERRNO);
        cr_assert_eq(event.value, EPERM);
        decide_on_error(WIRE_MODE_DRY_RUN, &event);
        cr_assert_eq(event.answer, EVENT_ANSWER_CONTINUE);
}

/* One meaning for metrics, sessions, outlets and subscriptions. */
Test(decide, what_is_refused) {
        enum { ERRNO = SECCOMP_RET_ERRNO, NOTIF = SECCOMP_RET_USER_NOTIF, ALLOW = SECCOMP_RET_ALLOW };
        static const struct {
                enum wire_mode mode;
                uint32_t verdict;
                enum event_answer answer;
                int64_t value;
                uint32_t flags;
                bool refused;
        } rows[] = {
                /* In a dry run and enforced the same profile refuses the same. */
                { WIRE_MODE_DRY_RUN, ERRNO | EPERM, EVENT_ANSWER_CONTINUE, 0, 0, true },
                { WIRE_MODE_ENFORCE, ERRNO | EPERM, EVENT_ANSWER_ERRNO, EPERM, 0, true },
                { WIRE_MODE_DRY_RUN, ERRNO | 0, EVENT_ANSWER_CONTINUE, 0, 0, true },
                { WIRE_MODE_ENFORCE, ERRNO | 0, EVENT_ANSWER_ERRNO, 0, 0, true },
                { WIRE_MODE_DRY_RUN, ERRNO | EPERM, EVENT_ANSWER_NONE, 0, EVENT_GONE, true },
                { WIRE_MODE_ENFORCE, ERRNO | EPERM, EVENT_ANSWER_NONE, 0, EVENT_GONE, true },
                { WIRE_MODE_DRY_RUN, ALLOW, EVENT_ANSWER_CONTINUE, 0, EVENT_OBSERVED, false },
                { WIRE_MODE_ENFORCE, ALLOW, EVENT_ANSWER_CONTINUE, 0, EVENT_OBSERVED, false },
                { WIRE_MODE_DRY_RUN, SECCOMP_RET_LOG, EVENT_ANSWER_CONTINUE, 0, 0, false },
                { WIRE_MODE_DRY_RUN, SECCOMP_RET_TRAP, EVENT_ANSWER_CONTINUE, 0, 0, true },
                { WIRE_MODE_DRY_RUN, SECCOMP_RET_TRACE, EVENT_ANSWER_CONTINUE, 0, 0, true },
                { WIRE_MODE_DRY_RUN, SECCOMP_RET_KILL_THREAD, EVENT_ANSWER_CONTINUE, 0, 0, true },
                { WIRE_MODE_DRY_RUN, SECCOMP_RET_KILL_PROCESS, EVENT_ANSWER_CONTINUE, 0, 0, true },
                { WIRE_MODE_DRY_RUN, 0x12340000, EVENT_ANSWER_CONTINUE, 0, 0, true },
                { WIRE_MODE_DRY_RUN, ERRNO | EPERM, EVENT_ANSWER_CONTINUE, 0, EVENT_RUNTIME, true },
                /* Trouble of ours. */
                { WIRE_MODE_ENFORCE, ALLOW, EVENT_ANSWER_ERRNO, EPERM, EVENT_OBSERVED, true },
                /* Recorded before there was a profile; notified by one. */
                { WIRE_MODE_DRY_RUN, NOTIF, EVENT_ANSWER_CONTINUE, 0, 0, false },
                { WIRE_MODE_ENFORCE, NOTIF, EVENT_ANSWER_CONTINUE, 0, 0, false },
                { WIRE_MODE_ENFORCE, NOTIF, EVENT_ANSWER_ERRNO, ENOSYS, 0, true },
                /* The profile that a recording adds to is asked nothing; what was enforced before counts. */
                { WIRE_MODE_RECORD, NOTIF, EVENT_ANSWER_CONTINUE, 0, 0, false },
                { WIRE_MODE_RECORD, ERRNO | EPERM, EVENT_ANSWER_CONTINUE, 0, 0, false },
                { WIRE_MODE_RECORD, ERRNO | EPERM, EVENT_ANSWER_ERRNO, EPERM, 0, true },
                /* A rule of a policy decided. */
                { WIRE_MODE_POLICY, NOTIF, EVENT_ANSWER_CONTINUE, 0, 0, false },
                { WIRE_MODE_POLICY, NOTIF, EVENT_ANSWER_ERRNO, EACCES, 0, true },
                { WIRE_MODE_POLICY, NOTIF, EVENT_ANSWER_ERRNO, 0, 0, false },
                { WIRE_MODE_POLICY, NOTIF, EVENT_ANSWER_KILL, 0, 0, true },
                { WIRE_MODE_POLICY, NOTIF, EVENT_ANSWER_VALUE, 7, 0, false },
                { WIRE_MODE_POLICY, NOTIF, EVENT_ANSWER_FD, 3, EVENT_PERFORMED, false },
                { WIRE_MODE_POLICY, NOTIF, EVENT_ANSWER_ERRNO, ECONNREFUSED, EVENT_PERFORMED, false },
                { WIRE_MODE_POLICY, NOTIF, EVENT_ANSWER_KILL, 0, EVENT_PERFORMED, true },
                { WIRE_MODE_POLICY, NOTIF, EVENT_ANSWER_NONE, 0, EVENT_GONE, false },
                /* None did: its base. */
                { WIRE_MODE_POLICY, ALLOW, EVENT_ANSWER_CONTINUE, 0, EVENT_OBSERVED, false },
                { WIRE_MODE_POLICY, ALLOW, EVENT_ANSWER_ERRNO, ENOENT, EVENT_PERFORMED, false },
                { WIRE_MODE_POLICY, ERRNO | EPERM, EVENT_ANSWER_ERRNO, EPERM, 0, true },
                { WIRE_MODE_POLICY, SECCOMP_RET_TRAP, EVENT_ANSWER_KILL, 0, 0, true },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const struct event event = { .verdict = rows[i].verdict,
                                             .answer = rows[i].answer,
                                             .value = rows[i].value,
                                             .flags = rows[i].flags };

                cr_expect_eq(decide_refused(rows[i].mode, &event), rows[i].refused, "row %zu", i);
        }
}
