/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a notified call costs where many tasks make calls at the same time, and do nothing else: one session
 * each in one registry, or as many threads in one session; against one task behind the cheapest loop the
 * kernel allows (serve_everything(), both sides on one core). "RAW, a thread each" is that loop in the shape
 * of the service, without anything of ours in it. The number of calls in all is the same for every variant.
 * Tasks measure their own processor time around the calls: what it takes to make and to reap them does not
 * count.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <uv.h>

#include "supervisor/service/registry.h"
#include "tests/bench/measure.h"

#define CALLS     65536 /* of all tasks together */
#define TASKS_MAX 512

struct variant {
        const char *name;
        unsigned tasks, threads; /* threads of each task */
        bool raw, pinned;
};

static const struct variant variants[] = {
        { "RAW, 1 listener, one core", 1, 1, .raw = true, .pinned = true },
        { "RAW, 64 listeners, a thread each", 64, 1, .raw = true },
        { "RAW, 512 listeners, a thread each", 512, 1, .raw = true },
        { "RAW, 512 threads on one listener", 1, 512, .raw = true },
        { "1 session", 1, 1 },
        { "8 sessions", 8, 1 },
        { "64 sessions", 64, 1 },
        { "512 sessions", 512, 1 },
        { "8 threads in one session", 1, 8 },
        { "64 threads in one session", 1, 64 },
        { "512 threads in one session", 1, 512 },
};
#define N_VARIANTS (sizeof(variants) / sizeof(variants[0]))

/* Shared with the tasks: the processor time of each. */
static double *spent_ns;

struct work {
        const struct variant *variant;
        double *spent_ns;
        pthread_barrier_t begin;
};

static double spent(clockid_t clock) {
        struct timespec now;

        clock_gettime(clock, &now);
        return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void *call(void *data) {
        struct work *work = data;

        pthread_barrier_wait(&work->begin);
        for (unsigned i = 0; i < CALLS / (work->variant->tasks * work->variant->threads); i++)
                syscall(SYS_getppid);
        return NULL;
}

static void task(void *data) {
        struct work *work = data;
        unsigned n = work->variant->threads;
        pthread_t threads[TASKS_MAX];
        double before;

        pthread_barrier_init(&work->begin, NULL, n);
        for (unsigned i = 1; i < n; i++)
                if (pthread_create(&threads[i], NULL, call, work) != 0)
                        _exit(1);
        before = spent(CLOCK_PROCESS_CPUTIME_ID);
        call(work);
        for (unsigned i = 1; i < n; i++)
                pthread_join(threads[i], NULL);
        *work->spent_ns = spent(CLOCK_PROCESS_CPUTIME_ID) - before;
}

static void *serve(void *data) {
        int listener = *(int *)data;

        ioctl(listener, SECCOMP_IOW(4, __u64), 1ul); /* SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP */
        serve_everything(listener);
        close(listener);
        return NULL;
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

static struct sample now(void) {
        return (struct sample){ .wall_ns = now_ns(), .cpu_ns = spent(CLOCK_PROCESS_CPUTIME_ID) };
}

static struct sample since(struct sample begun) {
        struct sample ended = now();

        return (struct sample){ .wall_ns = ended.wall_ns - begun.wall_ns,
                                .cpu_ns = ended.cpu_ns - begun.cpu_ns };
}

static void release(const int *sockets, unsigned n) {
        for (unsigned i = 0; i < n; i++)
                fd_write_all(sockets[i], "g", 1);
}

/* Nothing but the kernel's part. */
static struct sample run_raw(int *listeners, const int *sockets, unsigned n) {
        pthread_t servers[TASKS_MAX];
        struct sample begun;

        for (unsigned i = 0; i < n; i++)
                if (pthread_create(&servers[i], NULL, serve, &listeners[i]) != 0)
                        exit(1);
        begun = now();
        release(sockets, n);
        for (unsigned i = 0; i < n; i++)
                pthread_join(servers[i], NULL);
        return since(begun);
}

static struct sample run_registry(const int *listeners, const int *sockets, unsigned n) {
        struct registry_options options = { 0 };
        struct registry_counts counts;
        struct registry *registry;
        struct kernel kernel;
        unsigned n_ended = 0;
        uv_loop_t loop;
        struct sample begun, ret;

        kernel_linux(&kernel);
        uv_loop_init(&loop);
        options = (struct registry_options){
                .loop = &loop, .kernel = &kernel, .on_end = on_end, .data = &n_ended
        };
        if (registry_new(&options, &registry) != 0)
                exit(1);
        for (unsigned i = 0; i < n; i++)
                add(registry, listeners[i]);
        begun = now();
        release(sockets, n);
        while (n_ended < n)
                uv_run(&loop, UV_RUN_ONCE);
        ret = since(begun);
        registry_counts(registry, &counts);
        if (counts.ledger.received < CALLS || counts.ledger.dropped || counts.ledger.unwritten)
                fprintf(stderr, "the ledger is wrong\n");
        registry_free(registry);
        while (uv_run(&loop, UV_RUN_NOWAIT))
                ;
        uv_loop_close(&loop);
        return ret;
}

static struct sample measure(const struct variant *variant) {
        struct sock_filter insns[4];
        struct filter filter = notify_one(SYS_getppid, insns);
        int sockets[TASKS_MAX], listeners[TASKS_MAX];
        struct work works[TASKS_MAX];
        pid_t pids[TASKS_MAX];
        struct sample sample;

        if (variant->pinned)
                pin(0);
        else
                unpin();
        for (unsigned i = 0; i < variant->tasks; i++) {
                works[i] = (struct work){ .variant = variant, .spent_ns = &spent_ns[i] };
                pids[i] = start_task(&filter, task, &works[i], &sockets[i], &listeners[i]);
        }
        sample = variant->raw ? run_raw(listeners, sockets, variant->tasks)
                              : run_registry(listeners, sockets, variant->tasks);
        for (unsigned i = 0; i < variant->tasks; i++) {
                int status;

                if (waitpid(pids[i], &status, 0) < 0 || status != 0) {
                        fprintf(stderr, "a task could not do its calls\n");
                        exit(1);
                }
                close(sockets[i]);
                sample.cpu_ns += spent_ns[i];
        }
        return (struct sample){ .wall_ns = sample.wall_ns / CALLS, .cpu_ns = sample.cpu_ns / CALLS };
}

int main(int argc, char **argv) {
        int rounds = argc > 1 ? atoi(argv[1]) : 7;
        static struct sample samples[N_VARIANTS][ROUNDS_MAX];
        struct rlimit files;

        if (rounds < 1 || rounds > ROUNDS_MAX) {
                fprintf(stderr, "usage: bench-scale [ROUNDS 1…%d]\n", ROUNDS_MAX);
                return 2;
        }
        getrlimit(RLIMIT_NOFILE, &files);
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
        spent_ns = mmap(NULL, TASKS_MAX * sizeof(*spent_ns), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (spent_ns == MAP_FAILED)
                return 1;
        for (int round = 0; round < rounds; round++)
                for (size_t i = 0; i < N_VARIANTS; i++)
                        samples[i][round] = measure(&variants[i]);
        printf("%-38s %10s %10s %10s\n", "calls at the same time", "wall ns", "wall x", "cpu x");
        for (size_t i = 0; i < N_VARIANTS; i++) {
                double wall[ROUNDS_MAX], cpu[ROUNDS_MAX], ns[ROUNDS_MAX];

                for (int round = 0; round < rounds; round++) {
                        wall[round] = samples[i][round].wall_ns / samples[0][round].wall_ns;
                        cpu[round] = samples[i][round].cpu_ns / samples[0][round].cpu_ns;
                        ns[round] = samples[i][round].wall_ns;
                }
                printf("%-38s %10.0f %10.2f %10.2f\n", variants[i].name, median(ns, rounds),
                       median(wall, rounds), median(cpu, rounds));
        }
        return 0;
}
