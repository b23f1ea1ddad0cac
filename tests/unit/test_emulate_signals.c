/* SPDX-License-Identifier: Apache-2.0 */

/* Real processes below real filters; only the calls are scripted. */

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/unit/emulate_fixture.h"

static struct kernel real;

static void begin_signals(void) {
        fixture_begin("do: { emulate: signals }");
        cr_assert_eq(kernel_linux(&real), 0);
        fake.kernel.read_proc = real.read_proc;
        fake.kernel.read_link = real.read_link;
        fake.kernel.open_proc = real.open_proc;
}

/* By descriptor: the number of one that is gone may be anybody's. */
static struct {
        pid_t pid;
        int fd;
} everybody[32];
static size_t n_everybody;

static void remember(pid_t pid) {
        cr_assert_lt(n_everybody, sizeof(everybody) / sizeof(everybody[0]));
        everybody[n_everybody].pid = pid;
        everybody[n_everybody].fd = (int)syscall(SYS_pidfd_open, pid, 0);
        cr_assert_geq(everybody[n_everybody++].fd, 0);
}

static bool ends_within(pid_t pid, int ms) {
        size_t i = 0;
        struct pollfd pollfd = { .events = POLLIN };

        while (i < n_everybody && everybody[i].pid != pid)
                i++;
        cr_assert_lt(i, n_everybody);
        pollfd.fd = everybody[i].fd;
        return poll(&pollfd, 1, ms) == 1;
}

static bool alive(pid_t pid) {
        return !ends_within(pid, 0);
}

static bool ends(pid_t pid) {
        return ends_within(pid, 60000);
}

static void end(void) {
        for (size_t i = 0; i < n_everybody; i++) {
                syscall(SYS_pidfd_send_signal, everybody[i].fd, SIGKILL, NULL, 0);
                close(everybody[i].fd);
        }
        n_everybody = 0;
        fixture_end();
}

TestSuite(emulate_signals, .init = begin_signals, .fini = end);

static void install_filter(void) {
        struct sock_filter all[] = { { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW } };
        struct sock_fprog program = { 1, all };

        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
                _exit(99);
}

struct family {
        pid_t member, child;
};

/* A process, and its child. Both die of most signals; of SIGUSR1, SIGUSR2 and real-time ones they wait for,
 * and leave with a status that says whether the sender was the one they were told of. */
static void live(pid_t sender, int code) {
        struct timespec patience = { 600, 0 };
        siginfo_t info;
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        sigaddset(&set, SIGRTMIN);
        if (sigtimedwait(&set, &info, &patience) < 0)
                _exit(98);
        _exit(info.si_pid == sender && info.si_code == code && info.si_uid == getuid()
                      ? info.si_value.sival_int
                      : 97);
}

static struct family spawn(bool filtered, bool own_session) {
        struct family family = { 0 };
        sigset_t set, before;
        int ends[2];

        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        sigaddset(&set, SIGRTMIN);
        sigprocmask(SIG_BLOCK, &set, &before);
        cr_assert_eq(pipe(ends), 0);
        family.member = fork();
        cr_assert_geq(family.member, 0);
        if (family.member == 0) {
                signal(SIGTERM, SIG_DFL);
                if (filtered)
                        install_filter();
                if (own_session)
                        setsid();
                family.child = fork();
                if (family.child == 0)
                        live(getppid(), SI_QUEUE);
                (void)!write(ends[1], &family.child, sizeof(family.child));
                live(family.child, SI_QUEUE);
        }
        sigprocmask(SIG_SETMASK, &before, NULL);
        close(ends[1]);
        cr_assert_eq(read(ends[0], &family.child, sizeof(family.child)), (ssize_t)sizeof(family.child));
        close(ends[0]);
        remember(family.member);
        remember(family.child);
        return family;
}

static int64_t made_by(pid_t tid, const char *name, uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
        cr_assert_eq(fixture_call_of((uint32_t)tid, AUDIT_ARCH_X86_64, name, (uint64_t[6]){ a, b, c, d },
                                     FAKE_LIVES),
                     0, "%s", name);
        return fixture_answer();
}

Test(emulate_signals, its_own_number_is_the_kernels) {
        struct family family = spawn(true, false);

        cr_expect_eq(made_by(family.member, "kill", (uint64_t)family.member, SIGTERM, 0, 0),
                     FIXTURE_CONTINUE);
        cr_expect_eq(made_by(family.member, "tkill", (uint64_t)family.member, SIGTERM, 0, 0),
                     FIXTURE_CONTINUE);
        cr_expect_eq(made_by(family.member, "tgkill", (uint64_t)family.member, 1, SIGTERM, 0),
                     FIXTURE_CONTINUE, "the kernel refuses threads of other processes");
        cr_expect_eq(made_by(family.member, "rt_sigqueueinfo", (uint64_t)family.member, SIGTERM, NOWHERE, 0),
                     FIXTURE_CONTINUE);
}

Test(emulate_signals, members_only) {
        struct family family = spawn(true, false), strangers = spawn(true, false),
                      free_ones = spawn(false, false);

        cr_expect_eq(made_by(family.member, "kill", (uint64_t)strangers.member, SIGKILL, 0, 0), -EPERM);
        cr_expect_eq(made_by(family.member, "kill", (uint64_t)free_ones.child, SIGKILL, 0, 0), -EPERM);
        cr_expect_eq(made_by(family.member, "kill", (uint64_t)strangers.child, 0, 0, 0), -EPERM);
        cr_expect_eq(made_by(family.member, "kill", 1, 0, 0, 0), -EPERM);
        cr_expect_eq(made_by(family.member, "tkill", (uint64_t)strangers.member, SIGKILL, 0, 0), -EPERM);
        cr_expect_eq(made_by(family.member, "tgkill", (uint64_t)strangers.member, (uint64_t)strangers.member,
                             SIGKILL, 0),
                     -EPERM);
        cr_expect_eq(made_by(family.member, "kill", (uint64_t)family.child, 0, 0, 0), 0);
        cr_expect_eq(made_by(family.member, "kill", (uint64_t)family.child, 65, 0, 0), -EINVAL);
        cr_expect(alive(family.child));
        cr_expect_eq(made_by(family.member, "kill", (uint64_t)family.child, SIGTERM, 0, 0), 0);
        cr_expect(ends(family.child));
        cr_expect(alive(strangers.member) && alive(strangers.child) && alive(free_ones.child));
}

Test(emulate_signals, errors_as_the_kernel_has_them) {
        struct family family = spawn(true, false);
        uint64_t child = (uint64_t)family.child;

        cr_expect_eq(made_by(family.member, "kill", 4194305, SIGTERM, 0, 0), -ESRCH);
        cr_expect_eq(made_by(family.member, "kill", (uint64_t)INT32_MIN, SIGTERM, 0, 0), -ESRCH);
        cr_expect_eq(made_by(family.member, "kill", (uint64_t)-4194305, SIGTERM, 0, 0), -ESRCH);
        cr_expect_eq(made_by(family.member, "tkill", 0, SIGTERM, 0, 0), -EINVAL);
        cr_expect_eq(made_by(family.member, "tgkill", (uint64_t)-1, child, SIGTERM, 0), -EINVAL);
        cr_expect_eq(made_by(family.member, "tgkill", child, (uint64_t)family.member, SIGTERM, 0), -ESRCH);
        cr_expect_eq(made_by(family.member, "rt_sigqueueinfo", child, SIGTERM, NOWHERE, 0), -EFAULT);
        cr_expect_eq(made_by(family.member, "rt_sigqueueinfo", child, SIGTERM, AT(0), 0), -EPERM,
                     "SI_USER is the kernel's to say");
        cr_expect_eq(made_by(family.member, "rt_tgsigqueueinfo", child, 0, SIGTERM, AT(0)), -EINVAL);
        cr_expect_eq(fixture_call_of((uint32_t)family.member, AUDIT_ARCH_X86_64, "kill",
                                     (uint64_t[6]){ child, SIGTERM }, FAKE_GONE_AT_CONFIRM),
                     CALL_E_GONE);
        cr_expect(alive(family.child), "nothing is sent for a call that is gone");
}

Test(emulate_signals, senders_are_who_they_are) {
        struct family family = spawn(true, false), again = spawn(true, false);
        siginfo_t queued = { .si_signo = SIGRTMIN, .si_code = SI_QUEUE };
        int32_t queued32[32] = { SIGRTMIN, 0, SI_QUEUE };
        int status;

        /* Without a launcher to rely on, parents must have been seen. */
        cr_expect_eq(made_by(family.child, "kill", (uint64_t)family.member, SIGUSR1, 0, 0), -EPERM);
        made_by(family.member, "kill", (uint64_t)family.member, 0, 0, 0);
        made_by(again.member, "kill", (uint64_t)again.member, 0, 0, 0);
        /* A parent is told by its child. */
        cr_expect_eq(made_by(family.child, "kill", (uint64_t)family.member, SIGUSR1, 0, 0), 0);
        cr_assert_eq(kill(family.child, SIGKILL), 0);
        cr_assert_eq(waitpid(family.member, &status, 0), family.member);
        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);

        /* A value, as a 64-bit and a 32-bit program queue it. */
        queued.si_pid = again.child;
        queued.si_uid = getuid();
        queued.si_value.sival_int = 41;
        memcpy(fake.memory, &queued, sizeof(queued));
        queued32[3] = again.child;
        queued32[4] = (int32_t)getuid();
        queued32[5] = 42;
        memcpy(fake.memory + 256, queued32, sizeof(queued32));
        cr_expect_eq(fixture_call_of((uint32_t)again.child, AUDIT_ARCH_I386, "rt_sigqueueinfo",
                                     (uint64_t[6]){ (uint64_t)again.member, SIGRTMIN, AT(256) }, FAKE_LIVES),
                     0);
        cr_expect_eq(fixture_answer(), 0);
        cr_assert_eq(kill(again.child, SIGKILL), 0);
        cr_assert_eq(waitpid(again.member, &status, 0), again.member);
        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 42, "status %x", (unsigned)status);
}

Test(emulate_signals, through_pidfds) {
        struct family family = spawn(true, false), strangers = spawn(true, false);

        fake.task_fd = (int)syscall(SYS_pidfd_open, strangers.child, 0);
        cr_expect_eq(made_by(family.member, "pidfd_send_signal", 3, SIGTERM, 0, 0), -EPERM);
        cr_expect_eq(made_by(family.member, "pidfd_send_signal", 3, SIGTERM, 0, 3), -EINVAL);
        cr_expect_eq(made_by(family.member, "pidfd_send_signal", 3, SIGTERM, NOWHERE, 0), -EFAULT);
        close(fake.task_fd);
        fake.task_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        cr_expect_eq(made_by(family.member, "pidfd_send_signal", 3, SIGTERM, 0, 0), -EBADF);
        close(fake.task_fd);
        fake.task_fd = (int)syscall(SYS_pidfd_open, family.child, 0);
        cr_expect_eq(made_by(family.member, "pidfd_send_signal", 3, SIGTERM, AT(0), 0), -EINVAL,
                     "the signal and the one in the information differ");
        cr_expect_eq(made_by(family.member, "pidfd_send_signal", 3, SIGTERM, 0, 0), 0);
        cr_expect(ends(family.child));
        cr_expect(alive(strangers.child));
        close(fake.task_fd);
}

Test(emulate_signals, groups_with_strangers_in_them) {
        struct family family = spawn(true, true), strangers = spawn(false, true);

        /* All of the group are members: the kernel may do it. */
        cr_expect_eq(made_by(family.member, "kill", 0, SIGTERM, 0, 0), FIXTURE_CONTINUE);
        cr_expect_eq(made_by(family.member, "kill", (uint64_t)-strangers.member, SIGTERM, 0, 0), -EPERM);
        cr_expect_eq(made_by(family.member, "kill", (uint64_t)-1, 0, 0, 0), 0);
        cr_expect_eq(made_by(family.member, "kill", (uint64_t)-1, SIGURG, 0, 0), 0,
                     "ignored: a broken build may send it to all there are");
        cr_expect(alive(strangers.member) && alive(strangers.child));
}

Test(emulate_company, daemons_are_found_by_their_session, .fini = end) {
        struct family family, strangers;

        fixture_launcher = (uint32_t)getppid();
        begin_signals();
        family = spawn(true, true);
        strangers = spawn(true, true);
        /* Left behind by its parent, it was never seen; another of its session was. */
        cr_assert_eq(kill(family.member, SIGKILL), 0);
        cr_assert_eq(waitpid(family.member, NULL, 0), family.member);
        cr_expect_eq(made_by(strangers.member, "kill", (uint64_t)family.child, SIGTERM, 0, 0), -EPERM);
        cr_expect(alive(family.child));
        made_by(family.child, "kill", (uint64_t)family.child, 0, 0, 0);
        cr_expect_eq(made_by(strangers.member, "kill", (uint64_t)family.child, SIGTERM, 0, 0), 0);
        cr_expect(ends(family.child));
}
