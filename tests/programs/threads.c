/* SPDX-License-Identifier: Apache-2.0 */

/*
 * threads N: N threads alive at the same time, each making calls; then all end. Prints the sum of what they
 * counted. With "storm" as second argument each thread also signals another one all the while, through a
 * handler without SA_RESTART, and says so if a call that must not be interrupted was.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALLS 20

static pthread_barrier_t barrier;
static atomic_long sum, wrong, interrupted;
static pthread_t *threads;
static int n_threads, storm;

static void on_signal(int signal_number) {
        (void)signal_number;
}

static void *work(void *data) {
        long self = (long)data;

        pthread_barrier_wait(&barrier);
        for (int i = 0; i < CALLS; i++) {
                struct stat st;
                int parent;

                if (storm)
                        pthread_kill(threads[(self + 1) % n_threads], SIGUSR1);
                errno = 0;
                parent = -1;
                if (stat("/", &st) != 0 || (parent = getppid()) <= 0)
                        atomic_fetch_add(&wrong, 1);
                /* getppid(2) cannot fail, so its wrapper hands on whatever the kernel said. */
                if (errno == EINTR || parent == -EINTR)
                        atomic_fetch_add(&interrupted, 1);
                atomic_fetch_add(&sum, 1);
        }
        pthread_barrier_wait(&barrier);
        return NULL;
}

int main(int argc, char **argv) {
        struct sigaction action = { .sa_handler = on_signal };
        pthread_attr_t attr;

        n_threads = argc > 1 ? atoi(argv[1]) : 10;
        storm = argc > 2 && strcmp(argv[2], "storm") == 0;
        sigaction(SIGUSR1, &action, NULL);
        threads = calloc((size_t)n_threads, sizeof(*threads));
        pthread_attr_init(&attr);
        pthread_attr_setstacksize(&attr, 65536);
        pthread_barrier_init(&barrier, NULL, (unsigned)n_threads + 1);
        for (long i = 0; i < n_threads; i++)
                if (pthread_create(&threads[i], &attr, work, (void *)i) != 0) {
                        printf("only %ld threads\n", i);
                        return 1;
                }
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
        for (int i = 0; i < n_threads; i++)
                pthread_join(threads[i], NULL);
        printf("%ld calls, %ld wrong\n", (long)sum, (long)wrong);
        if (interrupted)
                printf("%ld interrupted\n", (long)interrupted);
        return wrong != 0;
}
