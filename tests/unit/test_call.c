/* SPDX-License-Identifier: Apache-2.0 */

#include "supervisor/call.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/multiplex.h"
#include "tests/fakes/fake_kernel.h"

#define AT(offset) (FAKE_MEMORY_BASE + (offset))
#define END        AT(sizeof(fake.memory))

static struct fake_kernel fake;
static struct call call;

static void begin(enum fake_fate fate) {
        fake_kernel_init(&fake);
        fake_kernel_call(&fake, 800, AUDIT_ARCH_I386, 102, NULL, fate);
        call_init(&call, NULL, &fake.kernel, -1);
        cr_assert_eq(fake_kernel_receive(&fake, &call.notif), 0);
        call.tid = call.notif.pid;
        call.arch = arch_by_audit(AUDIT_ARCH_I386);
}

static void end(void) {
        call_deinit(&call);
        fake_kernel_deinit(&fake);
}

Test(call, memory_is_read_whole_or_not_at_all, .fini = end) {
        char buffer[64];
        size_t n;

        begin(FAKE_LIVES);
        strcpy(fake.memory + 100, "text");
        cr_assert_eq(target_read(&call, AT(100), buffer, 5), 0);
        cr_assert_str_eq(buffer, "text");
        cr_assert_geq(fake.n_confirms, 1, "what was read is believed only once the id was confirmed");
        cr_assert_eq(target_read(&call, END - 4, buffer, 8), CALL_E_FAULT);
        cr_assert_eq(target_read(&call, 0, buffer, 8), CALL_E_FAULT);
        cr_assert_eq(target_read(&call, 0, buffer, 0), 0, "nothing is always readable");
        cr_assert_eq(target_read_some(&call, END - 4, buffer, 8, &n), 0);
        cr_assert_eq(n, 4);
}

Test(call, strings_end_or_are_too_long, .fini = end) {
        char buffer[4096];

        begin(FAKE_LIVES);
        memset(fake.memory, 'x', sizeof(fake.memory));
        fake.memory[5000] = 0;
        cr_assert_eq(target_string(&call, AT(1000), buffer, sizeof(buffer)), 0);
        cr_assert_eq(strlen(buffer), 4000);
        cr_assert_eq(target_string(&call, AT(904), buffer, sizeof(buffer)), -ENAMETOOLONG);
        cr_assert_eq(target_string(&call, AT(905), buffer, sizeof(buffer)), 0, "4095 bytes and a NUL");
        cr_assert_eq(target_string(&call, END - 10, buffer, sizeof(buffer)), CALL_E_FAULT);
        cr_assert_eq(target_string(&call, END, buffer, sizeof(buffer)), CALL_E_FAULT);
}

Test(call, a_task_that_is_gone_gives_nothing, .fini = end) {
        char buffer[8];

        begin(FAKE_GONE_AT_CONFIRM);
        cr_assert_eq(target_read(&call, AT(0), buffer, 8), CALL_E_GONE);
        cr_assert_eq(target_write(&call, AT(0), "12345678", 8), CALL_E_GONE);
        cr_assert_eq(fake.memory[0], 0, "nothing is written to whoever has the number now");
}

Test(call, mistakes_of_the_task_become_its_errno, .fini = end) {
        static const struct {
                int r, error;
        } rows[] = { { CALL_E_FAULT, EFAULT }, { -ENAMETOOLONG, ENAMETOOLONG } };

        for (size_t i = 0; i < 2; i++) {
                begin(FAKE_LIVES);
                cr_assert_eq(target_error(&call, rows[i].r), 0);
                cr_assert_eq(call.answer.kind, ANSWER_ERRNO);
                cr_assert_eq(call.answer.value, rows[i].error);
                end();
        }
        begin(FAKE_LIVES);
        cr_assert_eq(target_error(&call, CALL_E_GONE), CALL_E_GONE);
        cr_assert_eq(target_error(&call, -ENOMEM), -ENOMEM, "trouble of ours is not the task's");
        cr_assert_eq(call.answer.kind, ANSWER_NONE);
}

Test(call, descriptors_of_an_answer_are_closed_once, .fini = end) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        struct call moved;

        begin(FAKE_LIVES);
        answer_fd(&call, fd, true);
        call_move(&moved, &call);
        call_deinit(&call);
        cr_assert_geq(fcntl(fd, F_GETFD), 0, "it moved along");
        call_deinit(&moved);
        cr_assert_lt(fcntl(fd, F_GETFD), 0);
}

Test(call, socketcall_says_what_is_meant, .fini = end) {
        const uint32_t words[] = { 3, 0x8000, 16 };

        begin(FAKE_LIVES);
        memcpy(fake.memory + 64, words, sizeof(words));
        call.name = "socketcall";
        call.args[0] = 3;
        call.args[1] = AT(64);
        cr_assert_eq(multiplex_unpack(&call), 0);
        cr_assert_str_eq(call.name, "connect");
        cr_assert_eq(call.args[0], 3);
        cr_assert_eq(call.args[1], 0x8000);
        cr_assert_eq(call.args[2], 16);
        cr_assert(call.multiplexed);
        end();

        begin(FAKE_LIVES);
        call.name = "socketcall";
        call.args[0] = 3;
        call.args[1] = END - 4;
        cr_assert_eq(multiplex_unpack(&call), CALL_E_FAULT);
        end();

        begin(FAKE_LIVES);
        call.name = "socketcall";
        call.args[0] = 99;
        cr_assert_eq(multiplex_unpack(&call), 0, "the kernel will say EINVAL");
        cr_assert_str_eq(call.name, "socketcall");
        end();

        begin(FAKE_LIVES);
        call.name = "ipc";
        memcpy(call.args, (uint64_t[]){ 23, 0x1234, 4096, 0600, 0, 0 }, sizeof(call.args));
        cr_assert_eq(multiplex_unpack(&call), 0);
        cr_assert_str_eq(call.name, "shmget");
        cr_assert_eq(call.args[1], 4096);
        cr_assert_not(call.multiplexed, "its arguments were registers");
}
