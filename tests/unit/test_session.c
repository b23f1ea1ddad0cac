/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "policy/filter.h"
#include "policy/native/read.h"
#include "proto/event_file.h"
#include "supervisor/policing.h"
#include "supervisor/session.h"
#include "syscalls/names.h"
#include "tests/fakes/fake_kernel.h"

static struct fake_kernel fake;

static void setup(void) {
        fake_kernel_init(&fake);
}

static void teardown(void) {
        fake_kernel_deinit(&fake);
}

TestSuite(session, .init = setup, .fini = teardown);

static int open_nothing(void) {
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static struct session *start(enum wire_mode mode, const struct filter *filter, int sink_fd) {
        struct session_options options = { .mode = mode, .filter = filter, .label = "test" };
        struct session *session;

        cr_assert_eq(session_new(&fake.kernel, open_nothing(), sink_fd, &options, &session), 0);
        return session;
}

/* Steps until the end; returns how many steps handled a call. */
static size_t run(struct session *session) {
        size_t n = 0;
        int r;

        while ((r = session_step(session)) != SESSION_E_ENDED) {
                cr_assert(r == 0 || r == SESSION_E_IDLE || r == -EINTR, "step gave %d", r);
                n += r == 0;
        }
        return n;
}

static struct ledger ledger_of(struct session *session) {
        struct ledger ledger;

        session_ledger(session, &ledger);
        cr_assert_eq(ledger.received, ledger.answered + ledger.gone + ledger.pending);
        cr_assert_eq(ledger.received, ledger.recorded + ledger.dropped);
        return ledger;
}

/* ERRNO(EACCES) for mkdir, KILL for reboot, ERRNO(EPERM) for personality(8) only, the rest allowed. */
static struct filter example(void) {
        static struct sock_filter insns[] = {
                { BPF_LD | BPF_W | BPF_ABS, 0, 0, 0 },
                { BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_mkdir },
                { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EACCES },
                { BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_reboot },
                { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS },
                { BPF_JMP | BPF_JEQ | BPF_K, 0, 3, SYS_personality },
                { BPF_LD | BPF_W | BPF_ABS, 0, 0, 16 },
                { BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 8 },
                { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM },
                { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW },
        };

        return (struct filter){ insns, sizeof(insns) / sizeof(insns[0]) };
}

Test(session, equal_calls_make_one_row_and_are_read_once) {
        struct session *session = start(WIRE_MODE_RECORD, NULL, -1);
        struct event row;

        for (int i = 0; i < 1000; i++)
                fake_kernel_call(&fake, 812, AUDIT_ARCH_X86_64, SYS_getppid, NULL, FAKE_LIVES);
        cr_assert_eq(run(session), 1000);
        cr_assert_eq(ledger_of(session).answered, 1000);
        cr_assert_eq(session_row(session, 0, &row), 0);
        cr_assert_eq(row.count, 1000);
        cr_assert_str_eq(row.comm, "nginx");
        cr_assert_str_eq(row.exe, "/usr/sbin/nginx");
        cr_assert_eq(row.pid, 812);
        cr_assert_eq(row.uid, 33);
        cr_assert_str_eq(row.object, "/usr/sbin/nginx");
        cr_assert_eq(row.object_offset, 0x1010);
        cr_assert_lt(row.first_ns, row.last_ns);
        cr_assert_eq(session_row(session, 1, &row), SESSION_E_IDLE);
        cr_assert_eq(fake.n_memory_reads, 0);
        cr_assert_eq(fake.n_comm_reads, 1);
        session_free(session);
}

Test(session, dry_run_continues_whatever_the_verdict) {
        struct filter filter = example();
        struct session *session = start(WIRE_MODE_DRY_RUN, &filter, -1);
        struct fake_call *killed =
                fake_kernel_call(&fake, 7, AUDIT_ARCH_X86_64, SYS_reboot, NULL, FAKE_LIVES);
        struct fake_call *refused =
                fake_kernel_call(&fake, 7, AUDIT_ARCH_X86_64, SYS_mkdir, NULL, FAKE_LIVES);
        struct event row;

        run(session);
        cr_assert_eq(killed->answer.flags, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
        cr_assert_eq(refused->answer.flags, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
        session_row(session, 0, &row);
        cr_assert_eq(row.verdict, SECCOMP_RET_KILL_PROCESS);
        session_row(session, 1, &row);
        cr_assert_eq(row.verdict, SECCOMP_RET_ERRNO | EACCES);
        session_free(session);
}

Test(session, enforce_answers_what_the_profile_says) {
        struct filter filter = example();
        struct session *session = start(WIRE_MODE_ENFORCE, &filter, -1);
        struct fake_call *mkdir_call =
                fake_kernel_call(&fake, 7, AUDIT_ARCH_X86_64, SYS_mkdir, NULL, FAKE_LIVES);
        struct fake_call *refused = fake_kernel_call(&fake, 7, AUDIT_ARCH_X86_64, SYS_personality,
                                                     (uint64_t[6]){ 8 }, FAKE_LIVES);
        struct fake_call *allowed = fake_kernel_call(&fake, 7, AUDIT_ARCH_X86_64, SYS_personality,
                                                     (uint64_t[6]){ 9 }, FAKE_LIVES);
        struct fake_call *kernels =
                fake_kernel_call(&fake, 7, AUDIT_ARCH_X86_64, SYS_reboot, NULL, FAKE_LIVES);
        struct event row;

        run(session);
        cr_assert_eq(mkdir_call->answer.error, -EACCES);
        cr_assert_eq(mkdir_call->answer.flags, 0);
        cr_assert_eq(refused->answer.error, -EPERM);
        cr_assert_eq(allowed->answer.flags, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
        cr_assert_eq(kernels->answer.error, -EPERM, "an enforcing session fails closed");
        cr_assert_eq(ledger_of(session).errors, 1);
        session_row(session, 2, &row);
        cr_assert(row.flags & EVENT_OBSERVED);
        session_free(session);
}

Test(session, vanished_calls_are_counted_not_errors) {
        struct session *session = start(WIRE_MODE_RECORD, NULL, -1);
        struct ledger ledger;
        struct event row;

        fake_kernel_call(&fake, 1, AUDIT_ARCH_X86_64, SYS_getppid, NULL, FAKE_LIVES);
        fake_kernel_call(&fake, 1, AUDIT_ARCH_X86_64, SYS_getppid, NULL, FAKE_ABORTED);
        fake_kernel_call(&fake, 1, AUDIT_ARCH_X86_64, SYS_getppid, NULL, FAKE_ABORTED);
        fake_kernel_call(&fake, 1, AUDIT_ARCH_X86_64, SYS_getppid, NULL, FAKE_GONE_AT_ANSWER);
        fake.receive_error = -EINTR;
        cr_assert_eq(run(session), 2);
        ledger = ledger_of(session);
        cr_assert_eq(ledger.received, 2);
        cr_assert_eq(ledger.gone, 1);
        cr_assert_eq(ledger.interrupted, 2, "the gap in the ids tells");
        cr_assert_eq(fake.n_unknown_answers, 0);
        session_row(session, 0, &row);
        cr_assert_eq(row.count, 2);
        session_free(session);
}

Test(session, memory_of_a_vanished_task_is_not_believed) {
        struct session *session = start(WIRE_MODE_RECORD, NULL, -1);
        uint64_t args[6] = { (uint64_t)-100, FAKE_MEMORY_BASE, 0 };
        struct event row;

        strcpy(fake.memory, "/etc/passwd");
        fake_kernel_call(&fake, 1, AUDIT_ARCH_X86_64, SYS_openat, args, FAKE_GONE_AT_CONFIRM);
        run(session);
        session_row(session, 0, &row);
        cr_assert_eq(row.flags & EVENT_DETAIL_OK, 0);
        cr_assert_str_eq(row.detail, "");
        cr_assert_str_eq(row.exe, "");
        session_free(session);
}

Test(session, a_row_is_described_by_the_first_task_that_stays) {
        struct session *session = start(WIRE_MODE_RECORD, NULL, -1);
        uint64_t args[6] = { (uint64_t)-100, FAKE_MEMORY_BASE, 0 };
        struct event row;

        strcpy(fake.memory, "/etc/passwd");
        fake_kernel_call(&fake, 1, AUDIT_ARCH_X86_64, SYS_openat, args, FAKE_GONE_AT_CONFIRM);
        fake_kernel_call(&fake, 1, AUDIT_ARCH_X86_64, SYS_openat, args, FAKE_LIVES);
        run(session);
        session_row(session, 0, &row);
        cr_assert(strstr(row.detail, "\"/etc/passwd\""), "%s", row.detail);
        cr_assert_eq(row.count, 2);
        session_free(session);
}

Test(session, arguments_of_32_bit_calls_are_masked) {
        struct session *session = start(WIRE_MODE_RECORD, NULL, -1);
        struct event row;

        fake_kernel_call(&fake, 1, AUDIT_ARCH_I386, 39, (uint64_t[6]){ 0xffffffff00000001, UINT64_MAX },
                         FAKE_LIVES);
        run(session);
        session_row(session, 0, &row);
        cr_assert_eq(row.args[0], 1);
        cr_assert_eq(row.args[1], UINT32_MAX);
        session_free(session);
}

Test(session, a_name_is_read_again_after_execve) {
        struct session *session = start(WIRE_MODE_RECORD, NULL, -1);
        struct event row;

        fake.comm = "sh\n";
        fake_kernel_call(&fake, 1, AUDIT_ARCH_X86_64, SYS_execve, NULL, FAKE_LIVES);
        fake_kernel_call(&fake, 1, AUDIT_ARCH_X86_64, SYS_brk, NULL, FAKE_LIVES);
        cr_assert_eq(session_step(session), 0);
        fake.comm = "ls\n";
        cr_assert_eq(session_step(session), 0);
        session_row(session, 0, &row);
        cr_assert_str_eq(row.comm, "sh");
        session_row(session, 1, &row);
        cr_assert_str_eq(row.comm, "ls");
        session_free(session);
}

Test(session, names_are_not_kept_where_execve_goes_unseen) {
        struct filter filter = example();
        struct session *session = start(WIRE_MODE_DRY_RUN, &filter, -1);

        for (int i = 0; i < 5; i++)
                fake_kernel_call(&fake, 1, AUDIT_ARCH_X86_64, SYS_mkdir, NULL, FAKE_LIVES);
        run(session);
        cr_assert_eq(fake.n_comm_reads, 5);
        session_free(session);
}

Test(session, unknown_architectures_and_numbers_are_kept) {
        struct session *session = start(WIRE_MODE_RECORD, NULL, -1);
        struct event row;

        fake_kernel_call(&fake, 1, 0x12345678, 99, NULL, FAKE_LIVES);
        fake_kernel_call(&fake, 1, AUDIT_ARCH_X86_64, 0x40000001, NULL, FAKE_LIVES);
        fake_kernel_call(&fake, 1, AUDIT_ARCH_X86_64, -1, NULL, FAKE_LIVES);
        cr_assert_eq(run(session), 3);
        cr_assert_eq(session_row(session, 0, &row), 0);
        cr_assert_eq(row.arch, 0x12345678);
        cr_assert_eq(session_row(session, 1, &row), 0);
        cr_assert_eq(row.nr, 0x40000001);
        cr_assert_eq(session_row(session, 2, &row), 0);
        cr_assert_eq(row.nr, UINT32_MAX);
        session_free(session);
}

Test(session, events_are_streamed_and_the_stream_ends_with_the_ledger) {
        int fd = memfd_create("events", MFD_CLOEXEC), copy = dup(fd);
        struct session *session = start(WIRE_MODE_RECORD, NULL, fd);
        struct event_file *file;
        struct event event;
        size_t n = 0;
        int r;

        for (int i = 0; i < 5000; i++)
                fake_kernel_call(&fake, 812, AUDIT_ARCH_X86_64, SYS_getppid, NULL, FAKE_LIVES);
        run(session);
        session_finish(session);
        cr_assert_eq(ledger_of(session).written, 5000);
        lseek(copy, 0, SEEK_SET);
        cr_assert_eq(event_file_open(copy, &file), 0);
        cr_assert_str_eq(event_file_label(file), "test");
        while ((r = event_file_next(file, &event)) == 0)
                n++;
        cr_assert_eq(r, EVENT_FILE_E_END);
        cr_assert_eq(n, 5000);
        cr_assert_eq(event_file_ledger(file)->received, 5000);
        event_file_close(file);
        session_free(session);
}

Test(session, a_sink_that_takes_nothing_never_delays_a_call) {
        int fds[2];
        struct session *session;
        struct ledger ledger;

        signal(SIGPIPE, SIG_IGN); /* as callgated does */
        cr_assert_eq(pipe(fds), 0);
        session = start(WIRE_MODE_RECORD, NULL, fds[1]);
        for (int i = 0; i < 150000; i++)
                fake_kernel_call(&fake, 812, AUDIT_ARCH_X86_64, SYS_getppid, NULL, FAKE_LIVES);
        cr_assert_eq(run(session), 150000, "nobody reads the pipe, and every call was answered");
        close(fds[0]);
        session_finish(session);
        ledger = ledger_of(session);
        cr_assert_gt(ledger.unwritten, 0, "what could not be written is said");
        cr_assert_eq(ledger.recorded, 150000, "rows do not depend on the stream");
        session_free(session);
}

/* ---- for the publisher ---- */

static void call(int nr) {
        fake_kernel_call(&fake, 812, AUDIT_ARCH_X86_64, nr, NULL, FAKE_LIVES);
}

Test(session, rows_are_taken_once_and_then_what_was_added) {
        struct session *session = start(WIRE_MODE_RECORD, NULL, -1);
        struct event row;
        size_t cursor = 0;
        bool is_new;

        for (int i = 0; i < 5; i++)
                call(SYS_getppid);
        call(SYS_getpid);
        run(session);
        cr_assert_eq(session_take_row(session, &cursor, &row, &is_new), 0);
        cr_assert_eq(row.nr, SYS_getppid);
        cr_assert_eq(row.count, 5);
        cr_assert(is_new);
        cr_assert_eq(session_take_row(session, &cursor, &row, &is_new), 0);
        cr_assert_eq(row.nr, SYS_getpid);
        cr_assert_eq(session_take_row(session, &cursor, &row, &is_new), SESSION_E_IDLE);
        call(SYS_getpid);
        call(SYS_getpid);
        run(session);
        cursor = 0;
        cr_assert_eq(session_take_row(session, &cursor, &row, &is_new), 0);
        cr_assert_eq(row.nr, SYS_getpid);
        cr_assert_eq(row.count, 2);
        cr_assert_not(is_new);
        cr_assert_eq(session_take_row(session, &cursor, &row, &is_new), SESSION_E_IDLE);
        cr_assert_eq(session_row(session, 1, &row), 0);
        cr_assert_eq(row.count, 3, "snapshots see all");
        session_free(session);
}

static size_t count_records(const struct buf *records) {
        int fd = memfd_create("records", MFD_CLOEXEC);
        struct event_file *file;
        struct event event;
        struct buf header = BUF_INIT(0);
        size_t n = 0;
        int r;

        event_file_put_header(&header, "records", 0);
        cr_assert_eq(write(fd, header.data, header.n), (ssize_t)header.n);
        cr_assert_eq(write(fd, records->data, records->n), (ssize_t)records->n);
        lseek(fd, 0, SEEK_SET);
        cr_assert_eq(event_file_open(fd, &file), 0);
        while ((r = event_file_next(file, &event)) == 0)
                n++;
        cr_assert_eq(r, EVENT_FILE_E_TRUNCATED, "whole records and no ledger");
        event_file_close(file);
        buf_deinit(&header);
        return n;
}

Test(session, a_stream_is_taken_whole_records_at_a_time_and_says_what_it_lost) {
        struct session *session = start(WIRE_MODE_RECORD, NULL, -1);
        struct buf taken = BUF_INIT(0);
        uint64_t lost;

        call(SYS_getppid);
        run(session);
        cr_assert_eq(session_take_stream(session, &taken, &lost), SESSION_E_IDLE, "nobody asked before");
        cr_assert_eq(session_stream(session, 4096), 0);
        for (int i = 0; i < 200; i++)
                call(SYS_getppid);
        run(session);
        cr_assert_eq(session_take_stream(session, &taken, &lost), 0);
        cr_assert_leq(taken.n, 4096);
        cr_assert_gt(lost, 0);
        cr_assert_eq(count_records(&taken) + lost, 200);
        buf_reset(&taken);
        cr_assert_eq(session_take_stream(session, &taken, &lost), SESSION_E_IDLE);
        call(SYS_getppid);
        run(session);
        cr_assert_eq(session_take_stream(session, &taken, &lost), 0, "there is room again");
        cr_assert_eq(lost, 0);
        cr_assert_eq(count_records(&taken), 1);
        session_stream(session, 0);
        call(SYS_getppid);
        run(session);
        buf_reset(&taken);
        cr_assert_eq(session_take_stream(session, &taken, &lost), SESSION_E_IDLE);
        buf_deinit(&taken);
        session_free(session);
}

/* ---- another mode ---- */

Test(session, another_mode_holds_from_the_next_call_on) {
        struct filter filter = example();
        struct session *session = start(WIRE_MODE_RECORD, NULL, -1);
        struct session_options enforce = { .mode = WIRE_MODE_ENFORCE, .filter = &filter },
                               dry_run = { .mode = WIRE_MODE_DRY_RUN, .filter = &filter };
        struct fake_call *before, *refused, *after;
        struct event row;

        before = fake_kernel_call(&fake, 7, AUDIT_ARCH_X86_64, SYS_mkdir, NULL, FAKE_LIVES);
        run(session);
        cr_assert_eq(session_change(session, &enforce), 0);
        refused = fake_kernel_call(&fake, 7, AUDIT_ARCH_X86_64, SYS_mkdir, NULL, FAKE_LIVES);
        run(session);
        cr_assert_eq(session_change(session, &dry_run), 0);
        after = fake_kernel_call(&fake, 7, AUDIT_ARCH_X86_64, SYS_mkdir, NULL, FAKE_LIVES);
        run(session);
        cr_assert_eq(before->answer.flags, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
        cr_assert_eq(refused->answer.error, -EACCES);
        cr_assert_eq(after->answer.flags, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
        cr_assert_eq(session_row(session, 0, &row), 0);
        cr_assert_eq(row.verdict, SECCOMP_RET_USER_NOTIF);
        cr_assert_eq(session_row(session, 1, &row), 0);
        cr_assert_eq(row.verdict, SECCOMP_RET_ERRNO | EACCES);
        session_free(session);
}

static struct policing *policing_beside(struct policing *old, const char *text) {
        struct diags diags = { 0 };
        struct policy *policy;
        struct policing *policing;
        char error[256] = "";
        int r;

        cr_assert_eq(policy_read(text, strlen(text), NULL, &diags, &policy), 0);
        diags_deinit(&diags);
        r = old ? policing_new_beside(old, policy, &policing, error, sizeof(error))
                : policing_new(policy, NULL, &policing, error, sizeof(error));
        cr_assert_eq(r, 0, "%s", error);
        return policing;
}

static struct policing *policing_of(const char *text) {
        return policing_beside(NULL, text);
}

Test(session, policies_come_change_and_go) {
        struct session *session = start(WIRE_MODE_RECORD, NULL, -1);
        struct session_options policy = { .mode = WIRE_MODE_POLICY }, record = { .mode = WIRE_MODE_RECORD };
        static const int errors[] = { EACCES, EBUSY };
        struct fake_call *asked;
        struct policing *first = NULL;
        char text[256];

        for (size_t i = 0; i < 2; i++) {
                snprintf(text, sizeof(text),
                         "version: 1\nrules:\n  - { name: refused, syscalls: getppid, do: { errno: %s } }\n",
                         i == 0 ? "EACCES" : "EBUSY");
                policy.policing = policing_of(text);
                cr_assert_eq(session_change(session, &policy), 0);
                cr_assert(i == 0 || session->policing == first, "what it remembers is kept");
                first = session->policing;
                asked = fake_kernel_call(&fake, 7, AUDIT_ARCH_X86_64, SYS_getppid, NULL, FAKE_LIVES);
                run(session);
                cr_assert_eq(asked->answer.error, -errors[i]);
        }
        cr_assert_eq(session_change(session, &record), 0);
        asked = fake_kernel_call(&fake, 7, AUDIT_ARCH_X86_64, SYS_getppid, NULL, FAKE_LIVES);
        run(session);
        cr_assert_eq(asked->answer.flags, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
        cr_assert_eq(ledger_of(session).received, 3);
        session_free(session);
}

/* One session at a time has a file that an emulation keeps its state in: the session itself may have it in
 * the next policy as well. */
Test(session, what_emulations_remember_goes_with_the_session) {
        static const char *const policies[] = {
                "version: 1\nrules:\n  - { name: root, do: { emulate: { root: { state: %s/one } } } }\n",
                "version: 1\nrules:\n  - { name: again, do: { emulate: { root: { state: %s/one } } } }\n",
                "version: 1\nrules:\n  - { name: other, do: { emulate: { root: { state: %s/two } } } }\n",
                "version: 1\nrules:\n  - { name: none, syscalls: getppid, do: allow }\n",
                "version: 1\nrules:\n  - { name: back, do: { emulate: { root: { state: %s/one } } } }\n",
        };
        char folder[] = "/tmp/callgate-session.XXXXXX", text[256], path[64];
        struct session *session = start(WIRE_MODE_RECORD, NULL, -1);
        void *remembered = NULL;

        cr_assert_not_null(mkdtemp(folder));
        for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
                struct session_options policy = { .mode = WIRE_MODE_POLICY };

                snprintf(text, sizeof(text), policies[i], folder);
                policy.policing = policing_beside(session->policing, text);
                cr_assert_eq(session_change(session, &policy), 0);
                remembered = remembered ? remembered : policing_state(session->policing, "root", NULL);
        }
        cr_assert_not_null(remembered);
        cr_assert_eq(policing_state(session->policing, "root", NULL), remembered);
        session_free(session);
        for (int i = 0; i < 2; i++) {
                snprintf(path, sizeof(path), "%s/%s", folder, i ? "two" : "one");
                cr_expect_eq(unlink(path), 0);
        }
        cr_expect_eq(rmdir(folder), 0);
}

/* ---- memory that makes its reader wait ---- */

static struct session *looked_at;
static long (*read_as_usual)(void *data, uint32_t tid, uint64_t address, void *bytes, size_t n);

static long read_and_look(void *data, uint32_t tid, uint64_t address, void *bytes, size_t n) {
        struct ledger ledger;
        struct event row;
        size_t cursor = 0;
        bool is_new;

        /* With the lock held this would never return. */
        session_ledger(looked_at, &ledger);
        cr_expect_eq(ledger.pending, 1);
        cr_expect_eq(session_take_row(looked_at, &cursor, &row, &is_new), SESSION_E_IDLE);
        cr_expect_eq(cursor, 0, "what is not described yet is for the next time");
        cr_expect_eq(looked_at->tally.n, looked_at->journal->header->n_rows,
                     "a successor believes every row");
        return read_as_usual(data, tid, address, bytes, n);
}

Test(session, others_may_look_while_memory_is_read, .timeout = 300) {
        struct session *session = start(WIRE_MODE_RECORD, NULL, -1);
        struct event row;
        size_t cursor = 0;
        bool is_new;

        looked_at = session;
        read_as_usual = fake.kernel.read_memory;
        fake.kernel.read_memory = read_and_look;
        strcpy(fake.memory, "/etc/passwd");
        fake_kernel_call(&fake, 812, AUDIT_ARCH_X86_64, SYS_openat, (uint64_t[6]){ 0, FAKE_MEMORY_BASE },
                         FAKE_LIVES);
        run(session);
        cr_expect_gt(fake.n_memory_reads, 0);
        cr_assert_eq(session_take_row(session, &cursor, &row, &is_new), 0);
        cr_expect(is_new);
        cr_expect_eq(row.count, 1);
        cr_expect(strstr(row.detail, "/etc/passwd"));
        session_free(session);
}
