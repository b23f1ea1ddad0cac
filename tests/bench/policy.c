/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a call costs under a policy, by how it is answered: in the kernel, with a value, or carried out for
 * the task. Against the same call without a filter, and against the cheapest loop that answers it at all:
 * RECV and SEND, or RECV and ADDFD with SEND of a file whose path is known beforehand. All on one core, in
 * turns; printed are medians of per-round ratios.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "policy/native/compile.h"
#include "policy/native/read.h"
#include "supervisor/policing.h"
#include "supervisor/receiver.h"
#include "supervisor/session.h"
#include "tests/bench/measure.h"

#define CALLS 8000

static char folder[] = "/tmp/callgate-bench-XXXXXX";
static char file[64], other[64];

/* ---- what the task does ---- */

static void do_getppid(void *data) {
        for (int i = 0; i < CALLS; i++)
                syscall(SYS_getppid);
}

static void do_open(void *data) {
        for (int i = 0; i < CALLS; i++) {
                int fd = (int)syscall(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC);

                if (fd < 0)
                        _exit(errno);
                close(fd);
        }
}

static void do_stat(void *data) {
        struct stat st;

        for (int i = 0; i < CALLS; i++)
                if (fstatat(AT_FDCWD, file, &st, 0) < 0)
                        _exit(errno);
}

static void do_uname(void *data) {
        struct utsname name;

        for (int i = 0; i < CALLS; i++)
                if (uname(&name) < 0)
                        _exit(1);
}

/* Of UDP: it sends nothing and may be done again. */
static void do_connect(void *data) {
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(9) };
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        for (int i = 0; i < CALLS; i++)
                if (connect(fd, (struct sockaddr *)&in, sizeof(in)) < 0)
                        _exit(errno);
}

/* ---- who answers ---- */

enum answerer {
        NATIVE,
        KERNEL, /* a policy whose filter notifies nothing */
        RAW_CONTINUE,
        RAW_VALUE,
        RAW_FD,
        POLICY,
};

struct variant {
        const char *name;
        void (*work)(void *data);
        int nr;
        enum answerer answerer;
        const char *rules; /* @: the folder */
        size_t raw;        /* variant that answers it most cheaply */
};

static const struct variant variants[] = {
        { "getppid", do_getppid, SYS_getppid, NATIVE, NULL, 0 },
        { "  RAW, a value", do_getppid, SYS_getppid, RAW_VALUE, NULL, 1 },
        { "  errno, in the kernel", do_getppid, SYS_getppid, KERNEL,
          "{ syscalls: [getppid], do: { errno: EPERM } }", 1 },
        { "  allowed, in the kernel", do_getppid, SYS_getppid, KERNEL,
          "{ syscalls: [getppid], where: { args: { arg0: 77 } }, do: kill }", 1 },
        { "  return: 42", do_getppid, SYS_getppid, POLICY, "{ syscalls: [getppid], do: { return: 42 } }",
          1 },
        { "  log (continued)", do_getppid, SYS_getppid, POLICY, "{ syscalls: [getppid], do: log }", 1 },
        { "  rate, not above", do_getppid, SYS_getppid, POLICY,
          "{ syscalls: [getppid], where: { rate: { above: 1000000000/s } }, do: { errno: EPERM } }", 1 },
        { "openat + close", do_open, SYS_openat, NATIVE, NULL, 7 },
        { "  RAW, continued", do_open, SYS_openat, RAW_CONTINUE, NULL, 9 },
        { "  RAW, ADDFD of a known file", do_open, SYS_openat, RAW_FD, NULL, 9 },
        { "  path judged, carried out", do_open, SYS_openat, POLICY,
          "{ syscalls: [openat], where: { path: '/nowhere/**' }, do: { errno: EPERM } }", 9 },
        { "  redirected", do_open, SYS_openat, POLICY,
          "{ syscalls: [openat], where: { path: '@/file' }, do: { redirect: '@/other' } }", 9 },
        { "  substituted", do_open, SYS_openat, POLICY,
          "{ syscalls: [openat], where: { path: '@/file' }, do: { substitute: { text: 'other' } } }", 9 },
        { "fstatat", do_stat, SYS_newfstatat, NATIVE, NULL, 14 },
        { "  RAW, continued", do_stat, SYS_newfstatat, RAW_CONTINUE, NULL, 14 },
        { "  path judged, carried out", do_stat, SYS_newfstatat, POLICY,
          "{ syscalls: [newfstatat], where: { path: '/nowhere/**' }, do: { errno: EPERM } }", 14 },
        { "uname", do_uname, SYS_uname, NATIVE, NULL, 17 },
        { "  RAW, continued", do_uname, SYS_uname, RAW_CONTINUE, NULL, 17 },
        { "  emulated", do_uname, SYS_uname, POLICY, "{ do: { emulate: { uname: { release: '3.10.0' } } } }",
          17 },
        { "connect of UDP", do_connect, SYS_connect, NATIVE, NULL, 20 },
        { "  RAW, continued", do_connect, SYS_connect, RAW_CONTINUE, NULL, 20 },
        { "  address judged, carried out", do_connect, SYS_connect, POLICY,
          "{ syscalls: [connect], where: { address: '10.0.0.0/8' }, do: { errno: EPERM } }", 20 },
};
#define N_VARIANTS (sizeof(variants) / sizeof(variants[0]))

static struct policy *policy_of(const char *rules) {
        struct diags diags = DIAGS_INIT;
        struct policy *policy = NULL;
        char text[1024] = "version: 1\nrules:\n  - ";

        for (const char *at = rules; *at; at++)
                strncat(text, *at == '@' ? folder : (char[]){ *at, 0 }, sizeof(text) - strlen(text) - 1);
        strcat(text, "\n");
        if (policy_read(text, strlen(text), NULL, &diags, &policy)) {
                diags_print(&diags, stderr, DIAG_INFO, false);
                exit(1);
        }
        diags_deinit(&diags);
        return policy;
}

static void serve_raw(const struct variant *variant, int listener) {
        struct seccomp_notif notif;

        ioctl(listener, SECCOMP_IOW(4, __u64), 1ul); /* SECCOMP_IOCTL_NOTIF_SET_FLAGS: wake up in sync */
        for (;;) {
                struct seccomp_notif_resp response = { 0 };

                memset(&notif, 0, sizeof(notif));
                if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notif) < 0) {
                        if (errno == ENOENT)
                                return;
                        continue;
                }
                if (variant->answerer == RAW_FD) {
                        int fd = open(file, O_RDONLY | O_CLOEXEC);
                        struct seccomp_notif_addfd addfd = { .id = notif.id,
                                                             .flags = SECCOMP_ADDFD_FLAG_SEND,
                                                             .srcfd = (uint32_t)fd,
                                                             .newfd_flags = O_CLOEXEC };

                        ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &addfd);
                        close(fd);
                        continue;
                }
                response.id = notif.id;
                response.val = variant->answerer == RAW_VALUE ? 42 : 0;
                response.flags = variant->answerer == RAW_VALUE ? 0 : SECCOMP_USER_NOTIF_FLAG_CONTINUE;
                ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
        }
}

static void on_end(void *data, int r) {
        *(int *)data = r;
}

static void serve_policy(const struct kernel *kernel, struct policy *policy, int listener, int socket_fd) {
        struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        struct filter fallback = { .insns = &allow, .n = 1 };
        struct session_options options = { .mode = WIRE_MODE_POLICY, .label = "bench", .filter = &fallback };
        struct session *session;
        struct receiver receiver;
        struct ledger ledger;
        char error[256];
        int result;

        if (policing_new(policy, NULL, &options.policing, error, sizeof(error)) ||
            session_new(kernel, listener, -1, &options, &session)) {
                fprintf(stderr, "%s\n", error);
                exit(1);
        }
        receiver_start(&receiver, session, on_end, &result);
        fd_write_all(socket_fd, "g", 1);
        receiver_join(&receiver);
        session_ledger(session, &ledger);
        if (ledger.received < CALLS || ledger.errors)
                fprintf(stderr, "the ledger is wrong: %llu received, %llu errors\n",
                        (unsigned long long)ledger.received, (unsigned long long)ledger.errors);
        session_free(session);
}

static struct sample measure(const struct variant *variant) {
        struct policy *policy = variant->rules ? policy_of(variant->rules) : NULL;
        struct sock_filter insns[4];
        struct filter raw = notify_one(variant->nr, insns), compiled = FILTER_INIT;
        const struct filter *filter = variant->answerer == NATIVE ? NULL : &raw;
        struct kernel kernel;
        double wall, self, children;
        int listener, socket_fd, status;
        pid_t pid;

        kernel_linux(&kernel);
        pin(0);
        if (policy) {
                if (policy_compile(policy, &compiled))
                        exit(1);
                filter = &compiled;
        }
        pid = start_task(filter, variant->work, NULL, &socket_fd, &listener);
        self = cpu_ns(RUSAGE_SELF);
        children = cpu_ns(RUSAGE_CHILDREN);
        wall = now_ns();
        if (variant->answerer == POLICY) {
                serve_policy(&kernel, policy, listener, socket_fd);
                policy = NULL;
        } else {
                fd_write_all(socket_fd, "g", 1);
                if (variant->answerer != NATIVE && variant->answerer != KERNEL)
                        serve_raw(variant, listener);
                fd_close(listener);
        }
        waitpid(pid, &status, 0);
        wall = now_ns() - wall;
        if (status)
                fprintf(stderr, "%s: the task failed: %s\n", variant->name, strerror(WEXITSTATUS(status)));
        fd_close(socket_fd);
        filter_deinit(&compiled);
        policy_free(policy);
        return (struct sample){
                .wall_ns = wall / CALLS,
                .cpu_ns = (cpu_ns(RUSAGE_SELF) - self + cpu_ns(RUSAGE_CHILDREN) - children) / CALLS,
        };
}

static void write_file(const char *path) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

        if (fd < 0 || fd_write_all(fd, "text\n", 5))
                exit(1);
        fd_close(fd);
}

int main(int argc, char **argv) {
        static struct sample samples[N_VARIANTS][ROUNDS_MAX];
        int rounds = argc > 1 ? atoi(argv[1]) : 9;
        size_t native = 0;

        if (rounds < 1 || rounds > ROUNDS_MAX || !mkdtemp(folder)) {
                fprintf(stderr, "usage: bench-policy [ROUNDS 1…%d]\n", ROUNDS_MAX);
                return 2;
        }
        snprintf(file, sizeof(file), "%s/file", folder);
        snprintf(other, sizeof(other), "%s/other", folder);
        write_file(file);
        write_file(other);
        for (int round = -1; round < rounds; round++)
                for (size_t i = 0; i < N_VARIANTS; i++) {
                        struct sample sample = measure(&variants[i]);

                        if (round >= 0) /* the first round warms caches up */
                                samples[i][round] = sample;
                }
        unlink(file);
        unlink(other);
        rmdir(folder);
        printf("%-32s %10s %10s %10s %10s  %s\n", "", "native x", "cpu", "RAW x", "cpu", "wall ns");
        for (size_t i = 0; i < N_VARIANTS; i++) {
                double x[5][ROUNDS_MAX];

                if (variants[i].answerer == NATIVE)
                        native = i;
                for (int round = 0; round < rounds; round++) {
                        const struct sample *own = &samples[i][round], *plain = &samples[native][round],
                                            *raw = &samples[variants[i].raw][round];

                        x[0][round] = own->wall_ns / plain->wall_ns;
                        x[1][round] = own->cpu_ns / plain->cpu_ns;
                        x[2][round] = own->wall_ns / raw->wall_ns;
                        x[3][round] = own->cpu_ns / raw->cpu_ns;
                        x[4][round] = own->wall_ns;
                }
                printf("%-32s %10.2f %10.2f %10.2f %10.2f  %.0f\n", variants[i].name, median(x[0], rounds),
                       median(x[1], rounds), median(x[2], rounds), median(x[3], rounds),
                       median(x[4], rounds));
        }
        return 0;
}
