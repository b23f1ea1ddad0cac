/* SPDX-License-Identifier: Apache-2.0 */

/* Event files of the service: rotated files are whole, nothing is followed or written to again, and what
 * cannot be written waits. */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "proto/event_file.h"
#include "supervisor/service/outlet.h"
#include "tests/unit/clock_fixture.h"

static uv_loop_t loop;
static char folder[64], path[96], name_of_outlet[] = "file";
static struct labels labels;
static struct config_outlet config;
static struct outlet *outlet;

static void setup(void) {
        strcpy(folder, "/tmp/callgate-outlet.XXXXXX");
        cr_assert_not_null(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/a.events", folder);
        config = (struct config_outlet){
                .kind = CONFIG_OUTLET_FILE, .name = name_of_outlet, .path = path, .rotate_count = 100
        };
        cr_assert_eq(uv_loop_init(&loop), 0);
        cr_assert_eq(labels_set(&labels, "pod", "web-0"), 0);
}

static void teardown(void) {
        char command[80];

        labels_deinit(&labels);
        snprintf(command, sizeof(command), "rm -r %s", folder);
        cr_assert_eq(system(command), 0);
}

TestSuite(outlet_file, .init = setup, .fini = teardown, .timeout = 300);

static void begin(void) {
        cr_assert_eq(outlet_file_new(&loop, &config, &outlet), 0);
}

static void end(void) {
        outlet->close(outlet);
        uv_run(&loop, UV_RUN_DEFAULT);
        cr_assert_eq(uv_loop_close(&loop), 0);
}

static void restart(void) {
        outlet->close(outlet);
        uv_run(&loop, UV_RUN_DEFAULT);
        begin();
}

static void give(enum publication_kind kind, uint64_t session, uint64_t calls, const struct ledger *ledger) {
        struct publication_source source = {
                .number = session, .uid = 1, .mode = WIRE_MODE_RECORD, .labels = &labels
        };
        struct event event = { .count = calls, .arch = AUDIT_ARCH_X86_64, .nr = 39, .source = session };
        struct publication publication = {
                .kind = kind, .now_ns = 1000, .source = &source, .ledger = ledger, .lost = calls
        };

        if (kind == PUBLICATION_ROW || kind == PUBLICATION_EVENT)
                publication.event = &event;
        outlet->take(outlet, &publication);
}

static struct outlet_counts counts(void) {
        struct outlet_counts ret;

        outlet->counts(outlet, &ret);
        cr_assert_eq(ret.taken, ret.delivered + ret.dropped + ret.waiting);
        return ret;
}

/* What is in a file; *ret_calls of those of known sources. How it ends, or -errno. */
static int read_file(const char *name, uint64_t *ret_calls, struct ledger *ret_ledger) {
        char file_path[128];
        struct event_file *file;
        struct event event;
        int r, fd;

        *ret_calls = 0;
        snprintf(file_path, sizeof(file_path), "%s/%s", folder, name);
        fd = open(file_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;
        r = event_file_open(fd, &file);
        if (r)
                return r;
        while ((r = event_file_next(file, &event)) == 0) {
                const struct event_source *source = event_file_source(file, event.source);

                cr_assert_not_null(source, "every file has its sources");
                cr_assert_str_eq(event_source_label(source, "pod"), "web-0");
                *ret_calls += event.count;
        }
        if (r == EVENT_FILE_E_END)
                *ret_ledger = *event_file_ledger(file);
        event_file_close(file);
        return r;
}

static bool is_claimed(const char *name) {
        char file_path[128];
        bool claimed;
        int fd;

        snprintf(file_path, sizeof(file_path), "%s/%s", folder, name);
        fd = open(file_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        claimed = event_file_is_claimed(fd);
        close(fd);
        return claimed;
}

static off_t size_of(const char *name) {
        char file_path[128];
        struct stat status;

        snprintf(file_path, sizeof(file_path), "%s/%s", folder, name);
        return stat(file_path, &status) < 0 ? -1 : status.st_size;
}

Test(outlet_file, rows_of_sessions_and_their_ends) {
        struct ledger ledger,
                last = { .received = 9, .answered = 8, .gone = 1, .recorded = 7, .dropped = 2 };
        struct stat status;
        uint64_t calls;

        umask(077);
        begin();
        give(PUBLICATION_BEGIN, 1, 0, NULL);
        give(PUBLICATION_ROW, 1, 5, NULL);
        give(PUBLICATION_ROW, 2, 1, NULL);
        give(PUBLICATION_LOST, 2, 3, NULL);
        give(PUBLICATION_ROW, 1, 2, NULL);
        give(PUBLICATION_END, 1, 0, &last);
        outlet->flush(outlet);
        cr_expect_eq(read_file("a.events", &calls, &ledger), EVENT_FILE_E_TRUNCATED, "it goes on");
        cr_expect(is_claimed("a.events"));
        cr_expect_eq(calls, 8);
        cr_expect_eq(counts().delivered, 4);
        cr_expect_eq(stat(path, &status), 0);
        cr_expect_eq(status.st_mode & 0777, 0640, "whatever the umask");
        end();
        cr_expect_eq(read_file("a.events", &calls, &ledger), EVENT_FILE_E_END);
        cr_expect_not(is_claimed("a.events"));
        cr_expect_eq(ledger.received, 8 + 3 + 2);
        cr_expect_eq(ledger.written, 8);
        cr_expect_eq(ledger.unwritten, 3);
        cr_expect_eq(ledger.dropped, 2);
}

static const struct {
        const char *what;
        uint64_t bytes, age_ns;
        unsigned count, n_rows, flush_every;
        bool json;
} rotations[] = {
        { "by size", 2000, 0, 100, 500, 7, false },
        { "by size, a flush for each row", 1000, 0, 100, 100, 1, false },
        { "by size, few kept", 1500, 0, 3, 500, 10, false },
        { "by size, none kept", 1500, 0, 0, 500, 10, false },
        { "by age", 0, 1, 100, 30, 3, false },
        { "JSON by size", 4096, 0, 100, 100, 5, true },
};

static void check_rotation(size_t row) {
        uint64_t calls, all = 0, received = 0;
        unsigned n = 0;

        for (unsigned i = 0; i <= 200; i++) {
                struct ledger ledger = { 0 };
                char name[32];
                int r;

                snprintf(name, sizeof(name), i > 0 ? "a.events.%u" : "a.events", i);
                if (size_of(name) < 0)
                        continue;
                n++;
                if (rotations[row].bytes > 0)
                        cr_expect_leq(size_of(name), (off_t)rotations[row].bytes, "%s", rotations[row].what);
                if (rotations[row].json)
                        continue;
                r = read_file(name, &calls, &ledger);
                cr_expect_eq(r, EVENT_FILE_E_END, "%s: %s ends with %d", rotations[row].what, name, r);
                cr_expect_eq(ledger.written, calls, "%s: %s", rotations[row].what, name);
                all += calls;
                received += ledger.received;
        }
        cr_expect_gt(n, rotations[row].count == 0 ? 0 : 2, "%s", rotations[row].what);
        cr_expect_leq(n, rotations[row].count + 1, "%s", rotations[row].what);
        if (rotations[row].count == 100 && !rotations[row].json) {
                cr_expect_eq(all, 2 * rotations[row].n_rows, "%s", rotations[row].what);
                cr_expect_eq(received, all);
        }
}

Test(outlet_file, rotated_files_are_whole) {
        for (size_t row = 0; row < sizeof(rotations) / sizeof(rotations[0]); row++) {
                if (row > 0) {
                        teardown();
                        setup();
                }
                config.rotate_bytes = rotations[row].bytes;
                config.rotate_ns = rotations[row].age_ns;
                config.rotate_count = rotations[row].count;
                config.json = rotations[row].json;
                begin();
                for (unsigned i = 0; i < rotations[row].n_rows; i++) {
                        give(PUBLICATION_ROW, 1 + i % 3, 2, NULL);
                        if (i % rotations[row].flush_every == 0)
                                outlet->flush(outlet);
                }
                end();
                check_rotation(row);
        }
}

Test(outlet_file, a_predecessors_file_is_never_written_to_again) {
        struct ledger ledger;
        uint64_t calls;
        int fd;

        begin();
        give(PUBLICATION_ROW, 1, 1, NULL);
        restart();
        give(PUBLICATION_ROW, 1, 2, NULL);
        end();
        cr_expect_eq(read_file("a.events.1", &calls, &ledger), EVENT_FILE_E_END);
        cr_expect_eq(calls, 1);
        cr_expect_eq(read_file("a.events", &calls, &ledger), EVENT_FILE_E_END);
        cr_expect_eq(calls, 2);

        /* One that was cut off stays as it is. */
        fd = open(path, O_WRONLY | O_CLOEXEC);
        cr_assert_eq(ftruncate(fd, size_of("a.events") - 3), 0);
        close(fd);
        cr_assert_eq(uv_loop_init(&loop), 0);
        begin();
        give(PUBLICATION_ROW, 1, 3, NULL);
        end();
        cr_expect_eq(read_file("a.events.1", &calls, &ledger), EVENT_FILE_E_TRUNCATED);
        cr_expect_eq(calls, 2);
        cr_expect_eq(read_file("a.events.2", &calls, &ledger), EVENT_FILE_E_END);
        cr_expect_eq(read_file("a.events", &calls, &ledger), EVENT_FILE_E_END);
        cr_expect_eq(calls, 3);
}

/* Whoever may write to the folder leaves a link where we write. */
Test(outlet_file, links_are_not_followed) {
        char victim[96];
        struct ledger ledger;
        struct stat status;
        uint64_t calls;
        int fd;

        snprintf(victim, sizeof(victim), "%s/victim", folder);
        fd = open(victim, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        cr_assert_eq(write(fd, "precious", 8), 8);
        close(fd);
        cr_assert_eq(symlink(victim, path), 0);
        begin();
        give(PUBLICATION_ROW, 1, 1, NULL);
        end();
        cr_expect_eq(size_of("victim"), 8);
        cr_assert_eq(stat(victim, &status), 0);
        cr_expect_eq(status.st_mode & 0777, 0600);
        cr_expect_eq(read_file("a.events", &calls, &ledger), EVENT_FILE_E_END);
}

Test(outlet_file, somebody_elses_rotation) {
        char other[96];
        struct ledger ledger;
        uint64_t calls;

        snprintf(other, sizeof(other), "%s/moved", folder);
        clock_hold();
        begin();
        give(PUBLICATION_ROW, 1, 1, NULL);
        outlet->flush(outlet);
        cr_assert_eq(rename(path, other), 0);
        clock_pass(1100); /* it is looked for once a second */
        outlet->flush(outlet);
        outlet->flush(outlet);
        clock_release();
        give(PUBLICATION_ROW, 1, 2, NULL);
        end();
        cr_expect_eq(read_file("moved", &calls, &ledger), EVENT_FILE_E_END);
        cr_expect_eq(calls, 1);
        cr_expect_eq(read_file("a.events", &calls, &ledger), EVENT_FILE_E_END);
        cr_expect_eq(calls, 2);
}

Test(outlet_file, a_folder_that_comes_later) {
        char missing[96];
        struct ledger ledger;
        uint64_t calls;

        snprintf(missing, sizeof(missing), "%s/not/yet.events", folder);
        config.path = missing;
        begin();
        cr_expect_not(counts().healthy);
        cr_expect(strstr(counts().problem, "No such file"), "%s", counts().problem);
        give(PUBLICATION_ROW, 1, 4, NULL);
        outlet->flush(outlet);
        cr_expect_eq(counts().waiting, 1);
        snprintf(missing, sizeof(missing), "%s/not", folder);
        cr_assert_eq(mkdir(missing, 0700), 0);
        end();
        cr_expect_eq(read_file("not/yet.events", &calls, &ledger), EVENT_FILE_E_END);
        cr_expect_eq(calls, 4);
}

/* A limit of the process plays a full disk; the file is on a whole record all the time. */
Test(outlet_file, a_full_disk) {
        struct rlimit limit;
        uint64_t calls, all = 0;
        struct ledger ledger;
        unsigned n = 0;

        signal(SIGXFSZ, SIG_IGN);
        begin();
        cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
        limit.rlim_cur = 3000;
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        while (counts().healthy && n < 10000) {
                give(PUBLICATION_ROW, 1, 1, NULL);
                outlet->flush(outlet);
                n++;
        }
        cr_expect_gt(n, 20);
        cr_expect(strstr(counts().problem, "cannot be written"), "%s", counts().problem);
        cr_expect_eq(read_file("a.events", &calls, &ledger), EVENT_FILE_E_TRUNCATED);
        cr_expect_eq(calls, counts().delivered);
        for (unsigned i = 0; i < 300000; i++) {
                give(PUBLICATION_ROW, 1, 1, NULL);
                n++;
        }
        cr_expect_gt(counts().dropped, 0, "it does not wait in memory for ever");
        cr_expect_leq(counts().bytes_waiting, 8u << 20);
        all = counts().dropped;
        limit.rlim_cur = limit.rlim_max;
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        end();
        cr_expect_eq(read_file("a.events", &calls, &ledger), EVENT_FILE_E_END);
        cr_expect_eq(calls + all, n);
        cr_expect_eq(ledger.unwritten, all);
        cr_expect_eq(ledger.received, n, "what is missing is said");
}
