/* SPDX-License-Identifier: Apache-2.0 */

/* callgate: the verb table. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/dispatch.h"
#include "cli/say.h"
#include "cli/verbs.h"

static const struct verb verbs[] = {
        { "dry-run", verb_dry_run, "run a program, refuse nothing, show what a profile would have refused" },
        { "record", verb_record, "run a program and write a profile that allows what it did" },
        { "run", verb_run, "run a program under a profile, enforced, or under a policy" },
        { "answer", verb_answer, "answer what a policy asks, at another terminal" },
        { "reload", verb_reload, "read the policies of running programs again" },
        { "verify", verb_verify, "run a program with and without a profile and compare the outcome" },
        { "events", verb_events, "show a file of recorded events" },
        { "import", verb_import, "read audit records or strace output into a file of events" },
        { "profile", verb_profile, "check, explain, compare, convert and repair profiles" },
        { "policy", verb_policy, "check, explain and test policies" },
        { "status", verb_status, "show the callgated service" },
        { "sessions", verb_sessions, "list what the service supervises; change the mode of a session" },
        { "snapshot", verb_snapshot, "a profile, or a report, of what a session has done so far" },
        { "drain", verb_drain, "have the service take no more sessions and end with the last" },
};

static const struct verb_table table = {
        .usage = "VERB [OPTION…] [-- COMMAND [ARGUMENT…]]",
        .more = "  callgate VERB --help     options and an example\n"
                "  callgate --version       the version\n"
                "\n"
                "example: callgate record -o nginx.json -- nginx -g 'daemon off;'\n",
        .verbs = verbs,
        .n = sizeof(verbs) / sizeof(verbs[0]),
};

/*
 * A caller may have closed standard streams. Our own descriptors must not land on their numbers, and the
 * program shall find them closed as it would without us: so they are held by descriptors that execve closes.
 */
static void hold_standard_streams(void) {
        for (;;) {
                int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

                if (fd < 0)
                        return;
                if (fd > STDERR_FILENO) {
                        close(fd);
                        return;
                }
        }
}

int main(int argc, char **argv) {
        hold_standard_streams();
        if (argc > 1 && strcmp(argv[1], "--version") == 0) {
                puts("callgate " CALLGATE_VERSION);
                return say_end(0);
        }
        return say_end(dispatch(&table, argc, argv));
}
