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
        cr_expect_eq(run("one", "two"), EXIT_USAGE);
        cr_expect_eq(run("--label=nothing", "x"), EXIT_USAGE);
        cr_expect_eq(run("--session=x", "x"), EXIT_USAGE);
        cr_expect_eq(run("--nope", "x"), EXIT_USAGE);
        cr_expect_eq(run("--help", "x"), 0);
}

/* ---- files of a service ---- */

static struct buf service_file(unsigned node) {
        struct ledger ledger = { .received = 6, .answered = 6, .recorded = 6, .written = 6 };
        struct buf buf = BUF_INIT(0);
        char name[16];

        event_file_put_header(&buf, "callgated", 1);
        for (unsigned i = 1; i <= 2; i++) {
                struct event event = {
                        .count = 3, .pid = 5, .tid = 5, .arch = 0xc000003e, .nr = 39, .source = i
                };
                struct event_source source = { .number = i, .uid = 0, .mode = WIRE_MODE_DRY_RUN };

                strcpy(event.comm, "a b");
                snprintf(name, sizeof(name), "n%u", node);
                labels_set(&source.labels, "node", name);
                snprintf(name, sizeof(name), "pod-%u", i);
                labels_set(&source.labels, "pod", name);
                cr_assert_eq(event_file_put_source(&buf, &source), 0);
                cr_assert_eq(event_file_put_event(&buf, &event), 0);
                cr_assert_eq(event_file_put_ended(&buf, i, &(struct ledger){ .received = 3 }), 0);
                event_source_deinit(&source);
        }
        cr_assert_eq(event_file_put_ledger(&buf, &ledger), 0);
        return buf;
}

Test(verb_events, a_table_with_pods) {
        struct buf buf = service_file(1);

        setenv("TZ", "UTC", 1);
        cr_expect_eq(run("--pod=*-2", path_of(&buf)), 0);
        fflush(stdout);
        cr_expect_stdout_eq_str(
                "K8S.NODE     K8S.NAMESPACE K8S.PODNAME          K8S.CONTAINERNAME COMM                PID  "
                "  "
                " TID CODE                     SYSCALL         SESSION COUNT TIME            ARGS\n"
                "n1           -             pod-2                -                 a_b                   5  "
                "  "
                "   5 SECCOMP_RET_KILL_THREAD  getpid                2     3 -               -\n"
                "ledger: received 6 = answered 6 + gone 0 + pending 0; recorded 6, dropped 0, events "
                "written "
                "6\n");
        buf_deinit(&buf);
}

static void put_file(const char *folder, const char *name, const struct buf *buf) {
        char file[128];
        FILE *to;

        snprintf(file, sizeof(file), "%s/%s", folder, name);
        to = fopen(file, "we");
        cr_assert_not_null(to);
        cr_assert_eq(fwrite(buf->data, 1, buf->n, to), buf->n);
        fclose(to);
}

/* In the order they were written; what is no event file is left out. */
Test(verb_events, a_folder_of_rotated_files) {
        static const char *const names[] = { "a.events.10", "a.events.2", "a.events", "b.events" };
        char folder[] = "/tmp/callgate-events.XXXXXX", command[64];
        struct buf other = BUF_INIT(0);
        char *line = NULL, all[4096] = "";
        size_t size = 0;
        FILE *out;

        cr_assert_not_null(mkdtemp(folder));
        cr_expect_eq(run(NULL, folder), EXIT_USAGE, "nothing in it");
        buf_puts(&other, "something else\n");
        put_file(folder, "readme", &other);
        for (unsigned i = 0; i < 4; i++) {
                struct buf buf = service_file(i);

                put_file(folder, names[i], &buf);
                buf_deinit(&buf);
        }
        cr_expect_eq(run("--session=1", folder), 0);
        fflush(stdout);
        out = cr_get_redirected_stdout();
        while (getline(&line, &size, out) > 0)
                if (line[0] == 'n' || strncmp(line, "ledger", 6) == 0)
                        strncat(all, line, line[0] == 'n' ? 2 : 19);
        cr_expect_str_eq(all, "n0n1n2n3ledger: received 24");
        free(line);
        buf_deinit(&other);
        snprintf(command, sizeof(command), "rm -r %s", folder);
        cr_expect_eq(system(command), 0);
}
