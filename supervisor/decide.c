/* SPDX-License-Identifier: Apache-2.0 */

/* Verdict and mode to answer. CONTINUE in an enforcing session is given only on what registers say: the
 * verdict comes from the compiled filter, which sees nothing else. */

#include "supervisor/decide.h"

#include <errno.h>
#include <linux/seccomp.h>

#define ERRNO_MAX 4095u /* MAX_ERRNO; the kernel clamps SECCOMP_RET_ERRNO's data to it */

static void answer(struct event *event, enum event_answer kind, int64_t value) {
        event->answer = kind;
        event->value = value;
}

int decide(enum wire_mode mode, struct event *event) {
        uint32_t data = event->verdict & SECCOMP_RET_DATA;

        if (mode != WIRE_MODE_ENFORCE) {
                answer(event, EVENT_ANSWER_CONTINUE, 0);
                return 0;
        }
        switch (event->verdict & SECCOMP_RET_ACTION_FULL) {
        case SECCOMP_RET_ALLOW:
        case SECCOMP_RET_LOG:
                answer(event, EVENT_ANSWER_CONTINUE, 0);
                return 0;
        case SECCOMP_RET_ERRNO:
                answer(event, EVENT_ANSWER_ERRNO, data > ERRNO_MAX ? ERRNO_MAX : data);
                return 0;
        case SECCOMP_RET_USER_NOTIF:
                /* A profile with NOTIFY and nobody listening: the kernel says ENOSYS. */
                answer(event, EVENT_ANSWER_ERRNO, ENOSYS);
                return 0;
        default:
                answer(event, EVENT_ANSWER_ERRNO, EPERM);
                return DECIDE_E_KERNEL;
        }
}

void decide_on_error(enum wire_mode mode, struct event *event) {
        if (mode == WIRE_MODE_ENFORCE)
                answer(event, EVENT_ANSWER_ERRNO, EPERM);
        else
                answer(event, EVENT_ANSWER_CONTINUE, 0);
}

/* What the kernel does not know ends the process. */
static bool verdict_refuses(uint32_t verdict) {
        switch (verdict & SECCOMP_RET_ACTION_FULL) {
        case SECCOMP_RET_ALLOW:
        case SECCOMP_RET_LOG:
        case SECCOMP_RET_USER_NOTIF: /* no profile, or a policy: the answer tells */
                return false;
        default:
                return true;
        }
}

bool decide_refused(enum wire_mode mode, const struct event *event) {
        if (mode != WIRE_MODE_RECORD && verdict_refuses(event->verdict))
                return true;
        if (event->answer == EVENT_ANSWER_ERRNO)
                return event->value > 0 && !(event->flags & EVENT_PERFORMED);
        return event->answer == EVENT_ANSWER_KILL;
}
