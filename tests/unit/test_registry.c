/* SPDX-License-Identifier: Apache-2.0 */

/* Sessions on real listeners: they begin, end, are stopped, are held and forgotten, and have limits. */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "supervisor/service/adopt.h"
#include "supervisor/service/keeper_kind.h"
#include "supervisor/service/publisher.h"
#include "supervisor/service/registry.h"

#define NOBODY 0x7fffffffu /* no process has this number: the kernel's highest is 2^22 */

static struct kernel kernel;
static uv_loop_t loop;
static struct registry *registry;
static struct config config;
static unsigned n_ended, n_any_ended;

static void on_any_end(void *data) {
        n_any_ended++;
}

static void on_end(void *data, struct registered *registered) {
        cr_assert(registry_has_ended(registered));
        n_ended++;
}

static void begin(struct keeper *keeper, struct publisher *publisher) {
        struct registry_options options = {
                .loop = &loop,
                .kernel = &kernel,
                .config = &config,
                .keeper = keeper,
                .publisher = publisher,
                .on_end = on_any_end,
        };

        config.node = (char *)(uintptr_t) "here";
        config.limits = (struct config_limits){ .sessions = 3, .sessions_per_uid = 2, .ended = 2 };
        cr_assert_eq(kernel_linux(&kernel), 0);
        cr_assert_eq(registry_new(&options, &registry), 0);
}

static void setup(void) {
        cr_assert_eq(uv_loop_init(&loop), 0);
        begin(NULL, NULL);
}

static void turn_until(const unsigned *count, unsigned n) {
        while (*count < n)
                uv_run(&loop, UV_RUN_ONCE);
}

static void on_stopped(void *data) {
        *(unsigned *)data = 1;
}

static void teardown(void) {
        unsigned stopped = 0;

        registry_stop(registry, false, on_stopped, &stopped);
        turn_until(&stopped, 1);
        registry_free(registry);
        while (uv_run(&loop, UV_RUN_NOWAIT))
                ;
        cr_assert_eq(uv_loop_close(&loop), 0, "a handle was left open");
}

TestSuite(registry, .init = setup, .fini = teardown, .timeout = 300);

/* A child under a filter that notifies getppid: it makes n such calls, says what the last one gave by its
 * exit status (0: the parent, 1: an error), and waits before that as long as the other end of *ret_go is
 * open. */
static pid_t start(int n, int *ret_listener, int *ret_go) {
        struct sock_filter insns[] = {
                { BPF_LD | BPF_W | BPF_ABS, 0, 0, 0 },
                { BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_getppid },
                { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_USER_NOTIF },
                { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW },
        };
        struct sock_fprog program = { 4, insns };
        int pair[2];
        size_t n_fds;
        char byte;
        pid_t pid;

        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        pid = fork();
        if (pid == 0) {
                long last = 0;
                int fd;

                /* A copy of another's listener would keep that one open. */
                pair[1] = dup2(pair[1], 3);
                syscall(SYS_close_range, 4, ~0u, 0);
                prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
                fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                                  &program);
                fd_send_message(pair[1], "x", 1, &fd, 1);
                close(fd);
                while (read(pair[1], &byte, 1) > 0)
                        ;
                for (int i = 0; i < n; i++)
                        last = syscall(SYS_getppid);
                _exit(last < 0);
        }
        close(pair[1]);
        cr_assert_eq(fd_recv_message(pair[0], &byte, 1, ret_listener, 1, &n_fds), 1);
        *ret_go = pair[0];
        return pid;
}

static int add(int listener, uint32_t uid, bool attended, struct registered **ret) {
        struct session_options options = { .mode = WIRE_MODE_RECORD, .label = "" };
        struct registration registration = {
                .origin = ORIGIN_AGENT,
                .listener_fd = listener,
                .sink_fd = -1,
                .uid = uid,
                .options = &options,
                .on_end = attended ? on_end : NULL,
        };
        int r;

        r = registry_add(registry, &registration, ret);
        cr_expect_eq(registration.listener_fd < 0, r == 0, "taken with success alone");
        fd_close(registration.listener_fd);
        return r;
}

static int exit_status(pid_t pid) {
        int status;

        cr_assert_eq(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Test(registry, a_session_from_hand_over_to_its_end) {
        struct registered *registered;
        struct registry_counts counts;
        int listener, go;
        pid_t pid = start(100, &listener, &go);

        cr_assert_eq(add(listener, 0, true, &registered), 0);
        cr_assert_eq(registered->number, 1);
        cr_assert_eq(registry_find(registry, 1), registered);
        cr_assert_eq(registry_alive(registry), 1);
        close(go);
        turn_until(&n_ended, 1);
        cr_assert_eq(exit_status(pid), 0);
        cr_assert_eq(n_any_ended, 1);
        cr_assert_eq(registry_alive(registry), 0);
        registry_counts(registry, &counts);
        cr_assert_eq(counts.sessions, 1);
        cr_assert_eq(counts.ledger.received, 100);
        cr_assert_eq(counts.ledger.answered, 100);
        registry_release(registered);
        cr_assert_eq(registry_find(registry, 1), registered, "results are kept for a while");
}

Test(registry, limits_of_a_user_and_of_all) {
        struct registered *registered;
        struct registry_counts counts;
        int listeners[5], gos[5];
        pid_t pids[5];

        for (int i = 0; i < 5; i++)
                pids[i] = start(1, &listeners[i], &gos[i]);
        cr_assert_eq(add(listeners[0], 7, true, &registered), 0);
        cr_assert_eq(add(listeners[1], 7, true, &registered), 0);
        cr_assert_eq(add(listeners[2], 7, true, &registered), REGISTRY_E_LIMIT, "two for one user");
        cr_assert_eq(add(listeners[3], 8, true, &registered), 0);
        cr_assert_eq(add(listeners[4], 9, true, &registered), REGISTRY_E_LIMIT, "three for all");
        for (int i = 0; i < 5; i++)
                close(gos[i]);
        turn_until(&n_ended, 3);
        for (int i = 0; i < 5; i++)
                cr_assert_eq(exit_status(pids[i]), i == 2 || i == 4, "%d: who was turned away gets ENOSYS",
                             i);
        registry_counts(registry, &counts);
        cr_assert_eq(counts.refused, 2);
        cr_assert_eq(counts.sessions, 3);
}

/* The keeper and a successor have one. */
Test(registry, a_copy_of_a_listener_wakes_nobody_once_its_session_is_over) {
        struct pollfd backend = { .fd = uv_backend_fd(&loop), .events = POLLIN };

        for (unsigned kept = 0; kept < 2; kept++) {
                struct registered *registered;
                int listener, go, copy;
                pid_t pid = start(0, &listener, &go);

                config.limits.ended = kept; /* 0: freed at once */
                copy = fcntl(listener, F_DUPFD_CLOEXEC, 0);
                cr_assert_eq(add(listener, 0, true, &registered), 0);
                registry_close(registry, registered);
                turn_until(&n_ended, kept + 1);
                registry_release(registered);
                close(go);
                cr_assert_eq(exit_status(pid), 0);
                cr_assert_eq(poll(&(struct pollfd){ .fd = copy }, 1, -1), 1, "its last task is gone");
                for (int turn = 0; turn < 20; turn++)
                        uv_run(&loop, UV_RUN_NOWAIT);
                cr_assert_eq(poll(&backend, 1, 0), 0, "there is nothing to do");
                close(copy);
        }
}

Test(registry, what_is_no_listener) {
        struct registered *registered;

        cr_assert_eq(add(open("/dev/null", O_RDWR | O_CLOEXEC), 0, false, &registered), REGISTRY_E_FOREIGN);
        cr_assert_eq(registry_alive(registry), 0);
}

Test(registry, only_so_many_results_are_kept_and_none_that_is_held_is_lost) {
        struct registered *registered[4];
        struct registry_counts counts;

        for (int i = 0; i < 4; i++) {
                int listener, go;
                pid_t pid = start(10, &listener, &go);

                cr_assert_eq(add(listener, 0, true, &registered[i]), 0);
                close(go);
                turn_until(&n_ended, (unsigned)i + 1);
                cr_assert_eq(exit_status(pid), 0);
                if (i > 0)
                        registry_release(registered[i]);
        }
        cr_assert_eq(registry_find(registry, 1), registered[0], "held");
        cr_assert_null(registry_find(registry, 2), "the oldest that is not held");
        cr_assert_eq(registry_find(registry, 4), registered[3]);
        registry_counts(registry, &counts);
        cr_assert_eq(counts.ledger.received, 40, "what was forgotten stays counted");
        cr_assert_eq(counts.sessions, 4);
}

Test(registry, closing_a_session_ends_it_and_only_it) {
        struct registered *closed, *other;
        int listener, go, other_go;
        pid_t pid = start(1, &listener, &go), other_pid;

        cr_assert_eq(add(listener, 0, true, &closed), 0);
        other_pid = start(1, &listener, &other_go);
        cr_assert_eq(add(listener, 0, true, &other), 0);
        registry_close(registry, closed);
        turn_until(&n_ended, 1);
        close(go);
        cr_assert_eq(exit_status(pid), 1, "its task gets ENOSYS");
        cr_assert_not(registry_has_ended(other));
        close(other_go);
        turn_until(&n_ended, 2);
        cr_assert_eq(exit_status(other_pid), 0);
}

Test(registry, one_at_a_time_waits_for_a_result) {
        struct registered *registered;
        int listener, go;
        pid_t pid = start(1, &listener, &go);

        cr_assert_eq(add(listener, 0, false, &registered), 0);
        cr_assert(registry_attend(registered, on_end, NULL));
        cr_assert_not(registry_attend(registered, on_end, NULL));
        registry_unattend(registered);
        cr_assert(registry_attend(registered, on_end, NULL), "he was cut off, and comes again");
        close(go);
        turn_until(&n_ended, 1);
        cr_assert_eq(exit_status(pid), 0);
        registry_unattend(registered);
        cr_assert(registry_attend(registered, on_end, NULL), "for the result as well");
        registry_release(registered);
}

Test(registry, who_does_not_want_the_result_is_not_told_of_the_end) {
        struct registered *registered;
        int listener, go;
        pid_t pid = start(1, &listener, &go);

        cr_assert_eq(add(listener, 0, true, &registered), 0);
        registry_delivered(registered);
        close(go);
        turn_until(&n_any_ended, 1);
        cr_assert_eq(exit_status(pid), 0);
        cr_assert_eq(n_ended, 0, "he is gone, and what he gave with him");
}

Test(registry, another_mode_from_the_next_call_on) {
        struct sock_filter refuse = { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM };
        struct assignment assignment = { .mode = WIRE_MODE_ENFORCE };
        struct registered *registered;
        int listener, go;
        pid_t pid = start(1, &listener, &go);

        assignment.filter.insns = malloc(sizeof(refuse));
        assignment.filter.insns[0] = refuse;
        assignment.filter.n = 1;
        assignment.profile = strdup("strict.json");
        cr_assert_eq(add(listener, 0, true, &registered), 0);
        cr_assert_eq(registry_change(registry, registered, &assignment), 0);
        cr_assert_eq(registered->mode, WIRE_MODE_ENFORCE);
        cr_assert_str_eq(registered->profile, "strict.json");
        filter_deinit(&assignment.filter);
        close(go);
        turn_until(&n_ended, 1);
        cr_assert_eq(exit_status(pid), 1, "refused now");
        assignment = (struct assignment){ .mode = WIRE_MODE_RECORD };
        cr_assert_eq(registry_change(registry, registered, &assignment), REGISTRY_E_UNKNOWN, "too late");
}

/* ---- what a successor will find with the keeper ---- */

static unsigned n_kept;

static int fake_put(struct keeper *keeper, const char *name, const int *fds, size_t n_fds) {
        n_kept++;
        return 0;
}

static int fake_drop(struct keeper *keeper, const char *name) {
        n_kept--;
        return 0;
}

static const struct keeper_kind keeper_kind = { .put = fake_put, .drop = fake_drop };
static struct keeper keeper = { &keeper_kind };

static void setup_keeper(void) {
        cr_assert_eq(uv_loop_init(&loop), 0);
        begin(&keeper, NULL);
        config.limits.ended = 10;
}

TestSuite(registry_keeper, .init = setup_keeper, .fini = teardown, .timeout = 300);

/* Until its end, with everything published. */
static void run_to_the_end(struct registered *registered, pid_t pid, int go) {
        close(go);
        turn_until(&n_any_ended, n_any_ended + 1);
        cr_assert_eq(exit_status(pid), 0);
        cr_assert_eq(n_kept, 1);
        registry_published(registered);
}

Test(registry_keeper, a_result_is_kept_until_it_is_delivered) {
        struct registered *registered;
        int listener, go;
        pid_t pid = start(1, &listener, &go);

        cr_assert_eq(add(listener, 0, true, &registered), 0);
        run_to_the_end(registered, pid, go);
        cr_assert_eq(n_kept, 1, "he has not got it yet");
        registry_unattend(registered);
        cr_assert_eq(n_kept, 1, "he may come again");
        cr_assert(registry_attend(registered, on_end, NULL));
        cr_assert_not(journal_delivered(registered->session->journal));
        registry_delivered(registered);
        cr_assert_eq(n_kept, 0);
        cr_assert(journal_delivered(registered->session->journal));
}

Test(registry_keeper, a_result_that_somebody_waits_for_is_not_one_too_many) {
        struct registered *registered;
        int listener, go;
        pid_t pid = start(1, &listener, &go);

        config.limits.ended = 0;
        cr_assert_eq(add(listener, 0, true, &registered), 0);
        registered->pid = (uint32_t)getpid();
        registry_unattend(registered);
        run_to_the_end(registered, pid, go);
        cr_assert_eq(registry_first(registry), registered);
        cr_assert(registry_attend(registered, on_end, NULL));
        registry_delivered(registered);
        cr_assert_null(registry_first(registry));
        cr_assert_eq(n_kept, 0);
}

Test(registry_keeper, nobody_comes_for_the_result_of_a_launcher_that_was_killed) {
        struct registered *registered;
        int listener, go;
        pid_t pid = start(1, &listener, &go);

        cr_assert_eq(add(listener, 0, true, &registered), 0);
        registered->pid = NOBODY;
        registry_unattend(registered);
        run_to_the_end(registered, pid, go);
        cr_assert_eq(n_kept, 0);
}

Test(registry_keeper, what_is_delivered_is_kept_until_it_is_published) {
        struct registered *registered;
        int listener, go;
        pid_t pid = start(1, &listener, &go);

        cr_assert_eq(add(listener, 0, true, &registered), 0);
        registry_delivered(registered);
        run_to_the_end(registered, pid, go);
        cr_assert_eq(n_kept, 0);
}

struct left {
        enum origin origin;
        bool delivered;
        bool dead;     /* who handed it over */
        unsigned kept; /* once it has ended, and all is published */
};

/* A predecessor was killed before it could let go of it. */
Test(registry_keeper, of_a_predecessor_what_is_delivered_is_let_go) {
        static const struct left rows[] = {
                { ORIGIN_AGENT, false, false, 1 },
                { ORIGIN_AGENT, true, false, 0 },
                { ORIGIN_AGENT, false, true, 0 },
                { ORIGIN_OCI, false, false, 0 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct adopted adopted = { .number = 7 + i, .described = true, .mode = WIRE_MODE_RECORD };
                struct registration registration = { .origin = rows[i].origin,
                                                     .pid = rows[i].dead ? NOBODY : (uint32_t)getpid(),
                                                     .sink_fd = -1,
                                                     .adopted = &adopted };
                struct registered *registered;
                int go;
                pid_t pid = start(1, &registration.listener_fd, &go);

                n_kept = 1; /* it is there already */
                cr_assert_eq(journal_new(true, &adopted.journal), 0);
                if (rows[i].delivered)
                        journal_deliver(adopted.journal);
                cr_assert_eq(registry_add(registry, &registration, &registered), 0);
                run_to_the_end(registered, pid, go);
                cr_expect_eq(n_kept, rows[i].kept, "row %zu", i);
        }
}

/* ---- what the publisher reads ---- */

TestSuite(registry_published, .fini = teardown, .timeout = 300);

Test(registry_published, a_session_that_is_handed_over_stays_as_long_as_the_publisher) {
        struct publisher_options options = { .config = &config, .loop = &loop };
        struct registered *registered;
        struct publisher *publisher;
        unsigned stopped = 0;
        int listener, go;
        pid_t pid = start(0, &listener, &go);

        cr_assert_eq(uv_loop_init(&loop), 0);
        cr_assert_eq(publisher_new(&options, &publisher), 0);
        begin(&keeper, publisher);
        config.limits.ended = 0;
        cr_assert_eq(add(listener, 0, false, &registered), 0);
        registry_stop(registry, true, on_stopped, &stopped);
        turn_until(&stopped, 1);
        cr_assert_eq(registered->ending, ENDING_HANDED_OVER);
        cr_assert_eq(registry_first(registry), registered);
        cr_assert_eq(n_kept, 1, "the successor finds it");
        publisher_free(publisher, 1000);
        close(go);
        cr_assert_eq(exit_status(pid), 0);
}

/* ---- what comes too late ---- */

Test(registry_keeper, nothing_is_taken_once_everything_has_stopped) {
        for (int hand_over = 0; hand_over < 2; hand_over++) {
                struct registered *registered;
                unsigned stopped = 0;
                int listener, go;
                pid_t pid = start(0, &listener, &go);

                registry_stop(registry, hand_over, on_stopped, &stopped);
                turn_until(&stopped, 1);
                cr_assert_eq(add(listener, 0, false, &registered), REGISTRY_E_ENDING);
                cr_assert_eq(registry_alive(registry), 0);
                cr_assert_eq(n_kept, 0);
                close(go);
                cr_assert_eq(exit_status(pid), 0);
        }
}
