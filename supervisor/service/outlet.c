/* SPDX-License-Identifier: Apache-2.0 */

/* What outlets have in common. */

#include "supervisor/service/outlet.h"

#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/service/log.h"

void outlet_ill(struct outlet_health *health, const char *name, const char *format, ...) {
        char problem[sizeof(health->problem)];
        va_list args;

        va_start(args, format);
        vsnprintf(problem, sizeof(problem), format, args);
        va_end(args);
        if (!health->ill || strcmp(problem, health->problem) != 0)
                log_say(LOG_LEVEL_WARNING, "outlet %s: %s", name, problem);
        memcpy(health->problem, problem, sizeof(problem));
        health->ill = true;
}

void outlet_well(struct outlet_health *health, const char *name) {
        if (health->ill)
                log_say(LOG_LEVEL_INFO, "outlet %s: works again", name);
        health->ill = false;
}

bool publication_refused(const struct publication_source *source, const struct event *event) {
        uint32_t action = event->verdict & SECCOMP_RET_ACTION_FULL;

        switch (source->mode) {
        case WIRE_MODE_RECORD:
                return false;
        case WIRE_MODE_POLICY:
                /* An errno of 0 is a success that was pretended. */
                return event->answer == EVENT_ANSWER_KILL ||
                       (event->answer == EVENT_ANSWER_ERRNO && event->value > 0);
        default:
                /* Recorded before the mode was another: there was no profile to say anything of it. */
                if (action == SECCOMP_RET_USER_NOTIF && event->answer == EVENT_ANSWER_CONTINUE)
                        return false;
                return action != SECCOMP_RET_ALLOW && action != SECCOMP_RET_LOG;
        }
}
