/* SPDX-License-Identifier: Apache-2.0 */

/* Connections of runtimes, against the registry itself: what a peer may do wrong ends its connection, loses
 * no descriptor, and disturbs no other. */

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "supervisor/service/closer.h"
#include "supervisor/service/oci.h"
#include "tests/fakes/fake_kernel.h"
#include "tests/unit/clock_fixture.h"

const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
        return "leak:libseccomp.so\n";
}

#define MESSAGE "{\"fds\":[\"seccompFd\"],\"pid\":7,\"metadata\":\"m\",\"state\":{\"id\":\"one\"}}"

#define PATIENCE_MS 60000

static struct fake_kernel fake;
static uv_loop_t loop;
static struct config *config;
static struct registry *registry;
static struct oci *oci;
static struct sockaddr_un address;
static socklen_t n_address;
static bool may = true;

/* What stands for a listener here: a character device. Receiving from it gives EINTR until it is to end. */
static bool is_listener(void *data, int fd) {
        struct stat st;

        (void)data;
        return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode);
}

static int receive(void *data, int listener, union kernel_notif *ret_notif) {
        (void)data, (void)listener, (void)ret_notif;
        usleep(1000);
        return -EINTR;
}

static bool may_connect(void *data, uint32_t uid, uint32_t gid, int fd) {
        cr_assert_eq(data, &fake);
        cr_assert_eq(uid, getuid());
        cr_assert_eq(gid, getgid());
        (void)fd;
        return may;
}

/* What a successor would find. */
static struct {
        char name[64];
        int fd;
} kept[8];
static size_t n_kept, n_dropped;

static int keep(void *data, const char *name, int fd) {
        cr_assert_eq(data, &fake);
        for (size_t i = 0; i < n_kept; i++)
                cr_assert_str_neq(kept[i].name, name, "two connections of one name");
        cr_assert_lt(n_kept, sizeof(kept) / sizeof(kept[0]));
        snprintf(kept[n_kept].name, sizeof(kept[n_kept].name), "%s", name);
        kept[n_kept++].fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        return 0;
}

static void drop(void *data, const char *name) {
        for (size_t i = 0; i < n_kept; i++)
                if (strcmp(kept[i].name, name) == 0) {
                        kept[i].fd = fd_close(kept[i].fd);
                        n_dropped++;
                        return;
                }
        cr_assert_fail("%s was not kept", name);
}

static int listening(void) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        address.sun_family = AF_UNIX;
        n_address = sizeof(sa_family_t); /* the kernel finds a name */
        cr_assert_eq(bind(fd, (struct sockaddr *)&address, n_address), 0);
        n_address = sizeof(address);
        getsockname(fd, (struct sockaddr *)&address, &n_address);
        listen(fd, 100);
        return fd;
}

static struct oci_options options;

static void start(unsigned max, unsigned per_uid) {
        struct diags diags = DIAGS_INIT;
        struct registry_options registry_options = { .loop = &loop, .kernel = &fake.kernel };
        static const char text[] = "mode: record";

        options = (struct oci_options){
                .loop = &loop,
                .kernel = &fake.kernel,
                .connections_max = max,
                .connections_per_uid = per_uid,
                .may = may_connect,
                .keep = keep,
                .drop = drop,
                .data = &fake,
        };
        fake_kernel_init(&fake);
        fake.kernel.is_listener = is_listener;
        fake.kernel.receive = receive;
        clock_hold(); /* nobody has lingered or been silent for long unless a test says so */
        uv_loop_init(&loop);
        cr_assert_eq(config_read(text, strlen(text), &diags, &config), 0);
        registry_options.config = config;
        cr_assert_eq(registry_new(&registry_options, &registry), 0);
        options.registry = registry;
        cr_assert_eq(oci_new(&options, listening(), &oci), 0);
}

static void turn(void) {
        for (int i = 0; i < 20; i++)
                uv_run(&loop, UV_RUN_NOWAIT);
}

static size_t n_sessions(void) {
        return registry_alive(registry);
}

static void expect(size_t sessions, uint64_t open, uint64_t broken) {
        uint64_t n_open, n_broken;

        /* A descriptor that a stranger sent is closed by another thread. */
        for (int i = 0; i < PATIENCE_MS; i++) {
                turn();
                oci_counts(oci, &n_open, &n_broken);
                if (n_sessions() == sessions && n_open == open && n_broken == broken)
                        return;
                usleep(1000);
        }
        cr_assert_eq(n_sessions(), sessions, "%zu sessions", n_sessions());
        cr_assert_eq(n_open, open, "%zu open", (size_t)n_open);
        cr_assert_eq(n_broken, broken, "%zu broken", (size_t)n_broken);
}

static void on_stopped(void *data) {
        *(bool *)data = true;
}

static void stop(void) {
        bool stopped = false;

        clock_release();
        oci = oci_free(oci, false);
        registry_stop(registry, false, on_stopped, &stopped);
        while (!stopped)
                uv_run(&loop, UV_RUN_ONCE);
        registry = registry_free(registry);
        while (uv_run(&loop, UV_RUN_NOWAIT))
                ;
        cr_assert_eq(uv_loop_close(&loop), 0, "a handle is left");
        config_free(config);
        fake_kernel_deinit(&fake);
}

static size_t n_fds(void) {
        DIR *folder = opendir("/proc/self/fd");
        size_t n = 0;

        while (readdir(folder))
                n++;
        closedir(folder);
        return n;
}

static int dial(void) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        cr_assert_eq(connect(fd, (struct sockaddr *)&address, n_address), 0);
        return fd;
}

static int listener(void) {
        return open("/dev/random", O_RDONLY | O_CLOEXEC); /* one that can be polled */
}

static void send_some(int fd, const char *bytes, size_t n, const int *fds, size_t n_sent) {
        cr_assert_eq(fd_send_message(fd, bytes, n, fds, n_sent), 0);
}

static void send_good(int fd) {
        int seccomp_fd = listener();

        send_some(fd, MESSAGE, strlen(MESSAGE), &seccomp_fd, 1);
        close(seccomp_fd);
}

static bool is_closed_by_us(int fd) {
        char byte;

        return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

/* A runtime that does everything right, whatever goes on besides. */
static void expect_good_works(void) {
        size_t before = n_sessions();
        int fd = dial();

        send_good(fd);
        turn();
        cr_assert_eq(n_sessions(), before + 1);
        close(fd);
        turn();
}

Test(oci, a_message_makes_a_session_without_waiting_for_the_end) {
        struct registered *registered;
        int fd;

        start(10, 10);
        fd = dial();
        expect(0, 1, 0);
        send_good(fd);
        expect(1, 1, 0);
        registered = registry_first(registry);
        cr_assert_eq(registered->origin, ORIGIN_OCI);
        cr_assert_eq(registered->uid, getuid());
        cr_assert_eq(registered->pid, 7);
        cr_assert_str_eq(registered->metadata, "m");
        cr_assert_str_eq(labels_get(&registered->labels, "container-id"), "one");
        cr_assert_not_null(labels_get(&registered->labels, "node"));
        cr_assert_str_eq(labels_get(&registered->labels, "runtime"), "nginx", "as the peer is called");
        cr_assert(registered->session->options.runtime);
        cr_assert_eq(registered->session->options.runtime_pid, 7);
        cr_assert_not(is_closed_by_us(fd));
        /* More bytes are nobody's business, not even another object. */
        send_some(fd, "\n" MESSAGE, strlen(MESSAGE) + 1, NULL, 0);
        expect(1, 1, 0);
        /* It is let go by the clock, and the session goes on. */
        clock_pass(1500);
        expect(1, 1, 0);
        cr_assert_not(is_closed_by_us(fd));
        clock_pass(1500);
        turn();
        cr_assert(is_closed_by_us(fd));
        expect(1, 0, 0);
        close(fd);
        stop();
}

static void expect_kept(size_t n) {
        turn();
        cr_assert_eq(n_kept - n_dropped, n, "%zu kept, %zu dropped", n_kept, n_dropped);
}

Test(oci, who_says_nothing_yet_is_kept_for_a_successor, .timeout = 300) {
        int silent, gone, at_the_end;

        start(10, 10);
        expect_good_works();
        expect(1, 0, 0);
        silent = dial();
        gone = dial();
        expect(1, 2, 0);
        expect_kept(0); /* nearly all speak at once */
        clock_pass(1000);
        expect_kept(2);
        cr_assert_eq(oci_silent(oci), 2);
        close(gone);
        expect_kept(1);
        at_the_end = dial();
        expect(1, 2, 1);
        oci = oci_free(oci, true);
        expect_kept(2);
        /* The successor. */
        cr_assert_eq(oci_new(&options, listening(), &oci), 0);
        for (size_t i = 0; i < n_kept; i++)
                if (kept[i].fd >= 0)
                        oci_adopt(oci, fcntl(kept[i].fd, F_DUPFD_CLOEXEC, 0));
        expect(1, 2, 0);
        send_good(silent);
        send_good(at_the_end);
        expect_kept(0);
        cr_assert_eq(n_sessions(), 3);
        cr_assert_eq(n_kept, 3, "whoever speaks at once is not kept at all");
        close(silent);
        close(at_the_end);
        stop();
}

Test(oci, without_a_successor_nothing_is_kept) {
        int fd;

        start(10, 10);
        fd = dial();
        expect(0, 1, 0);
        stop();
        cr_assert_eq(n_kept, n_dropped);
        cr_assert(is_closed_by_us(fd));
        close(fd);
}

Test(oci, messages_in_pieces) {
        int fd, seccomp_fd = listener();
        size_t n = strlen(MESSAGE);

        start(10, 10);
        for (size_t with_fd = 0; with_fd < n; with_fd += 13) {
                fd = dial();
                for (size_t i = 0; i < n; i++) {
                        send_some(fd, MESSAGE + i, 1, &seccomp_fd, i == with_fd);
                        if (i % 7 == 0)
                                turn();
                }
                turn();
                cr_assert_eq(n_sessions(), with_fd / 13 + 1, "descriptor with byte %zu", with_fd);
                close(fd);
        }
        close(seccomp_fd);
        stop();
}

Test(oci, several_listeners_of_one_container) {
        int fds[3];

        start(10, 10);
        for (int i = 0; i < 3; i++) {
                fds[i] = dial();
                send_good(fds[i]);
        }
        expect(3, 3, 0);
        for (int i = 0; i < 3; i++)
                close(fds[i]);
        expect(3, 0, 0);
        stop();
}

Test(oci, what_is_wrong_ends_that_connection_and_leaves_no_descriptor) {
        static const char two_fds[] = "{\"fds\":[\"seccompFd\",\"other\"],\"state\":{\"id\":\"one\"}}";
        static const struct {
                const char *what, *text;
                size_t n_listeners, n_pipes; /* sent with the first byte, in this order */
                bool hang_up;
        } rows[] = {
                { "nothing and gone", "", 0, 0, true },
                { "half and gone", "{\"fds\":[\"seccompFd\"]", 1, 0, true },
                { "no object", "hello", 0, 0, false },
                { "not what the specification says", "{\"fds\":[\"seccompFd\"]}", 1, 0, false },
                { "no descriptor", MESSAGE, 0, 0, false },
                { "no listener", MESSAGE, 0, 1, false },
                { "more than are named", MESSAGE, 2, 0, false },
                { "fewer than are named", two_fds, 1, 0, false },
                { "64 listeners", MESSAGE, 64, 0, false },
                { "200 strangers", "{", 0, 200, false },
        };
        size_t n_before;

        start(100, 100);
        expect_good_works();
        expect(1, 0, 0);
        n_before = n_fds();
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                int fd = dial(), pipes[2], fds[253];
                size_t n = 0;

                cr_assert_eq(pipe2(pipes, O_CLOEXEC), 0);
                while (n < rows[i].n_listeners)
                        fds[n++] = listener();
                while (n < rows[i].n_listeners + rows[i].n_pipes)
                        fds[n++] = dup(pipes[0]);
                if (rows[i].text[0] && n <= 8) {
                        send_some(fd, rows[i].text, strlen(rows[i].text), fds, n);
                } else if (rows[i].text[0]) {
                        struct iovec iov = { (void *)(uintptr_t)rows[i].text, strlen(rows[i].text) };
                        char control[CMSG_SPACE(253 * sizeof(int))] = { 0 };
                        struct msghdr message = { .msg_iov = &iov,
                                                  .msg_iovlen = 1,
                                                  .msg_control = control,
                                                  .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
                        struct cmsghdr *header = CMSG_FIRSTHDR(&message);

                        *header = (struct cmsghdr){ CMSG_LEN(n * sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
                        memcpy(CMSG_DATA(header), fds, n * sizeof(int));
                        cr_assert_gt(sendmsg(fd, &message, 0), 0);
                }
                for (size_t k = 0; k < n; k++)
                        close(fds[k]);
                close(pipes[0]);
                close(pipes[1]);
                if (rows[i].hang_up)
                        shutdown(fd, SHUT_WR);
                expect(i + 1, 0, i + 1);
                cr_assert(is_closed_by_us(fd), "%s", rows[i].what);
                close(fd);
                cr_assert_eq(n_fds(), n_before + i, "%s: %zu descriptors, before %zu", rows[i].what, n_fds(),
                             n_before + i);
                expect_good_works();
        }
        stop();
}

Test(oci, two_descriptors_are_told_apart_by_their_names) {
        static const char text[] = "{\"fds\":[\"other\",\"seccompFd\"],\"state\":{\"id\":\"one\",\"pid\":7},"
                                   "\"pid\":7}";
        int fd, fds[3];
        size_t n_before;

        start(10, 10);
        fd = dial();
        turn();
        n_before = n_fds();
        cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
        fds[2] = fds[1];
        fds[1] = listener();
        send_some(fd, text, strlen(text), fds, 2);
        for (int i = 0; i < 3; i++)
                close(fds[i]);
        expect(1, 1, 0);
        for (int i = 0; i < PATIENCE_MS && n_fds() != n_before + 1; i++) {
                usleep(1000);
                turn();
        }
        cr_assert_eq(n_fds(), n_before + 1, "the other one is closed");
        close(fd);
        stop();
}

Test(oci, descriptors_in_a_later_message_end_it) {
        int fd, seccomp_fd = listener();

        start(10, 10);
        fd = dial();
        send_some(fd, "{", 1, &seccomp_fd, 1);
        send_some(fd, " ", 1, &seccomp_fd, 1);
        expect(0, 0, 1);
        close(fd);
        /* After the session began as well, and the session lives. */
        fd = dial();
        send_good(fd);
        send_some(fd, "\n", 1, &seccomp_fd, 1);
        expect(1, 0, 1);
        close(fd);
        close(seccomp_fd);
        stop();
}

Test(oci, who_may_not_is_turned_away) {
        int fd;

        start(10, 10);
        may = false;
        fd = dial();
        turn();
        cr_assert(is_closed_by_us(fd));
        expect(0, 0, 0);
        close(fd);
        stop();
}

Test(oci, who_says_nothing_gives_way_to_others_when_there_are_too_many) {
        int fds[6];

        start(4, 100);
        for (int i = 0; i < 4; i++) {
                fds[i] = dial();
                turn();
        }
        send_some(fds[0], "{", 1, NULL, 0); /* in the middle of a message: not now */
        expect(0, 4, 0);
        fds[4] = dial();
        turn();
        expect(0, 4, 0);
        clock_pass(1000); /* when they have been silent for a moment */
        expect(0, 4, 1);
        cr_assert_not(is_closed_by_us(fds[0]));
        cr_assert(is_closed_by_us(fds[1]), "the oldest");
        cr_assert_not(is_closed_by_us(fds[2]));
        /* One with a session is done with, and the first to go. */
        send_good(fds[4]);
        turn();
        fds[5] = dial();
        turn();
        expect(1, 4, 1);
        cr_assert(is_closed_by_us(fds[4]));
        for (int i = 0; i < 6; i++)
                close(fds[i]);
        expect(1, 0, 5);
        stop();
}

Test(oci, when_all_are_busy_newcomers_wait_and_lose_nothing) {
        int fds[4];

        start(2, 100);
        for (int i = 0; i < 2; i++) {
                fds[i] = dial();
                send_some(fds[i], "{", 1, NULL, 0);
                turn();
        }
        for (int i = 2; i < 4; i++) {
                fds[i] = dial();
                send_good(fds[i]);
                turn();
        }
        expect(0, 2, 0);
        close(fds[0]);
        turn();
        cr_assert_eq(n_sessions(), 2);
        for (int i = 1; i < 4; i++)
                close(fds[i]);
        expect(2, 0, 2);
        stop();
}

Test(oci, large_messages) {
        size_t n = 0, size = 5u << 20;
        char *text = malloc(size);
        int fd, seccomp_fd = listener();

        start(10, 10);
        /* 300 KB of annotations. */
        n = (size_t)sprintf(
                text, "{\"fds\":[\"seccompFd\"],\"pid\":7,\"state\":{\"id\":\"one\",\"annotations\":{");
        for (int i = 0; i < 300; i++)
                n += (size_t)sprintf(text + n, "%s\"key%d\":\"%01000d\"", i ? "," : "", i, i);
        n += (size_t)sprintf(text + n, "}}}\n");
        fd = dial();
        for (size_t at = 0; at < n;) {
                size_t piece = n - at < 4000 ? n - at : 4000;

                send_some(fd, text + at, piece, &seccomp_fd, at == 0);
                at += piece;
                turn();
        }
        expect(1, 1, 0);
        cr_assert_geq(registry_first(registry)->labels.n, 303);
        cr_assert_eq(registry_first(registry)->labels.n_left_out, 0);
        close(fd);

        /* 5 MB without an end. */
        memset(text, 'x', size);
        memcpy(text, "{\"", 2);
        fd = dial();
        fcntl(fd, F_SETFL, O_NONBLOCK);
        for (size_t at = 0; at < size;) {
                ssize_t done = send(fd, text + at, size - at, MSG_NOSIGNAL);

                if (done < 0 && errno != EAGAIN)
                        break;
                turn();
                at += done > 0 ? (size_t)done : 0;
        }
        expect(1, 0, 1);
        close(fd);
        close(seccomp_fd);
        free(text);
        stop();
}

/* Many that never end: the longest is given up, before memory is. */
Test(oci, unfinished_messages_are_bounded_together) {
        enum { N = 18, BYTES = 4000000 };
        char *text = malloc(BYTES);
        int fds[N], n_closed = 0;

        start(N + 1, N + 1);
        memset(text, 'x', BYTES);
        memcpy(text, "{\"", 2);
        for (int i = 0; i < N; i++) {
                fds[i] = dial();
                fcntl(fds[i], F_SETFL, O_NONBLOCK);
                for (size_t at = 0; at < BYTES;) {
                        ssize_t done = send(fds[i], text + at, BYTES - at, MSG_NOSIGNAL);

                        if (done < 0 && errno != EAGAIN)
                                break;
                        turn();
                        at += done > 0 ? (size_t)done : 0;
                }
        }
        turn();
        for (int i = 0; i < N; i++)
                n_closed += is_closed_by_us(fds[i]);
        cr_assert_eq(n_closed, 2, "64 MiB are 16 of them");
        expect_good_works();
        for (int i = 0; i < N; i++)
                close(fds[i]);
        expect(1, 0, N);
        free(text);
        stop();
}

/* ---- closer ---- */

static int n_told;

static void on_told(void *data) {
        n_told += *(int *)data;
}

Test(oci, strangers_descriptors_are_closed_elsewhere) {
        struct closer *closer;
        int fds[2], one = 1;
        char byte;

        uv_loop_init(&loop);
        cr_assert_eq(closer_new(&loop, on_told, &closer), 0);
        for (int i = 0; i < 3; i++) {
                cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
                cr_assert_eq(closer_add(closer, &fds[1], 1, &one), 0);
                while (n_told <= i)
                        uv_run(&loop, UV_RUN_ONCE);
                cr_assert_eq(read(fds[0], &byte, 1), 0, "the other end is closed");
                close(fds[0]);
        }
        cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
        cr_assert_eq(closer_add(closer, &fds[1], 1, &one), 0);
        closer = closer_free(closer);
        while (uv_run(&loop, UV_RUN_NOWAIT))
                ;
        cr_assert_eq(uv_loop_close(&loop), 0);
        cr_assert_eq(read(fds[0], &byte, 1), 0, "also what nobody waits for any more");
        close(fds[0]);
        cr_assert_eq(n_told, 3);
}
