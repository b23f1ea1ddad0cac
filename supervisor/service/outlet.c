/* SPDX-License-Identifier: Apache-2.0 */

/* What outlets have in common. */

#include "supervisor/service/outlet.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/decide.h"
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

bool publication_refused(const struct publication *publication) {
        return decide_refused(publication->source->mode, publication->event);
}
