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
