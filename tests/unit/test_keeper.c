/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The keeper that is a process of ours, from both ends: what a service puts there is its successor's, and
 * whoever else comes to the socket disturbs neither. This program is the keeper's as well, as callgated is.
 */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "base/fd.h"
#include "supervisor/service/keeper.h"
#include "supervisor/service/keeper_socket.h"
#include "supervisor/service/keeper_wire.h"

#define SECOND  UINT64_C(1000000000)
#define WAIT_NS (300 * SECOND) /* so long a keeper outlives a test that was killed */
#define SLOW_S  7              /* so long takes the beginning of one that is slow */
#define SLOW    "CALLGATE_TEST_KEEPER_IS_SLOW"

int main(int argc, char **argv) {
        struct criterion_test_set *tests;
        int result = 0;

        if (argc == 4 && strcmp(argv[1], "--keeper") == 0) {
                if (getenv(SLOW))
                        sleep(SLOW_S);
                return keeper_main(KEEPER_FD, argv[2], strtoull(argv[3], NULL, 10));
        }
        tests = criterion_initialize();
        if (criterion_handle_args(argc, argv, true))
                result = !criterion_run_all_tests(tests);
        criterion_finalize(tests);
        return result;
}

static char state[] = "/tmp/callgate-keeper.XXXXXX", path[64];
static struct config config;

/* Whoever is to wait for it may not have done so. */
static bool ends_within(pid_t pid, int ms) {
        cleanup_fd int fd = (int)syscall(SYS_pidfd_open, pid, 0);
        struct pollfd pollfd = { .fd = fd, .events = POLLIN };

        return fd < 0 || poll(&pollfd, 1, ms) == 1;
}

static bool is_gone(pid_t pid) {
        return ends_within(pid, 0);
}

static void until_gone(pid_t pid) {
        cr_assert(ends_within(pid, 60000));
}

static void kill_keeper(pid_t pid) {
        cr_assert_eq(kill(pid, SIGKILL), 0);
        until_gone(pid);
}

/* Who listens there; 0: nobody. */
static pid_t keeper_pid(void) {
        cleanup_fd int fd = keeper_socket_connect(path);
        struct ucred peer = { 0 };
        socklen_t n = sizeof(peer);

        if (fd >= 0)
                getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n);
        return peer.pid;
}

static void setup(void) {
        /* Where criterion starts the processes of its tests; a keeper is none. */
        unsetenv("BXFI_MAP");
        cr_assert_not_null(mkdtemp(state));
        snprintf(path, sizeof(path), "%s/keeper.sock", state);
        config = (struct config){ .state = state,
                                  .keeper = CONFIG_KEEPER_PROCESS,
                                  .keeper_wait_ns = WAIT_NS };
}

static void teardown(void) {
        char lock[80];
        pid_t pid = keeper_pid();

        if (pid > 0 && kill(pid, SIGKILL) == 0)
                until_gone(pid);
        snprintf(lock, sizeof(lock), "%s.lock", path);
        unlink(lock);
        unlink(path);
        cr_expect_eq(rmdir(state), 0, "something was left in the state folder");
}

TestSuite(keeper, .init = setup, .fini = teardown, .timeout = 180);

static struct keeper *come(void) {
        struct keeper *keeper;

        cr_assert_eq(keeper_new(&config, &keeper), 0);
        cr_assert_not_null(keeper);
        return keeper;
}

/* A descriptor that is known again by what is in it. */
static int thing(const char *text) {
        int fd = memfd_create("thing", MFD_CLOEXEC);

        cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
        return fd;
}

static void expect_thing(int fd, const char *text) {
        char bytes[64] = "";

        cr_assert_geq(pread(fd, bytes, sizeof(bytes) - 1, 0), 0);
        cr_assert_str_eq(bytes, text);
        cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        close(fd);
}

/* One or two things under a name. */
static int put(struct keeper *keeper, const char *name, const char *first, const char *second) {
        int fds[] = { thing(first), second ? thing(second) : -1 }, r;

        r = keeper_put(keeper, name, fds, second ? 2 : 1);
        close(fds[0]);
        fd_close(fds[1]);
        return r;
}

static void expect_next(struct keeper *keeper, const char *name, const char *first, const char *second) {
        struct kept kept;

        cr_assert_eq(keeper_take(keeper, &kept), 0, "%s is not there", name);
        cr_assert_str_eq(kept.name, name);
        cr_assert_eq(kept.n_fds, second ? 2 : 1);
        expect_thing(kept.fds[0], first);
        if (second)
                expect_thing(kept.fds[1], second);
}

static void expect_no_more(struct keeper *keeper) {
        struct kept kept;

        cr_assert_eq(keeper_take(keeper, &kept), 1);
}

Test(keeper, a_successor_takes_what_was_put) {
        struct keeper *keeper = come();
        pid_t pid = keeper_pid();

        expect_no_more(keeper);
        cr_assert_eq(put(keeper, "session-1", "listener 1", "journal 1"), 0);
        cr_assert_eq(put(keeper, "socket-agent", "agent", NULL), 0);
        cr_assert_eq(put(keeper, "session-2", "listener 2", "journal 2"), 0);
        cr_assert_eq(put(keeper, "session-1", "other listener", NULL), 0, "in place of the old ones");
        keeper_free(keeper);
        keeper = come();
        expect_next(keeper, "session-1", "other listener", NULL);
        expect_next(keeper, "socket-agent", "agent", NULL);
        expect_next(keeper, "session-2", "listener 2", "journal 2");
        expect_no_more(keeper);
        cr_assert_eq(keeper_drop(keeper, "session-1"), 0);
        cr_assert_eq(keeper_drop(keeper, "session-1"), 0, "there is none, as wanted");
        cr_assert_eq(keeper_pid(), pid, "the same all the time");
        keeper_free(keeper);
        keeper = come();
        expect_next(keeper, "socket-agent", "agent", NULL);
        expect_next(keeper, "session-2", "listener 2", "journal 2");
        expect_no_more(keeper);
        keeper_free(keeper);
}

Test(keeper, what_is_dropped_while_taking_hides_nothing) {
        struct keeper *keeper = come();

        for (int i = 0; i < 3; i++)
                cr_assert_eq(put(keeper, (const char *[]){ "session-1", "session-2", "session-3" }[i],
                                 (const char *[]){ "1", "2", "3" }[i], NULL),
                             0);
        keeper_free(keeper);
        keeper = come();
        expect_next(keeper, "session-1", "1", NULL);
        cr_assert_eq(keeper_drop(keeper, "session-1"), 0);
        expect_next(keeper, "session-2", "2", NULL);
        expect_next(keeper, "session-3", "3", NULL);
        expect_no_more(keeper);
        keeper_free(keeper);
}

Test(keeper, many_things) {
        struct keeper *keeper = come();
        char name[32];

        for (int i = 0; i < 100; i++) {
                snprintf(name, sizeof(name), "session-%d", i);
                cr_assert_eq(put(keeper, name, name, "journal"), 0);
        }
        keeper_free(keeper);
        keeper = come();
        for (int i = 0; i < 100; i++) {
                snprintf(name, sizeof(name), "session-%d", i);
                expect_next(keeper, name, name, "journal");
        }
        expect_no_more(keeper);
        keeper_free(keeper);
}

Test(keeper, names_and_numbers_that_cannot_be) {
        struct keeper *keeper = come();
        int fds[] = { thing("0"), thing("1"), thing("2") };
        char name[KEEPER_NAME_MAX + 1];

        cr_assert_eq(keeper_put(keeper, "session-1", fds, 0), -EINVAL);
        cr_assert_eq(keeper_put(keeper, "session-1", fds, KEEPER_FDS_MAX + 1), -EINVAL);
        cr_assert_eq(put(keeper, "", "nameless", NULL), -EINVAL);
        for (size_t i = 0; i < 3; i++)
                close(fds[i]);
        cr_assert_eq(keeper_put(keeper, "session-1", fds, 1), -EBADF);
        memset(name, 'x', sizeof(name));
        name[KEEPER_NAME_MAX] = 0;
        cr_assert_eq(put(keeper, name, "too long", NULL), -ENAMETOOLONG);
        cr_assert_eq(keeper_drop(keeper, name), -ENAMETOOLONG);
        expect_no_more(keeper);
        name[KEEPER_NAME_MAX - 1] = 0;
        cr_assert_eq(put(keeper, name, "as long as may be", NULL), 0);
        keeper_free(keeper);
        keeper = come();
        expect_next(keeper, name, "as long as may be", NULL);
        cr_assert_eq(keeper_drop(keeper, name), 0);
        keeper_free(keeper);
}

/* A machine that is busy, or has just begun to run. */
Test(keeper, one_that_is_slow_to_begin_is_waited_for) {
        cr_assert_eq(setenv(SLOW, "yes", 1), 0);
        keeper_free(come());
}

/* ---- its end, and its death ---- */

static int exit_status(pid_t pid) {
        int status;

        cr_assert_eq(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Test(keeper, it_ends_when_nothing_is_left_to_keep) {
        struct keeper *keeper = come();
        pid_t pid = keeper_pid();

        cr_assert_eq(put(keeper, "session-1", "1", NULL), 0);
        cr_assert_eq(keeper_drop(keeper, "session-1"), 0);
        cr_assert_not(is_gone(pid), "as long as somebody is there");
        keeper_free(keeper);
        cr_assert_eq(exit_status(pid), 0);
        cr_assert_lt(access(path, F_OK), 0, "its socket is gone as well");
}

Test(keeper, it_ends_when_it_is_dismissed) {
        struct keeper *keeper = come();
        pid_t pid = keeper_pid();

        cr_assert_eq(put(keeper, "session-1", "1", NULL), 0);
        cr_assert_eq(keeper_dismiss(keeper), 0);
        keeper_free(keeper);
        cr_assert_lt(kill(pid, 0), 0, "it was waited for");
        cr_assert_lt(access(path, F_OK), 0);
}

Test(keeper, it_waits_for_a_successor_so_long_and_no_longer) {
        struct keeper *keeper = come();
        pid_t pid = keeper_pid();

        cr_assert_eq(put(keeper, "session-1", "1", NULL), 0);
        keeper_free(keeper);
        cr_assert_not(is_gone(pid), "it waits for minutes");
        config.keeper_wait_ns = SECOND / 10;
        keeper_free(come()); /* what the last one said counts */
        cr_assert_eq(exit_status(pid), 0);
        cr_assert_lt(access(path, F_OK), 0);
}

/* Reading it gives the end once nobody else holds the other end. */
static int pipe_of(int *ret_kept) {
        int fds[2];

        cr_assert_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
        *ret_kept = fds[1];
        return fds[0];
}

static bool is_held(int fd) {
        char byte;

        return read(fd, &byte, 1) < 0 && errno == EAGAIN;
}

Test(keeper, descriptors_are_open_as_long_as_they_are_kept) {
        struct keeper *keeper = come();
        pid_t pid = keeper_pid();
        struct kept kept;
        int kept_fd, other_fd, fd = pipe_of(&kept_fd), other = pipe_of(&other_fd);

        cr_assert_eq(keeper_put(keeper, "session-1", &kept_fd, 1), 0);
        cr_assert_eq(keeper_put(keeper, "session-2", &other_fd, 1), 0);
        close(kept_fd);
        close(other_fd);
        keeper_free(keeper);
        cr_assert(is_held(fd));
        keeper = come();
        cr_assert_eq(keeper_take(keeper, &kept), 0);
        close(kept.fds[0]);
        cr_assert_eq(keeper_drop(keeper, "session-1"), 0);
        cr_assert_not(is_held(fd), "by the keeper no longer, nor by us");
        cr_assert(is_held(other));
        cr_assert_eq(keeper_dismiss(keeper), 0);
        keeper_free(keeper);
        cr_assert_eq(exit_status(pid), 0);
        cr_assert_not(is_held(other));
        close(fd);
        close(other);
}

Test(keeper, another_one_holds_all_when_it_dies) {
        struct keeper *keeper = come();
        pid_t pid = keeper_pid();

        cr_assert_eq(put(keeper, "session-1", "listener", "journal"), 0);
        keeper_free(keeper);
        keeper = come();
        expect_next(keeper, "session-1", "listener", "journal");
        kill_keeper(pid);
        cr_assert_eq(put(keeper, "session-2", "later", NULL), 0);
        kill_keeper(keeper_pid());
        cr_assert_eq(keeper_drop(keeper, "session-2"), 0);
        cr_assert_neq(keeper_pid(), 0);
        keeper_free(keeper);
        keeper = come();
        expect_next(keeper, "session-1", "listener", "journal");
        expect_no_more(keeper);
        keeper_free(keeper);
}

/* The loop has something to do besides. */
static void on_timer(uv_timer_t *timer) {
        cr_assert(uv_is_active((uv_handle_t *)timer));
}

Test(keeper, its_death_is_noticed_by_the_loop) {
        struct keeper *keeper = come();
        pid_t pid = keeper_pid();
        uv_loop_t loop;
        uv_timer_t timer;

        cr_assert_eq(uv_loop_init(&loop), 0);
        uv_timer_init(&loop, &timer);
        uv_timer_start(&timer, on_timer, 0, 1);
        cr_assert_eq(keeper_watch(keeper, &loop), 0);
        cr_assert_eq(put(keeper, "session-1", "listener", "journal"), 0);
        kill_keeper(pid);
        while (keeper_pid() == 0)
                uv_run(&loop, UV_RUN_ONCE);
        cr_assert_eq(keeper_watch(keeper, NULL), 0);
        uv_close((uv_handle_t *)&timer, NULL);
        keeper_free(keeper);
        while (uv_run(&loop, UV_RUN_NOWAIT))
                ;
        cr_assert_eq(uv_loop_close(&loop), 0, "a handle was left open");
        keeper = come();
        expect_next(keeper, "session-1", "listener", "journal");
        keeper_free(keeper);
}

/* Whoever notices the end of a connection comes before the end of the process. */
Test(keeper, nothing_is_left_of_those_that_died) {
        struct keeper *keeper = come();
        pid_t pid = keeper_pid();

        cr_assert_eq(put(keeper, "session-1", "listener", NULL), 0);
        for (int i = 0; i < 20; i++) {
                cr_assert_eq(kill(pid, SIGKILL), 0);
                cr_assert_eq(put(keeper, "session-1", "listener", NULL), 0);
                if (keeper_pid() == pid)
                        continue; /* it was quicker than its death */
                cr_assert_eq(waitpid(pid, NULL, WNOHANG), -1, "number %d was not waited for", i);
                pid = keeper_pid();
        }
        keeper_free(keeper);
}

/* ---- two services ---- */

static bool asks_before_it_looks_again;

/* Instead of the C library's. */
int nanosleep(const struct timespec *time, struct timespec *rest) {
        char byte = 0;

        if (asks_before_it_looks_again) {
                asks_before_it_looks_again = false;
                return write(1, &byte, 1) == 1 && read(0, &byte, 1) == 1 ? 0 : -1;
        }
        errno = clock_nanosleep(CLOCK_MONOTONIC, 0, time, rest);
        return errno ? -1 : 0;
}

/* In a process of its own, that has nothing of ours but standard input and output: what keeper_new() gives,
 * positive. */
static pid_t come_elsewhere(void) {
        pid_t pid = fork();

        cr_assert_geq(pid, 0);
        if (pid == 0) {
                struct keeper *keeper;

                syscall(SYS_close_range, 3, ~0u, 0);
                _exit(-keeper_new(&config, &keeper));
        }
        return pid;
}

Test(keeper, a_second_one_is_told_that_another_is_served) {
        struct keeper *keeper = come();
        pid_t pids[12];

        cr_assert_eq(put(keeper, "session-1", "1", NULL), 0);
        for (size_t i = 0; i < 12; i++)
                pids[i] = come_elsewhere();
        for (size_t i = 0; i < 12; i++)
                cr_expect_eq(exit_status(pids[i]), EBUSY, "number %zu", i);
        cr_assert_eq(put(keeper, "session-2", "2", NULL), 0, "the first one notices nothing");
        keeper_free(keeper);
        keeper = come();
        expect_next(keeper, "session-1", "1", NULL);
        expect_next(keeper, "session-2", "2", NULL);
        keeper_free(keeper);
}

/* Every single refusal says why, whoever is quicker. */
Test(keeper, every_answer_of_a_busy_one_arrives) {
        struct keeper *keeper = come();
        struct keeper_request request = { .magic = KEEPER_MAGIC, .operation = KEEPER_HELLO };

        for (int i = 0; i < 500; i++) {
                int fd = keeper_socket_connect(path), ignored[1];
                struct keeper_reply reply = { 0 };
                size_t n_fds;

                cr_assert_geq(fd, 0);
                fd_send_message(fd, &request, sizeof(request), NULL, 0);
                if (fd_recv_message(fd, &reply, sizeof(reply), ignored, 1, &n_fds) == -ECONNRESET)
                        fd_recv_message(fd, &reply, sizeof(reply), ignored, 1, &n_fds);
                cr_assert_eq(reply.result, -EBUSY, "connection %d", i);
                close(fd);
        }
        keeper_free(keeper);
}

Test(keeper, a_predecessor_on_its_way_out_is_waited_for) {
        struct keeper *keeper = come();
        int there[2], back[2], saved[2] = { dup(0), dup(1) };
        char byte;
        pid_t pid;

        cr_assert(pipe2(there, O_CLOEXEC) == 0 && pipe2(back, O_CLOEXEC) == 0);
        cr_assert_eq(put(keeper, "session-1", "1", NULL), 0);
        fflush(stdout);
        dup2(back[0], 0);
        dup2(there[1], 1);
        asks_before_it_looks_again = true;
        pid = come_elsewhere();
        asks_before_it_looks_again = false;
        dup2(saved[0], 0);
        dup2(saved[1], 1);
        close(there[1]);
        cr_assert_eq(read(there[0], &byte, 1), 1, "it was turned away, and does not give up");
        keeper_free(keeper);
        cr_assert_eq(write(back[1], &byte, 1), 1);
        cr_assert_eq(exit_status(pid), 0);
}

/* ---- whoever else comes ---- */

#define N_REQUEST sizeof(struct keeper_request)

struct stranger {
        const char *what;
        struct keeper_request request;
        size_t n;     /* bytes sent of it */
        size_t n_fds; /* with them */
        int expected; /* the result of a reply; 1: the connection ends without one */
};

static const struct stranger strangers[] = {
        { "half a message", { KEEPER_MAGIC, KEEPER_HELLO, 0, 0, "" }, N_REQUEST / 2, 0, 1 },
        { "one byte", { KEEPER_MAGIC, KEEPER_HELLO, 0, 0, "" }, 1, 0, 1 },
        { "half a message with a descriptor", { KEEPER_MAGIC, KEEPER_PUT, 0, 0, "x" }, N_REQUEST / 2, 1, 1 },
        { "garbage", { 0x42424242, 0x42424242, ~0ul, ~0ul, "BBBBBBBB" }, N_REQUEST, 0, 1 },
        { "garbage with descriptors", { 0x42424242, KEEPER_PUT, 0, 0, "BBBBBBBB" }, N_REQUEST, 2, 1 },
        { "an unknown operation", { KEEPER_MAGIC, 77, 0, 0, "" }, N_REQUEST, 0, -EOPNOTSUPP },
        { "an unknown operation, descriptors", { KEEPER_MAGIC, 77, 0, 0, "" }, N_REQUEST, 2, -EOPNOTSUPP },
        { "a name without descriptors", { KEEPER_MAGIC, KEEPER_PUT, 0, 0, "x" }, N_REQUEST, 0, -EINVAL },
        { "descriptors without a name", { KEEPER_MAGIC, KEEPER_PUT, 0, 0, "" }, N_REQUEST, 1, -EINVAL },
        { "more descriptors than may be", { KEEPER_MAGIC, KEEPER_PUT, 0, 0, "x" }, N_REQUEST, 3, 1 },
        { "what is not there", { KEEPER_MAGIC, KEEPER_TAKE, UINT64_MAX, 0, "" }, N_REQUEST, 0, -ENOENT },
        { "to drop what is not there", { KEEPER_MAGIC, KEEPER_DROP, 0, 0, "x" }, N_REQUEST, 0, 0 },
};

/* What the keeper says to it; 1: nothing, it hangs up. */
static int say(int fd, const struct stranger *stranger) {
        struct keeper_reply reply;
        int fds[] = { fd, fd, fd }, got[KEEPER_FDS_MAX];
        size_t n_got;
        ssize_t n;

        cr_assert_eq(fd_send_message(fd, &stranger->request, stranger->n, fds, stranger->n_fds), 0);
        n = fd_recv_message(fd, &reply, sizeof(reply), got, KEEPER_FDS_MAX, &n_got);
        if (n == 0 || n == -ECONNRESET)
                return 1;
        cr_assert_eq(n, (ssize_t)sizeof(reply));
        cr_assert_eq(n_got, 0);
        return reply.result;
}

static void leave_two(void) {
        struct keeper *keeper = come();

        cr_assert_eq(put(keeper, "session-1", "listener", "journal"), 0);
        cr_assert_eq(put(keeper, "socket-oci", "oci", NULL), 0);
        keeper_free(keeper);
}

static void expect_two(void) {
        struct keeper *keeper = come();

        expect_next(keeper, "session-1", "listener", "journal");
        expect_next(keeper, "socket-oci", "oci", NULL);
        expect_no_more(keeper);
        keeper_free(keeper);
}

Test(keeper, nonsense_between_two_services) {
        leave_two();
        for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
                int fd = keeper_socket_connect(path);

                cr_assert_geq(fd, 0);
                cr_expect_eq(say(fd, &strangers[i]), strangers[i].expected, "%s", strangers[i].what);
                close(fd);
                expect_two();
        }
}

/* A name without an end: everything behind it would be read. */
Test(keeper, a_name_that_does_not_end) {
        struct stranger stranger = { .request = { KEEPER_MAGIC, KEEPER_DROP, 0, 0, "" }, .n = N_REQUEST };
        int fd;

        leave_two();
        fd = keeper_socket_connect(path);
        memset(stranger.request.name, 'x', sizeof(stranger.request.name));
        cr_assert_eq(say(fd, &stranger), 1);
        close(fd);
        expect_two();
}

Test(keeper, nonsense_while_a_service_is_served) {
        struct keeper *keeper;
        pid_t pid;

        leave_two();
        keeper = come();
        pid = keeper_pid();
        for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
                int fd = keeper_socket_connect(path), fds[] = { fd, fd, fd };

                cr_assert_geq(fd, 0);
                fd_send_message(fd, &strangers[i].request, strangers[i].n, fds, strangers[i].n_fds);
                close(fd);
                cr_assert_eq(put(keeper, "session-2", strangers[i].what, NULL), 0);
        }
        cr_assert_eq(keeper_drop(keeper, "session-2"), 0);
        cr_assert_eq(keeper_pid(), pid);
        keeper_free(keeper);
        expect_two();
}

Test(keeper, who_says_nothing_keeps_nobody_out) {
        int silent;

        leave_two();
        silent = keeper_socket_connect(path);
        cr_assert_geq(silent, 0);
        expect_two();
        close(silent);
}

/* Nothing is taken down after a test that is skipped. */
static void skip(const char *why) {
        teardown();
        cr_skip_test("%s", why);
}

Test(keeper, who_is_somebody_else_is_hung_up_on) {
        struct keeper *keeper;
        int status;
        pid_t pid;

        if (getuid() != 0)
                skip("changes its user");
        leave_two();
        cr_assert_eq(chmod(state, 0755), 0);
        cr_assert_eq(chmod(path, 0666), 0);
        pid = fork();
        cr_assert_geq(pid, 0);
        if (pid == 0)
                _exit(setuid(65534) != 0 ? 99 : keeper_new(&config, &keeper) < 0 ? 7 : 0);
        status = exit_status(pid);
        expect_two();
        if (status == 99)
                skip("there is no other user here");
        cr_assert_eq(status, 7);
}
