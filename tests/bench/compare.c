/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Compares commands: each runs once per round, in turn, and the medians of the per-round ratios to the first
 * one are printed. Output of the commands is discarded; one that fails ends the bench.
 *
 *   bench-compare ROUNDS NAME 'COMMAND' NAME 'COMMAND' …
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS_MAX   101
#define VARIANTS_MAX 16

static double run(const char *command, double *ret_cpu) {
        struct timespec start, end;
        struct rusage usage;
        int status;
        pid_t pid;

        clock_gettime(CLOCK_MONOTONIC, &start);
        pid = fork();
        if (pid == 0) {
                int null = open("/dev/null", O_RDWR);

                dup2(null, 0);
                dup2(null, 1);
                dup2(null, 2);
                execl("/bin/sh", "sh", "-c", command, NULL);
                _exit(127);
        }
        if (wait4(pid, &status, 0, &usage) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
                fprintf(stderr, "failed (status %#x): %s\n", status, command);
                exit(1);
        }
        clock_gettime(CLOCK_MONOTONIC, &end);
        *ret_cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
        return (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
}

static int by_value(const void *a, const void *b) {
        double x = *(const double *)a, y = *(const double *)b;

        return x < y ? -1 : x > y;
}

static double median(double *values, int n) {
        qsort(values, (size_t)n, sizeof(*values), by_value);
        return values[n / 2];
}

int main(int argc, char **argv) {
        static double wall[VARIANTS_MAX][ROUNDS_MAX];
        int rounds = argc > 1 ? atoi(argv[1]) : 0, n = (argc - 2) / 2;
        double cpu;

        if (rounds < 1 || rounds > ROUNDS_MAX || n < 1 || n > VARIANTS_MAX || argc != 2 + 2 * n) {
                fprintf(stderr, "usage: bench-compare ROUNDS NAME COMMAND [NAME COMMAND]…\n");
                return 2;
        }
        for (int round = -1; round < rounds; round++)
                for (int i = 0; i < n; i++) {
                        double seconds = run(argv[3 + 2 * i], &cpu);

                        if (round >= 0)
                                wall[i][round] = seconds;
                }
        for (int i = 0; i < n; i++) {
                double ratios[ROUNDS_MAX], added[ROUNDS_MAX], own[ROUNDS_MAX];

                for (int round = 0; round < rounds; round++) {
                        ratios[round] = wall[i][round] / wall[0][round];
                        added[round] = wall[i][round] - wall[0][round];
                        own[round] = wall[i][round];
                }
                printf("  %-28s %9.1f ms   x %5.2f   %+9.1f ms\n", argv[2 + 2 * i],
                       median(own, rounds) * 1e3, median(ratios, rounds), median(added, rounds) * 1e3);
        }
        return 0;
}
