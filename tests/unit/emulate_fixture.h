/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One call at a time through a policy, over the scripted kernel: what the task is told, and what it finds in
 * its memory. */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervisor/members.h"
#include "supervisor/policing.h"
#include "supervisor/session.h"
#include "syscalls/names.h"
#include "tests/fakes/fake_kernel.h"
#include "tests/unit/native_fixture.h"

#define AT(offset) (FAKE_MEMORY_BASE + (uint64_t)(offset))
#define NOWHERE    0x10u /* an address that is not mapped */
#define TASK       800u

static struct fake_kernel fake;
static struct session *session;
/* Nothing is made yet, and nothing to be closed: 0 is a descriptor. */
static struct call call = { .answer = { .fd = -1, .fd_at = -1 }, .view = VIEW_INIT };
static uint32_t fixture_launcher; /* before fixture_begin() */

/* The rules of a policy, a flow mapping each. */
static inline void fixture_begin_rules(const char *const *rules, size_t n) {
        struct session_options options = { .mode = WIRE_MODE_POLICY,
                                           .label = "test",
                                           .launcher = fixture_launcher };
        char error[512] = "";

        fake_kernel_init(&fake);
        cr_assert_eq(
                policing_new(fixture_rules("", rules, n), NULL, &options.policing, error, sizeof(error)), 0,
                "%s", error);
        cr_assert_eq(
                session_new(&fake.kernel, open("/dev/null", O_RDONLY | O_CLOEXEC), -1, &options, &session),
                0);
}
#define fixture_begin(...)                                                                                  \
        fixture_begin_rules((const char *[]){ __VA_ARGS__ },                                                \
                            sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(const char *))

static inline void fixture_end(void) {
        call_deinit(&call);
        session_free(session);
        fake_kernel_deinit(&fake);
}

/* What starting with these options says; NULL: it starts. */
static inline const char *fixture_refusal_with(const char *head, const char *rule) {
        static char error[512];
        struct policing *policing = NULL;

        error[0] = 0;
        if (policing_new(fixture_rules(head, &rule, 1), NULL, &policing, error, sizeof(error)) == 0) {
                policing_free(policing);
                return NULL;
        }
        return error;
}

static inline const char *fixture_refusal(const char *rule) {
        return fixture_refusal_with("", rule);
}

/* Makes the call as the task would, on a worker, so that it may wait. What policing_run() returned. */
static inline int fixture_call_of(uint32_t tid, uint32_t audit, const char *name, const uint64_t args[6],
                                  enum fake_fate fate) {
        const struct arch *arch = arch_by_audit(audit);
        int nr = syscall_number(arch, name);

        cr_assert_geq(nr, 0, "%s", name);
        call_deinit(&call);
        fake_kernel_call(&fake, tid, audit, nr, args, fate);
        call_init(&call, session, &fake.kernel, -1);
        cr_assert_eq(fake_kernel_receive(&fake, &call.notif), 0);
        call.tid = tid;
        call.arch = arch;
        call.name = syscall_name(arch, (uint32_t)nr);
        for (int i = 0; i < 6; i++)
                call.args[i] = arch->bits == 32 ? (uint32_t)args[i] : args[i];
        call.may_wait = true;
        members_see(session->members, tid);
        return policing_run(session->policing, &call, SECCOMP_RET_ALLOW);
}

/* The answer: what the call returns, -errno included; FIXTURE_CONTINUE where the kernel is to do it. */
#define FIXTURE_CONTINUE INT64_MIN
static inline int64_t fixture_answer(void) {
        switch (call.answer.kind) {
        case ANSWER_CONTINUE:
                return FIXTURE_CONTINUE;
        case ANSWER_ERRNO:
                return -call.answer.value;
        case ANSWER_VALUE:
                return call.answer.value;
        default:
                cr_assert_fail("answer of kind %d", call.answer.kind);
                return 0;
        }
}
static inline int64_t fixture_made(uint32_t audit, const char *name, const uint64_t args[6]) {
        cr_assert_eq(fixture_call_of(TASK, audit, name, args, FAKE_LIVES), 0, "%s", name);
        return fixture_answer();
}
#define made(name, ...)   fixture_made(AUDIT_ARCH_X86_64, name, (uint64_t[6]){ __VA_ARGS__ })
#define made32(name, ...) fixture_made(AUDIT_ARCH_I386, name, (uint64_t[6]){ __VA_ARGS__ })

/* A task in /proc. */
static inline void fixture_process(uint32_t tid, uint32_t tgid, uint32_t parent, uint32_t sid,
                                   uint64_t start) {
        static char texts[16][2][512];
        static size_t n;
        size_t i = n++ % 16;

        snprintf(texts[i][0], 512,
                 "%u (a) b) S %u %u %u 0 -1 4194560 90 0 0 0 0 0 0 0 20 0 1 0 %llu 2420736 231 "
                 "18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
                 tid, parent, sid, sid, (unsigned long long)start);
        snprintf(texts[i][1], 512,
                 "Name:\tTgid:\t1\nUmask:\t0022\nTgid:\t%u\nNSpid:\t%u\nUid:\t33\t33\t33\t33\nSeccomp:\t2\n",
                 tgid, tid);
        cr_assert_leq(fake.n_procs + 2, 64);
        fake.procs[fake.n_procs++] = (struct fake_proc){ tid, "stat", texts[i][0] };
        fake.procs[fake.n_procs++] = (struct fake_proc){ tid, "status", texts[i][1] };
}
