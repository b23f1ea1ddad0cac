/* SPDX-License-Identifier: Apache-2.0 */

/*
 * forkbomb N: every process forks as long as it may, N generations deep, until the limit on processes says
 * no (EAGAIN); then everybody ends. Says whether the limit was met and whether any other error was.
 */

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct shared {
        atomic_int limited, strange, born;
};

static void breed(struct shared *shared, int generations) {
        for (int i = 0; i < 4 && generations > 0 && !atomic_load(&shared->limited); i++) {
                pid_t pid = fork();

                if (pid == 0) {
                        atomic_fetch_add(&shared->born, 1);
                        breed(shared, generations - 1);
                        /* Wait for the flood to meet the limit, so that processes pile up. */
                        for (int j = 0; j < 4000 && !atomic_load(&shared->limited); j++)
                                usleep(10000);
                        while (wait(NULL) > 0 || errno == EINTR)
                                ;
                        _exit(0);
                }
                if (pid < 0) {
                        if (errno == EAGAIN)
                                atomic_store(&shared->limited, 1);
                        else
                                atomic_store(&shared->strange, errno);
                }
        }
}

int main(int argc, char **argv) {
        struct shared *shared =
                mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        breed(shared, argc > 1 ? atoi(argv[1]) : 5);
        while (wait(NULL) > 0 || errno == EINTR)
                ;
        printf("%s, strange errors: %d\n", shared->limited ? "limit met" : "limit not met", shared->strange);
        return shared->born == 0;
}
