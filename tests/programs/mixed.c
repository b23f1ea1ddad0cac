/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Under a policy that lies about many things at once (tests/live/policy_threads.sh), every thread of every
 * process must see the same lies, whatever happens around it. Prints what was wrong, nothing otherwise.
 *
 *   mixed work THREADS ROUNDS    all pretences, from many threads, forked and vforked children
 *   mixed storm THREADS ROUNDS   as work, under signals that come faster than calls
 *   mixed wait                   calls that wait in the supervisor, and signals, handled or not
 *   mixed endless THREADS        as work, until somebody kills it
 *   mixed fds ROUNDS             descriptors that come and go: none may be left over
 *
 * Option -l first: what fails for want of descriptors, memory or workers is no mistake.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int lenient, mistakes;

static void __attribute__((format(printf, 1, 2))) wrong(const char *format, ...) {
        char text[512];
        va_list list;
        int n;

        va_start(list, format);
        n = vsnprintf(text, sizeof(text) - 1, format, list);
        va_end(list);
        text[n++] = '\n';
        if (write(1, text, (size_t)n) < 0)
                _exit(9);
        __atomic_add_fetch(&mistakes, 1, __ATOMIC_SEQ_CST);
}

/* Trouble of the supervisor's that the program may see, when asked for. */
static int excused(void) {
        return lenient &&
               (errno == EMFILE || errno == ENFILE || errno == EAGAIN || errno == ENOMEM || errno == EPERM);
}

static int read_word(const char *path, char *ret, size_t size) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, ret, size - 1);

        if (fd >= 0)
                close(fd);
        ret[n < 0 ? 0 : n] = 0;
        ret[strcspn(ret, "\n")] = 0;
        return n < 0 ? -1 : 0;
}

static void expect_word(const char *path, const char *expected) {
        char word[64];

        if (read_word(path, word, sizeof(word)) < 0) {
                if (!excused())
                        wrong("%s: %s", path, strerror(errno));
        } else if (strcmp(word, expected) != 0)
                wrong("%s holds '%s', not '%s'", path, word, expected);
}

static void expect_refused(const char *path, int expected) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd >= 0 || (errno != expected && !excused()))
                wrong("%s: %s, not %s", path, fd >= 0 ? "opened" : strerror(errno), strerror(expected));
        if (fd >= 0)
                close(fd);
}

static void expect_owner(int number) {
        char name[64];
        struct stat stat;
        int fd;

        snprintf(name, sizeof(name), "made-%d-%ld", (int)getpid(), (long)syscall(SYS_gettid));
        fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0) {
                if (!excused())
                        wrong("%s: %s", name, strerror(errno));
                return;
        }
        close(fd);
        if (chown(name, (uid_t)number, 7) < 0) {
                if (!excused())
                        wrong("chown: %s", strerror(errno));
        } else if (lstat(name, &stat) < 0) {
                if (!excused())
                        wrong("lstat: %s", strerror(errno));
        } else if (stat.st_uid != (uid_t)number || stat.st_gid != 7)
                wrong("%s belongs to %d:%d, not %d:7", name, (int)stat.st_uid, (int)stat.st_gid, number);
        if (unlink(name) < 0 && !excused())
                wrong("unlink: %s", strerror(errno));
}

static void expect_redirected(void) {
        struct sockaddr_in nowhere = { .sin_family = AF_INET, .sin_port = htons(7777) }, peer;
        socklen_t n = sizeof(peer);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        inet_pton(AF_INET, "192.0.2.10", &nowhere.sin_addr);
        if (fd < 0 || connect(fd, (struct sockaddr *)&nowhere, sizeof(nowhere)) < 0) {
                if (!excused())
                        wrong("connect: %s", strerror(errno));
        } else if (getpeername(fd, (struct sockaddr *)&peer, &n) < 0)
                wrong("getpeername: %s", strerror(errno));
        if (fd >= 0)
                close(fd);
}

static void look_once(int number) {
        struct utsname name;
        time_t now = time(NULL);

        if (getuid() != 0)
                wrong("uid %d", (int)getuid());
        if (uname(&name) < 0 ? !excused() : strcmp(name.release, "4.4.0-mixed") != 0)
                wrong("release %s", name.release);
        if (now < 1000000000 || now > 1010000000)
                wrong("time %lld", (long long)now);
        expect_word("/etc/hostid", "mixed-id");
        expect_word("from", "moved");
        expect_refused("secret", EACCES);
        expect_refused("secret/../secret", EACCES);
        expect_refused("missing", ENOENT);
        expect_owner(1000 + number);
        expect_redirected();
}

static void reap(pid_t pid, const char *what) {
        int status = -1;

        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (status != 0)
                wrong("%s: status %x", what, (unsigned)status);
}

/* The vforked child shares the memory, and its calls are those of another process. */
static void look_vforked(void) {
        static char *const argv[] = { "sh", "-c",
                                      "test \"$(id -u)\" = 0 && test \"$(uname -r)\" = 4.4.0-mixed && test "
                                      "\"$(date +%Y)\" = 2001 && test \"$(cat from)\" = moved",
                                      NULL };
        pid_t pid = vfork();

        if (pid == 0) {
                int fd = open("secret", O_RDONLY | O_CLOEXEC);

                if (fd >= 0)
                        _exit(91);
                execv("/bin/sh", argv);
                _exit(92);
        }
        if (pid < 0) {
                if (!excused())
                        wrong("vfork: %s", strerror(errno));
        } else if (!lenient)
                reap(pid, "a vforked child");
        else
                waitpid(pid, NULL, 0);
}

static void look_forked(int number) {
        pid_t pid = fork();

        if (pid == 0) {
                mistakes = 0;
                look_once(number);
                _exit(mistakes != 0);
        }
        if (pid < 0) {
                if (!excused())
                        wrong("fork: %s", strerror(errno));
        } else
                reap(pid, "a forked child");
}

struct member {
        pthread_t thread;
        int number, rounds;
};

static void *work(void *data) {
        struct member *member = data;

        for (int i = 0; i < member->rounds; i++) {
                look_once(member->number);
                if (i % 4 == 1)
                        look_forked(member->number);
                if (i % 4 == 3)
                        look_vforked();
        }
        return NULL;
}

static void run_members(int n, int rounds) {
        struct member *members = calloc((size_t)n, sizeof(*members));

        for (int i = 0; i < n; i++) {
                members[i] = (struct member){ .number = i, .rounds = rounds };
                if (pthread_create(&members[i].thread, NULL, work, &members[i]) != 0)
                        exit(3);
        }
        for (int i = 0; i < n; i++)
                pthread_join(members[i].thread, NULL);
        free(members);
}

/* ---- waiting ---- */

static volatile sig_atomic_t handled;

static void on_signal(int signal) {
        (void)signal;
        handled++;
}

struct waiter {
        int error, fd;
        volatile pid_t tid;
        volatile int over;
        pthread_t thread;
};

/* Opens a FIFO that nobody writes to: the open is done by the supervisor, on a worker. */
static void *wait_for_fifo(void *data) {
        struct waiter *waiter = data;

        waiter->tid = (pid_t)syscall(SYS_gettid);
        waiter->fd = open("fifo", O_RDONLY | O_CLOEXEC);
        waiter->error = waiter->fd < 0 ? errno : 0;
        waiter->over = 1;
        return NULL;
}

/* In the open, and asleep; the kernel says which call that is. */
static int is_waiting(const struct waiter *waiter) {
        char path[64], word[64];

        snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", (int)waiter->tid);
        if (waiter->tid == 0 || read_word(path, word, sizeof(word)) < 0)
                return 0;
        return word[0] >= '0' && word[0] <= '9' && (atoi(word) == SYS_openat || atoi(word) == SYS_open);
}

#define PATIENCE 60000 /* ms, which only a broken supervisor needs */

static void start_waiter(struct waiter *waiter) {
        int patience;

        *waiter = (struct waiter){ 0 };
        pthread_create(&waiter->thread, NULL, wait_for_fifo, waiter);
        for (patience = 0; patience < PATIENCE && !waiter->over && !is_waiting(waiter); patience++)
                usleep(1000);
        if (waiter->over || patience == PATIENCE)
                wrong("the open of a FIFO did not wait: %s", strerror(waiter->error));
}

/* The other end, which stays until the wait is over, so that a wait that begins anew ends as well. */
static void end_waiter(struct waiter *waiter) {
        int fd = open("fifo", O_RDWR | O_NONBLOCK | O_CLOEXEC);

        if (fd < 0) {
                wrong("the other end: %s", strerror(errno));
                _exit(1);
        }
        pthread_join(waiter->thread, NULL);
        close(fd);
        if (waiter->fd >= 0)
                close(waiter->fd);
}

/* With SA_RESTART the kernel would go on waiting. What was done for the task ends with EINTR. */
static void wait_and_signal(int flags) {
        struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };
        struct waiter waiter;
        int patience;

        sigaction(SIGUSR1, &action, NULL);
        handled = 0;
        start_waiter(&waiter);
        pthread_kill(waiter.thread, SIGUSR1);
        for (patience = 0; patience < PATIENCE && (!handled || (!flags && !waiter.over)); patience++)
                usleep(1000);
        if (!handled)
                wrong("a signal was not handled during a wait (flags %x)", (unsigned)flags);
        if (!flags && !waiter.over)
                wrong("a wait without SA_RESTART was not interrupted");
        end_waiter(&waiter);
        if (waiter.fd < 0 ? waiter.error != EINTR : !flags)
                wrong("an interrupted wait (flags %x): %s", (unsigned)flags, strerror(waiter.error));
}

/* Signals that nobody handles end no wait. */
static void wait_and_ignore(void) {
        struct waiter waiter;

        start_waiter(&waiter);
        kill(getpid(), SIGCONT);
        kill(getpid(), SIGWINCH);
        pthread_kill(waiter.thread, SIGWINCH);
        usleep(50000);
        end_waiter(&waiter);
        if (waiter.fd < 0)
                wrong("a wait after signals without handlers: %s", strerror(waiter.error));
}

/* ---- descriptors ---- */

static int count_fds(void) {
        DIR *dir = opendir("/proc/self/fd");
        int n = 0;

        while (dir && readdir(dir))
                n++;
        if (dir)
                closedir(dir);
        return n;
}

int main(int argc, char **argv) {
        int before;

        if (argc > 1 && strcmp(argv[1], "-l") == 0) {
                lenient = 1;
                argv++;
                argc--;
        }
        if (argc == 2 && strcmp(argv[1], "wait") == 0) {
                wait_and_signal(0);
                wait_and_signal(SA_RESTART);
                wait_and_ignore();
                return mistakes != 0;
        }
        if (argc < 3)
                return 2;
        if (strcmp(argv[1], "work") == 0 && argc > 3)
                run_members(atoi(argv[2]), atoi(argv[3]));
        else if (strcmp(argv[1], "storm") == 0 && argc > 3) {
                struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
                struct itimerval often = { { 0, 2000 }, { 0, 2000 } };

                sigaction(SIGALRM, &action, NULL);
                setitimer(ITIMER_REAL, &often, NULL);
                run_members(atoi(argv[2]), atoi(argv[3]));
                if (handled < 10)
                        wrong("%d signals are no storm", (int)handled);
        } else if (strcmp(argv[1], "endless") == 0)
                run_members(atoi(argv[2]), 1 << 30);
        else if (strcmp(argv[1], "fds") == 0) {
                look_once(0);
                before = count_fds();
                for (int i = 0; i < atoi(argv[2]); i++)
                        look_once(0);
                if (count_fds() != before)
                        wrong("%d descriptors became %d", before, count_fds());
        } else
                return 2;
        return mistakes != 0;
}
