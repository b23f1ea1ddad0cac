/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How long quiet sessions wait for their calls beside a hostile one, against the same sessions alone: a
 * hundred tasks that make a call now and then, in one registry; then the same with one whose eight threads
 * do nothing else. On two cores part of the difference is the hostile task's own share of the processors,
 * which it has without any supervisor as well: "busy" is that, eight threads that count. Ratios of medians
 * of each round.
 */

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <uv.h>

#include "supervisor/service/registry.h"
#include "tests/bench/measure.h"

#define QUIET 100
#define CALLS 60   /* of each quiet task in a round */
#define NAP   2000 /* microseconds between them, about */
#define FLOOD 8    /* threads */

enum kind {
        ALONE,
        BESIDE_BUSY,
        BESIDE_FLOOD,
        N_KINDS,
};
static const char *const names[N_KINDS] = { "alone", "beside 8 busy threads", "beside 8 flooding threads" };

/* Shared with the tasks. */
struct board {
        atomic_uint begun, done;
        double waits[QUIET][CALLS]; /* nanoseconds */
};
static struct board *board;

static void quiet(void *data) {
        double *waits = data;

        for (int i = 0; i < CALLS; i++) {
                double before = now_ns();

                syscall(SYS_getppid);
                waits[i] = now_ns() - before;
                usleep(NAP + (useconds_t)(rand() % NAP));
        }
        atomic_fetch_add(&board->done, 1);
}

static void *call_for_ever(void *data) {
        for (;;)
                syscall(SYS_getppid);
        return data;
}

static void *count_for_ever(void *data) {
        for (volatile unsigned long n = 0;; n++)
                ;
        return data;
}

static void hostile(void *data) {
        pthread_t threads[FLOOD];

        for (size_t i = 0; i < FLOOD; i++)
                pthread_create(&threads[i], NULL,
                               *(enum kind *)data == BESIDE_FLOOD ? call_for_ever : count_for_ever, NULL);
        atomic_fetch_add(&board->begun, 1);
        pause();
}

static void on_end(void *data) {
        ++*(unsigned *)data;
}

static void add(struct registry *registry, int listener) {
        struct session_options options = { .mode = WIRE_MODE_RECORD, .label = "bench" };
        struct registration registration = { .listener_fd = listener, .sink_fd = -1, .options = &options };
        struct registered *registered;

        if (registry_add(registry, &registration, &registered) != 0)
                exit(1);
}

static double percentile(double part) {
        static double all[QUIET * CALLS];

        memcpy(all, board->waits, sizeof(all));
        qsort(all, QUIET * CALLS, sizeof(*all), by_value);
        return all[(size_t)(part * (QUIET * CALLS - 1))];
}

static void measure(enum kind kind, double *ret_median, double *ret_tail) {
        struct sock_filter insns[4];
        struct filter filter = notify_one(SYS_getppid, insns);
        struct registry_options options = { 0 };
        struct registry *registry;
        struct kernel kernel;
        unsigned n_ended = 0;
        int sockets[QUIET + 1], listener;
        pid_t pids[QUIET + 1];
        uv_loop_t loop;
        int n = QUIET;

        kernel_linux(&kernel);
        uv_loop_init(&loop);
        options = (struct registry_options){
                .loop = &loop, .kernel = &kernel, .on_end = on_end, .data = &n_ended
        };
        if (registry_new(&options, &registry) != 0)
                exit(1);
        atomic_store(&board->begun, 0);
        atomic_store(&board->done, 0);
        for (int i = 0; i < QUIET; i++) {
                pids[i] = start_task(&filter, quiet, board->waits[i], &sockets[i], &listener);
                add(registry, listener);
        }
        if (kind != ALONE) {
                pids[n] = start_task(&filter, hostile, &kind, &sockets[n], &listener);
                add(registry, listener);
                fd_write_all(sockets[n], "g", 1);
                n++;
                while (atomic_load(&board->begun) == 0)
                        usleep(1000);
        }
        for (int i = 0; i < QUIET; i++)
                fd_write_all(sockets[i], "g", 1);
        while (atomic_load(&board->done) < QUIET)
                uv_run(&loop, UV_RUN_NOWAIT), usleep(10000);
        if (kind != ALONE)
                kill(pids[QUIET], SIGKILL);
        while (n_ended < (unsigned)n)
                uv_run(&loop, UV_RUN_ONCE);
        for (int i = 0; i < n; i++) {
                waitpid(pids[i], NULL, 0);
                close(sockets[i]);
        }
        registry_free(registry);
        while (uv_run(&loop, UV_RUN_NOWAIT))
                ;
        uv_loop_close(&loop);
        *ret_median = percentile(0.5);
        *ret_tail = percentile(0.99);
}

int main(int argc, char **argv) {
        int rounds = argc > 1 ? atoi(argv[1]) : 7;
        static double medians[N_KINDS][ROUNDS_MAX], tails[N_KINDS][ROUNDS_MAX];

        if (rounds < 1 || rounds > ROUNDS_MAX) {
                fprintf(stderr, "usage: bench-service [ROUNDS 1…%d]\n", ROUNDS_MAX);
                return 2;
        }
        board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (board == MAP_FAILED)
                return 1;
        for (int round = 0; round < rounds; round++)
                for (enum kind kind = 0; kind < N_KINDS; kind++)
                        measure(kind, &medians[kind][round], &tails[kind][round]);
        printf("%-28s %12s %12s %10s %10s\n", "a hundred quiet sessions", "median us", "99 % us", "median x",
               "99 % x");
        for (enum kind kind = 0; kind < N_KINDS; kind++) {
                double ratios[2][ROUNDS_MAX];

                for (int round = 0; round < rounds; round++) {
                        ratios[0][round] = medians[kind][round] / medians[ALONE][round];
                        ratios[1][round] = tails[kind][round] / tails[ALONE][round];
                }
                printf("%-28s", names[kind]);
                printf(" %12.1f", median((double[]){ medians[kind][0], medians[kind][rounds / 2],
                                                     medians[kind][rounds - 1] },
                                         3) /
                                          1e3);
                printf(" %12.1f",
                       median((double[]){ tails[kind][0], tails[kind][rounds / 2], tails[kind][rounds - 1] },
                              3) /
                               1e3);
                printf(" %10.2f %10.2f\n", median(ratios[0], rounds), median(ratios[1], rounds));
        }
        return 0;
}
