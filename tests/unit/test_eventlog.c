/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/event_file.h"
#include "supervisor/eventlog.h"

static struct event example(uint32_t nr) {
        struct event event = { .first_ns = 1, .last_ns = 1, .count = 1, .arch = 0xc000003e, .nr = nr };

        strcpy(event.comm, "sh");
        return event;
}

/* Reads what was written: number of events, and how the file ends. */
static size_t count(int fd, int *ret_end, struct ledger *ret_ledger) {
        struct event_file *file;
        struct event event;
        size_t n = 0;

        lseek(fd, 0, SEEK_SET);
        cr_assert_eq(event_file_open(fd, &file), 0);
        while ((*ret_end = event_file_next(file, &event)) == 0)
                cr_assert_eq(event.nr, n++);
        if (event_file_ledger(file))
                *ret_ledger = *event_file_ledger(file);
        event_file_close(file);
        return n;
}

Test(eventlog, what_is_appended_arrives_in_order_with_the_ledger_last) {
        int fd = memfd_create("log", MFD_CLOEXEC), copy = dup(fd), end;
        struct ledger ledger = { .received = 3000 }, read = { 0 };
        struct eventlog *log;

        cr_assert_eq(eventlog_new(fd, "label", 7, &log), 0);
        for (uint32_t i = 0; i < 3000; i++) {
                struct event event = example(i);

                eventlog_append(log, &event);
        }
        cr_assert_null(eventlog_finish(log, &ledger));
        cr_assert_eq(ledger.written, 3000);
        cr_assert_eq(ledger.unwritten, 0);
        cr_assert_eq(count(copy, &end, &read), 3000);
        cr_assert_eq(end, EVENT_FILE_E_END);
        cr_assert_eq(read.received, 3000);
}

Test(eventlog, a_broken_sink_is_said_and_nothing_waits) {
        struct ledger ledger = { 0 };
        struct eventlog *log;
        int fds[2];

        signal(SIGPIPE, SIG_IGN);
        cr_assert_eq(pipe(fds), 0);
        close(fds[0]);
        cr_assert_eq(eventlog_new(fds[1], "label", 7, &log), 0);
        for (uint32_t i = 0; i < 1000; i++) {
                struct event event = example(i);

                eventlog_append(log, &event);
        }
        eventlog_finish(log, &ledger);
        cr_assert_eq(ledger.written, 0);
        cr_assert_eq(ledger.unwritten, 1000);
}

Test(eventlog, a_full_buffer_loses_whole_events_and_keeps_the_file_readable) {
        int fds[2], go[2], end, file = memfd_create("copy", MFD_CLOEXEC);
        struct ledger ledger = { 0 }, read_ledger = { 0 };
        struct eventlog *log;
        char chunk[65536];
        ssize_t n;
        pid_t pid;

        cr_assert_eq(pipe(fds), 0);
        cr_assert_eq(pipe(go), 0);
        pid = fork();
        if (pid == 0) {
                /* A reader that starts when everything has been appended. */
                close(fds[1]);
                if (read(go[0], chunk, 1) != 1)
                        _exit(1);
                while ((n = read(fds[0], chunk, sizeof(chunk))) > 0)
                        if (write(file, chunk, (size_t)n) != n)
                                _exit(1);
                _exit(0);
        }
        close(fds[0]);
        cr_assert_eq(eventlog_new(fds[1], "label", 7, &log), 0);
        for (uint32_t i = 0; i < 400000; i++) {
                struct event event = example(i);

                eventlog_append(log, &event);
        }
        cr_assert_eq(write(go[1], "g", 1), 1);
        eventlog_finish(log, &ledger);
        cr_assert_eq(waitpid(pid, NULL, 0), pid);
        cr_assert_gt(ledger.unwritten, 0);
        cr_assert_eq(ledger.written + ledger.unwritten, 400000);
        cr_assert_eq(count(file, &end, &read_ledger), ledger.written, "the first ones are kept, in order");
        cr_assert_eq(end, EVENT_FILE_E_END);
        cr_assert_eq(read_ledger.unwritten, ledger.unwritten);
}
