/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What one notified call costs, against the cheapest loop the kernel allows (RAW: blocking RECV and SEND
 * with CONTINUE, synchronous wake-up, both sides on one core). Every variant runs once per round, in turn;
 * printed are medians of per-round ratios. "cpu" is on-CPU time of task and supervisor together, which
 * survives a noisy machine better than wall time.
 */

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "supervisor/receiver.h"
#include "tests/bench/measure.h"

#define CALLS 30000

enum work {
        WORK_GETPPID,
        WORK_OPENAT,
};

struct variant {
        const char *name;
        enum work work;
        bool raw, pinned;
        bool decode_all; /* paths are read and checked for every call */
        bool journal;    /* every call goes into an event file */
        size_t base;     /* variant that the ratio is taken against */
};

static const struct variant variants[] = {
        { "RAW getppid, one core", WORK_GETPPID, .raw = true, .pinned = true, .base = 0 },
        { "record, one core", WORK_GETPPID, .pinned = true, .base = 0 },
        { "record, as scheduled", WORK_GETPPID, .base = 0 },
        { "record + journal, one core", WORK_GETPPID, .pinned = true, .journal = true, .base = 1 },
        { "RAW openat, one core", WORK_OPENAT, .raw = true, .pinned = true, .base = 4 },
        { "record openat, one core", WORK_OPENAT, .pinned = true, .base = 4 },
        { "record openat + path read, one core", WORK_OPENAT, .pinned = true, .decode_all = true,
          .base = 5 },
};
#define N_VARIANTS (sizeof(variants) / sizeof(variants[0]))

static void work(void *data) {
        enum work kind = *(const enum work *)data;

        for (int i = 0; i < CALLS; i++) {
                if (kind == WORK_GETPPID)
                        syscall(SYS_getppid);
                else
                        close((int)syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY));
        }
}

static void on_end(void *data, int r) {
        *(int *)data = r;
}

/* The kernel before 6.11 would leave RECV asleep at the end; these benches want a newer one. */
static struct sample measure(const struct variant *variant) {
        struct kernel kernel;
        struct sock_filter insns[4];
        struct filter filter = notify_one(variant->work == WORK_GETPPID ? SYS_getppid : SYS_openat, insns);
        enum work kind = variant->work;
        int socket_fd, listener;
        double wall, self, children;
        pid_t pid;

        kernel_linux(&kernel);
        if (variant->pinned)
                pin(0);
        else
                unpin();
        pid = start_task(&filter, work, &kind, &socket_fd, &listener);
        self = cpu_ns(RUSAGE_SELF);
        children = cpu_ns(RUSAGE_CHILDREN);
        if (variant->raw) {
                ioctl(listener, SECCOMP_IOW(4, __u64), 1ul);
                wall = now_ns();
                fd_write_all(socket_fd, "g", 1);
                serve_everything(listener);
                wall = now_ns() - wall;
                close(listener);
        } else {
                struct session_options options = { .mode = WIRE_MODE_RECORD,
                                                   .decode_all = variant->decode_all,
                                                   .label = "bench" };
                struct session *session;
                struct receiver receiver;
                struct ledger ledger;
                int sink = variant->journal ? open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1,
                    result;

                if (session_new(&kernel, listener, sink, &options, &session) != 0)
                        exit(1);
                wall = now_ns();
                receiver_start(&receiver, session, on_end, &result);
                fd_write_all(socket_fd, "g", 1);
                receiver_join(&receiver);
                wall = now_ns() - wall;
                session_ledger(session, &ledger);
                if (ledger.received < CALLS || ledger.dropped || ledger.unwritten)
                        fprintf(stderr, "the ledger is wrong\n");
                session_free(session);
        }
        waitpid(pid, NULL, 0);
        close(socket_fd);
        return (struct sample){
                .wall_ns = wall / CALLS,
                .cpu_ns = (cpu_ns(RUSAGE_SELF) - self + cpu_ns(RUSAGE_CHILDREN) - children) / CALLS,
        };
}

int main(int argc, char **argv) {
        int rounds = argc > 1 ? atoi(argv[1]) : 15;
        static struct sample samples[N_VARIANTS][ROUNDS_MAX];

        if (rounds < 1 || rounds > ROUNDS_MAX) {
                fprintf(stderr, "usage: bench-roundtrip [ROUNDS 1…%d]\n", ROUNDS_MAX);
                return 2;
        }
        for (int round = -1; round < rounds; round++)
                for (size_t i = 0; i < N_VARIANTS; i++) {
                        struct sample sample = measure(&variants[i]);

                        if (round >= 0) /* the first round warms caches up */
                                samples[i][round] = sample;
                }
        printf("%-38s %10s %10s  %s\n", "variant", "wall x", "cpu x", "wall ns, against");
        for (size_t i = 0; i < N_VARIANTS; i++) {
                double wall[ROUNDS_MAX], cpu[ROUNDS_MAX], ns[ROUNDS_MAX];

                for (int round = 0; round < rounds; round++) {
                        const struct sample *base = &samples[variants[i].base][round];

                        wall[round] = samples[i][round].wall_ns / base->wall_ns;
                        cpu[round] = samples[i][round].cpu_ns / base->cpu_ns;
                        ns[round] = samples[i][round].wall_ns;
                }
                printf("%-38s %10.2f %10.2f  %.0f, %s\n", variants[i].name, median(wall, rounds),
                       median(cpu, rounds), median(ns, rounds), variants[variants[i].base].name);
        }
        return 0;
}
