/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Workloads that would hold up a careless supervisor, and one that would notice.
 *
 *   hostile flood FILE     eight threads call getppid() until FILE is there
 *   hostile stuck FILE     opens a path in memory that never comes (userfaultfd): whoever reads the path
 * waits, until the program is killed. Makes FILE first; exit 77: not possible here hostile quiet N        N
 * calls of getppid(), each of which must give the parent's number
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *signal_file;

static void *flood(void *data) {
        unsigned long n = 0;

        /* Looking for the file is a call, too. */
        while (++n % 256 != 0 || access(signal_file, F_OK) != 0)
                syscall(SYS_getppid);
        return data;
}

static int run_flood(void) {
        pthread_t threads[8];

        for (size_t i = 0; i < 8; i++)
                if (pthread_create(&threads[i], NULL, flood, NULL) != 0)
                        return 1;
        puts("flooding");
        fflush(stdout);
        for (size_t i = 0; i < 8; i++)
                pthread_join(threads[i], NULL);
        return 0;
}

static int run_stuck(void) {
        struct uffdio_api api = { .api = UFFD_API };
        struct uffdio_register registration = { .mode = UFFDIO_REGISTER_MODE_MISSING };
        int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
        void *place = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        registration.range.start = (unsigned long)place;
        registration.range.len = 4096;
        if (fd < 0 || place == MAP_FAILED || ioctl(fd, UFFDIO_API, &api) < 0 ||
            ioctl(fd, UFFDIO_REGISTER, &registration) < 0)
                return 77;
        if (creat(signal_file, 0600) < 0)
                return 1;
        /* A call that has not been made before, so that a supervisor looks at it. */
        return chdir(place) < 0 ? 1 : 0;
}

static int run_quiet(int n) {
        long parent = syscall(SYS_getppid);

        for (int i = 0; i < n; i++)
                if (syscall(SYS_getppid) != parent)
                        return 1;
        return 0;
}

int main(int argc, char **argv) {
        if (argc != 3)
                return 2;
        signal_file = argv[2];
        if (strcmp(argv[1], "flood") == 0)
                return run_flood();
        if (strcmp(argv[1], "stuck") == 0)
                return run_stuck();
        return strcmp(argv[1], "quiet") == 0 ? run_quiet(atoi(argv[2])) : 2;
}
