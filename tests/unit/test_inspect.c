/* SPDX-License-Identifier: Apache-2.0 */

#include "policy/inspect.h"
#include "agent/inspect.h"
#include "policy/write_inspect.h"
#include "policy_fixture.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static bool has(const struct inspect_verdict *verdict, uint32_t action) {
        for (size_t i = 0; i < verdict->n; i++)
                if (verdict->actions[i] == action)
                        return true;
        return false;
}

static struct inspect_verdict verdict_of(const struct filter *filters, size_t n, const char *name) {
        const struct arch *arch = arch_by_scmp("SCMP_ARCH_X86_64");
        struct inspect_verdict verdict;

        cr_assert_eq(inspect_call(filters, n, arch, (uint32_t)syscall_number(arch, name), &verdict), 0);
        return verdict;
}

/* Refuses one number with an action, whatever the architecture. */
#define REFUSE(number, action)                                                                              \
        {                                                                                                   \
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),                      \
                        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1),                                \
                        BPF_STMT(BPF_RET | BPF_K, (action)), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)   \
        }

Test(inspect, most_severe_wins_and_newest_of_equals) {
        struct sock_filter old[] = REFUSE(__NR_mkdir, SECCOMP_RET_ERRNO | EPERM);
        struct sock_filter young[] = REFUSE(__NR_mkdir, SECCOMP_RET_ERRNO | EACCES);
        struct sock_filter kill[] = REFUSE(__NR_mkdir, SECCOMP_RET_KILL_PROCESS);
        struct filter filters[] = { { old, 4 }, { young, 4 }, { kill, 4 } };
        struct seccomp_data data = { .nr = __NR_mkdir, .arch = AUDIT_ARCH_X86_64 };

        cr_expect_eq(inspect_simulate(filters, 2, &data), SECCOMP_RET_ERRNO | EACCES);
        cr_expect_eq(inspect_simulate(filters, 3, &data), SECCOMP_RET_KILL_PROCESS);
        cr_expect_eq(inspect_simulate(filters, 0, &data), SECCOMP_RET_ALLOW);
        cr_expect_eq(verdict_of(filters, 2, "mkdir").actions[0], SECCOMP_RET_ERRNO | EACCES);
        cr_expect_eq(verdict_of(filters, 3, "mkdir").actions[0], SECCOMP_RET_KILL_PROCESS);
        cr_expect_eq(verdict_of(filters, 3, "mkdir").n, 1);
        cr_expect_eq(verdict_of(filters, 3, "read").actions[0], SECCOMP_RET_ALLOW);
}

/* Programs other than our compiler's: arithmetic, scratch memory, jumps on a register. */
Test(inspect, odd_programs) {
        struct sock_filter memory[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 1),
                BPF_STMT(BPF_ST, 3),
                BPF_STMT(BPF_LDX | BPF_MEM, 3),
                BPF_STMT(BPF_LD | BPF_IMM, __NR_mkdir + 1),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
                BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 1),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EIO),
                BPF_STMT(BPF_LD | BPF_IMM, SECCOMP_RET_LOG),
                BPF_STMT(BPF_RET | BPF_A, 0),
        };
        struct filter filter = { memory, sizeof(memory) / sizeof(memory[0]) };
        struct inspect_verdict verdict = verdict_of(&filter, 1, "mkdir");

        cr_expect_eq(verdict.n, 1);
        cr_expect_eq(verdict.actions[0], SECCOMP_RET_TRAP);
        verdict = verdict_of(&filter, 1, "read");
        cr_expect_eq(verdict.n, 2);
        cr_expect_eq(verdict.actions[0], SECCOMP_RET_LOG, "milder ones first");
        cr_expect_eq(verdict.actions[1], SECCOMP_RET_ERRNO | EIO);
}

/* No action that the program gives for any arguments may be missing; where the arguments are not looked at,
 * there is just the one. */
static void covers(const char *file) {
        static const uint64_t values[] = { 0, 1, 2, 9, 40, 0x10000, 0x10000000, UINT32_MAX, UINT64_MAX };
        const struct arch *arch = arch_by_scmp("SCMP_ARCH_X86_64");
        cleanup_fixture struct fixture fixture;
        uint32_t cursor = 0, nr;
        unsigned random = 1;
        size_t n = 0;

        cr_assert_eq(fixture_file(&fixture, file, "SCMP_ARCH_X86_64"), 0);
        while (syscall_next(arch, &cursor, &nr)) {
                struct inspect_verdict verdict;

                cr_assert_eq(inspect_call(&fixture.filter, 1, arch, nr, &verdict), 0);
                for (int i = 0; i < 200; i++) {
                        struct seccomp_data data = { .nr = (int)nr, .arch = AUDIT_ARCH_X86_64 };
                        bool on_arguments;
                        uint32_t action;

                        for (int j = 0; j < 6; j++)
                                data.args[j] = values[rand_r(&random) % 9];
                        action = filter_simulate(&fixture.filter, &data, &on_arguments);
                        cr_assert(has(&verdict, action), "%s: %u gives 0x%x", file, nr, action);
                        cr_assert(on_arguments || verdict.n == 1, "%s: %u", file, nr);
                }
                n++;
        }
        cr_expect_gt(n, 300);
}

Test(inspect, nothing_is_missing) {
        covers(ROWS "strict.json");
        covers(ROWS "fine-grained.json");
        covers(ROWS "deny-list.json");
        covers(ROWS "ranges.json");
        covers(ROWS "docker-form.json");
}

Test(inspect, printed) {
        struct sock_filter insns[] = REFUSE(__NR_mkdir, SECCOMP_RET_ERRNO | EPERM);
        struct filter filter = { insns, 4 };
        struct inspect_options options = { .arch = arch_by_scmp("SCMP_ARCH_X86_64") };
        struct inspect_about about = { .pid = 1, .name = "a\377b", .mode = 2, .n_filters = 1 };
        char *text = NULL;
        size_t size;
        FILE *to = open_memstream(&text, &size);

        cr_assert_eq(inspect_print(&filter, 1, &options, to), 0);
        cr_assert_eq(inspect_json(&about, &filter, 1, &options, to), 0);
        fclose(to);
        cr_expect_not_null(strstr(text, "1 refused with EPERM"), "%s", text);
        cr_expect_not_null(strstr(text, "1 call is refused with EPERM:\n  file       mkdir\n"), "%s", text);
        cr_expect_null(strstr(text, "calls are allowed:"), "%s", text);
        cr_expect_not_null(strstr(text, "\"mode\": \"filter\""));
        free(text);
}

static void install(const struct sock_filter *insns, unsigned short n) {
        struct sock_fprog program = { .len = n, .filter = (struct sock_filter *)insns };

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
            syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))
                _exit(1);
}

/* A child under two filters, waiting to be looked at. */
static pid_t child_under_two(const struct sock_filter *first, const struct sock_filter *second,
                             int *ret_fd) {
        int fds[2];
        pid_t pid;
        char c;

        cr_assert_eq(pipe(fds), 0);
        pid = fork();
        cr_assert_geq(pid, 0);
        if (!pid) {
                install(first, 4);
                install(second, 4);
                if (write(fds[1], "x", 1) != 1)
                        _exit(1);
                pause();
                _exit(0);
        }
        cr_assert_eq(read(fds[0], &c, 1), 1);
        close(fds[0]);
        *ret_fd = fds[1];
        return pid;
}

Test(inspect, child_with_two_filters) {
        struct sock_filter first[] = REFUSE(__NR_mkdir, SECCOMP_RET_ERRNO | EPERM);
        struct sock_filter second[] = REFUSE(__NR_unlink, SECCOMP_RET_ERRNO | EACCES);
        struct inspect_filters filters = INSPECT_FILTERS_INIT;
        struct inspect_task task;
        int fd, status, r;
        pid_t pid;

        if (prctl(PR_GET_SECCOMP) != 0)
                cr_skip("the test itself is under a filter");
        pid = child_under_two(first, second, &fd);
        cr_assert_eq(inspect_task_read(pid, &task), 0);
        cr_expect_eq(task.mode, 2);
        cr_expect(task.n_filters == 2 || task.n_filters == -1);
        cr_expect_eq(task.no_new_privs, 1);
        cr_expect_eq(task.n_threads, 1);
        cr_expect_eq(task.n_otherwise, 0);
        r = inspect_filters_read(pid, &filters);
        /* It goes on as before. */
        cr_expect_eq(waitpid(pid, &status, WNOHANG), 0);
        kill(pid, SIGKILL);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        close(fd);
        if (r == INSPECT_E_PRIVILEGE || r == INSPECT_E_KERNEL)
                cr_skip("filters cannot be read here");
        cr_assert_eq(r, 0);
        cr_assert_eq(filters.n, 2);
        cr_expect_eq(filters.items[0].n, 4);
        cr_expect_arr_eq(filters.items[0].insns, first, sizeof(first), "the oldest is the first");
        cr_expect_arr_eq(filters.items[1].insns, second, sizeof(second));
        cr_expect_eq(verdict_of(filters.items, 2, "mkdir").actions[0], SECCOMP_RET_ERRNO | EPERM);
        cr_expect_eq(verdict_of(filters.items, 2, "unlink").actions[0], SECCOMP_RET_ERRNO | EACCES);
        cr_expect_eq(verdict_of(filters.items, 2, "read").actions[0], SECCOMP_RET_ALLOW);
        inspect_filters_deinit(&filters);
}

Test(inspect, gone_or_without_filter) {
        struct inspect_filters filters = INSPECT_FILTERS_INIT;
        struct inspect_task task;
        pid_t pid = fork();

        cr_assert_geq(pid, 0);
        if (!pid)
                _exit(0);
        cr_assert_eq(waitpid(pid, NULL, 0), pid);
        cr_expect_eq(inspect_task_read(pid, &task), INSPECT_E_GONE);
        cr_expect_eq(inspect_filters_read(pid, &filters), INSPECT_E_GONE);
        if (prctl(PR_GET_SECCOMP) == 0) {
                cr_expect_eq(inspect_task_read(getpid(), &task), 0);
                cr_expect_eq(task.mode, 0);
                cr_expect_eq(inspect_filters_read(getpid(), &filters), 0);
                cr_expect_eq(filters.n, 0);
        }
}
