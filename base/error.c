/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The trace of a thread's last failure: where it began and the functions it passed through. Kept in a small
 * thread-local array instead of being logged on the way, since a caller may well handle the failure.
 */

#include "base/error.h"

#include <stdio.h>
#include <string.h>

#define TRACE_MAX 8

struct step {
        const char *file;
        const char *function;
        int line;
};

static _Thread_local struct {
        struct step steps[TRACE_MAX];
        int n;
        int r;
        char text[512];
} trace;

int error_note(int r, const char *file, int line, const char *function, int origin) {
        if (r >= 0)
                return r;
        if (origin || trace.r != r) {
                trace.n = 0;
                trace.r = r;
        }
        if (trace.n < TRACE_MAX)
                trace.steps[trace.n++] = (struct step){ file, function, line };
        return r;
}

int error_seccomp(int r) {
        if (r == -ECANCELED)
                return errno ? -errno : -EIO;
        return r;
}

const char *error_describe(int r) {
        size_t at = 0;

        snprintf(trace.text, sizeof(trace.text), "%s", strerror(r < 0 ? -r : r));
        if (trace.r != r)
                return trace.text;
        at = strlen(trace.text);
        for (int i = 0; i < trace.n && at < sizeof(trace.text); i++) {
                const char *base = strrchr(trace.steps[i].file, '/');

                at += (size_t)snprintf(trace.text + at, sizeof(trace.text) - at, "%s%s:%d %s",
                                       i == 0 ? " (" : " < ", base ? base + 1 : trace.steps[i].file,
                                       trace.steps[i].line, trace.steps[i].function);
        }
        if (at < sizeof(trace.text) - 1 && trace.n > 0)
                strcat(trace.text, ")");
        return trace.text;
}
