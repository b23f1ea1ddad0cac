/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervisor/session.h"
#include "tests/fakes/fake_kernel.h"

#define RUNTIME 100 /* process that loaded the filter */
#define CHILD   200 /* of the program */

static struct fake_kernel fake;
static struct stage stage;

static void setup(void) {
        fake_kernel_init(&fake);
}

static void teardown(void) {
        fake_kernel_deinit(&fake);
}

TestSuite(stage, .init = setup, .fini = teardown);

static void say(uint32_t tid, const char *name, const char *contents) {
        for (size_t i = 0; i < fake.n_procs; i++)
                if (fake.procs[i].tid == tid && strcmp(fake.procs[i].name, name) == 0) {
                        fake.procs[i].contents = contents;
                        return;
                }
        fake.procs[fake.n_procs++] = (struct fake_proc){ tid, name, contents };
}

/* A task: its name, its program, and whether its root has that program. */
static void task(uint32_t tid, const char *comm, const char *program) {
        static char status[8][64];

        snprintf(status[tid / 100 % 8], sizeof(status[0]), "Name:\tx\nTgid:\t%u\nUid:\t0\t0\t0\t0\n", tid);
        say(tid, "comm", comm);
        say(tid, "auxv", program);
        say(tid, "status", status[tid / 100 % 8]);
        say(tid, "exe", "/");
}

static void programs_are_in_their_roots(bool yes) {
        if (fake.proc_fd >= 0)
                close(fake.proc_fd);
        fake.proc_fd = yes ? open("/dev/null", O_PATH | O_CLOEXEC) : -1;
}

static void begin(uint32_t pid) {
        stage_init(&stage, &fake.kernel, true, pid);
        stage_begin(&stage);
}

Test(stage, lasts_until_the_program_is_another) {
        task(RUNTIME, "runc:[2:INIT]\n", "runc at 5");
        begin(RUNTIME);
        cr_assert(stage_has(&stage, RUNTIME));
        cr_assert(stage_has(&stage, RUNTIME));
        task(RUNTIME, "sh\n", "sh at 7");
        cr_assert_not(stage_has(&stage, RUNTIME));
        cr_assert_eq(stage.at, STAGE_OVER);
}

Test(stage, a_name_is_no_way_back) {
        task(RUNTIME, "runc:[2:INIT]\n", "runc at 5");
        begin(RUNTIME);
        task(RUNTIME, "runc:[2:INIT]\n", "sh at 7"); /* prctl(PR_SET_NAME) */
        cr_assert_not(stage_has(&stage, RUNTIME));
        task(RUNTIME, "runc:[2:INIT]\n", "runc at 5");
        cr_assert_not(stage_has(&stage, RUNTIME), "over for good");
}

Test(stage, ends_when_a_child_calls_first_after_execve) {
        task(RUNTIME, "runc:[2:INIT]\n", "runc at 5");
        begin(RUNTIME);
        task(RUNTIME, "sh\n", "sh at 7");
        task(CHILD, "runc:[2:INIT]\n", "sh at 7");
        cr_assert_not(stage_has(&stage, CHILD));
        cr_assert_eq(stage.at, STAGE_OVER);
}

Test(stage, a_hook_of_the_runtime_is_not_the_runtime_and_does_not_end_it) {
        task(RUNTIME, "runc:[2:INIT]\n", "runc at 5");
        begin(RUNTIME);
        task(CHILD, "runc:[2:INIT]\n", "runc at 5"); /* forked, on its way to execve */
        cr_assert(stage_has(&stage, CHILD));
        task(CHILD, "hook\n", "hook at 3");
        cr_assert_not(stage_has(&stage, CHILD));
        cr_assert(stage_has(&stage, RUNTIME));
}

Test(stage, a_process_named_by_the_runtime_that_went_on_already_is_the_workload) {
        task(RUNTIME, "crun\n", "crun of the image");
        programs_are_in_their_roots(true);
        begin(RUNTIME);
        cr_assert_not(stage_has(&stage, RUNTIME));
        programs_are_in_their_roots(false);
        cr_assert_not(stage_has(&stage, RUNTIME));
}

Test(stage, without_a_number_the_first_to_call_decides) {
        struct {
                const char *comm, *exe;
                bool inside, runtime;
        } rows[] = {
                { "runc:[2:INIT]\n", "/", false, true },
                { "crun\n", "/", false, true },
                { "crun\n", "/usr/bin/crun", false, true },
                { "memfd:crun_clon\n", "/memfd:crun_cloned (deleted)", false, true },
                { "memfd:runc_clon\n", "/memfd:runc_cloned:/proc/self/exe (deleted)", false, true },
                { "crun\n", "/usr/bin/crun", true, false },
                { "runc:[2:INIT]\n", "/bin/sh", true, false },
                { "runc:[2:INIT]x\n", "/", false, false },
                { "sh\n", "/", false, false },
                { "sh\n", "/bin/sh", true, false },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                task(RUNTIME, rows[i].comm, "crun at 5");
                say(RUNTIME, "exe", rows[i].exe);
                programs_are_in_their_roots(rows[i].inside);
                begin(0);
                cr_assert_eq(stage_has(&stage, RUNTIME), rows[i].runtime, "row %zu", i);
                task(CHILD, "crun\n", "other");
                say(CHILD, "exe", "/");
                programs_are_in_their_roots(false);
                cr_assert_not(stage_has(&stage, CHILD), "row %zu: a second process", i);
        }
}

Test(stage, a_number_of_another_pid_namespace_is_none) {
        task(RUNTIME, "runc:[2:INIT]\n", "runc at 5");
        say(4711, "comm", NULL);
        fake.comm = NULL;
        begin(4711);
        cr_assert_eq(stage.at, STAGE_UNSEEN);
        cr_assert(stage_has(&stage, RUNTIME));
}

Test(stage, what_cannot_be_proved_is_the_workload) {
        say(RUNTIME, "comm", "runc:[2:INIT]\n"); /* but its auxiliary vector cannot be read */
        say(RUNTIME, "exe", "/");
        begin(RUNTIME);
        cr_assert_not(stage_has(&stage, RUNTIME));
        begin(0);
        cr_assert_not(stage_has(&stage, 0), "not visible from our pid namespace");
        cr_assert_eq(stage.at, STAGE_UNSEEN);
}

Test(stage, a_session_keeps_the_runtimes_calls_apart) {
        struct session_options options = { .mode = WIRE_MODE_RECORD,
                                           .runtime = true,
                                           .runtime_pid = RUNTIME };
        struct session *session;
        struct event row;

        task(RUNTIME, "runc:[2:INIT]\n", "runc at 5");
        cr_assert_eq(
                session_new(&fake.kernel, open("/dev/null", O_RDONLY | O_CLOEXEC), -1, &options, &session),
                0);
        for (int i = 0; i < 2; i++)
                fake_kernel_call(&fake, RUNTIME, AUDIT_ARCH_X86_64, SYS_getppid, NULL, FAKE_LIVES);
        fake_kernel_call(&fake, RUNTIME, AUDIT_ARCH_X86_64, SYS_execve, NULL, FAKE_LIVES);
        for (int i = 0; i < 3; i++)
                cr_assert_eq(session_step(session), 0);
        cr_assert_eq(session_row(session, 0, &row), 0);
        cr_assert_eq(row.count, 2);
        cr_assert(row.flags & EVENT_RUNTIME);
        cr_assert_eq(session_row(session, 1, &row), 0);
        cr_assert(row.flags & EVENT_RUNTIME, "execve is its last call");

        task(RUNTIME, "runc:[2:INIT]\n", "sh at 7"); /* the same name, to be told apart all the same */
        for (int i = 0; i < 2; i++) {
                fake_kernel_call(&fake, RUNTIME, AUDIT_ARCH_X86_64, SYS_getppid, NULL, FAKE_LIVES);
                cr_assert_eq(session_step(session), 0);
        }
        cr_assert_eq(session_row(session, 2, &row), 0);
        cr_assert_eq(row.count, 2);
        cr_assert_not(row.flags & EVENT_RUNTIME);
        session_free(session);
}

/* What the filter of a runtime notifies is not known to us, so a name may be kept only after an execve. */
Test(stage, names_are_read_anew_until_an_execve_was_seen) {
        struct session_options options = { .mode = WIRE_MODE_RECORD, .runtime = true };
        struct session *session;
        struct event row;

        cr_assert_eq(
                session_new(&fake.kernel, open("/dev/null", O_RDONLY | O_CLOEXEC), -1, &options, &session),
                0);
        for (int i = 0; i < 2; i++) {
                fake.comm = i ? "sh\n" : "crun\n";
                fake_kernel_call(&fake, 7, AUDIT_ARCH_X86_64, SYS_getppid, NULL, FAKE_LIVES);
                cr_assert_eq(session_step(session), 0);
        }
        session_row(session, 1, &row);
        cr_assert_str_eq(row.comm, "sh");
        cr_assert_not(session->tasks.may_cache);
        fake_kernel_call(&fake, 7, AUDIT_ARCH_X86_64, SYS_execve, NULL, FAKE_LIVES);
        cr_assert_eq(session_step(session), 0);
        cr_assert(session->tasks.may_cache);
        session_free(session);
}
