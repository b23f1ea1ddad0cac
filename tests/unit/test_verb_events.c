/* SPDX-License-Identifier: Apache-2.0 */

/* callgate events: what it prints, and the exit code for each kind of file. */

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/exit.h"
#include "cli/verbs.h"
#include "proto/event_file.h"

static char path[64];

static const char *path_of(const struct buf *bytes) {
        int fd = memfd_create("events", 0);

        cr_assert_geq(fd, 0);
        cr_assert_eq(fd_write_all(fd, bytes->data, bytes->n), 0);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        return path;
}

static struct buf whole_file(void) {
        struct ledger ledger = { .received = 1, .answered = 1, .recorded = 1 };
        struct event event = { .count = 1, .pid = 5, .tid = 5, .arch = 0xc000003e, .nr = 39 };
        struct buf buf = BUF_INIT(0);

        strcpy(event.comm, "sh");
        cr_assert_eq(event_file_put_header(&buf, "sh", 1), 0);
        cr_assert_eq(event_file_put_event(&buf, &event), 0);
        cr_assert_eq(event_file_put_ledger(&buf, &ledger), 0);
        return buf;
}

static int run(const char *option, const char *file) {
        char *argv[] = { (char[]){ "events" }, (char *)(uintptr_t)(option ?: file), (char *)(uintptr_t)file,
                         NULL };

        optind = 1;
        return verb_events(option ? 3 : 2, argv);
}

TestSuite(verb_events, .init = cr_redirect_stdout);

Test(verb_events, lines_and_the_ledger) {
        struct buf buf = whole_file();

        setenv("TZ", "UTC", 1);
        cr_expect_eq(run(NULL, path_of(&buf)), 0);
        fflush(stdout);
        cr_expect_stdout_eq_str(
                "00:00:00.000000 sh[5] getpid() SECCOMP_RET_KILL_THREAD -> no answer\n"
                "ledger: received 1 = answered 1 + gone 0 + pending 0; recorded 1, dropped 0\n");
        buf_deinit(&buf);
}

static const struct {
        const char *what;
        size_t cut;      /* bytes taken off the end */
        const char *add; /* put there instead */
        int code;
} rows[] = {
        { "whole", 0, "", 0 },
        { "cut", 1, "", EXIT_INCOMPLETE },
        { "bytes after the ledger", 0, "x", EXIT_USAGE },
        { "empty", 1000, "", EXIT_INCOMPLETE },
        { "something else", 1000, "#!/bin/sh", EXIT_USAGE },
};

Test(verb_events, exit_codes) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct buf buf = whole_file();

                buf.n = rows[i].cut < buf.n ? buf.n - rows[i].cut : 0;
                buf_puts(&buf, rows[i].add);
                cr_expect_eq(run(NULL, path_of(&buf)), rows[i].code, "%s", rows[i].what);
                cr_expect_eq(run("--json", path_of(&buf)), rows[i].code, "%s", rows[i].what);
                buf_deinit(&buf);
        }
        cr_expect_eq(run(NULL, "/no/such/file"), EXIT_USAGE);
        cr_expect_eq(run(NULL, "/"), EXIT_USAGE);
        cr_expect_eq(run("one", "two"), EXIT_USAGE);
        cr_expect_eq(run("--nope", "x"), EXIT_USAGE);
        cr_expect_eq(run("--help", "x"), 0);
}
